//! Writes data files and delete files, before any commit names them.

use std::sync::Arc;

use arrow::array::RecordBatch;
use bytes::Bytes;
use futures::future::join_all;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use uuid::Uuid;

use super::deletes;
use super::footers::Object;
use super::io::{Io, parquet_error};
use super::state::{DataFile, TableState};
use super::statistics::{self, ColumnStats};
use super::types::{self, LakeColumn};
use crate::error::Error;
use crate::layout;

/// How the names of our files begin.
pub(crate) const OWN_PREFIX: &str = "pacelake-";
/// Where DuckDB puts rows whose partition value is null.
const NULL_FOLDER: &str = "__HIVE_DEFAULT_PARTITION__";

/// The id of a partitioning, and the values of one partition of it.
pub(crate) type Partition = (i64, Vec<Option<String>>);

/// A data file that was written and that no snapshot holds yet.
#[derive(Clone, Debug)]
pub(crate) struct NewFile {
    /// Its path below its table's folder.
    pub path: String,
    /// Where it lies.
    pub object: Object,
    /// Its rows.
    pub rows: i64,
    /// The partitioning's id and the partition's values.
    pub partition: Option<Partition>,
    /// Statistics of its columns.
    pub stats: Vec<ColumnStats>,
}

/// A delete file that was written and that no snapshot holds yet.
#[derive(Clone, Debug)]
pub(crate) struct NewDeletes {
    /// The data file it is about.
    pub data_file_id: i64,
    /// Its path below its table's folder.
    pub path: String,
    /// Where it lies.
    pub object: Object,
    /// How many rows it says are gone.
    pub rows: i64,
}

