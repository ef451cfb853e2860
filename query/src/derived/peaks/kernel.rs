//! The best window of each duration, exactly, with two pointers.

use crate::derived::sweep::{Place, Sweep};
use crate::derived::totals::climb::Climb;
use crate::exact::Exact;
use crate::measured::{Measured, running_count};

/// The durations, in ms: 1 s to 90 min.
pub const DURATIONS_MS: [i64; 12] = [
    1_000, 5_000, 10_000, 30_000, 60_000, 120_000, 300_000, 600_000, 1_200_000, 1_800_000,
    3_600_000, 5_400_000,
];

/// The longest time between two heart rates that a window may hold.
const HEART_RATE_GAP_MS: i64 = 30_000;

/// The longest time between two powers for which the first still holds.
const POWER_GAP_MS: i64 = 10_000;

/// What a peak is the best average of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Altitude gained over the window, in metres an hour.
    Climb,
    /// Beats per minute.
    HeartRate,
    /// Watts.
    Power,
    /// Distance over the window, in metres a second.
    Speed,
}

impl Measure {
    /// All of them, in order of name.
    pub const ALL: [Self; 4] = [Self::Climb, Self::HeartRate, Self::Power, Self::Speed];

    /// As the column `measure` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Climb => "climb_m_per_h",
            Self::HeartRate => "heart_rate_bpm",
            Self::Power => "power_w",
            Self::Speed => "speed_m_s",
        }
    }

    /// What a rise of the measure's line by 1 in 1 ms is in its unit.
    fn factor(self) -> i128 {
        match self {
            Self::Climb => 36_000,
            Self::HeartRate | Self::Power => 1,
            Self::Speed => 10,
        }
    }
}

/// One peak.
#[derive(Clone, Debug, PartialEq)]
pub struct Peak {
    /// Of what.
    pub measure: Measure,
    /// Over how long.
    pub duration_ms: i64,
    /// The best average, in the measure's unit.
    pub value: f64,
    /// When its window begins, since the first sample.
    pub start_ms: i64,
}

/// What a measure adds up to since the first sample, at every sample and
/// linear between; and the steps that no window may touch.
struct Line<'a> {
    t_ms: &'a [i64],
    y: Vec<i128>,
    barred: Vec<u32>,
}

/// The peaks of one activity, by measure and duration.
pub fn peaks(measured: &Measured) -> Vec<Peak> {
    let mut peaks = Vec::new();
    for measure in Measure::ALL {
        let Some(line) = Line::new(measured, measure) else {
            continue;
        };
        for duration_ms in DURATIONS_MS {
            let Some((start_ms, rise)) = line.steepest(duration_ms) else {
                continue;
            };
            peaks.push(Peak {
                measure,
                duration_ms,
                value: rise.scaled(measure.factor(), duration_ms.into()),
                start_ms,
            });
        }
    }
    peaks
}

impl<'a> Line<'a> {
    /// The line of one measure; `None` where it was never recorded.
    fn new(measured: &Measured<'a>, measure: Measure) -> Option<Self> {
        let activity = measured.activity();
        let t_ms = activity.t_ms.as_slice();
        let steps = 0..t_ms.len().saturating_sub(1);
        let masked = |step: usize| measured.barred().has_mask(step, step);
        let summed = |channel: &[Option<i32>], gap_ms: i64, beyond: Option<i32>| {
            let rates = rates(t_ms, channel, gap_ms, beyond)?;
            let barred = |step: usize| rates[step].is_none() || masked(step);
            Some((
                running_sum(t_ms, &rates),
                running_count(steps.clone().map(barred)),
            ))
        };
        let (y, barred) = match measure {
            Measure::Climb => (
                wide(measured.climb().map(Climb::altitude_cm)?),
                running_count(steps.clone().map(masked)),
            ),
            Measure::HeartRate => summed(&activity.heart_rate_bpm, HEART_RATE_GAP_MS, None)?,
            Measure::Power => summed(&activity.power_w, POWER_GAP_MS, Some(0))?,
            Measure::Speed => {
                let barred = |step: usize| measured.barred().has_jump(step, step) || masked(step);
                measured.distance_cm()?;
                (
                    wide(&activity.distance_cm),
                    running_count(steps.clone().map(barred)),
                )
            }
        };
        Some(Self { t_ms, y, barred })
    }

