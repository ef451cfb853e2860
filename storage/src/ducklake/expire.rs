//! Lets old snapshots go, and schedules the files that only they listed.

use std::collections::BTreeSet;

use super::inlined;
use super::load;
use crate::catalog::{Db, Row, Tx, Value, leases};
use crate::error::Error;

/// What expired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expired {
    /// Snapshots that are gone.
    pub snapshots: u64,
    /// Snapshots older than asked for that someone leases.
    pub leased: u64,
    /// Data and delete files that no snapshot lists any more.
    pub files: u64,
    /// Their length in bytes.
    pub bytes: u64,
}

/// Which snapshots to let go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expiry {
    /// Those made before this instant, in microseconds since 1970; the newest
    /// and leased ones stay.
    pub before_us: i64,
    /// When their files are scheduled: the store's time now.
    pub scheduled_us: i64,
    /// Whether to say only what would go.
    pub dry_run: bool,
}

/// Expires snapshots, in one transaction. Files stay where they are, and are
/// scheduled for removal.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn expire(db: &Db, expiry: &Expiry) -> Result<Expired, Error> {
    let mut tx = db.begin().await?;
    let leased: BTreeSet<i64> = leases::leased_snapshots(&mut tx)
        .await?
        .into_iter()
        .collect();
    let snapshots = tx
        .fetch(
            "select snapshot_id, snapshot_time from ducklake_snapshot order by snapshot_id",
            &[],
        )
        .await?;
    let mut expired = Expired::default();
    let mut old = Vec::new();
    for row in snapshots.iter().take(snapshots.len().saturating_sub(1)) {
        let snapshot_id = row.int(0)?;
        if row.time(1)? >= expiry.before_us {
            continue;
        }
        if leased.contains(&snapshot_id) {
            expired.leased += 1;
        } else {
            old.push(snapshot_id);
        }
    }
    if old.is_empty() {
        return Ok(expired);
    }
    expired.snapshots = old.len() as u64;
    let old = [Value::Ints(old)];
    for statement in [
        "delete from ducklake_snapshot where snapshot_id = any($1)",
        "delete from ducklake_snapshot_changes where snapshot_id = any($1)",
    ] {
        tx.execute(statement, &old).await?;
    }
    let (data, deletes) = unlisted(&mut tx).await?;
    for files in [&data, &deletes] {
        expired.files += files.ids.len() as u64;
        expired.bytes += files.bytes;
        files.schedule(&mut tx, expiry.scheduled_us).await?;
    }
    forget(&mut tx, data.ids, deletes.ids).await?;
    if expiry.dry_run {
        tx.rollback().await?;
    } else {
        tx.commit().await?;
    }
    Ok(expired)
}

/// Files that no snapshot lists.
#[derive(Default)]
struct Files {
    ids: Vec<i64>,
    /// Rows of the list of scheduled files, but for the time.
    rows: Vec<[Value; 3]>,
    bytes: u64,
}

impl Files {
    /// From rows of id, size, and the paths of schema, table and file.
    fn of(rows: &[Row]) -> Result<Self, Error> {
        let mut files = Self::default();
        for row in rows {
            let id = row.int(0)?;
            let folder = load::join("", row.opt_text(2)?, row.opt_bool(3)?);
            let folder = load::join(&folder, row.opt_text(4)?, row.opt_bool(5)?);
            let path = load::join(&folder, row.opt_text(6)?, row.opt_bool(7)?);
            // Whichever part was absolute, the whole is then.
            let relative = !path.starts_with('/') && !path.contains("://");
            files.ids.push(id);
            files
                .rows
                .push([Value::Int(id), Value::Text(path), Value::Bool(relative)]);
            files.bytes += row.int(1)?.unsigned_abs();
        }
        Ok(files)
    }

    async fn schedule(&self, tx: &mut Tx, at_us: i64) -> Result<(), Error> {
        let rows: Vec<Vec<Value>> = self
            .rows
            .iter()
            .map(|row| row.iter().cloned().chain([Value::Time(at_us)]).collect())
            .collect();
        tx.execute_rows(
            "insert into ducklake_files_scheduled_for_deletion \
             (data_file_id, path, path_is_relative, schedule_start)",
            &rows,
            "",
        )
        .await?;
        Ok(())
    }
}

/// Data and delete files that no snapshot lists.
async fn unlisted(tx: &mut Tx) -> Result<(Files, Files), Error> {
    let data = tx
        .fetch(
            "select f.data_file_id, f.file_size_bytes, s.path, s.path_is_relative, \
             t.path, t.path_is_relative, f.path, f.path_is_relative from ducklake_data_file f \
             join (select distinct table_id, schema_id, path, path_is_relative \
             from ducklake_table) t on t.table_id = f.table_id \
             join ducklake_schema s on s.schema_id = t.schema_id \
             where f.end_snapshot is not null and not exists (select 1 from ducklake_snapshot n \
             where n.snapshot_id >= f.begin_snapshot and n.snapshot_id < f.end_snapshot) \
             order by f.data_file_id",
            &[],
        )
        .await?;
    let data = Files::of(&data)?;
    let deletes = tx
        .fetch(
            "select f.delete_file_id, f.file_size_bytes, s.path, s.path_is_relative, \
             t.path, t.path_is_relative, f.path, f.path_is_relative from ducklake_delete_file f \
             join (select distinct table_id, schema_id, path, path_is_relative \
             from ducklake_table) t on t.table_id = f.table_id \
             join ducklake_schema s on s.schema_id = t.schema_id \
             where (f.end_snapshot is not null and not exists (select 1 from ducklake_snapshot n \
             where n.snapshot_id >= f.begin_snapshot and n.snapshot_id < f.end_snapshot)) \
             or f.data_file_id = any($1) order by f.delete_file_id",
            &[Value::Ints(data.ids.clone())],
        )
        .await?;
    Ok((data, Files::of(&deletes)?))
}

/// Removes all that the catalog says of the files.
async fn forget(tx: &mut Tx, data: Vec<i64>, deletes: Vec<i64>) -> Result<(), Error> {
    let data = [Value::Ints(data)];
    for statement in [
        "delete from ducklake_data_file where data_file_id = any($1)",
        "delete from ducklake_file_column_stats where data_file_id = any($1)",
        "delete from ducklake_file_partition_value where data_file_id = any($1)",
        "delete from ducklake_file_variant_stats where data_file_id = any($1)",
    ] {
        tx.execute(statement, &data).await?;
    }
    let [files] = data;
    inlined::forget(tx, &files).await?;
    tx.execute(
        "delete from ducklake_delete_file where delete_file_id = any($1)",
        &[Value::Ints(deletes)],
    )
    .await?;
    Ok(())
}
