//! Rows as a table for eyes, JSON, CSV, Parquet or an Arrow stream.
//!
//! One [`Output`] takes batches as they come and writes them on. Names are the
//! columns' in every format. JSON is one array of objects that writes nulls
//! (NaN and infinities are null) and `[]` where there are no rows; times are
//! ISO 8601; lists are arrays, and in CSV the JSON text of the array.

mod table;

use std::collections::HashSet;
use std::fmt;
use std::io::Write;
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use arrow::csv;
use arrow::datatypes::{DataType, Field, Float64Type, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::writer::StreamWriter;
use arrow::json;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use crate::error::Error;
use crate::session::Rows;

/// How many bytes a Parquet row group holds at most, in memory.
const ROW_GROUP_BYTES: usize = 64 << 20;

/// A format that rows can be written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Aligned columns, for eyes.
    Table,
    /// One array of objects.
    Json,
    /// Comma-separated values with a header.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// Apache Arrow's IPC stream.
    Arrow,
}

/// Every format by its name.
pub const FORMATS: &[(&str, Format)] = &[
    ("table", Format::Table),
    ("json", Format::Json),
    ("csv", Format::Csv),
    ("parquet", Format::Parquet),
    ("arrow", Format::Arrow),
];

impl Format {
    /// Its name, which is also the ending of its files.
    pub fn name(self) -> &'static str {
        FORMATS
            .iter()
            .find(|(_, format)| *format == self)
            .map(|(name, _)| *name)
            .expect("FORMATS has a line for every format")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        FORMATS
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, format)| *format)
            .ok_or_else(|| Error::InvalidArgument {
                name: "format",
                value: text.to_owned(),
                reason: "it is table, json, csv, parquet or arrow".to_owned(),
            })
    }
}

/// Writes batches of one schema to `W` in one format.
pub struct Output<W: Write + Send> {
    format: Format,
    encoder: Encoder<W>,
}

enum Encoder<W: Write + Send> {
    Table(table::Table<W>),
    Json(json::ArrayWriter<W>),
    Csv(Box<csv::Writer<W>>, SchemaRef),
    Parquet(Box<ArrowWriter<W>>),
    Arrow(Box<StreamWriter<W>>),
}

impl<W: Write + Send> Output<W> {
    /// Begins to write rows of `schema` to `out`.
    ///
    /// # Errors
    /// [`Error::InvalidQuery`] where two columns have one name and the format
    /// addresses columns by name; [`Error::Encode`] where the format cannot
    /// hold the schema.
    pub fn new(format: Format, schema: &SchemaRef, out: W) -> Result<Self, Error> {
        let encoder = match format {
            Format::Table => Encoder::Table(table::Table::new(Arc::clone(schema), out)),
            Format::Json => {
                refuse_doubled_names(schema)?;
                let builder = json::WriterBuilder::new().with_explicit_nulls(true);
                Encoder::Json(builder.build(out))
            }
            Format::Csv => {
                let schema = without_lists(schema);
                let mut writer = csv::WriterBuilder::new().with_header(true).build(out);
                // The header must stand even where no row follows.
                writer
                    .write(&RecordBatch::new_empty(Arc::clone(&schema)))
                    .map_err(|source| encode(format, source))?;
                Encoder::Csv(Box::new(writer), schema)
            }
            Format::Parquet => {
                refuse_doubled_names(schema)?;
                let properties = WriterProperties::builder()
                    .set_compression(Compression::ZSTD(ZstdLevel::default()))
                    .build();
                let writer = ArrowWriter::try_new(out, Arc::clone(schema), Some(properties))
                    .map_err(|source| encode(format, source.into()))?;
                Encoder::Parquet(Box::new(writer))
            }
            Format::Arrow => {
                refuse_doubled_names(schema)?;
                let writer = StreamWriter::try_new(out, schema);
                Encoder::Arrow(Box::new(writer.map_err(|source| encode(format, source))?))
            }
        };
        Ok(Self { format, encoder })
    }

    /// Writes some rows.
    ///
    /// # Errors
    /// [`Error::Encode`] where a value cannot be written, or `out` refuses.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let written = match &mut self.encoder {
            Encoder::Table(table) => table.write(batch),
            Encoder::Json(writer) => writer.write(batch),
            Encoder::Csv(writer, schema) => {
                with_lists_as_json(batch, schema).and_then(|batch| writer.write(&batch))
            }
            Encoder::Parquet(writer) => write_parquet(writer, batch),
            Encoder::Arrow(writer) => writer.write(batch),
        };
        written.map_err(|source| encode(self.format, source))
    }

    /// Writes what closes the format, and gives `out` back.
    ///
    /// # Errors
    /// [`Error::Encode`] where `out` refuses.
    pub fn finish(self) -> Result<W, Error> {
        let format = self.format;
        let out = match self.encoder {
            Encoder::Table(table) => table.finish(),
            Encoder::Json(mut writer) => writer.finish().and_then(|()| {
                let mut out = writer.into_inner();
                writeln!(out)?;
                Ok(out)
            }),
            Encoder::Csv(writer, _) => Ok(writer.into_inner()),
            Encoder::Parquet(writer) => writer.into_inner().map_err(ArrowError::from),
            // Writes the end of the stream first.
            Encoder::Arrow(writer) => writer.into_inner(),
        };
        out.map_err(|source| encode(format, source))
    }
}

