//! Where two lists of rows of one table differ, cell by cell, for people.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, Rows, SortField};
use arrow::util::display::array_value_to_string;
use serde::Serialize;
use serde_json::Value;
use storage::table::Table;

use crate::error::Error;
use crate::output::values;
use crate::session;

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

/// Where two lists of rows differ: one value, or a row that only one has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The row among those that are there; `None` where it is not.
    pub found: Option<usize>,
    /// The row among those that should be; `None` where none should.
    pub expected: Option<usize>,
    /// The column, by its place in the table; `None` where the whole row is on
    /// one side only.
    pub column: Option<usize>,
}

/// Compares rows by the table's key; both sides have its columns in order.
/// Doubles are compared bit for bit. In order of key, then of columns.
///
/// # Errors
/// [`Error::Malformed`] where rows are not as their table declares them.
pub fn places(
    table: &'static Table,
    found: &RecordBatch,
    expected: &RecordBatch,
) -> Result<Vec<Place>, Error> {
    compare(table, found, expected).map_err(|error| malformed(table, &error))
}

/// The same with keys and values as text.
///
/// # Errors
/// As [`places`].
pub fn differing(
    table: &'static Table,
    found: &RecordBatch,
    expected: &RecordBatch,
) -> Result<Vec<Cell>, Error> {
    let places = places(table, found, expected)?.into_iter();
    let cells = places.map(|place| cell(table, found, expected, place));
    cells
        .collect::<Result<_, _>>()
        .map_err(|error| malformed(table, &error))
}

/// The key of a row, in the order of the table's declaration, as JSON has it
/// everywhere.
///
/// # Errors
/// As [`places`].
pub fn key_values(table: &Table, rows: &RecordBatch, row: usize) -> Result<Vec<Value>, Error> {
    let key = table.key.iter();
    key.map(|name| json(rows, rows.schema().index_of(name)?, row))
        .collect::<Result<_, _>>()
        .map_err(|error| malformed(table, &error))
}

/// The two values of a place that has a column: what is there, and what should
/// be. Of lists, as text, the first entry that differs.
///
/// # Errors
/// As [`places`].
pub fn both_values(
    table: &Table,
    found: &RecordBatch,
    expected: &RecordBatch,
    place: Place,
) -> Result<[Value; 2], Error> {
    let (Some(here), Some(there), Some(column)) = (place.found, place.expected, place.column)
    else {
        return Ok([Value::Null, Value::Null]);
    };
    let both = || -> Result<[Value; 2], ArrowError> {
        let columns = [found.column(column), expected.column(column)];
        if !matches!(columns[0].data_type(), DataType::List(_)) {
            return Ok([json(found, column, here)?, json(expected, column, there)?]);
        }
        let (is, should) = texts(columns[0], here, columns[1], there)?;
        let value = |text: String, column: &ArrayRef, row| match column.is_null(row) {
            true => Value::Null,
            false => Value::String(text),
        };
        Ok([
            value(is, columns[0], here),
            value(should, columns[1], there),
        ])
    };
    both().map_err(|error| malformed(table, &error))
}

fn malformed(table: &Table, error: &ArrowError) -> Error {
    Error::Malformed {
        table: table.name,
        problem: error.to_string(),
    }
}

/// One value as JSON has it everywhere.
fn json(rows: &RecordBatch, column: usize, row: usize) -> Result<Value, ArrowError> {
    let one = rows.project(&[column])?.slice(row, 1);
    let rows = session::Rows {
        schema: one.schema(),
        batches: vec![one],
    };
    let values = values(&rows).map_err(|error| ArrowError::JsonError(error.to_string()))?;
    let name = rows.schema.field(0).name();
    let first = values.into_iter().next();
    let value = first.and_then(|mut object| object.get_mut(name).map(Value::take));
    Ok(value.unwrap_or_default())
}

/// The rows of one key: those that were found, and those expected.
type RowsOfKey = (Vec<usize>, Vec<usize>);

fn compare(
    table: &'static Table,
    found: &RecordBatch,
    expected: &RecordBatch,
) -> Result<Vec<Place>, ArrowError> {
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
    let is_there = |row: &usize| Place {
        found: Some(*row),
        expected: None,
        column: None,
    };
    let should_be = |row: &usize| Place {
        found: None,
        expected: Some(*row),
        column: None,
    };
    let mut places = Vec::new();
    for (found_rows, expected_rows) in by_key.into_values() {
        let (Some(here), Some(there)) = (found_rows.first(), expected_rows.first()) else {
            places.extend(found_rows.iter().map(is_there));
            places.extend(expected_rows.iter().map(should_be));
            continue;
        };
        places.extend(found_rows[1..].iter().map(is_there));
        for (column, (of_found, of_expected)) in whole.iter().enumerate() {
            if of_found.row(*here) != of_expected.row(*there) {
                places.push(Place {
                    found: Some(*here),
                    expected: Some(*there),
                    column: Some(column),
                });
            }
        }
    }
    Ok(places)
}

