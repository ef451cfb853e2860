//! The kinds that a worker knows.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;

use storage::Code;
use storage::catalog::Trouble;

use super::{Job, Stopped, TaskHandle};

/// A run that goes on by itself.
pub(super) type Running = Pin<Box<dyn Future<Output = Result<(), Stopped>> + Send>>;

/// Reads a payload and runs it.
type Runner<E> = Arc<dyn Fn(String, E, TaskHandle) -> Running + Send + Sync>;

/// One kind.
pub(super) struct Kind<E> {
    /// How many of it run at the same time at most.
    pub at_once: usize,
    /// Runs one.
    pub runner: Runner<E>,
}

/// The kinds that a worker knows, by name.
pub(super) struct Registry<E>(BTreeMap<&'static str, Kind<E>>);

impl<E: Clone + Send + Sync + 'static> Registry<E> {
    pub fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// # Panics
    /// Where another kind has the same name: a fault of whoever wrote it.
    pub fn add<J: Job<E>>(&mut self) {
        let kind = Kind {
            at_once: J::AT_ONCE.max(1),
            runner: Arc::new(|payload, environment, task| {
                Box::pin(run::<E, J>(payload, environment, task))
            }),
        };
        let known = self.0.insert(J::KIND, kind);
        assert!(known.is_none(), "two kinds of job are named {}", J::KIND);
    }

    pub fn get(&self, kind: &str) -> Option<&Kind<E>> {
        self.0.get(kind)
    }

    /// Each kind with how many of it may run at the same time.
    pub fn limits(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.0.iter().map(|(name, kind)| (*name, kind.at_once))
    }
}

async fn run<E: Sync, J: Job<E>>(
    payload: String,
    environment: E,
    task: TaskHandle,
) -> Result<(), Stopped> {
    match serde_json::from_str::<J>(&payload) {
        Ok(job) => job.run(&environment, &task).await,
        Err(error) => {
            tracing::error!(%error, "the payload of a job cannot be read");
            Err(Stopped::Failed(Trouble {
                code: Code::Inconsistent,
                reason: format!("this build cannot read the payload of {}", J::KIND),
                try_next: "ask for it anew, with the build that runs the workers".to_owned(),
            }))
        }
    }
}
