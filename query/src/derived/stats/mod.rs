//! `stats`: sums and maxima of an athlete's activities by period.

use jiff::ToSpan;
use storage::table::{Kind, Partition, Table, Unit, column};
use storage::tables::POINTER;

use super::{Derived, How, Scope};
use crate::read::{date, days};

/// One row a sport, or all of them, and period.
pub const STATS_TABLE: Table = Table {
    name: "stats",
    grain: "one period of one athlete, in one sport or in all",
    key: &["athlete_id", "sport", "period", "period_start"],
    partition: Partition::None,
    sort: &["athlete_id", "sport", "period", "period_start"],
    columns: &[
        POINTER[0],
        column(
            "sport",
            Kind::Utf8,
            Unit::None,
            "Family, as `activities` has it, or `all`.",
        ),
        column(
            "period",
            Kind::Utf8,
            Unit::None,
            "`year`, `month`, `week` (ISO, so that it belongs to the year of its Thursday) or `day`.",
        ),
        column(
            "period_start",
            Kind::Date,
            Unit::Local,
            "First day of the period; a week's is its Monday.",
        ),
        column(
            "activities",
            Kind::Int64,
            Unit::Count,
            "How many activities began on its days.",
        ),
        column("distance_m", Kind::Float64, Unit::Metre, "Sum.").nullable(),
        column("elapsed_s", Kind::Float64, Unit::Second, "Sum."),
        column("moving_s", Kind::Float64, Unit::Second, "Sum."),
        column(
            "calories_kcal",
            Kind::Float64,
            Unit::Kilocalorie,
            "Sum of what the sources have; null where none has any.",
        )
        .nullable(),
        column("climb_m", Kind::Float64, Unit::Metre, "Sum.").nullable(),
        column(
            "avg_speed_m_s",
            Kind::Float64,
            Unit::MetrePerSecond,
            "Distance over moving time; null where that is 0.",
        )
        .nullable(),
        column(
            "max_speed_m_s",
            Kind::Float64,
            Unit::MetrePerSecond,
            "Highest of the activities' 10 s peaks.",
        )
        .nullable(),
        column(
            "max_altitude_m",
            Kind::Float64,
            Unit::Metre,
            "Highest point.",
        )
        .nullable(),
    ],
};

/// What an athlete's years, months, weeks and days add up to.
pub const STATS: Derived = Derived {
    name: "stats",
    version: 1,
    scope: Scope::Athlete,
    inputs: &[
        "activities.sport",
        "activities.start_date_local",
        "activities.distance_m",
        "activities.elapsed_s",
        "activities.moving_s",
        "activities.calories_kcal",
        "activities.climb_m",
        "activities.max_speed_m_s",
        "activities.max_altitude_m",
    ],
    table: &STATS_TABLE,
    how: How::Sql,
    sql: include_str!("stats.sql"),
    sentence: "What your activities add up to in each year, month, ISO week and day, by the local \
        day on which they began.",
};

/// The first day after a period (`year`, `month`, `week` or `day`) that begins
/// on `first`, both in days since 1970; `None` for another period, and beyond
/// the calendar.
pub fn period_end(period: &str, first: i32) -> Option<i32> {
    let span = match period {
        "year" => 1.year(),
        "month" => 1.month(),
        "week" => 1.week(),
        "day" => 1.day(),
        _ => return None,
    };
    date(first)?.checked_add(span).ok().map(days)
}
