//! Whether the lake's catalog and its files agree.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::footers::{self, Object};
use super::io::{self, Io};
use super::load;
use super::named::{self, AnyFile};
use super::snapshot;
use super::state::State;
use crate::catalog::{Db, Value};
use crate::error::Error;

/// How old an object that nothing names must be to be called an orphan: what
/// is younger may belong to a commit that is under way.
pub const GRACE: Duration = Duration::from_secs(24 * 60 * 60);
/// How many files are looked at at once.
const AT_ONCE: usize = 8;

/// Something in the lake that does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A file that a snapshot names is not there.
    Missing {
        /// Its path in the object store.
        path: String,
    },
    /// A file is not as long as it was.
    Size {
        /// Its path in the object store.
        path: String,
        /// Its length in the catalog, in bytes.
        expected: u64,
        /// Its length in the store, in bytes.
        found: u64,
    },
    /// A file has not as many rows as the catalog says.
    Rows {
        /// Its path in the object store.
        path: String,
        /// Rows in the catalog.
        expected: u64,
        /// Rows in its footer.
        found: u64,
    },
    /// A file is no Parquet file.
    Unreadable {
        /// Its path in the object store.
        path: String,
        /// What the reader said.
        why: String,
    },
    /// The catalog contradicts itself about a file.
    File {
        /// Its path in the object store.
        path: String,
        /// What does not agree, as the rest of a sentence.
        what: String,
    },
    /// A counter of the catalog would give an id twice.
    Counter {
        /// Which, as a sentence.
        what: String,
    },
    /// An object that no snapshot names, older than an upload may take: it costs space
    /// and does no harm.
    Orphan {
        /// Its path in the object store.
        path: String,
        /// Its length in bytes.
        bytes: u64,
    },
}

impl Problem {
    /// Whether nothing is wrong with the lake itself.
    pub fn is_harmless(&self) -> bool {
        matches!(self, Self::Orphan { .. })
    }

    /// The file that it is about.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Missing { path }
            | Self::Size { path, .. }
            | Self::Rows { path, .. }
            | Self::Unreadable { path, .. }
            | Self::File { path, .. }
            | Self::Orphan { path, .. } => Some(path),
            Self::Counter { .. } => None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { path } => write!(f, "{path} is missing"),
            Self::Size {
                path,
                expected,
                found,
            } => write!(f, "{path} has {found} bytes, not {expected}"),
            Self::Rows {
                path,
                expected,
                found,
            } => write!(f, "{path} has {found} rows, not {expected}"),
            Self::Unreadable { path, why } => write!(f, "{path} cannot be read: {why}"),
            Self::File { path, what } => write!(f, "{path} {what}"),
            Self::Counter { what } => f.write_str(what),
            Self::Orphan { path, bytes } => write!(f, "{path} ({bytes} bytes) is of no snapshot"),
        }
    }
}

/// Looks at every file that any snapshot names, at every object in the store,
/// and at what the catalog says of the newest snapshot.
///
/// # Errors
/// [`Error::Database`], [`Error::Store`]. What is wrong with the lake is an
/// answer, not an error.
pub(crate) async fn verify(db: &Db, io: &Io) -> Result<Vec<Problem>, Error> {
    let mut tx = db.begin_read().await?;
    let newest = snapshot::newest(&mut tx).await?;
    let state = load::load(&mut tx, &io.data_path, newest).await?;
    let files = named::all_files(&mut tx, &io.data_path).await?;
    let scheduled = named::scheduled(&mut tx, &io.data_path).await?;
    let mut problems = check_catalog(&mut tx, &state).await?;
    drop(tx);
    let found = list(io).await?;
    let checked: Vec<Option<Problem>> = stream::iter(files.iter())
        .map(|file| check_file(io, file, found.get(&file.object.path).map(|meta| meta.size)))
        .buffered(AT_ONCE)
        .collect()
        .await;
    problems.extend(checked.into_iter().flatten());
    let known: HashSet<&Path> = files
        .iter()
        .map(|file| &file.object.path)
        .chain(scheduled.iter().map(|file| &file.path))
        .collect();
    let now_us = snapshot::now_us();
    let mut orphans: Vec<Problem> = found
        .iter()
        .filter(|(path, _)| !known.contains(path))
        .filter(|(_, meta)| {
            let age_us = now_us - meta.last_modified.timestamp_micros();
            age_us > GRACE.as_micros() as i64
        })
        .map(|(path, meta)| Problem::Orphan {
            path: path.to_string(),
            bytes: meta.size,
        })
        .collect();
    orphans.sort_by_key(|orphan| orphan.to_string());
    problems.extend(orphans);
    Ok(problems)
}

