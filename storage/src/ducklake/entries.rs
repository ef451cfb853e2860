//! The rows of a commit: a constant number of statements, however many files
//! are live.

use std::collections::{BTreeMap, HashMap};

use arrow::datatypes::DataType;

use super::commit::{Kind, Prepared};
use super::inlined;
use super::removal::Fate;
use super::snapshot::Claimed;
use super::state::State;
use super::table_stats;
use super::types::LakeColumn;
use super::write::{NewDeletes, NewFile};
use crate::catalog::{Tx, Value};
use crate::error::Error;

/// Conflict, unless each file that loses rows is live and has the delete file
/// that it was known with.
///
/// # Errors
/// [`Error::Conflict`], [`Error::Database`].
pub(crate) async fn check_live(tx: &mut Tx, prepared: &Prepared) -> Result<(), Error> {
    let losses = || prepared.tables.iter().flat_map(|table| &table.losses);
    let ids: Vec<i64> = losses().map(|loss| loss.file.id).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let rows = tx
        .fetch(
            "select f.data_file_id, d.delete_file_id from ducklake_data_file f \
             left join ducklake_delete_file d \
             on d.data_file_id = f.data_file_id and d.end_snapshot is null \
             where f.data_file_id = any($1) and f.end_snapshot is null",
            &[Value::Ints(ids)],
        )
        .await?;
    let mut live: HashMap<i64, Option<i64>> = HashMap::new();
    for row in &rows {
        live.insert(row.int(0)?, row.opt_int(1)?);
    }
    let unchanged = losses().all(|loss| {
        let known = loss.file.deletes.as_ref().map(|deletes| deletes.id);
        live.get(&loss.file.id) == Some(&known)
    });
    if unchanged {
        Ok(())
    } else {
        Err(Error::Conflict {
            what: "a file of the lake",
        })
    }
}

/// Writes all rows but those of the snapshot itself.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn write(
    tx: &mut Tx,
    prepared: &Prepared,
    claimed: &Claimed,
) -> Result<(), Error> {
    end_files(tx, prepared, claimed.snapshot_id).await?;
    for table in &prepared.tables {
        inlined::end(tx, &table.inlined, claimed.snapshot_id).await?;
    }
    let mut by_table: BTreeMap<i64, Vec<&NewFile>> = BTreeMap::new();
    for table in &prepared.tables {
        let files = by_table.entry(table.table.id).or_default();
        files.extend(&table.written);
    }
    by_table.retain(|_, files| !files.is_empty());
    let mut next_file_id =
        insert_files(tx, &by_table, &replaced(prepared), &prepared.base, claimed).await?;
    let mut file_id = || {
        next_file_id += 1;
        next_file_id - 1
    };
    let mut deletes = Vec::new();
    for table in &prepared.tables {
        for new in table.new_deletes() {
            deletes.push(delete_row(
                new,
                file_id(),
                table.table.id,
                claimed.snapshot_id,
            ));
        }
    }
    tx.execute_rows("insert into ducklake_delete_file", &deletes, "")
        .await?;
    Ok(())
}

/// Writes the rows of new data files, with the claim's first ids; answers the
/// next file id. `replaced` are rows and bytes, by table, that they stand for;
/// `state` is the one before the claimed snapshot.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn insert_files(
    tx: &mut Tx,
    by_table: &BTreeMap<i64, Vec<&NewFile>>,
    replaced: &HashMap<i64, (i64, i64)>,
    state: &State,
    claimed: &Claimed,
) -> Result<i64, Error> {
    let row_ids = table_stats::widen(tx, by_table, replaced, state).await?;
    let begin = claimed.snapshot_id;
    let mut id = claimed.first_file_id;
    let (mut files, mut stats, mut partitions) = (Vec::new(), Vec::new(), Vec::new());
    for (table_id, written) in by_table {
        let mut row_id = row_ids.get(table_id).copied().unwrap_or(0);
        for file in written {
            files.push(file_row(file, id, *table_id, begin, row_id));
            row_id += file.rows;
            stats.extend(file.stats.iter().map(|column| {
                let data_type = leaf_type(state, *table_id, column.column_id);
                table_stats::file_row(column, id, *table_id, data_type)
            }));
            let values = file.partition.iter().flat_map(|(_, values)| values);
            partitions.extend((0i64..).zip(values).map(|(index, value)| {
                vec![
                    Value::Int(id),
                    Value::Int(*table_id),
                    Value::Int(index),
                    Value::from(value.clone()),
                ]
            }));
            id += 1;
        }
    }
    for (statement, rows) in [
        ("insert into ducklake_data_file", files),
        ("insert into ducklake_file_column_stats", stats),
        ("insert into ducklake_file_partition_value", partitions),
    ] {
        tx.execute_rows(statement, &rows, "").await?;
    }
    Ok(id)
}

