//! Keeps the lake in good order: rewrites small, half-deleted and foreign
//! files, expires old snapshots, removes what nothing names.
//!
//! **A rewrite is a commit like any other.** Old files end, new ones begin, in
//! a new snapshot with the same rows; nothing that an older snapshot lists
//! changes, so time travel goes on reading the old files until those snapshots
//! expire. Under the lake's lock it is checked that each old file is still
//! live and has lost no more rows; otherwise the rewrite is dropped, never the
//! other writer's commit. So any number of writers, readers and maintainers
//! may work side by side, and each rewrite that is done stays done whenever
//! the work is cut off.
//!
//! **Row ids.** DuckLake gives every row an id, by a file's first id and the
//! row's position, or by a column of its own in rewritten files. Our new
//! files take new ids from the table's counter instead: the order of rows
//! changes, so ids would need that extra column, which every plain Parquet
//! reader sees and which costs eight bytes a row; nothing of ours uses ids,
//! and for others they only tie an update's two halves together in
//! `table_changes`, which lists a rewrite's files as changes either way.

pub mod plan;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use self::plan::{FileFacts, Mode, TARGET_BYTES, Task};
use crate::catalog::{CatalogChange, Lease};
use crate::code::{Code, Failure};
use crate::ducklake::candidates;
use crate::ducklake::commit::{self, Label, Prepared};
use crate::ducklake::commit_first::commit_first;
pub use crate::ducklake::expire::Expired;
use crate::ducklake::expire::{self, Expiry};
use crate::ducklake::merge::{Merge, Merged};
use crate::ducklake::relay::relay;
use crate::ducklake::snapshot;
use crate::ducklake::state::{DataFile, State, TableState};
use crate::ducklake::sweep;
pub use crate::ducklake::sweep::Swept;
use crate::ducklake::write::{NewFile, Partition};
use crate::error::Error;
use crate::lake::{Lake, LakeView};
use crate::moment::Moment;
use crate::table::Table;

/// How long a file stays that no snapshot lists any more, and an object that
/// none ever listed: longer than any query and any upload.
pub const GRACE: Duration = Duration::from_secs(24 * 60 * 60);

/// What to let go.
#[derive(Clone, Copy, Debug)]
pub struct Cleaning {
    /// How long snapshots are kept.
    pub keep_snapshots: Duration,
    /// How long files stay after that; [`GRACE`] but in tests.
    pub grace: Duration,
    /// The store's time in microseconds since 1970; `None` asks the store.
    pub now_us: Option<i64>,
    /// Whether to say only what would go.
    pub dry_run: bool,
}

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cleaned {
    /// Snapshots, and the files that only they listed.
    pub expired: Expired,
    /// Files.
    pub swept: Swept,
}

/// Files, their bytes and their live rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many files.
    pub files: u64,
    /// Their length in bytes.
    pub bytes: u64,
    /// Their rows that are not deleted.
    pub rows: u64,
}

impl Amount {
    /// Takes in another amount.
    pub fn add(&mut self, more: Self) {
        self.files += more.files;
        self.bytes += more.bytes;
        self.rows += more.rows;
    }

    fn of_old(files: &[Arc<DataFile>]) -> Self {
        Self {
            files: files.len() as u64,
            bytes: files.iter().map(|file| file.object.size).sum(),
            rows: files
                .iter()
                .map(|file| file.rows.saturating_sub(candidates::deleted_rows(file)))
                .sum(),
        }
    }

    fn of_new(files: &[NewFile]) -> Self {
        Self {
            files: files.len() as u64,
            bytes: files.iter().map(|file| file.object.size).sum(),
            rows: files.iter().map(|file| file.rows.unsigned_abs()).sum(),
        }
    }
}

/// Why files are rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// They are small.
    Small,
    /// Many of its rows are deleted.
    Deleted,
    /// Another writer made them, or keeps rows in the catalog.
    Foreign,
}

impl Why {
    /// As reports name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Small => "merge",
            Self::Deleted => "shrink",
            Self::Foreign => "relay",
        }
    }
}

/// Files of one table that are to be rewritten in one commit.
#[derive(Clone, Debug)]
pub struct Rewrite {
    table: &'static Table,
    files: Vec<i64>,
    partition: Option<Partition>,
    /// Why.
    pub why: Why,
    /// What is to be rewritten.
    pub before: Amount,
}

impl Rewrite {
    /// The table.
    pub fn table(&self) -> &'static Table {
        self.table
    }

    /// A sentence for the lake's history.
    fn message(&self) -> String {
        format!(
            "{} {} files of {}",
            self.why.name(),
            self.before.files,
            self.table.name
        )
    }
}