async fn list(io: &Io) -> Result<HashMap<Path, object_store::ObjectMeta>, Error> {
    let objects: Vec<object_store::ObjectMeta> = io
        .footers
        .store()
        .list(None)
        .try_collect()
        .await
        .map_err(|source| Error::Store {
            attempt: "list",
            path: io.data_path.clone(),
            source,
        })?;
    let by_path = objects
        .into_iter()
        .map(|meta| (meta.location.clone(), meta));
    Ok(by_path.collect())
}

async fn check_file(io: &Io, file: &AnyFile, size: Option<u64>) -> Option<Problem> {
    let path = file.object.path.to_string();
    let found = match size {
        Some(found) => found,
        // Some stores list an object later than they have it.
        None => match io.footers.store().head(&file.object.path).await {
            Ok(meta) => meta.size,
            Err(object_store::Error::NotFound { .. }) => return Some(Problem::Missing { path }),
            Err(error) => {
                let why = error.to_string();
                return Some(Problem::Unreadable { path, why });
            }
        },
    };
    if found != file.object.size {
        return Some(Problem::Size {
            path,
            expected: file.object.size,
            found,
        });
    }
    // A reader of its own, so that footers that queries need stay in memory.
    let footers = Arc::new(footers::Footers::new(Arc::clone(io.footers.store())));
    let object = Object {
        footer_size: None,
        ..file.object.clone()
    };
    match footers.reader(object).metadata().await {
        Err(error) => Some(Problem::Unreadable {
            path,
            why: error.to_string(),
        }),
        Ok(metadata) => {
            let found = io::row_count(&metadata);
            (found != file.rows).then_some(Problem::Rows {
                path,
                expected: file.rows,
                found,
            })
        }
    }
}

async fn check_catalog(tx: &mut crate::catalog::Tx, state: &State) -> Result<Vec<Problem>, Error> {
    let mut problems = Vec::new();
    let doubled = tx
        .fetch(
            "select data_file_id from ducklake_delete_file where end_snapshot is null \
             group by data_file_id having count(*) > 1",
            &[],
        )
        .await?;
    let doubled = doubled
        .iter()
        .map(|row| row.int(0))
        .collect::<Result<HashSet<i64>, Error>>()?;
    let next = tx
        .fetch(
            "select s.next_file_id, \
             (select max(data_file_id) from ducklake_data_file), \
             (select max(delete_file_id) from ducklake_delete_file) \
             from ducklake_snapshot s where s.snapshot_id = $1",
            &[Value::Int(state.snapshot_id)],
        )
        .await?;
    for row in &next {
        let used = row.opt_int(1)?.max(row.opt_int(2)?);
        if used.is_some_and(|used| used >= row.int(0).unwrap_or(0)) {
            problems.push(Problem::Counter {
                what: "the snapshot's next file id is taken".to_owned(),
            });
        }
    }
    let totals: BTreeMap<i64, i64> = tx
        .fetch(
            "select table_id, next_row_id from ducklake_table_stats",
            &[],
        )
        .await?
        .iter()
        .map(|row| Ok((row.int(0)?, row.int(1)?)))
        .collect::<Result<_, Error>>()?;
    for table in state.tables.values() {
        for file in table.files.iter() {
            let gone = file.deletes.as_ref().map_or(0, |deletes| deletes.rows)
                + file.inlined_deletes.len() as u64;
            let mut say = |what: String| {
                let path = file.object.path.to_string();
                problems.push(Problem::File { path, what });
            };
            if gone > file.rows {
                say(format!(
                    "has {} rows, of which {gone} are deleted",
                    file.rows
                ));
            }
            if doubled.contains(&file.id) {
                say("has two delete files".to_owned());
            }
        }
        let ends = tx
            .fetch(
                "select max(row_id_start + record_count) from ducklake_data_file \
                 where table_id = $1",
                &[Value::Int(table.id)],
            )
            .await?;
        let end = ends
            .first()
            .map(|row| row.opt_int(0))
            .transpose()?
            .flatten();
        let next = totals.get(&table.id).copied().unwrap_or(0);
        if end.is_some_and(|end| end > next) {
            problems.push(Problem::Counter {
                what: format!("table {} gives row ids twice", table.name),
            });
        }
    }
    Ok(problems)
}
