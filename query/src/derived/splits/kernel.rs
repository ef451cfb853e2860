//! An activity cut at whole kilometres and miles.

use crate::exact::Exact;
use crate::measured::Measured;

/// A rest shorter than this makes no split.
const SHORTEST_MM: i64 = 10;

/// What an activity is cut by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SplitUnit {
    /// 1000 m.
    Kilometre,
    /// 1609.344 m.
    Mile,
}

impl SplitUnit {
    /// All of them, in order of name.
    pub const ALL: [Self; 2] = [Self::Kilometre, Self::Mile];

    /// As the column `unit` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kilometre => "km",
            Self::Mile => "mile",
        }
    }

    /// Its length.
    pub fn length_mm(self) -> i64 {
        match self {
            Self::Kilometre => 1_000_000,
            Self::Mile => 1_609_344,
        }
    }
}

/// One split.
#[derive(Clone, Debug, PartialEq)]
pub struct Split {
    /// Of what it is one.
    pub unit: SplitUnit,
    /// 1 for the first.
    pub number: usize,
    /// Its length; the last may be short.
    pub distance_mm: i64,
    /// When it begins, since the first sample, rounded.
    pub start_ms: i64,
    /// When it ends.
    pub end_ms: i64,
    /// What of it was movement.
    pub moving_ms: i64,
}

impl Split {
    /// Elapsed time over distance: ms over mm is 1000 s/km.
    pub fn pace_s_per_km(&self) -> f64 {
        ((self.end_ms - self.start_ms) * 1_000) as f64 / self.distance_mm as f64
    }
}

/// The splits of one activity, by unit and number; none without an axis.
pub fn splits(measured: &Measured) -> Vec<Split> {
    let units = SplitUnit::ALL.into_iter();
    units.flat_map(|unit| cut(measured, unit)).collect()
}

fn cut(measured: &Measured, unit: SplitUnit) -> Vec<Split> {
    let Some(total_cm) = measured.distance_cm() else {
        return Vec::new();
    };
    let total_mm = total_cm * 10;
    let length_mm = unit.length_mm();
    let mut bounds = boundaries(measured, length_mm);
    let rest_mm = total_mm % length_mm;
    if rest_mm >= SHORTEST_MM {
        bounds.push(measured.elapsed_ms());
    }
    let moving = measured.moving();
    let splits = bounds.windows(2).zip(1..).map(|(ends, number)| Split {
        unit,
        number,
        distance_mm: length_mm.min(total_mm - length_mm * (number as i64 - 1)),
        start_ms: ends[0],
        end_ms: ends[1],
        moving_ms: moving.between(ends[0], ends[1]),
    });
    splits.collect()
}

/// The start, and when each multiple of `length_mm` is first reached, each
/// rounded to the ms.
fn boundaries(measured: &Measured, length_mm: i64) -> Vec<i64> {
    let activity = measured.activity();
    let (t, d) = (&activity.t_ms, &activity.distance_cm);
    let mut bounds = vec![0];
    let mut target_mm = length_mm;
    for step in 1..d.len() {
        let (from_mm, to_mm) = ((d[step - 1] - d[0]) * 10, (d[step] - d[0]) * 10);
        while target_mm <= to_mm {
            let reached = Exact::between(
                t[step - 1].into(),
                t[step].into(),
                (target_mm - from_mm).into(),
                (to_mm - from_mm).into(),
            );
            bounds.push(reached.rounded());
            target_mm += length_mm;
        }
    }
    bounds
}
