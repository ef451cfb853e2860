//! All rows of the lake written anew beside those that are read, and put in
//! their place by one commit.
//!
//! Nothing of what is there is read for it, so that a lake of which files are
//! damaged or missing can be replaced. What is written is kept on record in
//! the lake's own folder: whoever was interrupted goes on.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::future::join_all;
use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Committed, Inner, Lake, LakeView, Problem};
use crate::catalog::CatalogChange;
use crate::ducklake::draft::{FileRecord, emptied, filled};
use crate::ducklake::replace::{Ends, Guard, Replaced, Replacement, replace};
use crate::ducklake::state::{State, TableState};
use crate::ducklake::write::{self, NewFile};
use crate::error::Error;
use crate::id::AthleteId;
use crate::table::Table;

/// Where parts are on record, in the lake's folder. A record that was left
/// behind is an object that no snapshot names, and goes as such.
const RECORDS: &str = "pacelake-draft";
/// How many objects are looked up at once.
const AT_ONCE: usize = 16;

/// Tables of the lake in the making.
pub struct Draft {
    pub(super) inner: Arc<Inner>,
    /// The lake when the draft was begun, without its rows.
    base: Arc<State>,
    /// The names of the tables that it will replace.
    tables: Vec<&'static Table>,
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("lake", &self.inner.uuid)
            .finish_non_exhaustive()
    }
}

/// Rows that were written for a draft.
#[derive(Clone, Debug)]
pub struct Part {
    tag: String,
    record: Option<Path>,
    tables: BTreeMap<String, Vec<NewFile>>,
}

impl Part {
    /// What it was written as.
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// How many files it has, and how many bytes they are.
    pub fn size(&self) -> (usize, u64) {
        let sizes = || self.files().map(|file| file.object.size);
        (sizes().count(), sizes().sum())
    }

    pub(super) fn files_of(&self, table: &str) -> &[NewFile] {
        self.tables.get(table).map_or(&[], Vec::as_slice)
    }

    fn files(&self) -> impl Iterator<Item = &NewFile> {
        self.tables.values().flatten()
    }
}

/// A part on record.
#[derive(Serialize, Deserialize)]
struct Record {
    tag: String,
    schema_version: i64,
    tables: BTreeMap<String, Vec<FileRecord>>,
}

/// What becomes of the snapshots before a draft's commit.
#[derive(Clone, Debug)]
pub enum History {
    /// They stay readable.
    Kept,
    /// They go, with all files but these problems' that only they hold.
    Forgotten(Vec<Problem>),
}

/// What makes a draft the lake.
#[derive(Clone, Debug)]
pub struct Takeover {
    /// Names this attempt.
    pub attempt: Uuid,
    /// One sentence for people who look at the lake's history.
    pub message: String,
    /// What changes in our own catalog with it.
    pub catalog: CatalogChange,
    /// All athletes by id, each with the revision that the rows are made from.
    pub athletes: Vec<(AthleteId, i64)>,
    /// What becomes of the snapshots before.
    pub history: History,
}

impl Lake {
    /// Begins to write all rows of `tables` anew. The answer has the parts
    /// that an interrupted draft left behind whole.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Store`].
    pub async fn draft(&self, tables: Vec<&'static Table>) -> Result<(Draft, Vec<Part>), Error> {
        let base = self.inner.newest().await?;
        let draft = Draft::new(Arc::clone(&self.inner), &base, tables);
        let left = draft.left().await?;
        Ok((draft, left))
    }
}

impl Draft {
    pub(super) fn new(inner: Arc<Inner>, base: &State, tables: Vec<&'static Table>) -> Self {
        Self {
            inner,
            base: Arc::new(emptied(base)),
            tables,
        }
    }

