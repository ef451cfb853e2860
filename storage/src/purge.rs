//! Rows that must go for ever, out of every snapshot and every file.

use std::collections::BTreeSet;

use object_store::path::Path;
use serde::Serialize;
use uuid::Uuid;

use crate::catalog::Purge;
use crate::ducklake::{purge, strays};
use crate::error::Error;
use crate::id::AthleteId;
use crate::lake::{KeySet, Lake};

/// Which rows go.
#[derive(Clone, Debug)]
pub struct Erasure {
    /// The purge that they go by.
    pub purge_id: Uuid,
    /// Whose they are.
    pub athlete_id: AthleteId,
    /// Whether all rows of the athlete go.
    pub whole: bool,
    /// The activities whose rows go, by id.
    pub activities: BTreeSet<i64>,
    /// Activities of which only the rows stay that are in the newest snapshot:
    /// older ones may tell of a recording that went.
    pub revised: BTreeSet<i64>,
    /// Tables with rows of athletes that are computed from several activities.
    /// Where single activities go, the athlete's rows stay in them that are in
    /// the newest snapshot, and all older ones go: they may hold sums and ranks
    /// of what went.
    pub superseded: Vec<&'static str>,
}

impl Erasure {
    /// What a purge means in the lake.
    pub fn of(purge: &Purge, superseded: Vec<&'static str>) -> Self {
        Self {
            purge_id: purge.purge_id,
            athlete_id: purge.athlete_id,
            whole: purge.whole,
            activities: purge.activities.iter().map(|id| id.0).collect(),
            revised: purge.revised.iter().map(|id| id.0).collect(),
            superseded,
        }
    }
}

/// What went from the lake's history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// Rows, in all snapshots.
    pub rows: i64,
    /// Data files that were written anew without them.
    pub files_rewritten: i64,
    /// Data files that held nothing else.
    pub files_removed: i64,
    /// Tables that have neither `athlete_id` nor `activity_id`: nobody can
    /// tell whose their rows are.
    pub not_searched: Vec<String>,
    /// The snapshot that says so; `None` where nothing was written.
    pub snapshot_id: Option<i64>,
}

/// What was deleted among objects that nothing names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Objects.
    pub objects: i64,
    /// Their length in bytes.
    pub bytes: i64,
    /// Objects that cannot be read, so that nobody can tell what they hold.
    pub unreadable: Vec<String>,
}

impl Lake {
    /// Takes the rows out of every snapshot; all others stay as they are, in
    /// each. The old files are named in the catalog as targets of the purge.
    /// `again` says that it was done before: then nothing is written where
    /// there is nothing to do.
    ///
    /// # Errors
    /// [`Error::Parquet`], [`Error::Store`], [`Error::Database`]; nothing is
    /// changed then.
    pub async fn erase(&self, erasure: &Erasure, again: bool) -> Result<Erased, Error> {
        purge::rewrite(&self.inner.db, &self.inner.io, erasure, again).await
    }

    /// What [`erase`](Self::erase) would take.
    ///
    /// # Errors
    /// [`Error::Parquet`], [`Error::Database`].
    pub async fn count_erased(&self, erasure: &Erasure) -> Result<Erased, Error> {
        purge::count(&self.inner.db, &self.inner.io, erasure).await
    }

    /// Deletes objects that nothing names and that hold such rows.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Parquet`], [`Error::Database`].
    pub async fn sweep(&self, erasure: &Erasure) -> Result<Swept, Error> {
        let unnamed = self.unnamed().await?;
        self.sweep_among(erasure, &unnamed).await
    }

    /// Objects that nothing names now: what commits left that were cut off, and
    /// what those that are under way have written so far.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Database`].
    pub async fn unnamed(&self) -> Result<BTreeSet<Path>, Error> {
        strays::unnamed(&self.inner.db, &self.inner.io).await
    }

    /// Deletes those of some objects that nothing names and that hold such
    /// rows. Where they were there before the rows went from the newest
    /// snapshot, no commit can come that needs them: it would have been decided
    /// on what is not so any more.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Parquet`], [`Error::Database`].
    pub async fn sweep_among(
        &self,
        erasure: &Erasure,
        among: &BTreeSet<Path>,
    ) -> Result<Swept, Error> {
        let mut live = strays::Live::new();
        if !erasure.whole {
            let view = self.latest().await?;
            let keys = KeySet::athletes(&[erasure.athlete_id]);
            for name in &erasure.superseded {
                live.insert(name, view.rows(name, None, &keys).await?);
            }
        }
        strays::sweep(&self.inner.db, &self.inner.io, erasure, &live, among).await
    }

    /// Deletes objects of the lake's store, by path; answers how many bytes
    /// they held. What is gone already is no error.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn remove_objects(&self, paths: &[String]) -> Result<i64, Error> {
        let mut bytes = 0;
        for path in paths {
            let removed = strays::remove(&self.inner.io, &Path::from(path.as_str())).await?;
            bytes += removed.unwrap_or_default() as i64;
        }
        Ok(bytes)
    }
}
