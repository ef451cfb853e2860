//! The queue, as whoever runs it sees it.

use axum::extract::State as Shared;
use axum::http::StatusCode;
use jiff::Timestamp;
use jobs::strava::fetch::{Fetch, Why};
use serde::{Deserialize, Serialize};
use storage::AthleteId;
use storage::catalog::{AccountAction, JobFilter, JobState};
use utoipa::{IntoParams, ToSchema};

use super::{audit, known};
use crate::access::Admin;
use crate::answer::{self, Answer};
use crate::log::RequestId;
use crate::parameters::{JsonBody, NoParameters, Parameters, bounded};
use crate::problem::{AnyProblem, Problem};
use crate::schema::admin::{JobCount, JobsOverview};
use crate::schema::queue::{Job, JobList};
use crate::state::State;

/// The most activities of one request.
const ACTIVITIES: usize = 500;

/// Which jobs are listed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct JobsQuery {
    /// Of this kind, such as `strava_fetch`.
    pub kind: Option<String>,
    /// `waiting`, `running`, `done`, `failed` or `cancelled`.
    pub state: Option<String>,
    /// Of this athlete.
    pub athlete_id: Option<i64>,
    /// How many, up to 500.
    #[serde(default = "fifty")]
    pub limit: usize,
    /// Older than this one: the last of the page before.
    pub before: Option<i64>,
}

fn fifty() -> usize {
    50
}

/// How many jobs there are of each kind and state, how late those are that are
/// due, and the newest of them.
#[utoipa::path(get, path = "/api/admin/activity-jobs", tag = "admin", params(JobsQuery),
    responses((status = 200, description = "The queue.", body = JobsOverview), AnyProblem))]
pub async fn list_jobs(
    _: Admin,
    Parameters(query): Parameters<JobsQuery>,
    Shared(state): Shared<State>,
) -> Result<Answer<JobsOverview>, Problem> {
    let limit = bounded(query.limit, crate::parameters::MAX_LIMIT)? as u32;
    let named = query.state.as_deref().map(|name| {
        JobState::parse(name).ok_or_else(|| {
            let names = JobState::ALL.map(JobState::name).join(", ");
            Problem::argument(format!("a job's state is one of {names}"))
        })
    });
    let filter = JobFilter {
        kinds: query.kind.map(|kind| vec![kind]),
        state: named.transpose()?,
        athlete_id: query.athlete_id.map(AthleteId),
        key: None,
        before: query.before,
    };
    let catalog = &state.storage.catalog;
    let now = Timestamp::now();
    let counts = catalog.job_stats(now.as_microsecond()).await?;
    let rows = catalog.jobs(&filter, limit).await?;
    answer::not_kept(&JobsOverview {
        counts: counts.iter().map(|one| JobCount::of(one, now)).collect(),
        items: rows.iter().map(Job::of).collect(),
    })
}

/// What is fetched from Strava.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FetchRequest {
    /// Whose.
    #[schema(value_type = i64)]
    athlete_id: AthleteId,
    /// Their ids at Strava, up to 500; without them all of the athlete's
    /// activities are listed, and what differs is fetched.
    #[serde(default)]
    strava_ids: Vec<i64>,
}

/// Fetches activities from Strava, whatever is here of them.
#[utoipa::path(post, path = "/api/admin/activity-jobs", tag = "admin",
    request_body = FetchRequest,
    responses((status = 202, description = "The jobs.", body = JobList), AnyProblem))]
pub async fn make_jobs(
    Admin(caller): Admin,
    RequestId(request_id): RequestId,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
    JsonBody(asked): JsonBody<FetchRequest>,
) -> Result<(StatusCode, Answer<JobList>), Problem> {
    let service = &state.strava()?.service;
    let athlete_id = asked.athlete_id;
    known(&state, Some(athlete_id)).await?;
    if asked.strava_ids.len() > ACTIVITIES {
        return Err(Problem::argument(format!(
            "{} activities are more than {ACTIVITIES} at once",
            asked.strava_ids.len()
        )));
    }
    let catalog = &state.storage.catalog;
    let ids = if asked.strava_ids.is_empty() {
        vec![service.sync(athlete_id, Some(&request_id)).await?.job_id]
    } else {
        if catalog.strava_connection(athlete_id).await?.is_none() {
            return Err(jobs::Error::StravaNotConnected(athlete_id).into());
        }
        let mut lines = Vec::with_capacity(asked.strava_ids.len());
        for strava_id in &asked.strava_ids {
            let fetch = Fetch {
                athlete_id,
                strava_id: *strava_id,
                why: Why::Poll,
            };
            lines.push(fetch.line(Some(&request_id))?);
        }
        let enqueued = catalog.enqueue(&lines).await?;
        enqueued.into_iter().map(|one| one.job_id).collect()
    };
    let detail = format!("{} jobs of athlete {athlete_id} at Strava", ids.len());
    audit(&state, &caller, AccountAction::JobBegun, detail).await?;
    let mut items = Vec::with_capacity(ids.len());
    for id in ids {
        items.extend(catalog.job(id).await?.as_ref().map(Job::of));
    }
    Ok((StatusCode::ACCEPTED, answer::not_kept(&JobList { items })?))
}

/// Which jobs go.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ClearQuery {
    /// Only those of this kind.
    pub kind: Option<String>,
}

/// How many jobs were removed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Cleared {
    /// How many.
    removed: u64,
}

/// Removes jobs that are over: done, failed or called off.
///
/// Workers do so by themselves: 7 days after a job was done or called off and
/// 90 days after it failed, sooner beyond the newest 1000 and 10000 of a kind.
#[utoipa::path(delete, path = "/api/admin/activity-jobs", tag = "admin", params(ClearQuery),
    responses((status = 200, description = "How many went.", body = Cleared), AnyProblem))]
pub async fn clear_jobs(
    Admin(caller): Admin,
    Parameters(query): Parameters<ClearQuery>,
    Shared(state): Shared<State>,
) -> Result<Answer<Cleared>, Problem> {
    let kinds = query.kind.map(|kind| vec![kind]);
    let removed = state.storage.catalog.clear_jobs(kinds.as_deref()).await?;
    let of = kinds.map_or_else(|| "any kind".to_owned(), |kinds| kinds.concat());
    let detail = format!("{removed} jobs of {of}");
    audit(&state, &caller, AccountAction::JobsCleared, detail).await?;
    answer::not_kept(&Cleared { removed })
}

#[cfg(test)]
mod tests {
    use storage::catalog::Keep;

    #[test]
    fn the_document_says_how_long_jobs_are_kept() {
        let document = serde_json::to_value(crate::openapi::openapi()).unwrap();
        let operation = &document["paths"]["/api/admin/activity-jobs"]["delete"];
        let said = operation["description"].as_str().unwrap();
        let keep = Keep::DECLARED;
        for (time, jobs) in [(keep.done_for, keep.done), (keep.failed_for, keep.failed)] {
            let days = format!("{} days after", time.as_secs() / 86_400);
            let jobs = format!(" {jobs} ");
            assert!(said.contains(&days) && said.contains(&jobs), "{said}");
        }
    }
}