/// Rows and bytes of the files, by table, that new ones stand for from now on.
fn replaced(prepared: &Prepared) -> HashMap<i64, (i64, i64)> {
    let mut replaced: HashMap<i64, (i64, i64)> = HashMap::new();
    match prepared.kind {
        Kind::Change => {}
        Kind::Rewrite => {
            for table in &prepared.tables {
                let total = replaced.entry(table.table.id).or_default();
                for loss in &table.losses {
                    total.0 += loss.file.rows as i64;
                    total.1 += loss.file.object.size as i64;
                }
            }
        }
    }
    replaced
}

/// The type of a plain column or list element.
fn leaf_type(state: &State, table_id: i64, column_id: i64) -> DataType {
    let table = state.table_by_id(table_id);
    table
        .into_iter()
        .flat_map(|table| table.columns.iter())
        .map(LakeColumn::leaf)
        .find(|leaf| leaf.id == column_id)
        .map_or(DataType::Null, |leaf| leaf.data_type.clone())
}

/// Ends data files that lost all rows, and delete files that are replaced.
async fn end_files(tx: &mut Tx, prepared: &Prepared, snapshot_id: i64) -> Result<(), Error> {
    let losses = || prepared.tables.iter().flat_map(|table| &table.losses);
    let data_files: Vec<i64> = losses()
        .filter(|loss| matches!(loss.fate, Fate::Ends))
        .map(|loss| loss.file.id)
        .collect();
    let delete_files: Vec<i64> = losses()
        .filter_map(|loss| loss.file.deletes.as_ref().map(|deletes| deletes.id))
        .collect();
    for (statement, ids) in [
        (
            "update ducklake_data_file set end_snapshot = $1 where data_file_id = any($2)",
            data_files,
        ),
        (
            "update ducklake_delete_file set end_snapshot = $1 \
             where delete_file_id = any($2) and end_snapshot is null",
            delete_files,
        ),
    ] {
        if !ids.is_empty() {
            tx.execute(statement, &[Value::Int(snapshot_id), Value::Ints(ids)])
                .await?;
        }
    }
    Ok(())
}

fn file_row(file: &NewFile, id: i64, table_id: i64, begin: i64, row_id: i64) -> Vec<Value> {
    vec![
        Value::Int(id),
        Value::Int(table_id),
        Value::Int(begin),
        Value::Null,
        Value::Null,
        Value::from(file.path.as_str()),
        Value::Bool(true),
        Value::from("parquet"),
        Value::Int(file.rows),
        Value::Int(file.object.size as i64),
        Value::from(file.object.footer_size.map(|size| size as i64)),
        Value::Int(row_id),
        Value::from(file.partition.as_ref().map(|(id, _)| *id)),
        Value::Null,
        Value::Null,
        Value::Null,
    ]
}

fn delete_row(new: &NewDeletes, id: i64, table_id: i64, begin: i64) -> Vec<Value> {
    vec![
        Value::Int(id),
        Value::Int(table_id),
        Value::Int(begin),
        Value::Null,
        Value::Int(new.data_file_id),
        Value::from(new.path.as_str()),
        Value::Bool(true),
        Value::from("parquet"),
        Value::Int(new.rows),
        Value::Int(new.object.size as i64),
        Value::from(new.object.footer_size.map(|size| size as i64)),
        Value::Null,
        Value::Null,
    ]
}
