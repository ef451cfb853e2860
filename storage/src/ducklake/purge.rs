//! Rewrites history: every data file with rows that must go, of whatever
//! snapshot, gives its place to one without them, under the same snapshots.
//!
//! Files are searched and written first; then one transaction, which begins
//! with the next snapshot row as every commit does, looks at what changed
//! meanwhile and exchanges all of them. New files have new ids, so that a
//! commit that knew the old ones finds them gone and decides again; and
//! `changes_made` says that the tables were merged, so that readers read the
//! list of files anew and DuckDB's own merges and deletes give way.

use std::collections::{BTreeSet, HashMap};

use futures::{StreamExt, TryStreamExt, stream};

use super::deletes;
use super::exchange::Exchange;
use super::footers::Object;
use super::history::{self, History, PastFile, PastTable};
use super::inlined;
use super::io::Io;
use super::refile::{self, Refiled};
use super::snapshot::{self, Claim};
use super::table_ranges;
use super::traces::{self, Rule};
use super::write;
use crate::catalog::{self, Db, PurgeCounts, Tx, Value};
use crate::error::Error;
use crate::purge::{Erased, Erasure};

/// How many files are searched and written at once.
const AT_ONCE: usize = 4;
/// How often a transaction that others were in the way of is tried.
const ATTEMPTS: u32 = 12;

/// What becomes of a data file.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// Nothing: it holds none of the rows.
    Untouched,
    /// It goes with all its rows.
    Goes { rows: i64 },
    /// Another takes its place.
    Replaced {
        new: Refiled,
        removed: Vec<u64>,
        /// Its delete files, by the old ones' ids; `None`: nothing is left.
        deletes: Vec<(i64, Option<Refiled>)>,
    },
}

/// What was found out and written, by file, as long as the file is the same.
#[derive(Debug, Default)]
struct Known(HashMap<i64, (PastFile, Fate)>);

/// Takes the rows out of every snapshot. Where there are none and history was
/// rewritten before (`again`), nothing is written.
///
/// # Errors
/// [`Error::Parquet`], [`Error::Store`], [`Error::Database`]; nothing is
/// written then.
pub(crate) async fn rewrite(
    db: &Db,
    io: &Io,
    erasure: &Erasure,
    again: bool,
) -> Result<Erased, Error> {
    let mut known = Known::default();
    let history = {
        let mut tx = db.begin_read().await?;
        history::read(&mut tx, &io.data_path).await?
    };
    let mut attempts = 1;
    loop {
        let attempt = async {
            known.find(io, &history, erasure).await?;
            transact(db, io, erasure, &mut known, again).await
        };
        match attempt.await {
            Err(error) if error.is_retryable() && attempts < ATTEMPTS => attempts += 1,
            Err(error) => {
                write::discard(io, &known.written()).await;
                return Err(error);
            }
            done => return done,
        }
    }
}

/// What would go, without writing anything.
///
/// # Errors
/// [`Error::Parquet`], [`Error::Database`].
pub(crate) async fn count(db: &Db, io: &Io, erasure: &Erasure) -> Result<Erased, Error> {
    let mut tx = db.begin_read().await?;
    let history = history::read(&mut tx, &io.data_path).await?;
    drop(tx);
    let mut erased = Erased {
        not_searched: history.without_keys.iter().cloned().collect(),
        ..Erased::default()
    };
    let tables = &history.tables;
    let found: Vec<(u64, usize)> = stream::iter(history.files.values())
        .map(|file| async move {
            let table = &tables[&file.table_id];
            let (removed, rows) = removed(io, file, table, erasure).await?;
            Ok::<_, Error>((rows, removed.len()))
        })
        .buffered(AT_ONCE)
        .try_collect()
        .await?;
    for (rows, removed) in found {
        erased.rows += removed as i64;
        match removed {
            0 => {}
            all if all as u64 >= rows => erased.files_removed += 1,
            _ => erased.files_rewritten += 1,
        }
    }
    Ok(erased)
}

/// The positions that go, which rise, and how many rows the file has.
async fn removed(
    io: &Io,
    file: &PastFile,
    table: &PastTable,
    erasure: &Erasure,
) -> Result<(Vec<u64>, u64), Error> {
    let rule = Rule::of(erasure, table);
    if !rule.may_match(file) {
        return Ok((Vec::new(), u64::MAX));
    }
    let found = traces::matches(io, &file.object, Some(table), &rule).await?;
    let mut goes = found.always;
    if !found.if_deleted.is_empty() {
        let dead = match file.end {
            Some(_) => found.if_deleted,
            None => {
                let deleted = deleted_now(io, file).await?;
                let is_dead = |at: &u64| deleted.binary_search(at).is_ok();
                found.if_deleted.into_iter().filter(is_dead).collect()
            }
        };
        goes = deletes::union(&goes, &dead);
    }
    Ok((goes, found.rows))
}

