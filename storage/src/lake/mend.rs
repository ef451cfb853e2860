//! Files of the newest snapshot that are damaged or missing, and the rows that
//! take their place.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::draft::{Draft, Part};
use super::{Committed, KeySet, Lake, LakeView, Problem};
use crate::catalog::CatalogChange;
use crate::ducklake::keys::Matcher;
use crate::ducklake::replace::{Ends, Guard, Replaced, Replacement, mend_counters, replace};
use crate::ducklake::state::{DataFile, State, TableState};
use crate::ducklake::{forget, snapshot};
use crate::error::Error;
use crate::id::AthleteId;
use crate::table::Table;

/// Data files of the newest snapshot that cannot be read, and the lake without
/// them.
#[derive(Debug)]
pub struct Mending {
    draft: Draft,
    view: LakeView,
    condemned: BTreeMap<String, Condemned>,
}

/// The files of one table that are to end.
#[derive(Debug)]
struct Condemned {
    table: Arc<TableState>,
    files: Vec<Arc<DataFile>>,
}

impl Lake {
    /// The data files of the newest snapshot that `problems` name, themselves
    /// or by their deletes; files of other tables than `tables` are left out.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Store`].
    pub async fn mending(
        &self,
        tables: Vec<&'static Table>,
        problems: &[Problem],
    ) -> Result<Mending, Error> {
        let state = self.inner.newest().await?;
        let bad: HashSet<&str> = problems.iter().filter_map(Problem::path).collect();
        let is_bad = |file: &Arc<DataFile>| {
            let deletes = file.deletes.as_ref();
            bad.contains(file.object.path.as_ref())
                || deletes.is_some_and(|deletes| bad.contains(deletes.object.path.as_ref()))
        };
        let mut condemned = BTreeMap::new();
        let mut sound = State::clone(&state);
        for table in tables
            .iter()
            .filter_map(|table| state.tables.get(table.name))
        {
            let (files, kept): (Vec<_>, Vec<_>) = table.files.iter().cloned().partition(is_bad);
            if files.is_empty() {
                continue;
            }
            let without = TableState {
                files: Arc::new(kept),
                ..table.as_ref().clone()
            };
            sound.tables.insert(table.name.clone(), Arc::new(without));
            let table = Arc::clone(table);
            condemned.insert(table.name.clone(), Condemned { table, files });
        }
        Ok(Mending {
            draft: Draft::new(Arc::clone(&self.inner), &state, tables),
            view: self.view(Arc::new(sound)),
            condemned,
        })
    }

    /// Puts the counters of the lake's catalog right where they would give an
    /// id twice.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn mend_counters(&self) -> Result<(), Error> {
        mend_counters(&self.inner.db).await
    }

    /// Forgets all snapshots before the newest, and schedules the files that
    /// only they hold for removal, but for the ones that `problems` says are
    /// missing.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn forget_history(&self, problems: &[Problem]) -> Result<(), Error> {
        let missing = super::draft::missing(problems);
        let mut tx = self.inner.db.begin().await?;
        let newest = snapshot::newest(&mut tx).await?;
        forget::before(&mut tx, newest, &missing).await?;
        tx.commit().await
    }
}

impl Mending {
    /// Whether no file of the newest snapshot is concerned.
    pub fn is_empty(&self) -> bool {
        self.condemned.is_empty()
    }

    /// The tables that lose files.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.condemned.keys().map(String::as_str)
    }

    /// How many files end.
    pub fn files(&self) -> usize {
        self.condemned.values().map(|one| one.files.len()).sum()
    }

    /// The lake without those files.
    pub fn view(&self) -> &LakeView {
        &self.view
    }

    /// Which of the keys, by index, may have rows in the files of `table` that
    /// end, by what the catalog says of them.
    ///
    /// # Errors
    /// [`Error::NoColumn`], [`Error::Rows`] for keys of other columns.
    pub fn may_hold(&self, table: &str, keys: &KeySet) -> Result<Vec<usize>, Error> {
        let Some(condemned) = self.condemned.get(table) else {
            return Ok(Vec::new());
        };
        let mut held = Vec::new();
        for row in 0..keys.rows.num_rows() {
            let key = keys.rows.slice(row, 1);
            let matcher = Matcher::new(table, &condemned.table.columns, &key)?;
            let may_hold = condemned.files.iter().any(|file| {
                let known = condemned.table.known(file, matcher.columns());
                matcher.may_match(&known)
            });
            if may_hold {
                held.push(row);
            }
        }
        Ok(held)
    }

    /// Writes rows that take the place of lost ones.
    ///
    /// # Errors
    /// As [`Draft::write`].
    pub async fn write(
        &self,
        rows: BTreeMap<&'static str, Vec<arrow::array::RecordBatch>>,
    ) -> Result<Part, Error> {
        self.draft.write(String::new(), rows, false).await
    }

    /// Takes parts back that will not be committed.
    pub async fn discard(&self, parts: Vec<Part>) {
        for part in parts {
            self.draft.discard(part).await;
        }
    }

    /// Ends the files and adds the parts, in one snapshot, provided that the
    /// `athletes` are in these revisions.
    ///
    /// # Errors
    /// [`Error::Conflict`] where one is not, or a file has ended meanwhile;
    /// [`Error::Database`]. Nothing is written then.
    pub async fn commit(
        &self,
        parts: &[Part],
        athletes: &[(AthleteId, i64)],
        catalog: &CatalogChange,
    ) -> Result<Committed, Error> {
        let tables = self.condemned.iter().map(|(name, condemned)| Replaced {
            table: Arc::clone(&condemned.table),
            ends: Ends::Files(condemned.files.iter().map(|file| file.id).collect()),
            files: parts.iter().flat_map(|part| part.files_of(name)).collect(),
        });
        let inner = &self.draft.inner;
        let replacement = Replacement {
            tables: tables.collect(),
            base: inner.newest().await?,
            attempt: Uuid::now_v7(),
            message: "replace damaged files",
            catalog,
            guard: Guard::These(athletes),
            forget: None,
        };
        let snapshot_id = replace(&inner.db, &inner.io, &replacement).await?;
        Ok(Committed { snapshot_id })
    }
}
