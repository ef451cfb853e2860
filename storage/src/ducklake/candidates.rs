//! What there is to maintain in a table: its live files with their partitions.

use std::collections::HashMap;

use super::state::{DataFile, TableState};
use super::write::{OWN_PREFIX, Partition};
use crate::catalog::{Tx, Value};
use crate::error::Error;

/// The partition of each live file of the table that has one, by file.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn partitions(
    tx: &mut Tx,
    table_id: i64,
) -> Result<HashMap<i64, Partition>, Error> {
    let rows = tx
        .fetch(
            "select f.data_file_id, f.partition_id, v.partition_value from ducklake_data_file f \
             join ducklake_file_partition_value v on v.data_file_id = f.data_file_id \
             where f.table_id = $1 and f.end_snapshot is null and f.partition_id is not null \
             order by f.data_file_id, v.partition_key_index",
            &[Value::Int(table_id)],
        )
        .await?;
    let mut partitions: HashMap<i64, Partition> = HashMap::new();
    for row in &rows {
        let partition = partitions
            .entry(row.int(0)?)
            .or_insert((row.int(1)?, Vec::new()));
        partition.1.push(row.opt_text(2)?.map(str::to_owned));
    }
    Ok(partitions)
}

/// Whether we wrote the file, by its name: that tells without a look into it,
/// and a merge finds out if it lies.
pub(crate) fn is_named_ours(file: &DataFile) -> bool {
    let name = file.object.path.filename();
    name.is_some_and(|name| name.starts_with(OWN_PREFIX))
}

/// Whether the file's rows lie as we lay them: written by us, in a partition
/// of the table as it is cut now.
pub(crate) fn is_ours(table: &TableState, file: &DataFile, partition: Option<&Partition>) -> bool {
    let cut = table.partition.as_ref().map(|partition| partition.id);
    is_named_ours(file) && cut == partition.map(|(id, _)| *id)
}

/// How many rows of the file are gone.
pub(crate) fn deleted_rows(file: &DataFile) -> u64 {
    let listed = file.deletes.as_ref().map_or(0, |deletes| deletes.rows);
    listed + file.inlined_deletes.len() as u64
}