/// Writes rows, in whatever order they come, as sorted files, one a
/// partition. No rows, no file.
///
/// # Errors
/// [`Error::NoColumn`] and [`Error::Rows`] for rows that do not fit,
/// [`Error::Store`], [`Error::Parquet`]; no file stays then.
pub(crate) async fn write_rows(
    io: &Io,
    table: &Arc<TableState>,
    sort: &[&'static str],
    batches: &[RecordBatch],
) -> Result<Vec<NewFile>, Error> {
    if batches.iter().all(|batch| batch.num_rows() == 0) {
        return Ok(Vec::new());
    }
    let (table, sort, batches) = (Arc::clone(table), sort.to_vec(), batches.to_vec());
    // Sorting and encoding keep a core busy and must hold up no other task.
    let encoded = tokio::task::spawn_blocking(move || encode(&table, &sort, &batches))
        .await
        .map_err(|source| Error::Disk {
            attempt: "encode",
            path: "rows".to_owned(),
            source: source.into(),
        })??;
    let puts = encoded.into_iter().map(|(mut file, bytes)| async move {
        file.object = put(io, file.object, bytes).await?;
        Ok(file)
    });
    all_or_none(io, join_all(puts).await, |file| &file.object).await
}

/// The results, or the first error, in which case the files of the others are
/// taken back.
pub(crate) async fn all_or_none<T>(
    io: &Io,
    results: Vec<Result<T, Error>>,
    object: fn(&T) -> &Object,
) -> Result<Vec<T>, Error> {
    let mut written = Vec::new();
    let mut failed = None;
    for result in results {
        match result {
            Ok(file) => written.push(file),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    let Some(error) = failed else {
        return Ok(written);
    };
    let objects: Vec<Object> = written.iter().map(object).cloned().collect();
    discard(io, &objects).await;
    Err(error)
}

/// The files of these rows, each with its bytes.
fn encode(
    table: &TableState,
    sort: &[&str],
    batches: &[RecordBatch],
) -> Result<Vec<(NewFile, Vec<u8>)>, Error> {
    let rows = layout::sorted(&table.name, &table.schema, sort, batches)?;
    let Some(partition) = &table.partition else {
        return Ok(vec![encode_file(table, String::new(), None, &rows)?]);
    };
    let year_column = partition.year_column().and_then(|id| {
        let position = |column: &LakeColumn| column.id == id;
        table.columns.iter().position(position)
    });
    let Some(year_column) = year_column else {
        return Err(Error::Inconsistent {
            what: format!("table {} is not cut by year alone", table.name),
        });
    };
    layout::by_year(&rows, year_column)?
        .into_iter()
        .map(|(year, rows)| {
            let partition = (partition.id, vec![year.map(|year| year.to_string())]);
            let folder = folder_of(&partition);
            encode_file(table, folder, Some(partition), &rows)
        })
        .collect()
}

/// The folder, below the table's, of a partition of a table that is cut by
/// year.
pub(super) fn folder_of(partition: &Partition) -> String {
    let year = partition.1.first().and_then(Option::as_deref);
    format!("year={}/", year.unwrap_or(NULL_FOLDER))
}

/// A path, below the table's folder, that no file has yet.
pub(super) fn new_path(folder: &str) -> String {
    format!("{folder}{OWN_PREFIX}{}.parquet", Uuid::now_v7())
}

fn encode_file(
    table: &TableState,
    folder: String,
    partition: Option<Partition>,
    rows: &RecordBatch,
) -> Result<(NewFile, Vec<u8>), Error> {
    let path = new_path(&folder);
    let object = object_at(table, &path);
    let failed = || parquet_error("write", &object);
    let schema = types::schema_with_ids(&table.columns);
    let rows_with_ids = layout::with_schema(rows, schema.clone())?;
    // Without Arrow's own schema in it every reader sees the same file.
    let options = ArrowWriterOptions::new()
        .with_properties(layout::writer_properties(&schema))
        .with_skip_arrow_metadata(true);
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new_with_options(&mut bytes, schema, options).map_err(failed())?;
    writer.write(&rows_with_ids).map_err(failed())?;
    let metadata = writer.close().map_err(failed())?;
    let file = NewFile {
        path,
        stats: statistics::of_file(&table.columns, rows.columns(), &metadata),
        object,
        rows: rows.num_rows() as i64,
        partition,
    };
    Ok((file, bytes))
}

/// Writes a delete file of these positions, which rise, for a data file.
///
/// # Errors
/// [`Error::Store`], [`Error::Parquet`].
pub(crate) async fn write_deletes(
    io: &Io,
    table: &TableState,
    file: &DataFile,
    positions: &[u64],
) -> Result<NewDeletes, Error> {
    let path = format!("pacelake-{}-delete.parquet", Uuid::now_v7());
    let object = object_at(table, &path);
    let data_path = format!("{}{}", io.data_path, file.object.path);
    let bytes = deletes::write(&data_path, positions).map_err(parquet_error("write", &object))?;
    let object = put(io, object, bytes).await?;
    Ok(NewDeletes {
        data_file_id: file.id,
        path,
        object,
        rows: positions.len() as i64,
    })
}

pub(super) fn object_at(table: &TableState, path: &str) -> Object {
    Object {
        path: Path::from(format!("{}{path}", table.folder)),
        size: 0,
        footer_size: None,
    }
}

/// Writes an object whole.
///
/// # Errors
/// [`Error::Store`].
pub(super) async fn put(io: &Io, mut object: Object, bytes: Vec<u8>) -> Result<Object, Error> {
    object.size = bytes.len() as u64;
    object.footer_size = footer_size(&bytes);
    let options = PutOptions::from(PutMode::Create);
    let store = io.footers.store();
    let bytes = Bytes::from(bytes);
    let put = store
        .put_opts(&object.path, bytes.clone().into(), options)
        .await;
    match put {
        Ok(_) => Ok(object),
        // The name is a new UUID: who else can have written it than an attempt
        // of ours whose answer was lost?
        Err(object_store::Error::AlreadyExists { .. })
            if holds(&**store, &object.path, &bytes).await =>
        {
            Ok(object)
        }
        Err(source) => Err(Error::Store {
            attempt: "write",
            path: object.path.to_string(),
            source,
        }),
    }
}

/// Whether the object at `path` is these bytes.
async fn holds(store: &dyn ObjectStore, path: &Path, bytes: &Bytes) -> bool {
    let read = async { store.get(path).await?.bytes().await };
    read.await.is_ok_and(|found: Bytes| found == *bytes)
}

/// The length of a Parquet file's footer, which stands before the magic
/// number at its end.
pub(super) fn footer_size(file: &[u8]) -> Option<u64> {
    let tail = file.get(file.len().checked_sub(8)?..file.len() - 4)?;
    Some(u32::from_le_bytes(tail.try_into().ok()?).into())
}

/// Takes back files that no snapshot will hold. What cannot be removed stays
/// until orphans are cleaned up.
pub(crate) async fn discard(io: &Io, objects: &[Object]) {
    for object in objects {
        if let Err(error) = io.footers.store().delete(&object.path).await {
            tracing::warn!(path = %object.path, %error, "an unused file stays behind");
        }
    }
}
