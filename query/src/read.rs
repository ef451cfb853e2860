//! Typed reads, for handlers and commands.
//!
//! A read is a function from a session and plain arguments to [`Rows`] of a
//! declared [`Shape`]. Arguments become literals of the column's own type,
//! never text of a query, so that files and pages are passed over and nothing
//! can be smuggled in. Reads of one activity filter on all three columns of
//! its key. Instants in UTC come out marked as such.

pub mod activities;
pub mod parts;
pub mod peaks;
pub mod ranks;
pub mod refused;
pub mod stats;
pub mod streams;
pub mod track;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit, TimestampMicrosecondType};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{col, lit};
use jiff::Span;
use jiff::civil::Date;
use storage::table::{Column, Kind, Table, Unit};
use storage::{ActivityKey, AthleteId};

use crate::error::Error;
use crate::session::Rows;

/// The zone of instants in UTC, as Arrow writes it without a zone database.
const UTC: &str = "+00:00";

/// What the rows of a read are: a name for documents, and the columns.
#[derive(Clone, Debug)]
pub struct Shape {
    /// What one row is called, in upper camel case.
    pub name: &'static str,
    /// What one row is.
    pub grain: &'static str,
    /// The columns, in order.
    pub columns: Vec<Column>,
}

impl Shape {
    /// All columns of a table but those named.
    fn without(name: &'static str, table: &'static Table, left_out: &[&str]) -> Self {
        let kept = |column: &&Column| !left_out.contains(&column.name);
        Self {
            name,
            grain: table.grain,
            columns: table.columns.iter().filter(kept).copied().collect(),
        }
    }

    /// The same with one more column at the end.
    fn with(mut self, column: Column) -> Self {
        self.columns.push(column);
        self
    }

    /// The columns' names.
    pub fn names(&self) -> Vec<&'static str> {
        self.columns.iter().map(|column| column.name).collect()
    }

    /// The Arrow schema of the read's rows.
    pub fn schema(&self) -> SchemaRef {
        let field = |column: &Column| Field::new(column.name, data_type(column), true);
        Arc::new(Schema::new(
            self.columns.iter().map(field).collect::<Vec<_>>(),
        ))
    }

    /// Gives rows this shape: the columns in order, instants marked as UTC.
    fn give(&self, rows: Rows) -> Result<Rows, Error> {
        let schema = self.schema();
        let malformed = |problem: String| Error::Malformed {
            table: self.name,
            problem,
        };
        let shaped = |batch: &RecordBatch| {
            let columns = self
                .columns
                .iter()
                .map(|column| {
                    let array = batch.column_by_name(column.name);
                    array
                        .ok_or_else(|| malformed(format!("no column {}", column.name)))
                        .map(|array| mark_utc(column, array))
                })
                .collect::<Result<Vec<_>, Error>>()?;
            RecordBatch::try_new(Arc::clone(&schema), columns)
                .map_err(|error| malformed(error.to_string()))
        };
        let batches = rows.batches.iter().map(shaped).collect::<Result<_, _>>()?;
        Ok(Rows { schema, batches })
    }
}

fn data_type(column: &Column) -> DataType {
    match column.unit {
        Unit::Utc => DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into())),
        _ => column.kind.data_type(),
    }
}

fn mark_utc(column: &Column, array: &ArrayRef) -> ArrayRef {
    match (
        column.unit,
        array.as_primitive_opt::<TimestampMicrosecondType>(),
    ) {
        (Unit::Utc, Some(times)) => Arc::new(times.clone().with_timezone(UTC)),
        _ => Arc::clone(array),
    }
}

/// Where a page begins: behind the row at this place in the list's order.
///
/// Its text is for giving back, not for reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The value that the list is ordered by, as an integer.
    at: i64,
    /// What orders rows of equal value.
    tie: String,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in format!("{}:{}", self.at, self.tie).bytes() {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for Cursor {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let decode = || {
            let digits = text.as_bytes();
            let bytes = digits.chunks(2).map(|pair| {
                let pair = std::str::from_utf8(pair).ok()?;
                (pair.len() == 2).then(|| u8::from_str_radix(pair, 16).ok())?
            });
            let plain = String::from_utf8(bytes.collect::<Option<_>>()?).ok()?;
            let (at, tie) = plain.split_once(':')?;
            Some(Self {
                at: at.parse().ok()?,
                tie: tie.to_owned(),
            })
        };
        decode().ok_or_else(|| Error::InvalidArgument {
            name: "after",
            value: text.to_owned(),
            reason: "it is the `next` of the page before".to_owned(),
        })
    }
}

