//! Writes a file again without some of its rows: the same columns, types and
//! field ids as in the old file, whatever has become of its table since.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use futures::TryStreamExt;
use object_store::path::Path;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowWriter, PARQUET_FIELD_ID_META_KEY, ParquetRecordBatchStreamBuilder};
use parquet::basic::Repetition;
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::{SchemaDescriptor, Type};
use uuid::Uuid;

use super::footers::Object;
use super::history::{PastDeletes, PastFile};
use super::io::{Io, parquet_error};
use super::statistics::{self, ColumnStats};
use super::types::LakeColumn;
use super::write;
use crate::error::Error;
use crate::layout;

/// The column that holds rows' ids where they cannot be counted.
const ROW_ID_COLUMN: &str = "_ducklake_internal_row_id";
/// Its field id.
const ROW_ID_FIELD: i32 = 2_147_483_540;
/// Rows that are read at once where they hold lists, tens of kilobytes each.
const LIST_ROWS: usize = 64;
/// Rows that are read at once elsewhere.
const PLAIN_ROWS: usize = 8_192;

/// A file that took another one's place.
#[derive(Clone, Debug)]
pub(crate) struct Refiled {
    /// Its path as the catalog will have it.
    pub path: String,
    /// Where it lies.
    pub object: Object,
    /// Its rows.
    pub rows: i64,
    /// Statistics of its columns; none for a delete file.
    pub stats: Vec<(ColumnStats, DataType)>,
}

/// Writes a data file without the rows at `removed`, which rise and are not
/// all. `row_id_start` is the id of its first row, where rows are counted.
///
/// # Errors
/// [`Error::Parquet`], [`Error::Store`].
pub(crate) async fn data_file(
    io: &Io,
    file: &PastFile,
    row_id_start: Option<i64>,
    removed: &[u64],
) -> Result<Refiled, Error> {
    let (path, location) = beside(&file.path, &file.object, "");
    let (bytes, rows, stats) = without_rows(io, &file.object, row_id_start, removed)
        .await
        .map_err(parquet_error("write again", &file.object))?;
    let object = put(io, location, bytes).await?;
    Ok(Refiled {
        path,
        object,
        rows,
        stats,
    })
}

