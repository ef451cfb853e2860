//! What every decoder yields: one outing as one source tells it, before
//! cleaning.

use crate::finding::Finding;

/// The kinds of source, best first: the order in which they win where one
/// activity has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// FIT.
    Fit,
    /// TCX.
    Tcx,
    /// GPX.
    Gpx,
    /// What Strava's API tells: its streams, and name, gear and privacy.
    StravaApi,
    /// A row of the table of activities in Strava's account archive: no
    /// samples, but name, gear and privacy.
    StravaArchive,
}

impl Format {
    /// As the column `source` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fit => "fit",
            Self::Tcx => "tcx",
            Self::Gpx => "gpx",
            Self::StravaApi => "strava_api",
            Self::StravaArchive => "strava_archive",
        }
    }
}

/// One outing as one source tells it. A file may hold several.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// What it was read from.
    pub format: Format,
    /// Which of the file's recordings it is, from 0.
    pub part: u32,
    /// Its start as the source says it, UTC ms since 1970; the only one where it
    /// has no samples.
    pub claimed_start_ms: Option<i64>,
    /// As the source names it, for the sport table: FIT's sport and sub-sport
    /// (`running`, `trail`), TCX's `Sport`, GPX's `type`, Strava's type.
    pub sport: Option<String>,
    /// The finer word beside it, where there is one.
    pub sub_sport: Option<String>,
    /// Samples in file order, not yet clean.
    pub samples: Vec<Sample>,
    /// Laps and pool lengths in file order.
    pub laps: Vec<Lap>,
    /// How the device marked its pauses.
    pub clock: Clock,
    /// What the source says of the whole.
    pub claims: Claims,
    /// What decoding noticed, such as an end that is cut off.
    pub findings: Vec<Finding>,
}

impl Recording {
    /// Takes out what a source claims and is no number: the sum of what its
    /// laps claim may be infinite.
    pub(crate) fn keep_finite_claims(&mut self) {
        let claims = &mut self.claims;
        let of_all = [
            &mut claims.distance_m,
            &mut claims.elapsed_s,
            &mut claims.timer_s,
            &mut claims.moving_s,
            &mut claims.climb_m,
            &mut claims.descent_m,
            &mut claims.calories_kcal,
            &mut claims.avg_heart_rate_bpm,
        ];
        let of_laps = self.laps.iter_mut().flat_map(|lap| {
            [
                &mut lap.elapsed_s,
                &mut lap.timer_s,
                &mut lap.distance_m,
                &mut lap.calories_kcal,
            ]
        });
        for claim in of_all.into_iter().chain(of_laps) {
            *claim = claim.filter(|value| value.is_finite());
        }
    }
}

/// One instant. All values as the source has them, in SI units or degrees;
/// what the source marks as invalid is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sample {
    /// UTC, milliseconds since 1970 (may be fractional before cleaning
    /// rounds it; half away from zero).
    pub time_ms: f64,
    /// Degrees.
    pub lat_deg: Option<f64>,
    /// Degrees.
    pub lng_deg: Option<f64>,
    /// The device's cumulative distance.
    pub distance_m: Option<f64>,
    /// Above sea level.
    pub altitude_m: Option<f64>,
    /// Beats per minute.
    pub heart_rate_bpm: Option<i32>,
    /// Turns of one leg a minute.
    pub cadence_rpm: Option<i32>,
    /// Watts.
    pub power_w: Option<i32>,
    /// Degrees Celsius.
    pub temperature_c: Option<i32>,
    /// The device's own speed.
    pub speed_m_s: Option<f64>,
}

/// A lap or a pool length, as the device marked it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lap {
    /// A pool length rather than a lap.
    pub is_length: bool,
    /// UTC, milliseconds since 1970.
    pub start_ms: i64,
    /// Elapsed seconds.
    pub elapsed_s: Option<f64>,
    /// Timer seconds.
    pub timer_s: Option<f64>,
    /// Metres.
    pub distance_m: Option<f64>,
    /// Beats per minute.
    pub avg_heart_rate_bpm: Option<i32>,
    /// Beats per minute.
    pub max_heart_rate_bpm: Option<i32>,
    /// Kilocalories.
    pub calories_kcal: Option<f64>,
    /// Of a length: swum rather than rested.
    pub active: Option<bool>,
}

/// How a source marks its pauses.
#[derive(Clone, Debug, PartialEq)]
pub enum Clock {
    /// FIT: timer events in file order, (UTC ms, true for start).
    Events(Vec<(i64, bool)>),
    /// TCX: the sum of its laps' TotalTimeSeconds.
    LapTimes(f64),
    /// GPX: indices of the samples that begin a new segment.
    Segments(Vec<usize>),
    /// Nothing is known.
    Unmarked,
}

/// What a source says of the whole outing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Claims {
    /// Metres.
    pub distance_m: Option<f64>,
    /// Elapsed seconds.
    pub elapsed_s: Option<f64>,
    /// Timer seconds.
    pub timer_s: Option<f64>,
    /// Moving seconds (Strava's).
    pub moving_s: Option<f64>,
    /// Metres.
    pub climb_m: Option<f64>,
    /// Metres.
    pub descent_m: Option<f64>,
    /// Kilocalories.
    pub calories_kcal: Option<f64>,
    /// Beats per minute.
    pub avg_heart_rate_bpm: Option<f64>,
    /// Beats per minute.
    pub max_heart_rate_bpm: Option<i32>,
    /// What recorded it, as people would say it.
    pub device: Option<String>,
    /// Name, description, gear as their owner wrote them.
    pub name: Option<String>,
    /// What its owner says of it.
    pub description: Option<String>,
    /// Shoes or bicycle.
    pub gear: Option<String>,
    /// Whether it was a commute.
    pub commute: Option<bool>,
    /// Who may see it there, as the column `visibility` has it.
    pub visibility: Option<String>,
    /// Local time less UTC at the start, where the source has it, in seconds
    /// (FIT: the activity message's local timestamp).
    pub utc_offset_s: Option<i32>,
    /// IANA zone, where the source has it.
    pub time_zone: Option<String>,
    /// The source's own id, such as `strava:12345` or `garmin:…`; two
    /// recordings of one athlete that share one are the same activity.
    pub external_id: Option<String>,
    /// The number of the upload at Strava that it came by. Strava's archive
    /// names its files by it, so that a file of that name is the same activity.
    pub upload_id: Option<String>,
    /// Indoor, where the source says (trainer, treadmill).
    pub indoor: Option<bool>,
}