/// Some rows of a list, and where the next ones begin.
#[derive(Clone, Debug)]
pub struct Page {
    /// The rows, in the list's order.
    pub rows: Rows,
    /// Where to go on; `None`: these were the last.
    pub next: Option<Cursor>,
}

/// Cuts rows that were read with one too many to `limit`; gives the last row
/// that stays, where more follow.
fn cut(rows: Rows, limit: usize) -> Result<(Rows, Option<RecordBatch>), Error> {
    let more = rows.len() > limit;
    let joined = arrow::compute::concat_batches(&rows.schema, &rows.batches).map_err(|error| {
        Error::Malformed {
            table: "a page",
            problem: error.to_string(),
        }
    })?;
    let page = joined.slice(0, joined.num_rows().min(limit));
    let last = (more && limit > 0).then(|| page.slice(limit - 1, 1));
    let batches = vec![page];
    Ok((
        Rows {
            schema: rows.schema,
            batches,
        },
        last,
    ))
}

/// The rows' one batch with one more column.
fn append(rows: Rows, name: &str, column: ArrayRef) -> Result<Rows, Error> {
    let batch = &rows.batches[0];
    let columns = batch
        .schema_ref()
        .fields()
        .iter()
        .map(|field| field.name().as_str());
    let columns = columns.zip(batch.columns().iter().cloned());
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns
            .chain([(name, column)])
            .map(|(name, column)| (name, column, true)),
    );
    let batch = batch.map_err(|error| Error::Malformed {
        table: "a read",
        problem: error.to_string(),
    })?;
    Ok(Rows {
        schema: batch.schema(),
        batches: vec![batch],
    })
}

/// The rows of one activity, in any table that holds its key.
pub(crate) fn is_activity(key: ActivityKey) -> Expr {
    is_athlete(key.athlete_id)
        .and(col("start_time").eq(instant(key.start_time_us)))
        .and(col("activity_id").eq(lit(key.activity_id.0)))
}

/// The rows of one athlete.
fn is_athlete(athlete: AthleteId) -> Expr {
    col("athlete_id").eq(lit(athlete.0))
}

/// A literal of the type that instants are stored in.
pub(crate) fn instant(us: i64) -> Expr {
    lit(ScalarValue::TimestampMicrosecond(Some(us), None))
}

/// A literal of the type that days are stored in.
pub(crate) fn day(date: Date) -> Expr {
    lit(ScalarValue::Date32(Some(days(date))))
}

/// Days since 1970, as days are stored.
pub fn days(date: Date) -> i32 {
    // jiff's calendar ends in the year 9999, below 2^31 days.
    (date - Date::constant(1970, 1, 1)).get_days()
}

/// The day of so many days since 1970; `None` beyond the calendar.
pub fn date(days: i32) -> Option<Date> {
    let span = Span::new().try_days(days).ok()?;
    Date::constant(1970, 1, 1).checked_add(span).ok()
}

/// The sport that `name` is, where it is one; in statistics also `all`.
pub(crate) fn sport(name: &str, also_all: bool) -> Result<Expr, Error> {
    if storage::sport::Sport::named(name).is_some() || (also_all && name == "all") {
        return Ok(col("sport").eq(lit(name)));
    }
    let mut names: Vec<&str> = storage::sport::SPORTS
        .iter()
        .map(|(name, _)| *name)
        .collect();
    if also_all {
        names.push("all");
    }
    Err(one_of("sport", name, &names))
}

/// The error for a value that is none of a declared list.
fn one_of(name: &'static str, value: &str, allowed: &[&str]) -> Error {
    Error::InvalidArgument {
        name,
        value: value.to_owned(),
        reason: format!("it is one of {}", allowed.join(", ")),
    }
}

/// A column of the pace over a kilometre, as reads add it.
const fn pace(name: &'static str, doc: &'static str) -> Column {
    Column {
        name,
        kind: Kind::Float64,
        unit: Unit::SecondPerKilometre,
        doc,
        nullable: true,
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
