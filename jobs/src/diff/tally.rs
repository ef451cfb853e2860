//! Counts what differs, and keeps as much of it as is told.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use query::cells::{Place, both_values, key_values, places};
use storage::ActivityId;
use storage::lake::KeySet;
use storage::table::Table;

use super::answer::{Because, CellDiff, Change, ColumnDiff, RowDiff, TableDiff};
use super::known::Row;
use super::{Ends, of_athletes};
use crate::error::Error;

/// Rows of one table in both snapshots, and where they differ.
pub(super) struct Pair {
    pub table: &'static Table,
    pub before: RecordBatch,
    pub after: RecordBatch,
    pub places: Vec<Place>,
}

impl Pair {
    /// Reads the rows with these keys that the snapshots do not share; `None`
    /// where none differs.
    ///
    /// # Errors
    /// Where the lake fails, or its rows are not as the table declares them.
    pub async fn read(
        ends: &Ends,
        table: &'static Table,
        keys: &KeySet,
    ) -> Result<Option<Self>, Error> {
        let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        let columns = Some(columns.as_slice());
        let (before, after) = (&ends.before, &ends.after);
        let old = before.rows_apart(after, table.name, columns, keys).await?;
        let new = after.rows_apart(before, table.name, columns, keys).await?;
        if old.is_empty() && new.is_empty() {
            return Ok(None);
        }
        let schema = table.schema();
        let [before, after] = [
            concat_batches(&schema, &old)?,
            concat_batches(&schema, &new)?,
        ];
        let places = places(table, &before, &after)?;
        Ok((!places.is_empty()).then_some(Self {
            table,
            before,
            after,
            places,
        }))
    }

    /// The rows at a place: as it was, and as it is.
    pub fn rows(&self, place: &Place) -> [Option<Row<'_>>; 2] {
        let row = |batch, row: Option<usize>| row.map(|row| Row { batch, row });
        [
            row(&self.before, place.found),
            row(&self.after, place.expected),
        ]
    }

    /// The activity that a row is about, as the newer snapshot has it.
    pub fn activity_of(&self, place: &Place) -> Option<ActivityId> {
        let [before, after] = self.rows(place);
        let id = after.or(before)?.int("activity_id")?;
        Some(ActivityId(id))
    }
}

/// What changed of one activity.
#[derive(Clone, Debug, Default)]
pub(super) struct Changed {
    pub rows_added: u64,
    pub rows_removed: u64,
    pub cells: u64,
    /// The definitions of athletes' numbers, by name, that read what changed.
    bears: Vec<&'static str>,
}

impl Changed {
    pub fn count(&mut self, table: &Table, place: &Place) {
        match (place.column, place.found) {
            (Some(_), _) => self.cells += 1,
            (None, Some(_)) => self.rows_removed += 1,
            (None, None) => self.rows_added += 1,
        }
        for derived in of_athletes() {
            let reads_it = derived.inputs.iter().any(|input| {
                let (of, column) = input.split_once('.').unwrap_or((input, ""));
                let changed = place.column.map(|column| table.columns[column].name);
                of == table.name && changed.is_none_or(|changed| changed == column)
            });
            if reads_it && !self.bears_on(derived.name) {
                self.bears.push(derived.name);
            }
        }
    }

    /// Whether a number of this definition may follow from it.
    pub fn bears_on(&self, definition: &str) -> bool {
        self.bears.contains(&definition)
    }
}

/// The tables that differ so far.
pub(super) struct Tally {
    samples: usize,
    tables: BTreeMap<&'static str, OfTable>,
}

#[derive(Default)]
struct OfTable {
    rows_added: u64,
    rows_removed: u64,
    rows_changed: u64,
    cells: u64,
    rows: Vec<RowDiff>,
    columns: BTreeMap<usize, (u64, Vec<CellDiff>)>,
}

impl Tally {
    /// One that tells up to so many cells a column and rows a table.
    pub fn new(samples: usize) -> Self {
        Self {
            samples,
            tables: BTreeMap::new(),
        }
    }

    /// Counts what differs where it `is_wanted`, and tells some of it with its
    /// reason.
    ///
    /// # Errors
    /// Where a value has no JSON form.
    pub fn take(
        &mut self,
        pair: &Pair,
        is_wanted: impl Fn(&Place) -> bool,
        because: impl Fn(&Place) -> Because,
    ) -> Result<(), Error> {
        let Pair {
            table,
            before,
            after,
            places,
        } = pair;
        let mut of_table = self.tables.remove(table.name).unwrap_or_default();
        let mut last_row = None;
        for place in places.iter().filter(|place| is_wanted(place)) {
            let key = || match (place.expected, place.found) {
                (Some(row), _) => key_values(table, after, row),
                (None, row) => key_values(table, before, row.unwrap_or_default()),
            };
            let Some(column) = place.column else {
                let change = match place.found {
                    Some(_) => Change::Removed,
                    None => Change::Added,
                };
                of_table.rows_added += u64::from(change == Change::Added);
                of_table.rows_removed += u64::from(change == Change::Removed);
                if of_table.rows.len() < self.samples {
                    of_table.rows.push(RowDiff {
                        key: key()?,
                        change,
                        because: because(place),
                    });
                }
                continue;
            };
            // Places are in order of rows.
            of_table.rows_changed += u64::from(last_row != place.expected);
            last_row = place.expected;
            of_table.cells += 1;
            let (cells, sample) = of_table.columns.entry(column).or_default();
            *cells += 1;
            if sample.len() < self.samples {
                let [was, is] = both_values(table, before, after, *place)?;
                sample.push(CellDiff {
                    key: key()?,
                    before: was,
                    after: is,
                    because: because(place),
                });
            }
        }
        let counts = [of_table.rows_added, of_table.rows_removed, of_table.cells];
        if counts != [0; 3] {
            self.tables.insert(table.name, of_table);
        }
        Ok(())
    }

    /// What was counted, in the order of these tables.
    pub fn tables(mut self, order: &[&'static Table]) -> Vec<TableDiff> {
        let found = order.iter().filter_map(|table| {
            let of_table = self.tables.remove(table.name)?;
            let columns = of_table.columns.into_iter();
            Some(TableDiff {
                table: table.name,
                rows_added: of_table.rows_added,
                rows_removed: of_table.rows_removed,
                rows_changed: of_table.rows_changed,
                cells_changed: of_table.cells,
                rows: of_table.rows,
                columns: columns
                    .map(|(column, (cells, sample))| ColumnDiff {
                        column: table.columns[column].name,
                        cells,
                        sample,
                    })
                    .collect(),
            })
        });
        found.collect()
    }
}
