//! One activity as the kernels see it, and how it comes out of lake rows.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Date32Array, Float64Array, Int64Array, ListArray,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::compute::cast;
use arrow::datatypes::{Int32Type, Int64Type};
use storage::catalog::{Correct, Correction};
use storage::sport::Sport;
use storage::table::Table;
use storage::tables::{ACTIVITIES, LAPS, STREAMS};
use storage::{ActivityId, ActivityKey, AthleteId};

use crate::error::Error;

/// The longest distance axis that the kernels take: a little more than once
/// around the Earth, as a FIT file's distance field can hold.
pub const MAX_DISTANCE_CM: i64 = 5_000_000_000;

/// The longest recording that the kernels take: about a thousand years.
pub const MAX_ELAPSED_MS: i64 = 1 << 45;

/// One activity's clean samples and what else its definitions read.
///
/// `n` samples; every channel that is not empty has `n` entries. An empty
/// vector is a channel that was never recorded.
#[derive(Clone, Debug, PartialEq)]
pub struct Activity {
    /// Whose, when, which.
    pub key: ActivityKey,
    /// The family, for its limits.
    pub sport: Sport,
    /// Local day of the start, in days since 1970; ranks need it.
    pub start_date_local: i32,
    /// Milliseconds since the first sample; rises strictly, from 0.
    pub t_ms: Vec<i64>,
    /// Centimetres since the first sample; never falls. Empty: no axis.
    pub distance_cm: Vec<i64>,
    /// Centimetres.
    pub altitude_cm: Vec<Option<i32>>,
    /// Beats per minute.
    pub heart_rate_bpm: Vec<Option<i32>>,
    /// Turns a minute.
    pub cadence_rpm: Vec<Option<i32>>,
    /// Watts.
    pub power_w: Vec<Option<i32>>,
    /// Degrees Celsius.
    pub temperature_c: Vec<Option<i32>>,
    /// Timer time of the activity, in ms, as its pauses were marked.
    pub timer_ms: i64,
    /// Of a pool swim: start and end of each active length, in ms since the
    /// first sample, in order of time. Empty: not a pool swim.
    pub active_lengths_ms: Vec<(i64, i64)>,
    /// Stretches that the owner keeps out of records: first and last sample.
    pub masks: Vec<(usize, usize)>,
    /// Distances, in mm, of which the fastest effort counts, whatever bars it.
    pub included_mm: Vec<i64>,
}

/// Activities out of their rows, in the order of `activities`.
///
/// `activities`, `streams` and `laps` have the columns that their tables
/// declare, in any order, among them at least those that are read here;
/// `streams` has one row for each activity. What owners say of them is catalog
/// data: the caller adds it ([`Activity::correct`]).
///
/// # Errors
///
/// [`Error::Malformed`] where a column is missing, an activity has no
/// streams, or its samples break what [`Activity`] promises.
pub fn from_rows(
    activities: &RecordBatch,
    streams: &RecordBatch,
    laps: &[RecordBatch],
) -> Result<Vec<Activity>, Error> {
    let streams = [Streams::new(streams, |_| true)?];
    read(activities, &streams, laps)
}

