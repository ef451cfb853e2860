//! The worker: claims jobs and runs them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use storage::Error;
use storage::catalog::{ANY_PRIORITY, Catalog, ClaimOrder, JobRow, Keep};
use tokio::task::{Id, JoinSet};
use uuid::Uuid;

use super::beat::Runs;
use super::holds::Holds;
use super::registry::Registry;
use super::run::{self, Shared};
use super::{Job, URGENT};
use crate::progress::Stop;
use crate::task::Task;

/// How long a job stays with a worker that says nothing.
const LEASE: Duration = Duration::from_secs(15);
/// How long a run may go on that should stop.
const PATIENCE: Duration = Duration::from_secs(10);
/// The pause of an idle worker before it looks again, at first.
const SHORTEST_PAUSE: Duration = Duration::from_millis(100);
/// The same, after it found nothing several times. What is enqueued in its own
/// process wakes it at once; of other processes it hears nothing, so this is
/// within what an event may take until it is seen. A look that finds nothing is
/// one short read.
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// How long after a look that found nothing it looks again at the earliest,
/// however often something is enqueued: it may be what is held, hundreds of
/// times a second. It grows to the shortest pause while none finds anything.
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
/// How often it writes that it is there.
const SEEN: Duration = Duration::from_secs(10);
/// A worker of which nothing was heard for so long is not there.
pub const ALIVE: Duration = Duration::from_secs(45);
/// How often it removes what of the history is beyond its bounds.
const PRUNES: Duration = Duration::from_secs(10 * 60);

/// Runs jobs of the kinds that it knows, in an environment that all of them
/// are given. Any number of workers, in any number of processes, may share a
/// catalog.
pub struct Worker<E> {
    catalog: Catalog,
    environment: E,
    now: fn() -> Timestamp,
    registry: Registry<E>,
    name: String,
    lease: Duration,
    patience: Duration,
}

impl<E: Clone + Send + Sync + 'static> Worker<E> {
    /// A worker that knows no kind yet. `now` is the clock by which jobs are
    /// due; tests move it.
    pub fn new(catalog: Catalog, environment: E, now: fn() -> Timestamp) -> Self {
        Self {
            catalog,
            environment,
            now,
            registry: Registry::new(),
            name: format!("{}-{}", std::process::id(), Uuid::now_v7()),
            lease: LEASE,
            patience: PATIENCE,
        }
    }

    /// Teaches it a kind.
    ///
    /// # Panics
    /// Where it knows one of this name.
    #[must_use]
    pub fn register<J: Job<E>>(mut self) -> Self {
        self.registry.add::<J>();
        self
    }

    /// Sets how long a job stays with it when it says nothing: after that
    /// another worker takes the job over. 15 s unless set.
    #[must_use]
    pub fn with_lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Sets how long a run may go on that should stop, before it is cut off.
    /// 10 s unless set.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Runs up to `concurrency` jobs at a time until it is told to stop. Jobs
    /// that run then are told so, and given back where they do not end in
    /// time.
    ///
    /// Dropping it cuts all runs off; others take their jobs over when the
    /// leases end.
    pub async fn run(&self, concurrency: usize, stop: Stop) {
        let kinds = self.kinds();
        let presence = presence(self.catalog.clone(), self.name.clone(), kinds, concurrency);
        let presence = Task::spawn(presence);
        self.work(concurrency, &stop, false).await;
        drop(presence);
        if let Err(error) = self.catalog.forget_worker(&self.name).await {
            tracing::warn!(%error, "the end of a worker could not be written");
        }
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.registry.limits().map(|(kind, _)| kind).collect()
    }

    /// Runs jobs until none is due and none runs: for tests and commands.
    pub async fn drain(&self, concurrency: usize) {
        self.work(concurrency, &Stop::default(), true).await;
    }

    async fn work(&self, concurrency: usize, stop: &Stop, until_idle: bool) {
        let kinds = self.kinds();
        tracing::info!(worker = self.name, concurrency, ?kinds, "a worker begins");
        let shared = Arc::new(Shared {
            catalog: self.catalog.clone(),
            now: self.now,
            runs: Arc::new(Runs::new(self.lease)),
            holds: Holds::default(),
            stop: stop.clone(),
            patience: self.patience,
        });
        let _beats = Task::spawn(beats(Arc::clone(&shared.runs), self.catalog.clone()));
        let _prunes = Task::spawn(prunes(self.catalog.clone()));
        let mut bell = self.catalog.db().enqueued();
        let mut crew = Crew::default();
        let (mut pause, mut rest) = (SHORTEST_PAUSE, BETWEEN_LOOKS);
        while !stop.asked() {
            bell.mark_unchanged();
            crew.dismiss();
            let (kinds, limit, top) = self.room(concurrency, &crew);
            let claimed = Instant::now();
            let now = (self.now)();
            let below = |kind: &&'static str| (*kind, shared.holds.ceiling(kind, now).min(top));
            let kinds: Vec<_> = kinds.iter().map(below).collect();
            match self.claim(&kinds, limit).await {
                Ok(jobs) if jobs.is_empty() => {
                    if until_idle && crew.is_empty() {
                        break;
                    }
                }
                Ok(jobs) => {
                    (pause, rest) = (SHORTEST_PAUSE, BETWEEN_LOOKS);
                    for job in jobs {
                        self.begin(&mut crew, &shared, job, claimed);
                    }
                    // There may be more, and room for it.
                    continue;
                }
                Err(error) => tracing::warn!(%error, "a worker could not look for jobs"),
            }
            tokio::select! {
                () = stop.wait() => {}
                () = crew.end_of_one(), if !crew.is_empty() => pause = SHORTEST_PAUSE,
                _ = bell.changed(), if limit > 0 => {
                    pause = SHORTEST_PAUSE;
                    tokio::time::sleep_until((claimed + rest).into()).await;
                    rest = (rest * 2).min(SHORTEST_PAUSE);
                }
                () = tokio::time::sleep(pause) => {
                    (pause, rest) = ((pause * 2).min(LONGEST_PAUSE), BETWEEN_LOOKS);
                }
            }
        }
        while !crew.is_empty() {
            crew.end_of_one().await;
        }
        tracing::info!(worker = self.name, "a worker ends");
    }

    /// The kinds that may begin now, how many jobs of them, and the priority number
    /// that theirs are below. No more than fit if all are of the kind with the least
    /// room; and the last place of several is for what is urgent, or work that hangs
    /// could keep it waiting.
    fn room(&self, concurrency: usize, crew: &Crew) -> (Vec<&'static str>, usize, i64) {
        let free = concurrency.max(1).saturating_sub(crew.len());
        let running = crew.by_kind();
        let (mut limit, top) = match (concurrency > 1, free) {
            (true, 1) => (1, URGENT),
            (true, _) => (free.saturating_sub(1), ANY_PRIORITY),
            (false, _) => (free, ANY_PRIORITY),
        };
        let mut kinds = Vec::new();
        for (kind, at_once) in self.registry.limits() {
            let room = at_once.saturating_sub(running.get(kind).copied().unwrap_or(0));
            if room > 0 {
                kinds.push(kind);
                limit = limit.min(room);
            }
        }
        (kinds, limit, top)
    }

    async fn claim(&self, kinds: &[(&str, i64)], limit: usize) -> Result<Vec<JobRow>, Error> {
        self.catalog
            .claim(&ClaimOrder {
                worker: &self.name,
                kinds,
                limit: u32::try_from(limit).unwrap_or(u32::MAX),
                now_us: (self.now)().as_microsecond(),
                lease: self.lease,
            })
            .await
    }

    fn begin(&self, crew: &mut Crew, shared: &Arc<Shared>, job: JobRow, claimed: Instant) {
        let Some(kind) = self.registry.get(&job.kind) else {
            // It was claimed by kind; should that ever fail, the lease ends.
            tracing::error!(job_id = job.job_id, kind = job.kind, "a kind is unknown");
            return;
        };
        let runner = Arc::clone(&kind.runner);
        let environment = self.environment.clone();
        let payload = job.payload.clone();
        let name = job.kind.clone();
        let shared = Arc::clone(shared);
        crew.add(name, async move {
            let begin = |task| runner(payload, environment, task);
            run::run(shared, job, claimed, begin).await;
        });
    }
}

