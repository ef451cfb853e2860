//! What a running job is given beside its environment.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use storage::catalog::{Catalog, Held, JobRow};

use super::{Enqueued, Job, Stopped, enqueue};
use crate::error::Error;
use crate::progress::Stop;

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobProgress {
    /// How many steps are done.
    pub done: u64,
    /// Of how many; 0 where that is not known.
    pub total: u64,
    /// What is being done, in a few words for people.
    pub message: String,
}

/// Speaks for one run of a job. Clones speak for the same.
#[derive(Clone, Debug)]
pub struct TaskHandle(Arc<Run>);

#[derive(Debug)]
struct Run {
    catalog: Catalog,
    now: fn() -> Timestamp,
    held: Held,
    attempt: i64,
    priority: i64,
    request_id: Option<String>,
    stop: Stop,
    /// What was said last, and whether it was written down.
    progress: Mutex<Said>,
}

#[derive(Debug, Default)]
struct Said {
    json: Option<String>,
    is_written: bool,
}

impl TaskHandle {
    pub(super) fn new(catalog: Catalog, now: fn() -> Timestamp, row: &JobRow) -> Self {
        Self(Arc::new(Run {
            catalog,
            now,
            held: row.held(),
            attempt: row.attempts,
            priority: row.priority,
            request_id: row.request_id.clone(),
            stop: Stop::default(),
            progress: Mutex::default(),
        }))
    }

    /// The job's id.
    pub fn job_id(&self) -> i64 {
        self.0.held.job_id
    }

    /// Which attempt this is, counted from 1.
    pub fn attempt(&self) -> i64 {
        self.0.attempt
    }

    /// Its priority number: the least that it was asked for with.
    pub fn priority(&self) -> i64 {
        self.0.priority
    }

    /// Whether a run of it was begun before, however that ended.
    pub(crate) fn was_begun_before(&self) -> bool {
        self.0.held.claim > 1
    }

    /// The request or event that asked for the job.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// What time it is, by the worker's clock.
    pub fn now(&self) -> Timestamp {
        (self.0.now)()
    }

    /// Says how far it is: `done` of `total` steps (0: nobody knows how many).
    /// Cheap; it is written down within a second or so, and the last of it with
    /// the end.
    pub fn progress(&self, done: u64, total: u64, message: &str) {
        let progress = JobProgress {
            done,
            total,
            message: message.to_owned(),
        };
        let json = serde_json::to_string(&progress).expect("numbers and a text are JSON");
        let mut said = self.said();
        if said.json.as_ref() != Some(&json) {
            *said = Said {
                json: Some(json),
                is_written: false,
            };
        }
    }

    /// Whether it should stop after the step at hand: its worker stops, or
    /// somebody called the job off. Return [`stopping`](Self::stopping) then;
    /// who does not within the worker's patience is cut off.
    pub fn stop_asked(&self) -> bool {
        self.0.stop.asked()
    }

    /// Waits until it should stop.
    pub async fn stop_wanted(&self) {
        self.0.stop.wait().await;
    }

    /// The wish to stop, for work that takes a [`Context`](crate::Context).
    pub fn stop(&self) -> Stop {
        self.0.stop.clone()
    }

    /// What a job returns that was asked to stop: another worker goes on with
    /// it, and this was no attempt.
    pub fn stopping(&self) -> Stopped {
        Stopped::WaitUntil {
            at: self.now(),
            why: "its worker stopped".to_owned(),
        }
    }

    /// Enqueues what follows from this job, for the same request, due at once
    /// or at `due`.
    ///
    /// # Errors
    /// [`Error::Payload`], [`Error::Storage`].
    pub async fn enqueue<E, J: Job<E>>(
        &self,
        job: &J,
        due: Option<Timestamp>,
    ) -> Result<Enqueued, Error> {
        enqueue(&self.0.catalog, job, self.request_id(), due).await
    }

    /// The catalog, for what follows in other shapes.
    pub(crate) fn catalog(&self) -> &Catalog {
        &self.0.catalog
    }

    pub(super) fn held(&self) -> Held {
        self.0.held
    }

    /// What was said last and is not written down.
    pub(super) fn unwritten(&self) -> Option<String> {
        let said = self.said();
        said.json.clone().filter(|_| !said.is_written)
    }

    /// This was written down.
    pub(super) fn written(&self, json: &str) {
        let mut said = self.said();
        if said.json.as_deref() == Some(json) {
            said.is_written = true;
        }
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Said> {
        // A text and a flag are whole, whoever panicked.
        self.0
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
