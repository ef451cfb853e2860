//! Numbers for those who watch the installation.

use axum::extract::State as Shared;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use storage::catalog::{BudgetWindow, JobState};
use storage::metric::{
    BUDGET_LIMIT, BUDGET_USED, QUEUE_AGE, QUEUE_DUE, QUEUE_JOBS, SNAPSHOT, WORKERS,
};

use crate::access::Admin;
use crate::parameters::{NoParameters, Parameters};
use crate::problem::{AnyProblem, Problem};
use crate::schema::admin::age_s;
use crate::state::State;

/// Counters and times of this process, and how queue, workers and Strava's
/// limits stand, in Prometheus' text format. `data/metrics.md` lists them.
#[utoipa::path(get, path = "/metrics", tag = "server",
    responses((status = 200, description = "The numbers.", body = String,
        content_type = "text/plain"), AnyProblem))]
pub async fn get_metrics(
    _: Admin,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Response, Problem> {
    // What this process counted is told all the same.
    if let Err(problem) = gauge(&state).await {
        problem.log("queue, workers and lake could not be measured");
    }
    let text = state
        .telling
        .as_ref()
        .map_or_else(String::new, |tell| tell());
    let headers = [(CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((headers, text).into_response())
}

/// Measures what is kept in the catalog.
async fn gauge(state: &State) -> Result<(), Problem> {
    let catalog = &state.storage.catalog;
    let now = Timestamp::now();
    let now_us = now.as_microsecond();
    let stats = catalog.job_stats(now_us).await?;
    // What was there once and is not any more stands at 0.
    let mut kinds = state.seen_kinds.lock().await;
    kinds.extend(stats.iter().map(|one| one.kind.clone()));
    for kind in kinds.iter() {
        let of = |wanted: JobState| {
            let mut all = stats.iter();
            all.find(|one| one.kind == *kind && one.state == wanted)
        };
        for job_state in JobState::ALL {
            let jobs = of(job_state).map_or(0, |one| one.jobs);
            metrics::gauge!(QUEUE_JOBS.name, "kind" => kind.clone(), "state" => job_state.name())
                .set(jobs as f64);
        }
        let waiting = of(JobState::Waiting);
        let due = waiting.map_or(0, |one| one.due);
        let oldest = waiting.and_then(|one| one.oldest_due_at_us);
        let age = oldest.map_or(0.0, |at_us| age_s(now, at_us));
        metrics::gauge!(QUEUE_DUE.name, "kind" => kind.clone()).set(due as f64);
        metrics::gauge!(QUEUE_AGE.name, "kind" => kind.clone()).set(age);
    }
    drop(kinds);
    let workers = catalog.workers(jobs::queue::ALIVE).await?;
    metrics::gauge!(WORKERS.name).set(workers.len() as f64);
    if state.strava.is_some() {
        let windows = catalog.strava_windows(now_us).await?;
        for (window, is) in [
            (BudgetWindow::Quarter, windows.quarter),
            (BudgetWindow::Day, windows.day),
        ] {
            let name = window.name();
            metrics::gauge!(BUDGET_USED.name, "window" => name).set(is.used.read as f64);
            metrics::gauge!(BUDGET_LIMIT.name, "window" => name).set(is.limits.read as f64);
        }
    }
    let snapshot = state.storage.lake.latest().await?.snapshot_id();
    metrics::gauge!(SNAPSHOT.name).set(snapshot as f64);
    Ok(())
}
