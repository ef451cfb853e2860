//! The schemas of what is said of an activity, and of what that changed: the
//! objects that [`jobs::correct`] and [`query::read::refused`] write.

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// What came of a wish.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Corrected {
    /// The activity.
    activity_id: i64,
    /// Its revision now.
    revision: i64,
    /// What was done, in a sentence.
    sentence: String,
    /// What is said of the activity now.
    corrections: Vec<Correction>,
    /// How many rows changed, by table; the ledger is not counted.
    rows: BTreeMap<String, RowChanges>,
}

/// What came of undoing or redoing a merge.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Regrouped {
    /// The activities that there are now of those recordings; the one that was taken out last.
    activities: Vec<i64>,
    /// What was done, in a sentence.
    sentence: String,
    /// How many rows changed, by table; the ledger is not counted.
    rows: BTreeMap<String, RowChanges>,
}

/// Rows of one table that came, went, or are otherwise than before.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct RowChanges {
    /// Rows with a key that there was not.
    added: u64,
    /// Rows whose key is no more.
    removed: u64,
    /// Rows of which a value is another.
    changed: u64,
}

/// All that is said of an activity.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct CorrectionList {
    /// Oldest first.
    items: Vec<Correction>,
}

/// One thing that its owner says of an activity.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Correction {
    /// What names it.
    correction_id: String,
    /// `mask` or `include`.
    kind: String,
    /// Where a mask begins, in UTC; null: with the activity.
    #[schema(required, format = DateTime)]
    from: Option<String>,
    /// Where it ends; null: with the activity.
    #[schema(required, format = DateTime)]
    to: Option<String>,
    /// Over which distance an effort is included, in m.
    #[schema(required)]
    distance_m: Option<f64>,
    /// Why, in the owner's words.
    reason: String,
    /// When it was said, in UTC.
    #[schema(format = DateTime)]
    made_at: String,
    /// What it says, in the activity's own time.
    sentence: String,
}

/// Efforts that do not count.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct RefusedEffortList {
    /// Shortest distance first.
    items: Vec<RefusedEffort>,
}

/// An effort that a jump or a mask kept out of `best_efforts`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct RefusedEffort {
    /// Over which distance, in m.
    distance_m: f64,
    /// How long it would have taken.
    elapsed_s: f64,
    /// When it begins, since the activity's first sample.
    start_offset_s: f64,
    /// When it ends.
    end_offset_s: f64,
    /// The sample at or before its start, from 0.
    first_sample: i64,
    /// The sample at or after its end.
    last_sample: i64,
    /// `jump`, `mask` or `jump_and_mask`.
    cause: String,
    /// Each thing that bars it, such as `41 m in 1 s at 12:04:10`.
    because: Vec<String>,
}
