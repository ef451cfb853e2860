//! `climbs`: the longer ways up of an activity.

pub mod kernel;
#[cfg(test)]
mod tests;

use arrow::array::RecordBatch;
use storage::table::{Kind, Partition, Table, Unit, column};

use super::columns::{POINTER, Rows, SPORT, START_DATE_LOCAL, batch};
use super::totals::{metres, seconds};
use super::{Derived, How, Scope};
use crate::measured::Measured;
use kernel::Climb;

/// One row a climb.
pub const CLIMBS_TABLE: Table = Table {
    name: "climbs",
    grain: "one climb of one activity",
    key: &["activity_id", "climb"],
    partition: Partition::None,
    sort: &["athlete_id", "start_time", "activity_id", "climb"],
    columns: &[
        POINTER[0],
        POINTER[1],
        POINTER[2],
        SPORT,
        START_DATE_LOCAL,
        column("climb", Kind::Int32, Unit::Count, "1 for the first."),
        column(
            "distance_m",
            Kind::Float64,
            Unit::Metre,
            "Length from foot to top.",
        ),
        column(
            "gain_m",
            Kind::Float64,
            Unit::Metre,
            "Altitude of the top less that of the foot.",
        ),
        column(
            "grade_percent",
            Kind::Float64,
            Unit::Percent,
            "Gain over length.",
        ),
        column(
            "elapsed_s",
            Kind::Float64,
            Unit::Second,
            "Time from foot to top, stops included.",
        ),
        column(
            "climb_m_per_h",
            Kind::Float64,
            Unit::MetrePerHour,
            "Gain over elapsed time.",
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
        column(
            "first_sample",
            Kind::Int32,
            Unit::Count,
            "The sample at its foot, from 0.",
        ),
        column(
            "last_sample",
            Kind::Int32,
            Unit::Count,
            "The sample at its top, from 0.",
        ),
        column(
            "start_distance_m",
            Kind::Float64,
            Unit::Metre,
            "Where its foot lies, from the start of the activity.",
        ),
        column(
            "start_altitude_m",
            Kind::Float64,
            Unit::Metre,
            "Altitude of the foot.",
        ),
        column(
            "end_altitude_m",
            Kind::Float64,
            Unit::Metre,
            "Altitude of the top.",
        ),
    ],
};

/// The longer ways up.
pub const CLIMBS: Derived = Derived {
    name: "climbs",
    version: 1,
    scope: Scope::Activity,
    inputs: &[
        "activities.sport",
        "activities.start_date_local",
        "streams.t_ms",
        "streams.distance_cm",
        "streams.altitude_cm",
    ],
    table: &CLIMBS_TABLE,
    how: How::Kernel(climbs),
    sql: concat!(
        include_str!("../sql/points.sql"),
        include_str!("../sql/altitude.sql"),
        include_str!("back_20_m.sql"),
        include_str!("../sql/ways.sql"),
        include_str!("explain.sql"),
    ),
    sentence: "Your longer ways up: between descents of 20 m or more, the part that gains most \
        above a slope of 3 %, if it gains at least 30 m and is no steeper than 100 %.",
};

fn climbs(activities: &[Measured]) -> RecordBatch {
    let found = activities.iter().flat_map(|measured| {
        let climbs = (1..).zip(kernel::climbs(measured));
        climbs.map(move |climb| (measured.activity(), climb))
    });
    let rows: Rows<(usize, Climb)> = Rows(found.collect());
    let mut columns = rows.pointer();
    columns.extend([
        rows.sport(),
        rows.start_date_local(),
        rows.samples(|(number, _)| *number),
        rows.doubles(|(_, climb)| Some(metres(climb.length_cm()))),
        rows.doubles(|(_, climb)| Some(metres(climb.gain_cm()))),
        rows.doubles(|(_, climb)| Some(climb.grade_percent())),
        rows.doubles(|(_, climb)| Some(seconds(climb.elapsed_ms()))),
        rows.doubles(|(_, climb)| Some(climb.climb_m_per_h())),
        rows.doubles(|(_, climb)| Some(seconds(climb.foot.t_ms))),
        rows.doubles(|(_, climb)| Some(seconds(climb.top.t_ms))),
        rows.samples(|(_, climb)| climb.foot.sample),
        rows.samples(|(_, climb)| climb.top.sample),
        rows.doubles(|(_, climb)| Some(metres(climb.foot.distance_cm))),
        rows.doubles(|(_, climb)| Some(metres(climb.foot.altitude_cm))),
        rows.doubles(|(_, climb)| Some(metres(climb.top.altitude_cm))),
    ]);
    batch(&CLIMBS_TABLE, columns)
}
