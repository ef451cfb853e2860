//! A recompute whose progress is the job's.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::runtime::Handle;
use tracing::{Instrument, Span};

use crate::context::Context;
use crate::error::Error;
use crate::progress::Progress;
use crate::queue::{Stopped, TaskHandle};
use crate::recompute::{self, Options, Recomputed};

/// Tells a job's watchers what the work tells.
struct Followed {
    task: TaskHandle,
    what: &'static str,
    done: AtomicU64,
    total: AtomicU64,
}

impl Progress for Followed {
    fn begin(&self, _: &'static str, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        self.advance(0);
    }

    fn advance(&self, done: u64) {
        let before = self.done.fetch_add(done, Ordering::Relaxed);
        let total = self.total.load(Ordering::Relaxed);
        self.task.progress(before + done, total, self.what);
    }

    fn note(&self, line: &str) {
        let (done, total) = (&self.done, &self.total);
        let (done, total) = (done.load(Ordering::Relaxed), total.load(Ordering::Relaxed));
        self.task.progress(done, total, line);
    }

    fn end(&self) {}
}

/// The context of a job's work: it stops when the job should, and tells how far
/// it is.
pub(super) fn context(context: &Context, task: &TaskHandle, what: &'static str) -> Context {
    Context {
        progress: Arc::new(Followed {
            task: task.clone(),
            what,
            done: AtomicU64::new(0),
            total: AtomicU64::new(0),
        }),
        stop: task.stop(),
        ..context.clone()
    }
}

/// Runs work on a thread of its own, so that a worker may run it as a task
/// though it stays on one thread; what it logs is still of the job.
///
/// # Errors
/// The work's, or that its thread ended.
pub(super) async fn apart<T, F>(work: impl FnOnce() -> F + Send + 'static) -> Result<T, Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>>,
{
    let (runtime, span) = (Handle::current(), Span::current());
    let work = move || runtime.block_on(async { work().await }.instrument(span));
    tokio::task::spawn_blocking(work).await?
}

/// Recomputes for a job; what was done is its last progress.
pub(super) async fn recomputed(
    of: &Context,
    task: &TaskHandle,
    what: &'static str,
    options: Options,
) -> Result<(), Stopped> {
    let options = Options {
        // A run that was cut off may have changed rows, and not come to the ranks.
        ranks: options.ranks || task.was_begun_before(),
        ..options
    };
    let followed = context(of, task, what);
    let done: Recomputed =
        apart(move || async move { recompute::recompute(&followed, &options).await }).await?;
    if done.interrupted {
        return Err(task.stopping());
    }
    let message = format!(
        "{} activities were computed, {} of them changed; ranks and statistics of {} athletes changed",
        done.computed, done.changed, done.athletes_changed
    );
    task.progress(done.looked_at, done.looked_at, &message);
    Ok(())
}
