//! Takes history away: older snapshots and the files that only they hold.

use std::collections::HashSet;

use super::load::join;
use super::snapshot;
use crate::catalog::{Tx, Value};
use crate::error::Error;

/// Forgets all snapshots before `snapshot_id`, and schedules for removal the
/// files that no snapshot holds then, but for those at the paths `missing`.
///
/// # Errors
/// [`Error::Database`], [`Error::Inconsistent`].
pub(crate) async fn before(
    tx: &mut Tx,
    snapshot_id: i64,
    missing: &HashSet<String>,
) -> Result<(), Error> {
    let at = [Value::Int(snapshot_id)];
    let now = Value::Time(snapshot::now_us());
    let gone: Vec<Vec<Value>> = ended_files(tx, snapshot_id)
        .await?
        .into_iter()
        .filter(|(_, path)| !missing.contains(path))
        .map(|(id, path)| {
            vec![
                Value::Int(id),
                Value::from(path.as_str()),
                Value::Bool(!path.starts_with('/') && !path.contains("://")),
                now.clone(),
            ]
        })
        .collect();
    tx.execute_rows(
        "insert into ducklake_files_scheduled_for_deletion \
         (data_file_id, path, path_is_relative, schedule_start)",
        &gone,
        "",
    )
    .await?;
    for statement in [
        "delete from ducklake_file_column_stats where data_file_id in \
         (select data_file_id from ducklake_data_file where end_snapshot <= $1)",
        "delete from ducklake_file_partition_value where data_file_id in \
         (select data_file_id from ducklake_data_file where end_snapshot <= $1)",
        "delete from ducklake_delete_file where end_snapshot <= $1",
        "delete from ducklake_data_file where end_snapshot <= $1",
        "delete from ducklake_snapshot_changes where snapshot_id < $1",
        "delete from ducklake_snapshot where snapshot_id < $1",
    ] {
        tx.execute(statement, &at).await?;
    }
    Ok(())
}

/// Data and delete files that ended at or before a snapshot: id and path below
/// the lake's folder.
async fn ended_files(tx: &mut Tx, snapshot_id: i64) -> Result<Vec<(i64, String)>, Error> {
    let rows = tx
        .fetch(
            "select s.path, s.path_is_relative, t.path, t.path_is_relative, \
             f.path, f.path_is_relative, f.id from (\
             select table_id, data_file_id as id, path, path_is_relative \
             from ducklake_data_file where end_snapshot <= $1 \
             union all select table_id, delete_file_id, path, path_is_relative \
             from ducklake_delete_file where end_snapshot <= $1) f \
             join (select distinct table_id, schema_id, path, path_is_relative \
             from ducklake_table) t on t.table_id = f.table_id \
             join ducklake_schema s on s.schema_id = t.schema_id order by f.id",
            &[Value::Int(snapshot_id)],
        )
        .await?;
    rows.iter()
        .map(|row| {
            let schema = join("", row.opt_text(0)?, row.opt_bool(1)?);
            let table = join(&schema, row.opt_text(2)?, row.opt_bool(3)?);
            let path = join(&table, row.opt_text(4)?, row.opt_bool(5)?);
            Ok((row.int(6)?, path))
        })
        .collect()
}
