//! The commit: one SQL transaction that makes written files part of the lake.
//!
//! It begins with the next snapshot row, which is the lake's lock, for us as
//! for DuckDB. Under it, the state is brought up to the snapshot before, so
//! that what was found out earlier is checked against what is there now; then
//! come the rows, a constant number of statements however many files are
//! live. Whoever comes second finds the files of whoever came first.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use futures::future::join_all;
use uuid::Uuid;

use super::changes;
use super::entries;
use super::io::Io;
use super::keys::Matcher;
use super::load;
use super::removal::{Fate, Found, Loss};
use super::snapshot::{self, Claim, Claimed};
use super::state::{DataFile, State, TableState};
use super::write::{self, NewDeletes, NewFile};
use crate::catalog::{self, CatalogChange, Db, Tx, Value};
use crate::error::Error;

/// How often a transaction that others were in the way of is tried.
const ATTEMPTS: u32 = 12;
/// How long the first pause between two of them is; each next one doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(5);

/// What changes in one table.
#[derive(Debug)]
pub(crate) struct Change<'a> {
    /// The table's name.
    pub table: &'a str,
    /// The order of rows in its files.
    pub sort: &'a [&'static str],
    /// The keys whose rows go, as a batch whose schema names the key columns.
    pub delete: Option<&'a RecordBatch>,
    /// The rows that come.
    pub append: &'a [RecordBatch],
}

/// What to say of the commit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label<'a> {
    /// Names this attempt, so that a lost answer can be looked up.
    pub attempt: Uuid,
    /// One sentence for people.
    pub message: &'a str,
}

/// What a commit does to the rows of the lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Rows come and go.
    Change,
    /// The same rows lie in other files.
    Rewrite,
}

/// Everything that was written and found out before the transaction.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// What changes, a table at a time.
    pub tables: Vec<PreparedTable>,
    /// The snapshot that it was found out at.
    pub base: Arc<State>,
    /// What it does to rows.
    pub kind: Kind,
}

/// What was written and found out for one table.
#[derive(Debug)]
pub(crate) struct PreparedTable {
    /// As it was when rows were written for it.
    pub table: Arc<TableState>,
    /// The files with the rows that come.
    pub written: Vec<NewFile>,
    matcher: Option<Matcher>,
    found: Found,
    /// The files that lose rows.
    pub losses: Vec<Loss>,
    /// Rows that go and that another writer keeps in the catalog itself.
    pub inlined: Vec<(Arc<str>, i64)>,
}

