//! From a merged activity to record batches of the fact tables.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, Int32Builder, Int64Array,
    Int64Builder, ListBuilder, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Field};
use storage::ActivityKey;
use storage::table::Table;
use storage::tables::{ACTIVITIES, FINDINGS, LAPS, STREAMS};

use crate::clean::Clean;
use crate::error::CleanError;
use crate::merge::Merged;
use crate::recording::Lap;
use crate::times;
use crate::track;

/// What the rows of an activity need besides its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RowContext {
    /// Whose, when, which; its start is that of the activity.
    pub key: ActivityKey,
    /// 1 at birth.
    pub revision: i64,
    /// When the terms of its sources ask for deletion, in microseconds since
    /// 1970, UTC; `None`: one of them may be kept.
    pub retain_until_us: Option<i64>,
}

/// One activity's rows of the four fact tables, in their declared schemas and
/// sort order.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// One row. The totals that derive from samples (distance, moving time,
    /// climb, averages) are provisional: null or 0, until `query`'s totals
    /// replace them. Where there are no samples they are what the source
    /// claims, and nothing replaces them.
    pub activities: RecordBatch,
    /// One row, with an empty list of times where there are no samples.
    pub streams: RecordBatch,
    /// One row a lap or pool length.
    pub laps: RecordBatch,
    /// One row a finding.
    pub findings: RecordBatch,
}

/// Builds the rows of an activity.
///
/// # Errors
/// [`CleanError::Shape`] where they do not fit the declared tables.
pub fn rows(merged: &Merged, context: &RowContext) -> Result<Rows, CleanError> {
    let (clean, key) = (&merged.clean, context.key);
    debug_assert_eq!(key.start_time_us, clean.start_time_us);
    Ok(Rows {
        activities: activity_row(merged, context)?,
        streams: stream_row(clean, key)?,
        laps: lap_rows(clean, key)?,
        findings: finding_rows(clean, key)?,
    })
}

/// A batch of `n` rows: the three columns that every table begins with, and
/// the others in the order of the declaration.
fn batch(
    table: &'static Table,
    key: ActivityKey,
    n: usize,
    columns: Vec<ArrayRef>,
) -> Result<RecordBatch, CleanError> {
    let pointer: [ArrayRef; 3] = [
        Arc::new(Int64Array::from_value(key.athlete_id.0, n)),
        Arc::new(TimestampMicrosecondArray::from_value(key.start_time_us, n)),
        Arc::new(Int64Array::from_value(key.activity_id.0, n)),
    ];
    let columns = pointer.into_iter().chain(columns).collect();
    RecordBatch::try_new(table.schema(), columns).map_err(|source| CleanError::Shape {
        table: table.name,
        source,
    })
}

fn text(value: Option<&str>) -> ArrayRef {
    Arc::new(StringArray::from_iter([value]))
}

fn double(value: Option<f64>) -> ArrayRef {
    Arc::new(Float64Array::from_iter([value]))
}

fn int(value: Option<i32>) -> ArrayRef {
    Arc::new(Int32Array::from_iter([value]))
}

fn flag(value: Option<bool>) -> ArrayRef {
    Arc::new(BooleanArray::from_iter([value]))
}

fn time(value_us: Option<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from_iter([value_us]))
}

