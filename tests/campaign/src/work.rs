//! What the processes of a campaign do.

use serde::{Deserialize, Serialize};

/// One kind of command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// `import` of one recording, as live ones come in.
    ImportOne,
    /// `import` of several at once.
    ImportMany,
    /// `recompute`.
    Recompute,
    /// `recompute --full`.
    RecomputeFull,
    /// `maintain`.
    Maintain,
}

impl Work {
    /// Every kind.
    pub const ALL: [Self; 5] = [
        Self::ImportOne,
        Self::ImportMany,
        Self::Recompute,
        Self::RecomputeFull,
        Self::Maintain,
    ];

    /// As the report has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ImportOne => "import of one recording",
            Self::ImportMany => "import of several",
            Self::Recompute => "recompute",
            Self::RecomputeFull => "recompute --full",
            Self::Maintain => "maintain",
        }
    }

    /// Its arguments, without paths.
    pub fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::ImportOne | Self::ImportMany => &["import", "--format", "json"],
            Self::Recompute => &["recompute"],
            Self::RecomputeFull => &["recompute", "--full"],
            Self::Maintain => &["maintain", "--keep-snapshots-s", "1"],
        }
    }
}

/// What a process logs when a commit's files are written and its transaction
/// is next.
const FILES_WRITTEN: &str = "files written";

/// How far a process had come when it ended, by what it said last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing of its work was to be seen yet.
    Starting,
    /// Raw bytes were kept, no Parquet file written.
    BytesKept,
    /// Parquet files were written; the transaction was next, or open.
    FilesWritten,
    /// A commit was made and not yet told; the next one was not begun.
    Committed,
    /// Not known: a build that did not log how far it was.
    NotTold,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 5] = [
        Self::Starting,
        Self::BytesKept,
        Self::FilesWritten,
        Self::Committed,
        Self::NotTold,
    ];

    /// As the report has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "before anything was kept",
            Self::BytesKept => "raw bytes kept",
            Self::FilesWritten => "Parquet written, transaction next or open",
            Self::Committed => "committed, not told",
            Self::NotTold => "not known: by a build that did not log it",
        }
    }

    /// The phase that a log ends in.
    pub fn of_log(log: &str) -> Self {
        let said = |line: &str| {
            [
                ("raw bytes kept", Self::BytesKept),
                (FILES_WRITTEN, Self::FilesWritten),
                ("snapshot committed", Self::Committed),
            ]
            .into_iter()
            .find(|(words, _)| line.contains(words))
            .map(|(_, phase)| phase)
        };
        log.lines().rev().find_map(said).unwrap_or(Self::Starting)
    }

    /// How many commits of a log had their files written.
    pub fn commits_of_log(log: &str) -> usize {
        log.matches(FILES_WRITTEN).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_counts() {
        assert_eq!(Phase::of_log("error: x\n"), Phase::Starting);
        let log = "DEBUG raw bytes kept\nDEBUG files written\nDEBUG other\n";
        assert_eq!(Phase::of_log(log), Phase::FilesWritten);
        let log = format!("{log}DEBUG snapshot committed snapshot_id=3\n");
        assert_eq!(Phase::of_log(&log), Phase::Committed);
        assert_eq!(Phase::commits_of_log(&log), 1);
    }
}
