//! What an owner says of an activity, and efforts that do not count.

use axum::extract::State as Shared;
use jobs::correct::{self, Point, Wish};
use serde::{Deserialize, Deserializer};
use storage::ActivityId;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::access::{Athlete, Owner};
use crate::answer::{self, Answer};
use crate::parameters::{ActivityPath, JsonBody, NoParameters, Parameters};
use crate::problem::{AnyProblem, Problem};
use crate::reader::Reader;
use crate::schema::corrected::{Corrected, CorrectionList, Regrouped};
use crate::state::State;

/// A stretch that is to be kept out of records.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MaskRequest {
    /// Where it begins: a time of day where the activity was (`12:04:10`), an elapsed time with a
    /// plus (`+1:04:10`, `+250` for seconds) or an instant (`2026-03-01T11:04:10Z`); without it the
    /// activity's start.
    #[serde(default, deserialize_with = "point")]
    #[schema(value_type = Option<String>)]
    pub from: Option<Point>,
    /// Where it ends, likewise; without it the activity's end.
    #[serde(default, deserialize_with = "point")]
    #[schema(value_type = Option<String>)]
    pub to: Option<Point>,
    /// Why, in one line.
    pub reason: String,
}

/// Which mask is to be lifted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnmaskRequest {
    /// The mask's `correction_id`; without it all masks of the activity.
    #[serde(default, deserialize_with = "uuid")]
    #[schema(value_type = Option<String>)]
    pub correction_id: Option<Uuid>,
}

/// Which refused effort is to count.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IncludeRequest {
    /// Over which distance, in m.
    pub distance_m: f64,
    /// Why, in one line.
    pub reason: String,
}

/// Which included effort is to count no more.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExcludeRequest {
    /// Over which distance, in m.
    pub distance_m: f64,
}

/// Which recording is to be taken out of an activity.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UnmergeRequest {
    /// The beginning of its SHA-256, or its file's name; without it, of two, the one whose samples
    /// are not used.
    #[serde(default)]
    pub recording: Option<String>,
}

/// Nothing more to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RemergeRequest {}

fn point<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Point>, D::Error> {
    let text = Option::<String>::deserialize(input)?;
    let point = text.map(|text| text.parse::<Point>()).transpose();
    point.map_err(serde::de::Error::custom)
}

fn uuid<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Uuid>, D::Error> {
    let text = Option::<String>::deserialize(input)?;
    let uuid = text.map(|text| text.parse::<Uuid>()).transpose();
    uuid.map_err(serde::de::Error::custom)
}

/// What is said of an activity: masks, and efforts that are included.
#[utoipa::path(get, path = "/api/activities/{activity_id}/corrections", tag = "corrections",
    params(ActivityPath),
    responses((status = 200, description = "What holds at that time.", body = CorrectionList), AnyProblem))]
pub async fn list_corrections(
    _: Athlete,
    ActivityPath { activity_id }: ActivityPath,
    _: Parameters<NoParameters>,
    reader: Reader,
) -> Result<Answer<CorrectionList>, Problem> {
    let pointer = reader.pointer(activity_id).await?;
    let corrections = reader.corrections(&pointer).await?;
    let said = correct::said(&reader.session, pointer.key, &corrections).await?;
    Ok(reader.tagged(answer::value(&serde_json::json!({ "items": said }))?))
}

/// Keeps a stretch of an activity, or all of it, out of records.
///
/// Nothing is deleted; it can be lifted. The answer says how many rows of which
/// table changed.
#[utoipa::path(post, path = "/api/activities/{activity_id}/mask", tag = "corrections",
    params(ActivityPath), request_body = MaskRequest,
    responses((status = 200, description = "What changed.", body = Corrected), AnyProblem))]
pub async fn mask(
    Owner(athlete): Owner,
    ActivityPath { activity_id }: ActivityPath,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
    JsonBody(MaskRequest { from, to, reason }): JsonBody<MaskRequest>,
) -> Result<Answer<Corrected>, Problem> {
    corrected(
        &state,
        athlete,
        activity_id,
        Wish::Mask { from, to, reason },
    )
    .await
}

