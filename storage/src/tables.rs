//! The tables that are not derived: facts, and the ledger of derivation.

use crate::table::{Column, Kind, Partition, Table, Unit, column};

const ATHLETE_ID: Column = column("athlete_id", Kind::Int64, Unit::None, "Whose it is.");
const START_TIME: Column = column(
    "start_time",
    Kind::Timestamp,
    Unit::Utc,
    "First sample of the activity.",
);
const ACTIVITY_ID: Column = column("activity_id", Kind::Int64, Unit::None, "The activity.");

/// The three columns that every table about activities begins with; point
/// reads filter on all of them.
pub const POINTER: [Column; 3] = [ATHLETE_ID, START_TIME, ACTIVITY_ID];

/// One row an activity: who, when, where, what, and its totals.
pub const ACTIVITIES: Table = Table {
    name: "activities",
    grain: "one activity, as its newest revision",
    key: &["activity_id"],
    partition: Partition::Year("start_time"),
    sort: &["athlete_id", "start_time", "activity_id"],
    columns: &[
        ATHLETE_ID,
        START_TIME,
        ACTIVITY_ID,
        column(
            "start_time_local",
            Kind::Timestamp,
            Unit::Local,
            "Start on the clock where it began.",
        ),
        column(
            "start_date_local",
            Kind::Date,
            Unit::Local,
            "Day of the start where it began.",
        ),
        column(
            "time_zone",
            Kind::Utf8,
            Unit::None,
            "IANA zone where it began; from the source, else from the first position.",
        )
        .nullable(),
        column(
            "utc_offset_s",
            Kind::Int32,
            Unit::Second,
            "Local time less UTC at the start.",
        )
        .nullable(),
        column(
            "sport",
            Kind::Utf8,
            Unit::None,
            "Family: `run`, `walk`, `ride`, `swim`, `other`, or the same with `_indoor`.",
        ),
        column(
            "sport_detail",
            Kind::Utf8,
            Unit::None,
            "The fine sport, such as `trail_run`.",
        ),
        column(
            "indoor",
            Kind::Boolean,
            Unit::None,
            "Whether it took place inside.",
        ),
        column("name", Kind::Utf8, Unit::None, "What its owner calls it.").nullable(),
        column(
            "description",
            Kind::Utf8,
            Unit::None,
            "What its owner says of it.",
        )
        .nullable(),
        column(
            "distance_m",
            Kind::Float64,
            Unit::Metre,
            "Length of the distance axis.",
        )
        .nullable(),
        column(
            "elapsed_s",
            Kind::Float64,
            Unit::Second,
            "From the first sample to the last, stops included.",
        ),
        column(
            "timer_s",
            Kind::Float64,
            Unit::Second,
            "Elapsed time less the pauses that the device marked.",
        ),
        column(
            "moving_s",
            Kind::Float64,
            Unit::Second,
            "Time with movement.",
        ),
        column(
            "climb_m",
            Kind::Float64,
            Unit::Metre,
            "Sum of rises, with 5 m hysteresis.",
        )
        .nullable(),
        column(
            "descent_m",
            Kind::Float64,
            Unit::Metre,
            "Sum of falls, with 5 m hysteresis.",
        )
        .nullable(),
        column(
            "avg_speed_m_s",
            Kind::Float64,
            Unit::MetrePerSecond,
            "Distance over moving time.",
        )
        .nullable(),
        column(
            "max_speed_m_s",
            Kind::Float64,
            Unit::MetrePerSecond,
            "Best average speed over 10 s.",
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
            "Highest sample.",
        )
        .nullable(),
        column(
            "avg_cadence_rpm",
            Kind::Float64,
            Unit::Rpm,
            "Time-weighted.",
        )
        .nullable(),
        column("max_cadence_rpm", Kind::Int32, Unit::Rpm, "Highest sample.").nullable(),
        column("avg_power_w", Kind::Float64, Unit::Watt, "Time-weighted.").nullable(),
        column("max_power_w", Kind::Int32, Unit::Watt, "Highest sample.").nullable(),
        column(
            "avg_temperature_c",
            Kind::Float64,
            Unit::Celsius,
            "Time-weighted.",
        )
        .nullable(),
        column(
            "max_altitude_m",
            Kind::Float64,
            Unit::Metre,
            "Highest sample.",
        )
        .nullable(),
        column(
            "calories_kcal",
            Kind::Float64,
            Unit::Kilocalorie,
            "As the source has it; never guessed.",
        )
        .nullable(),
        column(
            "start_lat_deg",
            Kind::Float64,
            Unit::Degree,
            "Latitude of the first position.",
        )
        .nullable(),
        column(
            "start_lng_deg",
            Kind::Float64,
            Unit::Degree,
            "Longitude of the first position.",
        )
        .nullable(),
        column(
            "min_lat_deg",
            Kind::Float64,
            Unit::Degree,
            "Southernmost position.",
        )
        .nullable(),
        column(
            "max_lat_deg",
            Kind::Float64,
            Unit::Degree,
            "Northernmost position.",
        )
        .nullable(),
        column(
            "min_lng_deg",
            Kind::Float64,
            Unit::Degree,
            "Westernmost position.",
        )
        .nullable(),
        column(
            "max_lng_deg",
            Kind::Float64,
            Unit::Degree,
            "Easternmost position.",
        )
        .nullable(),
        column(
            "summary_polyline",
            Kind::Utf8,
            Unit::None,
            "The track, simplified, as an encoded polyline of precision 5.",
        )
        .nullable(),
        column("device", Kind::Utf8, Unit::None, "What recorded it.").nullable(),
        column(
            "gear",
            Kind::Utf8,
            Unit::None,
            "Shoes or bicycle, as its owner calls it.",
        )
        .nullable(),
        column(
            "commute",
            Kind::Boolean,
            Unit::None,
            "Whether its owner marked it as a commute.",
        )
        .nullable(),
        column(
            "visibility",
            Kind::Utf8,
            Unit::None,
            "`everyone`, `followers` or `only_me`, where the source says.",
        )
        .nullable(),
        column(
            "samples",
            Kind::Int32,
            Unit::Count,
            "How many samples its streams have.",
        ),
        column(
            "source",
            Kind::Utf8,
            Unit::None,
            "Where the streams come from: `fit`, `tcx`, `gpx`, `strava_api` or `strava_archive`.",
        ),
        column(
            "source_distance_m",
            Kind::Float64,
            Unit::Metre,
            "The source's own distance.",
        )
        .nullable(),
        column(
            "source_elapsed_s",
            Kind::Float64,
            Unit::Second,
            "The source's own elapsed time.",
        )
        .nullable(),
        column(
            "source_timer_s",
            Kind::Float64,
            Unit::Second,
            "The source's own timer time.",
        )
        .nullable(),
        column(
            "source_climb_m",
            Kind::Float64,
            Unit::Metre,
            "The source's own climb.",
        )
        .nullable(),
        column(
            "source_laps",
            Kind::Int32,
            Unit::Count,
            "How many laps the source has.",
        )
        .nullable(),
        column(
            "raw_sha256",
            Kind::Utf8,
            Unit::None,
            "SHA-256 of the recording that won, after zip and gz are removed.",
        ),
        column(
            "revision",
            Kind::Int64,
            Unit::Count,
            "1 at birth; rises with every change.",
        ),
        column(
            "retain_until",
            Kind::Timestamp,
            Unit::Utc,
            "When the source's terms ask for deletion; null: kept.",
        )
        .nullable(),
    ],
};

