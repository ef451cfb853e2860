//! Reads rows of data files by position: which are gone, which have a key,
//! and their values.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, BooleanArray, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field, Int64Type, SchemaRef};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_expr_adapter::BatchAdapterFactory;
use futures::TryStreamExt;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, RowSelection, RowSelector,
};
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask, RowNumber};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use super::adapter::{AdapterFactory, find_field};
use super::bound::{Bound, Range};
use super::deletes::{self, DeleteCache, SNAPSHOT_COLUMN};
use super::footers::{FileReader, Footers, Object};
use super::keys::{Known, Matcher};
use super::state::{DataFile, TableState};
use super::types::LakeColumn;
use crate::error::Error;
use crate::layout;

/// The name of the column of row positions while a file is read.
const POSITION: &str = "\0position";

/// The files of one lake and what is kept of them in memory.
#[derive(Debug)]
pub(crate) struct Io {
    /// The lake's folder as the catalog has it, with a slash at the end.
    pub data_path: String,
    /// Under which URL sessions know the object store.
    pub url: ObjectStoreUrl,
    /// Footers, and through them the object store.
    pub footers: Arc<Footers>,
    /// Delete files.
    pub deletes: DeleteCache,
}

/// A Parquet file failed at something.
pub(crate) fn parquet_error(
    attempt: &'static str,
    object: &Object,
) -> impl Fn(ParquetError) -> Error {
    move |source| Error::Parquet {
        attempt,
        path: object.path.to_string(),
        source,
    }
}

impl Io {
    /// The positions of the file's rows that are not there at a snapshot:
    /// deleted, or written later. They rise.
    ///
    /// # Errors
    /// [`Error::Parquet`].
    pub async fn hidden(&self, file: &DataFile, snapshot_id: i64) -> Result<Vec<u64>, Error> {
        let mut hidden = match &file.deletes {
            None => Vec::new(),
            Some(delete) => self
                .deletes
                .read(&self.footers, &delete.object)
                .await
                .map_err(parquet_error("read", &delete.object))?
                .at(snapshot_id, delete.partial_max),
        };
        if !file.inlined_deletes.is_empty() {
            hidden = deletes::union(&hidden, &file.inlined_deletes);
        }
        if file.partial_max.is_some_and(|newest| newest > snapshot_id) {
            let later = self
                .written_after(file, snapshot_id)
                .await
                .map_err(parquet_error("read", &file.object))?;
            hidden = deletes::union(&hidden, &later);
        }
        Ok(hidden)
    }

    /// The rows of a merged file that are newer than the snapshot.
    async fn written_after(
        &self,
        file: &DataFile,
        snapshot_id: i64,
    ) -> Result<Vec<u64>, ParquetError> {
        let reader = self.footers.reader(file.object.clone());
        let builder = ParquetRecordBatchStreamBuilder::new(reader).await?;
        let mask = ProjectionMask::columns(builder.parquet_schema(), [SNAPSHOT_COLUMN]);
        let batches: Vec<RecordBatch> =
            builder.with_projection(mask).build()?.try_collect().await?;
        let mut later = Vec::new();
        let mut position = 0;
        for batch in &batches {
            let snapshots = batch
                .column_by_name(SNAPSHOT_COLUMN)
                .and_then(|column| column.as_primitive_opt::<Int64Type>())
                .ok_or_else(|| {
                    ParquetError::General(format!("a merged file without {SNAPSHOT_COLUMN}"))
                })?;
            for written_in in snapshots.values() {
                if *written_in > snapshot_id {
                    later.push(position);
                }
                position += 1;
            }
        }
        Ok(later)
    }

