//! What a number was computed from.

use arrow::array::{Array, AsArray, Int32Array, Int64Array, RecordBatch};
use arrow::datatypes::Float64Type;
use serde::Serialize;
use serde_json::Value;
use storage::ActivityKey;

use super::because::Cell;
use super::one_batch;
use super::statement::Known;
use crate::derived::totals::climb::{filled, ways};
use crate::downsample::Resolution;
use crate::error::Error;
use crate::exact::Exact;
use crate::output::values;
use crate::read::{parts, streams};
use crate::session::{Rows, Session};

/// One thing that a number was computed from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Input {
    /// A file whose recording the activity is made of.
    Recording {
        /// Of its bytes, without zip and gz.
        raw_sha256: String,
        /// Which recording of the file, from 0.
        part: i32,
        /// The format it was decoded from, such as `fit`.
        source: String,
        /// The name that it came under.
        file_name: String,
        /// Whether the activity's samples are this one's; `None`: the bytes
        /// were not read.
        samples_used: Option<bool>,
    },
    /// The samples that were read.
    Samples {
        /// The first, from 0.
        first_sample: usize,
        /// The last.
        last_sample: usize,
        /// How many there are.
        samples: usize,
        /// The longest time between two that follow each other; `None`: there
        /// is one only.
        largest_gap_s: Option<f64>,
        /// The sample after which it lies.
        largest_gap_after_sample: Option<usize>,
    },
    /// Where the stretch begins.
    Start(End),
    /// Where the stretch ends.
    End(End),
    /// What cleaning found or changed in these samples.
    Finding {
        /// Its number in `findings`.
        finding: i64,
        /// What was odd.
        what: String,
        /// First sample concerned; `None`: the whole activity.
        first_sample: Option<i64>,
        /// Last sample concerned.
        last_sample: Option<i64>,
        /// How large, in the unit that its kind declares.
        size: Option<f64>,
        /// What was done about it.
        action: String,
    },
    /// A stretch that its owner keeps out of records.
    Mask {
        /// Its first sample.
        first_sample: usize,
        /// Its last sample.
        last_sample: usize,
    },
    /// Rows of a table.
    Rows {
        /// The table.
        table: &'static str,
        /// How many rows.
        rows: usize,
    },
}

/// One end of a stretch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct End {
    /// Elapsed time since the first sample.
    pub offset_s: f64,
    /// The axis there, in m; `None`: there is no axis.
    pub distance_m: Option<f64>,
    /// `sample`: it is one; `linear`: between two, distance is linear in time.
    pub interpolated: &'static str,
    /// The one sample, or the two around it.
    pub between: Vec<Sample>,
}

/// One sample.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Its number, from 0.
    pub sample: usize,
    /// Since the first.
    pub elapsed_s: f64,
    /// The axis at it, in m.
    pub distance_m: Option<f64>,
}

/// The inputs of a number of one activity, whose row says by its offsets
/// which stretch it is of; without them it is the whole. And what its SQL has
/// as literals; `None` where it has no samples.
pub(super) async fn of_activity(
    session: &Session,
    key: ActivityKey,
    masks: &[(usize, usize)],
    hysteresis_cm: Option<i64>,
    row: &RecordBatch,
) -> Result<(Vec<Input>, Option<Known>), Error> {
    let channels = ["t_ms", "distance_cm", "altitude_cm"];
    let rows = streams::streams(session, key, &channels, Resolution::Full).await?;
    let rows = one_batch(&streams::by_sample(&rows)?, "streams")?;
    let axes = Axes {
        t_ms: rows["t_ms"].as_primitive(),
        distance_cm: rows["distance_cm"].as_primitive(),
    };
    let samples = axes.t_ms.len();
    if samples == 0 {
        return Ok((Vec::new(), None));
    }
    let altitude: &Int32Array = rows["altitude_cm"].as_primitive();
    let altitude: Vec<Option<i32>> = altitude.iter().collect();
    let known = Known {
        activity_id: key.activity_id,
        masks: masks.to_vec(),
        ways: hysteresis_cm.map_or_else(Vec::new, |back_cm| {
            ways(&filled(axes.t_ms.values(), &altitude), back_cm)
        }),
    };
    let last_ms = axes.t_ms.value(samples - 1);
    let offset = |name| offset_ms(row, name);
    let (from, to) = (offset("start_offset_s"), offset("end_offset_s"));
    let (from_ms, to_ms) = (from.unwrap_or(0), to.unwrap_or(last_ms));
    let times = axes.t_ms.values();
    let first = times.partition_point(|t| *t <= from_ms).saturating_sub(1);
    let last = times.partition_point(|t| *t < to_ms).min(samples - 1);
    let last = last.max(first);
    let inside = &times[first..=last];
    let gaps = inside.windows(2).enumerate();
    let gaps = gaps.map(|(at, pair)| (pair[1] - pair[0], first + at));
    // The first of the longest.
    let largest = gaps.reduce(|longest, gap| if gap.0 > longest.0 { gap } else { longest });
    let mut inputs = vec![
        Input::Samples {
            first_sample: first,
            last_sample: last,
            samples: last - first + 1,
            largest_gap_s: largest.map(|(ms, _)| seconds(ms)),
            largest_gap_after_sample: largest.map(|(_, after)| after),
        },
        Input::Start(axes.end(from_ms, first)),
        Input::End(axes.end(to_ms, last)),
    ];
    let overlapping = masks.iter().filter(|(a, b)| *a <= last && *b >= first);
    inputs.extend(overlapping.map(|&(first_sample, last_sample)| Input::Mask {
        first_sample,
        last_sample,
    }));
    inputs.extend(findings(
        &parts::findings(session, key).await?,
        first,
        last,
    )?);
    Ok((inputs, Some(known)))
}

