//! Whether the tables of the lake agree with the catalog's activities, and
//! with one another.

use std::collections::HashMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use storage::ActivityKey;
use storage::catalog::Pointer;
use storage::tables::{ACTIVITIES, DERIVATIONS, STREAMS};

use crate::derived::{Scope, tables_of, versions};
use crate::error::Error;
use crate::session::Session;

/// One thing that does not agree.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Disagreement {
    /// The table.
    pub table: &'static str,
    /// What is wrong with it.
    pub message: String,
    /// The activity whose rows it is about; `None` where the table as a whole
    /// cannot be read.
    pub activity: Option<ActivityKey>,
    /// Whether the catalog has no such activity.
    pub is_stranger: bool,
}

/// Compares every table that holds rows of activities with the activities of
/// the catalog: each has one row in `activities`, `streams` and the ledger, at
/// its own revision and today's versions, and no row is a stranger's.
pub async fn compare(session: &Session, activities: &[Pointer]) -> Vec<Disagreement> {
    let known: HashMap<ActivityKey, i64> = activities
        .iter()
        .map(|pointer| (pointer.key, pointer.revision))
        .collect();
    let mut found = Vec::new();
    let one_each = [
        (ACTIVITIES.name, Some("revision"), None),
        (STREAMS.name, None, None),
        (DERIVATIONS.name, Some("input_revision"), Some("versions")),
    ];
    for (table, revision, version) in one_each {
        let compared = compare_one_each(session, &known, table, revision, version).await;
        found.extend(compared.unwrap_or_else(|error| unreadable(table, &error)));
    }
    for table in tables_of(Scope::Activity) {
        let strangers = strangers(session, &known, table.name).await;
        found.extend(strangers.unwrap_or_else(|error| unreadable(table.name, &error)));
    }
    let lengths = lengths(session).await;
    found.extend(lengths.unwrap_or_else(|error| unreadable(STREAMS.name, &error)));
    found
}

/// A table that cannot be read is a thing that does not agree, too.
fn unreadable(table: &'static str, error: &Error) -> Vec<Disagreement> {
    let cause = std::iter::successors(Some(error as &dyn std::error::Error), |e| e.source()).last();
    vec![Disagreement {
        table,
        message: format!("it cannot be read: {}", cause.unwrap_or(error)),
        activity: None,
        is_stranger: false,
    }]
}

/// A table with one row an activity.
async fn compare_one_each(
    session: &Session,
    known: &HashMap<ActivityKey, i64>,
    table: &'static str,
    revision: Option<&str>,
    version: Option<&str>,
) -> Result<Vec<Disagreement>, Error> {
    let mut columns = vec!["athlete_id", "start_time", "activity_id"];
    columns.extend(revision);
    columns.extend(version);
    let of = |error| Error::of_read(table, error);
    let frame = session.context().table(table).await.map_err(of)?;
    let batches = frame
        .select_columns(&columns)
        .map_err(of)?
        .collect()
        .await
        .map_err(of)?;
    let wanted = versions(Scope::Activity);
    let mut seen: HashMap<ActivityKey, usize> = HashMap::new();
    let mut lines = Lines::of(table);
    for batch in &batches {
        let keys = keys(batch);
        for (row, key) in keys.iter().enumerate() {
            // The ledger holds athletes' lines too.
            let Some(key) = key else { continue };
            *seen.entry(*key).or_default() += 1;
            let Some(expected) = known.get(key) else {
                lines.stranger(
                    *key,
                    format!("activity {} is not in the catalog", key.activity_id),
                );
                continue;
            };
            if revision.is_some() {
                let has = batch.column(3).as_primitive::<Int64Type>().value(row);
                if has != *expected {
                    let id = key.activity_id;
                    let message =
                        format!("activity {id} has revision {has}, the catalog {expected}");
                    lines.add(*key, message);
                }
            }
            if version.is_some() && batch.column(4).as_string::<i32>().value(row) != wanted {
                let id = key.activity_id;
                lines.add(
                    *key,
                    format!("activity {id} was derived by other versions; `pacelake recompute` renews it"),
                );
            }
        }
    }
    for key in known.keys() {
        match seen.get(key).copied().unwrap_or(0) {
            1 => {}
            0 => lines.add(*key, format!("activity {} has no row", key.activity_id)),
            several => lines.add(
                *key,
                format!("activity {} has {several} rows", key.activity_id),
            ),
        }
    }
    Ok(lines.end())
}

/// Rows of activities that there are not.
async fn strangers(
    session: &Session,
    known: &HashMap<ActivityKey, i64>,
    table: &'static str,
) -> Result<Vec<Disagreement>, Error> {
    let of = |error| Error::of_read(table, error);
    let frame = session.context().table(table).await.map_err(of)?;
    let columns = ["athlete_id", "start_time", "activity_id"];
    let distinct = frame
        .select_columns(&columns)
        .and_then(|frame| frame.distinct());
    let batches = distinct.map_err(of)?.collect().await.map_err(of)?;
    let mut lines = Lines::of(table);
    for key in batches.iter().flat_map(keys).flatten() {
        if !known.contains_key(&key) {
            let id = key.activity_id;
            lines.stranger(
                key,
                format!("there are rows of activity {id}, which there is not"),
            );
        }
    }
    Ok(lines.end())
}

/// Streams as long as their activity says.
async fn lengths(session: &Session) -> Result<Vec<Disagreement>, Error> {
    const SQL: &str = "SELECT a.athlete_id, a.start_time, a.activity_id FROM activities AS a JOIN streams AS s \
        ON a.activity_id = s.activity_id \
        WHERE a.samples <> coalesce(array_length(s.t_ms), 0) ORDER BY a.activity_id";
    let rows = session.read(STREAMS.name, SQL, []).await?;
    let mut lines = Lines::of(STREAMS.name);
    for key in rows.batches.iter().flat_map(keys).flatten() {
        let id = key.activity_id;
        lines.add(
            key,
            format!("the streams of activity {id} are not as long as it says"),
        );
    }
    Ok(lines.end())
}

/// The keys in the first three columns; `None` where there is no activity.
fn keys(batch: &arrow::array::RecordBatch) -> Vec<Option<ActivityKey>> {
    let athletes = batch.column(0).as_primitive::<Int64Type>();
    let starts = batch.column(1).as_primitive::<TimestampMicrosecondType>();
    let activities = batch.column(2).as_primitive::<Int64Type>();
    (0..batch.num_rows())
        .map(|row| {
            activities.is_valid(row).then(|| ActivityKey {
                athlete_id: storage::AthleteId(athletes.value(row)),
                start_time_us: starts.value(row),
                activity_id: storage::ActivityId(activities.value(row)),
            })
        })
        .collect()
}

/// The lines of one comparison, sorted.
struct Lines {
    table: &'static str,
    found: Vec<Disagreement>,
}

impl Lines {
    fn of(table: &'static str) -> Self {
        let found = Vec::new();
        Self { table, found }
    }

    fn add(&mut self, activity: ActivityKey, message: String) {
        self.found.push(Disagreement {
            table: self.table,
            message,
            activity: Some(activity),
            is_stranger: false,
        });
    }

    fn stranger(&mut self, activity: ActivityKey, message: String) {
        self.add(activity, message);
        if let Some(last) = self.found.last_mut() {
            last.is_stranger = true;
        }
    }

    fn end(mut self) -> Vec<Disagreement> {
        self.found.sort();
        self.found
    }
}