    /// The positions of the file's rows that have one of the keys and are not
    /// `hidden`. They rise.
    ///
    /// Only pages of key columns are read, and of those only the ones whose
    /// range can hold a key.
    ///
    /// # Errors
    /// [`Error::Parquet`], [`Error::Rows`].
    pub async fn positions(
        &self,
        table: &TableState,
        file: &DataFile,
        matcher: &Matcher,
        hidden: &[u64],
    ) -> Result<Vec<u64>, Error> {
        let failed = || parquet_error("read", &file.object);
        let reader = self.footers.reader(file.object.clone());
        let metadata = reader.metadata().await.map_err(failed())?;
        let position = Field::new(POSITION, DataType::Int64, false).with_extension_type(RowNumber);
        let options = ArrowReaderOptions::new()
            .with_virtual_columns(vec![Arc::new(position)])
            .map_err(failed())?;
        let arrow = ArrowReaderMetadata::try_new(metadata, options).map_err(failed())?;
        let columns: Vec<&LakeColumn> = matcher
            .columns()
            .iter()
            .map(|column| &table.columns[*column])
            .collect();
        let (groups, selection) = candidates(&arrow, &columns, matcher).map_err(failed())?;
        if groups.is_empty() {
            return Ok(Vec::new());
        }
        let fields = file_fields(&arrow, &columns);
        let mask = ProjectionMask::roots(arrow.parquet_schema(), fields.iter().flatten().copied());
        let mut builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, arrow)
            .with_projection(mask)
            .with_row_groups(groups);
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        let mut stream = builder.build().map_err(failed())?;
        let adapter = Adapted::new(&columns);
        let mut found = Vec::new();
        while let Some(batch) = stream.try_next().await.map_err(failed())? {
            let positions = batch
                .column_by_name(POSITION)
                .and_then(|column| column.as_primitive_opt::<Int64Type>())
                .expect("the reader was asked for positions");
            let keys = adapter.adapt(&batch)?;
            for row in matcher.matches(keys.columns())? {
                let position = positions.value(row).unsigned_abs();
                if hidden.binary_search(&position).is_err() {
                    found.push(position);
                }
            }
        }
        Ok(found)
    }

    /// The values of the columns, given as indices, at the positions, which
    /// rise.
    ///
    /// # Errors
    /// [`Error::Parquet`], [`Error::Rows`].
    pub async fn take(
        &self,
        table: &TableState,
        file: &DataFile,
        columns: &[usize],
        positions: &[u64],
    ) -> Result<Vec<RecordBatch>, Error> {
        let failed = || parquet_error("read", &file.object);
        let reader = self.footers.reader(file.object.clone());
        let metadata = reader.metadata().await.map_err(failed())?;
        let rows = row_count(&metadata);
        let arrow =
            ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::new()).map_err(failed())?;
        let columns: Vec<&LakeColumn> = columns
            .iter()
            .map(|column| &table.columns[*column])
            .collect();
        let fields = file_fields(&arrow, &columns);
        let mask = ProjectionMask::roots(arrow.parquet_schema(), fields.iter().flatten().copied());
        let selection = RowSelection::from(deletes::select_only(positions, rows));
        let mut builder = ParquetRecordBatchStreamBuilder::new_with_metadata(reader, arrow)
            .with_projection(mask)
            .with_row_selection(selection);
        let adapter = Adapted::new(&columns);
        if let Some(rows) = layout::batch_rows(&adapter.schema) {
            builder = builder.with_batch_size(rows);
        }
        let stream = builder.build().map_err(failed())?;
        let batches: Vec<RecordBatch> = stream.try_collect().await.map_err(failed())?;
        batches.iter().map(|batch| adapter.adapt(batch)).collect()
    }

    /// A reader of the file's footer and pages.
    pub fn reader(&self, object: &Object) -> FileReader {
        self.footers.reader(object.clone())
    }
}

/// How many rows a file has.
pub(crate) fn row_count(metadata: &ParquetMetaData) -> u64 {
    metadata.file_metadata().num_rows().unsigned_abs()
}

/// Where the file has each column; `None` where it is older than the column.
pub(super) fn file_fields(
    arrow: &ArrowReaderMetadata,
    columns: &[&LakeColumn],
) -> Vec<Option<usize>> {
    columns
        .iter()
        .map(|column| find_field(arrow.schema(), column))
        .collect()
}

/// Brings rows of files into columns of the table.
pub(super) struct Adapted {
    schema: SchemaRef,
    factory: BatchAdapterFactory,
}

impl Adapted {
    /// Into these columns.
    pub fn new(columns: &[&LakeColumn]) -> Self {
        let columns: Arc<[LakeColumn]> = columns.iter().map(|column| (*column).clone()).collect();
        let schema = super::types::schema(&columns);
        let factory = BatchAdapterFactory::new(Arc::clone(&schema))
            .with_adapter_factory(Arc::new(AdapterFactory::new(columns)));
        Self { schema, factory }
    }

    /// Rows of a file, whichever of its columns were read.
    ///
    /// # Errors
    /// [`Error::Plan`], [`Error::Rows`] for values that do not fit.
    pub fn adapt(&self, batch: &RecordBatch) -> Result<RecordBatch, Error> {
        let failed = |source| Error::Plan {
            attempt: "bring a file's rows into the columns of its table",
            source,
        };
        let adapted = self
            .factory
            .make_adapter(batch.schema_ref())
            .and_then(|adapter| adapter.adapt_batch(batch))
            .map_err(failed)?;
        let options =
            arrow::array::RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(
            Arc::clone(&self.schema),
            adapted.columns().to_vec(),
            &options,
        )
        .map_err(|source| Error::Rows {
            attempt: "bring a file's rows into the columns of its table",
            source,
        })
    }
}

