//! Which of the three clocks a column counts by.

use serde::Serialize;
use storage::table::{Column, Unit};

/// One of the three clocks, which are never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// All time from the first sample to the last.
    Elapsed,
    /// Elapsed time less the pauses that the device marked.
    Timer,
    /// Time with movement.
    Moving,
}

impl Clock {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Elapsed => "elapsed",
            Self::Timer => "timer",
            Self::Moving => "moving",
        }
    }
}

/// Columns that count by another clock than elapsed time.
const OTHERS: [(&str, Clock); 4] = [
    ("timer_s", Clock::Timer),
    ("source_timer_s", Clock::Timer),
    ("moving_s", Clock::Moving),
    ("avg_speed_m_s", Clock::Moving),
];

/// The clock of a column; `None` where no time enters into it.
pub(super) fn of(column: &Column) -> Option<Clock> {
    let other = OTHERS.iter().find(|(name, _)| *name == column.name);
    if let Some((_, clock)) = other {
        return Some(*clock);
    }
    match column.unit {
        // Shift of a zone, not a time that passed.
        _ if column.name == "utc_offset_s" => None,
        Unit::Second
        | Unit::Millisecond
        | Unit::MetrePerSecond
        | Unit::MillimetrePerSecond
        | Unit::MetrePerHour
        | Unit::SecondPerKilometre
        | Unit::Measure => Some(Clock::Elapsed),
        // An average weighs each value by the time that it holds.
        _ if column.name.starts_with("avg_") => Some(Clock::Elapsed),
        _ => None,
    }
}
