//! Delete files: which rows of a data file are gone, by position.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use futures::TryStreamExt;
use parquet::arrow::arrow_reader::RowSelector;
use parquet::arrow::{ArrowWriter, PARQUET_FIELD_ID_META_KEY, ParquetRecordBatchStreamBuilder};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::footers::{Footers, Object};

/// Field id of the column `file_path`.
const FILE_PATH_ID: i32 = 2_147_483_646;
/// Field id of the column `pos`.
const POS_ID: i32 = 2_147_483_645;
/// The column that says in which snapshot a row was written or deleted, where
/// a file holds rows of several.
pub(crate) const SNAPSHOT_COLUMN: &str = "_ducklake_internal_snapshot_id";
/// How many delete files are kept in memory.
const MAX_KEPT: usize = 4096;

/// The contents of one delete file.
#[derive(Debug)]
pub(crate) struct Deletes {
    /// Rising.
    positions: Vec<u64>,
    /// In which snapshot each was deleted, where the file says so.
    snapshots: Option<Vec<i64>>,
}

impl Deletes {
    /// The positions that are gone at a snapshot, rising. `partial_max` is
    /// the newest snapshot in a file that holds deletes of several.
    pub fn at(&self, snapshot_id: i64, partial_max: Option<i64>) -> Vec<u64> {
        match &self.snapshots {
            Some(snapshots) if partial_max.is_some_and(|newest| newest > snapshot_id) => self
                .positions
                .iter()
                .zip(snapshots)
                .filter(|(_, deleted_in)| **deleted_in <= snapshot_id)
                .map(|(position, _)| *position)
                .collect(),
            Some(_) | None => self.positions.clone(),
        }
    }
}

/// The delete files that were read, which never change.
#[derive(Debug, Default)]
pub(crate) struct DeleteCache(Mutex<HashMap<String, Arc<Deletes>>>);

impl DeleteCache {
    /// The contents of the delete file.
    pub async fn read(
        &self,
        footers: &Arc<Footers>,
        object: &Object,
    ) -> Result<Arc<Deletes>, ParquetError> {
        let path = object.path.to_string();
        // A panic elsewhere leaves the map whole.
        let kept = |cache: &Self| {
            let map = cache.0.lock().unwrap_or_else(PoisonError::into_inner);
            map.get(&path).cloned()
        };
        if let Some(deletes) = kept(self) {
            return Ok(deletes);
        }
        let deletes = Arc::new(read(footers, object).await?);
        let mut map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if map.len() >= MAX_KEPT {
            map.clear();
        }
        map.insert(path, Arc::clone(&deletes));
        Ok(deletes)
    }
}

async fn read(footers: &Arc<Footers>, object: &Object) -> Result<Deletes, ParquetError> {
    let reader = footers.reader(object.clone());
    let batches: Vec<RecordBatch> = ParquetRecordBatchStreamBuilder::new(reader)
        .await?
        .build()?
        .try_collect()
        .await?;
    let lacks = |column: &str| ParquetError::General(format!("a delete file without {column}"));
    let mut rows: Vec<(u64, Option<i64>)> = Vec::new();
    for batch in &batches {
        let positions = batch
            .column_by_name("pos")
            .and_then(|column| column.as_primitive_opt::<Int64Type>())
            .ok_or_else(|| lacks("pos"))?;
        let snapshots = batch
            .column_by_name(SNAPSHOT_COLUMN)
            .and_then(|column| column.as_primitive_opt::<Int64Type>());
        for row in 0..batch.num_rows() {
            let position = u64::try_from(positions.value(row))
                .map_err(|_| ParquetError::General("a delete file with a negative pos".into()))?;
            rows.push((position, snapshots.map(|column| column.value(row))));
        }
    }
    rows.sort_unstable();
    rows.dedup_by_key(|(position, _)| *position);
    Ok(Deletes {
        snapshots: rows.iter().map(|(_, snapshot)| *snapshot).collect(),
        positions: rows.into_iter().map(|(position, _)| position).collect(),
    })
}

