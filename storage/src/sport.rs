//! Sport families and the limits that hold in each, as data.
//!
//! Cleaning and the derived definitions both ask whether a step is possible,
//! so the table stands below both.

/// The family of a sport; `_indoor` is a second, separate fact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Family {
    /// On foot, running.
    Run,
    /// On foot, walking and hiking.
    Walk,
    /// On a bicycle.
    Ride,
    /// In water.
    Swim,
    /// Everything else.
    Other,
}

/// A sport as ranks and statistics know it: `run`, or `run_indoor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sport {
    /// The family.
    pub family: Family,
    /// Whether it took place inside.
    pub indoor: bool,
}

/// Every value of the column `sport`, in order of declaration.
pub const SPORTS: &[(&str, Sport)] = &[
    (
        "run",
        Sport {
            family: Family::Run,
            indoor: false,
        },
    ),
    (
        "run_indoor",
        Sport {
            family: Family::Run,
            indoor: true,
        },
    ),
    (
        "walk",
        Sport {
            family: Family::Walk,
            indoor: false,
        },
    ),
    (
        "walk_indoor",
        Sport {
            family: Family::Walk,
            indoor: true,
        },
    ),
    (
        "ride",
        Sport {
            family: Family::Ride,
            indoor: false,
        },
    ),
    (
        "ride_indoor",
        Sport {
            family: Family::Ride,
            indoor: true,
        },
    ),
    (
        "swim",
        Sport {
            family: Family::Swim,
            indoor: false,
        },
    ),
    (
        "swim_indoor",
        Sport {
            family: Family::Swim,
            indoor: true,
        },
    ),
    (
        "other",
        Sport {
            family: Family::Other,
            indoor: false,
        },
    ),
    (
        "other_indoor",
        Sport {
            family: Family::Other,
            indoor: true,
        },
    ),
];

impl Sport {
    /// The sport of that name.
    pub fn named(name: &str) -> Option<Self> {
        SPORTS
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, sport)| *sport)
    }

    /// Its name, as the column `sport` has it.
    pub fn name(self) -> &'static str {
        SPORTS
            .iter()
            .find(|(_, sport)| *sport == self)
            .map(|(name, _)| *name)
            .expect("SPORTS lists every family, inside and outside")
    }

    /// Whether a step of `distance_cm` in `duration_ms` (above 0) is too fast
    /// to be true: 12.5 m/s on foot, or 7 m/s where the step lasts over 30 s;
    /// 35 m/s riding; 60 m/s otherwise.
    pub fn is_jump(self, duration_ms: i64, distance_cm: i64) -> bool {
        let limit_cm_s: i64 = match self.family {
            Family::Run | Family::Walk if duration_ms > 30_000 => 700,
            Family::Run | Family::Walk => 1_250,
            Family::Ride => 3_500,
            Family::Swim | Family::Other => 6_000,
        };
        i128::from(distance_cm) * 1_000 > i128::from(limit_cm_s) * i128::from(duration_ms)
    }

    /// Whether a step of `distance_cm` in `duration_ms` (above 0) is movement:
    /// at least 1.0 m/s riding, 0.2 m/s in water, 0.5 m/s otherwise.
    pub fn is_moving(self, duration_ms: i64, distance_cm: i64) -> bool {
        let limit_cm_s: i64 = match self.family {
            Family::Ride => 100,
            Family::Swim => 20,
            Family::Run | Family::Walk | Family::Other => 50,
        };
        i128::from(distance_cm) * 1_000 >= i128::from(limit_cm_s) * i128::from(duration_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for (name, sport) in SPORTS {
            assert_eq!(Sport::named(name), Some(*sport));
            assert_eq!(sport.name(), *name);
        }
    }

    #[test]
    fn a_long_step_on_foot_has_the_lower_limit() {
        let run = Sport {
            family: Family::Run,
            indoor: false,
        };
        assert!(!run.is_jump(30_000, 8 * 30 * 100));
        assert!(run.is_jump(31_000, 8 * 31 * 100));
        assert!(!run.is_jump(1_000, 1_250));
        assert!(run.is_jump(1_000, 1_251));
    }
}
