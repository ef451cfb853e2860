//! What became of each item of an import.

use std::collections::BTreeMap;

use serde::Serialize;
pub use storage::catalog::Outcome;
use storage::{ActivityId, Code, Failure};

/// One line of a report: one recording, or one file without any.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Item {
    /// Where it came from; a member of an archive stands after its path.
    pub path: String,
    /// What became of it.
    pub outcome: Outcome,
    /// The activity that it became part of.
    pub activity_id: Option<ActivityId>,
    /// For failures, the stable code.
    pub code: Option<&'static str>,
    /// Why it came out as it did, for people.
    pub reason: String,
    /// For failures, what to try.
    pub try_next: Option<String>,
}

impl Item {
    /// An item that failed by `error`.
    pub fn failed(path: String, error: &dyn Failure) -> Self {
        Self::failed_by(path, error.code(), error.to_string(), error.try_next())
    }

    /// An item that failed, with the parts of its message.
    pub fn failed_by(path: String, code: Code, reason: String, try_next: &str) -> Self {
        Self {
            path,
            outcome: Outcome::Failed,
            activity_id: None,
            code: Some(code.name()),
            reason,
            try_next: Some(try_next.to_owned()),
        }
    }

    /// An item that is no recording.
    pub fn ignored(path: String, reason: &str) -> Self {
        Self {
            path,
            outcome: Outcome::Ignored,
            activity_id: None,
            code: None,
            reason: reason.to_owned(),
            try_next: None,
        }
    }
}

/// The report of one import. Counts are of items.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Report {
    /// How many activities were born.
    pub created: usize,
    /// How many activities have a new source.
    pub updated: usize,
    /// How many were there already.
    pub skipped: usize,
    /// How many are no recordings.
    pub ignored: usize,
    /// How many did not go in.
    pub failed: usize,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// All of them, in the order of the walk.
    pub items: Vec<Item>,
}

impl Report {
    /// Adds one item and counts it.
    pub fn add(&mut self, item: Item) {
        let count = match item.outcome {
            Outcome::Created => &mut self.created,
            Outcome::Updated => &mut self.updated,
            Outcome::Skipped => &mut self.skipped,
            Outcome::Ignored => &mut self.ignored,
            Outcome::Failed => &mut self.failed,
            // An import takes nothing away.
            Outcome::Purged => return,
        };
        *count += 1;
        self.items.push(item);
    }

    /// Failures by code, with their number, in order of code.
    pub fn failures_by_code(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for code in self.items.iter().filter_map(|item| item.code) {
            *counts.entry(code).or_insert(0) += 1;
        }
        counts
    }
}
