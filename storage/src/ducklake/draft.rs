//! Files that no snapshot holds yet, read as if one did, and kept on record so
//! that whoever was interrupted can go on.

use std::sync::Arc;

use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::bound::{Bound, Range};
use super::footers::Object;
use super::keys::Known;
use super::state::{DataFile, State, TableState};
use super::statistics::ColumnStats;
use super::types::LakeColumn;
use super::write::NewFile;

/// The state with all its tables and none of their rows.
pub(crate) fn emptied(state: &State) -> State {
    let empty = |table: &Arc<TableState>| {
        Arc::new(TableState {
            files: Arc::default(),
            inlined: None,
            ..table.as_ref().clone()
        })
    };
    State {
        tables: state
            .tables
            .iter()
            .map(|(name, table)| (name.clone(), empty(table)))
            .collect(),
        ..state.clone()
    }
}

/// The table with these files for its rows.
pub(crate) fn filled(table: &TableState, files: &[&NewFile]) -> TableState {
    let files = (0i64..).zip(files).map(|(nth, file)| {
        let known = table.ranged.iter().map(|column| {
            let column = table.columns[*column].leaf();
            let stats = file.stats.iter().find(|stats| stats.column_id == column.id);
            stats.map(known).unwrap_or_default()
        });
        Arc::new(DataFile {
            id: nth,
            object: file.object.clone(),
            rows: file.rows.unsigned_abs(),
            partial_max: None,
            deletes: None,
            inlined_deletes: Arc::default(),
            known: known.collect(),
        })
    });
    TableState {
        files: Arc::new(files.collect()),
        ..table.clone()
    }
}

fn known(stats: &ColumnStats) -> Known {
    Known {
        range: stats.range.clone(),
        has_nulls: Some(stats.nulls > 0),
        only_nulls: stats.values == 0,
    }
}

/// A new file in words that can be kept and read again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FileRecord {
    path: String,
    object: String,
    size: u64,
    footer_size: Option<u64>,
    rows: i64,
    partition: Option<(i64, Vec<Option<String>>)>,
    stats: Vec<StatsRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
struct StatsRecord {
    column_id: i64,
    size_bytes: i64,
    values: i64,
    nulls: i64,
    range: Option<(String, String)>,
    contains_nan: Option<bool>,
}

impl FileRecord {
    /// The record of a file of that table.
    pub fn of(table: &TableState, file: &NewFile) -> Self {
        let stats = file.stats.iter().map(|stats| {
            let range = stats.range.as_ref().zip(leaf(table, stats.column_id));
            StatsRecord {
                column_id: stats.column_id,
                size_bytes: stats.size_bytes,
                values: stats.values,
                nulls: stats.nulls,
                range: range.and_then(|(range, leaf)| {
                    let text = |bound: &Bound| bound.text(&leaf.data_type);
                    text(&range.min).zip(text(&range.max))
                }),
                contains_nan: stats.contains_nan,
            }
        });
        Self {
            path: file.path.clone(),
            object: file.object.path.to_string(),
            size: file.object.size,
            footer_size: file.object.footer_size,
            rows: file.rows,
            partition: file.partition.clone(),
            stats: stats.collect(),
        }
    }

    /// The file again; `None` where the record does not fit the table.
    pub fn file(&self, table: &TableState) -> Option<NewFile> {
        let stats = self.stats.iter().map(|stats| {
            let leaf = leaf(table, stats.column_id)?;
            let range = match &stats.range {
                None => None,
                Some((min, max)) => Some(Range {
                    min: Bound::parse(&leaf.data_type, min)?,
                    max: Bound::parse(&leaf.data_type, max)?,
                }),
            };
            Some(ColumnStats {
                column_id: stats.column_id,
                size_bytes: stats.size_bytes,
                values: stats.values,
                nulls: stats.nulls,
                range,
                contains_nan: stats.contains_nan,
            })
        });
        let partition_id = table.partition.as_ref().map(|partition| partition.id);
        if self.partition.as_ref().map(|(id, _)| *id) != partition_id {
            return None;
        }
        Some(NewFile {
            path: self.path.clone(),
            object: Object {
                path: Path::parse(&self.object).ok()?,
                size: self.size,
                footer_size: self.footer_size,
            },
            rows: self.rows,
            partition: self.partition.clone(),
            stats: stats.collect::<Option<_>>()?,
        })
    }
}

fn leaf(table: &TableState, column_id: i64) -> Option<&LakeColumn> {
    let mut leaves = table.columns.iter().map(LakeColumn::leaf);
    leaves.find(|leaf| leaf.id == column_id)
}
