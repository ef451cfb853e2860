//! One run of one job, from claim to end.

use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use jiff::Timestamp;
use storage::catalog::{Catalog, End, JobRow, JobState, Trouble};
use storage::metric::{JOB_SECONDS, JOBS_FINISHED};
use storage::{Code, Error, Failure, Verdict};
use tokio::sync::watch;
use tokio::task::JoinError;
use tracing::Instrument;

use super::Stopped;
use super::backoff::after_attempt;
use super::beat::{Claim, Runs};
use super::handle::TaskHandle;
use super::holds::Holds;
use super::registry::Running;
use crate::progress::Stop;
use crate::task::Task;

/// What all runs of a worker share.
pub(super) struct Shared {
    pub catalog: Catalog,
    pub now: fn() -> Timestamp,
    pub runs: Arc<Runs>,
    /// What is left alone for a while.
    pub holds: Holds,
    /// The worker stops.
    pub stop: Stop,
    /// How long a run may go on that should stop.
    pub patience: Duration,
}

/// Why a run is over.
enum Over {
    /// It came to its end.
    Ended(Result<Result<(), Stopped>, JoinError>),
    /// It was cut off.
    Cut(End),
    /// Somebody else has the job: nothing is to be said of it.
    Lost,
}

/// Runs a claimed job to its end and writes that down.
pub(super) async fn run(
    shared: Arc<Shared>,
    row: JobRow,
    claimed: Instant,
    begin: impl FnOnce(TaskHandle) -> Running,
) {
    // Of the highest level, so that whatever is logged tells whose it is.
    let span = tracing::error_span!(
        "job",
        job_id = row.job_id,
        kind = row.kind,
        key = row.key,
        request_id = row.request_id,
    );
    let task = TaskHandle::new(shared.catalog.clone(), shared.now, &row);
    let claim = shared.runs.add(&task, claimed);
    let work = Task::spawn(begin(task.clone()).instrument(span.clone()));
    async {
        tracing::debug!(attempt = row.attempts, "a job begins");
        let over = watch_over(&shared, &task, claim, work).await;
        // From here on nobody else can renew or lose it for us.
        let end = match over {
            Over::Ended(ended) => {
                if let Ok(Err(Stopped::Limited { at, .. })) = &ended {
                    let now = (shared.now)();
                    shared.holds.add(&row.kind, row.priority, now, *at);
                }
                end_of(&row, &task, ended)
            }
            Over::Cut(end) => end,
            Over::Lost => {
                shared.runs.remove(task.held());
                tracing::warn!("a job was lost to another worker, and cut off");
                count(&row, "lost");
                return;
            }
        };
        settle(&shared, &row, &task, &end).await;
        shared.runs.remove(task.held());
        metrics::histogram!(JOB_SECONDS.name, "kind" => row.kind.clone())
            .record(claimed.elapsed().as_secs_f64());
    }
    .instrument(span.clone())
    .await;
}

/// Waits for the run, tells it to stop where it should, and cuts it off where
/// it does not.
async fn watch_over(
    shared: &Shared,
    task: &TaskHandle,
    mut claim: watch::Receiver<Claim>,
    work: Task<Result<(), Stopped>>,
) -> Over {
    let mut work = std::pin::pin!(work);
    let cut = tokio::select! {
        ended = &mut work => return Over::Ended(ended),
        () = shared.stop.wait() => End::GivenBack,
        changed = claim.wait_for(|claim| *claim != Claim::Held) => match changed.as_deref() {
            Ok(Claim::CalledOff) => End::Cancelled,
            Ok(Claim::Held | Claim::Lost) | Err(_) => return Over::Lost,
        },
    };
    task.stop().ask();
    tokio::select! {
        ended = &mut work => match ended {
            // Whatever it says of an end that it was asked for.
            Ok(Err(Stopped::WaitUntil { .. } | Stopped::Limited { .. })) => Over::Cut(cut),
            ended => Over::Ended(ended),
        },
        () = tokio::time::sleep(shared.patience) => {
            tracing::warn!("a job did not stop in time, and was cut off");
            Over::Cut(cut)
        }
        _ = claim.wait_for(|claim| *claim == Claim::Lost) => Over::Lost,
    }
}