/// [`from_rows`] for a definition that reads no other channels than those of
/// its `inputs`: of `streams` only those columns, [`columns_of`] them, are
/// looked at, and the other channels stay empty. Rows of `streams` may be in
/// several batches.
///
/// # Errors
///
/// As [`from_rows`].
pub fn from_columns(
    inputs: &[&'static str],
    activities: &RecordBatch,
    streams: &[RecordBatch],
    laps: &[RecordBatch],
) -> Result<Vec<Activity>, Error> {
    let wanted = columns_of(inputs, &STREAMS);
    let streams = streams.iter();
    let streams = streams.map(|batch| Streams::new(batch, |name| wanted.contains(&name)));
    read(activities, &streams.collect::<Result<Vec<_>, _>>()?, laps)
}

/// The columns of a table that inputs, written as `table.column`, name, and
/// those without which no activity is known.
pub fn columns_of(inputs: &[&'static str], table: &Table) -> Vec<&'static str> {
    let always: &[&str] = match table.name {
        name if name == ACTIVITIES.name => &[
            "athlete_id",
            "start_time",
            "activity_id",
            "sport",
            "start_date_local",
            "timer_s",
            "samples",
        ],
        name if name == STREAMS.name => &["activity_id", "t_ms", "distance_cm"],
        _ => &[],
    };
    let mut columns = always.to_vec();
    for input in inputs {
        if let Some((of, column)) = input.split_once('.')
            && of == table.name
            && !columns.contains(&column)
        {
            columns.push(column);
        }
    }
    columns
}

fn read(
    activities: &RecordBatch,
    streams: &[Streams],
    laps: &[RecordBatch],
) -> Result<Vec<Activity>, Error> {
    let mut lengths = active_lengths(laps)?;
    let rows = Rows {
        table: &ACTIVITIES,
        batch: activities,
    };
    let athlete_ids: Int64Array = rows.column("athlete_id")?;
    let start_times: TimestampMicrosecondArray = rows.column("start_time")?;
    let activity_ids: Int64Array = rows.column("activity_id")?;
    let sports: StringArray = rows.column("sport")?;
    let days: Date32Array = rows.column("start_date_local")?;
    let timers: Float64Array = rows.column("timer_s")?;
    (0..activities.num_rows())
        .map(|row| {
            let activity_id = activity_ids.value(row);
            let fault = |reason| unfit(activity_id, reason);
            let sport =
                Sport::named(sports.value(row)).ok_or_else(|| fault("its sport is unknown"))?;
            let mut activity = Activity {
                key: ActivityKey {
                    athlete_id: AthleteId(athlete_ids.value(row)),
                    start_time_us: start_times.value(row),
                    activity_id: ActivityId(activity_id),
                },
                sport,
                start_date_local: days.value(row),
                t_ms: Vec::new(),
                distance_cm: Vec::new(),
                altitude_cm: Vec::new(),
                heart_rate_bpm: Vec::new(),
                cadence_rpm: Vec::new(),
                power_w: Vec::new(),
                temperature_c: Vec::new(),
                timer_ms: milliseconds(timers.value(row)),
                active_lengths_ms: lengths.remove(&activity_id).unwrap_or_default(),
                masks: Vec::new(),
                included_mm: Vec::new(),
            };
            let found = streams.iter().find_map(|streams| {
                let row = streams.row_of.get(&activity_id)?;
                Some((streams, *row))
            });
            let (streams, row) = found.ok_or_else(|| fault("it has no streams"))?;
            streams.fill(row, &mut activity)?;
            activity.check().map_err(fault)?;
            Ok(activity)
        })
        .collect()
}

impl Activity {
    /// Takes what its owner says of it into account: those of `corrections`
    /// that are of it and hold in that revision.
    pub fn correct(&mut self, corrections: &[Correction], revision: i64) {
        let id = self.key.activity_id;
        let of_it = corrections
            .iter()
            .filter(|one| one.activity_id == id && one.holds_in(revision));
        for correction in of_it {
            match correction.what {
                Correct::Mask { from_us, to_us } => {
                    let stretch = (from_us, to_us);
                    let samples = masked_samples(stretch, self.key.start_time_us, &self.t_ms);
                    self.masks.extend(samples);
                }
                Correct::Include { distance_mm } => self.included_mm.push(distance_mm),
            }
        }
    }

    /// Whether it holds what its fields promise; what it breaks, if not.
    ///
    /// # Errors
    ///
    /// The broken promise, as the end of a sentence about the activity.
    pub fn check(&self) -> Result<(), &'static str> {
        let samples = self.t_ms.len();
        let fits = |len: usize| len == 0 || len == samples;
        if self.t_ms.first() != Some(&0) || !self.t_ms.is_sorted_by(|a, b| a < b) {
            return Err("its times do not rise from 0");
        }
        if self.t_ms.last().is_some_and(|&t| t > MAX_ELAPSED_MS) {
            return Err("it lasts over a thousand years");
        }
        if !self.distance_cm.is_sorted() || self.distance_cm.first().is_some_and(|&d| d < 0) {
            return Err("its distance falls");
        }
        if self
            .distance_cm
            .last()
            .is_some_and(|&d| d > MAX_DISTANCE_CM)
        {
            return Err("it is longer than once around the Earth");
        }
        let channels = [
            &self.altitude_cm,
            &self.heart_rate_bpm,
            &self.cadence_rpm,
            &self.power_w,
            &self.temperature_c,
        ];
        if !fits(self.distance_cm.len()) || !channels.iter().all(|channel| fits(channel.len())) {
            return Err("its channels differ in length");
        }
        if self.masks.iter().any(|&(a, b)| a > b || b >= samples) {
            return Err("a mask lies outside of its samples");
        }
        Ok(())
    }
}

/// The first and last sample of a masked stretch, so that all of it lies
/// between them; `None` where nothing of it was recorded. Its ends are in
/// microseconds since 1970, open where they are `None`; samples are in ms after
/// `start_time_us`.
pub fn masked_samples(
    (from_us, to_us): (Option<i64>, Option<i64>),
    start_time_us: i64,
    t_ms: &[i64],
) -> Option<(usize, usize)> {
    let since_start = |us: i64| us.saturating_sub(start_time_us);
    let last = t_ms.len().checked_sub(1)?;
    let from_us = from_us.map_or(0, since_start);
    let to_us = to_us.map_or(t_ms[last] * 1_000, since_start);
    if from_us > to_us || from_us > t_ms[last] * 1_000 || to_us < 0 {
        return None;
    }
    let first = t_ms.partition_point(|t| t * 1_000 <= from_us);
    let until = t_ms.partition_point(|t| t * 1_000 < to_us).min(last);
    let first = first.saturating_sub(1);
    Some((first, until.max(first)))
}

/// Stored seconds as the whole milliseconds that they were.
fn milliseconds(seconds: f64) -> i64 {
    (seconds * 1_000.0).round() as i64
}

fn unfit(activity_id: i64, reason: &str) -> Error {
    Error::Malformed {
        table: STREAMS.name,
        problem: format!("activity {activity_id}: {reason}"),
    }
}

/// Rows of a declared table, whose columns are found by name.
struct Rows<'a> {
    table: &'static Table,
    batch: &'a RecordBatch,
}

impl Rows<'_> {
    /// A column, in its declared type: readers may hand out text as views.
    fn column<A: Array + Clone + 'static>(&self, name: &'static str) -> Result<A, Error> {
        self.any(name)?
            .as_any()
            .downcast_ref::<A>()
            .cloned()
            .ok_or_else(|| self.lacks(name))
    }

    fn any(&self, name: &'static str) -> Result<ArrayRef, Error> {
        let stored = self.batch.column_by_name(name);
        let (array, column) = stored
            .zip(self.table.column(name))
            .ok_or_else(|| self.lacks(name))?;
        cast(array, &column.kind.data_type()).map_err(|_| self.lacks(name))
    }

    fn lacks(&self, name: &str) -> Error {
        Error::Malformed {
            table: self.table.name,
            problem: format!("no column {name} of the declared type"),
        }
    }
}