async fn without_rows(
    io: &Io,
    object: &Object,
    row_id_start: Option<i64>,
    removed: &[u64],
) -> Result<(Vec<u8>, i64, Vec<(ColumnStats, DataType)>), ParquetError> {
    let builder = ParquetRecordBatchStreamBuilder::new(io.reader(object)).await?;
    let old_schema = Arc::clone(builder.schema());
    let lists = |field: &Arc<Field>| field.data_type().is_nested();
    let rows = match old_schema.fields().iter().any(lists) {
        true => LIST_ROWS,
        false => PLAIN_ROWS,
    };
    // Ids of rows were counted from the first; with gaps they must be told.
    let counted_from = match old_schema.index_of(ROW_ID_COLUMN) {
        Ok(_) => None,
        Err(_) => row_id_start,
    };
    let mut fields = old_schema.fields().to_vec();
    if counted_from.is_some() {
        let id = (
            PARQUET_FIELD_ID_META_KEY.to_owned(),
            ROW_ID_FIELD.to_string(),
        );
        let field = Field::new(ROW_ID_COLUMN, DataType::Int64, true);
        fields.push(Arc::new(field.with_metadata(HashMap::from([id]))));
    }
    let schema = Arc::new(Schema::new(fields));
    let parquet_schema = parquet_schema(builder.parquet_schema(), counted_from.is_some())?;
    let options = ArrowWriterOptions::new()
        .with_properties(layout::writer_properties(&schema))
        .with_parquet_schema(parquet_schema)
        .with_skip_arrow_metadata(true);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, Arc::clone(&schema), options)?;
    let mut stream = builder.with_batch_size(rows).build()?;
    let mut gathered: Vec<Option<ColumnStats>> = vec![None; schema.fields().len()];
    let columns: Vec<Option<LakeColumn>> = schema.fields().iter().map(|f| column_of(f)).collect();
    let mut position = 0_u64;
    while let Some(batch) = stream.try_next().await? {
        let end = position + batch.num_rows() as u64;
        let stays: BooleanArray = (position..end)
            .map(|at| Some(removed.binary_search(&at).is_err()))
            .collect();
        let mut values = batch.columns().to_vec();
        if let Some(first) = counted_from {
            let ids = (position..end).map(|at| first + at as i64);
            values.push(Arc::new(Int64Array::from_iter_values(ids)) as ArrayRef);
        }
        position = end;
        let whole = RecordBatch::try_new(Arc::clone(&schema), values)?;
        let kept = filter_record_batch(&whole, &stays)?;
        if kept.num_rows() == 0 {
            continue;
        }
        for (index, column) in columns.iter().enumerate() {
            let Some(column) = column else { continue };
            let of_batch = statistics::of_column(column, kept.column(index));
            match &mut gathered[index] {
                Some(sum) => sum.add(&of_batch),
                none => *none = Some(of_batch),
            }
        }
        writer.write(&kept)?;
    }
    let metadata = writer.close()?;
    let stats = columns
        .iter()
        .zip(gathered)
        .filter_map(|(column, stats)| {
            let mut stats = stats?;
            stats.size_bytes = compressed_size(&metadata, stats.column_id);
            let leaf = column.as_ref()?.leaf();
            (leaf.id != i64::from(ROW_ID_FIELD)).then(|| (stats, leaf.data_type.clone()))
        })
        .collect();
    let rows = metadata.file_metadata().num_rows();
    Ok((bytes, rows, stats))
}

/// The old file's schema, with the column of row ids where it is new.
fn parquet_schema(
    old: &SchemaDescriptor,
    with_row_ids: bool,
) -> Result<SchemaDescriptor, ParquetError> {
    let root = old.root_schema();
    let mut fields = root.get_fields().to_vec();
    if with_row_ids {
        let row_id = Type::primitive_type_builder(ROW_ID_COLUMN, parquet::basic::Type::INT64)
            .with_repetition(Repetition::OPTIONAL)
            .with_id(Some(ROW_ID_FIELD))
            .build()?;
        fields.push(Arc::new(row_id));
    }
    let root = Type::group_type_builder(root.name())
        .with_fields(fields)
        .build()?;
    Ok(SchemaDescriptor::new(Arc::new(root)))
}

/// The field as a column with statistics; `None` for nested values other than
/// lists, and without a field id.
fn column_of(field: &Field) -> Option<LakeColumn> {
    let children = match field.data_type() {
        DataType::List(element) => vec![column_of(element)?],
        other if other.is_nested() => return None,
        _ => Vec::new(),
    };
    let id = match (
        field.metadata().get(PARQUET_FIELD_ID_META_KEY),
        &children[..],
    ) {
        (Some(id), _) => id.parse().ok()?,
        // Only the element's counts.
        (None, [_]) => 0,
        (None, _) => return None,
    };
    Some(LakeColumn {
        id,
        name: field.name().clone(),
        data_type: field.data_type().clone(),
        nullable: field.is_nullable(),
        initial_default: None,
        children,
    })
}

fn compressed_size(metadata: &ParquetMetaData, column_id: i64) -> i64 {
    let groups = metadata.row_groups().iter();
    groups
        .flat_map(|group| group.columns())
        .filter(|column| {
            let info = column.column_descr().self_type().get_basic_info();
            info.has_id() && i64::from(info.id()) == column_id
        })
        .map(|column| column.compressed_size())
        .sum()
}

