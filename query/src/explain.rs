//! What a number is, what it comes from, and how anyone can get it again.
//!
//! Begin at [`Address::parse`], then [`explain`]: it reads the number, says
//! what it was computed from, and gives plain SQL that computes it. What only
//! the raw bytes tell (the recordings, the number recomputed) is added by the
//! crate that may read them.

mod address;
mod because;
mod clock;
mod inputs;
mod statement;
#[cfg(test)]
mod tests;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use datafusion::common::ScalarValue;
use datafusion::prelude::{col, lit};
use serde::Serialize;
use serde_json::Value;
use storage::catalog::Correction;
use storage::{ActivityKey, AthleteId};

pub use address::{Address, explained};
pub use because::{Cell, activities_behind};
pub use clock::Clock;
pub use inputs::{End, Input, Sample};
pub use statement::{Known, Of, of_source, statement};

use crate::error::Error;
use crate::output::values;
use crate::session::{Rows, Session};

/// The remark on what is computed anew for an older snapshot.
const CHANGED_SINCE: &str = "computed from today's recordings, masks and definitions; the stored \
    number is that of the older snapshot";
/// The same where there is nothing to compute it from.
const GONE_SINCE: &str = "the activity is not there today; the stored number is that of the \
    older snapshot";

/// Everything that is known of one number.
#[derive(Clone, Debug, Serialize)]
pub struct Explanation {
    /// Its table.
    pub table: &'static str,
    /// Its key, in the order of the table's declaration.
    pub key: Vec<Value>,
    /// Its column.
    pub column: &'static str,
    /// The number, as it is stored.
    pub value: Value,
    /// What it is measured in; `None`: a name, a day, an id.
    pub unit: Option<&'static str>,
    /// What it means, to a runner.
    pub sentence: String,
    /// The definition that it comes from; `None`: its source says so.
    pub definition: Option<&'static str>,
    /// The definition's version.
    pub version: Option<u32>,
    /// The clock that it counts by, where time enters into it.
    pub clock: Option<Clock>,
    /// The lake's snapshot that was read.
    pub snapshot: i64,
    /// What it was computed from.
    pub inputs: Vec<Input>,
    /// One row and one column: the same number, in any engine on the lake.
    pub sql: String,
    /// The number computed anew from the raw bytes.
    pub recomputed: Option<Recomputed>,
    /// The numbers that it comes from, each with an explanation of its own.
    pub because: Vec<Cell>,
    /// The row that holds it.
    #[serde(skip)]
    row: RecordBatch,
}

impl Explanation {
    /// Says what `rows`, computed anew from the bytes of so many activities,
    /// have at `address`, and whether it is what is stored.
    ///
    /// # Errors
    /// [`Error::Malformed`] where they are not rows of its table.
    pub fn recompute(
        &mut self,
        address: &Address,
        rows: &RecordBatch,
        activities: usize,
    ) -> Result<(), Error> {
        let anew = find(rows, address)?;
        let anew = anew.map(|row| {
            let value = cell(&row, self.column)?;
            Ok::<_, Error>((value, same(&self.row, &row, self.column)?))
        });
        let (value, equal) = anew.transpose()?.unzip();
        self.recomputed = Some(Recomputed {
            value,
            equal: equal.unwrap_or(false),
            activities,
            remark: None,
        });
        Ok(())
    }

    /// Says why the number computed anew need not be the stored one, where it
    /// is not: the snapshot is an older one.
    pub fn remark_past(&mut self) {
        if let Some(anew) = self.recomputed.as_mut().filter(|anew| !anew.equal) {
            anew.remark = Some(match anew.activities {
                0 => GONE_SINCE,
                _ => CHANGED_SINCE,
            });
        }
    }
}

/// A number that was computed anew.
#[derive(Clone, Debug, Serialize)]
pub struct Recomputed {
    /// What came out; `None`: there is no such row.
    pub value: Option<Value>,
    /// Whether it is what is stored, bit for bit.
    pub equal: bool,
    /// How many activities' bytes were read.
    pub activities: usize,
    /// Why it need not be what is stored; `None`: it must be.
    pub remark: Option<&'static str>,
}

/// Whose number it is, and where the activity lies.
#[derive(Clone, Debug)]
pub enum Whose {
    /// A number of one activity, with what its owner says of it.
    Activity(ActivityKey, Vec<Correction>),
    /// A number of an athlete; windows end on this day, in days since 1970.
    Athlete(AthleteId, i32),
}

