//! The types that DuckLake names, in Arrow, and columns as its catalog has
//! them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use crate::error::Error;
use crate::table::{Column, Kind};

/// One column of a lake table at one snapshot; a list's element is a column
/// of its own, below it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct LakeColumn {
    /// Its id, which is also its field id in Parquet and never changes.
    pub id: i64,
    /// Its name at the snapshot.
    pub name: String,
    /// Its Arrow type, made of `children` where it is nested.
    pub data_type: DataType,
    /// Whether values may be absent.
    pub nullable: bool,
    /// The value, as text, of rows in files that are older than the column.
    pub initial_default: Option<String>,
    /// What is nested in it: a list's element, a struct's fields.
    pub children: Vec<LakeColumn>,
}

impl LakeColumn {
    /// The Arrow field, as queries see it.
    pub fn field(&self) -> Field {
        Field::new(&self.name, self.data_type.clone(), self.nullable)
    }

    /// The Arrow field with Parquet field ids at every level, as files are
    /// written.
    pub fn field_with_ids(&self) -> Field {
        let data_type = match (&self.data_type, self.children.as_slice()) {
            (DataType::List(_), [element]) => DataType::List(Arc::new(element.field_with_ids())),
            (DataType::Struct(_), children) => {
                DataType::Struct(children.iter().map(Self::field_with_ids).collect())
            }
            (other, _) => other.clone(),
        };
        let id = (PARQUET_FIELD_ID_META_KEY.to_owned(), self.id.to_string());
        Field::new(&self.name, data_type, self.nullable).with_metadata(HashMap::from([id]))
    }

    /// The column that holds plain values: itself, or a list's element.
    pub fn leaf(&self) -> &LakeColumn {
        match (&self.data_type, self.children.as_slice()) {
            (DataType::List(_), [element]) => element.leaf(),
            _ => self,
        }
    }
}

/// The schema of `columns` as queries see it.
pub(crate) fn schema(columns: &[LakeColumn]) -> SchemaRef {
    Arc::new(Schema::new(
        columns.iter().map(LakeColumn::field).collect::<Vec<_>>(),
    ))
}

/// The schema of `columns` as files are written.
pub(crate) fn schema_with_ids(columns: &[LakeColumn]) -> SchemaRef {
    Arc::new(Schema::new(
        columns
            .iter()
            .map(LakeColumn::field_with_ids)
            .collect::<Vec<_>>(),
    ))
}

/// How a declared column is named in the catalog: its own type, and its
/// element's where it is a list.
pub(crate) fn declared_type(column: &Column) -> (&'static str, Option<&'static str>) {
    match column.kind {
        Kind::Int64 => ("int64", None),
        Kind::Int32 => ("int32", None),
        Kind::Float64 => ("float64", None),
        Kind::Utf8 => ("varchar", None),
        Kind::Boolean => ("boolean", None),
        Kind::Timestamp => ("timestamp", None),
        Kind::Date => ("date", None),
        Kind::Int32List => ("list", Some("int32")),
        Kind::Int64List => ("list", Some("int64")),
    }
}

/// One row of the catalog's column table.
#[derive(Clone, Debug)]
pub(crate) struct ColumnRow {
    pub id: i64,
    pub name: String,
    pub type_name: String,
    pub nullable: bool,
    pub initial_default: Option<String>,
    pub parent: Option<i64>,
}

/// Why the columns of a table are not read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unread {
    /// The column.
    pub column: String,
    /// Its type, as the catalog has it.
    pub found: String,
}

impl From<Unread> for Error {
    fn from(Unread { column, found }: Unread) -> Self {
        Self::UnknownType { column, found }
    }
}

/// Builds the tree of columns from catalog rows, which are in column order.
///
/// # Errors
/// A type that is not read.
pub(crate) fn columns_of(
    rows: &[ColumnRow],
    parent: Option<i64>,
) -> Result<Vec<LakeColumn>, Unread> {
    rows.iter()
        .filter(|row| row.parent == parent)
        .map(|row| {
            let children = columns_of(rows, Some(row.id))?;
            Ok(LakeColumn {
                id: row.id,
                name: row.name.clone(),
                data_type: arrow_type(row, &children)?,
                nullable: row.nullable,
                initial_default: row.initial_default.clone(),
                children,
            })
        })
        .collect()
}

/// The Arrow type of a column without children; `None` where it is not read.
pub(crate) fn plain_type(name: &str) -> Option<DataType> {
    let row = ColumnRow {
        id: 0,
        name: String::new(),
        type_name: name.to_owned(),
        nullable: true,
        initial_default: None,
        parent: None,
    };
    arrow_type(&row, &[]).ok()
}

fn arrow_type(row: &ColumnRow, children: &[LakeColumn]) -> Result<DataType, Unread> {
    let unknown = || Unread {
        column: row.name.clone(),
        found: row.type_name.clone(),
    };
    Ok(match row.type_name.as_str() {
        "boolean" => DataType::Boolean,
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" => DataType::Int32,
        "int64" => DataType::Int64,
        "uint8" => DataType::UInt8,
        "uint16" => DataType::UInt16,
        "uint32" => DataType::UInt32,
        "uint64" => DataType::UInt64,
        "float32" => DataType::Float32,
        "float64" => DataType::Float64,
        "varchar" | "json" => DataType::Utf8,
        "blob" => DataType::Binary,
        "date" => DataType::Date32,
        "time" => DataType::Time64(TimeUnit::Microsecond),
        "timestamp" | "timestamp_us" => DataType::Timestamp(TimeUnit::Microsecond, None),
        // DuckDB writes seconds as Parquet milliseconds, the coarsest there are.
        "timestamp_s" | "timestamp_ms" => DataType::Timestamp(TimeUnit::Millisecond, None),
        "timestamp_ns" => DataType::Timestamp(TimeUnit::Nanosecond, None),
        "timestamptz" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        "list" => match children {
            [element] => DataType::List(Arc::new(element.field())),
            _ => return Err(unknown()),
        },
        "struct" => DataType::Struct(children.iter().map(LakeColumn::field).collect()),
        other => decimal(other).ok_or_else(unknown)?,
    })
}

/// Reads `decimal(precision,scale)`.
fn decimal(name: &str) -> Option<DataType> {
    let (precision, scale) = name
        .strip_prefix("decimal(")?
        .strip_suffix(')')?
        .split_once(',')?;
    let (precision, scale) = (precision.trim().parse().ok()?, scale.trim().parse().ok()?);
    (precision <= 38).then_some(DataType::Decimal128(precision, scale))
}
