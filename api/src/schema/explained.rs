//! The schema of an explanation: the object that
//! [`query::explain::Explanation`] is written as.

use serde_json::Value;
use utoipa::ToSchema;

/// What one number is and where it comes from.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Explanation {
    /// Its table.
    table: String,
    /// Its key, in the order of the table's declaration.
    key: Vec<Value>,
    /// Its column.
    column: String,
    /// The number, as it is stored.
    value: Value,
    /// What it is measured in; null: a name, a day, an id.
    #[schema(required)]
    unit: Option<String>,
    /// What it means, to a runner.
    sentence: String,
    /// The definition that it comes from; null: its source says so.
    #[schema(required)]
    definition: Option<String>,
    /// The definition's version.
    #[schema(required)]
    version: Option<u32>,
    /// `elapsed`, `timer` or `moving`; null: no time enters into it.
    #[schema(required)]
    clock: Option<String>,
    /// The lake's snapshot that was read.
    snapshot: i64,
    /// What it was computed from.
    inputs: Vec<Input>,
    /// One row and one column: the same number, in any engine on the lake.
    sql: String,
    /// The number computed anew from the raw bytes; null: it was not asked for.
    #[schema(required)]
    recomputed: Option<Recomputed>,
    /// The numbers that it comes from.
    because: Vec<Cell>,
}

/// One thing that a number was computed from: which fields are there depends on
/// its kind.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Input {
    /// Which kind: `recording`, `samples`, `start`, `end`, `finding`, `mask`,
    /// `included`, `refused` or `rows`.
    kind: String,
    /// Of a recording: SHA-256 of its bytes, without zip and gz.
    raw_sha256: Option<String>,
    /// Of a recording: which one of its file, from 0.
    part: Option<i32>,
    /// Of a recording: the format it was decoded from, such as `fit`.
    source: Option<String>,
    /// Of a recording: the name that it came under.
    file_name: Option<String>,
    /// Of a recording: whether the activity's samples are its own; null: the bytes were not read.
    samples_used: Option<bool>,
    /// Of samples, a finding, a mask or a refused effort: the first sample, from 0.
    first_sample: Option<i64>,
    /// Of samples, a finding, a mask or a refused effort: the last sample.
    last_sample: Option<i64>,
    /// Of samples: how many there are.
    samples: Option<i64>,
    /// Of samples: the longest time between two that follow each other.
    largest_gap_s: Option<f64>,
    /// Of samples: the one after which that time lies.
    largest_gap_after_sample: Option<i64>,
    /// Of an end: elapsed time since the first sample.
    offset_s: Option<f64>,
    /// Of an end: the axis there, in m; null: there is no axis. Of an included effort: over which.
    distance_m: Option<f64>,
    /// Of an end: `sample` where it is one, `linear` where it lies between two.
    interpolated: Option<String>,
    /// Of an end: the one sample, or the two around it.
    between: Option<Vec<Sample>>,
    /// Of a finding: its number in `findings`.
    finding: Option<i64>,
    /// Of a finding: what was odd.
    what: Option<String>,
    /// Of a finding: how large, in the unit that its kind declares.
    size: Option<f64>,
    /// Of a finding: what was done about it.
    action: Option<String>,
    /// Of a mask or an included effort: why, in its owner's words.
    reason: Option<String>,
    /// Of a refused effort, which would be faster: how long it would have taken.
    elapsed_s: Option<f64>,
    /// Of a refused effort: each thing that bars it, such as `41 m in 1 s at 12:04:10`.
    because: Option<Vec<String>>,
    /// Of rows: their table.
    table: Option<String>,
    /// Of rows: how many.
    rows: Option<i64>,
}

/// One sample.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Sample {
    /// Its number, from 0.
    sample: i64,
    /// Since the first.
    elapsed_s: f64,
    /// The axis at it, in m; null: there is no axis.
    #[schema(required)]
    distance_m: Option<f64>,
}

/// A number that was computed anew.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Recomputed {
    /// What came out; null where there is no such row, or no value in it.
    value: Value,
    /// Whether it is what is stored, bit for bit.
    equal: bool,
    /// How many activities' bytes were read.
    activities: usize,
    /// Why it need not be what is stored, where it is not: the snapshot is an older one.
    #[schema(required)]
    remark: Option<String>,
}

/// One number, with its address.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description")]
pub struct Cell {
    /// Its table.
    table: String,
    /// Its key, in the order of the table's declaration.
    key: Vec<Value>,
    /// Its column.
    column: String,
    /// The number.
    value: Value,
}
