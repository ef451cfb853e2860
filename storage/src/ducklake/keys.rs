//! Rows by key: which keys a range of values can hold, and which rows they
//! are.

use std::collections::HashSet;

use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::row::{RowConverter, SortField};

use super::bound::{Bound, Range};
use super::types::LakeColumn;
use crate::error::Error;

/// What is known of the values of one column in a file, row group or page.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Known {
    /// Least and greatest value; `None`: not known.
    pub range: Option<Range>,
    /// Whether there are nulls; `None`: not known.
    pub has_nulls: Option<bool>,
    /// Whether there is nothing but nulls.
    pub only_nulls: bool,
}

impl Known {
    /// Whether one of the values can be `value`, `None` standing for null.
    pub fn may_hold(&self, value: &Key) -> bool {
        match value {
            Key::Null => self.has_nulls != Some(false),
            Key::Bound(_) | Key::Any if self.only_nulls => false,
            Key::Bound(bound) => self.range.as_ref().is_none_or(|range| range.holds(bound)),
            Key::Any => true,
        }
    }
}

/// The value of one key column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Key {
    Null,
    Bound(Bound),
    /// A value of a type without bounds.
    Any,
}

/// Finds rows whose key columns equal one of a set of keys; null equals null.
#[derive(Debug)]
pub(crate) struct Matcher {
    /// Indices into the table's columns.
    columns: Vec<usize>,
    keys: Vec<Vec<Key>>,
    converter: RowConverter,
    /// The keys in the converter's bytes.
    rows: HashSet<Box<[u8]>>,
}

impl Matcher {
    /// A matcher of the rows of `keys`, whose schema names the key columns.
    ///
    /// # Errors
    /// [`Error::NoColumn`] where the table lacks one, [`Error::Rows`] where a
    /// value does not fit its column.
    pub fn new(table: &str, columns: &[LakeColumn], keys: &RecordBatch) -> Result<Self, Error> {
        let reading = |source| Error::Rows {
            attempt: "read the keys of rows",
            source,
        };
        let mut indices = Vec::new();
        let mut arrays: Vec<ArrayRef> = Vec::new();
        for (field, values) in keys.schema_ref().fields().iter().zip(keys.columns()) {
            let index = columns
                .iter()
                .position(|column| &column.name == field.name())
                .ok_or_else(|| Error::NoColumn {
                    table: table.to_owned(),
                    column: field.name().clone(),
                })?;
            indices.push(index);
            let wanted = &columns[index].data_type;
            arrays.push(arrow::compute::cast(values, wanted).map_err(reading)?);
        }
        let fields = arrays
            .iter()
            .map(|array| SortField::new(array.data_type().clone()))
            .collect();
        let converter = RowConverter::new(fields).map_err(reading)?;
        let encoded = converter.convert_columns(&arrays).map_err(reading)?;
        let rows = encoded.iter().map(|row| row.as_ref().into()).collect();
        let keys = (0..keys.num_rows())
            .map(|row| arrays.iter().map(|array| key_at(array, row)).collect())
            .collect();
        Ok(Self {
            columns: indices,
            keys,
            converter,
            rows,
        })
    }

    /// The key columns, as indices into the table's.
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// Whether rows of which `known` tells, for each key column in order, can
    /// have one of the keys.
    pub fn may_match(&self, known: &[Known]) -> bool {
        self.keys.iter().any(|key| {
            key.iter()
                .zip(known)
                .all(|(value, known)| known.may_hold(value))
        })
    }

    /// Whether rows of which `known` tells of the `nth` key column alone can
    /// have one of the keys.
    pub fn column_may_match(&self, nth: usize, known: &Known) -> bool {
        self.keys.iter().any(|key| known.may_hold(&key[nth]))
    }

    /// Which rows of these key columns, in order, have one of the keys.
    ///
    /// # Errors
    /// [`Error::Rows`] where the columns are of other types.
    pub fn matches(&self, columns: &[ArrayRef]) -> Result<Vec<usize>, Error> {
        let rows = self
            .converter
            .convert_columns(columns)
            .map_err(|source| Error::Rows {
                attempt: "compare the keys of rows",
                source,
            })?;
        Ok((0..rows.num_rows())
            .filter(|&row| self.rows.contains(rows.row(row).as_ref()))
            .collect())
    }
}

fn key_at(array: &dyn Array, row: usize) -> Key {
    if array.is_null(row) {
        return Key::Null;
    }
    Bound::at(array, row).map_or(Key::Any, Key::Bound)
}