/// What the catalog is told of a run that came to its end.
fn end_of(row: &JobRow, task: &TaskHandle, ended: Result<Result<(), Stopped>, JoinError>) -> End {
    let again_at = || {
        let wait = after_attempt(row.job_id, row.attempts);
        let wait = i64::try_from(wait.as_micros()).unwrap_or(i64::MAX);
        task.now().as_microsecond().saturating_add(wait)
    };
    match ended {
        Ok(Ok(())) => End::Done,
        Ok(Err(Stopped::WaitUntil { at, why } | Stopped::Limited { at, why })) => End::Wait {
            until_us: at.as_microsecond(),
            reason: why,
        },
        Ok(Err(Stopped::Retry(trouble))) => End::Retry {
            at_us: again_at(),
            trouble,
        },
        Ok(Err(Stopped::Failed(trouble))) => End::Failed(trouble),
        // Its runtime ends.
        Err(error) if !error.is_panic() => End::GivenBack,
        Err(error) => {
            tracing::error!(%error, "a job panicked");
            End::Retry {
                at_us: again_at(),
                trouble: Trouble {
                    code: Code::Internal,
                    reason: "it panicked".to_owned(),
                    try_next: "report it with the log".to_owned(),
                },
            }
        }
    }
}

/// Writes down how it ended, for as long as the claim can hold.
async fn settle(shared: &Shared, row: &JobRow, task: &TaskHandle, end: &End) {
    let progress = task.unwritten();
    let attempt = || async {
        let now_us = task.now().as_microsecond();
        let progress = progress.as_deref();
        let settled = shared.catalog.settle(task.held(), end, progress, now_us);
        settled.await
    };
    let may_go_well =
        |error: &Error| error.is_retryable() || error.code().row().verdict == Verdict::Retry;
    let patience = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(shared.runs.lease() / 4)
        .without_max_times()
        .with_total_delay(Some(shared.runs.lease()))
        .with_jitter();
    let settled = attempt.retry(patience).when(may_go_well).await;
    match settled {
        Ok(Some(after)) => {
            let outcome = outcome(end, &after);
            count(row, outcome);
            match after.state {
                JobState::Failed => tracing::error!(
                    code = after.code,
                    reason = after.reason,
                    attempt = row.attempts,
                    "a job failed"
                ),
                JobState::Waiting => tracing::info!(
                    outcome,
                    reason = after.reason,
                    attempt = row.attempts,
                    due_at_us = after.due_at_us,
                    "a job waits again"
                ),
                JobState::Done | JobState::Cancelled | JobState::Running => {
                    tracing::info!(outcome, attempt = row.attempts, "a job is over");
                }
            }
        }
        Ok(None) => {
            tracing::warn!("a job was lost to another worker before its end");
            count(row, "lost");
        }
        Err(error) => {
            tracing::error!(%error, "the end of a job could not be written; it will run again");
            count(row, "unwritten");
        }
    }
}

/// The end of a run in one word.
fn outcome(end: &End, after: &JobRow) -> &'static str {
    match end {
        End::Done => "done",
        End::Wait { .. } => "waited",
        End::Retry { .. } if after.state == JobState::Failed => "failed",
        End::Retry { .. } => "retried",
        End::Failed(_) => "failed",
        End::GivenBack => "given_back",
        End::Cancelled => "cancelled",
        End::Died => "died",
    }
}

fn count(row: &JobRow, outcome: &'static str) {
    metrics::counter!(JOBS_FINISHED.name, "kind" => row.kind.clone(), "outcome" => outcome)
        .increment(1);
}
