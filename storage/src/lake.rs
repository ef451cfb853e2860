//! The lake: tables that change together, one snapshot after the other.

pub mod draft;
pub(crate) mod files;
pub mod mend;
pub mod past;
mod rows;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use datafusion::datasource::TableProvider;
use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::ObjectStore;
use tokio::sync::Mutex;
use url::Url;
use uuid::Uuid;

use crate::catalog::{CatalogChange, Db, Dialect};
use crate::code::{Code, Failure};
use crate::ducklake::commit::{self, Change, Label, Prepared};
use crate::ducklake::create::Moved;
use crate::ducklake::deletes::DeleteCache;
use crate::ducklake::footers::Footers;
use crate::ducklake::io::Io;
use crate::ducklake::load;
use crate::ducklake::scan::{LakeTable, Renewed};
use crate::ducklake::state::{DataFile, State};
pub use crate::ducklake::verify::Problem;
use crate::ducklake::{create, snapshot, verify};
use crate::error::Error;
use crate::id::{ActivityKey, AthleteId};
use crate::metric::{COMMIT_SECONDS, COMMITS};
use crate::objects::Objects;
use crate::table::Table;

/// The lake. Clones share what is kept in memory.
#[derive(Clone)]
pub struct Lake {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub db: Db,
    pub io: Arc<Io>,
    uuid: Uuid,
    /// Those that were declared when it was opened.
    pub tables: Vec<&'static Table>,
    /// The newest snapshot that was read.
    newest: Mutex<Arc<State>>,
}

impl fmt::Debug for Lake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lake")
            .field("uuid", &self.inner.uuid)
            .field("data_path", &self.inner.io.data_path)
            .finish_non_exhaustive()
    }
}

/// The lake at one snapshot; it never changes.
#[derive(Clone)]
pub struct LakeView {
    pub(crate) inner: Arc<Inner>,
    state: Arc<State>,
    /// `None` for a lake in the making, of which the catalog knows nothing.
    renewed: Option<Arc<Renewed>>,
    /// Whose shape the declared tables have, where it is not their own.
    present: Option<Arc<State>>,
}

impl fmt::Debug for LakeView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LakeView")
            .field("lake", &self.inner.uuid)
            .field("snapshot_id", &self.state.snapshot_id)
            .finish_non_exhaustive()
    }
}

/// Values of key columns: which rows to read or to delete.
#[derive(Clone, Debug, PartialEq)]
pub struct KeySet {
    rows: RecordBatch,
}

impl KeySet {
    /// The keys that are the rows of a batch, whose schema names the key
    /// columns. Null is equal to null.
    pub fn new(rows: RecordBatch) -> Self {
        Self { rows }
    }

    /// The keys, as rows of the key columns.
    pub fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    /// Activities, by `athlete_id`, `start_time` and `activity_id`.
    pub fn activities(keys: &[ActivityKey]) -> Self {
        let ints = |value: fn(&ActivityKey) -> i64| -> ArrayRef {
            Arc::new(Int64Array::from_iter_values(keys.iter().map(value)))
        };
        let starts = keys.iter().map(|key| key.start_time_us);
        let starts: ArrayRef = Arc::new(TimestampMicrosecondArray::from_iter_values(starts));
        let rows = RecordBatch::try_from_iter([
            ("athlete_id", ints(|key| key.athlete_id.0)),
            ("start_time", starts),
            ("activity_id", ints(|key| key.activity_id.0)),
        ]);
        Self::new(rows.expect("the three columns are of one length"))
    }

    /// All rows of athletes, by `athlete_id`.
    pub fn athletes(ids: &[AthleteId]) -> Self {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(ids.iter().map(|id| id.0)));
        let rows = RecordBatch::try_from_iter([("athlete_id", ids)]);
        Self::new(rows.expect("one column is of one length"))
    }
}

/// How large a table is at one snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableSize {
    /// Its live data files.
    pub files: usize,
    /// Their length in bytes.
    pub bytes: u64,
    /// Their rows that are not deleted.
    pub rows: u64,
}

/// What to change, in one snapshot and one transaction.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Names this attempt, so that a lost answer can be looked up.
    pub attempt: Uuid,
    /// What changes in which tables.
    pub changes: Vec<TableChange>,
    /// What changes in our own catalog with it.
    pub catalog: CatalogChange,
    /// One sentence for people who look at the lake's history.
    pub message: String,
}

/// What changes in one table: rows that go, then rows that come.
#[derive(Clone, Debug)]
pub struct TableChange {
    /// The table.
    pub table: &'static Table,
    /// The keys whose rows go.
    pub delete: Option<KeySet>,
    /// The rows that come, in any order; columns are found by name.
    pub append: Vec<RecordBatch>,
}

/// What a commit made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The snapshot that has the changes.
    pub snapshot_id: i64,
}

