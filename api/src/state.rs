//! What all requests share.

use std::io;
use std::sync::Arc;

use jobs::Context;
use jobs::progress::{Silent, Stop};
use query::Session;
use storage::{AthleteId, Storage};
use tokio::sync::Mutex;

use crate::heavy::{Heavy, Turns};
use crate::kept::KeptAnswers;
use crate::limits::ServerLimits;
use crate::problem::Problem;

/// What all requests share. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// Where everything is kept.
    pub storage: Storage,
    /// Whom requests act as; `None`: the first athlete.
    pub(crate) athlete_id: Option<AthleteId>,
    /// How much the server takes on.
    pub(crate) limits: Arc<ServerLimits>,
    /// Where statements and exports run.
    pub(crate) heavy: Heavy,
    /// Turns of reads.
    pub(crate) reads: Turns,
    /// Answers that were given before.
    pub(crate) kept: KeptAnswers,
    /// The session of the newest snapshot that was asked for. Sessions never
    /// change, so requests that meet the same snapshot share one.
    newest: Arc<Mutex<Option<(i64, Session)>>>,
}

impl State {
    /// The state of a server over `storage` within `limits`; requests act as
    /// the first athlete.
    ///
    /// # Errors
    /// Where the system gives no threads.
    pub fn new(storage: Storage, limits: ServerLimits) -> io::Result<Self> {
        Ok(Self {
            storage,
            athlete_id: None,
            heavy: Heavy::new(&limits)?,
            reads: Turns::new("reads", limits.reads, limits.wait),
            kept: KeptAnswers::new(limits.kept_bytes),
            limits: Arc::new(limits),
            newest: Arc::default(),
        })
    }

    /// The same, where requests act as another athlete.
    pub fn acting_as(mut self, athlete_id: AthleteId) -> Self {
        self.athlete_id = Some(athlete_id);
        self
    }

    /// The same, where `in_use` tells how many bytes the process holds.
    pub fn watching(mut self, in_use: fn() -> Option<u64>) -> Self {
        self.heavy = self.heavy.watching(in_use);
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

    /// A session at the newest snapshot, and the snapshot's id.
    ///
    /// # Errors
    /// Where catalog or lake cannot be reached.
    pub async fn session(&self) -> Result<(i64, Session), Problem> {
        let view = self.storage.lake.latest().await?;
        let snapshot_id = view.snapshot_id();
        let mut newest = self.newest.lock().await;
        if let Some((id, session)) = newest.as_ref()
            && *id == snapshot_id
        {
            return Ok((snapshot_id, session.clone()));
        }
        let session = Session::open(&view, self.limits.read.clone()).await?;
        *newest = Some((snapshot_id, session.clone()));
        Ok((snapshot_id, session))
    }
}
