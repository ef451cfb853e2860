//! What all requests share.

use std::collections::BTreeSet;
use std::io;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jobs::Context;
use jobs::progress::{Silent, Stop};
use moka::sync::Cache;
use query::Session;
use storage::{AthleteId, LakeView, Moment, Storage};
use tokio::sync::Mutex;

use crate::access::Athlete;
use crate::attempts::Attempts;
use crate::heavy::{Heavy, Turns};
use crate::kept::KeptAnswers;
use crate::limits::ServerLimits;
use crate::password::Passwords;
use crate::past::At;
use crate::problem::Problem;
use crate::public_url::PublicUrl;
use crate::routes::strava::Strava;

/// What all requests share. A clone, of which each request takes several, is a
/// pointer.
#[derive(Clone)]
pub struct State(Arc<Shared>);

/// What a [`State`] holds.
#[derive(Clone)]
pub struct Shared {
    /// Where everything is kept.
    pub storage: Storage,
    /// Whom requests act as while there are no accounts; `None`: the first
    /// athlete.
    pub(crate) athlete_id: Option<AthleteId>,
    /// How much the server takes on.
    pub(crate) limits: Arc<ServerLimits>,
    /// Where statements and exports run.
    pub(crate) heavy: Heavy,
    /// Turns of reads.
    pub(crate) reads: Turns,
    /// Strava, where the server is set up for it.
    pub(crate) strava: Option<Strava>,
    /// Answers that were given before.
    pub(crate) kept: KeptAnswers,
    /// Tells the numbers of this process, where it keeps any.
    pub(crate) telling: Option<Telling>,
    /// Kinds of jobs that were told of.
    pub(crate) seen_kinds: Arc<Mutex<BTreeSet<String>>>,
    /// Where others reach the server, if it was said.
    pub(crate) public: Option<Arc<PublicUrl>>,
    /// Hashes and compares passwords.
    pub(crate) passwords: Passwords,
    /// Failed attempts to sign in.
    pub(crate) attempts: Attempts,
    /// Asked once the server is to end: what would go on for long ends then.
    pub(crate) stop: Stop,
    /// Whether there is an account; once there is one, there always is.
    accounts: Arc<AtomicBool>,
    /// The newest snapshot that was asked for. Sessions never change, so
    /// requests that meet the same snapshot share one.
    newest: Arc<Mutex<Option<Opened>>>,
    /// Older ones that were asked for, by id and purge epoch: a purge changes
    /// what every snapshot holds.
    older: Cache<(i64, i64), Opened>,
}

/// What `/metrics` says, in Prometheus' text format.
pub type Telling = Arc<dyn Fn() -> String + Send + Sync>;

/// A snapshot that is open.
#[derive(Clone)]
pub struct Opened {
    /// The snapshot.
    pub view: LakeView,
    /// DataFusion on it.
    pub session: Session,
}

/// How many older snapshots stay open.
const OLDER: u64 = 8;

impl Deref for State {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl State {
    /// The state of a server over `storage` within `limits`; requests act as
    /// the first athlete.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn new(storage: Storage, limits: ServerLimits) -> io::Result<Self> {
        Ok(Self(Arc::new(Shared {
            storage,
            athlete_id: None,
            strava: None,
            heavy: Heavy::new(&limits)?,
            reads: Turns::new("reads", limits.reads, limits.wait),
            kept: KeptAnswers::new(limits.kept_bytes),
            telling: None,
            seen_kinds: Arc::default(),
            public: None,
            passwords: Passwords::new(limits.wait),
            attempts: Attempts::default(),
            stop: Stop::default(),
            accounts: Arc::default(),
            limits: Arc::new(limits),
            newest: Arc::default(),
            older: Cache::new(OLDER),
        })))
    }

    /// The same, where requests act as another athlete while there are no
    /// accounts.
    pub fn acting_as(mut self, athlete_id: AthleteId) -> Self {
        self.set_up().athlete_id = Some(athlete_id);
        self
    }

    /// The same, where others reach the server at this address.
    pub fn reached_at(mut self, public: PublicUrl) -> Self {
        self.set_up().public = Some(Arc::new(public));
        self
    }

    /// The same, where `/metrics` says this.
    pub fn telling(mut self, telling: Telling) -> Self {
        self.set_up().telling = Some(telling);
        self
    }

    /// What is set before the server serves.
    pub(crate) fn set_up(&mut self) -> &mut Shared {
        Arc::make_mut(&mut self.0)
    }

    /// Whether there is an account.
    ///
    /// # Errors
    /// Where the catalog cannot be reached.
    pub async fn has_accounts(&self) -> Result<bool, storage::Error> {
        if self.accounts.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let found = self.storage.catalog.has_accounts().await?;
        self.accounts.fetch_or(found, Ordering::Relaxed);
        Ok(found)
    }

    /// Whether nobody has to sign in: there are no accounts, and the server is
    /// not meant for other machines.
    pub(crate) async fn is_open(&self) -> Result<bool, Problem> {
        let for_others = self.public.as_ref().is_some_and(|url| !url.is_loopback());
        Ok(!for_others && !self.has_accounts().await?)
    }

    /// Whether browsers reach the server by HTTPS.
    pub(crate) fn is_secure(&self) -> bool {
        self.public.as_ref().is_some_and(|url| url.is_https())
    }

    /// The same, where `in_use` tells how many bytes the process holds.
    pub fn watching(mut self, in_use: fn() -> Option<u64>) -> Self {
        let shared = self.set_up();
        shared.heavy = shared.heavy.clone().watching(in_use);
        self
    }

    /// What jobs need.
    pub fn context(&self) -> Context {
        Context {
            storage: self.storage.clone(),
            now: jiff::Timestamp::now,
            progress: Arc::new(Silent),
            stop: Stop::default(),
        }
    }

    /// The snapshot that a request of this athlete reads.
    ///
    /// # Errors
    /// Where catalog or lake cannot be reached; `not_found` where the snapshot
    /// has expired meanwhile.
    pub async fn open(&self, at: At, athlete: &Athlete) -> Result<Opened, Problem> {
        let At::Snapshot(snapshot_id) = at else {
            return self.newest().await;
        };
        let key = (snapshot_id, athlete.purge_epoch);
        if let Some(opened) = self.older.get(&key) {
            return Ok(opened);
        }
        let moment = Moment::Snapshot(snapshot_id);
        let view = self.storage.lake.at_moment(&moment).await?;
        let opened = self.opened(view).await?;
        self.older.insert(key, opened.clone());
        Ok(opened)
    }

    async fn newest(&self) -> Result<Opened, Problem> {
        let view = self.storage.lake.latest().await?;
        let mut newest = self.newest.lock().await;
        if let Some(opened) = newest.as_ref()
            && opened.view.snapshot_id() == view.snapshot_id()
        {
            return Ok(opened.clone());
        }
        let opened = self.opened(view).await?;
        *newest = Some(opened.clone());
        Ok(opened)
    }

    async fn opened(&self, view: LakeView) -> Result<Opened, Problem> {
        let session = Session::open(&view, self.limits.read.clone()).await?;
        Ok(Opened { view, session })
    }
}