    /// Writes rows as a part, with `tag` for a name that means something to
    /// the caller. With `keep` it is on record until the draft's commit.
    ///
    /// # Errors
    /// [`Error::NoTable`], [`Error::NoColumn`] and [`Error::Rows`] for rows
    /// that do not fit; [`Error::Store`], [`Error::Parquet`].
    pub async fn write(
        &self,
        tag: String,
        rows: BTreeMap<&'static str, Vec<RecordBatch>>,
        keep: bool,
    ) -> Result<Part, Error> {
        let io = &self.inner.io;
        let written = rows.iter().map(|(name, batches)| async move {
            let table = self.table(name)?;
            let declared = self.tables.iter().find(|declared| declared.name == *name);
            let sort = declared.map_or(&[][..], |declared| declared.sort);
            let files = write::write_rows(io, &table, sort, batches).await?;
            Ok(((*name).to_owned(), files))
        });
        let mut tables = BTreeMap::new();
        let mut failed = None;
        for table in join_all(written).await {
            match table {
                Ok((name, files)) => drop(tables.insert(name, files)),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        let mut part = Part {
            tag,
            record: None,
            tables,
        };
        if failed.is_none() && keep {
            match self.record(&part).await {
                Ok(record) => part.record = Some(record),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            None => Ok(part),
            Some(error) => {
                self.discard(part).await;
                Err(error)
            }
        }
    }

    /// Takes a part back.
    pub async fn discard(&self, part: Part) {
        self.remove_records([&part].into_iter()).await;
        let objects: Vec<_> = part.files().map(|file| file.object.clone()).collect();
        write::discard(&self.inner.io, &objects).await;
    }

    /// The lake as it would be with nothing but the rows of these parts.
    pub fn view<'a>(&self, parts: impl Iterator<Item = &'a Part>) -> LakeView {
        let mut files: BTreeMap<&str, Vec<&NewFile>> = BTreeMap::new();
        for (name, of_part) in parts.flat_map(|part| &part.tables) {
            files.entry(name).or_default().extend(of_part);
        }
        let fill = |(name, table): (&String, &Arc<TableState>)| {
            let files = files.get(name.as_str()).map_or(&[][..], Vec::as_slice);
            (name.clone(), Arc::new(filled(table, files)))
        };
        let state = State {
            tables: self.base.tables.iter().map(fill).collect(),
            ..State::clone(&self.base)
        };
        LakeView {
            inner: Arc::clone(&self.inner),
            state: Arc::new(state),
            renewed: None,
            present: None,
        }
    }

    /// Puts the rows of these parts in the place of all that the draft's
    /// tables hold, as one snapshot. Readers see all of it or nothing.
    ///
    /// # Errors
    /// [`Error::Conflict`] where an athlete's activities or the definition of
    /// a table changed since: the parts stay, and can be committed with what
    /// is new. [`Error::Database`].
    pub async fn commit(&self, parts: &[Part], takeover: &Takeover) -> Result<Committed, Error> {
        let tables = self.tables.iter().map(|table| {
            let files = parts.iter().filter_map(|part| part.tables.get(table.name));
            Ok(Replaced {
                table: self.table(table.name)?,
                ends: Ends::All,
                files: files.flatten().collect(),
            })
        });
        let replacement = Replacement {
            tables: tables.collect::<Result<_, Error>>()?,
            base: self.inner.newest().await?,
            attempt: takeover.attempt,
            message: &takeover.message,
            catalog: &takeover.catalog,
            guard: Guard::All(&takeover.athletes),
            forget: match &takeover.history {
                History::Kept => None,
                History::Forgotten(problems) => Some(missing(problems)),
            },
        };
        let snapshot_id = replace(&self.inner.db, &self.inner.io, &replacement).await?;
        self.remove_records(parts.iter()).await;
        Ok(Committed { snapshot_id })
    }

    fn table(&self, name: &str) -> Result<Arc<TableState>, Error> {
        self.base.table(name).cloned()
    }

    fn store(&self) -> &Arc<dyn ObjectStore> {
        self.inner.io.footers.store()
    }

    async fn record(&self, part: &Part) -> Result<Path, Error> {
        let tables = part.tables.iter().map(|(name, files)| {
            let table = self.table(name)?;
            let files = files.iter().map(|file| FileRecord::of(&table, file));
            Ok((name.clone(), files.collect()))
        });
        let record = Record {
            tag: part.tag.clone(),
            schema_version: self.base.schema_version,
            tables: tables.collect::<Result<_, Error>>()?,
        };
        let text = serde_json::to_vec(&record).expect("texts and numbers become JSON");
        let path = Path::from_iter([RECORDS.to_owned(), format!("{}.json", Uuid::now_v7())]);
        let put = self.store().put(&path, Bytes::from(text).into()).await;
        put.map_err(|source| Error::Store {
            attempt: "write",
            path: path.to_string(),
            source,
        })?;
        Ok(path)
    }

    /// The parts on record of which all files are there. The others' records
    /// go; their files stay until orphans are cleaned up.
    async fn left(&self) -> Result<Vec<Part>, Error> {
        let folder = Path::from(RECORDS);
        let failed = |attempt| {
            let path = folder.to_string();
            move |source| Error::Store {
                attempt,
                path,
                source,
            }
        };
        let records: Vec<_> = self
            .store()
            .list(Some(&folder))
            .try_collect()
            .await
            .map_err(failed("list"))?;
        let mut left = Vec::new();
        for meta in records {
            let read = async { self.store().get(&meta.location).await?.bytes().await };
            let text = read.await.map_err(failed("read"))?;
            match self.part(&meta.location, &text).await {
                Some(part) => left.push(part),
                None => self.remove(&meta.location).await,
            }
        }
        Ok(left)
    }

    async fn part(&self, path: &Path, text: &[u8]) -> Option<Part> {
        let record: Record = serde_json::from_slice(text).ok()?;
        if record.schema_version != self.base.schema_version {
            return None;
        }
        let mut tables = BTreeMap::new();
        for (name, files) in record.tables {
            let table = self.base.tables.get(&name)?;
            let files: Option<Vec<NewFile>> = files.iter().map(|file| file.file(table)).collect();
            tables.insert(name, files?);
        }
        let part = Part {
            tag: record.tag,
            record: Some(path.clone()),
            tables,
        };
        let whole = stream::iter(part.files().map(|file| file.object.clone()))
            .map(|object| async move {
                let meta = self.store().head(&object.path).await;
                meta.is_ok_and(|meta| meta.size == object.size)
            })
            .buffer_unordered(AT_ONCE)
            .all(std::future::ready)
            .await;
        whole.then_some(part)
    }

    async fn remove_records(&self, parts: impl Iterator<Item = &Part>) {
        for record in parts.filter_map(|part| part.record.as_ref()) {
            self.remove(record).await;
        }
    }

    async fn remove(&self, path: &Path) {
        if let Err(error) = self.store().delete(path).await {
            tracing::warn!(%path, %error, "a record that is done with stays behind");
        }
    }
}

/// The paths of files that are not there.
pub(super) fn missing(problems: &[Problem]) -> HashSet<String> {
    let missing = problems
        .iter()
        .filter(|p| matches!(p, Problem::Missing { .. }));
    missing
        .filter_map(Problem::path)
        .map(str::to_owned)
        .collect()
}
