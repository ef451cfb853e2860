//! The schema of a comparison: the object that [`jobs::diff::Diff`] is written
//! as.

use serde_json::Value;
use utoipa::ToSchema;

/// What changed between two snapshots, and why. Counts are of all; lists are
/// bounded by `limit`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Diff {
    /// Whose rows were compared.
    athlete_id: i64,
    /// The older snapshot.
    from: DiffEnd,
    /// The newer one.
    to: DiffEnd,
    /// Each table that changed.
    tables: Vec<TableDiff>,
    /// How many activities have a row that changed.
    activities_changed: u64,
    /// Of them those that are told, the latest first.
    activities: Vec<ActivityDiff>,
    /// Whether it was stopped before its end.
    interrupted: bool,
}

/// One of the two snapshots.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct DiffEnd {
    /// Its number.
    snapshot: i64,
    /// When it was committed, in UTC.
    #[schema(format = DateTime)]
    time: String,
}

/// What changed in one table.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct TableDiff {
    /// The table.
    table: String,
    /// Rows whose key there was not.
    rows_added: u64,
    /// Rows whose key is no more.
    rows_removed: u64,
    /// Rows that stayed, of which a value is another.
    rows_changed: u64,
    /// Values of them that are others.
    cells_changed: u64,
    /// The first of the rows that came or went.
    rows: Vec<RowDiff>,
    /// Each column of which a value is another.
    columns: Vec<ColumnDiff>,
}

/// A row that came or went.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct RowDiff {
    /// Its key, in the order of the table's declaration.
    key: Vec<Value>,
    /// `added` or `removed`.
    change: String,
    /// Why.
    because: DiffBecause,
}

/// What changed in one column.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct ColumnDiff {
    /// The column.
    column: String,
    /// How many of its values are others.
    cells: u64,
    /// The first of them.
    sample: Vec<CellDiff>,
}

/// One value that became another.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct CellDiff {
    /// The key of its row, in the order of the table's declaration.
    key: Vec<Value>,
    /// What it was. Of samples, as text, the first that differs, or how many there are.
    before: Value,
    /// What it is, likewise.
    after: Value,
    /// Why.
    because: DiffBecause,
}

/// What a change follows from.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct DiffBecause {
    /// The first of the activities that it follows from, which changed too.
    activities: Vec<i64>,
    /// How many more there are.
    more_activities: u64,
    /// What else there is to say.
    reasons: Vec<DiffReason>,
}

/// One activity of which a row changed.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct ActivityDiff {
    /// The activity.
    activity_id: i64,
    /// Its start in UTC; of one that is gone, as it was.
    #[schema(format = DateTime)]
    start_time: String,
    /// What its owner calls it.
    #[schema(required)]
    name: Option<String>,
    /// Its sport's family.
    sport: String,
    /// `added`, `removed` or `changed`.
    change: String,
    /// Its rows that came, in all tables that were compared.
    rows_added: u64,
    /// Its rows that went.
    rows_removed: u64,
    /// Values in its other rows that are others.
    cells_changed: u64,
    /// Why.
    because: Vec<DiffReason>,
}

/// One reason: which fields are there depends on its kind.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct DiffReason {
    /// Which kind: `new_activity`, `merged`, `gone`, `revision`, `audit`, `correction`,
    /// `definition`, `day`, `followed` or `unrecorded`.
    kind: String,
    /// It for people, without full stop.
    sentence: String,
    /// Of a merge: the activity that took this one in.
    into: Option<i64>,
    /// Of a revision, a definition or what followed: the number before.
    from: Option<i64>,
    /// Of a revision, a definition or what followed: the number now.
    to: Option<i64>,
    /// Of the audit: what was being done, such as `import`; of a correction: `mask`, `unmask`,
    /// `include` or `exclude`.
    action: Option<String>,
    /// Of the audit: `created` or `updated`.
    outcome: Option<String>,
    /// Of the audit: the item, such as a file's path.
    path: Option<String>,
    /// Of the audit: when, in UTC.
    at: Option<String>,
    /// Of a correction: what names it.
    correction_id: Option<String>,
    /// Of a definition: its name.
    definition: Option<String>,
    /// Of a day: the first local day on which the effort is out of the window.
    day: Option<String>,
    /// Of a day: whose effort it is.
    activity_id: Option<i64>,
}