/// All samples of an activity in one row, one list a channel.
///
/// Every list has as many entries as `t_ms`; a channel that was never
/// recorded is a null list.
pub const STREAMS: Table = Table {
    name: "streams",
    grain: "one activity; every list has one entry a sample",
    key: &["activity_id"],
    partition: Partition::Year("start_time"),
    sort: &["athlete_id", "start_time", "activity_id"],
    columns: &[
        ATHLETE_ID,
        START_TIME,
        ACTIVITY_ID,
        column(
            "t_ms",
            Kind::Int64List,
            Unit::Millisecond,
            "Since the first sample; rises strictly.",
        ),
        column("lat_e7", Kind::Int32List, Unit::DegreeE7, "Latitude.").nullable(),
        column("lng_e7", Kind::Int32List, Unit::DegreeE7, "Longitude.").nullable(),
        column(
            "distance_cm",
            Kind::Int64List,
            Unit::Centimetre,
            "Since the first sample, on the one axis; never falls, never null within.",
        )
        .nullable(),
        column(
            "altitude_cm",
            Kind::Int32List,
            Unit::Centimetre,
            "Above sea level.",
        )
        .nullable(),
        column("heart_rate_bpm", Kind::Int32List, Unit::Bpm, "Heart rate.").nullable(),
        column(
            "cadence_rpm",
            Kind::Int32List,
            Unit::Rpm,
            "Turns of one leg a minute, as devices record it.",
        )
        .nullable(),
        column("power_w", Kind::Int32List, Unit::Watt, "Power.").nullable(),
        column(
            "temperature_c",
            Kind::Int32List,
            Unit::Celsius,
            "Air at the device.",
        )
        .nullable(),
        column(
            "speed_mm_s",
            Kind::Int32List,
            Unit::MillimetrePerSecond,
            "Speed as the device showed it; the numbers use the distance axis.",
        )
        .nullable(),
    ],
};

