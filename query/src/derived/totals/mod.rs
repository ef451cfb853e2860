//! `totals`: what an activity adds up to; columns of `activities`.

pub mod averages;
pub mod climb;
pub mod moving;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int32Array, RecordBatch};
use storage::tables::ACTIVITIES;

use super::{Derived, How, Scope, peaks};
use crate::activity::Activity;
use crate::measured::Measured;

/// Totals of an activity, from its axis and channels.
pub const TOTALS: Derived = Derived {
    name: "totals",
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
        "streams.temperature_c",
        "laps.kind",
        "laps.start_offset_s",
        "laps.timer_s",
        "laps.elapsed_s",
        "laps.active",
    ],
    table: &ACTIVITIES,
    how: How::Columns(overlay_totals),
    sql: concat!(
        include_str!("../sql/points.sql"),
        include_str!("../sql/altitude.sql"),
        include_str!("../sql/back_5_m.sql"),
        include_str!("../sql/ways.sql"),
        include_str!("../sql/climb.sql"),
        include_str!("../sql/moving.sql"),
        include_str!("../peaks/lines.sql"),
        include_str!("explain.sql"),
    ),
    sentence: "Distance, times, climb, averages and maxima over all samples of the activity.",
};

/// What an activity adds up to; names and units as the columns of
/// `activities` have them.
#[derive(Clone, Debug, PartialEq)]
pub struct Totals {
    /// Length of the axis; `None` without one.
    pub distance_m: Option<f64>,
    /// From the first sample to the last.
    pub elapsed_s: f64,
    /// As the device's pauses leave it.
    pub timer_s: f64,
    /// Time with movement.
    pub moving_s: f64,
    /// Sum of rises.
    pub climb_m: Option<f64>,
    /// Sum of falls.
    pub descent_m: Option<f64>,
    /// Distance over moving time; `None` where that is 0.
    pub avg_speed_m_s: Option<f64>,
    /// The 10 s peak of speed.
    pub max_speed_m_s: Option<f64>,
    /// Time-weighted.
    pub avg_heart_rate_bpm: Option<f64>,
    /// Highest sample.
    pub max_heart_rate_bpm: Option<i32>,
    /// Time-weighted.
    pub avg_cadence_rpm: Option<f64>,
    /// Highest sample.
    pub max_cadence_rpm: Option<i32>,
    /// Time-weighted.
    pub avg_power_w: Option<f64>,
    /// Highest sample.
    pub max_power_w: Option<i32>,
    /// Time-weighted.
    pub avg_temperature_c: Option<f64>,
    /// Highest sample.
    pub max_altitude_m: Option<f64>,
}

/// What one activity adds up to.
pub fn totals(activity: &Activity) -> Totals {
    of_measured(&Measured::new(activity))
}

/// The same, where other definitions have measured the activity already.
pub(crate) fn of_measured(measured: &Measured) -> Totals {
    let activity = measured.activity();
    let end = measured.elapsed_ms();
    let moving_ms = measured.moving().total_ms();
    let distance_cm = measured.distance_cm();
    let climb = measured.climb();
    let gone = climb.map(|climb| climb.until(end));
    let [heart_rate, cadence, power] =
        [measured.heart_rate(), measured.cadence(), measured.power()];
    let temperature = averages::Held::new(&activity.t_ms, &activity.temperature_c);
    Totals {
        distance_m: distance_cm.map(metres),
        elapsed_s: seconds(end),
        timer_s: seconds(activity.timer_ms),
        moving_s: seconds(moving_ms),
        climb_m: gone.map(|(up, _)| metres(up)),
        descent_m: gone.map(|(_, down)| metres(down)),
        // cm per ms is 10 m/s.
        avg_speed_m_s: distance_cm
            .filter(|_| moving_ms > 0)
            .map(|cm| (cm * 10) as f64 / moving_ms as f64),
        max_speed_m_s: peaks::max_speed_m_s(measured),
        avg_heart_rate_bpm: heart_rate.average(0, end),
        max_heart_rate_bpm: heart_rate.highest(0, end),
        avg_cadence_rpm: cadence.average(0, end),
        max_cadence_rpm: cadence.highest(0, end),
        avg_power_w: power.average(0, end),
        max_power_w: power.highest(0, end),
        avg_temperature_c: temperature.average(0, end),
        max_altitude_m: climb.map(|climb| metres(climb.highest_cm())),
    }
}

/// Rows of `activities` with their total columns replaced by `totals`, which
/// are in the same order.
pub fn overlay_totals(activities: &RecordBatch, totals: &[Totals]) -> RecordBatch {
    assert_eq!(activities.num_rows(), totals.len(), "one total a row");
    let schema = activities.schema();
    let columns = schema.fields().iter().zip(activities.columns());
    let columns = columns.map(|(field, old)| replaced(field.name(), totals).unwrap_or(old.clone()));
    RecordBatch::try_new(schema.clone(), columns.collect())
        .expect("totals have the types of the columns that they replace")
}

/// A total as a column; `None` for all other columns.
fn replaced(name: &str, totals: &[Totals]) -> Option<ArrayRef> {
    let doubles = |of: fn(&Totals) -> Option<f64>| -> ArrayRef {
        Arc::new(totals.iter().map(of).collect::<Float64Array>())
    };
    let whole = |of: fn(&Totals) -> Option<i32>| -> ArrayRef {
        Arc::new(totals.iter().map(of).collect::<Int32Array>())
    };
    Some(match name {
        "distance_m" => doubles(|t| t.distance_m),
        "elapsed_s" => doubles(|t| Some(t.elapsed_s)),
        "timer_s" => doubles(|t| Some(t.timer_s)),
        "moving_s" => doubles(|t| Some(t.moving_s)),
        "climb_m" => doubles(|t| t.climb_m),
        "descent_m" => doubles(|t| t.descent_m),
        "avg_speed_m_s" => doubles(|t| t.avg_speed_m_s),
        "max_speed_m_s" => doubles(|t| t.max_speed_m_s),
        "avg_heart_rate_bpm" => doubles(|t| t.avg_heart_rate_bpm),
        "max_heart_rate_bpm" => whole(|t| t.max_heart_rate_bpm),
        "avg_cadence_rpm" => doubles(|t| t.avg_cadence_rpm),
        "max_cadence_rpm" => whole(|t| t.max_cadence_rpm),
        "avg_power_w" => doubles(|t| t.avg_power_w),
        "max_power_w" => whole(|t| t.max_power_w),
        "avg_temperature_c" => doubles(|t| t.avg_temperature_c),
        "max_altitude_m" => doubles(|t| t.max_altitude_m),
        _ => return None,
    })
}

/// Whole milliseconds as the seconds that are stored.
pub(crate) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

/// Whole centimetres as the metres that are stored.
pub(crate) fn metres(cm: i64) -> f64 {
    cm as f64 / 100.0
}
