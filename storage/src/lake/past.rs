//! The lake as it was: which snapshot a moment means, and its view.

use std::fmt;
use std::sync::Arc;

use super::{Lake, LakeView};
use crate::ducklake::snapshot;
use crate::error::Error;
use crate::moment::{self, Moment};

/// A snapshot that is kept, and when it was committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The snapshot's id.
    pub snapshot_id: i64,
    /// When, in microseconds since 1970, UTC, by the clock of who committed.
    pub time_us: i64,
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.snapshot_id, moment::time(self.time_us))
    }
}

/// Why there is no snapshot of a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// The id is one that no commit has had yet.
    NotYetMade,
    /// The instant is before the lake's first snapshot.
    BeforeTheFirst,
    /// Maintenance let it go.
    Expired,
}

impl Lake {
    /// An older snapshot.
    ///
    /// # Errors
    /// [`Error::NoSnapshot`] where it never was or has expired; else as
    /// [`latest`](Self::latest).
    pub async fn at(&self, snapshot_id: i64) -> Result<LakeView, Error> {
        let state = self.inner.read_as(snapshot_id, None).await?;
        Ok(self.view(Arc::new(state)))
    }

    /// The lake as it was at a moment, for those who read it by today's
    /// declarations: of the declared tables those that came later are there
    /// without rows, and columns that came later are null.
    ///
    /// # Errors
    /// As [`snapshot_at`](Self::snapshot_at) and [`latest`](Self::latest).
    pub async fn at_moment(&self, moment: &Moment) -> Result<LakeView, Error> {
        let snapshot_id = self.snapshot_at(moment).await?;
        let present = self.inner.newest().await?;
        if present.snapshot_id == snapshot_id {
            return Ok(self.view(present));
        }
        let state = self.inner.read_as(snapshot_id, Some(&present)).await?;
        let mut view = self.view(Arc::new(state));
        view.present = Some(present);
        Ok(view)
    }

    /// The id of the snapshot that a moment means: the one named, if it is
    /// kept; of an instant the newest that was committed at or before it. One
    /// or two short statements.
    ///
    /// # Errors
    /// [`Error::NoSnapshot`], which says which snapshots there are, where it
    /// never was or has expired: of an instant also where it cannot be said
    /// any more which one was the newest then. [`Error::Database`].
    pub async fn snapshot_at(&self, moment: &Moment) -> Result<i64, Error> {
        let mut tx = self.inner.db.begin_read().await?;
        snapshot::at(&mut tx, *moment).await
    }

    /// A snapshot that is kept, and when it was committed.
    ///
    /// # Errors
    /// [`Error::NoSnapshot`], [`Error::Database`].
    pub async fn kept(&self, snapshot_id: i64) -> Result<Kept, Error> {
        let mut tx = self.inner.db.begin_read().await?;
        snapshot::of_id(&mut tx, snapshot_id).await
    }
}