/// Laps and pool lengths, as the device marked them.
pub const LAPS: Table = Table {
    name: "laps",
    grain: "one lap, or one pool length, as the device marked it",
    key: &["activity_id", "kind", "lap"],
    partition: Partition::None,
    sort: &["athlete_id", "start_time", "activity_id", "kind", "lap"],
    columns: &[
        ATHLETE_ID,
        START_TIME,
        ACTIVITY_ID,
        column("kind", Kind::Utf8, Unit::None, "`lap` or `length`."),
        column(
            "lap",
            Kind::Int32,
            Unit::Count,
            "1 for the first of its kind.",
        ),
        column(
            "start_offset_s",
            Kind::Float64,
            Unit::Second,
            "Since the activity's first sample.",
        ),
        column(
            "elapsed_s",
            Kind::Float64,
            Unit::Second,
            "As the device has it.",
        )
        .nullable(),
        column(
            "timer_s",
            Kind::Float64,
            Unit::Second,
            "As the device has it.",
        )
        .nullable(),
        column(
            "distance_m",
            Kind::Float64,
            Unit::Metre,
            "As the device has it.",
        )
        .nullable(),
        column(
            "avg_heart_rate_bpm",
            Kind::Int32,
            Unit::Bpm,
            "As the device has it.",
        )
        .nullable(),
        column(
            "max_heart_rate_bpm",
            Kind::Int32,
            Unit::Bpm,
            "As the device has it.",
        )
        .nullable(),
        column(
            "calories_kcal",
            Kind::Float64,
            Unit::Kilocalorie,
            "As the device has it.",
        )
        .nullable(),
        column(
            "active",
            Kind::Boolean,
            Unit::None,
            "Of a pool length: swum, not rested; null for laps.",
        )
        .nullable(),
    ],
};

/// The ledger of quality: what cleaning or checking noticed.
pub const FINDINGS: Table = Table {
    name: "findings",
    grain: "one thing that cleaning or checking found",
    key: &["activity_id", "finding"],
    partition: Partition::None,
    sort: &["athlete_id", "start_time", "activity_id", "finding"],
    columns: &[
        ATHLETE_ID,
        START_TIME,
        ACTIVITY_ID,
        column(
            "finding",
            Kind::Int32,
            Unit::Count,
            "1 for the first of the activity.",
        ),
        column(
            "kind",
            Kind::Utf8,
            Unit::None,
            "What was odd: one of the declared kinds.",
        ),
        column(
            "first_sample",
            Kind::Int32,
            Unit::Count,
            "First sample concerned, from 0; null: the whole activity.",
        )
        .nullable(),
        column(
            "last_sample",
            Kind::Int32,
            Unit::Count,
            "Last sample concerned.",
        )
        .nullable(),
        column(
            "size",
            Kind::Float64,
            Unit::Measure,
            "How large, in the unit that its kind declares.",
        )
        .nullable(),
        column("action", Kind::Utf8, Unit::None, "What was done about it."),
    ],
};

/// The ledger of derivation: one row a scope.
pub const DERIVATIONS: Table = Table {
    name: "derivations",
    grain: "one scope: what its derived rows were computed from",
    key: &["scope", "athlete_id", "activity_id"],
    partition: Partition::None,
    sort: &["athlete_id", "start_time", "activity_id", "scope"],
    columns: &[
        ATHLETE_ID,
        column(
            "start_time",
            Kind::Timestamp,
            Unit::Utc,
            "Start of the activity; null for an athlete's scope.",
        )
        .nullable(),
        column(
            "activity_id",
            Kind::Int64,
            Unit::None,
            "The activity; null for an athlete's scope.",
        )
        .nullable(),
        column("scope", Kind::Utf8, Unit::None, "`activity` or `athlete`."),
        column(
            "input_revision",
            Kind::Int64,
            Unit::Count,
            "Revision of the activity or athlete that was read.",
        ),
        column(
            "versions",
            Kind::Utf8,
            Unit::None,
            "Definitions and their versions, as `name=version` joined by commas, in order of name.",
        ),
        column(
            "valid_until",
            Kind::Date,
            Unit::Local,
            "First local day on which the rows change by themselves; null: never.",
        )
        .nullable(),
    ],
};

/// Every table that this crate declares.
pub const FACTS: &[&Table] = &[&ACTIVITIES, &STREAMS, &LAPS, &FINDINGS, &DERIVATIONS];

/// SQL of the view `samples`: streams unnested, in natural units. It is kept
/// in the lake, so that any engine that reads the lake has it; names are
/// unqualified, so that it resolves under any alias.
pub const SAMPLES_VIEW: &str = include_str!("samples.sql");

/// Every view of the lake: its name and its SQL.
pub const VIEWS: &[(&str, &str)] = &[("samples", SAMPLES_VIEW)];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_declaration_is_whole() {
        for table in FACTS {
            let names: HashSet<_> = table.columns.iter().map(|c| c.name).collect();
            assert_eq!(
                names.len(),
                table.columns.len(),
                "{}: doubled column",
                table.name
            );
            for name in table.key.iter().chain(table.sort) {
                assert!(names.contains(name), "{}: no column {name}", table.name);
            }
            for column in table.columns {
                assert!(column.doc.ends_with('.'), "{}.{}", table.name, column.name);
                if let Some(suffix) = column.unit.suffix() {
                    assert!(
                        column.name.ends_with(suffix),
                        "{}.{}",
                        table.name,
                        column.name
                    );
                }
            }
        }
    }
}
