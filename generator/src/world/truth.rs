//! What is true of a motion: totals, splits and best efforts, exactly.
//!
//! Everything follows from the legs in closed form and knows nothing of
//! samples: position over time is linear between the corners where legs meet,
//! so a time over a distance is least where the stretch begins or ends at a
//! corner, and each of those is a fraction. Times are rounded once, to the ms,
//! with halves upward.

mod ratio;

use serde::Serialize;

use self::ratio::Ratio;
use super::legs::Leg;
use super::sport::Sport;

/// The distances of best efforts, in mm.
const EFFORTS_MM: &[i64] = &[
    400_000, 800_000, 1_000_000, 1_609_344, 5_000_000, 10_000_000, 21_097_500, 42_195_000,
    50_000_000,
];
/// What splits are cut by, in mm.
const SPLITS_MM: &[(&str, i64)] = &[("km", 1_000_000), ("mile", 1_609_344)];
/// A rest shorter than this, in mm, makes no split.
const SHORTEST_SPLIT_MM: i64 = 10;

/// Totals of an outing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Totals {
    /// Null where nothing measures it.
    pub distance_m: Option<f64>,
    /// From the first moment to the last.
    pub elapsed_s: f64,
    /// Without the pauses that were marked.
    pub timer_s: f64,
    /// With movement; where there is no distance, the timer.
    pub moving_s: f64,
}

/// One split.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Split {
    /// `km` or `mile`.
    pub unit: &'static str,
    /// 1 for the first.
    pub split: u32,
    /// Its length; the last may be short.
    pub distance_m: f64,
    /// Time over it.
    pub elapsed_s: f64,
    /// What of it was movement.
    pub moving_s: f64,
    /// When it begins.
    pub start_offset_s: f64,
}

/// The least time over one distance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BestEffort {
    /// Over which distance.
    pub distance_m: f64,
    /// Time over it.
    pub elapsed_s: f64,
    /// When it begins; the earliest of equal ones.
    pub start_offset_s: f64,
    /// When it ends.
    pub end_offset_s: f64,
}

/// All of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Truth {
    /// Totals.
    pub totals: Totals,
    /// By unit and number.
    pub splits: Vec<Split>,
    /// By distance; those over more than the whole are not there.
    pub best_efforts: Vec<BestEffort>,
}

impl Truth {
    /// The truth of a motion.
    pub fn of(sport: Sport, legs: &[Leg]) -> Self {
        let line = Line::of(sport, legs);
        let timer_ms: i64 = legs.iter().filter(|leg| !leg.paused).map(lasts_ms).sum();
        let moving_ms = match sport.has_distance() {
            true => line.moving_ms.iter().map(|(from, to)| to - from).sum(),
            false => timer_ms,
        };
        let measured = sport.has_distance();
        let splits = SPLITS_MM.iter().filter(|_| measured);
        let efforts = EFFORTS_MM.iter().filter(|_| measured);
        Self {
            totals: Totals {
                distance_m: measured.then(|| metres(line.total_mm())),
                elapsed_s: seconds(line.elapsed_ms()),
                timer_s: seconds(timer_ms),
                moving_s: seconds(moving_ms),
            },
            splits: splits.flat_map(|unit| line.splits(*unit)).collect(),
            best_efforts: efforts
                .filter_map(|mm| Some(line.best_effort(*mm)?.shown(*mm)))
                .collect(),
        }
    }
}

fn lasts_ms(leg: &Leg) -> i64 {
    i64::from(leg.lasts_s) * 1_000
}

fn seconds(ms: i64) -> f64 {
    ms as f64 / 1_000.0
}

fn metres(mm: i64) -> f64 {
    mm as f64 / 1_000.0
}

/// Distance over time as the corners between legs: time rises strictly,
/// distance never falls.
#[derive(Clone, Debug)]
struct Line {
    ms: Vec<i64>,
    mm: Vec<i64>,
    /// When there is movement, from and to.
    moving_ms: Vec<(i64, i64)>,
}

/// An effort, not yet rounded.
#[derive(Clone, Copy, Debug)]
struct Effort {
    start: Ratio,
    end: Ratio,
}

impl Effort {
    fn elapsed(&self) -> Ratio {
        self.end.less(self.start)
    }

    fn shown(&self, mm: i64) -> BestEffort {
        BestEffort {
            distance_m: metres(mm),
            elapsed_s: seconds(self.elapsed().rounded()),
            start_offset_s: seconds(self.start.rounded()),
            end_offset_s: seconds(self.end.rounded()),
        }
    }
}

