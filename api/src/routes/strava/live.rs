//! Straight from Strava, and what is asked of it by hand.

use std::collections::HashSet;
use std::sync::Arc;

use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::stream;
use jobs::strava::Service;
use serde::Deserialize;
use storage::AthleteId;
use utoipa::IntoParams;

use super::connection::unkept;
use crate::access::{Athlete, Owner};
use crate::answer::{self, Answer};
use crate::log::RequestId;
use crate::parameters::{ActivityPath, NoParameters, Parameters, bounded};
use crate::problem::{AnyProblem, Problem};
use crate::reader::Reader;
use crate::routes::queue::accepted;
use crate::schema::queue::Job;
use crate::schema::strava::{Comparison, LiveActivities};
use crate::state::State;

/// The most activities of a page, as Strava has it.
const PAGE: usize = 200;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct LiveQuery {
    /// The page, from 1.
    #[serde(default = "first")]
    pub page: usize,
    /// How many activities a page has, up to 200.
    #[serde(default = "thirty")]
    pub limit: usize,
}

fn first() -> usize {
    1
}

fn thirty() -> usize {
    30
}

/// A page of the athlete's activities as Strava lists them now, newest first.
/// It costs one read of Strava's limits.
#[utoipa::path(get, path = "/api/strava/activities", tag = "strava", params(LiveQuery),
    responses((status = 200, description = "The page.", body = LiveActivities), AnyProblem))]
pub async fn list_live(
    athlete: Athlete,
    Parameters(query): Parameters<LiveQuery>,
    Shared(state): Shared<State>,
) -> Result<Answer<LiveActivities>, Problem> {
    let service = &state.strava()?.service;
    let limit = bounded(query.limit, PAGE)? as u32;
    let page = u32::try_from(query.page)
        .ok()
        .filter(|page| *page >= 1)
        .ok_or_else(|| Problem::argument("pages begin with 1"))?;
    let items = service.live(athlete.id, page, limit).await?;
    let body = serde_json::json!({ "items": items, "page": page });
    Ok(unkept(answer::value(&body)?))
}

/// Looks at all of the athlete's activities at Strava now; what is new, changed
/// or gone there follows. The answer is a job to watch.
#[utoipa::path(post, path = "/api/strava/sync", tag = "strava",
    responses((status = 202, description = "The job.", body = Job), AnyProblem))]
pub async fn sync(
    Owner(owner): Owner,
    RequestId(request_id): RequestId,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<(StatusCode, Answer<Job>), Problem> {
    let service = &state.strava()?.service;
    let enqueued = service.sync(owner.id, Some(&request_id)).await?;
    accepted(&state, enqueued.job_id).await
}

/// In which unit.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct BesideQuery {
    /// `km` or `mile`.
    #[serde(default = "km")]
    pub unit: String,
}

fn km() -> String {
    "km".to_owned()
}

/// Strava's splits and best efforts of an activity beside ours, with why they
/// differ. It costs one read of Strava's limits.
#[utoipa::path(get, path = "/api/strava/splits/{activity_id}", tag = "strava",
    params(ActivityPath, BesideQuery),
    responses((status = 200, description = "Both.", body = Comparison), AnyProblem))]
pub async fn compare_splits(
    _: Athlete,
    ActivityPath { activity_id }: ActivityPath,
    Parameters(query): Parameters<BesideQuery>,
    Shared(state): Shared<State>,
    reader: Reader,
) -> Result<Answer<Comparison>, Problem> {
    let service = &state.strava()?.service;
    let pointer = reader.pointer(activity_id).await?;
    let beside = service
        .beside(&reader.session, pointer, &query.unit)
        .await?;
    Ok(unkept(answer::value(&beside)?))
}

/// All of the athlete's activities as Strava lists them now, newest first, as
/// CSV. Sent as they are listed; 200 of them cost one read of Strava's limits.
#[utoipa::path(get, path = "/api/strava/export", tag = "strava",
    responses((status = 200, description = "The lines.", body = String, content_type = "text/csv"),
        AnyProblem))]
pub async fn export_live(
    athlete: Athlete,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Response, Problem> {
    let mut walk = Walk {
        service: state.strava()?.service.clone(),
        athlete_id: athlete.id,
        next: Some(1),
        told: HashSet::new(),
    };
    // The first page is asked for before the answer begins, so that what goes
    // wrong at once is said in words.
    let mut first = header()?;
    first.extend(walk.lines().await?.unwrap_or_default());
    let pages = stream::try_unfold((Some(first), walk), |(ready, mut walk)| async move {
        if let Some(ready) = ready {
            return Ok::<_, Arc<Problem>>(Some((ready, (None, walk))));
        }
        let lines = walk.lines().await.map_err(|problem| {
            problem.log("an export of Strava's list broke off");
            Arc::new(problem)
        })?;
        Ok(lines.map(|lines| (lines, (None, walk))))
    });
    let pages = futures::TryStreamExt::map_err(pages, |problem| {
        std::io::Error::other(problem.message().to_owned())
    });
    let headers = [
        (
            CONTENT_TYPE,
            HeaderValue::from_static("text/csv; charset=utf-8"),
        ),
        (
            CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"strava.csv\""),
        ),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::from_stream(pages)).into_response())
}

/// The columns of the export: the fields of an activity as it is listed, in order.
const COLUMNS: [&str; 10] = [
    "strava_id",
    "activity_id",
    "name",
    "sport_type",
    "start_time",
    "distance_m",
    "elapsed_s",
    "moving_s",
    "visibility",
    "manual",
];

/// The first line, which is there without any other.
fn header() -> Result<Vec<u8>, Problem> {
    csv_of(|writer| writer.write_record(COLUMNS))
}

fn csv_of(
    write: impl FnOnce(&mut csv::Writer<Vec<u8>>) -> csv::Result<()>,
) -> Result<Vec<u8>, Problem> {
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    write(&mut writer).map_err(|error| Problem::fault(error.to_string()))?;
    writer
        .into_inner()
        .map_err(|error| Problem::fault(error.to_string()))
}

struct Walk {
    service: Service,
    athlete_id: AthleteId,
    /// `None` after the last page.
    next: Option<u32>,
    /// What has its line: an upload between two pages moves the last of the one
    /// to the begin of the other.
    told: HashSet<i64>,
}

impl Walk {
    /// The lines of the next page; `None` after the last, an empty one.
    async fn lines(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        let Some(page) = self.next else {
            return Ok(None);
        };
        let mut items = self
            .service
            .live(self.athlete_id, page, PAGE as u32)
            .await?;
        self.next = (!items.is_empty()).then_some(page + 1);
        items.retain(|item| self.told.insert(item.strava_id));
        csv_of(|writer| items.iter().try_for_each(|item| writer.serialize(item))).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use jobs::strava::live::LiveActivity;

    use super::*;

    #[test]
    fn the_columns_are_the_fields() {
        let activity = LiveActivity {
            strava_id: 1,
            activity_id: None,
            name: "x".to_owned(),
            sport_type: "Run".to_owned(),
            start_time: Timestamp::UNIX_EPOCH,
            distance_m: None,
            elapsed_s: None,
            moving_s: None,
            visibility: "everyone".to_owned(),
            manual: true,
        };
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.serialize(&activity).unwrap();
        let written = writer.into_inner().unwrap();
        let header = header().unwrap();
        let line = csv_of(|writer| writer.serialize(&activity)).unwrap();
        assert_eq!(written, [header, line].concat());
    }
}