/// The positions that are deleted at the newest snapshot; they rise.
async fn deleted_now(io: &Io, file: &PastFile) -> Result<Vec<u64>, Error> {
    let mut deleted: Vec<u64> = file.inlined_deletes.iter().map(|(at, _)| *at).collect();
    deleted.sort_unstable();
    for delete in file.deletes.iter().filter(|delete| delete.end.is_none()) {
        let positions = io
            .deletes
            .read(&io.footers, &delete.object)
            .await
            .map_err(super::io::parquet_error("read", &delete.object))?;
        deleted = deletes::union(&deleted, &positions.at(i64::MAX, None));
    }
    Ok(deleted)
}

impl Known {
    /// Finds out and writes what is not known yet.
    async fn find(&mut self, io: &Io, history: &History, erasure: &Erasure) -> Result<(), Error> {
        let is_known = |file: &&PastFile| self.0.get(&file.id).is_none_or(|(old, _)| old != *file);
        let unknown: Vec<&PastFile> = history.files.values().filter(is_known).collect();
        let found: Vec<(PastFile, Fate)> = stream::iter(unknown)
            .map(|file| async move {
                let fate = fate(io, file, &history.tables[&file.table_id], erasure).await?;
                Ok::<_, Error>((file.clone(), fate))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        for (file, fate) in found {
            if let Some((_, old)) = self.0.insert(file.id, (file, fate)) {
                write::discard(io, &old.written()).await;
            }
        }
        Ok(())
    }

    fn written(&self) -> Vec<Object> {
        let fates = self.0.values().map(|(_, fate)| fate);
        fates.flat_map(Fate::written).collect()
    }
}

impl Fate {
    fn written(&self) -> Vec<Object> {
        match self {
            Self::Untouched | Self::Goes { .. } => Vec::new(),
            Self::Replaced { new, deletes, .. } => {
                let deletes = deletes.iter().filter_map(|(_, new)| new.as_ref());
                let files = std::iter::once(new).chain(deletes);
                files.map(|file| file.object.clone()).collect()
            }
        }
    }
}

async fn fate(
    io: &Io,
    file: &PastFile,
    table: &PastTable,
    erasure: &Erasure,
) -> Result<Fate, Error> {
    let (removed, rows) = removed(io, file, table, erasure).await?;
    if removed.is_empty() {
        return Ok(Fate::Untouched);
    }
    if removed.len() as u64 >= rows {
        return Ok(Fate::Goes {
            rows: removed.len() as i64,
        });
    }
    let new = refile::data_file(io, file, file.row_id_start, &removed).await?;
    let data_path = format!("{}{}", io.data_path, new.object.path);
    let mut deletes = Vec::with_capacity(file.deletes.len());
    for delete in &file.deletes {
        match refile::delete_file(io, delete, &data_path, &removed).await {
            Ok(rewritten) => deletes.push((delete.id, rewritten)),
            Err(error) => {
                let fate = Fate::Replaced {
                    new,
                    removed,
                    deletes,
                };
                write::discard(io, &fate.written()).await;
                return Err(error);
            }
        }
    }
    Ok(Fate::Replaced {
        new,
        removed,
        deletes,
    })
}

/// The transaction.
async fn transact(
    db: &Db,
    io: &Io,
    erasure: &Erasure,
    known: &mut Known,
    again: bool,
) -> Result<Erased, Error> {
    let mut tx = db.begin().await?;
    let claim = Claim {
        definitions: false,
        catalog_ids: 0,
        file_ids: 0,
    };
    let claimed = snapshot::claim(&mut tx, &claim).await?;
    // Nobody else commits from here on: what is found now is all there is.
    let history = history::read(&mut tx, &io.data_path).await?;
    known.find(io, &history, erasure).await?;
    let mut work = Exchange::default();
    let mut next_file_id = claimed.first_file_id;
    let mut touched: BTreeSet<i64> = BTreeSet::new();
    for file in history.files.values() {
        let fate = known.0.get(&file.id).map(|(_, fate)| fate);
        if work.add(file, fate.unwrap_or(&Fate::Untouched), &mut next_file_id) {
            touched.insert(file.table_id);
        }
    }
    for (id, table) in &history.tables {
        let rows = remove_inlined(&mut tx, *id, table, erasure).await?;
        work.rows += rows;
        if rows > 0 {
            touched.insert(*id);
        }
    }
    let scheduled = scheduled(&mut tx, io, erasure).await?;
    let mut erased = Erased {
        rows: work.rows,
        files_rewritten: work.replaced.len() as i64,
        files_removed: work.gone.len() as i64,
        not_searched: history.without_keys.iter().cloned().collect(),
        snapshot_id: None,
    };
    if again && touched.is_empty() && scheduled.is_empty() {
        tx.rollback().await?;
        return Ok(erased);
    }
    work.write(&mut tx, &history, touched.iter().copied())
        .await?;
    for id in history.tables.keys() {
        table_ranges::narrow(&mut tx, *id).await?;
    }
    tx.execute(
        "update ducklake_snapshot set next_file_id = $1 where snapshot_id = $2",
        &[next_file_id.into(), claimed.snapshot_id.into()],
    )
    .await?;
    if touched.is_empty() {
        // Ranges of whole tables have changed.
        touched.extend(history.tables.keys());
    }
    let changes: Vec<String> = touched
        .iter()
        .map(|id| format!("merge_adjacent:{id}"))
        .collect();
    let message = "rewrite history without what was purged";
    let made = changes.join(",");
    snapshot::record(&mut tx, claimed.snapshot_id, &made, Some(message), None).await?;
    let mut objects = work.objects;
    objects.extend(scheduled);
    let counts = PurgeCounts {
        lake_rows: erased.rows,
        files_rewritten: erased.files_rewritten,
        files_removed: erased.files_removed,
        ..PurgeCounts::default()
    };
    catalog::rewritten(&mut tx, erasure.purge_id, &counts, &objects).await?;
    tx.commit().await?;
    erased.snapshot_id = Some(claimed.snapshot_id);
    Ok(erased)
}

/// Objects that are to be removed anyway and hold such rows: they go at once.
async fn scheduled(tx: &mut Tx, io: &Io, erasure: &Erasure) -> Result<Vec<String>, Error> {
    let rows = tx
        .fetch(
            "select path, path_is_relative from ducklake_files_scheduled_for_deletion",
            &[],
        )
        .await?;
    let mut found = Vec::new();
    let mut paths = Vec::new();
    for row in &rows {
        let path = super::load::join("", row.opt_text(0)?, row.opt_bool(1)?);
        let location = super::load::location(&io.data_path, &path)?;
        // What cannot be read goes too, as it is to go anyway.
        let holds = match super::strays::holds_traces(io, &location, erasure).await {
            Err(Error::Parquet { .. }) => true,
            other => other?,
        };
        if holds {
            found.push(location.to_string());
            paths.push(row.text(0)?.to_owned());
        }
    }
    if !paths.is_empty() {
        tx.execute(
            "delete from ducklake_files_scheduled_for_deletion where path = any($1)",
            &[Value::Texts(paths)],
        )
        .await?;
    }
    Ok(found)
}

/// Removes rows that lie in the catalog itself; answers how many.
async fn remove_inlined(
    tx: &mut Tx,
    table_id: i64,
    table: &PastTable,
    erasure: &Erasure,
) -> Result<i64, Error> {
    let rule = Rule::of(erasure, table);
    let mut gone = 0;
    for (name, version) in &table.inlined {
        let names = inlined::names_at(tx, table_id, *version).await?;
        let column = |ids: &BTreeSet<i64>| {
            let found = names.iter().find(|(id, _)| ids.contains(id));
            found.map(|(_, name)| inlined::quoted(name))
        };
        let (athlete, activity) = (column(&table.athlete), column(&table.activity));
        let place = inlined::quoted(name);
        if let (Some(column), Some(id)) = (&athlete, rule.athlete) {
            let sql = format!("delete from {place} where {column} = $1");
            gone += tx.execute_named(sql, &[id.into()]).await?;
        }
        if let (Some(column), Some(id)) = (&athlete, rule.superseded) {
            let sql =
                format!("delete from {place} where {column} = $1 and end_snapshot is not null");
            gone += tx.execute_named(sql, &[id.into()]).await?;
        }
        if let Some(column) = &activity {
            let ids = Value::Ints(rule.revised.iter().copied().collect());
            let sql = format!(
                "delete from {place} where {column} = any($1) and end_snapshot is not null"
            );
            gone += tx.execute_named(sql, &[ids]).await?;
            let sql = format!("delete from {place} where {column} = any($1)");
            let ids = Value::Ints(rule.activities.iter().copied().collect());
            gone += tx.execute_named(sql, &[ids]).await?;
        }
    }
    Ok(gone as i64)
}
