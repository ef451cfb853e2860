//! From clean activities to record batches of the fact tables.

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
use crate::recording::Lap;
use crate::times::{self, LocalStart};
use crate::track::{self, Bounds};

/// One activity as it is to be written.
#[derive(Clone, Copy, Debug)]
pub struct ActivityRow<'a> {
    /// Whose, when, which; its start is that of `clean`.
    pub key: ActivityKey,
    /// 1 at birth.
    pub revision: i64,
    /// SHA-256 of the recording whose streams these are, in hex.
    pub raw_sha256: &'a str,
    /// Who may see it at its source: `everyone`, `followers` or `only_me`.
    pub visibility: Option<&'a str>,
    /// When the source's terms ask for deletion; UTC, microseconds.
    pub retain_until_us: Option<i64>,
    /// Its samples and claims.
    pub clean: &'a Clean,
}

/// Rows of the four fact tables, in their declared schemas and, where the
/// activities are in order of their keys, in their sort order.
#[derive(Clone, Debug, PartialEq)]
pub struct Rows {
    /// One row an activity. The totals that derive from samples (distance,
    /// moving time, climb, averages) are provisional: null, or what the source
    /// claims where there are no samples; `query`'s totals replace the others.
    pub activities: RecordBatch,
    /// One row an activity, with empty lists where there are no samples.
    pub streams: RecordBatch,
    /// One row a lap or pool length.
    pub laps: RecordBatch,
    /// One row a finding.
    pub findings: RecordBatch,
}

/// Builds the rows of several activities.
///
/// # Errors
/// [`CleanError::Shape`] where they do not fit the declared tables.
pub fn rows(activities: &[ActivityRow<'_>]) -> Result<Rows, CleanError> {
    Ok(Rows {
        activities: activity_rows(activities)?,
        streams: stream_rows(activities)?,
        laps: lap_rows(activities)?,
        findings: finding_rows(activities)?,
    })
}

fn batch(table: &'static Table, columns: Vec<ArrayRef>) -> Result<RecordBatch, CleanError> {
    RecordBatch::try_new(table.schema(), columns).map_err(|source| CleanError::Shape {
        table: table.name,
        source,
    })
}

/// The three columns that every table begins with.
fn pointer<'a>(keys: impl Iterator<Item = &'a ActivityKey> + Clone) -> Vec<ArrayRef> {
    let athletes = keys.clone().map(|key| key.athlete_id.0);
    let starts = keys.clone().map(|key| key.start_time_us);
    let activities = keys.map(|key| key.activity_id.0);
    vec![
        Arc::new(Int64Array::from_iter_values(athletes)),
        Arc::new(TimestampMicrosecondArray::from_iter_values(starts)),
        Arc::new(Int64Array::from_iter_values(activities)),
    ]
}

/// What one row of `activities` needs besides the samples.
struct Facts<'a> {
    row: &'a ActivityRow<'a>,
    clean: &'a Clean,
    local: LocalStart,
    bounds: Option<Bounds>,
    polyline: Option<String>,
}

impl<'a> Facts<'a> {
    fn of(row: &'a ActivityRow<'a>) -> Self {
        let clean = row.clean;
        debug_assert_eq!(row.key.start_time_us, clean.start_time_us);
        Self {
            row,
            clean,
            local: times::local_start(
                clean.start_time_us,
                clean.claims.time_zone.as_deref(),
                clean.first_position(),
                clean.claims.utc_offset_s,
            ),
            bounds: track::bounds(&clean.lat_e7, &clean.lng_e7),
            polyline: track::summary_polyline(&clean.lat_e7, &clean.lng_e7),
        }
    }

    /// A claim that stands in for a total where there are no samples.
    fn claimed<T>(&self, claim: Option<T>) -> Option<T> {
        claim.filter(|_| self.clean.t_ms.is_empty())
    }

    fn moving_s(&self) -> f64 {
        let claims = &self.clean.claims;
        let claimed = claims.moving_s.or(claims.timer_s).or(claims.elapsed_s);
        self.claimed(claimed).unwrap_or(0.0)
    }

    fn avg_speed_m_s(&self) -> Option<f64> {
        let distance_m = self.claimed(self.clean.claims.distance_m)?;
        let moving_s = self.moving_s();
        (moving_s > 0.0).then(|| distance_m / moving_s)
    }
}