/// The list columns of `streams`, and the row of each activity.
struct Streams {
    row_of: HashMap<i64, usize>,
    t_ms: ListArray,
    distance_cm: ListArray,
    altitude_cm: Option<ListArray>,
    heart_rate_bpm: Option<ListArray>,
    cadence_rpm: Option<ListArray>,
    power_w: Option<ListArray>,
    temperature_c: Option<ListArray>,
}

impl Streams {
    /// The channels that are `wanted`; the others are left out.
    fn new(batch: &RecordBatch, wanted: impl Fn(&'static str) -> bool) -> Result<Self, Error> {
        let rows = Rows {
            table: &STREAMS,
            batch,
        };
        let ids: Int64Array = rows.column("activity_id")?;
        let channel = |name| wanted(name).then(|| rows.column(name)).transpose();
        Ok(Self {
            row_of: ids.values().iter().copied().zip(0..).collect(),
            t_ms: rows.column("t_ms")?,
            distance_cm: rows.column("distance_cm")?,
            altitude_cm: channel("altitude_cm")?,
            heart_rate_bpm: channel("heart_rate_bpm")?,
            cadence_rpm: channel("cadence_rpm")?,
            power_w: channel("power_w")?,
            temperature_c: channel("temperature_c")?,
        })
    }

    fn fill(&self, row: usize, activity: &mut Activity) -> Result<(), Error> {
        let id = activity.key.activity_id.0;
        let whole = |list: &ListArray| {
            whole_numbers(list, row).ok_or_else(|| unfit(id, "a time or distance is absent"))
        };
        activity.t_ms = whole(&self.t_ms)?;
        activity.distance_cm = whole(&self.distance_cm)?;
        activity.altitude_cm = channel(self.altitude_cm.as_ref(), row);
        activity.heart_rate_bpm = channel(self.heart_rate_bpm.as_ref(), row);
        activity.cadence_rpm = channel(self.cadence_rpm.as_ref(), row);
        activity.power_w = channel(self.power_w.as_ref(), row);
        activity.temperature_c = channel(self.temperature_c.as_ref(), row);
        Ok(())
    }
}

/// One row of a list that has no nulls within; empty where the list is null.
fn whole_numbers(list: &ListArray, row: usize) -> Option<Vec<i64>> {
    if list.is_null(row) {
        return Some(Vec::new());
    }
    let values = list.value(row);
    let values = values.as_primitive::<Int64Type>();
    (values.null_count() == 0).then(|| values.values().to_vec())
}

/// One row of a channel; empty where the list is null, or was not read.
fn channel(list: Option<&ListArray>, row: usize) -> Vec<Option<i32>> {
    let Some(list) = list.filter(|list| list.is_valid(row)) else {
        return Vec::new();
    };
    let values = list.value(row);
    let values = values.as_primitive::<Int32Type>();
    match values.null_count() {
        0 => values.values().iter().copied().map(Some).collect(),
        _ => values.iter().collect(),
    }
}

/// The active pool lengths of each activity, in order of time.
fn active_lengths(laps: &[RecordBatch]) -> Result<BTreeMap<i64, Vec<(i64, i64)>>, Error> {
    let mut lengths: BTreeMap<i64, Vec<(i64, i64)>> = BTreeMap::new();
    for batch in laps {
        let rows = Rows {
            table: &LAPS,
            batch,
        };
        let ids: Int64Array = rows.column("activity_id")?;
        let kinds: StringArray = rows.column("kind")?;
        let starts: Float64Array = rows.column("start_offset_s")?;
        let timers: Float64Array = rows.column("timer_s")?;
        let elapsed: Float64Array = rows.column("elapsed_s")?;
        let active: BooleanArray = rows.column("active")?;
        for row in 0..batch.num_rows() {
            if kinds.value(row) != "length" || active.is_null(row) || !active.value(row) {
                continue;
            }
            let known = [&timers, &elapsed].into_iter().find(|c| c.is_valid(row));
            let lasts = known.map_or(0, |column| milliseconds(column.value(row)));
            let start = milliseconds(starts.value(row)).clamp(0, MAX_ELAPSED_MS);
            let of_activity = lengths.entry(ids.value(row)).or_default();
            of_activity.push((start, start + lasts.clamp(0, MAX_ELAPSED_MS)));
        }
    }
    lengths.values_mut().for_each(|list| list.sort_unstable());
    Ok(lengths)
}

#[cfg(test)]
mod tests {
    use pacelake_sketch::{rows, sketch};

