//! What changed between two snapshots.

use axum::extract::State as Shared;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use jobs::diff::{Options, diff};
use serde::{Deserialize, Deserializer};
use storage::{ActivityId, Moment};
use utoipa::IntoParams;

use crate::access::Athlete;
use crate::answer::{self, Answer};
use crate::parameters::{MAX_LIMIT, Parameters, bounded, optional_activity};
use crate::problem::{AnyProblem, Problem};
use crate::schema::diff::Diff;
use crate::state::State;

/// What to compare.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DiffQuery {
    /// The older state: a snapshot's number; a time such as `2026-03-01T12:00:00Z` (`+` is written
    /// `%2B`), which means the newest snapshot by then; or a day such as `2026-03-01`, which means
    /// its end in UTC.
    #[serde(deserialize_with = "moment")]
    #[param(value_type = String)]
    pub from: Moment,
    /// The newer state, likewise; without it the newest snapshot.
    #[serde(default, deserialize_with = "optional_moment")]
    #[param(value_type = Option<String>)]
    pub to: Option<Moment>,
    /// Only this table.
    pub table: Option<String>,
    /// Only rows of this activity, and numbers that follow from it.
    #[serde(default, deserialize_with = "optional_activity")]
    #[param(value_type = Option<i64>)]
    pub activity_id: Option<ActivityId>,
    /// How many cells of each column, rows of each table and activities are listed at most, from 1
    /// to 500.
    #[serde(default = "limit")]
    #[param(minimum = 1, maximum = 500, default = 20)]
    pub limit: usize,
}

fn limit() -> usize {
    20
}

fn moment<'de, D: Deserializer<'de>>(input: D) -> Result<Moment, D::Error> {
    let text = String::deserialize(input)?;
    text.parse().map_err(serde::de::Error::custom)
}

fn optional_moment<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Moment>, D::Error> {
    moment(input).map(Some)
}

/// Which numbers changed between two snapshots, and why.
///
/// Every table with numbers is compared by its key, bit for bit; counts are of
/// all that changed, lists of the first. Activities say why they changed, and
/// everything else names the activities that it follows from. The answer is
/// made anew each time.
#[utoipa::path(get, path = "/api/diff", tag = "analytics", params(DiffQuery),
    responses((status = 200, description = "What changed.", body = Diff), AnyProblem))]
pub async fn get_diff(
    athlete: Athlete,
    Parameters(query): Parameters<DiffQuery>,
    Shared(state): Shared<State>,
) -> Result<Answer<Diff>, Problem> {
    let limit = bounded(query.limit, MAX_LIMIT)?;
    let options = Options {
        table: query.table,
        activity: query.activity_id,
        samples: limit,
        activities: limit,
    };
    let found = state.storage.catalog.athlete(athlete.id).await?;
    let found = found.ok_or_else(|| Problem::not_found(&format!("athlete {}", athlete.id)))?;
    let context = state.context();
    let work = diff(&context, &found, &query.from, query.to.as_ref(), &options);
    let changed = state.heavy.one(state.limits.query.time, work).await??;
    let answer = Answer::json(answer::value(&changed)?);
    Ok(answer.with(CACHE_CONTROL, HeaderValue::from_static("no-store")))
}
