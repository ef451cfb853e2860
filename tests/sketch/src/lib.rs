//! Activities in a line of text, for tests.
//!
//! ```text
//! sport options: piece, piece, …
//! ```
//!
//! `sport` is a value of the column `sport`. Its options hold for the whole:
//!
//! | option | means |
//! |---|---|
//! | `every5s` | time between samples; 1 s unless said |
//! | `alt100m` | altitude at the start; without it and without `up` or `down` there is none |
//! | `noaxis` | no distance is recorded |
//! | `include400m` | its owner includes the fastest effort over that distance |
//!
//! Pieces follow one another; the first sample lies at the start of the first.
//!
//! | piece | means |
//! |---|---|
//! | `1km@5:00` | that distance (`m`, `km` or `mile`) at that pace per km |
//! | `stop 20s` | samples go on, distance does not |
//! | `gap 60s` | time passes without samples; the sample after it lies where the last one did |
//! | `gap 60s 500m` | the same, but 500 m further on |
//! | `jump 400m` | one sample, 1 s later and 400 m further on |
//!
//! A piece's options hold for its samples, and for the first sample of all if
//! it is the first piece. A channel that no option names is silent there.
//!
//! | option | means |
//! |---|---|
//! | `hr150`, `cad85`, `power200`, `temp21` | value of a channel |
//! | `up30m`, `down5m` | altitude changes by so much, linear in time |
//! | `noalt` | altitude is silent |
//! | `length` | an active length of a pool |
//! | `masked` | a stretch that its owner keeps out of records |
//!
//! ```
//! let activity = pacelake_sketch::sketch("run: 500m@5:00 hr150, stop 20s, 500m@5:00");
//! assert_eq!(activity.t_ms.last(), Some(&320_000));
//! assert_eq!(activity.distance_cm.last(), Some(&100_000));
//! ```

mod parse;
mod rows;

pub use parse::sketch;
pub use rows::{Rows, rows};

use storage::sport::Sport;

/// One activity's samples, as the lake keeps them. `n` samples; a channel has
/// `n` entries, or none where it was never recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Sketch {
    /// Whose it is; 1 unless set.
    pub athlete_id: i64,
    /// Which it is; 1 unless set.
    pub activity_id: i64,
    /// UTC, microseconds since 1970; 2026-11-22 08:00 unless set.
    pub start_time_us: i64,
    /// Days since 1970; 2026-11-22 unless set.
    pub start_date_local: i32,
    /// The family.
    pub sport: Sport,
    /// Milliseconds since the first sample.
    pub t_ms: Vec<i64>,
    /// Centimetres since the first sample.
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
    /// Timer time, in ms: all but the gaps unless set.
    pub timer_ms: i64,
    /// Start and end of each active length of a pool, in ms.
    pub active_lengths_ms: Vec<(i64, i64)>,
    /// First and last sample of each mask.
    pub masks: Vec<(usize, usize)>,
    /// Distances, in mm, of which the fastest effort counts, whatever bars it.
    pub included_mm: Vec<i64>,
}

impl Sketch {
    /// A sketch without samples.
    pub fn empty(sport: Sport) -> Self {
        Self {
            athlete_id: 1,
            activity_id: 1,
            start_time_us: 1_795_334_400_000_000,
            start_date_local: 20_779,
            sport,
            t_ms: Vec::new(),
            distance_cm: Vec::new(),
            altitude_cm: Vec::new(),
            heart_rate_bpm: Vec::new(),
            cadence_rpm: Vec::new(),
            power_w: Vec::new(),
            temperature_c: Vec::new(),
            timer_ms: 0,
            active_lengths_ms: Vec::new(),
            masks: Vec::new(),
            included_mm: Vec::new(),
        }
    }
}