fn activity_row(merged: &Merged, context: &RowContext) -> Result<RecordBatch, CleanError> {
    let clean = &merged.clean;
    let claims = &clean.claims;
    let local = times::local_start(
        clean.start_time_us,
        claims.time_zone.as_deref(),
        clean.first_position(),
        claims.utc_offset_s,
    );
    let bounds = track::bounds(&clean.lat_e7, &clean.lng_e7);
    let polyline = track::summary_polyline(&clean.lat_e7, &clean.lng_e7);
    let shown = Shown::of(clean);
    let laps = clean.laps.iter().filter(|lap| !lap.is_length).count();
    let columns = vec![
        time(Some(local.time_us)),
        Arc::new(Date32Array::from_iter_values([local.date])),
        text(local.time_zone.as_deref()),
        int(local.utc_offset_s),
        text(Some(clean.sport.name())),
        text(Some(&clean.sport_detail)),
        flag(Some(clean.sport.indoor)),
        text(claims.name.as_deref()),
        text(claims.description.as_deref()),
        double(shown.distance_m),
        double(Some(clean.elapsed_ms() as f64 / 1000.0)),
        double(Some(clean.timer_ms as f64 / 1000.0)),
        double(Some(shown.moving_s)),
        double(shown.climb_m),
        double(shown.descent_m),
        double(shown.avg_speed_m_s),
        double(None), // max_speed_m_s
        double(shown.avg_heart_rate_bpm),
        int(shown.max_heart_rate_bpm),
        double(None), // avg_cadence_rpm
        int(None),    // max_cadence_rpm
        double(None), // avg_power_w
        int(None),    // max_power_w
        double(None), // avg_temperature_c
        double(None), // max_altitude_m
        double(claims.calories_kcal),
        double(bounds.map(|b| b.start.0)),
        double(bounds.map(|b| b.start.1)),
        double(bounds.map(|b| b.lat.0)),
        double(bounds.map(|b| b.lat.1)),
        double(bounds.map(|b| b.lng.0)),
        double(bounds.map(|b| b.lng.1)),
        text(polyline.as_deref()),
        text(claims.device.as_deref()),
        text(claims.gear.as_deref()),
        flag(claims.commute),
        text(claims.visibility.as_deref()),
        int(Some(count(clean.t_ms.len()))),
        text(Some(clean.format.name())),
        double(claims.distance_m),
        double(claims.elapsed_s),
        double(claims.timer_s),
        double(claims.climb_m),
        int((laps > 0).then(|| count(laps))),
        text(Some(&merged.sha256)),
        Arc::new(Int64Array::from_iter_values([context.revision])),
        time(context.retain_until_us),
    ];
    batch(&ACTIVITIES, context.key, 1, columns)
}

/// Totals as the source shows them, for an activity without samples; nothing
/// where there are some.
#[derive(Default)]
struct Shown {
    distance_m: Option<f64>,
    moving_s: f64,
    climb_m: Option<f64>,
    descent_m: Option<f64>,
    avg_speed_m_s: Option<f64>,
    avg_heart_rate_bpm: Option<f64>,
    max_heart_rate_bpm: Option<i32>,
}