impl Lake {
    /// Opens the lake in `db` with its files in `objects`, making what is
    /// missing of it, of `tables` and of `views` (name and SQL).
    ///
    /// # Errors
    /// [`Error::UnknownVersion`] for a lake of another format,
    /// [`Error::Inconsistent`] where its files lie elsewhere,
    /// [`Error::Database`].
    pub(crate) async fn open(
        db: Db,
        objects: &Objects,
        tables: &[&'static Table],
        views: &[(&str, &str)],
    ) -> Result<Self, Error> {
        let moved = match db.dialect() {
            Dialect::Sqlite if objects.is_on_disk() => Moved::Allowed,
            Dialect::Sqlite | Dialect::Postgres => Moved::Refused,
        };
        let data_path = &objects.data_path;
        let store = Arc::clone(&objects.lake);
        let info = create::open(&db, data_path, moved, tables, views).await?;
        let url = format!("lake://{}", info.uuid);
        let url = ObjectStoreUrl::parse(url).map_err(|source| Error::Plan {
            attempt: "name the lake's object store",
            source,
        })?;
        let io = Arc::new(Io {
            data_path: info.data_path,
            url,
            footers: Arc::new(Footers::new(store)),
            deletes: DeleteCache::default(),
        });
        let mut tx = db.begin_read().await?;
        let newest = snapshot::newest(&mut tx).await?;
        let state = load::load(&mut tx, &io.data_path, newest).await?;
        drop(tx);
        Ok(Self {
            inner: Arc::new(Inner {
                db,
                io,
                uuid: info.uuid,
                tables: tables.to_vec(),
                newest: Mutex::new(Arc::new(state)),
            }),
        })
    }

    /// Drops all tables of the lake's own catalog.
    pub(crate) async fn drop_tables(db: &Db) -> Result<(), Error> {
        create::drop_tables(db).await
    }

    /// The lake's UUID, which no other lake has.
    pub fn uuid(&self) -> Uuid {
        self.inner.uuid
    }

    /// The newest snapshot. Where nothing changed since the last call this
    /// costs one short statement.
    ///
    /// # Errors
    /// [`Error::Database`]; [`Error::Inconsistent`] for what another writer
    /// made and this build cannot read.
    pub async fn latest(&self) -> Result<LakeView, Error> {
        let state = self.inner.newest().await?;
        Ok(self.view(state))
    }

    /// Looks for everything in which the lake's catalog and its files
    /// disagree: missing and cut files, counts and sizes, and objects that
    /// nothing names ([`Problem::is_harmless`]).
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Store`].
    pub async fn verify(&self) -> Result<Vec<Problem>, Error> {
        verify::verify(&self.inner.db, &self.inner.io).await
    }

    fn view(&self, state: Arc<State>) -> LakeView {
        LakeView {
            inner: Arc::clone(&self.inner),
            state,
            renewed: Some(Arc::default()),
            present: None,
        }
    }

    /// Writes the files, then makes them part of the lake. Readers see all
    /// changes or none.
    ///
    /// Where there is nothing to change in the lake no snapshot is made, and
    /// the answer is the newest one. Where the lake already has a snapshot of
    /// this attempt, that is the answer and nothing is written.
    ///
    /// # Errors
    /// [`Error::Conflict`] where someone else wrote the same thing first;
    /// [`Error::NoTable`], [`Error::NoColumn`] and [`Error::Rows`] for rows
    /// that do not fit; [`Error::Store`], [`Error::Parquet`] and
    /// [`Error::Database`]. Nothing is written then.
    pub async fn commit(&self, commit: Commit) -> Result<Committed, Error> {
        let begun = Instant::now();
        let committed = self.write(&commit).await;
        let outcome = match &committed {
            Ok(Committed { snapshot_id }) => {
                // Within the span of the request or job that it belongs to.
                tracing::info!(snapshot_id, what = commit.message, "committed");
                "committed"
            }
            Err(error) if error.code() == Code::Conflict => "conflict",
            Err(_) => "failed",
        };
        metrics::counter!(COMMITS.name, "outcome" => outcome).increment(1);
        metrics::histogram!(COMMIT_SECONDS.name).record(begun.elapsed().as_secs_f64());
        committed
    }

    async fn write(&self, commit: &Commit) -> Result<Committed, Error> {
        // The caller may ask again because an answer was lost.
        if let Some(snapshot_id) = commit::find(&self.inner.db, commit.attempt).await? {
            return Ok(Committed { snapshot_id });
        }
        let base = self.inner.newest().await?;
        let changes: Vec<Change<'_>> = commit
            .changes
            .iter()
            .map(|change| Change {
                table: change.table.name,
                sort: change.table.sort,
                delete: change.delete.as_ref().map(|keys| &keys.rows),
                append: &change.append,
            })
            .collect();
        let prepared = Prepared::new(&self.inner.io, &base, &changes).await?;
        if prepared.is_empty() {
            commit::commit_catalog(&self.inner.db, &commit.catalog).await?;
            return Ok(Committed {
                snapshot_id: base.snapshot_id,
            });
        }
        tracing::debug!(attempt = %commit.attempt, "files written");
        let label = Label {
            attempt: commit.attempt,
            message: &commit.message,
        };
        let (db, io) = (&self.inner.db, &self.inner.io);
        let snapshot_id = commit::commit(db, io, prepared, label, &commit.catalog).await?;
        tracing::debug!(snapshot_id, "snapshot committed");
        Ok(Committed { snapshot_id })
    }
}

impl Inner {
    /// The state at the newest snapshot, read as far as it is new.
    pub async fn newest(&self) -> Result<Arc<State>, Error> {
        let rows = self
            .db
            .fetch("select max(snapshot_id) from ducklake_snapshot", &[])
            .await?;
        let newest = rows.first().map(|row| row.int(0)).transpose()?;
        let mut kept = self.newest.lock().await;
        if newest.is_some_and(|newest| newest <= kept.snapshot_id) {
            return Ok(Arc::clone(&kept));
        }
        let mut tx = self.db.begin_read().await?;
        let newest = snapshot::newest(&mut tx).await?;
        let state = load::advance(&mut tx, &self.io.data_path, &kept, newest).await?;
        *kept = Arc::new(state);
        Ok(Arc::clone(&kept))
    }

    /// A snapshot as it was, or its declared tables in the shape of `present`.
    async fn read_as(&self, snapshot_id: i64, present: Option<&State>) -> Result<State, Error> {
        let mut tx = self.db.begin_read().await?;
        let state = load::load(&mut tx, &self.io.data_path, snapshot_id).await?;
        Ok(match present {
            Some(present) => state.in_shape_of(present, &self.tables),
            None => state,
        })
    }
}

impl LakeView {
    /// The snapshot's number.
    pub fn snapshot_id(&self) -> i64 {
        self.state.snapshot_id
    }

    /// Reads the list of files anew, for a query that found one missing
    /// ([`is_missing_file`]): another writer merged files and removed the old
    /// ones, and their rows are in new ones. From then on this view, its clones
    /// and the tables that they gave read by the new list.
    ///
    /// # Errors
    /// [`Error::NoSnapshot`] where the snapshot has expired;
    /// [`Error::Inconsistent`] for a lake in the making; else as
    /// [`Lake::latest`].
    pub async fn renew(&self) -> Result<(), Error> {
        let Some(renewed) = &self.renewed else {
            let what = "a file of the lake in the making is gone".to_owned();
            return Err(Error::Inconsistent { what });
        };
        let present = self.present.as_deref();
        renewed.set(self.inner.read_as(self.state.snapshot_id, present).await?);
        Ok(())
    }

    fn files(&self) -> Arc<State> {
        let renewed = self.renewed.as_ref().and_then(|renewed| renewed.get());
        renewed.unwrap_or_else(|| Arc::clone(&self.state))
    }

    /// The names of all tables.
    pub fn table_names(&self) -> Vec<String> {
        self.state.tables.keys().cloned().collect()
    }

    /// How large a table is, without what the catalog itself holds.
    pub fn size(&self, table: &str) -> Option<TableSize> {
        let table = self.state.tables.get(table)?;
        let live = |file: &Arc<DataFile>| {
            let deleted = file.deletes.as_ref().map_or(0, |deletes| deletes.rows);
            file.rows.saturating_sub(deleted)
        };
        Some(TableSize {
            files: table.files.len(),
            bytes: table.files.iter().map(|file| file.object.size).sum(),
            rows: table.files.iter().map(live).sum(),
        })
    }

    /// The table, for a DataFusion session in which
    /// [`object_store`](Self::object_store) is registered. Its scans are plain
    /// Parquet scans that pass over files, row groups and pages by filters.
    pub fn provider(&self, table: &str) -> Option<Arc<dyn TableProvider>> {
        let table = self.state.tables.get(table)?;
        Some(Arc::new(LakeTable::new(
            Arc::clone(&self.inner.io),
            Arc::clone(table),
            self.state.snapshot_id,
            self.renewed.clone().unwrap_or_default(),
        )))
    }

    /// The views: name and SQL with unqualified names.
    pub fn views(&self) -> Vec<(String, String)> {
        self.state.views.clone()
    }

    /// The object store that holds the files, and the URL to register it
    /// under.
    pub fn object_store(&self) -> (Url, Arc<dyn ObjectStore>) {
        let url: &Url = self.inner.io.url.as_ref();
        (url.clone(), Arc::clone(self.inner.io.footers.store()))
    }
}

/// Whether an error of ours or of DataFusion says that an object is not there.
pub fn is_missing_file(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| {
        matches!(
            error.downcast_ref(),
            Some(object_store::Error::NotFound { .. })
        )
    })
}