impl Line {
    fn of(sport: Sport, legs: &[Leg]) -> Self {
        let least_cm_s = u64::from(sport.words().least_moving_cm_s);
        let mut line = Self {
            ms: vec![0],
            mm: vec![0],
            moving_ms: Vec::new(),
        };
        let (mut ms, mut mm) = (0, 0);
        for leg in legs {
            let from = ms;
            ms += lasts_ms(leg);
            mm += i64::from(leg.covers_cm) * 10;
            line.ms.push(ms);
            line.mm.push(mm);
            if u64::from(leg.covers_cm) >= least_cm_s * u64::from(leg.lasts_s) {
                line.moving_ms.push((from, ms));
            }
        }
        line
    }

    fn elapsed_ms(&self) -> i64 {
        self.ms.last().copied().unwrap_or_default()
    }

    fn total_mm(&self) -> i64 {
        self.mm.last().copied().unwrap_or_default()
    }

    /// The first instant at which `mm` is reached; it lies within the whole.
    fn first_at(&self, mm: i64) -> Ratio {
        let corner = self.mm.partition_point(|reached| *reached < mm);
        match self.mm[corner] == mm {
            true => Ratio::whole(self.ms[corner]),
            false => self.within(corner - 1, mm),
        }
    }

    /// The last instant at which no more than `mm` is reached.
    fn last_at(&self, mm: i64) -> Ratio {
        let corner = self.mm.partition_point(|reached| *reached <= mm) - 1;
        match self.mm[corner] == mm {
            true => Ratio::whole(self.ms[corner]),
            false => self.within(corner, mm),
        }
    }

    /// When `mm` is reached between a corner and the next, by proportion.
    fn within(&self, corner: usize, mm: i64) -> Ratio {
        let (from, to) = (corner, corner + 1);
        let part_mm = i128::from(mm - self.mm[from]);
        let whole_mm = i128::from(self.mm[to] - self.mm[from]);
        let lasts_ms = i128::from(self.ms[to] - self.ms[from]);
        Ratio::new(
            i128::from(self.ms[from]) * whole_mm + part_mm * lasts_ms,
            whole_mm,
        )
    }

    /// The least time over `mm` and, of several that last as long, the
    /// earliest; `None` where the whole is shorter.
    ///
    /// An effort leaves a place at the last instant there and arrives at the
    /// first, so that no stop at either end counts.
    fn best_effort(&self, mm: i64) -> Option<Effort> {
        let begins_at_corner = self.mm.iter().copied();
        let ends_at_corner = self.mm.iter().map(|at| at - mm);
        let starts = begins_at_corner.chain(ends_at_corner);
        let possible = starts.filter(|from| *from >= 0 && *from + mm <= self.total_mm());
        let efforts = possible.map(|from| Effort {
            start: self.last_at(from),
            end: self.first_at(from + mm),
        });
        efforts.min_by(|a, b| {
            let shorter = a.elapsed().cmp(&b.elapsed());
            shorter.then(a.start.cmp(&b.start))
        })
    }

    fn splits(&self, (unit, length_mm): (&'static str, i64)) -> Vec<Split> {
        let whole = self.total_mm() / length_mm;
        let mut bounds_ms = vec![0];
        bounds_ms.extend((1..=whole).map(|number| self.first_at(number * length_mm).rounded()));
        let rest_mm = self.total_mm() % length_mm;
        if rest_mm >= SHORTEST_SPLIT_MM {
            bounds_ms.push(self.elapsed_ms());
        }
        let pairs = bounds_ms.windows(2).zip(1..);
        pairs
            .map(|(ends, split)| Split {
                unit,
                split,
                distance_m: metres(match i64::from(split) > whole {
                    true => rest_mm,
                    false => length_mm,
                }),
                elapsed_s: seconds(ends[1] - ends[0]),
                moving_s: seconds(self.moving_between(ends[0], ends[1])),
                start_offset_s: seconds(ends[0]),
            })
            .collect()
    }

    fn moving_between(&self, from_ms: i64, to_ms: i64) -> i64 {
        let shared = |(from, to): &(i64, i64)| (*to).min(to_ms) - (*from).max(from_ms);
        self.moving_ms.iter().map(|leg| shared(leg).max(0)).sum()
    }
}

#[cfg(test)]
mod tests;
