//! Random outings of a few athletes, as rows that athlete-scope SQL reads.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use jiff::ToSpan;
use jiff::civil::{Date, date};
use pacelake_query::derived::best_efforts::BEST_EFFORTS_TABLE;
use pacelake_query::derived::totals::{Totals, overlay_totals};
use pacelake_sketch::{Sketch, rows};
use proptest::prelude::*;
use storage::sport::SPORTS;

/// The sports of outings.
pub const SPORT_NAMES: [&str; 2] = ["run", "ride"];

/// Days since 1970.
pub fn days(date: Date) -> i32 {
    date.since(date_of(0)).unwrap().get_days()
}

/// The day so many days after 1970 began.
pub fn date_of(days: i32) -> Date {
    date(1970, 1, 1) + days.days()
}

/// One activity with one effort.
#[derive(Clone, Debug)]
pub struct Outing {
    pub athlete_id: i64,
    pub activity_id: i64,
    pub day: i32,
    pub sport: usize,
    pub distance_cm: i64,
    pub elapsed_ms: i64,
    pub moving_ms: i64,
    pub climb_cm: Option<i64>,
}

/// Up to 60 outings of three athletes.
pub fn outings() -> impl Strategy<Value = Vec<Outing>> {
    // Around the edges of windows and of the year, often on the same day.
    let day = prop_oneof![
        Just(days(date(2024, 2, 28))),
        Just(days(date(2024, 2, 29))),
        Just(days(date(2025, 11, 28))),
        Just(days(date(2025, 11, 30))),
        days(date(2023, 12, 1))..=days(date(2026, 3, 3)),
    ];
    let outing = (
        (1..=3_i64, day, 0..SPORT_NAMES.len()),
        (0..5_000_000_i64, 1..=40_i64, 0..=40_i64),
        prop::option::of(0..100_000_i64),
    );
    prop::collection::vec(outing, 1..60).prop_map(|drawn| {
        let numbered = (1..).zip(drawn);
        let outing = |(activity_id, ((athlete_id, day, sport), lengths, climb_cm))| {
            let (distance_cm, elapsed_s, moving_s): (i64, i64, i64) = lengths;
            Outing {
                athlete_id,
                activity_id,
                day,
                sport,
                distance_cm,
                elapsed_ms: elapsed_s * 1_001,
                moving_ms: moving_s * 997,
                climb_cm,
            }
        };
        numbered.map(outing).collect()
    })
}

/// Stored seconds.
pub fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

/// Rows of `activities`.
pub fn activities(outings: &[Outing]) -> RecordBatch {
    let sketch = |outing: &Outing| {
        let name = SPORT_NAMES[outing.sport];
        let (_, sport) = SPORTS.iter().find(|(n, _)| *n == name).unwrap();
        let mut sketch = Sketch::empty(*sport);
        sketch.athlete_id = outing.athlete_id;
        sketch.activity_id = outing.activity_id;
        sketch.start_date_local = outing.day;
        sketch.start_time_us = i64::from(outing.day) * 86_400_000_000;
        sketch
    };
    let totals = |outing: &Outing| Totals {
        distance_m: Some(outing.distance_cm as f64 / 100.0),
        elapsed_s: seconds(outing.elapsed_ms),
        timer_s: 0.0,
        moving_s: seconds(outing.moving_ms),
        climb_m: outing.climb_cm.map(|cm| cm as f64 / 100.0),
        descent_m: None,
        avg_speed_m_s: None,
        max_speed_m_s: Some(outing.distance_cm as f64 / 7.0),
        avg_heart_rate_bpm: None,
        max_heart_rate_bpm: None,
        avg_cadence_rpm: None,
        max_cadence_rpm: None,
        avg_power_w: None,
        max_power_w: None,
        avg_temperature_c: None,
        max_altitude_m: None,
    };
    let sketches: Vec<_> = outings.iter().map(sketch).collect();
    let totals: Vec<_> = outings.iter().map(totals).collect();
    overlay_totals(&rows(&sketches).activities, &totals)
}

/// Rows of `best_efforts`: one over 400 m each.
pub fn best_efforts(outings: &[Outing]) -> RecordBatch {
    let longs = |of: fn(&Outing) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(outings.iter().map(of)))
    };
    let doubles = |of: fn(&Outing) -> f64| -> ArrayRef {
        Arc::new(Float64Array::from_iter_values(outings.iter().map(of)))
    };
    let column = |name: &str| -> ArrayRef {
        match name {
            "athlete_id" => longs(|o| o.athlete_id),
            "activity_id" => longs(|o| o.activity_id),
            "start_time" => Arc::new(TimestampMicrosecondArray::from_iter_values(
                outings.iter().map(|o| i64::from(o.day) * 86_400_000_000),
            )),
            "sport" => Arc::new(StringArray::from_iter_values(
                outings.iter().map(|o| SPORT_NAMES[o.sport]),
            )),
            "start_date_local" => {
                Arc::new(Date32Array::from_iter_values(outings.iter().map(|o| o.day)))
            }
            "distance_m" => doubles(|_| 400.0),
            "elapsed_s" | "end_offset_s" => doubles(|o| seconds(o.elapsed_ms)),
            "start_offset_s" => doubles(|_| 0.0),
            "first_sample" | "last_sample" => Arc::new(Int32Array::from(vec![0; outings.len()])),
            _ => Arc::new(Float64Array::new_null(outings.len())),
        }
    };
    let columns = BEST_EFFORTS_TABLE.columns.iter().map(|c| column(c.name));
    RecordBatch::try_new(BEST_EFFORTS_TABLE.schema(), columns.collect()).unwrap()
}