impl Shown {
    fn of(clean: &Clean) -> Self {
        if !clean.t_ms.is_empty() {
            return Self::default();
        }
        let claims = &clean.claims;
        let moving_s = claims.moving_s.unwrap_or(clean.timer_ms as f64 / 1000.0);
        // Of a source that contradicts itself.
        let moving_s = moving_s.min(clean.elapsed_ms() as f64 / 1000.0);
        let distance_m = claims.distance_m;
        Self {
            distance_m,
            moving_s,
            climb_m: claims.climb_m,
            descent_m: claims.descent_m,
            avg_speed_m_s: distance_m.filter(|_| moving_s > 0.0).map(|m| m / moving_s),
            avg_heart_rate_bpm: claims.avg_heart_rate_bpm,
            max_heart_rate_bpm: claims.max_heart_rate_bpm,
        }
    }
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

fn stream_row(clean: &Clean, key: ActivityKey) -> Result<RecordBatch, CleanError> {
    let columns = vec![
        long_list(Some(&clean.t_ms)),
        int_list(&clean.lat_e7),
        int_list(&clean.lng_e7),
        long_list(Some(&clean.distance_cm).filter(|axis| !axis.is_empty())),
        int_list(&clean.altitude_cm),
        int_list(&clean.heart_rate_bpm),
        int_list(&clean.cadence_rpm),
        int_list(&clean.power_w),
        int_list(&clean.temperature_c),
        int_list(&clean.speed_mm_s),
    ];
    batch(&STREAMS, key, 1, columns)
}

fn long_list(values: Option<&Vec<i64>>) -> ArrayRef {
    let element = Field::new("element", DataType::Int64, true);
    let mut list = ListBuilder::new(Int64Builder::new()).with_field(element);
    list.values()
        .append_slice(values.map_or(&[], Vec::as_slice));
    list.append(values.is_some());
    Arc::new(list.finish())
}

/// A channel; null where it was never recorded.
fn int_list(values: &[Option<i32>]) -> ArrayRef {
    let element = Field::new("element", DataType::Int32, true);
    let mut list = ListBuilder::new(Int32Builder::new()).with_field(element);
    list.values().extend(values.iter().copied());
    list.append(!values.is_empty());
    Arc::new(list.finish())
}

fn lap_rows(clean: &Clean, key: ActivityKey) -> Result<RecordBatch, CleanError> {
    let of_kind = |is_length: bool| {
        let laps = clean
            .laps
            .iter()
            .filter(move |lap| lap.is_length == is_length);
        laps.enumerate().map(|(i, lap)| (count(i + 1), lap))
    };
    // `lap` stands before `length`, as the table is sorted.
    let laps: Vec<(i32, &Lap)> = of_kind(false).chain(of_kind(true)).collect();
    let double = |value: &dyn Fn(&Lap) -> Option<f64>| -> ArrayRef {
        Arc::new(Float64Array::from_iter(
            laps.iter().map(|(_, lap)| value(lap)),
        ))
    };
    let int = |value: &dyn Fn(&Lap) -> Option<i32>| -> ArrayRef {
        Arc::new(Int32Array::from_iter(
            laps.iter().map(|(_, lap)| value(lap)),
        ))
    };
    let kinds = laps.iter().map(|(_, lap)| match lap.is_length {
        true => "length",
        false => "lap",
    });
    let start_ms = clean.start_time_us / 1_000;
    let offsets_s = laps
        .iter()
        .map(|(_, lap)| lap.start_ms.saturating_sub(start_ms) as f64 / 1000.0);
    let numbers = laps.iter().map(|(number, _)| *number);
    let active = laps.iter().map(|(_, lap)| lap.active);
    let columns = vec![
        Arc::new(StringArray::from_iter_values(kinds)) as ArrayRef,
        Arc::new(Int32Array::from_iter_values(numbers)),
        Arc::new(Float64Array::from_iter_values(offsets_s)),
        double(&|lap| lap.elapsed_s),
        double(&|lap| lap.timer_s),
        double(&|lap| lap.distance_m),
        int(&|lap| lap.avg_heart_rate_bpm),
        int(&|lap| lap.max_heart_rate_bpm),
        double(&|lap| lap.calories_kcal),
        Arc::new(BooleanArray::from_iter(active)),
    ];
    batch(&LAPS, key, laps.len(), columns)
}

fn finding_rows(clean: &Clean, key: ActivityKey) -> Result<RecordBatch, CleanError> {
    let findings = &clean.findings;
    let numbers = (1..=findings.len()).map(count);
    let kinds = findings.iter().map(|finding| finding.kind.name());
    let first = findings.iter().map(|f| f.samples.map(|s| count(s.0)));
    let last = findings.iter().map(|f| f.samples.map(|s| count(s.1)));
    let sizes = findings.iter().map(|finding| finding.size);
    let actions = findings.iter().map(|finding| &finding.action);
    let columns = vec![
        Arc::new(Int32Array::from_iter_values(numbers)) as ArrayRef,
        Arc::new(StringArray::from_iter_values(kinds)),
        Arc::new(Int32Array::from_iter(first)),
        Arc::new(Int32Array::from_iter(last)),
        Arc::new(Float64Array::from_iter(sizes)),
        Arc::new(StringArray::from_iter_values(actions)),
    ];
    batch(&FINDINGS, key, findings.len(), columns)
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::{Date32Type, Float64Type, Int32Type, Int64Type};
    use storage::{ActivityId, AthleteId};

    use super::*;
    use crate::clean::clean;
    use crate::recording::{Format, Recording};
    use crate::sample::{START_MS, measured, recording, tracked};

    fn rows_of(recording: Recording) -> Rows {
        let clean = clean(recording).expect("it has a time");
        let key = ActivityKey {
            athlete_id: AthleteId(1),
            start_time_us: clean.start_time_us,
            activity_id: ActivityId(42),
        };
        let merged = Merged {
            clean: Arc::new(clean),
            sha256: "ab".repeat(32),
            part: 0,
            rule: "the only recording".to_owned(),
        };
        let context = RowContext {
            key,
            revision: 3,
            retain_until_us: None,
        };
        rows(&merged, &context).expect("declared shapes")
    }

    fn double(batch: &RecordBatch, column: &str) -> Option<f64> {
        let column = batch[column].as_primitive::<Float64Type>();
        column.iter().next().flatten()
    }

    #[test]
    fn every_table_has_its_declared_schema() {
        let rows = rows_of(measured(&[(0.0, Some(0.0)), (1.0, Some(3.0))]));
        assert_eq!(rows.activities.schema(), ACTIVITIES.schema());
        assert_eq!(rows.streams.schema(), STREAMS.schema());
        assert_eq!(rows.laps.schema(), LAPS.schema());
        assert_eq!(rows.findings.schema(), FINDINGS.schema());
        assert_eq!(
            rows.activities["revision"]
                .as_primitive::<Int64Type>()
                .value(0),
            3
        );
        assert_eq!(
            rows.findings["kind"].as_string::<i32>().value(0),
            "no_positions"
        );
    }

    #[test]
    fn a_silent_channel_is_a_null_list() {
        let rows = rows_of(measured(&[(0.0, Some(0.0)), (1.0, Some(3.0))]));
        let distance = rows.streams["distance_cm"].as_list::<i32>().value(0);
        assert_eq!(distance.as_primitive::<Int64Type>().values(), &[0, 300]);
        assert!(rows.streams["heart_rate_bpm"].is_null(0));
    }

    #[test]
    fn a_track_gives_place_zone_and_local_day() {
        // 10° E on the equator is Gabon, an hour before UTC.
        let rows = rows_of(tracked(&[(0.0, 0.0), (60.0, 200.0)]));
        let activities = &rows.activities;
        assert_eq!(
            activities["time_zone"].as_string::<i32>().value(0),
            "Africa/Libreville"
        );
        assert_eq!(
            activities["utc_offset_s"]
                .as_primitive::<Int32Type>()
                .value(0),
            3600
        );
        let day = activities["start_date_local"]
            .as_primitive::<Date32Type>()
            .value(0);
        assert_eq!(i64::from(day), START_MS / 86_400_000);
        assert_eq!(double(activities, "start_lng_deg"), Some(10.0));
        assert!(double(activities, "max_lng_deg") > Some(10.001));
        assert!(!activities["summary_polyline"].is_null(0));
    }

    #[test]
    fn without_samples_the_totals_are_what_the_source_claims() {
        let mut row = recording(Format::StravaArchive);
        row.claimed_start_ms = Some(START_MS);
        row.claims.elapsed_s = Some(3600.0);
        row.claims.moving_s = Some(3000.0);
        row.claims.distance_m = Some(9000.0);
        let rows = rows_of(row);
        assert_eq!(double(&rows.activities, "elapsed_s"), Some(3600.0));
        assert_eq!(double(&rows.activities, "moving_s"), Some(3000.0));
        assert_eq!(double(&rows.activities, "distance_m"), Some(9000.0));
        assert_eq!(double(&rows.activities, "avg_speed_m_s"), Some(3.0));
        assert_eq!(rows.streams.num_rows(), 1);
        assert!(rows.streams["t_ms"].is_valid(0));
        assert_eq!(rows.streams["t_ms"].as_list::<i32>().value_length(0), 0);
        assert!(rows.streams["distance_cm"].is_null(0));
    }

    #[test]
    fn laps_and_lengths_are_numbered_by_kind() {
        let mut swim = measured(&[(0.0, Some(0.0)), (1.0, Some(3.0))]);
        let lap = |is_length: bool, start_s: i64| Lap {
            is_length,
            start_ms: START_MS + start_s * 1000,
            ..Lap::default()
        };
        swim.laps = vec![lap(true, 0), lap(true, 30), lap(false, 0), lap(true, 65)];
        let laps = rows_of(swim).laps;
        let kinds: Vec<_> = laps["kind"].as_string::<i32>().iter().flatten().collect();
        assert_eq!(kinds, ["lap", "length", "length", "length"]);
        assert_eq!(
            laps["lap"].as_primitive::<Int32Type>().values(),
            &[1, 1, 2, 3]
        );
        let offsets = laps["start_offset_s"].as_primitive::<Float64Type>();
        assert_eq!(offsets.values(), &[0.0, 0.0, 30.0, 65.0]);
    }
}