    /// The start of the window of `duration_ms` over which the line rises
    /// most, and by how much; the earliest of equal ones, none where all are
    /// barred.
    fn steepest(&self, duration_ms: i64) -> Option<(i64, Exact)> {
        let mut best: Option<(i64, Exact)> = None;
        let mut most = i128::MIN;
        for window in Sweep::new(self.t_ms, duration_ms) {
            // Between two samples the line lies between their values, which is
            // enough to pass over nearly all windows without a division.
            let lowest = match window.start {
                Place::At(sample) => self.y[sample],
                Place::After(sample) => self.y[sample].min(self.y[sample + 1]),
            };
            let highest = match window.end {
                Place::At(sample) => self.y[sample],
                Place::After(sample) => self.y[sample].max(self.y[sample + 1]),
            };
            if highest - lowest <= most {
                continue;
            }
            let (from_ms, to_ms) = (window.from, window.from + duration_ms);
            let (start, first_step) = match window.start {
                Place::At(sample) => (Exact::whole(self.y[sample]), sample),
                Place::After(sample) => (self.at(sample, from_ms), sample),
            };
            // Where the start lies between samples, the end lies on one.
            let (rise, last_step) = match window.end {
                Place::At(sample) => (start.from_whole(self.y[sample]), sample - 1),
                Place::After(sample) => {
                    let Place::At(first) = window.start else {
                        continue;
                    };
                    (self.at(sample, to_ms).plus(-self.y[first]), sample)
                }
            };
            if self.barred[last_step + 1] > self.barred[first_step] {
                continue;
            }
            if best.is_none_or(|(_, most)| rise > most) {
                best = Some((from_ms, rise));
                most = rise.wide_floor();
            }
        }
        best
    }

    /// The line between a sample and the next.
    fn at(&self, sample: usize, t_ms: i64) -> Exact {
        let (from, to) = (self.t_ms[sample], self.t_ms[sample + 1]);
        Exact::between(
            self.y[sample],
            self.y[sample + 1],
            (t_ms - from).into(),
            (to - from).into(),
        )
    }
}

/// The value that holds in each step; `beyond` in the steps between two values
/// that are more than `gap_ms` apart, and before the first. The end of the
/// recording counts like a value. `None` where there is no value at all.
fn rates(
    t_ms: &[i64],
    channel: &[Option<i32>],
    gap_ms: i64,
    beyond: Option<i32>,
) -> Option<Vec<Option<i32>>> {
    let known = |(sample, value): (usize, &Option<i32>)| value.map(|v| (sample, v));
    let known: Vec<(usize, i32)> = channel.iter().enumerate().filter_map(known).collect();
    let &(first, _) = known.first()?;
    let end = t_ms.len() - 1;
    let mut rates = vec![beyond; first];
    let nexts = known.iter().skip(1).map(|&(sample, _)| sample).chain([end]);
    for (&(sample, value), next) in known.iter().zip(nexts) {
        let held = match t_ms[next] - t_ms[sample] <= gap_ms {
            true => Some(value),
            false => beyond,
        };
        rates.resize(next, held);
    }
    Some(rates)
}

/// The sum of value·ms before each sample; a step without value adds nothing.
fn running_sum(t_ms: &[i64], rates: &[Option<i32>]) -> Vec<i128> {
    let mut sum = 0;
    let mut sums = vec![0];
    sums.extend(t_ms.windows(2).zip(rates).map(|(step, rate)| {
        sum += i128::from(rate.unwrap_or(0)) * i128::from(step[1] - step[0]);
        sum
    }));
    sums
}

fn wide(values: &[i64]) -> Vec<i128> {
    values.iter().copied().map(i128::from).collect()
}