/// What became of a rewrite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewritten {
    /// The rows lie in this many files now.
    Done(Amount),
    /// Another writer changed one of the files first, or rewrote it; nothing
    /// was done, and a new plan says what is left to do.
    Overtaken,
}

impl LakeView {
    /// Keeps the snapshot from expiring until the lease is dropped.
    ///
    /// A view needs none to be read for up to [`GRACE`]: the files that it
    /// knows stay that long after their snapshot expired. A lease is for work
    /// that comes back to the same snapshot for longer, such as a backup.
    ///
    /// # Errors
    /// [`Error::NoSnapshot`] where it has expired; [`Error::Database`].
    pub async fn lease(&self) -> Result<Lease, Error> {
        let snapshot_id = self.snapshot_id();
        let lease = Lease::snapshot(&self.inner.db, snapshot_id).await?;
        match lease {
            Some(lease) => Ok(lease),
            None => {
                let mut tx = self.inner.db.begin_read().await?;
                Err(snapshot::missing(&mut tx, Moment::Snapshot(snapshot_id)).await?)
            }
        }
    }
}

impl Lake {
    /// The tables that are maintained: those that were declared when the lake
    /// was opened. Tables of other writers are left to them.
    pub fn maintained(&self) -> &[&'static Table] {
        &self.inner.tables
    }

    /// What is to be rewritten in a table at the newest snapshot. Where
    /// nothing is, and the table is served, this costs one short statement.
    ///
    /// # Errors
    /// As [`latest`](Self::latest).
    pub async fn rewrites(&self, table: &'static Table, mode: Mode) -> Result<Vec<Rewrite>, Error> {
        let state = self.inner.newest().await?;
        let Some(found) = state.tables.get(table.name) else {
            return Ok(Vec::new());
        };
        if table.sort.is_empty() || is_in_order(found, mode) {
            return Ok(Vec::new());
        }
        let mut tx = self.inner.db.begin_read().await?;
        let partitions = candidates::partitions(&mut tx, found.id).await?;
        drop(tx);
        let tasks = plan::plan(&facts(found, &partitions), mode);
        let by_id: HashMap<i64, &Arc<DataFile>> =
            found.files.iter().map(|file| (file.id, file)).collect();
        let mut rewrites: Vec<Rewrite> = tasks
            .into_iter()
            .map(|task| {
                let (files, why) = match task {
                    Task::Merge(ids) if ids.len() == 1 => (ids, Why::Deleted),
                    Task::Merge(ids) => (ids, Why::Small),
                    Task::Relay(ids) => (ids, Why::Foreign),
                };
                let old: Vec<_> = files.iter().map(|id| Arc::clone(by_id[id])).collect();
                Rewrite {
                    table,
                    partition: partitions.get(&files[0]).cloned(),
                    before: Amount::of_old(&old),
                    files,
                    why,
                }
            })
            .collect();
        if let Some(inlined) = &found.inlined {
            let rows = inlined.origins.len() as u64;
            match rewrites.iter_mut().find(|one| one.why == Why::Foreign) {
                Some(relay) => relay.before.rows += rows,
                None => rewrites.push(Rewrite {
                    table,
                    files: Vec::new(),
                    partition: None,
                    why: Why::Foreign,
                    before: Amount {
                        rows,
                        ..Amount::default()
                    },
                }),
            }
        }
        Ok(rewrites)
    }

    /// Rewrites files, in one commit. No row is changed, added or lost.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Parquet`], [`Error::Database`]; nothing is
    /// changed then.
    pub async fn rewrite(&self, rewrite: &Rewrite) -> Result<Rewritten, Error> {
        let state = self.inner.newest().await?;
        let Some((prepared, after)) = self.prepare(state, rewrite).await? else {
            return Ok(Rewritten::Overtaken);
        };
        let message = rewrite.message();
        let label = label(&message);
        let (db, io) = (&self.inner.db, &self.inner.io);
        match commit::commit(db, io, prepared, label, &CatalogChange::default()).await {
            Ok(_) => Ok(Rewritten::Done(after)),
            Err(error) if error.code() == Code::Conflict => Ok(Rewritten::Overtaken),
            Err(error) => Err(error),
        }
    }

    /// The same while everybody else who commits waits: for little that is
    /// overtaken again and again, at a table that changes without pause.
    ///
    /// # Errors
    /// As [`rewrite`](Self::rewrite).
    pub async fn rewrite_first(&self, rewrite: &Rewrite) -> Result<Rewritten, Error> {
        let base = self.inner.newest().await?;
        let message = rewrite.message();
        let (db, io) = (&self.inner.db, &self.inner.io);
        let prepare = |state| self.prepare(state, rewrite);
        let after = commit_first(db, io, &base, label(&message), prepare).await?;
        Ok(after.map_or(Rewritten::Overtaken, Rewritten::Done))
    }