    use super::*;
    use crate::sketched::sketched;

    fn refusal(activity: &Activity) -> &'static str {
        activity.check().unwrap_err()
    }

    #[test]
    fn rows_come_back_as_they_were_drawn() {
        let drawn = sketch("swim: 25m@16:40 hr120 length, stop 10s, 25m@16:40 length");
        let read = sketched("swim: 25m@16:40 hr120 length, stop 10s, 25m@16:40 length");
        assert_eq!(read.t_ms, drawn.t_ms);
        assert_eq!(read.distance_cm, drawn.distance_cm);
        assert_eq!(read.heart_rate_bpm, drawn.heart_rate_bpm);
        assert_eq!(read.active_lengths_ms, [(0, 25_000), (35_000, 60_000)]);
        assert_eq!(read.timer_ms, 60_000);
        assert!(read.power_w.is_empty());
    }

    #[test]
    fn activities_without_streams_or_columns_are_refused() {
        let whole = rows(&[sketch("run: 1km@5:00")]);
        let none = whole.streams.slice(0, 0);
        let error = from_rows(&whole.activities, &none, &[]).unwrap_err();
        assert_eq!(error.to_string(), "streams: activity 1: it has no streams");
        let error = from_rows(&whole.laps, &whole.streams, &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "activities: no column sport of the declared type"
        );
    }

    #[test]
    fn doubled_times_falling_distances_and_absurd_ones_are_refused() {
        let good = sketched("run: 10m@5:00");
        let mut bad = good.clone();
        bad.t_ms[1] = 0;
        assert_eq!(refusal(&bad), "its times do not rise from 0");
        let mut bad = good.clone();
        bad.distance_cm[1] = 9_000;
        assert_eq!(refusal(&bad), "its distance falls");
        let mut bad = good.clone();
        *bad.distance_cm.last_mut().unwrap() = MAX_DISTANCE_CM + 1;
        assert_eq!(refusal(&bad), "it is longer than once around the Earth");
        let mut bad = good.clone();
        bad.heart_rate_bpm = vec![Some(150)];
        assert_eq!(refusal(&bad), "its channels differ in length");
        let mut bad = good;
        bad.masks = vec![(0, 100)];
        assert_eq!(refusal(&bad), "a mask lies outside of its samples");
    }
}