/// The runs that go on, each with its kind.
#[derive(Default)]
struct Crew {
    runs: JoinSet<()>,
    kinds: HashMap<Id, String>,
}

impl Crew {
    fn add(&mut self, kind: String, run: impl Future<Output = ()> + Send + 'static) {
        let handle = self.runs.spawn(run);
        self.kinds.insert(handle.id(), kind);
    }

    fn len(&self) -> usize {
        self.kinds.len()
    }

    fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    fn by_kind(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for kind in self.kinds.values() {
            *counts.entry(kind.as_str()).or_insert(0) += 1;
        }
        counts
    }

    /// Waits until one is over.
    async fn end_of_one(&mut self) {
        match self.runs.join_next_with_id().await {
            Some(ended) => self.forget(ended),
            None => self.kinds.clear(),
        }
    }

    /// Forgets those that are over.
    fn dismiss(&mut self) {
        while let Some(ended) = self.runs.try_join_next_with_id() {
            self.forget(ended);
        }
    }

    fn forget(&mut self, ended: Result<(Id, ()), tokio::task::JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                // Jobs run in tasks of their own: this is the worker's.
                tracing::error!(%error, "the watch over a job ended before its time");
                error.id()
            }
        };
        self.kinds.remove(&id);
    }
}

/// Renews leases for as long as it is not dropped.
async fn beats(runs: Arc<Runs>, catalog: Catalog) {
    loop {
        tokio::time::sleep(runs.pause()).await;
        if let Err(error) = runs.beat(&catalog).await {
            tracing::warn!(%error, "leases of jobs could not be renewed");
        }
    }
}

/// Writes that a worker is there for as long as it is not dropped.
async fn presence(catalog: Catalog, name: String, kinds: Vec<&'static str>, at_once: usize) {
    loop {
        if let Err(error) = catalog.see_worker(&name, &kinds, at_once).await {
            tracing::warn!(%error, "the presence of a worker could not be written");
        }
        tokio::time::sleep(SEEN).await;
    }
}

/// Keeps the history within its bounds for as long as it is not dropped.
async fn prunes(catalog: Catalog) {
    loop {
        match catalog.prune_jobs(&Keep::DECLARED).await {
            Ok(0) => {}
            Ok(jobs) => tracing::debug!(jobs, "old jobs were removed"),
            Err(error) => tracing::warn!(%error, "old jobs could not be removed"),
        }
        tokio::time::sleep(PRUNES).await;
    }
}