    /// Writes the new files; `None` where an old one is gone.
    async fn prepare(
        &self,
        state: Arc<State>,
        rewrite: &Rewrite,
    ) -> Result<Option<(Prepared, Amount)>, Error> {
        let Some(table) = state.tables.get(rewrite.table.name) else {
            return Ok(None);
        };
        let by_id: HashMap<i64, &Arc<DataFile>> =
            table.files.iter().map(|file| (file.id, file)).collect();
        let mut old = Vec::with_capacity(rewrite.files.len());
        for id in &rewrite.files {
            match by_id.get(id) {
                Some(file) => old.push(Arc::clone(file)),
                None => return Ok(None),
            }
        }
        let io = &self.inner.io;
        let sort = rewrite.table.sort;
        let snapshot_id = state.snapshot_id;
        let inlined = match (rewrite.why, &table.inlined) {
            (Why::Foreign, Some(inlined)) => inlined.origins.clone(),
            (Why::Foreign | Why::Small | Why::Deleted, _) => Vec::new(),
        };
        let written = match rewrite.why {
            Why::Foreign => {
                let inlined = table.inlined.as_ref().map(|inlined| &inlined.rows);
                relay(io, table, snapshot_id, sort, &old, inlined).await?
            }
            Why::Small | Why::Deleted => {
                let merge = Merge {
                    table,
                    snapshot_id,
                    sort,
                    files: &old,
                    partition: rewrite.partition.clone(),
                    // A plan takes about as much as makes one file.
                    target_bytes: 2 * TARGET_BYTES,
                };
                match merge.write(io).await? {
                    Merged::Files(written) => written,
                    Merged::Unsorted(id) => {
                        let table_name = rewrite.table.name;
                        tracing::info!(table_name, id, "a file is not in order: sorting all rows");
                        relay(io, table, snapshot_id, sort, &old, None).await?
                    }
                }
            }
        };
        let after = Amount::of_new(&written);
        let prepared = Prepared::rewrite(&state, table, &old, inlined, written);
        Ok(Some((prepared, after)))
    }

    /// Lets snapshots go that are older than `keep_snapshots`, unless someone
    /// leases them, and removes files whose grace is over. Answers also the
    /// store's time that it went by.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Store`]; what went before stays so.
    pub async fn clean(&self, cleaning: &Cleaning) -> Result<(Cleaned, i64), Error> {
        let (db, io) = (&self.inner.db, &self.inner.io);
        let now_us = match cleaning.now_us {
            Some(now_us) => now_us,
            None => sweep::store_time_us(io.footers.store().as_ref()).await?,
        };
        let keep_us = i64::try_from(cleaning.keep_snapshots.as_micros()).unwrap_or(i64::MAX);
        let expiry = Expiry {
            before_us: now_us.saturating_sub(keep_us),
            scheduled_us: now_us,
            dry_run: cleaning.dry_run,
        };
        let expired = expire::expire(db, &expiry).await?;
        let swept = sweep::sweep(db, io, now_us, cleaning.grace, cleaning.dry_run).await?;
        Ok((Cleaned { expired, swept }, now_us))
    }

    /// Claims work on the lake that one process at a time should do, such as
    /// the maintenance of one table; `None` where another one is at it. The
    /// claim ends when it is dropped, or seconds after its process died.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn claim(&self, work: &str) -> Result<Option<Lease>, Error> {
        Lease::claim(&self.inner.db, work).await
    }
}

/// Names an attempt.
fn label(message: &str) -> Label<'_> {
    Label {
        attempt: Uuid::now_v7(),
        message,
    }
}

/// Whether a glance tells that nothing is to be done.
fn is_in_order(table: &TableState, mode: Mode) -> bool {
    let touched = |file: &Arc<DataFile>| {
        candidates::deleted_rows(file) > 0 || !candidates::is_named_ours(file)
    };
    let few = match mode {
        Mode::Whole => table.files.len() < 2,
        Mode::Served => table.files.len() < plan::SMALL_FILES,
    };
    few && table.inlined.is_none() && !table.files.iter().any(touched)
}

/// The table's files as a plan needs them.
fn facts(table: &TableState, partitions: &HashMap<i64, Partition>) -> Vec<FileFacts> {
    let mut numbers: BTreeMap<Option<&Partition>, usize> = BTreeMap::new();
    let files = table.files.iter();
    files
        .map(|file| {
            let partition = partitions.get(&file.id);
            let next = numbers.len();
            FileFacts {
                id: file.id,
                bytes: file.object.size,
                rows: file.rows,
                deleted: candidates::deleted_rows(file),
                partition: *numbers.entry(partition).or_insert(next),
                ours: candidates::is_ours(table, file, partition),
            }
        })
        .collect()
}