impl Prepared {
    /// Writes the rows that come and finds those that go.
    ///
    /// # Errors
    /// [`Error::NoTable`], [`Error::NoColumn`] and [`Error::Rows`] for changes
    /// that do not fit, [`Error::Store`], [`Error::Parquet`].
    pub async fn new(io: &Io, base: &Arc<State>, changes: &[Change<'_>]) -> Result<Self, Error> {
        for (nth, change) in changes.iter().enumerate() {
            if changes[..nth]
                .iter()
                .any(|other| other.table == change.table)
            {
                // Each would replace the other's delete files.
                return Err(Error::Inconsistent {
                    what: format!("a commit changes table {} twice", change.table),
                });
            }
        }
        let mut prepared = Self {
            tables: Vec::with_capacity(changes.len()),
            base: Arc::clone(base),
            kind: Kind::Change,
        };
        let written = changes.iter().map(|change| prepare(io, base, change));
        let mut failed = None;
        for table in join_all(written).await {
            match table {
                Ok(table) => prepared.tables.push(table),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        let searched = match failed {
            Some(error) => Err(error),
            None => prepared.search(io, base).await,
        };
        match searched {
            Ok(()) => Ok(prepared),
            Err(error) => {
                prepared.discard(io).await;
                Err(error)
            }
        }
    }

    /// The rows of `old` files and of `inlined` places, which lie in the
    /// `written` files from now on.
    pub fn rewrite(
        base: &Arc<State>,
        table: &Arc<TableState>,
        old: &[Arc<DataFile>],
        inlined: Vec<(Arc<str>, i64)>,
        written: Vec<NewFile>,
    ) -> Self {
        let losses = old.iter().map(|file| Loss {
            file: Arc::clone(file),
            fate: Fate::Ends,
        });
        Self {
            tables: vec![PreparedTable {
                table: Arc::clone(table),
                written,
                matcher: None,
                found: Found::default(),
                losses: losses.collect(),
                inlined,
            }],
            base: Arc::clone(base),
            kind: Kind::Rewrite,
        }
    }

    /// Conflict, unless the rows that were rewritten are those that are there
    /// at `state`.
    fn check_rewritten(&self, state: &State) -> Result<(), Error> {
        let changed = || Error::Conflict {
            what: "a file of the lake",
        };
        for prepared in &self.tables {
            let table = same_table(state, &prepared.table)?;
            let live: HashMap<i64, &Arc<DataFile>> =
                table.files.iter().map(|file| (file.id, file)).collect();
            for Loss { file, .. } in &prepared.losses {
                let now = live.get(&file.id).ok_or_else(changed)?;
                if now.deletes != file.deletes || now.inlined_deletes != file.inlined_deletes {
                    return Err(changed());
                }
            }
            let places: HashSet<_> = table
                .inlined
                .iter()
                .flat_map(|inlined| &inlined.origins)
                .collect();
            if !prepared.inlined.iter().all(|row| places.contains(row)) {
                return Err(changed());
            }
        }
        Ok(())
    }

    /// Finds the rows that go, among those that are there at `state`.
    async fn search(&mut self, io: &Io, state: &State) -> Result<(), Error> {
        for prepared in &mut self.tables {
            let Some(matcher) = &prepared.matcher else {
                continue;
            };
            let table = same_table(state, &prepared.table)?;
            prepared.losses = prepared.found.losses(io, state, table, matcher).await?;
            prepared.inlined = match &table.inlined {
                Some(inlined) => inlined.matching(matcher)?,
                None => Vec::new(),
            };
        }
        Ok(())
    }

    /// Whether the lake stays as it is.
    pub fn is_empty(&self) -> bool {
        self.tables
            .iter()
            .all(|table| table.written.is_empty() && !table.loses_rows())
    }

    /// Takes back all that was written for it.
    pub async fn discard(&self, io: &Io) {
        let mut objects = Vec::new();
        for table in &self.tables {
            objects.extend(table.written.iter().map(|file| file.object.clone()));
            objects.extend(table.found.written().cloned());
        }
        write::discard(io, &objects).await;
    }

    /// How many file ids it needs.
    pub(super) fn file_ids(&self) -> i64 {
        let of_table = |table: &PreparedTable| table.written.len() + table.new_deletes().count();
        self.tables.iter().map(of_table).sum::<usize>() as i64
    }
}

/// Writes the rows that come in one table.
async fn prepare(io: &Io, base: &State, change: &Change<'_>) -> Result<PreparedTable, Error> {
    let table = base.table(change.table)?;
    let matcher = change
        .delete
        .map(|keys| Matcher::new(change.table, &table.columns, keys))
        .transpose()?;
    Ok(PreparedTable {
        table: Arc::clone(table),
        written: write::write_rows(io, table, change.sort, change.append).await?,
        matcher,
        found: Found::default(),
        losses: Vec::new(),
        inlined: Vec::new(),
    })
}

impl PreparedTable {
    /// The delete files that were written for it.
    pub fn new_deletes(&self) -> impl Iterator<Item = &NewDeletes> {
        self.losses.iter().filter_map(|loss| match &loss.fate {
            Fate::Loses(deletes) => Some(deletes),
            Fate::Untouched | Fate::Ends => None,
        })
    }

    fn loses_rows(&self) -> bool {
        !self.losses.is_empty() || !self.inlined.is_empty()
    }
}

/// The table at `state`, provided that it is defined as when rows were
/// written for it.
pub(crate) fn same_table<'s>(
    state: &'s State,
    before: &TableState,
) -> Result<&'s TableState, Error> {
    match state.tables.get(&before.name) {
        Some(now)
            if now.id == before.id
                && now.columns == before.columns
                && now.partition == before.partition =>
        {
            Ok(now)
        }
        Some(_) | None => Err(Error::Conflict {
            what: "the definition of a table",
        }),
    }
}

/// Commits, trying again where others were in the way. Answers the snapshot.
///
/// # Errors
/// [`Error::Conflict`] where it can never succeed as prepared;
/// [`Error::Database`]. Nothing is written then, and what was prepared is
/// taken back.
pub(crate) async fn commit(
    db: &Db,
    io: &Io,
    mut prepared: Prepared,
    label: Label<'_>,
    catalog: &CatalogChange,
) -> Result<i64, Error> {
    let mut pause = FIRST_PAUSE;
    let mut attempts = 1;
    loop {
        let error = match attempt_once(db, io, &mut prepared, label, catalog).await {
            Ok(snapshot_id) => return Ok(snapshot_id),
            Err(Failed::Before(error)) => error,
            Err(Failed::AtTheEnd(error)) if error.is_retryable() => error,
            // The connection broke while the answer was on its way. The files
            // stay even where the snapshot is not there (yet).
            Err(Failed::AtTheEnd(error)) => {
                return find(db, label.attempt).await?.ok_or(error);
            }
        };
        if !error.is_retryable() || attempts >= ATTEMPTS {
            prepared.discard(io).await;
            return Err(error);
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
        attempts += 1;
    }
}

/// Commits our own catalog's part where the lake stays as it is.
///
/// # Errors
/// [`Error::Conflict`], [`Error::Database`]; nothing is written then.
pub(crate) async fn commit_catalog(db: &Db, change: &CatalogChange) -> Result<(), Error> {
    if change.is_empty() {
        return Ok(());
    }
    let mut pause = FIRST_PAUSE;
    let mut attempts = 1;
    loop {
        let attempt = async {
            let mut tx = db.begin().await?;
            catalog::apply(&mut tx, change).await?;
            tx.commit().await
        };
        match attempt.await {
            Err(error) if error.is_retryable() && attempts < ATTEMPTS => {
                tokio::time::sleep(pause).await;
                pause *= 2;
                attempts += 1;
            }
            done => return done,
        }
    }
}

/// Why an attempt failed.
enum Failed {
    /// Before its end: nothing was written.
    Before(Error),
    /// At its very end: whether it was written is not known, unless the
    /// database said that it was not.
    AtTheEnd(Error),
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self::Before(error)
    }
}

async fn attempt_once(
    db: &Db,
    io: &Io,
    prepared: &mut Prepared,
    label: Label<'_>,
    catalog: &CatalogChange,
) -> Result<i64, Failed> {
    let mut tx = db.begin().await?;
    let file_ids = prepared.file_ids();
    let claimed = snapshot::claim(
        &mut tx,
        &Claim {
            definitions: false,
            catalog_ids: 0,
            file_ids,
        },
    )
    .await?;
    let before = claimed.snapshot_id - 1;
    if before != prepared.base.snapshot_id {
        let state = load::advance(&mut tx, &io.data_path, &prepared.base, before).await?;
        prepared.base = Arc::new(state);
        let state = Arc::clone(&prepared.base);
        for table in &prepared.tables {
            same_table(&state, &table.table)?;
        }
        match prepared.kind {
            Kind::Change => prepared.search(io, &state).await?,
            Kind::Rewrite => prepared.check_rewritten(&state)?,
        }
        let found = prepared.file_ids();
        if found != file_ids {
            set_next_file_id(&mut tx, &claimed, found).await?;
        }
    }
    write_entries(&mut tx, prepared, &claimed, label).await?;
    catalog::apply(&mut tx, catalog).await?;
    tx.commit().await.map_err(Failed::AtTheEnd)?;
    Ok(claimed.snapshot_id)
}

/// Takes so many file ids with the snapshot.
pub(super) async fn set_next_file_id(
    tx: &mut Tx,
    claimed: &Claimed,
    file_ids: i64,
) -> Result<(), Error> {
    tx.execute(
        "update ducklake_snapshot set next_file_id = $1 where snapshot_id = $2",
        &[
            Value::Int(claimed.first_file_id + file_ids),
            Value::Int(claimed.snapshot_id),
        ],
    )
    .await?;
    Ok(())
}

/// Writes all that the lake's catalog gets, under the lock.
pub(super) async fn write_entries(
    tx: &mut Tx,
    prepared: &Prepared,
    claimed: &Claimed,
    label: Label<'_>,
) -> Result<(), Error> {
    entries::check_live(tx, prepared).await?;
    entries::write(tx, prepared, claimed).await?;
    let made = changes_made(prepared);
    let (message, attempt) = (Some(label.message), Some(label.attempt));
    snapshot::record(tx, claimed.snapshot_id, &made, message, attempt).await
}

/// Looks up the snapshot that an attempt made.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn find(db: &Db, attempt: Uuid) -> Result<Option<i64>, Error> {
    let rows = db
        .fetch(
            "select snapshot_id from ducklake_snapshot_changes where commit_extra_info = $1",
            &[Value::Text(attempt.to_string())],
        )
        .await?;
    rows.first().map(|row| row.int(0)).transpose()
}

/// What the snapshot says that it changed.
fn changes_made(prepared: &Prepared) -> String {
    let flushed = ids_of(prepared, |table| !table.inlined.is_empty());
    match prepared.kind {
        Kind::Change => changes::text(
            &ids_of(prepared, |table| !table.written.is_empty()),
            &ids_of(prepared, |table| table.loses_rows()),
        ),
        Kind::Rewrite => changes::rewritten(
            &ids_of(prepared, |table| !table.losses.is_empty()),
            &flushed,
        ),
    }
}

fn ids_of(prepared: &Prepared, wanted: fn(&PreparedTable) -> bool) -> Vec<i64> {
    let mut ids: Vec<i64> = prepared
        .tables
        .iter()
        .filter(|table| wanted(table))
        .map(|table| table.table.id)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}
