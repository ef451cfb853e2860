//! One activity as the kernels see it.

use storage::ActivityKey;
use storage::sport::Sport;

/// One activity's clean samples and what else its definitions read.
///
/// `n` samples; every channel that is not empty has `n` entries. An empty
/// vector is a channel that was never recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// Whose, when, which.
    pub key: ActivityKey,
    /// The family, for its limits.
    pub sport: Sport,
    /// Milliseconds since the first sample; rises strictly, from 0.
    pub t_ms: Vec<i64>,
    /// Centimetres since the first sample; never falls. Empty: no axis.
    pub distance_cm: Vec<i64>,
    /// Centimetres.
    pub altitude_cm: Vec<Option<i32>>,
    /// Beats per minute.
    pub heart_rate_bpm: Vec<Option<i32>>,
    /// Turns a minute.
    pub cadence_rpm: Vec<Option<i32>>,
    /// Watts.
    pub power_w: Vec<Option<i32>>,
    /// Degrees Celsius.
    pub temperature_c: Vec<Option<i32>>,
    /// Timer time of the activity, in ms, as its pauses were marked.
    pub timer_ms: i64,
    /// Sum of the active lengths of a pool swim, in ms.
    pub active_lengths_ms: Option<i64>,
    /// Stretches that the owner keeps out of records: first and last sample.
    pub masks: Vec<(usize, usize)>,
}