/// A delete file that says that those rows, rising, of the data file at
/// `data_path`, an absolute path, are gone.
///
/// # Errors
/// Where Parquet cannot hold it.
pub(crate) fn write(data_path: &str, positions: &[u64]) -> Result<Vec<u8>, ParquetError> {
    let field = |name: &str, data_type: DataType, id: i32| {
        let id = (PARQUET_FIELD_ID_META_KEY.to_owned(), id.to_string());
        Field::new(name, data_type, true).with_metadata(HashMap::from([id]))
    };
    let schema = Arc::new(Schema::new(vec![
        field("file_path", DataType::Utf8, FILE_PATH_ID),
        field("pos", DataType::Int64, POS_ID),
    ]));
    let paths: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
        data_path,
        positions.len(),
    )));
    let positions: ArrayRef = Arc::new(Int64Array::from_iter_values(
        positions.iter().map(|position| *position as i64),
    ));
    let rows = RecordBatch::try_new(Arc::clone(&schema), vec![paths, positions])?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), schema, Some(properties))?;
    writer.write(&rows)?;
    writer.into_inner()
}

/// Both lists in one; both rise, and so does the result.
pub(crate) fn union(a: &[u64], b: &[u64]) -> Vec<u64> {
    let mut all: Vec<u64> = a.iter().chain(b).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Selects all of `rows` rows but those at `hidden`, which rise.
pub(crate) fn select_all_but(hidden: &[u64], rows: u64) -> Vec<RowSelector> {
    let mut selectors = Vec::new();
    let mut next = 0;
    for &position in hidden.iter().filter(|position| **position < rows) {
        if position > next {
            selectors.push(RowSelector::select((position - next) as usize));
        }
        selectors.push(RowSelector::skip(1));
        next = position + 1;
    }
    if rows > next {
        selectors.push(RowSelector::select((rows - next) as usize));
    }
    selectors
}

/// Selects of `rows` rows those at `wanted`, which rise.
pub(crate) fn select_only(wanted: &[u64], rows: u64) -> Vec<RowSelector> {
    let mut selectors = Vec::new();
    let mut next = 0;
    for &position in wanted.iter().filter(|position| **position < rows) {
        if position > next {
            selectors.push(RowSelector::skip((position - next) as usize));
        }
        selectors.push(RowSelector::select(1));
        next = position + 1;
    }
    if rows > next {
        selectors.push(RowSelector::skip((rows - next) as usize));
    }
    selectors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(selectors: &[RowSelector]) -> Vec<u64> {
        let mut rows = Vec::new();
        let mut next = 0;
        for selector in selectors {
            let until = next + selector.row_count as u64;
            if !selector.skip {
                rows.extend(next..until);
            }
            next = until;
        }
        rows
    }

    #[test]
    fn selections_hold_every_row_once() {
        for (hidden, rows) in [
            (vec![], 4),
            (vec![0, 1], 4),
            (vec![1, 3], 4),
            (vec![0, 1, 2, 3], 4),
            (vec![], 0),
        ] {
            let kept: Vec<u64> = (0..rows).filter(|row| !hidden.contains(row)).collect();
            assert_eq!(selected(&select_all_but(&hidden, rows)), kept);
            assert_eq!(selected(&select_only(&kept, rows)), kept);
            let counts = |selectors: Vec<RowSelector>| -> u64 {
                selectors.iter().map(|s| s.row_count as u64).sum()
            };
            assert_eq!(counts(select_all_but(&hidden, rows)), rows);
            assert_eq!(counts(select_only(&kept, rows)), rows);
        }
    }

    #[test]
    fn a_file_of_several_snapshots_is_cut_at_the_one_that_is_read() {
        let deletes = Deletes {
            positions: vec![2, 3, 4],
            snapshots: Some(vec![3, 5, 4]),
        };
        assert_eq!(deletes.at(3, Some(5)), [2]);
        assert_eq!(deletes.at(4, Some(5)), [2, 4]);
        assert_eq!(deletes.at(5, Some(5)), [2, 3, 4]);
    }
}
