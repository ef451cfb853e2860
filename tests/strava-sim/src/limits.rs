//! Rate limits: two windows of two limits, and calls that are refused and still
//! count.

use serde::{Deserialize, Serialize};

const QUARTER_S: i64 = 15 * 60;
const DAY_S: i64 = 24 * 60 * 60;

/// Calls in each window: those that are allowed, or those that were made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Calls {
    /// All, in a quarter of an hour.
    pub quarter: u32,
    /// All, in a day.
    pub day: u32,
    /// Those that upload nothing, in a quarter of an hour.
    pub read_quarter: u32,
    /// Those that upload nothing, in a day.
    pub read_day: u32,
}

impl Calls {
    /// The limits of a new app.
    pub const DEFAULT_LIMITS: Self = Self {
        quarter: 200,
        day: 2_000,
        read_quarter: 100,
        read_day: 1_000,
    };

    fn highest(self, other: Self) -> Self {
        Self {
            quarter: self.quarter.max(other.quarter),
            day: self.day.max(other.day),
            read_quarter: self.read_quarter.max(other.read_quarter),
            read_day: self.read_day.max(other.read_day),
        }
    }
}

/// Which limit a call is beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beyond {
    Overall,
    Read,
}

/// Counts an app's calls. Windows begin at :00, :15, :30 and :45, days at
/// midnight in UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Meter {
    pub(crate) limits: Calls,
    used: Calls,
    /// The most that any window ever held.
    pub(crate) highest: Calls,
    /// How many calls were beyond a limit.
    pub(crate) refused: u64,
    quarter: i64,
    day: i64,
}

impl Meter {
    pub(crate) fn new() -> Self {
        Self {
            limits: Calls::DEFAULT_LIMITS,
            used: Calls::default(),
            highest: Calls::default(),
            refused: 0,
            quarter: i64::MIN,
            day: i64::MIN,
        }
    }

    fn roll(&mut self, now_s: i64) {
        let (quarter, day) = (now_s.div_euclid(QUARTER_S), now_s.div_euclid(DAY_S));
        if quarter != self.quarter {
            self.quarter = quarter;
            (self.used.quarter, self.used.read_quarter) = (0, 0);
        }
        if day != self.day {
            self.day = day;
            (self.used.day, self.used.read_day) = (0, 0);
        }
    }

    /// The usage of the windows that `now_s` (seconds since 1970) lies in.
    pub(crate) fn used(&mut self, now_s: i64) -> Calls {
        self.roll(now_s);
        self.used
    }

    /// Says what was used already, as if another program had the same app.
    pub(crate) fn set_used(&mut self, now_s: i64, used: Calls) {
        self.roll(now_s);
        self.used = used;
    }

    /// Counts one call, also where it is beyond a limit.
    pub(crate) fn spend(&mut self, now_s: i64, is_read: bool) -> Result<(), Beyond> {
        self.roll(now_s);
        let (used, limits) = (&mut self.used, &self.limits);
        used.quarter += 1;
        used.day += 1;
        if is_read {
            used.read_quarter += 1;
            used.read_day += 1;
        }
        self.highest = self.highest.highest(*used);
        let beyond = if used.quarter > limits.quarter || used.day > limits.day {
            Some(Beyond::Overall)
        } else if is_read
            && (used.read_quarter > limits.read_quarter || used.read_day > limits.read_day)
        {
            Some(Beyond::Read)
        } else {
            None
        };
        match beyond {
            Some(beyond) => {
                self.refused += 1;
                Err(beyond)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meter() -> Meter {
        let mut meter = Meter::new();
        meter.limits = Calls {
            quarter: 4,
            day: 6,
            read_quarter: 2,
            read_day: 4,
        };
        meter
    }

    #[test]
    fn refused_calls_count_and_a_new_quarter_begins_at_nought() {
        let mut meter = meter();
        let spent: Vec<_> = (0..3).map(|_| meter.spend(899, true)).collect();
        assert_eq!(spent, [Ok(()), Ok(()), Err(Beyond::Read)]);
        assert_eq!(meter.used(899).read_day, 3);
        assert_eq!(meter.spend(900, true), Ok(()));
        let used = meter.used(900);
        assert_eq!((used.read_quarter, used.read_day), (1, 4));
    }

    #[test]
    fn the_day_s_limit_outlasts_the_quarter_and_ends_at_midnight() {
        let mut meter = meter();
        for quarter in 0..4 {
            assert_eq!(meter.spend(quarter * 900, true), Ok(()));
        }
        assert_eq!(meter.spend(86_399, true), Err(Beyond::Read));
        assert_eq!(meter.spend(86_400, true), Ok(()));
        assert_eq!(meter.refused, 1);
        assert_eq!(meter.highest.read_day, 5);
    }

    #[test]
    fn writes_count_overall_only() {
        let mut meter = meter();
        for _ in 0..4 {
            assert_eq!(meter.spend(0, false), Ok(()));
        }
        assert_eq!(meter.spend(0, true), Err(Beyond::Overall));
        assert_eq!(meter.used(0).read_quarter, 1);
    }
}
