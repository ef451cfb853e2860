//! Writes a sequence of rows as data files while it comes, whatever its
//! length: a row group is in memory, not a file.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use object_store::{ObjectStoreExt, WriteMultipart};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::errors::ParquetError;

use super::footers::Object;
use super::io::{Io, parquet_error};
use super::state::TableState;
use super::statistics::{self, ColumnStats};
use super::types;
use super::write::{self, NewFile, Partition};
use crate::error::Error;
use crate::layout;

/// Files that stay below this are put whole; larger ones go up in parts of
/// this size.
const PART_BYTES: usize = 8 << 20;
/// How many parts of a file are on their way at once.
const PARTS_AT_ONCE: usize = 2;
/// How many bytes at its end a file's footer size is read from.
const TAIL_BYTES: usize = 8;

/// Data files of one partition, written one after the other.
pub(crate) struct Output<'a> {
    io: &'a Io,
    table: Arc<TableState>,
    schema: SchemaRef,
    partition: Option<Partition>,
    target_bytes: u64,
    open: Option<Open>,
    done: Vec<NewFile>,
}

/// The file that is being written.
struct Open {
    path: String,
    object: Object,
    writer: ArrowWriter<Vec<u8>>,
    upload: Upload,
    stats: Vec<ColumnStats>,
    rows: i64,
}

impl<'a> Output<'a> {
    /// Files of that partition, each ended once it has about `target_bytes`.
    pub fn new(
        io: &'a Io,
        table: &Arc<TableState>,
        partition: Option<Partition>,
        target_bytes: u64,
    ) -> Self {
        Self {
            io,
            table: Arc::clone(table),
            schema: types::schema_with_ids(&table.columns),
            partition,
            target_bytes,
            open: None,
            done: Vec::new(),
        }
    }

    /// Adds rows of the table's columns, at least one.
    ///
    /// # Errors
    /// [`Error::Parquet`], [`Error::Rows`], [`Error::Store`]; then
    /// [`discard`](Self::discard) is to be called.
    pub async fn write(&mut self, rows: RecordBatch) -> Result<(), Error> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.begin()?,
        };
        let (table, schema) = (Arc::clone(&self.table), Arc::clone(&self.schema));
        // Encoding keeps a core busy and must hold up no other task.
        let encoded = tokio::task::spawn_blocking(move || {
            let bytes = open.encode(&table, schema, &rows);
            (open, bytes)
        });
        let (open, bytes) = encoded.await.map_err(ended)?;
        let open = self.open.insert(open);
        open.upload.push(self.io, &open.object, bytes?).await?;
        let so_far = open.writer.bytes_written() + open.writer.in_progress_size();
        if so_far as u64 >= self.target_bytes {
            self.end().await?;
        }
        Ok(())
    }

    /// Ends the last file; answers all of them.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn finish(&mut self) -> Result<Vec<NewFile>, Error> {
        self.end().await?;
        Ok(std::mem::take(&mut self.done))
    }

    /// Takes back what was written.
    pub async fn discard(self) {
        if let Some(open) = self.open {
            open.upload.abort().await;
        }
        let objects: Vec<Object> = self.done.into_iter().map(|file| file.object).collect();
        write::discard(self.io, &objects).await;
    }

    fn begin(&self) -> Result<Open, Error> {
        let folder = self.partition.as_ref().map(write::folder_of);
        let path = write::new_path(folder.as_deref().unwrap_or_default());
        let object = write::object_at(&self.table, &path);
        let options = ArrowWriterOptions::new()
            .with_properties(layout::writer_properties(&self.schema))
            .with_skip_arrow_metadata(true);
        let writer =
            ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&self.schema), options)
                .map_err(parquet_error("write", &object))?;
        Ok(Open {
            path,
            object,
            writer,
            upload: Upload::default(),
            stats: Vec::new(),
            rows: 0,
        })
    }

    async fn end(&mut self) -> Result<(), Error> {
        let Some(open) = self.open.take() else {
            return Ok(());
        };
        let Open {
            path,
            mut object,
            mut writer,
            mut upload,
            mut stats,
            rows,
        } = open;
        let encoded = tokio::task::spawn_blocking(move || {
            let metadata = writer.finish()?;
            Ok::<_, ParquetError>((metadata, std::mem::take(writer.inner_mut())))
        });
        let (metadata, bytes) = encoded
            .await
            .map_err(ended)?
            .map_err(parquet_error("write", &object))?;
        statistics::set_sizes(&mut stats, &metadata);
        upload.push(self.io, &object, bytes).await?;
        object = upload.finish(self.io, object).await?;
        self.done.push(NewFile {
            path,
            object,
            rows,
            partition: self.partition.clone(),
            stats,
        });
        Ok(())
    }
}

fn ended(source: tokio::task::JoinError) -> Error {
    Error::Disk {
        attempt: "encode",
        path: "rows".to_owned(),
        source: source.into(),
    }
}

impl Open {
    /// Encodes rows; answers the bytes that are ready.
    fn encode(
        &mut self,
        table: &TableState,
        schema: SchemaRef,
        rows: &RecordBatch,
    ) -> Result<Vec<u8>, Error> {
        let more = statistics::of_rows(&table.columns, rows.columns());
        if self.rows == 0 {
            self.stats = more;
        } else {
            for (stats, more) in self.stats.iter_mut().zip(&more) {
                stats.add(more);
            }
        }
        self.rows += rows.num_rows() as i64;
        let rows = layout::with_schema(rows, schema)?;
        self.writer
            .write(&rows)
            .map_err(parquet_error("write", &self.object))?;
        Ok(std::mem::take(self.writer.inner_mut()))
    }
}

/// An object on its way up: put whole where it stays small, else in parts.
#[derive(Default)]
struct Upload {
    size: u64,
    /// The last bytes so far.
    tail: Vec<u8>,
    small: Vec<u8>,
    parts: Option<WriteMultipart>,
}

impl Upload {
    async fn push(&mut self, io: &Io, object: &Object, bytes: Vec<u8>) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.size += bytes.len() as u64;
        self.tail
            .extend(&bytes[bytes.len().saturating_sub(TAIL_BYTES)..]);
        self.tail
            .drain(..self.tail.len().saturating_sub(TAIL_BYTES));
        let failed = |source| store_error(object, source);
        if let Some(parts) = &mut self.parts {
            parts
                .wait_for_capacity(PARTS_AT_ONCE)
                .await
                .map_err(failed)?;
            parts.put(Bytes::from(bytes));
            return Ok(());
        }
        self.small.extend(bytes);
        if self.small.len() > PART_BYTES {
            let store = io.footers.store();
            let upload = store.put_multipart(&object.path).await.map_err(failed)?;
            let mut parts = WriteMultipart::new_with_chunk_size(upload, PART_BYTES);
            parts.put(Bytes::from(std::mem::take(&mut self.small)));
            self.parts = Some(parts);
        }
        Ok(())
    }

    async fn finish(self, io: &Io, mut object: Object) -> Result<Object, Error> {
        let Some(parts) = self.parts else {
            return write::put(io, object, self.small).await;
        };
        parts
            .finish()
            .await
            .map_err(|source| store_error(&object, source))?;
        object.size = self.size;
        object.footer_size = write::footer_size(&self.tail);
        Ok(object)
    }

    async fn abort(self) {
        if let Some(parts) = self.parts
            && let Err(error) = parts.abort().await
        {
            tracing::warn!(%error, "the parts of an unused file stay behind");
        }
    }
}

fn store_error(object: &Object, source: object_store::Error) -> Error {
    Error::Store {
        attempt: "write",
        path: object.path.to_string(),
        source,
    }
}
