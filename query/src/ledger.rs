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
    activity_line_of(key, revision, &versions(Scope::Activity))
}

/// The same where not all definitions were computed by today's versions.
///
/// # Errors
/// None in practice: the line has the ledger's own columns.
pub fn activity_line_of(
    key: ActivityKey,
    revision: i64,
    versions: &str,
) -> Result<RecordBatch, ArrowError> {
    let activity = (key.start_time_us, key.activity_id.0);
    line(key.athlete_id, Some(activity), revision, versions, None)
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
    let versions = versions(Scope::Athlete);
    line(athlete, None, revision, &versions, valid_until)
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

/// A line of an athlete, or of an activity: its start and id.
fn line(
    athlete: AthleteId,
    activity: Option<(i64, i64)>,
    revision: i64,
    versions: &str,
    valid_until: Option<i32>,
) -> Result<RecordBatch, ArrowError> {
    let (start_time_us, activity_id) = activity.unzip();
    let scope = match activity {
        Some(_) => Scope::Activity,
        None => Scope::Athlete,
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![athlete.0])),
        Arc::new(TimestampMicrosecondArray::from(vec![start_time_us])),
        Arc::new(Int64Array::from(vec![activity_id])),
        Arc::new(StringArray::from(vec![scope.name()])),
        Arc::new(Int64Array::from(vec![revision])),
        Arc::new(StringArray::from(vec![versions])),
        Arc::new(Date32Array::from(vec![valid_until])),
    ];
    RecordBatch::try_new(DERIVATIONS.schema(), columns)
}
