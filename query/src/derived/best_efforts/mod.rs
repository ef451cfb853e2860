//! `best_efforts` and `refused_efforts`: the least time over each distance.

pub mod kernel;
#[cfg(test)]
mod tests;

use arrow::array::{ArrayRef, RecordBatch};
use storage::table::{Column, Kind, Partition, Table, Unit, column};

use super::columns::{POINTER, Rows, SPORT, START_DATE_LOCAL, batch};
use super::totals::{metres, seconds};
use super::{Derived, How, Scope};
use crate::measured::Measured;
use kernel::{Cause, Effort};

const DISTANCE_M: Column = column(
    "distance_m",
    Kind::Float64,
    Unit::Metre,
    "400, 800, 1000, 1609.344, 5000, 10000, 21097.5, 42195 or 50000.",
);
const ELAPSED_S: Column = column(
    "elapsed_s",
    Kind::Float64,
    Unit::Second,
    "Time over the distance, stops included.",
);
const START_OFFSET_S: Column = column(
    "start_offset_s",
    Kind::Float64,
    Unit::Second,
    "When it begins, since the activity's first sample.",
);
const END_OFFSET_S: Column = column(
    "end_offset_s",
    Kind::Float64,
    Unit::Second,
    "When it ends, since the activity's first sample.",
);
const FIRST_SAMPLE: Column = column(
    "first_sample",
    Kind::Int32,
    Unit::Count,
    "The sample at or before its start, from 0.",
);
const LAST_SAMPLE: Column = column(
    "last_sample",
    Kind::Int32,
    Unit::Count,
    "The sample at or after its end, from 0.",
);

/// One row a distance that the activity is long enough for.
pub const BEST_EFFORTS_TABLE: Table = Table {
    name: "best_efforts",
    grain: "the fastest time over one distance within one activity",
    key: &["activity_id", "distance_m"],
    partition: Partition::None,
    sort: &["athlete_id", "start_time", "activity_id", "distance_m"],
    columns: &[
        POINTER[0],
        POINTER[1],
        POINTER[2],
        SPORT,
        START_DATE_LOCAL,
        DISTANCE_M,
        ELAPSED_S,
        START_OFFSET_S,
        END_OFFSET_S,
        FIRST_SAMPLE,
        LAST_SAMPLE,
        column(
            "avg_heart_rate_bpm",
            Kind::Float64,
            Unit::Bpm,
            "Time-weighted, from start to end.",
        )
        .nullable(),
        column(
            "climb_m",
            Kind::Float64,
            Unit::Metre,
            "Climb from start to end.",
        )
        .nullable(),
    ],
};

/// One row a distance whose fastest effort was refused.
pub const REFUSED_EFFORTS_TABLE: Table = Table {
    name: "refused_efforts",
    grain: "the effort over one distance that a jump or a mask kept out of `best_efforts`",
    key: &["activity_id", "distance_m"],
    partition: Partition::None,
    sort: &["athlete_id", "start_time", "activity_id", "distance_m"],
    columns: &[
        POINTER[0],
        POINTER[1],
        POINTER[2],
        SPORT,
        START_DATE_LOCAL,
        DISTANCE_M,
        ELAPSED_S,
        START_OFFSET_S,
        END_OFFSET_S,
        FIRST_SAMPLE,
        LAST_SAMPLE,
        column(
            "cause",
            Kind::Utf8,
            Unit::None,
            "`jump` (a step too fast to be true), `mask` (kept out by its owner) or `jump_and_mask`.",
        ),
    ],
};

/// The fastest time over each distance.
pub const BEST_EFFORTS: Derived = Derived {
    name: "best_efforts",
    version: 1,
    scope: Scope::Activity,
    inputs: &[
        "activities.sport",
        "activities.start_date_local",
        "streams.t_ms",
        "streams.distance_cm",
        "streams.altitude_cm",
        "streams.heart_rate_bpm",
    ],
    table: &BEST_EFFORTS_TABLE,
    how: How::Kernel(best_efforts),
    sql: concat!(
        include_str!("../sql/points.sql"),
        include_str!("../sql/altitude.sql"),
        include_str!("../sql/back_5_m.sql"),
        include_str!("../sql/ways.sql"),
        include_str!("../sql/climb.sql"),
        include_str!("../sql/efforts.sql"),
        include_str!("edges.sql"),
        include_str!("../sql/gained.sql"),
        include_str!("explain.sql"),
    ),
    sentence: "Your fastest time over each distance, anywhere in the activity, stops included.",
};

/// What would have been faster, had it been believed.
pub const REFUSED_EFFORTS: Derived = Derived {
    name: "refused_efforts",
    version: 1,
    scope: Scope::Activity,
    inputs: &[
        "activities.sport",
        "activities.start_date_local",
        "streams.t_ms",
        "streams.distance_cm",
    ],
    table: &REFUSED_EFFORTS_TABLE,
    how: How::Kernel(refused_efforts),
    sql: concat!(
        include_str!("../sql/points.sql"),
        include_str!("../sql/efforts.sql"),
        include_str!("refused.sql"),
    ),
    sentence: "A faster effort that holds a jump in the recording, or a stretch that you keep \
        out of records.",
};

fn best_efforts(activities: &[Measured]) -> RecordBatch {
    let found = activities.iter().flat_map(|measured| {
        let efforts = measured.efforts().best.iter();
        efforts.map(move |effort| (measured.activity(), (measured, effort)))
    });
    let rows = Rows(found.collect());
    let mut columns = effort_columns(&rows, |(_, effort)| effort);
    columns.push(rows.doubles(|(measured, effort)| {
        measured
            .heart_rate()
            .average(effort.start_ms, effort.end_ms)
    }));
    columns.push(rows.doubles(|(measured, effort)| {
        let climb = measured.climb()?;
        Some(metres(climb.over(effort.start_ms, effort.end_ms).0))
    }));
    batch(&BEST_EFFORTS_TABLE, columns)
}

fn refused_efforts(activities: &[Measured]) -> RecordBatch {
    let found = activities.iter().flat_map(|measured| {
        let efforts = measured.efforts().refused.iter();
        efforts.map(move |refused| (measured.activity(), refused))
    });
    let rows: Rows<&(Effort, Cause)> = Rows(found.collect());
    let mut columns = effort_columns(&rows, |(effort, _)| effort);
    columns.push(rows.words(|(_, cause)| cause.name()));
    batch(&REFUSED_EFFORTS_TABLE, columns)
}

/// The columns that both tables begin with.
fn effort_columns<R>(rows: &Rows<R>, effort: impl Fn(&R) -> &Effort) -> Vec<ArrayRef> {
    let mut columns = rows.pointer();
    columns.extend([
        rows.sport(),
        rows.start_date_local(),
        rows.doubles(|row| Some(effort(row).distance_mm as f64 / 1_000.0)),
        rows.doubles(|row| Some(seconds(effort(row).elapsed_ms))),
        rows.doubles(|row| Some(seconds(effort(row).start_ms))),
        rows.doubles(|row| Some(seconds(effort(row).end_ms))),
        rows.samples(|row| effort(row).first_sample),
        rows.samples(|row| effort(row).last_sample),
    ]);
    columns
}
