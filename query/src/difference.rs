//! Which rows of a table differ from what is there, so that only those are
//! written.

use std::collections::{HashMap, HashSet};

use arrow::array::{RecordBatch, UInt64Array};
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::Schema;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, Rows, SortField};
use storage::table::Table;

use crate::error::Error;

/// What turns old rows into new ones.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Keys of the old rows that are gone or changed: the table's key columns.
    pub delete: RecordBatch,
    /// The new rows that were not there, or were otherwise: all columns.
    pub append: RecordBatch,
}

impl Difference {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.delete.num_rows() == 0 && self.append.num_rows() == 0
    }
}

/// Compares rows of `table` by its key; both sides have the columns that it
/// declares, in order. Doubles are compared bit for bit.
///
/// # Errors
///
/// [`Error::Malformed`] where rows are not as their table declares them, or
/// two on one side share a key.
pub fn difference(
    table: &'static Table,
    old: &[RecordBatch],
    new: &[RecordBatch],
) -> Result<Difference, Error> {
    compare(table, old, new).map_err(|error| Error::Malformed {
        table: table.name,
        problem: error.to_string(),
    })
}

/// The rows of `new` whose key no row of `old` has; both sides as for
/// [`difference`].
///
/// # Errors
///
/// [`Error::Malformed`] where rows are not as their table declares them.
pub fn missing(
    table: &'static Table,
    old: &[RecordBatch],
    new: &[RecordBatch],
) -> Result<RecordBatch, Error> {
    let pick = || -> Result<RecordBatch, ArrowError> {
        let schema = table.schema();
        let (old, new) = (concat_batches(&schema, old)?, concat_batches(&schema, new)?);
        let key = table.key.iter().map(|name| schema.index_of(name));
        let key = key.collect::<Result<Vec<_>, _>>()?;
        let keys = Encoder::new(&schema.project(&key)?)?;
        let (old_keys, new_keys) = (
            keys.rows(&old.project(&key)?)?,
            keys.rows(&new.project(&key)?)?,
        );
        let known: HashSet<&[u8]> = (0..old.num_rows())
            .map(|row| old_keys.row(row).data())
            .collect();
        let unknown = |row: &usize| !known.contains(new_keys.row(*row).data());
        picked(&new, (0..new.num_rows()).filter(unknown))
    };
    pick().map_err(|error| Error::Malformed {
        table: table.name,
        problem: error.to_string(),
    })
}

fn compare(
    table: &Table,
    old: &[RecordBatch],
    new: &[RecordBatch],
) -> Result<Difference, ArrowError> {
    let schema = table.schema();
    let old = concat_batches(&schema, old)?;
    let new = concat_batches(&schema, new)?;
    let key = table.key.iter().map(|name| schema.index_of(name));
    let key = key.collect::<Result<Vec<_>, _>>()?;
    let keys = Encoder::new(&schema.project(&key)?)?;
    let whole = Encoder::new(&schema)?;
    let (old_keys, new_keys) = (
        keys.rows(&old.project(&key)?)?,
        keys.rows(&new.project(&key)?)?,
    );
    let (old_rows, new_rows) = (whole.rows(&old)?, whole.rows(&new)?);
    let (before, after) = (by_key(&old_keys)?, by_key(&new_keys)?);
    let same = |old: usize, new: usize| old_rows.row(old) == new_rows.row(new);
    let deleted = (0..old.num_rows()).filter(|&row| {
        let now = after.get(old_keys.row(row).data());
        now.is_none_or(|&now| !same(row, now))
    });
    let appended = (0..new.num_rows()).filter(|&row| {
        let then = before.get(new_keys.row(row).data());
        then.is_none_or(|&then| !same(then, row))
    });
    Ok(Difference {
        delete: picked(&old.project(&key)?, deleted)?,
        append: picked(&new, appended)?,
    })
}

/// Turns rows into bytes that are equal where the rows are.
struct Encoder(RowConverter);

impl Encoder {
    fn new(schema: &Schema) -> Result<Self, ArrowError> {
        let fields = schema.fields().iter();
        let fields = fields.map(|field| SortField::new(field.data_type().clone()));
        Ok(Self(RowConverter::new(fields.collect())?))
    }

    fn rows(&self, batch: &RecordBatch) -> Result<Rows, ArrowError> {
        self.0.convert_columns(batch.columns())
    }
}

fn by_key(keys: &Rows) -> Result<HashMap<&[u8], usize>, ArrowError> {
    let rows: HashMap<_, _> = (0..keys.num_rows())
        .map(|row| (keys.row(row).data(), row))
        .collect();
    match rows.len() == keys.num_rows() {
        true => Ok(rows),
        false => Err(ArrowError::InvalidArgumentError(
            "two rows share a key".to_owned(),
        )),
    }
}

fn picked(
    batch: &RecordBatch,
    rows: impl Iterator<Item = usize>,
) -> Result<RecordBatch, ArrowError> {
    let rows: UInt64Array = rows.map(|row| row as u64).collect::<Vec<_>>().into();
    take_record_batch(batch, &rows)
}
