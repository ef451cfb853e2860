//! Which activities either snapshot has, and what is known of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Date32Type, Float64Type, Int32Type, Int64Type};
use arrow::datatypes::{TimeUnit, TimestampMicrosecondType};
use storage::lake::{KeySet, LakeView};
use storage::tables::ACTIVITIES;
use storage::{ActivityId, ActivityKey, AthleteId};

use super::Ends;
use crate::error::Error;

/// An activity in one snapshot.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub key: ActivityKey,
    pub revision: i64,
    /// Its local day, in days since 1970.
    pub day: i32,
    pub sport: String,
    pub name: Option<String>,
    pub utc_offset_s: i32,
}

/// The columns that [`Known`] is read from.
const COLUMNS: &[&str] = &[
    "athlete_id",
    "start_time",
    "activity_id",
    "revision",
    "start_date_local",
    "sport",
    "name",
    "utc_offset_s",
];

/// An activity in both snapshots; one of them has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Sides {
    pub before: Option<Known>,
    pub after: Option<Known>,
}

impl Sides {
    /// What it is known as last.
    pub fn last(&self) -> Option<&Known> {
        self.after.as_ref().or(self.before.as_ref())
    }

    pub fn both(&self) -> impl Iterator<Item = &Known> {
        [&self.before, &self.after].into_iter().flatten()
    }

    /// What finds its rows: of one that moved both keys.
    pub fn keys(&self) -> impl Iterator<Item = ActivityKey> {
        let before = self.before.as_ref().map(|known| known.key);
        let after = self.after.as_ref().map(|known| known.key);
        before
            .into_iter()
            .chain(after.filter(|key| Some(*key) != before))
    }

    pub fn start_us(&self) -> i64 {
        self.last()
            .map_or(i64::MIN, |known| known.key.start_time_us)
    }
}

/// An athlete's activities in either snapshot, or the one that is asked for.
///
/// # Errors
/// Where the lake fails.
pub(super) async fn known(
    ends: &Ends,
    athlete: AthleteId,
    only: Option<ActivityId>,
) -> Result<BTreeMap<ActivityId, Sides>, Error> {
    let keys = match only {
        Some(activity) => {
            let column = |id: i64| -> ArrayRef { Arc::new(Int64Array::from(vec![id])) };
            let columns = [
                ("athlete_id", column(athlete.0)),
                ("activity_id", column(activity.0)),
            ];
            KeySet::new(RecordBatch::try_from_iter(columns)?)
        }
        None => KeySet::athletes(&[athlete]),
    };
    let mut activities: BTreeMap<ActivityId, Sides> = BTreeMap::new();
    for one in read(&ends.before, &keys).await? {
        let id = one.key.activity_id;
        activities.entry(id).or_default().before = Some(one);
    }
    for one in read(&ends.after, &keys).await? {
        let id = one.key.activity_id;
        activities.entry(id).or_default().after = Some(one);
    }
    Ok(activities)
}

async fn read(view: &LakeView, keys: &KeySet) -> Result<Vec<Known>, Error> {
    let batches = view.rows(ACTIVITIES.name, Some(COLUMNS), keys).await?;
    let rows = batches.iter().flat_map(|batch| {
        let rows = 0..batch.num_rows();
        rows.map(move |row| Row { batch, row })
    });
    let known = rows.map(|row| {
        let missing = |column| Error::Query(malformed(column));
        let int = |column| row.int(column).ok_or_else(|| missing(column));
        Ok(Known {
            key: ActivityKey {
                athlete_id: AthleteId(int("athlete_id")?),
                start_time_us: int("start_time")?,
                activity_id: ActivityId(int("activity_id")?),
            },
            revision: int("revision")?,
            day: int("start_date_local")?
                .try_into()
                .map_err(|_| missing("start_date_local"))?,
            sport: row.text("sport").unwrap_or_default().to_owned(),
            name: row.text("name").map(str::to_owned),
            utc_offset_s: row
                .int("utc_offset_s")
                .and_then(|offset| offset.try_into().ok())
                .unwrap_or_default(),
        })
    });
    known.collect()
}

fn malformed(column: &str) -> query::Error {
    query::Error::Malformed {
        table: ACTIVITIES.name,
        problem: format!("no value in column {column}"),
    }
}

/// One row of a table.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    pub batch: &'a RecordBatch,
    pub row: usize,
}

impl<'a> Row<'a> {
    fn column(self, name: &str) -> Option<&'a ArrayRef> {
        let column = self.batch.column_by_name(name)?;
        column.is_valid(self.row).then_some(column)
    }

    /// The value of a column of whole numbers, days or instants.
    pub fn int(self, name: &str) -> Option<i64> {
        let column = self.column(name)?;
        let row = self.row;
        Some(match column.data_type() {
            DataType::Int64 => column.as_primitive::<Int64Type>().value(row),
            DataType::Int32 => column.as_primitive::<Int32Type>().value(row).into(),
            DataType::Date32 => column.as_primitive::<Date32Type>().value(row).into(),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                column.as_primitive::<TimestampMicrosecondType>().value(row)
            }
            _ => return None,
        })
    }

    /// The bits of a double.
    pub fn bits(self, name: &str) -> Option<u64> {
        let column = self.column(name)?.as_primitive_opt::<Float64Type>()?;
        Some(column.value(self.row).to_bits())
    }

    pub fn text(self, name: &str) -> Option<&'a str> {
        let column = self.column(name)?.as_string_opt::<i32>()?;
        Some(column.value(self.row))
    }
}