/// The row groups that can hold a key and, where there is a page index, the
/// rows within them.
fn candidates(
    arrow: &ArrowReaderMetadata,
    columns: &[&LakeColumn],
    matcher: &Matcher,
) -> Result<(Vec<usize>, Option<RowSelection>), ParquetError> {
    let metadata = arrow.metadata();
    let converters = columns
        .iter()
        .map(|column| {
            find_field(arrow.schema(), column)
                .map(|field| {
                    let name = arrow.schema().field(field).name();
                    StatisticsConverter::try_new(name, arrow.schema(), arrow.parquet_schema())
                })
                .transpose()
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut by_column = Vec::with_capacity(columns.len());
    for converter in &converters {
        by_column.push(match converter {
            None => vec![Known::default(); metadata.num_row_groups()],
            Some(converter) => {
                let groups = metadata.row_groups();
                let counts = BooleanArray::from(vec![true; groups.len()]);
                known_of(
                    converter.row_group_mins(groups)?,
                    converter.row_group_maxes(groups)?,
                    Some(converter.row_group_null_counts(groups)?),
                    counts.len(),
                )
            }
        });
    }
    let groups: Vec<usize> = (0..metadata.num_row_groups())
        .filter(|&group| {
            let known: Vec<Known> = by_column.iter().map(|all| all[group].clone()).collect();
            matcher.may_match(&known)
        })
        .collect();
    let (Some(column_index), Some(offset_index)) =
        (metadata.column_index(), metadata.offset_index())
    else {
        return Ok((groups, None));
    };
    let mut selection: Option<RowSelection> = None;
    for (nth, converter) in converters.iter().enumerate() {
        let Some(converter) = converter else {
            continue;
        };
        let Some(rows) =
            converter.data_page_row_counts(offset_index, metadata.row_groups(), &groups)?
        else {
            continue;
        };
        let known = known_of(
            converter.data_page_mins(column_index, offset_index, &groups)?,
            converter.data_page_maxes(column_index, offset_index, &groups)?,
            Some(converter.data_page_null_counts(column_index, offset_index, &groups)?),
            rows.len(),
        );
        let pages: Vec<RowSelector> = rows
            .values()
            .iter()
            .zip(&known)
            .map(|(rows, known)| match matcher.column_may_match(nth, known) {
                true => RowSelector::select(*rows as usize),
                false => RowSelector::skip(*rows as usize),
            })
            .collect();
        let pages = RowSelection::from(pages);
        selection = Some(match selection {
            None => pages,
            Some(others) => others.intersection(&pages),
        });
    }
    Ok((groups, selection))
}

/// What statistics tell of each of `count` row groups or pages.
fn known_of(
    mins: ArrayRef,
    maxes: ArrayRef,
    nulls: Option<UInt64Array>,
    count: usize,
) -> Vec<Known> {
    (0..count)
        .map(|nth| {
            let bound =
                |array: &ArrayRef| (nth < array.len()).then(|| Bound::at(array, nth)).flatten();
            let nulls = nulls
                .as_ref()
                .filter(|nulls| nth < nulls.len() && arrow::array::Array::is_valid(nulls, nth))
                .map(|nulls| nulls.value(nth));
            Known {
                range: bound(&mins)
                    .zip(bound(&maxes))
                    .map(|(min, max)| Range { min, max }),
                has_nulls: nulls.map(|nulls| nulls > 0),
                only_nulls: false,
            }
        })
        .collect()
}

/// The rows of a batch at these indices, with the columns at these; no batch
/// where there are no rows.
///
/// # Errors
/// [`Error::Rows`].
pub(crate) fn pick(
    batch: &RecordBatch,
    columns: &[usize],
    rows: &[usize],
) -> Result<Option<RecordBatch>, Error> {
    if rows.is_empty() {
        return Ok(None);
    }
    let rows = UInt64Array::from_iter_values(rows.iter().map(|row| *row as u64));
    batch
        .project(columns)
        .and_then(|batch| arrow::compute::take_record_batch(&batch, &rows))
        .map(Some)
        .map_err(|source| Error::Rows {
            attempt: "pick rows",
            source,
        })
}
