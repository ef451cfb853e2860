//! How many rows of which table a commit changed.

use std::collections::{BTreeMap, HashSet};

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use query::derived::tables;
use serde::Serialize;
use storage::lake::TableChange;
use storage::tables::DERIVATIONS;

use crate::error::Error;

/// Rows of one table that came, went, or are otherwise than before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RowChanges {
    /// Rows with a key that there was not.
    pub added: u64,
    /// Rows whose key is no more.
    pub removed: u64,
    /// Rows of which a value is another.
    pub changed: u64,
}

/// Changed rows by table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Changes(BTreeMap<&'static str, RowChanges>);

impl Changes {
    /// What these changes of tables come to, without those of the ledger.
    ///
    /// # Errors
    /// Where rows are not as their table declares them.
    pub fn of<'a>(changes: impl IntoIterator<Item = &'a TableChange>) -> Result<Self, Error> {
        let mut counted = Self::default();
        let changes = changes.into_iter();
        for change in changes.filter(|change| change.table.name != DERIVATIONS.name) {
            let rows = of_table(change)?;
            if rows != RowChanges::default() {
                counted.0.insert(change.table.name, rows);
            }
        }
        Ok(counted)
    }

    /// Whether no row changed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These, and those of another commit to other tables.
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// By table, in the order of declaration.
    pub fn by_table(&self) -> impl Iterator<Item = (&'static str, RowChanges)> {
        let declared = tables().into_iter().map(|table| table.name);
        declared.filter_map(|name| Some((name, *self.0.get(name)?)))
    }
}

fn of_table(change: &TableChange) -> Result<RowChanges, Error> {
    let key = change.table.key;
    let gone = change.delete.iter().map(|keys| keys.rows());
    let gone = keys(key, gone)?;
    let come = keys(key, change.append.iter())?;
    let changed = gone.intersection(&come).count() as u64;
    Ok(RowChanges {
        added: come.len() as u64 - changed,
        removed: gone.len() as u64 - changed,
        changed,
    })
}

/// The keys of rows, as bytes that are equal where the keys are.
fn keys<'a>(
    key: &[&str],
    batches: impl Iterator<Item = &'a RecordBatch>,
) -> Result<HashSet<Box<[u8]>>, ArrowError> {
    let mut keys = HashSet::new();
    for batch in batches {
        let columns = key.iter().map(|name| {
            let column = batch.column_by_name(name);
            column.ok_or_else(|| ArrowError::SchemaError(format!("no column {name}")))
        });
        let columns: Vec<_> = columns.map(|c| c.cloned()).collect::<Result<_, _>>()?;
        let fields = columns.iter();
        let fields = fields.map(|column| SortField::new(column.data_type().clone()));
        let rows = RowConverter::new(fields.collect())?.convert_columns(&columns)?;
        keys.extend(rows.iter().map(|row| Box::from(row.data())));
    }
    Ok(keys)
}
