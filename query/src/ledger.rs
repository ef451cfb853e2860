//! Lines of the ledger of derivation: what each scope was computed from.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use storage::tables::DERIVATIONS;
use storage::{ActivityKey, AthleteId};

use crate::derived::{Scope, versions};

/// The line of an activity whose rows were computed at `revision`.
///
/// # Errors
/// None in practice: the line has the ledger's own columns.
pub fn activity_line(key: ActivityKey, revision: i64) -> Result<RecordBatch, ArrowError> {
    line(
        key.athlete_id,
        Some(key.start_time_us),
        Some(key.activity_id.0),
        Scope::Activity,
        revision,
        None,
    )
}

/// The line of an athlete whose tables were computed at `revision`, and hold
/// until the day before `valid_until` (days since 1970) if nothing changes.
///
/// # Errors
/// None in practice: the line has the ledger's own columns.
pub fn athlete_line(
    athlete: AthleteId,
    revision: i64,
    valid_until: Option<i32>,
) -> Result<RecordBatch, ArrowError> {
    line(athlete, None, None, Scope::Athlete, revision, valid_until)
}

/// The columns and values that find an athlete's line.
///
/// # Errors
/// None in practice.
pub fn athlete_key(athlete: AthleteId) -> Result<RecordBatch, ArrowError> {
    let fields = vec![
        Field::new("athlete_id", DataType::Int64, false),
        Field::new("scope", DataType::Utf8, false),
    ];
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![athlete.0])),
        Arc::new(StringArray::from(vec![Scope::Athlete.name()])),
    ];
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
}

fn line(
    athlete: AthleteId,
    start_time_us: Option<i64>,
    activity_id: Option<i64>,
    scope: Scope,
    revision: i64,
    valid_until: Option<i32>,
) -> Result<RecordBatch, ArrowError> {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![athlete.0])),
        Arc::new(TimestampMicrosecondArray::from(vec![start_time_us])),
        Arc::new(Int64Array::from(vec![activity_id])),
        Arc::new(StringArray::from(vec![scope.name()])),
        Arc::new(Int64Array::from(vec![revision])),
        Arc::new(StringArray::from(vec![versions(scope)])),
        Arc::new(Date32Array::from(vec![valid_until])),
    ];
    RecordBatch::try_new(DERIVATIONS.schema(), columns)
}
