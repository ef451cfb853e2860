//! How a job tells how far it is, and is told to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Hears how far a job is. Called from the job's own task; must not block.
pub trait Progress: Send + Sync {
    /// The job has `total` steps, called `what`.
    fn begin(&self, what: &'static str, total: u64);
    /// `done` more steps are finished.
    fn advance(&self, done: u64);
    /// Something worth a line.
    fn note(&self, line: &str);
    /// The steps of the last `begin` are all done.
    fn end(&self);
}

/// Says nothing.
#[derive(Debug)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _what: &'static str, _total: u64) {}
    fn advance(&self, _done: u64) {}
    fn note(&self, _line: &str) {}
    fn end(&self) {}
}

/// A wish to stop, shared between the one who wishes and the job.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Wish>);

#[derive(Debug, Default)]
struct Wish {
    asked: AtomicBool,
    heard: Notify,
}

impl Stop {
    /// Asks the job to stop after the step it is in.
    pub fn ask(&self) {
        self.0.asked.store(true, Ordering::SeqCst);
        self.0.heard.notify_waiters();
    }

    /// Whether the job should stop.
    pub fn asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Waits until it is asked.
    pub async fn wait(&self) {
        let mut heard = std::pin::pin!(self.0.heard.notified());
        // Listening from here on, so that nothing is said in between.
        heard.as_mut().enable();
        if !self.asked() {
            heard.await;
        }
    }
}
