//! Files instead of files: what was there ends unread, all of a table or what
//! is named, and what was written beside it begins. The old files may be
//! damaged or gone.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use uuid::Uuid;

use super::changes;
use super::commit::{find, same_table};
use super::entries;
use super::forget;
use super::inlined;
use super::io::Io;
use super::load;
use super::snapshot::{self, Claim, Claimed};
use super::state::{State, TableState};
use super::write::NewFile;
use crate::catalog::{self, CatalogChange, Db, Dialect, Tx, Value};
use crate::error::Error;
use crate::id::AthleteId;

/// What ends in one table and what begins.
#[derive(Debug)]
pub(crate) struct Replaced<'a> {
    /// The table, as it was defined when the new files were written.
    pub table: Arc<TableState>,
    /// What ends.
    pub ends: Ends,
    /// The new files.
    pub files: Vec<&'a NewFile>,
}

/// What ends in a table.
#[derive(Clone, Debug)]
pub(crate) enum Ends {
    /// Every live file, and rows in the catalog.
    All,
    /// The data files with these ids, and their deletes.
    Files(Vec<i64>),
}

/// Which athletes must be as they were when the rows were made.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Guard<'a> {
    /// All there are, by id, in these revisions.
    All(&'a [(AthleteId, i64)]),
    /// These, by id, in these revisions; others may be there.
    These(&'a [(AthleteId, i64)]),
}

/// What goes with the files.
#[derive(Debug)]
pub(crate) struct Replacement<'a> {
    /// The tables; those that are not named stay as they are.
    pub tables: Vec<Replaced<'a>>,
    /// A state of the lake, to read on from.
    pub base: Arc<State>,
    /// Names this attempt.
    pub attempt: Uuid,
    /// One sentence for people.
    pub message: &'a str,
    /// What changes in our catalog with it.
    pub catalog: &'a CatalogChange,
    /// Whose activities the rows are made from.
    pub guard: Guard<'a>,
    /// Whether older snapshots go. Of their files those that are not among
    /// these paths are scheduled for removal.
    pub forget: Option<HashSet<String>>,
}

/// Commits it as one snapshot and answers its number.
///
/// # Errors
/// [`Error::Conflict`] where an athlete or the definition of a table changed
/// since, or the files are in the lake already; [`Error::Database`]. Nothing
/// is written then.
pub(crate) async fn replace(db: &Db, io: &Io, replacement: &Replacement<'_>) -> Result<i64, Error> {
    let mut tx = db.begin().await?;
    let snapshot_id = write(&mut tx, io, replacement).await?;
    match tx.commit().await {
        Ok(()) => Ok(snapshot_id),
        // The answer may have been lost on its way.
        Err(error) if error.is_retryable() => Err(error),
        Err(error) => find(db, replacement.attempt).await?.ok_or(error),
    }
}

async fn write(tx: &mut Tx, io: &Io, replacement: &Replacement<'_>) -> Result<i64, Error> {
    let files = || replacement.tables.iter().flat_map(|table| &table.files);
    let claimed = snapshot::claim(
        tx,
        &Claim {
            definitions: false,
            catalog_ids: 0,
            file_ids: files().count() as i64,
        },
    )
    .await?;
    let claimed = mend_file_ids(tx, claimed).await?;
    check_athletes(tx, replacement.guard).await?;
    let state = load::advance(
        tx,
        &io.data_path,
        &replacement.base,
        claimed.snapshot_id - 1,
    )
    .await?;
    let mut by_table: BTreeMap<i64, Vec<&NewFile>> = BTreeMap::new();
    let mut ended = Vec::new();
    for replaced in &replacement.tables {
        let table = same_table(&state, &replaced.table)?;
        match &replaced.ends {
            Ends::All => {
                if let Some(inlined) = &table.inlined {
                    inlined::end(tx, &inlined.origins, claimed.snapshot_id).await?;
                }
                if !table.files.is_empty() || table.inlined.is_some() {
                    ended.push(table.id);
                }
            }
            Ends::Files(ids) => {
                let is_live = |id: &i64| table.files.iter().any(|file| file.id == *id);
                if !ids.iter().all(is_live) {
                    return Err(Error::Conflict {
                        what: "a file of the lake",
                    });
                }
                ended.push(table.id);
            }
        }
        if !replaced.files.is_empty() {
            by_table.insert(table.id, replaced.files.clone());
        }
    }
    check_unknown(tx, files().map(|file| file.path.as_str())).await?;
    end(tx, &replacement.tables, claimed.snapshot_id).await?;
    mend_row_ids(tx).await?;
    entries::insert_files(tx, &by_table, &HashMap::new(), &state, &claimed).await?;
    let begun: Vec<i64> = by_table.keys().copied().collect();
    ended.sort_unstable();
    snapshot::record(
        tx,
        claimed.snapshot_id,
        &changes::text(&begun, &ended),
        Some(replacement.message),
        Some(replacement.attempt),
    )
    .await?;
    if let Some(missing) = &replacement.forget {
        forget::before(tx, claimed.snapshot_id, missing).await?;
    }
    catalog::apply(tx, replacement.catalog).await?;
    Ok(claimed.snapshot_id)
}

