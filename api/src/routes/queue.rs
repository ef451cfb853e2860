//! Jobs: how far they are.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::extract::State as Shared;
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::stream;
use storage::Code;
use storage::catalog::{JobRow, Scope};

use crate::access::Caller;
use crate::answer::{self, Answer};
use crate::parameters::{InPath, NoParameters, Parameters};
use crate::problem::{AnyProblem, Problem};
use crate::schema::queue::Job;
use crate::state::State;

/// How often it is looked how far a job is.
const LOOK: Duration = Duration::from_millis(250);
/// How often it is asked whether what let the caller in still holds.
const ASK_AGAIN: Duration = Duration::from_secs(5);
/// How often something is sent that says nothing, so that nobody on the way
/// takes the connection for dead.
const ALIVE: Duration = Duration::from_secs(10);

/// How far a job is.
#[utoipa::path(get, path = "/api/jobs/{job_id}", tag = "jobs",
    params(("job_id" = i64, Path, description = "The job's id.")),
    responses((status = 200, description = "The job.", body = Job), AnyProblem))]
pub async fn get_job(
    caller: Caller,
    InPath(job_id): InPath<i64>,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Answer<Job>, Problem> {
    let row = own_job(&state, &caller, job_id).await?;
    unkept(&Job::of(&row))
}

/// How far a job is, as server-sent events: one whenever it changes, until it is
/// done, failed or called off. Each holds what `/api/jobs/{job_id}` answers.
#[utoipa::path(get, path = "/api/jobs/{job_id}/events", tag = "jobs",
    params(("job_id" = i64, Path, description = "The job's id.")),
    responses((status = 200, description = "The events.", body = String,
        content_type = "text/event-stream"), AnyProblem))]
pub async fn watch_job(
    caller: Caller,
    parts: Parts,
    InPath(job_id): InPath<i64>,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Response, Problem> {
    let first = own_job(&state, &caller, job_id).await?;
    let watch = Watch {
        state,
        caller,
        parts,
        asked: Instant::now(),
        job_id,
        shown: None,
        ready: Some(first),
        is_over: false,
    };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok::<_, Infallible>(event), watch))
    });
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE));
    Ok(events.into_response())
}

struct Watch {
    state: State,
    caller: Caller,
    /// The request, of which the caller is found again.
    parts: Parts,
    /// When that was last done.
    asked: Instant,
    job_id: i64,
    shown: Option<String>,
    ready: Option<JobRow>,
    is_over: bool,
}

impl Watch {
    /// The next event; `None` after the last.
    async fn next(&mut self) -> Option<Event> {
        if self.is_over {
            return None;
        }
        loop {
            let row = match self.ready.take() {
                Some(row) => row,
                None => self.later().await?,
            };
            let job = Job::of(&row);
            let text = serde_json::to_string(&job).ok()?;
            if self.shown.as_ref() == Some(&text) {
                continue;
            }
            self.is_over = !row.state.is_live();
            self.shown = Some(text.clone());
            return Some(Event::default().event(job.state).data(text));
        }
    }

    /// The job a little later; `None` where there is no more to tell, or nobody
    /// to tell it to. A browser asks again by itself.
    async fn later(&mut self) -> Option<JobRow> {
        tokio::select! {
            () = self.state.stop.wait() => return None,
            () = tokio::time::sleep(LOOK) => {}
        }
        match self.seen().await {
            Ok(row) => Some(row),
            Err(problem) => {
                // Else it was pruned, or the caller may not see it any more.
                if problem.status().is_server_error() {
                    problem.log("a job cannot be watched");
                }
                None
            }
        }
    }

    /// The job as it is, where the caller may still see it.
    async fn seen(&mut self) -> Result<JobRow, Problem> {
        if self.asked.elapsed() >= ASK_AGAIN {
            self.caller = Caller::again(&mut self.parts, &self.state).await?;
            self.asked = Instant::now();
        }
        own_job(&self.state, &self.caller, self.job_id).await
    }
}

/// The job that a request is answered with which begins it.
///
/// # Errors
/// Where the catalog fails.
pub(crate) async fn accepted(
    state: &State,
    job_id: i64,
) -> Result<(StatusCode, Answer<Job>), Problem> {
    let row = state.storage.catalog.job(job_id).await?;
    let row = row.ok_or_else(|| no_job(job_id))?;
    Ok((StatusCode::ACCEPTED, unkept(&Job::of(&row))?))
}

/// The job of this id, if it is about the athlete that the caller acts for;
/// admins see all.
async fn own_job(state: &State, caller: &Caller, job_id: i64) -> Result<JobRow, Problem> {
    let row = state.storage.catalog.job(job_id).await?;
    let sees_all = caller.scopes.has(Scope::Admin);
    row.filter(|row| sees_all || (row.athlete_id.is_some() && row.athlete_id == caller.athlete_id))
        .ok_or_else(|| no_job(job_id))
}

fn no_job(job_id: i64) -> Problem {
    let message = format!("there is no job {job_id}");
    Problem::new(
        Code::NotFound,
        message,
        "begin one, such as with POST /api/strava/sync",
    )
}

fn unkept(job: &Job) -> Result<Answer<Job>, Problem> {
    let fresh = HeaderValue::from_static("no-store");
    Ok(Answer::json(answer::value(job)?).with(CACHE_CONTROL, fresh))
}
