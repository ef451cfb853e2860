//! What must hold of a recording on its way through the house: cleaning,
//! identity, merging, rows, derived rows.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float64Type};
use jobs::build::activity_rows;
use pipeline::clean::{Clean, clean};
use pipeline::identity::{Evidence, connect};
use pipeline::merge::{Candidate, Merged, merge};
use pipeline::recording::{Format, Recording};
use pipeline::rows::RowContext;
use storage::{ActivityId, ActivityKey, AthleteId};

/// Takes recordings of one athlete as far as an import would.
pub fn follow(recordings: &[Recording]) {
    let mut cleaned = Vec::new();
    for recording in recordings {
        if let Ok(clean) = clean(recording.clone()) {
            is_clean(&clean, recording.samples.len());
            cleaned.push(Arc::new(clean));
        }
    }
    for candidates in identified(&cleaned) {
        let merged = merge(&candidates);
        let reversed: Vec<_> = candidates.iter().rev().cloned().collect();
        // Compared as text: a number that is none equals nothing.
        assert_eq!(
            format!("{merged:?}"),
            format!("{:?}", merge(&reversed)),
            "the order of the recordings matters"
        );
        is_derived(&merged);
    }
}

/// What [`Clean`] says of itself.
fn is_clean(clean: &Clean, samples: usize) {
    let n = clean.t_ms.len();
    assert!(n <= samples, "samples out of nothing");
    assert!(clean.t_ms.first().is_none_or(|first| *first == 0));
    assert!(clean.t_ms.is_sorted_by(|a, b| a < b), "times do not rise");
    assert!(clean.distance_cm.is_sorted(), "the distance falls");
    assert!(clean.distance_cm.first().is_none_or(|first| *first == 0));
    let channels = [
        clean.lat_e7.len(),
        clean.lng_e7.len(),
        clean.distance_cm.len(),
        clean.altitude_cm.len(),
        clean.heart_rate_bpm.len(),
        clean.cadence_rpm.len(),
        clean.power_w.len(),
        clean.temperature_c.len(),
        clean.speed_mm_s.len(),
    ];
    assert!(
        channels.iter().all(|length| [0, n].contains(length)),
        "channels of {channels:?} values for {n} samples"
    );
    let pairs = clean.lat_e7.iter().zip(&clean.lng_e7);
    for (lat, lng) in pairs {
        assert_eq!(lat.is_some(), lng.is_some(), "half a position");
        assert!(lat.is_none_or(|lat| lat.unsigned_abs() <= 900_000_000));
        assert!(lng.is_none_or(|lng| lng.unsigned_abs() <= 1_800_000_000));
    }
    assert!(clean.timer_ms >= 0);
    assert!(
        n == 0 || clean.timer_ms <= clean.elapsed_ms(),
        "timer over elapsed"
    );
    for finding in &clean.findings {
        if let Some((first, last)) = finding.samples {
            assert!(
                first <= last && last < n,
                "a finding outside of the samples"
            );
        }
    }
}

/// The recordings as activities: each recording is of exactly one.
fn identified(cleaned: &[Arc<Clean>]) -> Vec<Vec<Candidate>> {
    // Two files, taking turns, so that parts of one file occur as well as
    // recordings of several.
    let sha256 = |at: usize| format!("{:02x}", at % 2).repeat(32);
    let part = |at: usize| (at / 2) as u32;
    let evidence: Vec<_> = cleaned
        .iter()
        .enumerate()
        .map(|(at, clean)| Evidence {
            sha256: sha256(at),
            part: part(at),
            external_id: clean.claims.external_id.clone(),
            upload_id: clean.claims.upload_id.clone(),
            is_of_api: clean.format == Format::StravaApi,
            start_time_us: clean.start_time_us,
            elapsed_ms: clean.elapsed_ms(),
            activity_id: None,
            is_parted: false,
        })
        .collect();
    let sets = connect(&evidence);
    let mut members: Vec<_> = sets.iter().flat_map(|set| set.members.clone()).collect();
    members.sort_unstable();
    assert!(
        members.into_iter().eq(0..cleaned.len()),
        "a recording is in no set, or in two"
    );
    let candidate = |at: &usize| Candidate {
        sha256: sha256(*at),
        part: part(*at),
        clean: Arc::clone(&cleaned[*at]),
    };
    sets.iter()
        .map(|set| set.members.iter().map(candidate).collect())
        .collect()
}

/// Every row of an activity: each definition takes what cleaning made, no
/// number is none, and no part is more than the whole.
fn is_derived(merged: &Merged) {
    let key = ActivityKey {
        athlete_id: AthleteId(1),
        start_time_us: merged.clean.start_time_us,
        activity_id: ActivityId::born(merged.clean.start_time_us, 1),
    };
    let context = RowContext {
        key,
        revision: 1,
        retain_until_us: None,
    };
    let tables = activity_rows(merged, &context, &[]).expect("what is clean has rows");
    for (table, rows) in &tables {
        is_finite(table, rows);
        for (part, whole) in [("moving_s", "elapsed_s"), ("timer_s", "elapsed_s")] {
            // Laps are what the device says of them.
            if *table != "laps" {
                is_within(table, rows, part, whole);
            }
        }
    }
    let activity = &tables["activities"];
    assert_eq!(activity.num_rows(), 1);
    if merged.clean.t_ms.is_empty() {
        return;
    }
    let total = double(activity, "distance_m", 0);
    for unit in ["km", "mile"] {
        let sum = sum_of(&tables["splits"], "distance_m", unit);
        assert!(
            sum <= total.unwrap_or(0.0) + 0.02,
            "splits of {sum} m in {total:?} m"
        );
    }
}

fn is_finite(table: &str, rows: &RecordBatch) {
    for (field, column) in rows.schema().fields().iter().zip(rows.columns()) {
        if *field.data_type() == DataType::Float64 {
            let values = column.as_primitive::<Float64Type>();
            for value in values.iter().flatten() {
                assert!(value.is_finite(), "{table}.{} is {value}", field.name());
            }
        }
    }
}

/// That a column is never above another, beyond the ms that rounding adds.
fn is_within(table: &str, rows: &RecordBatch, part: &str, whole: &str) {
    for row in 0..rows.num_rows() {
        if let (Some(a), Some(b)) = (double(rows, part, row), double(rows, whole, row)) {
            assert!(a <= b + 0.001_5, "{table}: {part} {a} over {whole} {b}");
        }
    }
}

fn double(rows: &RecordBatch, column: &str, row: usize) -> Option<f64> {
    let column = rows.column_by_name(column)?.as_primitive::<Float64Type>();
    column.is_valid(row).then(|| column.value(row))
}

fn sum_of(splits: &RecordBatch, column: &str, unit: &str) -> f64 {
    let units = splits["unit"].as_string::<i32>();
    (0..splits.num_rows())
        .filter(|row| units.value(*row) == unit)
        .filter_map(|row| double(splits, column, row))
        .sum()
}
