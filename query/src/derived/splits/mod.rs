//! `splits`: an activity cut at whole kilometres and miles.

pub mod kernel;
#[cfg(test)]
mod tests;

use arrow::array::RecordBatch;
use storage::table::{Kind, Partition, Table, Unit, column};

use super::columns::{POINTER, Rows, batch};
use super::totals::averages::Held;
use super::totals::{metres, seconds};
use super::{Derived, How, Scope};
use crate::measured::Measured;
use kernel::Split;

/// One row a kilometre or mile, the last one short.
pub const SPLITS_TABLE: Table = Table {
    name: "splits",
    grain: "one split of one activity",
    key: &["activity_id", "unit", "split"],
    partition: Partition::None,
    sort: &["athlete_id", "start_time", "activity_id", "unit", "split"],
    columns: &[
        POINTER[0],
        POINTER[1],
        POINTER[2],
        column(
            "unit",
            Kind::Utf8,
            Unit::None,
            "`km` (1000 m) or `mile` (1609.344 m).",
        ),
        column("split", Kind::Int32, Unit::Count, "1 for the first."),
        column(
            "distance_m",
            Kind::Float64,
            Unit::Metre,
            "True length; the last may be short.",
        ),
        column(
            "elapsed_s",
            Kind::Float64,
            Unit::Second,
            "Time over it, stops included.",
        ),
        column(
            "moving_s",
            Kind::Float64,
            Unit::Second,
            "Time of it with movement.",
        ),
        column(
            "pace_s_per_km",
            Kind::Float64,
            Unit::SecondPerKilometre,
            "Elapsed time over distance.",
        ),
        column(
            "start_offset_s",
            Kind::Float64,
            Unit::Second,
            "When it begins, since the activity's first sample.",
        ),
        column(
            "end_offset_s",
            Kind::Float64,
            Unit::Second,
            "When it ends, since the activity's first sample.",
        ),
        column("climb_m", Kind::Float64, Unit::Metre, "Climb within it.").nullable(),
        column(
            "descent_m",
            Kind::Float64,
            Unit::Metre,
            "Descent within it.",
        )
        .nullable(),
        column(
            "avg_heart_rate_bpm",
            Kind::Float64,
            Unit::Bpm,
            "Time-weighted.",
        )
        .nullable(),
        column(
            "max_heart_rate_bpm",
            Kind::Int32,
            Unit::Bpm,
            "Highest sample from start to end, both included.",
        )
        .nullable(),
        column(
            "avg_cadence_rpm",
            Kind::Float64,
            Unit::Rpm,
            "Time-weighted.",
        )
        .nullable(),
        column(
            "max_cadence_rpm",
            Kind::Int32,
            Unit::Rpm,
            "Highest sample from start to end, both included.",
        )
        .nullable(),
        column("avg_power_w", Kind::Float64, Unit::Watt, "Time-weighted.").nullable(),
        column(
            "max_power_w",
            Kind::Int32,
            Unit::Watt,
            "Highest sample from start to end, both included.",
        )
        .nullable(),
    ],
};

/// Whole kilometres and miles.
pub const SPLITS: Derived = Derived {
    name: "splits",
    version: 2,
    scope: Scope::Activity,
    inputs: &[
        "activities.sport",
        "activities.timer_s",
        "streams.t_ms",
        "streams.distance_cm",
        "streams.altitude_cm",
        "streams.heart_rate_bpm",
        "streams.cadence_rpm",
        "streams.power_w",
        "laps.kind",
        "laps.start_offset_s",
        "laps.timer_s",
        "laps.elapsed_s",
        "laps.active",
    ],
    table: &SPLITS_TABLE,
    how: How::Kernel(splits),
    sql: concat!(
        include_str!("../sql/points.sql"),
        include_str!("../sql/altitude.sql"),
        include_str!("../sql/back_5_m.sql"),
        include_str!("../sql/ways.sql"),
        include_str!("../sql/climb.sql"),
        include_str!("../sql/moving.sql"),
        include_str!("edges.sql"),
        include_str!("../sql/gained.sql"),
        include_str!("explain.sql"),
    ),
    sentence: "Each kilometre and mile from the start, cut where its distance is first reached; \
        the last one keeps its true length.",
};

fn splits(activities: &[Measured]) -> RecordBatch {
    let found = activities.iter().flat_map(|measured| {
        let splits = kernel::splits(measured).into_iter();
        splits.map(move |split| (measured.activity(), (measured, split)))
    });
    let rows: Rows<(&Measured, Split)> = Rows(found.collect());
    let over = |split: &Split| (split.start_ms, split.end_ms);
    let average = |held: &Held, split: &Split| {
        let (from, to) = over(split);
        held.average(from, to)
    };
    let highest = |held: &Held, split: &Split| {
        let (from, to) = over(split);
        held.highest(from, to)
    };
    let climbed = |measured: &Measured, split: &Split| {
        let (from, to) = over(split);
        measured.climb().map(|climb| climb.over(from, to))
    };
    let mut columns = rows.pointer();
    columns.extend([
        rows.words(|(_, split)| split.unit.name()),
        rows.samples(|(_, split)| split.number),
        rows.doubles(|(_, split)| Some(split.distance_mm as f64 / 1_000.0)),
        rows.doubles(|(_, split)| Some(seconds(split.end_ms - split.start_ms))),
        rows.doubles(|(_, split)| Some(seconds(split.moving_ms))),
        rows.doubles(|(_, split)| Some(split.pace_s_per_km())),
        rows.doubles(|(_, split)| Some(seconds(split.start_ms))),
        rows.doubles(|(_, split)| Some(seconds(split.end_ms))),
        rows.doubles(|(measured, split)| climbed(measured, split).map(|(up, _)| metres(up))),
        rows.doubles(|(measured, split)| climbed(measured, split).map(|(_, down)| metres(down))),
        rows.doubles(|(measured, split)| average(measured.heart_rate(), split)),
        rows.whole(|(measured, split)| highest(measured.heart_rate(), split)),
        rows.doubles(|(measured, split)| average(measured.cadence(), split)),
        rows.whole(|(measured, split)| highest(measured.cadence(), split)),
        rows.doubles(|(measured, split)| average(measured.power(), split)),
        rows.whole(|(measured, split)| highest(measured.power(), split)),
    ]);
    batch(&SPLITS_TABLE, columns)
}
