//! What must be computed again: scopes minus ledger.
//!
//! A scope is fresh where the ledger has a line of it that names the input's
//! present revision and the definitions' present versions, and whose last day
//! has not passed. Scopes and ledger are both in order of key and are compared
//! in one walk over the two, so that a page of either is all that is held.

use std::cmp::Ordering;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Date32Type, Int64Type, TimestampMicrosecondType};
use datafusion::prelude::{DataFrame, col, lit};
use jiff::civil::Date;
use storage::catalog::Pointer;
use storage::tables::DERIVATIONS;
use storage::{ActivityId, ActivityKey, AthleteId};

use crate::derived::{Scope, versions};
use crate::error::Error;
use crate::read::days;
use crate::session::Session;

/// What the ledger says of one activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The activity.
    pub key: ActivityKey,
    /// The revision that its rows were computed from.
    pub input_revision: i64,
    /// The definitions' versions then.
    pub versions: String,
}

/// What comparing a stretch of activities with the same stretch of the ledger
/// gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Activities whose rows must be computed again.
    pub stale: Vec<Pointer>,
    /// Lines of activities that there are not.
    pub orphans: Vec<ActivityKey>,
}

/// Compares activities with the ledger's lines of activities, both in order of
/// key, by walking over them together.
pub fn compare(
    activities: impl IntoIterator<Item = Pointer>,
    ledger: impl IntoIterator<Item = Line>,
    versions: &str,
) -> Compared {
    let mut compared = Compared::default();
    let mut activities = activities.into_iter().peekable();
    let mut ledger = ledger.into_iter().peekable();
    loop {
        let order = match (activities.peek(), ledger.peek()) {
            (None, None) => return compared,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(activity), Some(line)) => activity.key.cmp(&line.key),
        };
        let activity = (order != Ordering::Greater)
            .then(|| activities.next())
            .flatten();
        let line = (order != Ordering::Less).then(|| ledger.next()).flatten();
        match (activity, line) {
            (Some(activity), Some(line)) => {
                let fresh = line.input_revision == activity.revision && line.versions == versions;
                if !fresh {
                    compared.stale.push(activity);
                }
            }
            (Some(activity), None) => compared.stale.push(activity),
            (None, Some(line)) => compared.orphans.push(line.key),
            (None, None) => {}
        }
    }
}

/// Which of `activities`, in any order, are stale; `ledger` holds rows of
/// `derivations`, at least those of these activities. In order of key.
///
/// # Errors
/// [`Error::Malformed`] where rows are not as `derivations` declares them.
pub fn stale_activities(
    activities: &[Pointer],
    ledger: &[RecordBatch],
) -> Result<Vec<Pointer>, Error> {
    let mut activities = activities.to_vec();
    activities.sort_by_key(|activity| activity.key);
    let mut lines = lines(ledger)?;
    lines.sort_by_key(|line| line.key);
    Ok(compare(activities, lines, &versions(Scope::Activity)).stale)
}

/// Whether `ledger`, rows of `derivations` of one athlete, says that ranks and
/// statistics were computed from `revision` by today's definitions, and hold
/// on `today`, a day in the athlete's time zone. Of an athlete who never had
/// an activity there is nothing to compute.
///
/// # Errors
/// [`Error::Malformed`] where rows are not as `derivations` declares them.
pub fn athlete_is_fresh(ledger: &[RecordBatch], revision: i64, today: Date) -> Result<bool, Error> {
    let versions = versions(Scope::Athlete);
    for batch in ledger {
        let table = Columns::of(batch)?;
        for row in 0..batch.num_rows() {
            if table.scope.value(row) != Scope::Athlete.name() {
                continue;
            }
            let ends = &table.valid_until;
            let passed = ends.is_valid(row) && ends.value(row) <= days(today);
            return Ok(table.input_revision.value(row) == revision
                && table.versions.value(row) == versions
                && !passed);
        }
    }
    Ok(revision == 0)
}

/// The day, in days since 1970, on which an athlete's windows end as the
/// session's snapshot has them: `today`, or where an effort left one since, the
/// day before that.
///
/// # Errors
/// The session's; [`Error::Malformed`] where rows are not as `derivations`
/// declares them.
pub async fn windows_end(session: &Session, athlete: AthleteId, today: i32) -> Result<i32, Error> {
    let wanted = col("athlete_id")
        .eq(lit(athlete.0))
        .and(col("scope").eq(lit(Scope::Athlete.name())));
    let plan = |table: DataFrame| table.filter(wanted)?.select_columns(&["valid_until"]);
    let rows = session.read_table(DERIVATIONS.name, plan).await?;
    let mut day = today;
    for batch in &rows.batches {
        let ends = batch.column(0).as_primitive_opt::<Date32Type>();
        let ends = ends.ok_or_else(|| malformed("column valid_until has another type"))?;
        let last = ends.iter().flatten().map(|end| end.saturating_sub(1)).min();
        day = day.min(last.unwrap_or(today));
    }
    Ok(day)
}

/// The lines of activities among rows of `derivations`.
///
/// # Errors
/// [`Error::Malformed`] where rows are not as `derivations` declares them.
pub fn lines(ledger: &[RecordBatch]) -> Result<Vec<Line>, Error> {
    let mut lines = Vec::new();
    for batch in ledger {
        let table = Columns::of(batch)?;
        for row in 0..batch.num_rows() {
            if table.scope.value(row) != Scope::Activity.name() {
                continue;
            }
            if table.start_time.is_null(row) || table.activity_id.is_null(row) {
                return Err(malformed("an activity's line without its key"));
            }
            lines.push(Line {
                key: ActivityKey {
                    athlete_id: AthleteId(table.athlete_id.value(row)),
                    start_time_us: table.start_time.value(row),
                    activity_id: ActivityId(table.activity_id.value(row)),
                },
                input_revision: table.input_revision.value(row),
                versions: table.versions.value(row).to_owned(),
            });
        }
    }
    Ok(lines)
}

/// The columns of one batch of `derivations`.
struct Columns<'a> {
    athlete_id: &'a arrow::array::Int64Array,
    start_time: &'a arrow::array::TimestampMicrosecondArray,
    activity_id: &'a arrow::array::Int64Array,
    scope: &'a arrow::array::StringArray,
    input_revision: &'a arrow::array::Int64Array,
    versions: &'a arrow::array::StringArray,
    valid_until: &'a arrow::array::Date32Array,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, Error> {
        let get = |name: &'static str| {
            let column = batch.column_by_name(name);
            column.ok_or_else(|| malformed(&format!("no column {name}")))
        };
        let wrong = |name: &'static str| malformed(&format!("column {name} has another type"));
        let int = |name| {
            get(name)?
                .as_primitive_opt::<Int64Type>()
                .ok_or_else(|| wrong(name))
        };
        let text = |name| get(name)?.as_string_opt::<i32>().ok_or_else(|| wrong(name));
        Ok(Self {
            athlete_id: int("athlete_id")?,
            start_time: get("start_time")?
                .as_primitive_opt::<TimestampMicrosecondType>()
                .ok_or_else(|| wrong("start_time"))?,
            activity_id: int("activity_id")?,
            scope: text("scope")?,
            input_revision: int("input_revision")?,
            versions: text("versions")?,
            valid_until: get("valid_until")?
                .as_primitive_opt::<Date32Type>()
                .ok_or_else(|| wrong("valid_until"))?,
        })
    }
}

fn malformed(problem: &str) -> Error {
    Error::Malformed {
        table: DERIVATIONS.name,
        problem: problem.to_owned(),
    }
}

#[cfg(test)]
#[path = "stale_tests.rs"]
mod tests;
