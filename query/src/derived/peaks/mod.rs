//! `peaks`: the best average over each duration.

pub mod kernel;
#[cfg(test)]
mod tests;

use arrow::array::RecordBatch;
use storage::table::{Kind, Partition, Table, Unit, column};

use super::columns::{POINTER, Rows, SPORT, START_DATE_LOCAL, batch};
use super::totals::seconds;
use super::{Derived, How, Scope};
use crate::measured::Measured;
use kernel::{Measure, Peak};

/// The duration whose peak of speed is an activity's maximum.
const MAX_SPEED_MS: i64 = 10_000;

/// One row a measure and duration.
pub const PEAKS_TABLE: Table = Table {
    name: "peaks",
    grain: "the best average of one measure over one duration within one activity",
    key: &["activity_id", "measure", "duration_s"],
    partition: Partition::None,
    sort: &[
        "athlete_id",
        "start_time",
        "activity_id",
        "measure",
        "duration_s",
    ],
    columns: &[
        POINTER[0],
        POINTER[1],
        POINTER[2],
        SPORT,
        START_DATE_LOCAL,
        column(
            "measure",
            Kind::Utf8,
            Unit::None,
            "`heart_rate_bpm`, `power_w`, `speed_m_s` or `climb_m_per_h`.",
        ),
        column(
            "duration_s",
            Kind::Float64,
            Unit::Second,
            "Length of the window: 1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600 or 5400.",
        ),
        column(
            "value",
            Kind::Float64,
            Unit::Measure,
            "The best average over a window of that length.",
        ),
        column(
            "start_offset_s",
            Kind::Float64,
            Unit::Second,
            "When the window begins, since the activity's first sample.",
        ),
        column(
            "end_offset_s",
            Kind::Float64,
            Unit::Second,
            "When the window ends, since the activity's first sample.",
        ),
    ],
};

/// The best average of each measure over each duration.
pub const PEAKS: Derived = Derived {
    name: "peaks",
    version: 1,
    scope: Scope::Activity,
    inputs: &[
        "activities.sport",
        "activities.start_date_local",
        "streams.t_ms",
        "streams.distance_cm",
        "streams.altitude_cm",
        "streams.heart_rate_bpm",
        "streams.power_w",
    ],
    table: &PEAKS_TABLE,
    how: How::Kernel(peaks),
    sql: concat!(
        include_str!("../sql/points.sql"),
        include_str!("../sql/altitude.sql"),
        include_str!("lines.sql"),
        include_str!("explain.sql"),
    ),
    sentence: "Your best average over each length of time, anywhere in the activity: heart rate \
        without gaps over 30 s, power with gaps over 10 s counted as zero, speed without jumps, \
        and altitude gained.",
};

fn peaks(activities: &[Measured]) -> RecordBatch {
    let found = activities.iter().flat_map(|measured| {
        let peaks = measured.peaks().iter();
        peaks.map(move |peak| (measured.activity(), peak))
    });
    let rows: Rows<&Peak> = Rows(found.collect());
    let mut columns = rows.pointer();
    columns.extend([
        rows.sport(),
        rows.start_date_local(),
        rows.words(|peak| peak.measure.name()),
        rows.doubles(|peak| Some(seconds(peak.duration_ms))),
        rows.doubles(|peak| Some(peak.value)),
        rows.doubles(|peak| Some(seconds(peak.start_ms))),
        rows.doubles(|peak| Some(seconds(peak.start_ms + peak.duration_ms))),
    ]);
    batch(&PEAKS_TABLE, columns)
}

/// The maximum speed of an activity: its 10 s peak.
pub(super) fn max_speed_m_s(measured: &Measured) -> Option<f64> {
    let is_it = |peak: &&Peak| peak.measure == Measure::Speed && peak.duration_ms == MAX_SPEED_MS;
    measured.peaks().iter().find(is_it).map(|peak| peak.value)
}
