//! The fastest stretch of each distance, exactly, with two pointers.

use crate::derived::sweep::{Place, Window};
use crate::exact::Exact;
use crate::measured::Measured;

/// The distances, in mm: 400 m to 50 km.
pub const DISTANCES_MM: [i64; 9] = [
    400_000, 800_000, 1_000_000, 1_609_344, 5_000_000, 10_000_000, 21_097_500, 42_195_000,
    50_000_000,
];

/// One effort: the least time over one distance.
#[derive(Clone, Debug, PartialEq)]
pub struct Effort {
    /// Over which distance.
    pub distance_mm: i64,
    /// How long it took, rounded once.
    pub elapsed_ms: i64,
    /// When it began, since the first sample, rounded.
    pub start_ms: i64,
    /// When it ended, since the first sample, rounded.
    pub end_ms: i64,
    /// The sample at or before its start.
    pub first_sample: usize,
    /// The sample at or after its end.
    pub last_sample: usize,
}

/// How many windows of each distance are looked at before all others.
const FIRST_LOOKS: usize = 16;

/// Why an effort was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It holds a step too fast to be true.
    Jump,
    /// Its owner keeps a part of it out of records.
    Mask,
    /// Both.
    JumpAndMask,
}

impl Cause {
    /// As the column `cause` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jump => "jump",
            Self::Mask => "mask",
            Self::JumpAndMask => "jump_and_mask",
        }
    }
}

/// The efforts of one activity, in order of distance.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Efforts {
    /// The fastest that nothing bars, or of all where its owner includes it; one
    /// a distance.
    pub best: Vec<Effort>,
    /// Where a barred one is faster, or the only one: that, and why.
    pub refused: Vec<(Effort, Cause)>,
}

/// A distance at which samples lie, and the first and last of them with their
/// times: more than one where the athlete stood.
struct Levels {
    mm: Vec<i64>,
    first: Vec<usize>,
    last: Vec<usize>,
    first_ms: Vec<i64>,
    last_ms: Vec<i64>,
}

/// An effort before it is rounded.
struct Candidate {
    start: Exact,
    end: Exact,
    elapsed: Exact,
    /// The first and last step that it shares time with.
    steps: (usize, usize),
}

impl Efforts {
    /// Finds the efforts of an activity; none without a distance axis.
    ///
    /// T as a function of the distance at which an effort starts is linear
    /// between levels and lowest at one end of each piece, since a stop lies
    /// outside of the effort that begins or ends with it. What is barred ends
    /// at levels too, so the windows that begin or end at a level hold the
    /// minimum, and the first of equal ones is the earliest start.
    pub fn new(measured: &Measured) -> Self {
        let activity = measured.activity();
        let levels = Levels::new(&activity.t_ms, &activity.distance_cm);
        let mut efforts = Self::default();
        for distance_mm in DISTANCES_MM {
            efforts.find(measured, &levels, distance_mm);
        }
        efforts
    }

    fn find(&mut self, measured: &Measured, levels: &Levels, distance_mm: i64) {
        let barred = measured.barred();
        let is_included = measured.activity().included_mm.contains(&distance_mm);
        let is_barred = |&Candidate { steps, .. }: &Candidate| {
            !is_included && (barred.has_jump(steps.0, steps.1) || barred.has_mask(steps.0, steps.1))
        };
        let looked_at = levels.spread(distance_mm).filter(|look| !is_barred(look));
        let quick_ms = looked_at.map(|look| look.elapsed.floor()).min();
        let quick_ms = quick_ms.unwrap_or(i64::MAX);
        let mut best: Option<Candidate> = None;
        let mut refused: Option<Candidate> = None;
        levels.sweep(distance_mm, quick_ms, |window| {
            let candidate = levels.candidate(distance_mm, window);
            let slot = match is_barred(&candidate) {
                true => &mut refused,
                false => &mut best,
            };
            if slot
                .as_ref()
                .is_none_or(|least| candidate.elapsed < least.elapsed)
            {
                *slot = Some(candidate);
            }
            best.as_ref()
                .map_or(quick_ms, |best| quick_ms.min(best.elapsed.floor()))
        });
        let faster = |refused: &Candidate| {
            best.as_ref()
                .is_none_or(|best| refused.elapsed < best.elapsed)
        };
        if let Some(refused) = refused.filter(faster) {
            let (first, last) = refused.steps;
            let cause = match (barred.has_jump(first, last), barred.has_mask(first, last)) {
                (true, true) => Cause::JumpAndMask,
                (false, true) => Cause::Mask,
                (_, false) => Cause::Jump,
            };
            self.refused.push((refused.effort(distance_mm), cause));
        }
        self.best.extend(best.map(|best| best.effort(distance_mm)));
    }
}

impl Levels {
    fn new(t_ms: &[i64], distance_cm: &[i64]) -> Self {
        let room = || Vec::with_capacity(distance_cm.len());
        let mut levels = Self {
            mm: room(),
            first: Vec::with_capacity(distance_cm.len()),
            last: Vec::with_capacity(distance_cm.len()),
            first_ms: room(),
            last_ms: room(),
        };
        let mut here = None;
        for (sample, (&ms, &cm)) in t_ms.iter().zip(distance_cm).enumerate() {
            if here == Some(cm) {
                if let (Some(last), Some(last_ms)) =
                    (levels.last.last_mut(), levels.last_ms.last_mut())
                {
                    (*last, *last_ms) = (sample, ms);
                }
                continue;
            }
            here = Some(cm);
            levels.mm.push(cm * 10);
            levels.first.push(sample);
            levels.last.push(sample);
            levels.first_ms.push(ms);
            levels.last_ms.push(ms);
        }
        levels
    }

