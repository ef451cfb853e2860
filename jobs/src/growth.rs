//! What commits of an import added to an athlete, where they added activities
//! and changed none: then ranks and statistics follow by what was added.

use storage::ActivityKey;

use crate::identify::Planned;

/// More births than this are not followed one by one: they touch most periods.
const MOST_BIRTHS: usize = 256;

/// Commits of one athlete, one after the other with none of others between.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// The athlete's revision before the first.
    pub from: i64,
    /// The athlete's revision after the last.
    pub to: i64,
    /// The activities that were born; `None` where there are too many, or
    /// where an activity was changed or ended.
    pub births: Option<Vec<ActivityKey>>,
}

impl Growth {
    /// The commit of a batch that was decided at a revision of its athlete,
    /// which it raises by 1.
    pub(crate) fn of_batch(decided_at: i64, planned: &[Planned]) -> Self {
        let is_birth = |planned: &Planned| planned.previous.is_none() && planned.ended.is_empty();
        let births = planned.iter().all(is_birth);
        let keys = || planned.iter().map(|planned| planned.key).collect();
        Self {
            from: decided_at,
            to: decided_at + 1,
            births: births.then(keys),
        }
        .bounded()
    }

    /// This, and a later commit.
    pub(crate) fn and(self, later: Self) -> Self {
        let births = match (self.births, later.births) {
            (Some(births), Some(more)) if self.to == later.from => Some([births, more].concat()),
            _ => None,
        };
        Self {
            from: self.from,
            to: later.to,
            births,
        }
        .bounded()
    }

    fn bounded(mut self) -> Self {
        self.births = self.births.filter(|births| births.len() <= MOST_BIRTHS);
        self
    }
}