fn cell(
    table: &'static Table,
    found: &RecordBatch,
    expected: &RecordBatch,
    place: Place,
) -> Result<Cell, ArrowError> {
    let row = |row: Option<usize>| row.map(|_| "a row".to_owned());
    let (is, should) = match (place.column, place.found, place.expected) {
        (Some(column), Some(here), Some(there)) => {
            let columns = [found.column(column), expected.column(column)];
            let (is, should) = texts(columns[0], here, columns[1], there)?;
            (Some(is), Some(should))
        }
        _ => (row(place.found), row(place.expected)),
    };
    let key = match (place.expected, place.found) {
        (Some(row), _) => key_text(table, expected, row)?,
        (None, Some(row)) => key_text(table, found, row)?,
        (None, None) => String::new(),
    };
    Ok(Cell {
        table: table.name,
        key,
        column: place.column.map(|column| table.columns[column].name),
        found: is,
        expected: should,
    })
}

/// Bytes that are equal where the rows are.
fn encoded(batch: &RecordBatch, columns: &[usize]) -> Result<Rows, ArrowError> {
    let batch = batch.project(columns)?;
    let schema = batch.schema();
    let fields = schema.fields().iter();
    let fields = fields.map(|field| SortField::new(field.data_type().clone()));
    RowConverter::new(fields.collect())?.convert_columns(batch.columns())
}

fn key_text(table: &Table, rows: &RecordBatch, row: usize) -> Result<String, ArrowError> {
    let parts = table.key.iter().map(|name| {
        let column = rows.column(rows.schema().index_of(name)?);
        Ok(format!("{name}={}", array_value_to_string(column, row)?))
    });
    Ok(parts.collect::<Result<Vec<_>, ArrowError>>()?.join(","))
}

/// Both values as text; of lists the first entry that differs, or how long they
/// are.
fn texts(
    found: &ArrayRef,
    here: usize,
    expected: &ArrayRef,
    there: usize,
) -> Result<(String, String), ArrowError> {
    let is_list = matches!(found.data_type(), DataType::List(_));
    let is_valid = [found.is_valid(here), expected.is_valid(there)];
    if is_list && is_valid != [true, true] {
        let text = |list: &ArrayRef, row: usize| match list.is_valid(row) {
            true => format!("{} samples", list.as_list::<i32>().value(row).len()),
            false => "null".to_owned(),
        };
        return Ok((text(found, here), text(expected, there)));
    }
    if is_list {
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

    use arrow::array::{Float64Array, ListArray};
    use arrow::datatypes::Int32Type;
    use proptest::prelude::*;
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

    #[test]
    fn a_channel_that_came_is_told_by_its_length() {
        let list = |values: Option<Vec<Option<i32>>>| -> ArrayRef {
            Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>([values]))
        };
        let (none, two) = (list(None), list(Some(vec![Some(7), None])));
        let told = texts(&none, 0, &two, 0).unwrap();
        assert_eq!(told, ("null".to_owned(), "2 samples".to_owned()));
        let other = list(Some(vec![Some(7), Some(8)]));
        let told = texts(&two, 0, &other, 0).unwrap();
        let expected = ("null at sample 1", "8 at sample 1");
        assert_eq!(told, (expected.0.to_owned(), expected.1.to_owned()));
    }

    /// The pairs after what differs was done to them.
    fn applied(found: &[(f64, f64)], expected: &[(f64, f64)]) -> Vec<(f64, f64)> {
        let [here, there] = [rows(found), rows(expected)];
        let mut pairs: BTreeMap<u64, f64> = BTreeMap::new();
        pairs.extend(found.iter().map(|pair| (pair.0.to_bits(), pair.1)));
        for place in places(&TABLE, &here, &there).unwrap() {
            let key = |rows: &RecordBatch, row| {
                let key = key_values(&TABLE, rows, row).unwrap();
                key[0].as_f64().unwrap().to_bits()
            };
            match (place.column, place.found, place.expected) {
                (None, Some(row), None) => assert!(pairs.remove(&key(&here, row)).is_some()),
                (None, None, Some(row)) => {
                    let came = pairs.insert(key(&there, row), expected[row].1);
                    assert_eq!(came, None);
                }
                (Some(1), Some(_), Some(row)) => {
                    let [was, is] = both_values(&TABLE, &here, &there, place).unwrap();
                    let old = pairs.insert(key(&there, row), is.as_f64().unwrap());
                    assert_eq!(old, was.as_f64());
                    assert_ne!(was, is);
                }
                _ => panic!("{place:?}"),
            }
        }
        let pairs = pairs.into_iter();
        pairs.map(|(at, m)| (f64::from_bits(at), m)).collect()
    }

    fn pairs() -> impl Strategy<Value = Vec<(f64, f64)>> {
        prop::collection::btree_map(0..20_u32, 0..4_u32, 0..20).prop_map(|pairs| {
            let pairs = pairs.into_iter();
            pairs
                .map(|(at, m)| (at.into(), f64::from(m) / 3.0))
                .collect()
        })
    }

    proptest! {
        #[test]
        fn what_differs_done_to_one_side_gives_the_other(
            (found, expected) in (pairs(), pairs()),
            turned in 0..20_usize,
        ) {
            let mut shuffled = expected.clone();
            let by = turned.min(shuffled.len());
            shuffled.rotate_left(by);
            prop_assert_eq!(applied(&found, &shuffled), expected);
        }
    }
}
