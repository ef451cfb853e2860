//! How rows lie in files: partitions, order, row groups and pages.
//!
//! Point reads, scans and size all hang on it. Tables of lists hold an
//! activity a row, up to some hundred kilobytes each: their row groups and
//! pages are cut by activities, so that one activity is a page or two a
//! channel. Other tables have small rows and are cut as most engines do.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array, new_null_array};
use arrow::compute::{DatePart, concat_batches, date_part, take_record_batch};
use arrow::datatypes::{DataType, Int32Type, Schema, SchemaRef};
use arrow::row::{RowConverter, SortField};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use crate::error::Error;
use crate::table::Table;

/// Rows of a row group where rows hold lists.
const LIST_GROUP_ROWS: usize = 1024;
/// Bytes of a row group where rows hold lists.
const LIST_GROUP_BYTES: usize = 64 << 20;
/// Rows of a page where rows hold lists: of more activities a page shrinks, and
/// to read one of them takes longer.
const LIST_PAGE_ROWS: usize = 16;
/// Rows of a batch that is read where rows hold lists. A reader puts a batch
/// together from buffers that grow: the values of more activities than these
/// do not stay in a core's cache, and are copied again and again.
const LIST_BATCH_ROWS: usize = 32;
/// Rows of a row group where rows are plain values.
const PLAIN_GROUP_ROWS: usize = 65_536;
/// Rows of a page where rows are plain values.
const PLAIN_PAGE_ROWS: usize = 1024;
/// zstd's level: beyond it files shrink by a few per cent and writing slows
/// down several times.
const ZSTD_LEVEL: i32 = 3;
/// Lists whose values jump among a few: as they stand they shrink by a third
/// more than as differences.
const JUMPY_LISTS: &[&str] = &["cadence_rpm", "speed_mm_s"];
/// Their level of zstd, which has all of their shrinking to do.
const JUMPY_ZSTD_LEVEL: i32 = 6;

/// How many rows of these columns are best read at once; `None`: as many as the
/// reader likes.
pub(crate) fn batch_rows(schema: &Schema) -> Option<usize> {
    let mut fields = schema.fields().iter();
    let lists = fields.any(|field| matches!(field.data_type(), DataType::List(_)));
    lists.then_some(LIST_BATCH_ROWS)
}

/// How a file of these columns is written. The same rows give the same bytes.
pub(crate) fn writer_properties(schema: &Schema) -> WriterProperties {
    let of_type = |wanted: fn(&DataType) -> bool| {
        let fields = schema.fields().iter();
        fields.filter(move |field| wanted(field.data_type()))
    };
    let lists: Vec<ColumnPath> = of_type(|kind| matches!(kind, DataType::List(_)))
        .map(|field| {
            [field.name(), "list", "element"]
                .map(str::to_owned)
                .to_vec()
        })
        .map(ColumnPath::from)
        .collect();
    let (group_rows, group_bytes, page_rows) = if lists.is_empty() {
        (PLAIN_GROUP_ROWS, None, PLAIN_PAGE_ROWS)
    } else {
        (LIST_GROUP_ROWS, Some(LIST_GROUP_BYTES), LIST_PAGE_ROWS)
    };
    let zstd = |level| {
        let level = ZstdLevel::try_new(level).expect("zstd has levels 1 to 22");
        Compression::ZSTD(level)
    };
    let mut properties = WriterProperties::builder()
        .set_created_by(concat!("pacelake ", env!("CARGO_PKG_VERSION")).to_owned())
        // Version 1 falls back to PLAIN instead of delta encodings.
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(zstd(ZSTD_LEVEL))
        .set_max_row_group_row_count(Some(group_rows))
        .set_max_row_group_bytes(group_bytes)
        .set_data_page_row_count_limit(page_rows)
        // The writer looks at page limits only between batches.
        .set_write_batch_size(page_rows)
        .set_statistics_enabled(EnabledStatistics::Page);
    // Keys and times rise: their differences are small, and a page that stands
    // without a dictionary can be read alone.
    let whole_numbers = of_type(|kind| {
        matches!(
            kind,
            DataType::Int32 | DataType::Int64 | DataType::Date32 | DataType::Timestamp(..)
        )
    });
    for field in whole_numbers {
        let column = ColumnPath::from(field.name().as_str());
        properties = properties
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
    }
    for leaf in lists {
        let is_jumpy = JUMPY_LISTS.contains(&leaf.parts()[0].as_str());
        let (encoding, level) = match is_jumpy {
            true => (Encoding::PLAIN, JUMPY_ZSTD_LEVEL),
            false => (Encoding::DELTA_BINARY_PACKED, ZSTD_LEVEL),
        };
        properties = properties
            .set_column_dictionary_enabled(leaf.clone(), false)
            .set_column_encoding(leaf.clone(), encoding)
            .set_column_compression(leaf.clone(), zstd(level))
            .set_column_statistics_enabled(leaf, EnabledStatistics::None);
    }
    properties.build()
}

