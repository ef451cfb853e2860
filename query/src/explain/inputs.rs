//! What a number was computed from.

use arrow::array::{Array, AsArray, Int32Array, Int64Array, RecordBatch};
use arrow::datatypes::Float64Type;
use serde::Serialize;
use serde_json::Value;
use storage::ActivityKey;
use storage::catalog::{Correct, Correction};

use super::because::Cell;
use super::one_batch;
use super::statement::Known;
use crate::activity::masked_samples;
use crate::derived::totals::climb::{filled, ways};
use crate::downsample::Resolution;
use crate::error::Error;
use crate::exact::Exact;
use crate::output::values;
use crate::read::refused::{Refused, refused};
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
        /// Why, in their words.
        reason: String,
    },
    /// An effort that counts because its owner includes it, whatever bars it.
    Included {
        /// Over which distance, in m.
        distance_m: f64,
        /// Why, in their words.
        reason: String,
    },
    /// A faster effort over the same distance, which does not count.
    Refused {
        /// How long it would have taken.
        elapsed_s: f64,
        /// Its first sample.
        first_sample: usize,
        /// Its last sample.
        last_sample: usize,
        /// Each thing that bars it, such as `41 m in 1 s at 12:04:10`.
        because: Vec<String>,
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
    corrections: &[Correction],
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
    let said = Said::of(corrections, key, axes.t_ms.values());
    let known = Known {
        activity_id: key.activity_id,
        masks: said.masks.iter().map(|(samples, _)| *samples).collect(),
        included_mm: said.included.iter().map(|(mm, _)| *mm).collect(),
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
    inputs.extend(said.inputs(row, first, last));
    if let Some(distance_mm) = effort_mm(row) {
        let refused = refused(session, key, corrections).await?;
        let over = |one: &Refused| (one.distance_m * 1_000.0).round() as i64 == distance_mm;
        let others = refused.into_iter().filter(over);
        inputs.extend(others.map(|one| Input::Refused {
            elapsed_s: one.elapsed_s,
            first_sample: one.first_sample,
            last_sample: one.last_sample,
            because: one.because,
        }));
    }
    inputs.extend(findings(
        &parts::findings(session, key).await?,
        first,
        last,
    )?);
    Ok((inputs, Some(known)))
}

/// What the owner of an activity says of it, each with why.
struct Said<'a> {
    /// The first and last sample of each masked stretch.
    masks: Vec<((usize, usize), &'a str)>,
    /// Distances, in mm.
    included: Vec<(i64, &'a str)>,
}

impl<'a> Said<'a> {
    fn of(corrections: &'a [Correction], key: ActivityKey, t_ms: &[i64]) -> Self {
        let (mut masks, mut included) = (Vec::new(), Vec::new());
        for correction in corrections {
            let reason = correction.reason.as_str();
            match correction.what {
                Correct::Mask { from_us, to_us } => {
                    let samples = masked_samples((from_us, to_us), key.start_time_us, t_ms);
                    masks.extend(samples.map(|samples| (samples, reason)));
                }
                Correct::Include { distance_mm } => included.push((distance_mm, reason)),
            }
        }
        Self { masks, included }
    }

    /// What of it concerns a row whose stretch these samples are.
    fn inputs(self, row: &RecordBatch, first: usize, last: usize) -> Vec<Input> {
        let overlapping = self.masks.into_iter();
        let overlapping = overlapping.filter(|((a, b), _)| *a < last && *b > first);
        let masks = overlapping.map(|((first_sample, last_sample), reason)| Input::Mask {
            first_sample,
            last_sample,
            reason: reason.to_owned(),
        });
        let distance_mm = effort_mm(row);
        let included = self.included.into_iter();
        let included = included.filter(|(mm, _)| distance_mm == Some(*mm));
        let included = included.map(|(mm, reason)| Input::Included {
            distance_m: mm as f64 / 1_000.0,
            reason: reason.to_owned(),
        });
        masks.chain(included).collect()
    }
}

/// The distance that an effort is over, in mm; `None`: the row is of no effort.
/// Of all rows only theirs have a distance and a first sample.
fn effort_mm(row: &RecordBatch) -> Option<i64> {
    row.column_by_name("first_sample")?;
    offset_ms(row, "distance_m")
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
