//! A world for jobs: what they do and see, and a clock that is moved.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use pacelake_jobs::queue::{Job, JobRow, JobState, Stopped, TaskHandle, Trouble, Worker, enqueue};
use serde::{Deserialize, Serialize};
use storage::catalog::{Catalog, Db, JobFilter};
use storage::testing::Place;
use storage::{AthleteId, Code};
use tokio::sync::Notify;

/// The longest that anything here is waited for; reached by what is broken
/// only.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub async fn open(place: &Place) -> Catalog {
    let db = match &place.catalog {
        None => Db::open_sqlite(&place.data_dir.path().join("catalog.sqlite")).await,
        Some(url) => Db::open_postgres(url).await,
    };
    Catalog::open(db.unwrap()).await.unwrap()
}

/// How many things there are to witness.
pub const THINGS: usize = 5;

/// What jobs do and see here.
#[derive(Clone, Default)]
pub struct World(pub Arc<Inner>);

#[derive(Default)]
pub struct Inner {
    /// The keys of the runs that began, in order.
    begun: Mutex<Vec<String>>,
    /// Lets jobs go on that hang.
    pub open: Notify,
    /// What happened to each thing, and how much of it a run has seen.
    pub happened: [AtomicI64; THINGS],
    pub seen: [AtomicI64; THINGS],
}

impl World {
    pub fn begun(&self) -> Vec<String> {
        self.0.begun.lock().unwrap().clone()
    }

    /// Waits until so many runs began.
    pub async fn begins(&self, runs: usize) -> Vec<String> {
        until("runs begin", async || self.begun().len() >= runs).await;
        self.begun()
    }
}

pub async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, waiting).await;
    assert!(waited.is_ok(), "waited in vain until {what}");
}

pub async fn in_time<T>(work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, work).await;
    done.expect("it came to an end")
}

/// What a job does.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Act {
    Succeed,
    /// Says how far it is, then waits to be let go on.
    Hang,
    /// Waits until it is told to stop, and obeys.
    Obey,
    /// Waits for ever, whatever it is told.
    Defy,
    Fail(Seen),
    Panic,
    /// Waits for a rate limit this many seconds, as long as it is before.
    WaitFor(i64),
    /// The same, by a limit that all of the kind share.
    Share(i64),
    /// Enqueues another.
    Follow,
}

/// Which verdict the code of an error has.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Seen {
    Once,
    ForEver,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Chore {
    pub name: String,
    pub act: Act,
    pub athlete: Option<AthleteId>,
    pub every_s: Option<u64>,
}

impl Chore {
    pub fn new(name: &str, act: Act) -> Self {
        Self {
            name: name.to_owned(),
            act,
            athlete: None,
            every_s: None,
        }
    }

    pub async fn enqueue(&self, catalog: &Catalog) -> i64 {
        let enqueued = enqueue(catalog, self, Some("request 7"), None).await;
        enqueued.unwrap().job_id
    }
}

#[async_trait]
impl Job<World> for Chore {
    const KIND: &'static str = "chore";
    const PRIORITY: i64 = 10;
    const MAX_ATTEMPTS: i64 = 3;

    fn key(&self) -> String {
        self.name.clone()
    }

    fn athlete(&self) -> Option<AthleteId> {
        self.athlete
    }

    fn again_every(&self) -> Option<Duration> {
        self.every_s.map(Duration::from_secs)
    }

