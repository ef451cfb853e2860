//! What all requests share.

use std::sync::Arc;

use query::{Limits, Session};
use storage::{AthleteId, Storage};
use tokio::sync::Mutex;

use crate::problem::Problem;

/// What all requests share. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// Where everything is kept.
    pub storage: Storage,
    /// Whom requests act as; `None`: the first athlete.
    pub(crate) athlete_id: Option<AthleteId>,
    limits: Limits,
    /// The session of the newest snapshot that was asked for. Sessions never
    /// change, so requests that meet the same snapshot share one.
    newest: Arc<Mutex<Option<(i64, Session)>>>,
}

impl State {
    /// The state of a server over `storage`, each of whose snapshots is read
    /// within `limits`; requests act as the first athlete.
    pub fn new(storage: Storage, limits: Limits) -> Self {
        Self {
            storage,
            athlete_id: None,
            limits,
            newest: Arc::default(),
        }
    }

    /// The same, where requests act as another athlete.
    pub fn acting_as(mut self, athlete_id: AthleteId) -> Self {
        self.athlete_id = Some(athlete_id);
        self
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
        let session = Session::open(&view, self.limits.clone()).await?;
        *newest = Some((snapshot_id, session.clone()));
        Ok((snapshot_id, session))
    }
}
