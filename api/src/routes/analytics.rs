//! Over all activities: peaks and ranked best efforts.

use jiff::civil::Date;
use query::read;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Athlete;
use crate::answer::Answer;
use crate::parameters::{Parameters, bounded, optional_day, optional_number};
use crate::problem::{AnyProblem, Problem};
use crate::reader::Reader;
use crate::schema::{PeakRecordList, RankedEffortList};

/// Which peaks to compare.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PeaksQuery {
    /// Only `heart_rate_bpm`, `power_w`, `speed_m_s` or `climb_m_per_h`.
    pub measure: Option<String>,
    /// Only over this duration.
    #[serde(default, deserialize_with = "optional_number")]
    pub duration_s: Option<f64>,
    /// Only of this sport.
    pub sport: Option<String>,
}

/// The all-time best per measure and duration.
#[utoipa::path(get, path = "/api/analytics/peak", tag = "analytics", params(PeaksQuery),
    responses((status = 200, description = "One row a measure and duration.",
        body = PeakRecordList), AnyProblem))]
pub async fn list_peaks(
    athlete: Athlete,
    Parameters(query): Parameters<PeaksQuery>,
    reader: Reader,
) -> Result<Answer<PeakRecordList>, Problem> {
    let filter = read::peaks::Filter {
        measure: query.measure,
        duration_s: query.duration_s,
        sport: query.sport,
    };
    reader.list(&read::peaks::records(&reader.session, athlete.id, &filter).await?)
}

/// Which ranks to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RanksQuery {
    /// Only this sport.
    pub sport: Option<String>,
    /// Only this distance in metres: 400, 800, 1000, 1609.344, 5000, 10000, 21097.5, 42195 or
    /// 50000.
    #[serde(default, deserialize_with = "optional_number")]
    pub distance: Option<f64>,
    /// `all`, `2y`, `1y` or `3m`.
    #[serde(default = "all_time")]
    #[param(default = "all")]
    pub window: String,
    /// The local day on which the window ends, as `YYYY-MM-DD`; the present one where it is not
    /// given.
    #[serde(default, deserialize_with = "optional_day")]
    #[param(value_type = Option<String>, format = Date)]
    pub as_of: Option<Date>,
    /// How many ranks of each sport and distance at most, from 1 to 100.
    #[serde(default = "ten")]
    #[param(minimum = 1, maximum = 100, default = 10)]
    pub limit: usize,
}

fn all_time() -> String {
    "all".to_owned()
}

fn ten() -> usize {
    10
}

/// Best efforts of all activities, ranked by sport and distance.
#[utoipa::path(get, path = "/api/analytics/best-efforts-cached", tag = "analytics",
    params(RanksQuery),
    responses((status = 200, description = "One row a sport, distance and rank.",
        body = RankedEffortList), AnyProblem))]
pub async fn list_best_efforts(
    athlete: Athlete,
    Parameters(query): Parameters<RanksQuery>,
    reader: Reader,
) -> Result<Answer<RankedEffortList>, Problem> {
    let filter = read::ranks::Filter {
        sport: query.sport,
        distance_m: query.distance,
        window: query.window,
        as_of: query.as_of,
        ranks: bounded(query.limit, read::ranks::MAX_RANKS)?,
    };
    reader.list(&read::ranks::best(&reader.session, athlete.id, &filter).await?)
}