fn activity_rows(activities: &[ActivityRow<'_>]) -> Result<RecordBatch, CleanError> {
    let facts: Vec<Facts<'_>> = activities.iter().map(Facts::of).collect();
    let text = |value: &dyn Fn(&Facts<'_>) -> Option<String>| -> ArrayRef {
        Arc::new(StringArray::from_iter(facts.iter().map(value)))
    };
    let double = |value: &dyn Fn(&Facts<'_>) -> Option<f64>| -> ArrayRef {
        Arc::new(Float64Array::from_iter(facts.iter().map(value)))
    };
    let int = |value: &dyn Fn(&Facts<'_>) -> Option<i32>| -> ArrayRef {
        Arc::new(Int32Array::from_iter(facts.iter().map(value)))
    };
    let long = |value: &dyn Fn(&Facts<'_>) -> Option<i64>| -> ArrayRef {
        Arc::new(Int64Array::from_iter(facts.iter().map(value)))
    };
    let flag = |value: &dyn Fn(&Facts<'_>) -> Option<bool>| -> ArrayRef {
        Arc::new(BooleanArray::from_iter(facts.iter().map(value)))
    };
    let time = |value: &dyn Fn(&Facts<'_>) -> Option<i64>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from_iter(
            facts.iter().map(value),
        ))
    };
    let date: ArrayRef = Arc::new(Date32Array::from_iter_values(
        facts.iter().map(|f| f.local.date),
    ));

    let mut columns = pointer(activities.iter().map(|row| &row.key));
    columns.extend([
        time(&|f| Some(f.local.time_us)), // start_time_local
        date,                             // start_date_local
        text(&|f| f.local.time_zone.clone()),
        int(&|f| f.local.utc_offset_s),
        text(&|f| Some(f.clean.sport.name().to_owned())),
        text(&|f| Some(f.clean.sport_detail.clone())),
        flag(&|f| Some(f.clean.sport.indoor)),
        text(&|f| f.clean.claims.name.clone()),
        text(&|f| f.clean.claims.description.clone()),
        double(&|f| f.claimed(f.clean.claims.distance_m)),
        double(&|f| Some(f.clean.elapsed_ms() as f64 / 1000.0)),
        double(&|f| Some(f.clean.timer_ms as f64 / 1000.0)),
        double(&|f| Some(f.moving_s())),
        double(&|f| f.claimed(f.clean.claims.climb_m)),
        double(&|f| f.claimed(f.clean.claims.descent_m)),
        double(&|f| f.avg_speed_m_s()),
        double(&|_| None), // max_speed_m_s
        double(&|f| f.claimed(f.clean.claims.avg_heart_rate_bpm)),
        int(&|f| f.claimed(f.clean.claims.max_heart_rate_bpm)),
        double(&|_| None), // avg_cadence_rpm
        int(&|_| None),    // max_cadence_rpm
        double(&|_| None), // avg_power_w
        int(&|_| None),    // max_power_w
        double(&|_| None), // avg_temperature_c
        double(&|_| None), // max_altitude_m
        double(&|f| f.clean.claims.calories_kcal),
        double(&|f| f.bounds.map(|b| b.start.0)),
        double(&|f| f.bounds.map(|b| b.start.1)),
        double(&|f| f.bounds.map(|b| b.lat.0)),
        double(&|f| f.bounds.map(|b| b.lat.1)),
        double(&|f| f.bounds.map(|b| b.lng.0)),
        double(&|f| f.bounds.map(|b| b.lng.1)),
        text(&|f| f.polyline.clone()),
        text(&|f| f.clean.claims.device.clone()),
        text(&|f| f.clean.claims.gear.clone()),
        flag(&|f| f.clean.claims.commute),
        text(&|f| f.row.visibility.map(str::to_owned)),
        int(&|f| Some(count(f.clean.t_ms.len()))),
        text(&|f| Some(f.clean.format.name().to_owned())),
        double(&|f| f.clean.claims.distance_m),
        double(&|f| f.clean.claims.elapsed_s),
        double(&|f| f.clean.claims.timer_s),
        double(&|f| f.clean.claims.climb_m),
        int(&|f| laps_of(f.clean)),
        text(&|f| Some(f.row.raw_sha256.to_owned())),
        long(&|f| Some(f.row.revision)),
        time(&|f| f.row.retain_until_us),
    ]);
    batch(&ACTIVITIES, columns)
}

/// How many laps the source has; `None` where it marks none.
fn laps_of(clean: &Clean) -> Option<i32> {
    let laps = clean.laps.iter().filter(|lap| !lap.is_length).count();
    (laps > 0).then(|| count(laps))
}