    async fn run(&self, world: &World, task: &TaskHandle) -> Result<(), Stopped> {
        world.0.begun.lock().unwrap().push(self.name.clone());
        match &self.act {
            Act::Succeed => Ok(()),
            Act::Hang => {
                task.progress(3, 10, "hanging");
                world.0.open.notified().await;
                task.progress(10, 10, "done");
                Ok(())
            }
            Act::Obey => {
                task.stop_wanted().await;
                assert!(task.stop_asked());
                Err(task.stopping())
            }
            Act::Defy => std::future::pending().await,
            Act::Fail(Seen::Once) => Err(Stopped::Retry(Trouble {
                code: Code::StoreUnavailable,
                reason: "the store is away".to_owned(),
                try_next: "wait".to_owned(),
            })),
            // By way of an error of ours, whose code says that it is final.
            Act::Fail(Seen::ForEver) => Err(storage::Error::NoJob { job_id: 7 }.into()),
            Act::Panic => panic!("as it was told"),
            Act::WaitFor(seconds) | Act::Share(seconds) => {
                let at = Timestamp::from_second(START + seconds).unwrap();
                if task.now() >= at {
                    return Ok(());
                }
                let why = "the window is used up".to_owned();
                Err(match self.act {
                    Act::Share(_) => Stopped::Limited { at, why },
                    _ => Stopped::WaitUntil { at, why },
                })
            }
            Act::Follow => {
                assert_eq!(task.request_id(), Some("request 7"));
                let next = Self::new("follows", Act::Succeed);
                task.enqueue(&next, None).await?;
                Ok(())
            }
        }
    }
}

/// Takes long, so that one at a time is enough.
#[derive(Debug, Serialize, Deserialize)]
pub struct Haul(pub u32);

#[async_trait]
impl Job<World> for Haul {
    const KIND: &'static str = "haul";
    const PRIORITY: i64 = 0;
    const MAX_ATTEMPTS: i64 = 1;
    const AT_ONCE: usize = 1;

    fn key(&self) -> String {
        self.0.to_string()
    }

    fn athlete(&self) -> Option<AthleteId> {
        None
    }

    async fn run(&self, world: &World, _task: &TaskHandle) -> Result<(), Stopped> {
        let name = format!("haul {}", self.0);
        world.0.begun.lock().unwrap().push(name);
        world.0.open.notified().await;
        Ok(())
    }
}

/// Looks at what happened to a thing.
#[derive(Debug, Serialize, Deserialize)]
pub struct Witness(pub usize);

#[async_trait]
impl Job<World> for Witness {
    const KIND: &'static str = "witness";
    const PRIORITY: i64 = 0;
    const MAX_ATTEMPTS: i64 = 1_000;

    fn key(&self) -> String {
        self.0.to_string()
    }

    fn athlete(&self) -> Option<AthleteId> {
        Some(AthleteId(self.0 as i64))
    }

    async fn run(&self, world: &World, _task: &TaskHandle) -> Result<(), Stopped> {
        // It looks first and is slow to say so, as one that fetches is.
        let seen = world.0.happened[self.0].load(Ordering::SeqCst);
        tokio::task::yield_now().await;
        world.0.seen[self.0].fetch_max(seen, Ordering::SeqCst);
        Ok(())
    }
}

/// Where every test's clock begins, in seconds since 1970.
pub const START: i64 = 1_700_000_000;

/// A clock of a test's own, which stands still unless it is moved.
#[derive(Clone, Copy)]
pub struct Clock {
    pub now: fn() -> Timestamp,
    pub seconds: &'static AtomicI64,
}

impl Clock {
    /// Moves it to so many seconds after the start.
    pub fn set(&self, seconds: i64) {
        self.seconds.store(START + seconds, Ordering::SeqCst);
    }
}

pub fn worker(catalog: &Catalog, world: &World, clock: Clock) -> Worker<World> {
    Worker::new(catalog.clone(), world.clone(), clock.now)
        .register::<Chore>()
        .register::<Haul>()
        .register::<Witness>()
}

pub async fn read(catalog: &Catalog, job_id: i64) -> JobRow {
    let job = catalog.job(job_id).await.unwrap();
    job.expect("the job is there")
}

pub async fn waits(catalog: &Catalog) -> Vec<JobRow> {
    let filter = JobFilter {
        state: Some(JobState::Waiting),
        ..JobFilter::default()
    };
    catalog.jobs(&filter, 100).await.unwrap()
}
