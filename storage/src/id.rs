//! Ids are types, never bare integers.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIntError;
            fn from_str(text: &str) -> Result<Self, ParseIntError> {
                text.parse().map(Self)
            }
        }
    };
}

id! {
    /// One activity: below 2^53, so that a JSON number holds it, and ordered
    /// by time. Once born it never changes.
    ActivityId
}
id! {
    /// One athlete; the first is 1.
    AthleteId
}
id! {
    /// One account: someone who signs in. The first is 1.
    AccountId
}

/// How many low bits of an [`ActivityId`] are a hash; the bits above are the
/// start in seconds since 1970.
const HASH_BITS: u32 = 21;

impl ActivityId {
    /// The id that an activity is born with, unless it is taken: 32 bits of
    /// `start_time_us` (UTC, microseconds, cut to seconds and to 1970..2106)
    /// above 21 bits of `hash`.
    pub fn born(start_time_us: i64, hash: u64) -> Self {
        let second = start_time_us
            .div_euclid(1_000_000)
            .clamp(0, i64::from(u32::MAX));
        let low = hash & ((1 << HASH_BITS) - 1);
        // `low` has 21 bits, so the cast keeps its value.
        Self((second << HASH_BITS) | low as i64)
    }

    /// The id to try next where this one is taken: the hash counts on within
    /// the same second.
    pub fn next(self) -> Self {
        let mask = (1i64 << HASH_BITS) - 1;
        Self((self.0 & !mask) | ((self.0 + 1) & mask))
    }
}

/// What finds an activity's rows in every table: all three columns that each
/// table holds, so that partitions, files and pages can be passed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ActivityKey {
    /// Whose it is.
    pub athlete_id: AthleteId,
    /// Start in UTC, microseconds since 1970.
    pub start_time_us: i64,
    /// The activity.
    pub activity_id: ActivityId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_below_2_to_the_53_and_ordered_by_start() {
        let late = ActivityId::born(i64::from(u32::MAX) * 1_000_000, u64::MAX);
        assert!(late.0 < 1 << 53);
        assert!(ActivityId::born(1_000_000, u64::MAX) < ActivityId::born(2_000_000, 0));
    }

    #[test]
    fn the_next_id_stays_in_its_second() {
        let last = ActivityId::born(5_000_000, u64::MAX);
        assert_eq!(last.next(), ActivityId::born(5_000_000, 0));
    }
}
