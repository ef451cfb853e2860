//! Which rows of a file are traces of what is purged.

use std::collections::{BTreeSet, HashSet};

use arrow::array::{AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int64Type, Schema};
use futures::TryStreamExt;
use parquet::arrow::{PARQUET_FIELD_ID_META_KEY, ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::errors::ParquetError;

use super::footers::Object;
use super::history::{PastFile, PastTable};
use super::io::{Io, parquet_error};
use crate::error::Error;
use crate::purge::Erasure;

/// Which rows of one table go.
#[derive(Clone, Debug)]
pub(crate) struct Rule<'a> {
    /// All rows of this athlete.
    pub athlete: Option<i64>,
    /// All rows of these activities.
    pub activities: &'a BTreeSet<i64>,
    /// Rows of this athlete that are in no newest snapshot any more.
    pub superseded: Option<i64>,
    /// Rows of these activities that are in no newest snapshot any more.
    pub revised: &'a BTreeSet<i64>,
}

impl<'a> Rule<'a> {
    /// What an erasure means in a table.
    pub fn of(erasure: &'a Erasure, table: &PastTable) -> Self {
        let athlete = erasure.athlete_id.0;
        let is_superseded = |name: &str| erasure.superseded.contains(&name);
        let superseded = table.names.iter().any(|name| is_superseded(name));
        Self {
            athlete: erasure.whole.then_some(athlete),
            activities: &erasure.activities,
            superseded: (!erasure.whole && superseded).then_some(athlete),
            revised: &erasure.revised,
        }
    }

    /// Whether the file can hold such rows.
    pub fn may_match(&self, file: &PastFile) -> bool {
        let athlete = self.athlete.or(self.superseded);
        let by_athlete = athlete.is_some_and(|athlete| {
            let range = file.athletes.as_ref();
            range.is_none_or(|range| range.contains(&athlete))
        });
        let by_activity = |activities: &BTreeSet<i64>| match &file.activities {
            None => !activities.is_empty(),
            Some(range) if range.is_empty() => false,
            Some(range) => activities.range(range.clone()).next().is_some(),
        };
        by_athlete || by_activity(self.activities) || by_activity(self.revised)
    }
}

/// The rows of one file that match a [`Rule`], by position; each list rises.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// Those that go in any case.
    pub always: Vec<u64>,
    /// Those that go where they are deleted at the newest snapshot.
    pub if_deleted: Vec<u64>,
    /// How many rows the file has.
    pub rows: u64,
}

/// Which root columns of a file are the keys.
struct Keys {
    athlete: Option<usize>,
    activity: Option<usize>,
}

impl Keys {
    /// By field id, or by name in a file without any or of no known table.
    fn of(schema: &Schema, table: Option<&PastTable>) -> Self {
        let id_of = |index: usize| -> Option<i64> {
            let metadata = schema.field(index).metadata();
            metadata.get(PARQUET_FIELD_ID_META_KEY)?.parse().ok()
        };
        let count = schema.fields().len();
        let has_ids = (0..count).any(|index| id_of(index).is_some());
        let find = |name: &str, ids: Option<&BTreeSet<i64>>| match ids {
            Some(ids) if has_ids => {
                (0..count).find(|&index| id_of(index).is_some_and(|id| ids.contains(&id)))
            }
            Some(_) | None => schema.index_of(name).ok(),
        };
        Self {
            athlete: find("athlete_id", table.map(|table| &table.athlete)),
            activity: find("activity_id", table.map(|table| &table.activity)),
        }
    }
}

/// Finds a file's rows; `table` is `None` for a file of no known table.
///
/// # Errors
/// [`Error::Parquet`].
pub(crate) async fn matches(
    io: &Io,
    object: &Object,
    table: Option<&PastTable>,
    rule: &Rule<'_>,
) -> Result<Matches, Error> {
    read(io, object, table, rule)
        .await
        .map_err(parquet_error("read", object))
}

async fn read(
    io: &Io,
    object: &Object,
    table: Option<&PastTable>,
    rule: &Rule<'_>,
) -> Result<Matches, ParquetError> {
    let mut found = Matches::default();
    let builder = ParquetRecordBatchStreamBuilder::new(io.reader(object)).await?;
    found.rows = super::io::row_count(builder.metadata());
    let keys = Keys::of(builder.schema(), table);
    if keys.athlete.is_none() && keys.activity.is_none() {
        return Ok(found);
    }
    let wanted = keys.athlete.into_iter().chain(keys.activity);
    let mask = ProjectionMask::roots(builder.parquet_schema(), wanted);
    // A builder may not be shared between threads, and a purge may run on any.
    let schema = builder.schema().clone();
    let name = |index: Option<usize>| index.map(|index| schema.field(index).name());
    let athlete_name = name(keys.athlete).cloned();
    let activity_name = name(keys.activity).cloned();
    let activities: HashSet<i64> = rule.activities.iter().copied().collect();
    let revised: HashSet<i64> = rule.revised.iter().copied().collect();
    let mut stream = builder.with_projection(mask).build()?;
    let mut position = 0;
    while let Some(batch) = stream.try_next().await? {
        let athletes = integers(&batch, athlete_name.as_deref())?;
        let ids = integers(&batch, activity_name.as_deref())?;
        for row in 0..batch.num_rows() {
            let value = |column: &Option<Vec<Option<i64>>>| column.as_ref().and_then(|c| c[row]);
            let athlete = value(&athletes);
            let is_of = |of: &HashSet<i64>| value(&ids).is_some_and(|id| of.contains(&id));
            let goes = rule.athlete.is_some() && athlete == rule.athlete || is_of(&activities);
            let is_superseded = rule.superseded.is_some() && athlete == rule.superseded;
            if goes {
                found.always.push(position);
            } else if is_superseded || is_of(&revised) {
                found.if_deleted.push(position);
            }
            position += 1;
        }
    }
    Ok(found)
}

/// A column's values as integers; what is none is null.
fn integers(
    batch: &RecordBatch,
    name: Option<&str>,
) -> Result<Option<Vec<Option<i64>>>, ParquetError> {
    let Some(column) = name.and_then(|name| batch.column_by_name(name)) else {
        return Ok(None);
    };
    let integers = cast(column, &DataType::Int64)?;
    let integers = integers.as_primitive::<Int64Type>();
    Ok(Some(integers.iter().collect()))
}