/// Puts rows into the columns and types of `schema` and sorts them by `sort`,
/// nulls last, equal rows in the order given.
///
/// # Errors
/// [`Error::NoColumn`] where a column is missing, [`Error::Rows`] where values
/// do not fit.
pub(crate) fn sorted(
    table: &str,
    schema: &SchemaRef,
    sort: &[&str],
    batches: &[RecordBatch],
) -> Result<RecordBatch, Error> {
    let shaped = batches
        .iter()
        .map(|batch| shaped(table, schema, batch))
        .collect::<Result<Vec<_>, _>>()?;
    let sorting = |source| Error::Rows {
        attempt: "sort rows",
        source,
    };
    let rows = concat_batches(schema, &shaped).map_err(sorting)?;
    if sort.is_empty() || rows.num_rows() < 2 {
        return Ok(rows);
    }
    let keys = sort
        .iter()
        .map(|name| column(table, &rows, name))
        .collect::<Result<Vec<_>, _>>()?;
    let options = arrow::compute::SortOptions {
        descending: false,
        nulls_first: false,
    };
    let fields = keys
        .iter()
        .map(|key| SortField::new_with_options(key.data_type().clone(), options))
        .collect();
    let order = RowConverter::new(fields)
        .and_then(|converter| converter.convert_columns(&keys))
        .map_err(sorting)?;
    if (1..order.num_rows()).all(|row| order.row(row - 1) <= order.row(row)) {
        return Ok(rows);
    }
    let mut indices: Vec<u32> = (0..rows.num_rows() as u32).collect();
    indices.sort_by(|&a, &b| order.row(a as usize).cmp(&order.row(b as usize)));
    take_record_batch(&rows, &UInt32Array::from(indices)).map_err(sorting)
}

/// Rows of a declared table as one Parquet file.
///
/// # Errors
/// [`Error::NoColumn`] and [`Error::Rows`] for rows that do not fit,
/// [`Error::Parquet`].
pub fn encoded(table: &Table, batches: &[RecordBatch]) -> Result<Vec<u8>, Error> {
    let schema = table.schema();
    let rows = sorted(table.name, &schema, table.sort, batches)?;
    let failed = |source| Error::Parquet {
        attempt: "write",
        path: table.name.to_owned(),
        source,
    };
    let options = ArrowWriterOptions::new()
        .with_properties(writer_properties(&schema))
        .with_skip_arrow_metadata(true);
    let mut bytes = Vec::new();
    let mut writer =
        ArrowWriter::try_new_with_options(&mut bytes, schema, options).map_err(failed)?;
    writer.write(&rows).map_err(failed)?;
    writer.close().map_err(failed)?;
    Ok(bytes)
}

fn shaped(table: &str, schema: &SchemaRef, batch: &RecordBatch) -> Result<RecordBatch, Error> {
    let shaping = |source| Error::Rows {
        attempt: "bring rows into the shape of their table",
        source,
    };
    let columns = schema
        .fields()
        .iter()
        .map(|field| {
            let values = match batch.column_by_name(field.name()) {
                // A column that a newer build declares.
                None if field.is_nullable() => {
                    return Ok(new_null_array(field.data_type(), batch.num_rows()));
                }
                Some(_) | None => column(table, batch, field.name())?,
            };
            if values.data_type() == field.data_type() {
                return Ok(values);
            }
            arrow::compute::cast(&values, field.data_type()).map_err(shaping)
        })
        .collect::<Result<Vec<_>, Error>>()?;
    RecordBatch::try_new(schema.clone(), columns).map_err(shaping)
}

fn column(table: &str, batch: &RecordBatch, name: &str) -> Result<ArrayRef, Error> {
    batch
        .column_by_name(name)
        .cloned()
        .ok_or_else(|| Error::NoColumn {
            table: table.to_owned(),
            column: name.to_owned(),
        })
}

/// Cuts rows by the year of the timestamp column at index `column`; rows keep
/// their order within a year, years come in order, without a year last.
///
/// # Errors
/// [`Error::Rows`] where the column is no timestamp.
pub(crate) fn by_year(
    rows: &RecordBatch,
    column: usize,
) -> Result<Vec<(Option<i32>, RecordBatch)>, Error> {
    let cutting = |source| Error::Rows {
        attempt: "cut rows by year",
        source,
    };
    let years = date_part(rows.column(column), DatePart::Year).map_err(cutting)?;
    let years = years.as_primitive::<Int32Type>();
    let mut distinct: Vec<Option<i32>> = years.iter().collect();
    distinct.sort_unstable_by_key(|year| (year.is_none(), *year));
    distinct.dedup();
    if let [only] = distinct.as_slice() {
        return Ok(vec![(*only, rows.clone())]);
    }
    distinct
        .into_iter()
        .map(|year| {
            let within: UInt32Array = (0..rows.num_rows() as u32)
                .filter(|&row| {
                    let row = row as usize;
                    years.is_valid(row).then(|| years.value(row)) == year
                })
                .collect::<Vec<_>>()
                .into();
            let part = take_record_batch(rows, &within).map_err(cutting)?;
            Ok((year, part))
        })
        .collect()
}

/// The rows under a schema of the same types that has Parquet field ids.
///
/// # Errors
/// [`Error::Rows`] where a value is null that must not be.
pub(crate) fn with_schema(rows: &RecordBatch, schema: SchemaRef) -> Result<RecordBatch, Error> {
    let relabelling = |source| Error::Rows {
        attempt: "bring rows into the shape of their table",
        source,
    };
    let columns = rows
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(values, field)| match field.data_type() {
            DataType::List(element) => {
                let list = values.as_list::<i32>();
                arrow::array::ListArray::try_new(
                    Arc::clone(element),
                    list.offsets().clone(),
                    list.values().clone(),
                    list.nulls().cloned(),
                )
                .map(|list| Arc::new(list) as ArrayRef)
                .map_err(relabelling)
            }
            _ => Ok(values.clone()),
        })
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(schema, columns).map_err(relabelling)
}
