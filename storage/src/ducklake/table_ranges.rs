//! The statistics of a whole table made anew from those of its files. They
//! otherwise only widen, so that a value that was purged would stay in them
//! for ever.

use std::collections::{BTreeMap, BTreeSet};

use arrow::datatypes::DataType;

use super::bound::{Bound, Range};
use super::inlined;
use super::table_stats;
use super::types;
use crate::catalog::{Tx, Value};
use crate::error::Error;

/// Of how many files statistics are held at once.
const FILES_AT_ONCE: usize = 512;

/// What all files say of one column.
#[derive(Clone, Debug, Default)]
struct Gathered {
    files: usize,
    contains_null: bool,
    contains_nan: Option<bool>,
    range: Option<Range>,
    /// Whether a file holds values of which no range is known.
    unknown: bool,
}

/// Makes a table's statistics anew: its columns' ranges over all snapshots,
/// its rows and bytes at the newest.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn narrow(tx: &mut Tx, table_id: i64) -> Result<(), Error> {
    let table = [Value::Int(table_id)];
    let kinds = kinds(tx, &table).await?;
    let mut columns: BTreeMap<i64, Gathered> = BTreeMap::new();
    let listed = tx
        .fetch(
            "select column_id from ducklake_table_column_stats where table_id = $1",
            &table,
        )
        .await?;
    for row in &listed {
        columns.insert(row.int(0)?, Gathered::default());
    }
    let files = tx
        .fetch(
            "select data_file_id from ducklake_data_file where table_id = $1",
            &table,
        )
        .await?;
    let files = files
        .iter()
        .map(|row| row.int(0))
        .collect::<Result<Vec<_>, _>>()?;
    for chunk in files.chunks(FILES_AT_ONCE) {
        gather(tx, chunk, &kinds, &mut columns).await?;
    }
    let inlined = inlined_rows(tx, table_id).await?;
    let rows: Vec<Vec<Value>> = columns
        .into_iter()
        .map(|(id, mut column)| {
            let kind = kinds.get(&id);
            let default = kind.is_some_and(|kind| kind.has_default);
            // Files that are older than a column hold nulls or its default;
            // of rows in the catalog nothing is known.
            let silent = column.files < files.len();
            column.contains_null |= silent || inlined > 0;
            column.unknown |= (silent && default) || inlined > 0;
            column.row(table_id, id, kind.map(|kind| &kind.data_type))
        })
        .collect();
    tx.execute(
        "delete from ducklake_table_column_stats where table_id = $1",
        &table,
    )
    .await?;
    tx.execute_rows("insert into ducklake_table_column_stats", &rows, "")
        .await?;
    tx.execute(
        "update ducklake_table_stats set \
         record_count = $2 + (select coalesce(sum(record_count), 0) from ducklake_data_file \
         where table_id = $1 and end_snapshot is null), \
         file_size_bytes = (select coalesce(sum(file_size_bytes), 0) from ducklake_data_file \
         where table_id = $1 and end_snapshot is null) where table_id = $1",
        &[table_id.into(), inlined.into()],
    )
    .await?;
    Ok(())
}

/// The type of a column, and whether older files have a default for it.
struct Kind {
    data_type: DataType,
    has_default: bool,
}

async fn kinds(tx: &mut Tx, table: &[Value]) -> Result<BTreeMap<i64, Kind>, Error> {
    let rows = tx
        .fetch(
            "select column_id, column_type, initial_default from ducklake_column \
             where table_id = $1 order by begin_snapshot",
            table,
        )
        .await?;
    let mut kinds = BTreeMap::new();
    for row in &rows {
        let kind = Kind {
            data_type: types::plain_type(row.text(1)?).unwrap_or(DataType::Null),
            has_default: row.opt_text(2)?.is_some_and(|text| text != "NULL"),
        };
        kinds.insert(row.int(0)?, kind);
    }
    Ok(kinds)
}

async fn gather(
    tx: &mut Tx,
    files: &[i64],
    kinds: &BTreeMap<i64, Kind>,
    columns: &mut BTreeMap<i64, Gathered>,
) -> Result<(), Error> {
    let rows = tx
        .fetch(
            "select column_id, min_value, max_value, value_count, null_count, contains_nan \
             from ducklake_file_column_stats where data_file_id = any($1)",
            &[Value::Ints(files.to_vec())],
        )
        .await?;
    for row in &rows {
        let id = row.int(0)?;
        let Some(column) = columns.get_mut(&id) else {
            continue;
        };
        let kind = kinds.get(&id).map(|kind| &kind.data_type);
        let parse = |text: Option<&str>| Bound::parse(kind?, text?);
        let range = parse(row.opt_text(1)?)
            .zip(parse(row.opt_text(2)?))
            .map(|(min, max)| Range { min, max });
        column.files += 1;
        column.contains_null |= row.opt_int(4)? != Some(0);
        if let Some(nan) = row.opt_bool(5)? {
            column.contains_nan = Some(column.contains_nan.unwrap_or(false) || nan);
        }
        match (&mut column.range, range) {
            (Some(all), Some(range)) => all.widen(&range),
            (none @ None, Some(range)) => *none = Some(range),
            (_, None) => column.unknown |= row.opt_int(3)? != Some(0),
        }
    }
    Ok(())
}

impl Gathered {
    fn row(self, table_id: i64, column_id: i64, data_type: Option<&DataType>) -> Vec<Value> {
        let range = self.range.filter(|_| !self.unknown);
        let data_type = data_type.unwrap_or(&DataType::Null);
        let [min, max] = table_stats::texts(range.as_ref(), data_type);
        vec![
            table_id.into(),
            column_id.into(),
            self.contains_null.into(),
            self.contains_nan.into(),
            min,
            max,
            Value::Null,
        ]
    }
}

/// How many rows of the table lie in the catalog, live or not.
async fn inlined_rows(tx: &mut Tx, table_id: i64) -> Result<i64, Error> {
    let places = inlined::places(tx).await?;
    let names: BTreeSet<&String> = places.rows_of(table_id).iter().map(|(n, _)| n).collect();
    let mut rows = 0;
    for name in names {
        let sql = format!("select count(*) from {}", inlined::quoted(name));
        let counted = tx.fetch_named(sql, &[]).await?;
        rows += counted.first().map_or(Ok(0), |row| row.int(0))?;
    }
    Ok(rows)
}
