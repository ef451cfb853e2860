//! Tables that were exported as Parquet files, read without a lake.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{cast, concat_batches};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use arrow::error::ArrowError;
use datafusion::prelude::{ParquetReadOptions, SessionConfig, SessionContext};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use storage::ActivityKey;
use storage::table::Table;

use crate::error::Error;

/// How many rows are decoded at a time: rows of streams are large.
const BATCH_ROWS: usize = 128;

/// The rows of an exported table, in order of activity.
pub struct ExportedTable {
    table: &'static Table,
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    /// What was decoded and not taken yet.
    next: Option<RecordBatch>,
}

impl ExportedTable {
    /// Opens the file of `table`.
    ///
    /// # Errors
    /// [`Error::Exported`] where it cannot be read or has other columns.
    pub fn open(path: &Path, table: &'static Table) -> Result<Self, Error> {
        let failed = |reason: String| Error::Exported {
            path: path.to_owned(),
            reason,
        };
        let file = File::open(path).map_err(|error| failed(error.to_string()))?;
        let reader = ParquetRecordBatchReaderBuilder::try_new(file)
            .and_then(|builder| builder.with_batch_size(BATCH_ROWS).build())
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            table,
            path: path.to_owned(),
            reader,
            next: None,
        })
    }

    /// The next rows, as far as they belong to `last` or an activity or
    /// athlete before it in order of key; all that are left where there is
    /// none.
    ///
    /// # Errors
    /// [`Error::Exported`] where the file cannot be read.
    pub fn up_to(&mut self, last: Option<ActivityKey>) -> Result<RecordBatch, Error> {
        let mut taken = Vec::new();
        loop {
            let Some(batch) = self.batch()? else { break };
            let rows = match last {
                None => batch.num_rows(),
                Some(last) => rows_up_to(&batch, last).map_err(|error| self.failed(&error))?,
            };
            taken.push(batch.slice(0, rows));
            if rows < batch.num_rows() {
                self.next = Some(batch.slice(rows, batch.num_rows() - rows));
                break;
            }
        }
        concat_batches(&self.table.schema(), &taken).map_err(|error| self.failed(&error))
    }

    fn batch(&mut self) -> Result<Option<RecordBatch>, Error> {
        if let Some(batch) = self.next.take() {
            return Ok(Some(batch));
        }
        let Some(batch) = self.reader.next() else {
            return Ok(None);
        };
        batch
            .and_then(|batch| declared(self.table, &batch))
            .map(Some)
            .map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &ArrowError) -> Error {
        Error::Exported {
            path: self.path.clone(),
            reason: error.to_string(),
        }
    }
}

/// The columns that the table declares, in its order and types.
fn declared(table: &Table, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let columns = table.columns.iter().map(|column| {
        let found = batch
            .column_by_name(column.name)
            .ok_or_else(|| ArrowError::SchemaError(format!("it has no column {}", column.name)))?;
        cast(found, &column.kind.data_type())
    });
    RecordBatch::try_new(table.schema(), columns.collect::<Result<_, _>>()?)
}

/// How many rows at the beginning are not of a later activity. Rows of an
/// athlete as a whole have no start and stand before those of activities.
fn rows_up_to(batch: &RecordBatch, last: ActivityKey) -> Result<usize, ArrowError> {
    let column = |name: &str| {
        let missing = || ArrowError::SchemaError(format!("it has no column {name}"));
        batch.column_by_name(name).ok_or_else(missing)
    };
    let athletes = column("athlete_id")?.as_primitive::<Int64Type>();
    let starts = column("start_time")?.as_primitive::<TimestampMicrosecondType>();
    let activities = column("activity_id")?.as_primitive::<Int64Type>();
    let last = (
        last.athlete_id.0,
        Some(last.start_time_us),
        Some(last.activity_id.0),
    );
    let at = |row: usize| {
        let start = starts.is_valid(row).then(|| starts.value(row));
        let activity = activities.is_valid(row).then(|| activities.value(row));
        (athletes.value(row), start, activity)
    };
    let later = (0..batch.num_rows()).find(|row| at(*row) > last);
    Ok(later.unwrap_or(batch.num_rows()))
}

/// SQL over exported tables, by name.
///
/// # Errors
/// [`Error::Read`] where one cannot be read.
pub async fn session(tables: &[(&str, &Path)]) -> Result<SessionContext, Error> {
    let context = SessionContext::new_with_config(SessionConfig::new());
    for (name, path) in tables {
        let path = path.to_string_lossy();
        context
            .register_parquet(*name, path.as_ref(), ParquetReadOptions::default())
            .await
            .map_err(|error| Error::of_read("an exported table", error))?;
    }
    Ok(context)
}

/// The rows in the types that the table declares.
///
/// # Errors
/// [`Error::Malformed`] where columns are missing.
pub fn as_declared(table: &'static Table, batches: &[RecordBatch]) -> Result<RecordBatch, Error> {
    let declared: Result<Vec<_>, _> = batches.iter().map(|b| declared(table, b)).collect();
    declared
        .and_then(|batches| concat_batches(&Arc::clone(&table.schema()), &batches))
        .map_err(|error| Error::Malformed {
            table: table.name,
            problem: error.to_string(),
        })
}
