//! What a comparison answers, as JSON has it.

use jiff::Timestamp;
use query::cells::Place;
use serde::Serialize;
use serde_json::Value;
use storage::catalog::Outcome;
use storage::lake::past::Kept;
use storage::{ActivityId, AthleteId};

use super::tally::Pair;

/// What changed between two snapshots, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    /// Whose rows were compared.
    pub athlete_id: AthleteId,
    /// The older snapshot.
    pub from: End,
    /// The newer one.
    pub to: End,
    /// Each table that changed, in order of declaration.
    pub tables: Vec<TableDiff>,
    /// How many activities have a row that changed.
    pub activities_changed: u64,
    /// Of them those that are told, the latest first.
    pub activities: Vec<ActivityDiff>,
    /// Whether it was stopped before its end: then it is of a part.
    pub interrupted: bool,
}

/// One of the two snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct End {
    /// Its number.
    pub snapshot: i64,
    /// When it was committed, in UTC.
    pub time: String,
}

/// What changed in one table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TableDiff {
    /// The table.
    pub table: &'static str,
    /// Rows whose key there was not.
    pub rows_added: u64,
    /// Rows whose key is no more.
    pub rows_removed: u64,
    /// Rows that stayed, of which a value is another.
    pub rows_changed: u64,
    /// Values of them that are others.
    pub cells_changed: u64,
    /// The rows that came or went, as many as are told.
    pub rows: Vec<RowDiff>,
    /// Each column of which a value is another, in order of declaration.
    pub columns: Vec<ColumnDiff>,
}

/// A row that came or went.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RowDiff {
    /// Its key, in the order of the table's declaration.
    pub key: Vec<Value>,
    /// Which of both.
    pub change: Change,
    /// Why.
    pub because: Because,
}

/// How a row or an activity changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was not there before.
    Added,
    /// It is not there any more.
    Removed,
    /// It is otherwise.
    Changed,
}

/// What changed in one column.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ColumnDiff {
    /// The column.
    pub column: &'static str,
    /// How many of its values are others.
    pub cells: u64,
    /// The first of them, as many as are told.
    pub sample: Vec<CellDiff>,
}

/// One value that became another.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CellDiff {
    /// The key of its row, in the order of the table's declaration.
    pub key: Vec<Value>,
    /// What it was. Of samples, as text, the first that differs, or how many
    /// there are.
    pub before: Value,
    /// What it is, likewise.
    pub after: Value,
    /// Why.
    pub because: Because,
}

/// What a change follows from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Because {
    /// Activities that changed, each with its reasons in the list of
    /// activities; the first of them.
    pub activities: Vec<ActivityId>,
    /// How many more there are.
    pub more_activities: u64,
    /// What else there is to say.
    pub reasons: Vec<Reason>,
}

/// One activity of which a row changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ActivityDiff {
    /// The activity.
    pub activity_id: ActivityId,
    /// Its start in UTC; of one that is gone, as it was.
    pub start_time: String,
    /// What its owner calls it.
    pub name: Option<String>,
    /// Its sport's family.
    pub sport: String,
    /// Whether it came, went, or is otherwise.
    pub change: Change,
    /// Its rows that came, in all tables that were compared.
    pub rows_added: u64,
    /// Its rows that went.
    pub rows_removed: u64,
    /// Values in its other rows that are others.
    pub cells_changed: u64,
    /// Why.
    pub because: Vec<Reason>,
}

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// What it is, for programs.
    #[serde(flatten)]
    pub kind: Kind,
    /// The same for people, without full stop.
    pub sentence: String,
}

/// Kinds of reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Kind {
    /// The activity was born in between.
    NewActivity,
    /// It ended, since another one took it in.
    Merged {
        /// Which.
        into: ActivityId,
    },
    /// It is gone, and nothing says why.
    Gone,
    /// It has another revision.
    Revision {
        /// Before.
        from: i64,
        /// Now.
        to: i64,
    },
    /// What the audit says of a commit that wrote it in between.
    Audit {
        /// What was being done.
        action: String,
        /// What became of it.
        outcome: Outcome,
        /// The item, such as a file's path.
        path: String,
        /// When, in UTC.
        at: String,
    },
    /// Its owner said something, or takes it back.
    Correction {
        /// What names it.
        correction_id: String,
        /// `mask`, `include`, `unmask` or `exclude`.
        action: &'static str,
    },
    /// A definition has another version.
    Definition {
        /// The definition.
        definition: String,
        /// Its version before; `None`: it was not derived.
        from: Option<u32>,
        /// Its version now; `None`: it is derived no more.
        to: Option<u32>,
    },
    /// An effort left a window of ranks with the days.
    Day {
        /// The first local day on which it is out.
        day: String,
        /// Whose effort.
        activity_id: ActivityId,
    },
    /// Ranks and statistics followed activities that the older snapshot has.
    Followed {
        /// The athlete's revision that they were computed from before.
        from: Option<i64>,
        /// And now.
        to: Option<i64>,
    },
    /// Nothing says why.
    Unrecorded,
}

impl End {
    pub(super) fn of(kept: Kept) -> Self {
        Self {
            snapshot: kept.snapshot_id,
            time: utc(kept.time_us),
        }
    }
}

impl Because {
    /// The activity whose row it is.
    pub(super) fn activity(pair: &Pair, place: &Place) -> Self {
        Self {
            activities: pair.activity_of(place).into_iter().collect(),
            ..Self::default()
        }
    }
}

impl Reason {
    pub(super) fn new(kind: Kind, sentence: impl Into<String>) -> Self {
        Self {
            kind,
            sentence: sentence.into(),
        }
    }

    /// What is said where nothing is known.
    pub(super) fn unrecorded() -> Self {
        Self::new(
            Kind::Unrecorded,
            "neither revision nor definitions changed: it was mended, or another program wrote it",
        )
    }
}

/// An instant as text; beyond the calendar nothing.
pub(super) fn utc(us: i64) -> String {
    let instant = Timestamp::from_microsecond(us);
    instant.map_or_else(|_| String::new(), |instant| instant.to_string())
}
