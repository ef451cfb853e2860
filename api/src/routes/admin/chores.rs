//! Work for the installation: best efforts, samples, derived fields, maps.

use axum::extract::State as Shared;
use axum::http::StatusCode;
use jobs::Context;
use jobs::chores::best_efforts::{Calculate, Clear};
use jobs::chores::resync::Resync;
use jobs::chores::streams::{self, SyncStreams};
use jobs::chores::thumbnails::{QueueThumbnails, THUMBNAIL};
use jobs::queue::enqueue;
use serde::Deserialize;
use storage::AthleteId;
use storage::catalog::{AccountAction, JobState};
use utoipa::ToSchema;

use super::{audit, known};
use crate::access::{Admin, Caller};
use crate::answer::{self, Answer};
use crate::log::RequestId;
use crate::parameters::{JsonBody, NoParameters, Parameters};
use crate::problem::{AnyProblem, Problem};
use crate::routes::queue::accepted;
use crate::schema::admin::{SamplesOf, SamplesOverview, ThumbnailsOverview};
use crate::schema::queue::Job;
use crate::state::State;

/// Whom the work is about.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Whose {
    /// The athlete; without it all of them.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    athlete_id: Option<AthleteId>,
}

/// Whose best efforts are computed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WhoseEfforts {
    /// The athlete; without it all of them.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    athlete_id: Option<AthleteId>,
    /// Also those that are not stale.
    #[serde(default)]
    full: bool,
}

/// Computes best efforts where they are stale, and the ranks that follow from
/// them.
#[utoipa::path(post, path = "/api/admin/calculate-best-efforts", tag = "admin",
    request_body = WhoseEfforts,
    responses((status = 202, description = "The job.", body = Job), AnyProblem))]
pub async fn calculate_best_efforts(
    Admin(caller): Admin,
    RequestId(request_id): RequestId,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
    JsonBody(WhoseEfforts { athlete_id, full }): JsonBody<WhoseEfforts>,
) -> Result<(StatusCode, Answer<Job>), Problem> {
    let job = Calculate { athlete_id, full };
    begin(&state, &caller, &request_id, athlete_id, &job).await
}

/// Removes best efforts from the newest snapshot, and the ranks that follow
/// from them; computing them again brings all of them back.
#[utoipa::path(post, path = "/api/admin/clear-best-efforts", tag = "admin",
    request_body = Whose,
    responses((status = 202, description = "The job.", body = Job), AnyProblem))]
pub async fn clear_best_efforts(
    Admin(caller): Admin,
    RequestId(request_id): RequestId,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
    JsonBody(Whose { athlete_id }): JsonBody<Whose>,
) -> Result<(StatusCode, Answer<Job>), Problem> {
    let job = Clear { athlete_id };
    begin(&state, &caller, &request_id, athlete_id, &job).await
}

/// Computes all derived fields and tables again from the kept recordings.
#[utoipa::path(post, path = "/api/admin/resync", tag = "admin", request_body = Whose,
    responses((status = 202, description = "The job.", body = Job), AnyProblem))]
pub async fn resync(
    Admin(caller): Admin,
    RequestId(request_id): RequestId,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
    JsonBody(Whose { athlete_id }): JsonBody<Whose>,
) -> Result<(StatusCode, Answer<Job>), Problem> {
    let job = Resync { athlete_id };
    begin(&state, &caller, &request_id, athlete_id, &job).await
}

/// Of each athlete's activities from Strava's API, how many have no samples.
#[utoipa::path(get, path = "/api/admin/sync-streams", tag = "admin",
    responses((status = 200, description = "By athlete.", body = SamplesOverview), AnyProblem))]
pub async fn get_missing_streams(
    _: Admin,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Answer<SamplesOverview>, Problem> {
    let of = streams::status(&state.context()).await?;
    let items = of.iter().map(|(athlete_id, status)| SamplesOf {
        athlete_id: athlete_id.0,
        activities: status.activities,
        without_samples: status.without_samples,
    });
    answer::not_kept(&SamplesOverview {
        items: items.collect(),
    })
}

/// Fetches the activities again whose samples are missing, of athletes who are
/// connected to Strava.
#[utoipa::path(post, path = "/api/admin/sync-streams", tag = "admin", request_body = Whose,
    responses((status = 202, description = "The job.", body = Job), AnyProblem))]
pub async fn sync_streams(
    Admin(caller): Admin,
    RequestId(request_id): RequestId,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
    JsonBody(Whose { athlete_id }): JsonBody<Whose>,
) -> Result<(StatusCode, Answer<Job>), Problem> {
    // Without it nobody would fetch.
    state.strava()?;
    let job = SyncStreams { athlete_id };
    begin(&state, &caller, &request_id, athlete_id, &job).await
}

/// How many small maps wait to be drawn. This version draws none yet.
#[utoipa::path(get, path = "/api/admin/thumbnails", tag = "admin",
    responses((status = 200, description = "The queue.", body = ThumbnailsOverview), AnyProblem))]
pub async fn get_thumbnails(
    _: Admin,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Answer<ThumbnailsOverview>, Problem> {
    let now_us = jiff::Timestamp::now().as_microsecond();
    let stats = state.storage.catalog.job_stats(now_us).await?;
    let of = |wanted: JobState| {
        let mut maps = stats.iter().filter(|one| one.kind == THUMBNAIL);
        maps.find(|one| one.state == wanted)
            .map_or(0, |one| one.jobs)
    };
    answer::not_kept(&ThumbnailsOverview {
        waiting: of(JobState::Waiting),
        running: of(JobState::Running),
        done: of(JobState::Done),
        failed: of(JobState::Failed),
        is_drawn: false,
    })
}

/// Queues a small map for each activity with a track.
#[utoipa::path(post, path = "/api/admin/thumbnails", tag = "admin", request_body = Whose,
    responses((status = 202, description = "The job.", body = Job), AnyProblem))]
pub async fn queue_thumbnails(
    Admin(caller): Admin,
    RequestId(request_id): RequestId,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
    JsonBody(Whose { athlete_id }): JsonBody<Whose>,
) -> Result<(StatusCode, Answer<Job>), Problem> {
    let job = QueueThumbnails { athlete_id };
    begin(&state, &caller, &request_id, athlete_id, &job).await
}

/// Enqueues a job and writes down who asked for it.
async fn begin<J: jobs::queue::Job<Context>>(
    state: &State,
    caller: &Caller,
    request_id: &str,
    athlete_id: Option<AthleteId>,
    job: &J,
) -> Result<(StatusCode, Answer<Job>), Problem> {
    known(state, athlete_id).await?;
    let catalog = &state.storage.catalog;
    let enqueued = enqueue(catalog, job, Some(request_id), None).await?;
    let detail = format!("{} {}", J::KIND, job.key());
    audit(state, caller, AccountAction::JobBegun, detail).await?;
    accepted(state, enqueued.job_id).await
}