/// Lifts one mask of an activity, or all.
#[utoipa::path(post, path = "/api/activities/{activity_id}/unmask", tag = "corrections",
    params(ActivityPath), request_body = UnmaskRequest,
    responses((status = 200, description = "What changed.", body = Corrected), AnyProblem))]
pub async fn unmask(
    Owner(athlete): Owner,
    ActivityPath { activity_id }: ActivityPath,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
    JsonBody(UnmaskRequest { correction_id }): JsonBody<UnmaskRequest>,
) -> Result<Answer<Corrected>, Problem> {
    corrected(&state, athlete, activity_id, Wish::Unmask { correction_id }).await
}

/// Lets a refused effort count.
#[utoipa::path(post, path = "/api/activities/{activity_id}/include", tag = "corrections",
    params(ActivityPath), request_body = IncludeRequest,
    responses((status = 200, description = "What changed.", body = Corrected), AnyProblem))]
pub async fn include(
    Owner(athlete): Owner,
    ActivityPath { activity_id }: ActivityPath,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
    JsonBody(IncludeRequest { distance_m, reason }): JsonBody<IncludeRequest>,
) -> Result<Answer<Corrected>, Problem> {
    let wish = Wish::Include { distance_m, reason };
    corrected(&state, athlete, activity_id, wish).await
}

/// Lets an included effort count no more.
#[utoipa::path(post, path = "/api/activities/{activity_id}/exclude", tag = "corrections",
    params(ActivityPath), request_body = ExcludeRequest,
    responses((status = 200, description = "What changed.", body = Corrected), AnyProblem))]
pub async fn exclude(
    Owner(athlete): Owner,
    ActivityPath { activity_id }: ActivityPath,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
    JsonBody(ExcludeRequest { distance_m }): JsonBody<ExcludeRequest>,
) -> Result<Answer<Corrected>, Problem> {
    corrected(&state, athlete, activity_id, Wish::Exclude { distance_m }).await
}

/// Takes a recording out of an activity: it becomes one of its own.
#[utoipa::path(post, path = "/api/activities/{activity_id}/unmerge", tag = "corrections",
    params(ActivityPath), request_body = UnmergeRequest,
    responses((status = 200, description = "What changed.", body = Regrouped), AnyProblem))]
pub async fn unmerge(
    Owner(athlete): Owner,
    ActivityPath { activity_id }: ActivityPath,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
    JsonBody(UnmergeRequest { recording }): JsonBody<UnmergeRequest>,
) -> Result<Answer<Regrouped>, Problem> {
    let owner = owner(&state, athlete).await?;
    let context = state.context();
    // What has begun to be written is written to its end.
    let work =
        async move { correct::unmerge(&context, &owner, activity_id, recording.as_deref()).await };
    let done = state.heavy.to_the_end(work).await??;
    answer::not_kept(&done)
}

/// Lets identity decide again on a recording that was taken out of an activity.
#[utoipa::path(post, path = "/api/activities/{activity_id}/remerge", tag = "corrections",
    params(ActivityPath), request_body = RemergeRequest,
    responses((status = 200, description = "What changed.", body = Regrouped), AnyProblem))]
pub async fn remerge(
    Owner(athlete): Owner,
    ActivityPath { activity_id }: ActivityPath,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
    JsonBody(RemergeRequest {}): JsonBody<RemergeRequest>,
) -> Result<Answer<Regrouped>, Problem> {
    let owner = owner(&state, athlete).await?;
    let context = state.context();
    let work = async move { correct::remerge(&context, &owner, activity_id).await };
    let done = state.heavy.to_the_end(work).await??;
    answer::not_kept(&done)
}

async fn corrected(
    state: &State,
    athlete: Athlete,
    activity_id: ActivityId,
    wish: Wish,
) -> Result<Answer<Corrected>, Problem> {
    let owner = owner(state, athlete).await?;
    let context = state.context();
    let work = async move { correct::correct(&context, &owner, activity_id, &wish).await };
    let done = state.heavy.to_the_end(work).await??;
    answer::not_kept(&done)
}

/// The athlete as the catalog has them.
async fn owner(state: &State, athlete: Athlete) -> Result<storage::catalog::Athlete, Problem> {
    let found = state.storage.catalog.athlete(athlete.id).await?;
    found.ok_or_else(|| Problem::not_found(&format!("athlete {}", athlete.id)))
}