/// Conflict, unless the athletes are as the guard says. They stay so until the
/// transaction ends.
async fn check_athletes(tx: &mut Tx, guard: Guard<'_>) -> Result<(), Error> {
    let rows = tx
        .fetch(
            match tx.dialect() {
                // SQLite's writers wait for this transaction's end anyway.
                Dialect::Sqlite => "select athlete_id, revision from athletes order by athlete_id",
                Dialect::Postgres => {
                    "select athlete_id, revision from athletes order by athlete_id for share"
                }
            },
            &[],
        )
        .await?;
    let found = rows
        .iter()
        .map(|row| Ok((AthleteId(row.int(0)?), row.int(1)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    let holds = match guard {
        Guard::All(expected) => found == expected,
        Guard::These(expected) => expected.iter().all(|one| found.binary_search(one).is_ok()),
    };
    if holds {
        Ok(())
    } else {
        Err(Error::Conflict {
            what: "an athlete's activities",
        })
    }
}

/// Conflict, if the lake has one of the files already: two that go on with
/// the same interrupted work would both commit it.
async fn check_unknown<'a>(tx: &mut Tx, paths: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let paths = Value::Texts(paths.map(str::to_owned).collect());
    let known = tx
        .fetch(
            "select 1 from ducklake_data_file where path = any($1) limit 1",
            &[paths],
        )
        .await?;
    if known.is_empty() {
        Ok(())
    } else {
        Err(Error::Conflict {
            what: "the interrupted work that this one goes on with",
        })
    }
}

/// Ends live data files and their delete files.
async fn end(tx: &mut Tx, tables: &[Replaced<'_>], snapshot_id: i64) -> Result<(), Error> {
    let mut whole = Vec::new();
    let mut named = Vec::new();
    for replaced in tables {
        match &replaced.ends {
            Ends::All => whole.push(replaced.table.id),
            Ends::Files(ids) => named.extend(ids),
        }
    }
    for (statement, ids) in [
        (
            "update ducklake_data_file set end_snapshot = $1 \
             where end_snapshot is null and table_id = any($2)",
            &whole,
        ),
        (
            "update ducklake_delete_file set end_snapshot = $1 \
             where end_snapshot is null and table_id = any($2)",
            &whole,
        ),
        (
            "update ducklake_data_file set end_snapshot = $1 \
             where end_snapshot is null and data_file_id = any($2)",
            &named,
        ),
        (
            "update ducklake_delete_file set end_snapshot = $1 \
             where end_snapshot is null and data_file_id = any($2)",
            &named,
        ),
    ] {
        if !ids.is_empty() {
            let ids = Value::Ints(ids.clone());
            tx.execute(statement, &[Value::Int(snapshot_id), ids])
                .await?;
        }
    }
    Ok(())
}

/// Makes the claimed file ids pass all that were given, whatever the snapshot
/// before said.
async fn mend_file_ids(tx: &mut Tx, mut claimed: Claimed) -> Result<Claimed, Error> {
    let used = tx
        .fetch(
            "select (select max(data_file_id) from ducklake_data_file), \
             (select max(delete_file_id) from ducklake_delete_file)",
            &[],
        )
        .await?;
    let mut first = claimed.first_file_id;
    for row in &used {
        let used = row.opt_int(0)?.max(row.opt_int(1)?);
        first = first.max(used.map_or(0, |used| used + 1));
    }
    let passed = first - claimed.first_file_id;
    if passed > 0 {
        tx.execute(
            "update ducklake_snapshot set next_file_id = next_file_id + $1 \
             where snapshot_id = $2",
            &[Value::Int(passed), Value::Int(claimed.snapshot_id)],
        )
        .await?;
        claimed.first_file_id = first;
    }
    Ok(claimed)
}

/// Makes the next row id of each table pass all that were given, whatever its
/// statistics say: no id is given twice.
async fn mend_row_ids(tx: &mut Tx) -> Result<(), Error> {
    for statement in [
        "insert into ducklake_table_stats (table_id, record_count, next_row_id, file_size_bytes) \
         select table_id, 0, 0, 0 from ducklake_data_file \
         where table_id not in (select table_id from ducklake_table_stats) group by table_id",
        "update ducklake_table_stats set next_row_id = (\
         select max(f.row_id_start + f.record_count) from ducklake_data_file f \
         where f.table_id = ducklake_table_stats.table_id) \
         where next_row_id < (\
         select max(f.row_id_start + f.record_count) from ducklake_data_file f \
         where f.table_id = ducklake_table_stats.table_id)",
    ] {
        tx.execute(statement, &[]).await?;
    }
    Ok(())
}

/// Makes the counters pass all ids that were given.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn mend_counters(db: &Db) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    mend_row_ids(&mut tx).await?;
    tx.execute(
        "update ducklake_snapshot set next_file_id = (select max(used) + 1 from (\
         select max(data_file_id) as used from ducklake_data_file \
         union all select max(delete_file_id) from ducklake_delete_file) as files) \
         where snapshot_id = (select max(snapshot_id) from ducklake_snapshot) \
         and next_file_id <= (select max(used) from (\
         select max(data_file_id) as used from ducklake_data_file \
         union all select max(delete_file_id) from ducklake_delete_file) as files)",
        &[],
    )
    .await?;
    tx.commit().await
}
