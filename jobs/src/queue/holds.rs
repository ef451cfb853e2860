//! Kinds that a worker leaves alone for a while, since their limit is used.
//!
//! Without it each of a hundred thousand waiting jobs would be claimed once, to
//! find what the first one found.

use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use storage::catalog::ANY_PRIORITY;

/// How long a kind is left alone at most: then one job looks again whether the
/// limit, which may have been raised, still holds.
const LONGEST: SignedDuration = SignedDuration::from_mins(5);

/// What is left alone.
#[derive(Debug, Default)]
pub(super) struct Holds(Mutex<Vec<Hold>>);

/// Jobs of one kind that are left alone.
#[derive(Debug)]
struct Hold {
    kind: String,
    /// Those with this priority number and greater ones.
    from: i64,
    until: Timestamp,
}

impl Hold {
    fn covers(&self, other: &Self) -> bool {
        self.kind == other.kind && self.from <= other.from && self.until >= other.until
    }
}

impl Holds {
    /// Leaves jobs of the kind alone that are no more urgent than `from`, until
    /// then or for five minutes.
    pub fn add(&self, kind: &str, from: i64, now: Timestamp, until: Timestamp) {
        let until = until.min(now.saturating_add(LONGEST).unwrap_or(until));
        let new = Hold {
            kind: kind.to_owned(),
            from,
            until,
        };
        let mut holds = self.holds();
        if !holds.iter().any(|hold| hold.covers(&new)) {
            holds.retain(|hold| !new.covers(hold));
            holds.push(new);
        }
    }

    /// The priority number below which jobs of the kind are taken.
    pub fn ceiling(&self, kind: &str, now: Timestamp) -> i64 {
        let mut holds = self.holds();
        holds.retain(|hold| hold.until > now);
        let of_kind = holds.iter().filter(|hold| hold.kind == kind);
        let least = of_kind.map(|hold| hold.from).min();
        least.unwrap_or(ANY_PRIORITY)
    }

    fn holds(&self) -> std::sync::MutexGuard<'_, Vec<Hold>> {
        // Nothing that is done under it can leave the list half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_urgent_are_held_longest() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let holds = Holds::default();
        assert_eq!(holds.ceiling("fetch", at(0)), ANY_PRIORITY);
        holds.add("fetch", 50, at(0), at(20));
        holds.add("fetch", 10, at(0), at(10));
        // What these say is said already.
        holds.add("fetch", 50, at(0), at(15));
        holds.add("fetch", 60, at(0), at(10));
        assert_eq!(holds.holds().len(), 2);
        assert_eq!(holds.ceiling("fetch", at(9)), 10);
        assert_eq!(holds.ceiling("poll", at(9)), ANY_PRIORITY);
        assert_eq!(holds.ceiling("fetch", at(10)), 50);
        assert_eq!(holds.ceiling("fetch", at(20)), ANY_PRIORITY);
        assert!(holds.holds().is_empty());
        holds.add("fetch", 50, at(0), at(86_400));
        assert_eq!(holds.ceiling("fetch", at(299)), 50);
        assert_eq!(holds.ceiling("fetch", at(300)), ANY_PRIORITY);
    }
}