/// Writes a delete file for the data file at `data_path`, an absolute path,
/// that took another one's place: of each position, the number of `removed`
/// ones before it is taken off. `None` where no row is left in it.
///
/// # Errors
/// [`Error::Parquet`], [`Error::Store`].
pub(crate) async fn delete_file(
    io: &Io,
    file: &PastDeletes,
    data_path: &str,
    removed: &[u64],
) -> Result<Option<Refiled>, Error> {
    let (path, location) = beside(&file.path, &file.object, "-delete");
    let (bytes, rows) = moved(io, &file.object, data_path, removed)
        .await
        .map_err(parquet_error("write again", &file.object))?;
    if rows == 0 {
        return Ok(None);
    }
    let object = put(io, location, bytes).await?;
    Ok(Some(Refiled {
        path,
        object,
        rows,
        stats: Vec::new(),
    }))
}

async fn moved(
    io: &Io,
    object: &Object,
    data_path: &str,
    removed: &[u64],
) -> Result<(Vec<u8>, i64), ParquetError> {
    let builder = ParquetRecordBatchStreamBuilder::new(io.reader(object)).await?;
    let schema = Arc::clone(builder.schema());
    let options = ArrowWriterOptions::new()
        .with_properties(
            WriterProperties::builder()
                .set_compression(parquet::basic::Compression::SNAPPY)
                .build(),
        )
        .with_parquet_schema(parquet_schema(builder.parquet_schema(), false)?)
        .with_skip_arrow_metadata(true);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, Arc::clone(&schema), options)?;
    let mut stream = builder.build()?;
    while let Some(batch) = stream.try_next().await? {
        let positions = batch
            .column_by_name("pos")
            .and_then(|column| column.as_primitive_opt::<Int64Type>())
            .ok_or_else(|| ParquetError::General("a delete file without pos".to_owned()))?;
        let at: Vec<Option<i64>> = positions
            .values()
            .iter()
            .map(|position| moved_by(removed, position.unsigned_abs()).map(|at| at as i64))
            .collect();
        let stays = BooleanArray::from_iter(at.iter().map(|at| Some(at.is_some())));
        let columns = schema
            .fields()
            .iter()
            .zip(batch.columns())
            .map(|(field, values)| -> ArrayRef {
                match field.name().as_str() {
                    "pos" => Arc::new(Int64Array::from_iter_values(
                        at.iter().map(|at| at.unwrap_or_default()),
                    )),
                    "file_path" => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
                        data_path,
                        values.len(),
                    ))),
                    _ => Arc::clone(values),
                }
            })
            .collect();
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns)?;
        writer.write(&filter_record_batch(&batch, &stays)?)?;
    }
    let rows = writer.close()?.file_metadata().num_rows();
    Ok((bytes, rows))
}

/// Where a row lies once those at `removed`, which rise, are taken out; `None`
/// where it is one of them.
pub(crate) fn moved_by(removed: &[u64], position: u64) -> Option<u64> {
    match removed.binary_search(&position) {
        Ok(_) => None,
        Err(before) => Some(position - before as u64),
    }
}

/// A new name in the folder of an old file: as the catalog has it, and in the
/// store.
fn beside(path: &str, object: &Object, kind: &str) -> (String, Path) {
    let name = format!("pacelake-{}{kind}.parquet", Uuid::now_v7());
    let folder = path.rfind('/').map_or("", |slash| &path[..=slash]);
    let mut parts: Vec<_> = object.path.parts().collect();
    parts.pop();
    let location = Path::from_iter(parts).join(name.as_str());
    (format!("{folder}{name}"), location)
}

async fn put(io: &Io, path: Path, bytes: Vec<u8>) -> Result<Object, Error> {
    let object = Object {
        path,
        size: 0,
        footer_size: None,
    };
    write::put(io, object, bytes).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_close_up_over_rows_that_went() {
        let moved: Vec<_> = (0..6).map(|at| moved_by(&[1, 2, 4], at)).collect();
        assert_eq!(moved, [Some(0), None, None, Some(1), None, Some(2)]);
    }
}