/// The number at an address: what it is and where it comes from, as far as the
/// lake knows. `recomputed` is left open, and of the inputs the recordings.
///
/// # Errors
/// [`Error::NotFound`] where there is no such row of theirs, and the session's.
pub async fn explain(
    session: &Session,
    snapshot: i64,
    address: &Address,
    whose: &Whose,
) -> Result<Explanation, Error> {
    let row = row(session, address, whose).await?;
    let (mut inputs, of) = match whose {
        Whose::Activity(key, corrections) => {
            let back_cm = address.derived().and_then(statement::hysteresis_cm);
            let read = inputs::of_activity(session, *key, corrections, back_cm, &row);
            let (inputs, known) = read.await?;
            (inputs, known.map(Of::Activity))
        }
        Whose::Athlete(athlete, day) => (Vec::new(), Some(Of::Athlete(*athlete, *day))),
    };
    // An activity that was typed in is what its source says.
    let derived = address.derived().filter(|_| of.is_some());
    let sql = match (derived, &of) {
        (Some(_), Some(of)) => statement(address, of),
        _ => of_source(address),
    };
    let mut because = Vec::new();
    if derived.is_some() {
        because = because::of(session, address, &row, whose).await?;
    }
    if let Whose::Athlete(..) = whose {
        inputs.extend(inputs::tables(&because));
    }
    Ok(Explanation {
        table: address.table.name,
        key: address.key.iter().map(json).collect(),
        column: address.column.name,
        value: cell(&row, address.column.name)?,
        unit: Some(address.column.unit.label()).filter(|label| !label.is_empty()),
        sentence: sentence(address, derived.map(|derived| derived.sentence)),
        definition: derived.map(|derived| derived.name),
        version: derived.map(|derived| derived.version),
        clock: clock::of(address.column),
        snapshot,
        inputs,
        sql,
        recomputed: None,
        because,
        row,
    })
}

/// The one row of an address, as it is stored.
async fn row(session: &Session, address: &Address, whose: &Whose) -> Result<RecordBatch, Error> {
    let theirs = match whose {
        Whose::Activity(key, _) => crate::read::is_activity(*key),
        Whose::Athlete(athlete, _) => col("athlete_id").eq(lit(athlete.0)),
    };
    let wanted = theirs.and(address.is_row());
    let rows = session.read_table(address.table.name, |rows| rows.filter(wanted));
    let rows = one_batch(&rows.await?, address.table.name)?;
    match rows.num_rows() {
        1 => Ok(rows),
        0 => Err(address.no_row()),
        more => Err(Error::Malformed {
            table: address.table.name,
            problem: format!("{more} rows have the key {}", address.key_text()),
        }),
    }
}

/// The row of an address among rows of its table.
fn find(rows: &RecordBatch, address: &Address) -> Result<Option<RecordBatch>, Error> {
    for row in 0..rows.num_rows() {
        let mut is_it = true;
        for (name, wanted) in address.named_key() {
            is_it &= scalar(rows, name, row, address.table.name)? == *wanted;
        }
        if is_it {
            return Ok(Some(rows.slice(row, 1)));
        }
    }
    Ok(None)
}

/// The first row's value in a column, as JSON has it everywhere.
fn cell(row: &RecordBatch, column: &str) -> Result<Value, Error> {
    let rows = Rows {
        schema: row.schema(),
        batches: vec![row.clone()],
    };
    let first = values(&rows)?.into_iter().next();
    let value = first.and_then(|mut row| row.get_mut(column).map(Value::take));
    value.ok_or_else(|| Error::Malformed {
        table: "a row",
        problem: format!("no column {column}"),
    })
}

/// Whether two rows hold the same value in a column, bit for bit.
fn same(a: &RecordBatch, b: &RecordBatch, column: &str) -> Result<bool, Error> {
    let [a, b] = [
        scalar(a, column, 0, "a row")?,
        scalar(b, column, 0, "a row")?,
    ];
    Ok(match (&a, &b) {
        (ScalarValue::Float64(Some(a)), ScalarValue::Float64(Some(b))) => {
            a.to_bits() == b.to_bits()
        }
        _ => a == b,
    })
}

fn sentence(address: &Address, definition: Option<&str>) -> String {
    let doc = address.column.doc;
    match definition {
        Some(sentence) => format!("{sentence} Here: {doc}"),
        None => format!("As the recording has it. {doc}"),
    }
}

/// Rows as one batch.
pub(crate) fn one_batch(rows: &Rows, table: &'static str) -> Result<RecordBatch, Error> {
    concat_batches(&rows.schema, &rows.batches).map_err(|error| Error::Malformed {
        table,
        problem: error.to_string(),
    })
}

/// A value in the type that its table declares: readers hand out text as views.
fn scalar(
    rows: &RecordBatch,
    column: &str,
    row: usize,
    table: &'static str,
) -> Result<ScalarValue, Error> {
    let malformed = |problem: String| Error::Malformed { table, problem };
    let array = rows
        .column_by_name(column)
        .ok_or_else(|| malformed(format!("no column {column}")))?;
    let value = ScalarValue::try_from_array(array, row);
    let value = value.map_err(|error| malformed(error.to_string()))?;
    Ok(match value {
        ScalarValue::Utf8View(text) | ScalarValue::LargeUtf8(text) => ScalarValue::Utf8(text),
        other => other,
    })
}

/// A value of a key as JSON has it.
fn json(value: &ScalarValue) -> Value {
    match value {
        ScalarValue::Int64(Some(number)) => (*number).into(),
        ScalarValue::Int32(Some(number)) => (*number).into(),
        ScalarValue::Float64(Some(number)) => (*number).into(),
        ScalarValue::Utf8(Some(text)) => text.as_str().into(),
        ScalarValue::Date32(Some(days)) => match crate::read::date(*days) {
            Some(day) => day.to_string().into(),
            None => Value::Null,
        },
        _ => Value::Null,
    }
}
