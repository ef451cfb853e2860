//! Time of day where an activity was.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// The clocks on the walls where an activity was.
#[derive(Clone, Copy, Debug)]
pub struct LocalTime(Offset);

impl LocalTime {
    /// Clocks that are so many seconds ahead of UTC, as `utc_offset_s` has it.
    pub fn new(utc_offset_s: i32) -> Self {
        Self(Offset::from_seconds(utc_offset_s).unwrap_or(Offset::UTC))
    }

    /// What they show at an instant in microseconds since 1970; `None` beyond
    /// the calendar.
    pub fn at(self, us: i64) -> Option<DateTime> {
        let instant = Timestamp::from_microsecond(us).ok()?;
        Some(self.0.to_datetime(instant))
    }

    /// When they show that, in microseconds since 1970.
    pub fn instant(self, shown: DateTime) -> Option<i64> {
        let instant = self.0.to_timestamp(shown).ok()?;
        Some(instant.as_microsecond())
    }

    /// The time of day at an instant, such as `12:04:10`.
    pub fn clock(self, us: i64) -> String {
        let shown = self.at(us).map(|at| at.time().to_string());
        shown.unwrap_or_else(|| "an unknown time".to_owned())
    }

    /// A stretch of an activity, such as `12:04:10 to the end`; its ends are
    /// the activity's where they are `None`.
    pub fn stretch(self, from_us: Option<i64>, to_us: Option<i64>) -> String {
        if from_us.is_none() && to_us.is_none() {
            return "the whole activity".to_owned();
        }
        let end = |us: Option<i64>, open: &str| us.map_or(open.to_owned(), |us| self.clock(us));
        format!("{} to {}", end(from_us, "the start"), end(to_us, "the end"))
    }
}