fn count(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

fn stream_rows(activities: &[ActivityRow<'_>]) -> Result<RecordBatch, CleanError> {
    let cleans = || activities.iter().map(|row| row.clean);
    let long_list = |value: &dyn Fn(&Clean) -> &[i64], absent_if_empty: bool| -> ArrayRef {
        let element = Field::new("element", DataType::Int64, true);
        let mut list = ListBuilder::new(Int64Builder::new()).with_field(element);
        for clean in cleans() {
            let values = value(clean);
            list.values().append_slice(values);
            list.append(!(absent_if_empty && values.is_empty()));
        }
        Arc::new(list.finish())
    };
    let int_list = |value: &dyn Fn(&Clean) -> &[Option<i32>]| -> ArrayRef {
        let element = Field::new("element", DataType::Int32, true);
        let mut list = ListBuilder::new(Int32Builder::new()).with_field(element);
        for clean in cleans() {
            let values = value(clean);
            list.values().extend(values.iter().copied());
            list.append(!values.is_empty());
        }
        Arc::new(list.finish())
    };
    let mut columns = pointer(activities.iter().map(|row| &row.key));
    columns.extend([
        long_list(&|clean| &clean.t_ms, false),
        int_list(&|clean| &clean.lat_e7),
        int_list(&|clean| &clean.lng_e7),
        long_list(&|clean| &clean.distance_cm, true),
        int_list(&|clean| &clean.altitude_cm),
        int_list(&|clean| &clean.heart_rate_bpm),
        int_list(&|clean| &clean.cadence_rpm),
        int_list(&|clean| &clean.power_w),
        int_list(&|clean| &clean.temperature_c),
        int_list(&|clean| &clean.speed_mm_s),
    ]);
    batch(&STREAMS, columns)
}

/// A lap with its activity, its kind and its number among that kind.
struct LapRow<'a> {
    row: &'a ActivityRow<'a>,
    kind: &'static str,
    number: i32,
    lap: &'a Lap,
}

fn lap_rows(activities: &[ActivityRow<'_>]) -> Result<RecordBatch, CleanError> {
    let mut laps: Vec<LapRow<'_>> = Vec::new();
    for row in activities {
        for (kind, is_length) in [("lap", false), ("length", true)] {
            let of_kind = row
                .clean
                .laps
                .iter()
                .filter(|lap| lap.is_length == is_length);
            laps.extend(of_kind.enumerate().map(|(i, lap)| LapRow {
                row,
                kind,
                number: count(i + 1),
                lap,
            }));
        }
    }
    let double = |value: &dyn Fn(&Lap) -> Option<f64>| -> ArrayRef {
        Arc::new(Float64Array::from_iter(laps.iter().map(|l| value(l.lap))))
    };
    let int = |value: &dyn Fn(&Lap) -> Option<i32>| -> ArrayRef {
        Arc::new(Int32Array::from_iter(laps.iter().map(|l| value(l.lap))))
    };
    let kinds = StringArray::from_iter_values(laps.iter().map(|l| l.kind));
    let numbers = Int32Array::from_iter_values(laps.iter().map(|l| l.number));
    let offsets = Float64Array::from_iter_values(laps.iter().map(|l| {
        let start_ms = l.row.clean.start_time_us / 1_000;
        l.lap.start_ms.saturating_sub(start_ms) as f64 / 1000.0
    }));
    let active = BooleanArray::from_iter(laps.iter().map(|l| l.lap.active));
    let mut columns = pointer(laps.iter().map(|l| &l.row.key));
    columns.extend([
        Arc::new(kinds) as ArrayRef,
        Arc::new(numbers),
        Arc::new(offsets),
        double(&|lap| lap.elapsed_s),
        double(&|lap| lap.timer_s),
        double(&|lap| lap.distance_m),
        int(&|lap| lap.avg_heart_rate_bpm),
        int(&|lap| lap.max_heart_rate_bpm),
        double(&|lap| lap.calories_kcal),
        Arc::new(active),
    ]);
    batch(&LAPS, columns)
}

fn finding_rows(activities: &[ActivityRow<'_>]) -> Result<RecordBatch, CleanError> {
    let findings: Vec<_> = activities
        .iter()
        .flat_map(|row| {
            let numbered = row.clean.findings.iter().enumerate();
            numbered.map(move |(i, finding)| (&row.key, count(i + 1), finding))
        })
        .collect();
    let numbers = Int32Array::from_iter_values(findings.iter().map(|f| f.1));
    let kinds = StringArray::from_iter_values(findings.iter().map(|f| f.2.kind.name()));
    let firsts = findings.iter().map(|f| f.2.samples.map(|s| count(s.0)));
    let lasts = findings.iter().map(|f| f.2.samples.map(|s| count(s.1)));
    let sizes = Float64Array::from_iter(findings.iter().map(|f| f.2.size));
    let actions = StringArray::from_iter_values(findings.iter().map(|f| &f.2.action));
    let mut columns = pointer(findings.iter().map(|f| f.0));
    columns.extend([
        Arc::new(numbers) as ArrayRef,
        Arc::new(kinds),
        Arc::new(Int32Array::from_iter(firsts)),
        Arc::new(Int32Array::from_iter(lasts)),
        Arc::new(sizes),
        Arc::new(actions),
    ]);
    batch(&FINDINGS, columns)
}