/// The tables whose rows a number of an athlete comes from.
pub(super) fn tables(because: &[Cell]) -> Vec<Input> {
    let Some(first) = because.first() else {
        return Vec::new();
    };
    let mut keys: Vec<_> = because.iter().map(|cell| cell.key.to_vec()).collect();
    keys.dedup();
    vec![Input::Rows {
        table: first.table,
        rows: keys.len(),
    }]
}

struct Axes<'a> {
    t_ms: &'a Int64Array,
    distance_cm: &'a Int64Array,
}

impl Axes<'_> {
    fn sample(&self, sample: usize) -> Sample {
        let cm = self.distance_cm;
        Sample {
            sample,
            elapsed_s: seconds(self.t_ms.value(sample)),
            distance_m: cm.is_valid(sample).then(|| cm.value(sample) as f64 / 100.0),
        }
    }

    /// An instant; `near` is a sample at or beside it.
    fn end(&self, at_ms: i64, near: usize) -> End {
        let times = self.t_ms.values();
        let after = times.partition_point(|t| *t < at_ms).min(times.len() - 1);
        if times[near] == at_ms || after == 0 || times[after] <= at_ms {
            let at = if times[near] == at_ms { near } else { after };
            let sample = self.sample(at);
            return End {
                offset_s: seconds(at_ms),
                distance_m: sample.distance_m,
                interpolated: "sample",
                between: vec![sample],
            };
        }
        let before = after - 1;
        let cm = self.distance_cm;
        let axis = (cm.is_valid(before) && cm.is_valid(after)).then(|| {
            let (from, to) = (cm.value(before), cm.value(after));
            let part = at_ms - times[before];
            let whole = times[after] - times[before];
            // In mm, so that the rounding is below what people read.
            let mm = Exact::between(
                (from * 10).into(),
                (to * 10).into(),
                part.into(),
                whole.into(),
            );
            mm.rounded() as f64 / 1_000.0
        });
        End {
            offset_s: seconds(at_ms),
            distance_m: axis,
            interpolated: "linear",
            between: vec![self.sample(before), self.sample(after)],
        }
    }
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

/// A stored offset as the whole milliseconds that it was.
fn offset_ms(row: &RecordBatch, name: &str) -> Option<i64> {
    let column = row.column_by_name(name)?;
    let column = column.as_primitive_opt::<Float64Type>()?;
    column
        .is_valid(0)
        .then(|| (column.value(0) * 1_000.0).round() as i64)
}

/// Findings of the whole activity, or of samples within a stretch.
fn findings(rows: &Rows, first: usize, last: usize) -> Result<Vec<Input>, Error> {
    let mut found = Vec::new();
    for row in values(rows)? {
        let number = |name: &str| row.get(name).and_then(Value::as_i64);
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let (from, to) = (number("first_sample"), number("last_sample"));
        let before = to.or(from).is_some_and(|to| to < first as i64);
        let after = from.is_some_and(|from| from > last as i64);
        if before || after {
            continue;
        }
        found.push(Input::Finding {
            finding: number("finding").unwrap_or_default(),
            what: text("kind").to_owned(),
            first_sample: from,
            last_sample: to,
            size: row.get("size").and_then(Value::as_f64),
            action: text("action").to_owned(),
        });
    }
    Ok(found)
}
