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

/// How many lines one comparison may have.
const LINES: usize = 100;

/// One thing that does not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The table.
    pub table: &'static str,
    /// What is wrong with it.
    pub message: String,
}

/// Compares every table that holds rows of activities with the activities of
/// the catalog: each has one row in `activities`, `streams` and the ledger, at
/// its own revision and today's versions, and no row is a stranger's.
///
/// # Errors
/// Where a table cannot be read.
pub async fn compare(
    session: &Session,
    activities: &[Pointer],
) -> Result<Vec<Disagreement>, Error> {
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
        compare_one_each(session, &known, table, revision, version, &mut found).await?;
    }
    for table in tables_of(Scope::Activity) {
        strangers(session, &known, table.name, &mut found).await?;
    }
    lengths(session, &mut found).await?;
    Ok(found)
}

/// A table with one row an activity.
async fn compare_one_each(
    session: &Session,
    known: &HashMap<ActivityKey, i64>,
    table: &'static str,
    revision: Option<&str>,
    version: Option<&str>,
    found: &mut Vec<Disagreement>,
) -> Result<(), Error> {
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
    let mut lines = Lines::new(table, found);
    for batch in &batches {
        let keys = keys(batch);
        for (row, key) in keys.iter().enumerate() {
            // The ledger holds athletes' lines too.
            let Some(key) = key else { continue };
            *seen.entry(*key).or_default() += 1;
            let Some(expected) = known.get(key) else {
                lines.add(format!(
                    "activity {} is not in the catalog",
                    key.activity_id
                ));
                continue;
            };
            if revision.is_some() {
                let has = batch.column(3).as_primitive::<Int64Type>().value(row);
                if has != *expected {
                    lines.add(format!(
                        "activity {} has revision {has}, the catalog {expected}",
                        key.activity_id
                    ));
                }
            }
            if version.is_some() && batch.column(4).as_string::<i32>().value(row) != wanted {
                lines.add(format!(
                    "activity {} was derived by other versions; `pacelake recompute` renews it",
                    key.activity_id
                ));
            }
        }
    }
    for key in known.keys() {
        match seen.get(key).copied().unwrap_or(0) {
            1 => {}
            0 => lines.add(format!("activity {} has no row", key.activity_id)),
            several => lines.add(format!("activity {} has {several} rows", key.activity_id)),
        }
    }
    lines.end();
    Ok(())
}

/// Rows of activities that there are not.
async fn strangers(
    session: &Session,
    known: &HashMap<ActivityKey, i64>,
    table: &'static str,
    found: &mut Vec<Disagreement>,
) -> Result<(), Error> {
    let of = |error| Error::of_read(table, error);
    let frame = session.context().table(table).await.map_err(of)?;
    let columns = ["athlete_id", "start_time", "activity_id"];
    let distinct = frame
        .select_columns(&columns)
        .and_then(|frame| frame.distinct());
    let batches = distinct.map_err(of)?.collect().await.map_err(of)?;
    let mut lines = Lines::new(table, found);
    for key in batches.iter().flat_map(keys).flatten() {
        if !known.contains_key(&key) {
            lines.add(format!(
                "there are rows of activity {}, which there is not",
                key.activity_id
            ));
        }
    }
    lines.end();
    Ok(())
}

/// Streams as long as their activity says.
async fn lengths(session: &Session, found: &mut Vec<Disagreement>) -> Result<(), Error> {
    const SQL: &str = "SELECT a.activity_id FROM activities AS a JOIN streams AS s \
        ON a.activity_id = s.activity_id \
        WHERE a.samples <> coalesce(array_length(s.t_ms), 0) ORDER BY a.activity_id";
    let rows = session.read(STREAMS.name, SQL, []).await?;
    let mut lines = Lines::new(STREAMS.name, found);
    for batch in &rows.batches {
        for id in batch.column(0).as_primitive::<Int64Type>().values() {
            lines.add(format!(
                "the streams of activity {id} are not as long as it says"
            ));
        }
    }
    lines.end();
    Ok(())
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

/// The lines of one comparison, sorted and no more than [`LINES`].
struct Lines<'a> {
    table: &'static str,
    messages: Vec<String>,
    found: &'a mut Vec<Disagreement>,
}

impl<'a> Lines<'a> {
    fn new(table: &'static str, found: &'a mut Vec<Disagreement>) -> Self {
        Self {
            table,
            messages: Vec::new(),
            found,
        }
    }

    fn add(&mut self, message: String) {
        self.messages.push(message);
    }

    fn end(mut self) {
        self.messages.sort();
        let more = self.messages.len().saturating_sub(LINES);
        self.messages.truncate(LINES);
        if more > 0 {
            self.messages.push(format!("and {more} more of the kind"));
        }
        let table = self.table;
        self.found.extend(
            self.messages
                .into_iter()
                .map(|message| Disagreement { table, message }),
        );
    }
}
