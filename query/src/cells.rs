//! Where two lists of rows of one table differ, cell by cell, for people.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, Rows, SortField};
use arrow::util::display::array_value_to_string;
use serde::Serialize;
use storage::table::Table;

use crate::error::Error;

/// One value that differs, or a row that only one side has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cell {
    /// The table.
    pub table: &'static str,
    /// The row's key, as `column=value` joined by commas.
    pub key: String,
    /// The column; `None` where the whole row is on one side only.
    pub column: Option<&'static str>,
    /// What is there; `None` where the row is not.
    pub found: Option<String>,
    /// What should be; `None` where no row should.
    pub expected: Option<String>,
}

/// Compares rows by the table's key; both sides have its columns in order.
/// Doubles are compared bit for bit.
///
/// # Errors
/// [`Error::Malformed`] where rows are not as their table declares them.
pub fn differing(
    table: &'static Table,
    found: &RecordBatch,
    expected: &RecordBatch,
) -> Result<Vec<Cell>, Error> {
    compare(table, found, expected).map_err(|error| Error::Malformed {
        table: table.name,
        problem: error.to_string(),
    })
}

/// The rows of one key: those that were found, and those expected.
type RowsOfKey = (Vec<usize>, Vec<usize>);

fn compare(
    table: &'static Table,
    found: &RecordBatch,
    expected: &RecordBatch,
) -> Result<Vec<Cell>, ArrowError> {
    let key: Vec<usize> = table
        .key
        .iter()
        .map(|name| expected.schema().index_of(name))
        .collect::<Result<_, _>>()?;
    let (here, there) = (encoded(found, &key)?, encoded(expected, &key)?);
    let mut by_key: BTreeMap<Box<[u8]>, RowsOfKey> = BTreeMap::new();
    for row in 0..found.num_rows() {
        let at = by_key.entry(here.row(row).data().into()).or_default();
        at.0.push(row);
    }
    for row in 0..expected.num_rows() {
        let at = by_key.entry(there.row(row).data().into()).or_default();
        at.1.push(row);
    }
    let mut whole = Vec::with_capacity(table.columns.len());
    for index in 0..expected.num_columns() {
        whole.push((encoded(found, &[index])?, encoded(expected, &[index])?));
    }
    let mut cells = Vec::new();
    for (found_rows, expected_rows) in by_key.into_values() {
        let (Some(here), Some(there)) = (found_rows.first(), expected_rows.first()) else {
            for row in &found_rows {
                cells.push(row_of(table, found, &key, *row, true)?);
            }
            for row in &expected_rows {
                cells.push(row_of(table, expected, &key, *row, false)?);
            }
            continue;
        };
        for row in &found_rows[1..] {
            cells.push(row_of(table, found, &key, *row, true)?);
        }
        for (index, column) in table.columns.iter().enumerate() {
            let (of_found, of_expected) = &whole[index];
            if of_found.row(*here) != of_expected.row(*there) {
                let (is, should) =
                    texts(found.column(index), *here, expected.column(index), *there)?;
                cells.push(Cell {
                    table: table.name,
                    key: key_text(table, expected, &key, *there)?,
                    column: Some(column.name),
                    found: Some(is),
                    expected: Some(should),
                });
            }
        }
    }
    Ok(cells)
}

/// Bytes that are equal where the rows are.
fn encoded(batch: &RecordBatch, columns: &[usize]) -> Result<Rows, ArrowError> {
    let batch = batch.project(columns)?;
    let schema = batch.schema();
    let fields = schema.fields().iter();
    let fields = fields.map(|field| SortField::new(field.data_type().clone()));
    RowConverter::new(fields.collect())?.convert_columns(batch.columns())
}

fn row_of(
    table: &'static Table,
    batch: &RecordBatch,
    key: &[usize],
    row: usize,
    is_found: bool,
) -> Result<Cell, ArrowError> {
    let text = |there: bool| there.then(|| "a row".to_owned());
    Ok(Cell {
        table: table.name,
        key: key_text(table, batch, key, row)?,
        column: None,
        found: text(is_found),
        expected: text(!is_found),
    })
}

fn key_text(
    table: &Table,
    batch: &RecordBatch,
    key: &[usize],
    row: usize,
) -> Result<String, ArrowError> {
    let parts = table.key.iter().zip(key).map(|(name, index)| {
        let value = array_value_to_string(batch.column(*index), row)?;
        Ok(format!("{name}={value}"))
    });
    Ok(parts.collect::<Result<Vec<_>, ArrowError>>()?.join(","))
}

/// Both values as text; of lists the first entry that differs.
fn texts(
    found: &ArrayRef,
    here: usize,
    expected: &ArrayRef,
    there: usize,
) -> Result<(String, String), ArrowError> {
    let is_list = matches!(found.data_type(), DataType::List(_));
    if is_list && found.is_valid(here) && expected.is_valid(there) {
        let (found, expected) = (
            found.as_list::<i32>().value(here),
            expected.as_list::<i32>().value(there),
        );
        if found.len() != expected.len() {
            let text = |list: &ArrayRef| format!("{} samples", list.len());
            return Ok((text(&found), text(&expected)));
        }
        for sample in 0..found.len() {
            let (is, should) = (value(&found, sample)?, value(&expected, sample)?);
            if is != should {
                let text = |value: String| format!("{value} at sample {sample}");
                return Ok((text(is), text(should)));
            }
        }
    }
    Ok((value(found, here)?, value(expected, there)?))
}

fn value(array: &ArrayRef, row: usize) -> Result<String, ArrowError> {
    match array.is_null(row) {
        true => Ok("null".to_owned()),
        false => array_value_to_string(array, row),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::Float64Array;
    use storage::table::{Kind, Partition, Unit, column};

    use super::*;

    const TABLE: Table = Table {
        name: "pairs",
        grain: "one pair",
        key: &["at_s"],
        partition: Partition::None,
        sort: &["at_s"],
        columns: &[
            column("at_s", Kind::Float64, Unit::Second, "When."),
            column("run_m", Kind::Float64, Unit::Metre, "How far."),
        ],
    };

    fn rows(pairs: &[(f64, f64)]) -> RecordBatch {
        let of = |value: fn(&(f64, f64)) -> f64| -> ArrayRef {
            Arc::new(Float64Array::from_iter_values(pairs.iter().map(value)))
        };
        RecordBatch::try_new(TABLE.schema(), vec![of(|p| p.0), of(|p| p.1)]).unwrap()
    }

    #[test]
    fn the_cell_that_differs_is_named() {
        let expected = rows(&[(1.0, 10.0), (2.0, 20.0), (3.0, 30.0)]);
        assert_eq!(differing(&TABLE, &expected, &expected).unwrap(), []);
        let found = rows(&[
            (3.0, 30.0),
            (1.0, f64::from_bits(10f64.to_bits() + 1)),
            (4.0, 0.0),
        ]);
        let cells = differing(&TABLE, &found, &expected).unwrap();
        let said: Vec<_> = cells
            .iter()
            .map(|cell| (cell.key.as_str(), cell.column, cell.found.is_some()))
            .collect();
        assert_eq!(
            said,
            [
                ("at_s=1.0", Some("run_m"), true),
                ("at_s=2.0", None, false),
                ("at_s=4.0", None, true),
            ]
        );
        assert_eq!(cells[0].expected.as_deref(), Some("10.0"));
    }
}
