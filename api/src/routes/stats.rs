//! Totals by period.

use jiff::civil::Date;
use query::read::{self, Cursor};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Athlete;
use crate::answer::Answer;
use crate::parameters::{
    MAX_LIMIT, Parameters, bounded, optional_cursor, optional_day, page_limit,
};
use crate::problem::{AnyProblem, Problem};
use crate::reader::Reader;
use crate::schema::PeriodStatsPage;

/// Which statistics to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct StatsQuery {
    /// `year`, `month`, `week` (ISO) or `day`.
    #[serde(default = "month")]
    #[param(default = "month")]
    pub by: String,
    /// Only this sport, or `all` for the sums over all sports.
    pub sport: Option<String>,
    /// Only periods that begin on this day or later, as `YYYY-MM-DD`.
    #[serde(default, deserialize_with = "optional_day")]
    #[param(value_type = Option<String>, format = Date)]
    pub from: Option<Date>,
    /// Only periods that begin on this day or earlier, as `YYYY-MM-DD`.
    #[serde(default, deserialize_with = "optional_day")]
    #[param(value_type = Option<String>, format = Date)]
    pub to: Option<Date>,
    /// How many at most, from 1 to 500.
    #[serde(default = "page_limit")]
    #[param(minimum = 1, maximum = 500, default = 50)]
    pub limit: usize,
    /// The `next` of the page before.
    #[serde(default, deserialize_with = "optional_cursor")]
    #[param(value_type = Option<String>)]
    pub after: Option<Cursor>,
}

fn month() -> String {
    "month".to_owned()
}

/// Totals by year, month, week or day, newest first.
///
/// One row for each sport, and one, `all`, for their sum.
#[utoipa::path(get, path = "/api/stats", tag = "analytics", params(StatsQuery),
    responses((status = 200, description = "One page.", body = PeriodStatsPage), AnyProblem))]
pub async fn list_stats(
    athlete: Athlete,
    Parameters(query): Parameters<StatsQuery>,
    reader: Reader,
) -> Result<Answer<PeriodStatsPage>, Problem> {
    let limit = bounded(query.limit, MAX_LIMIT)?;
    let filter = read::stats::Filter {
        sport: query.sport,
        from: query.from,
        to: query.to,
    };
    let (session, after) = (&reader.session, query.after.as_ref());
    let page = read::stats::list(session, athlete.id, &query.by, &filter, after, limit).await?;
    reader.page(&page)
}