/// Writes all of `rows` to `out`, and gives `out` back.
///
/// # Errors
/// As [`Output::new`], [`Output::write`] and [`Output::finish`].
pub fn write_rows<W: Write + Send>(rows: &Rows, format: Format, out: W) -> Result<W, Error> {
    let mut output = Output::new(format, &rows.schema, out)?;
    for batch in &rows.batches {
        output.write(batch)?;
    }
    output.finish()
}

/// Rows as JSON values: an object each.
///
/// # Errors
/// Where a value has no JSON form.
pub fn values(rows: &Rows) -> Result<Vec<serde_json::Value>, Error> {
    let text = write_rows(rows, Format::Json, Vec::new())?;
    let parsed: Result<Vec<serde_json::Value>, _> = serde_json::from_slice(&text);
    let mut values = parsed.map_err(|error| Error::Malformed {
        table: "rows as JSON",
        problem: error.to_string(),
    })?;
    // The parser reads some doubles as their neighbours.
    let mut objects = values.iter_mut();
    for batch in &rows.batches {
        let objects: Vec<_> = objects.by_ref().take(batch.num_rows()).collect();
        for (object, row) in objects.into_iter().zip(0..) {
            for (field, column) in batch.schema_ref().fields().iter().zip(batch.columns()) {
                let doubles = column.as_primitive_opt::<Float64Type>();
                if let Some(doubles) = doubles.filter(|doubles| doubles.is_valid(row)) {
                    object[field.name().as_str()] = doubles.value(row).into();
                }
            }
        }
    }
    Ok(values)
}

/// Writes rows and ends the row group when it has grown large: a million rows
/// of lists would not fit in memory.
fn write_parquet<W: Write + Send>(
    writer: &mut ArrowWriter<W>,
    batch: &RecordBatch,
) -> Result<(), ArrowError> {
    writer.write(batch)?;
    if writer.in_progress_size() > ROW_GROUP_BYTES {
        writer.flush()?;
    }
    Ok(())
}

fn refuse_doubled_names(schema: &Schema) -> Result<(), Error> {
    let mut seen = HashSet::new();
    for field in schema.fields() {
        if !seen.insert(field.name()) {
            let message = format!(
                "two columns are named {}; give one another name with AS",
                field.name()
            );
            return Err(Error::InvalidQuery { message });
        }
    }
    Ok(())
}

/// The same columns, with text where lists and structs were.
fn without_lists(schema: &Schema) -> SchemaRef {
    let field = |field: &Arc<Field>| {
        if field.data_type().is_nested() {
            Arc::new(Field::new(field.name(), DataType::Utf8, true))
        } else {
            Arc::clone(field)
        }
    };
    Arc::new(Schema::new(
        schema.fields().iter().map(field).collect::<Vec<_>>(),
    ))
}

fn with_lists_as_json(batch: &RecordBatch, flat: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = batch
        .columns()
        .iter()
        .map(|array| {
            if array.data_type().is_nested() {
                json_text(array)
            } else {
                Ok(Arc::clone(array))
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(Arc::clone(flat), columns)
}

/// The JSON text of every entry of a nested array; null where it is null.
fn json_text(array: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    const BEFORE: &str = "{\"v\":";
    const AFTER: &str = "}";
    let batch = RecordBatch::try_from_iter_with_nullable([("v", Arc::clone(array), true)])?;
    let mut writer = json::WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, json::writer::LineDelimited>(Vec::new());
    writer.write(&batch)?;
    writer.finish()?;
    let text = String::from_utf8(writer.into_inner())
        .map_err(|error| ArrowError::JsonError(error.to_string()))?;
    // A line break within text is escaped, so that each line is one entry.
    let entries = text.lines().enumerate().map(|(row, line)| {
        let value = line.strip_prefix(BEFORE)?.strip_suffix(AFTER)?;
        array.is_valid(row).then_some(value)
    });
    Ok(Arc::new(entries.collect::<StringArray>()))
}

fn encode(format: Format, source: ArrowError) -> Error {
    Error::Encode {
        format: format.name(),
        source,
    }
}

#[cfg(test)]
#[path = "output_tests.rs"]
mod tests;
