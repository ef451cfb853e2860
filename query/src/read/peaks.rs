//! Peaks over all of an athlete's activities: the best per measure and duration.

use datafusion::common::ScalarValue;
use storage::AthleteId;

use super::{Shape, one_of, sport};
use crate::derived::peaks::PEAKS_TABLE;
use crate::error::Error;
use crate::session::{Rows, Session};

/// What peaks are measured of.
pub const MEASURES: &[&str] = &["heart_rate_bpm", "power_w", "speed_m_s", "climb_m_per_h"];

/// Of equal values the earliest is the record, as within one activity.
const SQL: &str = "
    SELECT * FROM (
        SELECT *, row_number() OVER (
            PARTITION BY measure, duration_s
            ORDER BY value DESC, start_time, activity_id
        ) AS place
        FROM peaks
        WHERE athlete_id = $athlete_id
          AND ($measure IS NULL OR measure = $measure)
          AND ($sport IS NULL OR sport = $sport)
          AND ($duration_s IS NULL OR duration_s = $duration_s)
    )
    WHERE place = 1
    ORDER BY measure, duration_s";

/// Which peaks to compare.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only of this measure, one of [`MEASURES`].
    pub measure: Option<String>,
    /// Only over this duration.
    pub duration_s: Option<f64>,
    /// Only of this sport, as the column has it.
    pub sport: Option<String>,
}

/// The rows of [`records`].
pub fn shape() -> Shape {
    Shape::without("PeakRecord", &PEAKS_TABLE, &[])
}

/// The all-time best per measure and duration.
///
/// # Errors
/// [`Error::InvalidArgument`] for an unknown measure or sport, and the
/// session's.
pub async fn records(
    session: &Session,
    athlete: AthleteId,
    filter: &Filter,
) -> Result<Rows, Error> {
    if let Some(measure) = &filter.measure
        && !MEASURES.contains(&measure.as_str())
    {
        return Err(one_of("measure", measure, MEASURES));
    }
    if let Some(name) = &filter.sport {
        sport(name, false)?;
    }
    let parameters = [
        ("athlete_id", ScalarValue::Int64(Some(athlete.0))),
        ("measure", ScalarValue::Utf8(filter.measure.clone())),
        ("sport", ScalarValue::Utf8(filter.sport.clone())),
        ("duration_s", ScalarValue::Float64(filter.duration_s)),
    ];
    shape().give(session.read("peaks", SQL, parameters).await?)
}
