//! `best_effort_ranks`: an athlete's fastest efforts over each distance.

use storage::table::{Kind, Partition, Table, Unit, column};
use storage::tables::POINTER;

use super::columns::{SPORT, START_DATE_LOCAL};
use super::{Derived, How, Scope};

/// One row a place in one list.
pub const RANKS_TABLE: Table = Table {
    name: "best_effort_ranks",
    grain: "one place among an athlete's best efforts over one distance, in one sport and window",
    key: &["athlete_id", "sport", "distance_m", "time_window", "rank"],
    partition: Partition::None,
    sort: &["athlete_id", "sport", "distance_m", "time_window", "rank"],
    columns: &[
        POINTER[0],
        SPORT,
        column(
            "distance_m",
            Kind::Float64,
            Unit::Metre,
            "As `best_efforts` has it.",
        ),
        column(
            "time_window",
            Kind::Utf8,
            Unit::None,
            "`all`, `2y`, `1y` or `3m`, up to today in the athlete's time zone.",
        ),
        column(
            "rank",
            Kind::Int32,
            Unit::Count,
            "1 for the fastest; 100 at most.",
        ),
        POINTER[1],
        POINTER[2],
        START_DATE_LOCAL,
        column(
            "elapsed_s",
            Kind::Float64,
            Unit::Second,
            "Time over the distance, stops included.",
        ),
        column(
            "start_offset_s",
            Kind::Float64,
            Unit::Second,
            "When the effort begins, since the activity's first sample.",
        ),
        column(
            "end_offset_s",
            Kind::Float64,
            Unit::Second,
            "When the effort ends, since the activity's first sample.",
        ),
        column(
            "valid_until",
            Kind::Date,
            Unit::Local,
            "First local day on which the effort is out of the window; null: never.",
        )
        .nullable(),
    ],
};

/// The best efforts of an athlete, in order.
pub const BEST_EFFORT_RANKS: Derived = Derived {
    name: "best_effort_ranks",
    version: 1,
    scope: Scope::Athlete,
    inputs: &[
        "best_efforts.sport",
        "best_efforts.start_date_local",
        "best_efforts.distance_m",
        "best_efforts.elapsed_s",
        "best_efforts.start_offset_s",
        "best_efforts.end_offset_s",
    ],
    table: &RANKS_TABLE,
    how: How::Sql,
    sql: include_str!("best_effort_ranks.sql"),
    sentence: "Your fastest efforts over each distance: of all time, and of the last two years, \
        year and three months.",
};
