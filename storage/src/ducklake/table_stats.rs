//! Statistics in the catalog: of files as they are, of tables as they widen.

use std::collections::{BTreeMap, HashMap};

use arrow::datatypes::DataType;

use super::bound::{Bound, Range};
use super::state::State;
use super::statistics::{ColumnStats, TableColumnStats};
use super::types::LakeColumn;
use super::write::NewFile;
use crate::catalog::{Tx, Value};
use crate::error::Error;

/// Counts new files into their tables' statistics and widens their ranges;
/// rows and bytes of files that they replace are counted out.
/// Answers, for each table, the first row id of its new rows.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn widen(
    tx: &mut Tx,
    new: &BTreeMap<i64, Vec<&NewFile>>,
    replaced: &HashMap<i64, (i64, i64)>,
    state: &State,
) -> Result<HashMap<i64, i64>, Error> {
    let mut first_row_ids = HashMap::new();
    if new.is_empty() {
        return Ok(first_row_ids);
    }
    let ids = Value::Ints(new.keys().copied().collect());
    let mut totals = HashMap::new();
    let rows = tx
        .fetch(
            "select table_id, record_count, next_row_id, file_size_bytes \
             from ducklake_table_stats where table_id = any($1)",
            std::slice::from_ref(&ids),
        )
        .await?;
    for row in &rows {
        totals.insert(row.int(0)?, (row.int(1)?, row.int(2)?, row.int(3)?));
    }
    let mut columns = read_columns(tx, &ids, state).await?;
    let mut total_rows = Vec::new();
    let mut column_rows = Vec::new();
    for (table_id, files) in new {
        let known = totals.contains_key(table_id);
        let (rows, next_row_id, bytes) = totals.get(table_id).copied().unwrap_or_default();
        first_row_ids.insert(*table_id, next_row_id);
        let new_rows: i64 = files.iter().map(|file| file.rows).sum();
        let new_bytes: i64 = files.iter().map(|file| file.object.size as i64).sum();
        let (old_rows, old_bytes) = replaced.get(table_id).copied().unwrap_or_default();
        total_rows.push(
            [
                *table_id,
                (rows + new_rows - old_rows).max(0),
                next_row_id + new_rows,
                (bytes + new_bytes - old_bytes).max(0),
            ]
            .map(Value::Int)
            .to_vec(),
        );
        let table_columns = columns.entry(*table_id).or_default();
        let mut changed: BTreeMap<i64, TableColumnStats> = BTreeMap::new();
        for stats in files.iter().flat_map(|file| &file.stats) {
            match table_columns.get_mut(&stats.column_id) {
                Some(table) => {
                    if table.widen(stats) {
                        changed.insert(stats.column_id, table.clone());
                    }
                }
                // A column without a row in a table that had rows: what those
                // hold is not known.
                None if known => {}
                None => {
                    let first = TableColumnStats::of_first(stats);
                    changed.insert(stats.column_id, first.clone());
                    table_columns.insert(stats.column_id, first);
                }
            }
        }
        let types = leaf_types(state, *table_id);
        column_rows.extend(
            changed
                .values()
                .map(|column| column_row(*table_id, column, &types)),
        );
    }
    replace_totals(tx, &ids, &total_rows).await?;
    replace_columns(tx, &column_rows).await?;
    Ok(first_row_ids)
}

async fn replace_totals(tx: &mut Tx, ids: &Value, rows: &[Vec<Value>]) -> Result<(), Error> {
    tx.execute(
        "delete from ducklake_table_stats where table_id = any($1)",
        std::slice::from_ref(ids),
    )
    .await?;
    tx.execute_rows("insert into ducklake_table_stats", rows, "")
        .await?;
    Ok(())
}

/// `rows` begin with table and column.
async fn replace_columns(tx: &mut Tx, rows: &[Vec<Value>]) -> Result<(), Error> {
    let keys: Vec<Vec<Value>> = rows.iter().map(|row| row[..2].to_vec()).collect();
    tx.execute_rows(
        "delete from ducklake_table_column_stats where (table_id, column_id) in (",
        &keys,
        ")",
    )
    .await?;
    tx.execute_rows("insert into ducklake_table_column_stats", rows, "")
        .await?;
    Ok(())
}

async fn read_columns(
    tx: &mut Tx,
    ids: &Value,
    state: &State,
) -> Result<HashMap<i64, HashMap<i64, TableColumnStats>>, Error> {
    let rows = tx
        .fetch(
            "select table_id, column_id, contains_null, contains_nan, min_value, max_value \
             from ducklake_table_column_stats where table_id = any($1)",
            std::slice::from_ref(ids),
        )
        .await?;
    let mut columns: HashMap<i64, HashMap<i64, TableColumnStats>> = HashMap::new();
    let mut types: HashMap<i64, HashMap<i64, DataType>> = HashMap::new();
    for row in &rows {
        let (table_id, column_id) = (row.int(0)?, row.int(1)?);
        let types = types
            .entry(table_id)
            .or_insert_with(|| leaf_types(state, table_id));
        let parse = |text: Option<&str>| Bound::parse(types.get(&column_id)?, text?);
        let range = parse(row.opt_text(4)?)
            .zip(parse(row.opt_text(5)?))
            .map(|(min, max)| Range { min, max });
        let stats = TableColumnStats {
            column_id,
            contains_null: row.opt_bool(2)?,
            contains_nan: row.opt_bool(3)?,
            range,
        };
        columns
            .entry(table_id)
            .or_default()
            .insert(column_id, stats);
    }
    Ok(columns)
}

/// The types of plain columns and list elements, by column id.
fn leaf_types(state: &State, table_id: i64) -> HashMap<i64, DataType> {
    let columns = state.table_by_id(table_id).map(|table| &table.columns);
    columns
        .into_iter()
        .flat_map(|columns| columns.iter())
        .map(LakeColumn::leaf)
        .map(|leaf| (leaf.id, leaf.data_type.clone()))
        .collect()
}

/// A range as the catalog has it: least and greatest.
pub(crate) fn texts(range: Option<&Range>, data_type: &DataType) -> [Value; 2] {
    let text = |bound: Option<&Bound>| Value::from(bound.and_then(|bound| bound.text(data_type)));
    [
        text(range.map(|range| &range.min)),
        text(range.map(|range| &range.max)),
    ]
}

fn column_row(
    table_id: i64,
    column: &TableColumnStats,
    types: &HashMap<i64, DataType>,
) -> Vec<Value> {
    let data_type = types.get(&column.column_id).unwrap_or(&DataType::Null);
    let [min, max] = texts(column.range.as_ref(), data_type);
    vec![
        Value::Int(table_id),
        Value::Int(column.column_id),
        Value::from(column.contains_null),
        Value::from(column.contains_nan),
        min,
        max,
        Value::Null,
    ]
}

/// A row of the statistics of one column of one file.
pub(crate) fn file_row(
    column: &ColumnStats,
    file_id: i64,
    table_id: i64,
    data_type: DataType,
) -> Vec<Value> {
    let [min, max] = texts(column.range.as_ref(), &data_type);
    vec![
        Value::Int(file_id),
        Value::Int(table_id),
        Value::Int(column.column_id),
        Value::Int(column.size_bytes),
        Value::Int(column.values),
        Value::Int(column.nulls),
        min,
        max,
        Value::from(column.contains_nan),
        Value::Null,
    ]
}
