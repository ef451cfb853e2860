//! Jobs that are written down before they are done, and the worker that does
//! them.
//!
//! A job is a small value that can be written as JSON ([`Job`]). Enqueuing it
//! writes it to the catalog ([`enqueue`], or [`new_job`] for a transaction that
//! somebody else began); any worker of any process that knows its kind runs it
//! ([`Worker`]). What the queue promises, in which order it serves and what
//! waiting means stands in `storage::catalog`'s queue.
//!
//! **Every job may run twice**: its worker may die after the last step and
//! before that is written down. **No job keeps what it must not lose in its own
//! payload**: asking for it again replaces that.
//!
//! A job ends in one of five ways: it is done; it waits for something that is
//! nobody's fault, by itself or with all of its kind; it may go well another time; it never will
//! ([`Stopped`]). An error of ours says by its code which of the last two it
//! is, so that `?` is all that a job needs.

mod backoff;
mod beat;
mod handle;
mod holds;
mod registry;
mod run;
mod worker;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage::catalog::{Catalog, NewJob};
use storage::{AthleteId, Failure, Verdict};

pub use handle::{JobProgress, TaskHandle};
pub use storage::catalog::{Enqueued, JobRow, JobState, Trouble};
pub use worker::{ALIVE, Worker};

use crate::error::Error;

/// What has a lesser priority number than this is urgent: somebody waits for it.
/// Each worker that runs several jobs at a time keeps a place for it.
pub const URGENT: i64 = 30;

/// Work of one kind, for workers in an environment `E`: whatever it needs to
/// be done.
#[async_trait]
pub trait Job<E>: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// Names the kind in the catalog, in metrics and logs. Never changed once
    /// released.
    const KIND: &'static str;
    /// Less goes first: 0 for what somebody waits for, 100 for what takes the
    /// time that is left.
    const PRIORITY: i64;
    /// How often it is tried at most; waits are not counted.
    const MAX_ATTEMPTS: i64;
    /// How many of the kind one worker runs at the same time at most, so that
    /// long ones leave room for others.
    const AT_ONCE: usize = usize::MAX;

    /// What it is about. Of each kind and key one job waits or runs at a time.
    fn key(&self) -> String;

    /// Whose turn it uses; `None`: nobody's.
    fn athlete(&self) -> Option<AthleteId>;

    /// Does it.
    ///
    /// # Errors
    /// Why it is not done.
    async fn run(&self, environment: &E, task: &TaskHandle) -> Result<(), Stopped>;

    /// For one that recurs: how long after its end it runs again. It does so
    /// when it was done and when it failed, until somebody cancels it.
    fn again_every(&self) -> Option<Duration> {
        None
    }
}

/// Why a job is not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It cannot go on before some time, and nothing is wrong with it: a rate
    /// limit, a connection that its athlete must renew. No attempt.
    WaitUntil {
        /// Until when.
        at: Timestamp,
        /// For what, in a sentence for people.
        why: String,
    },
    /// The same, by a limit that it shares with those of its kind that are no
    /// more urgent: its worker leaves them alone, too.
    Limited {
        /// Until when.
        at: Timestamp,
        /// Which limit, in a sentence for people.
        why: String,
    },
    /// It may go well another time.
    Retry(Trouble),
    /// It would fail again.
    Failed(Trouble),
}

impl<F: Failure> From<F> for Stopped {
    fn from(failure: F) -> Self {
        let trouble = Trouble::from(&failure);
        match trouble.code.row().verdict {
            Verdict::Retry => Self::Retry(trouble),
            Verdict::GiveUp => Self::Failed(trouble),
        }
    }
}

/// The job as it is written down, for a transaction that somebody else began
/// ([`enqueue_in`](storage::catalog::enqueue_in), or `jobs` of a
/// [`CatalogChange`](storage::catalog::CatalogChange)).
///
/// `request_id` names what asks for it; it is due at once or at `due`.
///
/// # Errors
/// [`Error::Payload`].
pub fn new_job<E, J: Job<E>>(
    job: &J,
    request_id: Option<&str>,
    due: Option<Timestamp>,
) -> Result<NewJob, Error> {
    let payload = serde_json::to_string(job).map_err(|source| Error::Payload {
        kind: J::KIND,
        source,
    })?;
    let every = job.again_every();
    Ok(NewJob {
        kind: J::KIND.to_owned(),
        key: job.key(),
        athlete_id: job.athlete(),
        priority: J::PRIORITY,
        payload,
        due_at_us: due.map(Timestamp::as_microsecond),
        max_attempts: J::MAX_ATTEMPTS,
        every_us: every.map(|every| i64::try_from(every.as_micros()).unwrap_or(i64::MAX)),
        request_id: request_id.map(str::to_owned),
    })
}

/// Enqueues a job, due at once or at `due`.
///
/// # Errors
/// [`Error::Payload`], [`Error::Storage`].
pub async fn enqueue<E, J: Job<E>>(
    catalog: &Catalog,
    job: &J,
    request_id: Option<&str>,
    due: Option<Timestamp>,
) -> Result<Enqueued, Error> {
    let new = new_job(job, request_id, due)?;
    let enqueued = catalog.enqueue(std::slice::from_ref(&new)).await?;
    let enqueued = enqueued.into_iter().next();
    let enqueued = enqueued.expect("one job was enqueued, and each has its answer");
    tracing::debug!(
        job_id = enqueued.job_id,
        kind = new.kind,
        key = new.key,
        request_id,
        is_new = enqueued.is_new,
        "a job was enqueued"
    );
    Ok(enqueued)
}