    /// A few of the efforts over `distance_mm` that begin at a level, spread
    /// over the activity.
    fn spread(&self, distance_mm: i64) -> impl Iterator<Item = Candidate> {
        let last_mm = self.mm.last().copied().unwrap_or_default();
        let starts = self.mm.partition_point(|mm| mm + distance_mm <= last_mm);
        let stride = (starts / FIRST_LOOKS).max(1);
        (0..starts).step_by(stride).map(move |start| {
            let from = self.mm[start];
            let end = self.mm.partition_point(|&mm| mm < from + distance_mm);
            let end = match self.mm[end] == from + distance_mm {
                true => Place::At(end),
                false => Place::After(end - 1),
            };
            let start = Place::At(start);
            self.candidate(distance_mm, Window { from, start, end })
        })
    }

    /// Gives the windows over `distance_mm` that begin or end at a level to
    /// `consider`, earliest first, except those that must last longer than
    /// `limit_ms`, or than it answered last, in whole ms.
    ///
    /// A window lasts at least from the level at or after its start to the
    /// level at or before its end, which costs a subtraction to know, where
    /// its exact length costs a division. And where that is too long, so is
    /// every window that begins before it would end in time: none of those
    /// ends earlier. Nearly all windows go by one of the two.
    fn sweep(&self, distance_mm: i64, mut limit_ms: i64, mut consider: impl FnMut(Window) -> i64) {
        let Some(first_mm) = self.mm.first() else {
            return;
        };
        // Slices of one length spare the loop a comparison an access.
        let count = self.mm.len();
        let mm = &self.mm[..count];
        let (first_ms, last_ms) = (&self.first_ms[..count], &self.last_ms[..count]);
        let (mut start, mut end) = (0, mm.partition_point(|&mm| mm < first_mm + distance_mm));
        while end < count {
            let (by_start, by_end) = (mm[start], mm[end] - distance_mm);
            let (on_start, on_end) = (by_start <= by_end, by_end <= by_start);
            // Both levels lie within the window, whichever end it shares.
            let within = end - usize::from(!on_end);
            let until_ms = if on_end {
                first_ms[within]
            } else {
                last_ms[within]
            };
            let since_ms = if on_start {
                last_ms[start]
            } else {
                first_ms[start]
            };
            if until_ms - since_ms <= limit_ms {
                limit_ms = consider(Window {
                    from: by_start.min(by_end),
                    start: match on_start {
                        true => Place::At(start),
                        false => Place::After(start - 1),
                    },
                    end: match on_end {
                        true => Place::At(end),
                        false => Place::After(end - 1),
                    },
                });
            } else if last_ms[start] < until_ms - limit_ms {
                start = next(last_ms, start, |&ms| ms < until_ms - limit_ms);
                // Unless that is the end of the recording, and of the sweep.
                let Some(passed) = mm.get(start - 1) else {
                    return;
                };
                end = next(mm, end, |&mm| mm - distance_mm <= *passed);
                continue;
            }
            start += usize::from(on_start);
            end += usize::from(on_end);
        }
    }

    /// The effort of one window: it begins at the last instant of its first
    /// level and ends at the first instant of its last.
    fn candidate(&self, distance_mm: i64, window: Window) -> Candidate {
        let (start, first_step) = match window.start {
            Place::At(level) => (Exact::whole(self.last_ms[level]), self.last[level]),
            Place::After(level) => (self.reach(level, window.from), self.last[level]),
        };
        let to = window.from + distance_mm;
        let (end, last_step) = match window.end {
            Place::At(level) => (Exact::whole(self.first_ms[level]), self.first[level] - 1),
            Place::After(level) => (self.reach(level, to), self.last[level]),
        };
        let elapsed = match (window.start, window.end) {
            (Place::At(level), _) => end.plus(-i128::from(self.last_ms[level])),
            // Where the start lies between levels, the end lies on one.
            (Place::After(_), Place::At(level) | Place::After(level)) => {
                start.from_whole(self.first_ms[level].into())
            }
        };
        Candidate {
            start,
            end,
            elapsed,
            steps: (first_step, last_step),
        }
    }

    /// When `mm`, which lies between a level and the next, is reached.
    fn reach(&self, level: usize, mm: i64) -> Exact {
        Exact::between(
            self.last_ms[level].into(),
            self.first_ms[level + 1].into(),
            (mm - self.mm[level]).into(),
            (self.mm[level + 1] - self.mm[level]).into(),
        )
    }
}

/// The first position from `position` on whose value does not hold, where it
/// holds for a while and then never again: found by steps that double.
fn next<T>(values: &[T], position: usize, holds: impl Fn(&T) -> bool) -> usize {
    let mut step = 1;
    let mut from = position;
    while values.get(from + step).is_some_and(&holds) {
        from += step;
        step *= 2;
    }
    let until = values.len().min(from + step);
    from + values[from..until].partition_point(holds)
}

impl Candidate {
    fn effort(self, distance_mm: i64) -> Effort {
        Effort {
            distance_mm,
            elapsed_ms: self.elapsed.rounded(),
            start_ms: self.start.rounded(),
            end_ms: self.end.rounded(),
            first_sample: self.steps.0,
            last_sample: self.steps.1 + 1,
        }
    }
}
