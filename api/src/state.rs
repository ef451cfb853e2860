//! What all requests share.

use std::sync::Arc;

use query::{Limits, Session};
use storage::Storage;
use tokio::sync::Mutex;

use crate::problem::Problem;

/// What all requests share. Cheap to clone.
#[derive(Clone)]
pub struct State {
    /// Where everything is kept.
    pub storage: Storage,
    limits: Limits,
    /// The session of the newest snapshot that was asked for. Sessions never
    /// change, so requests that meet the same snapshot share one.
    newest: Arc<Mutex<Option<(i64, Session)>>>,
}

impl State {
    /// The state of a server over `storage`, each of whose snapshots is read
    /// within `limits`.
    pub fn new(storage: Storage, limits: Limits) -> Self {
        Self {
            storage,
            limits,
            newest: Arc::default(),
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
        let session = Session::open(&view, self.limits.clone()).await?;
        *newest = Some((snapshot_id, session.clone()));
        Ok((snapshot_id, session))
    }
}
