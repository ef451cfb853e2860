//! The fastest stretch of each distance, exactly, with two pointers.

use crate::derived::sweep::{Place, Sweep, Window};
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
    /// The fastest that nothing bars, one a distance.
    pub best: Vec<Effort>,
    /// Where a barred one is faster, or the only one: that, and why.
    pub refused: Vec<(Effort, Cause)>,
}

/// A distance at which samples lie, and the first and last of them: more than
/// one where the athlete stood.
struct Levels {
    mm: Vec<i64>,
    first: Vec<usize>,
    last: Vec<usize>,
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
    /// at levels too, so the windows of [`Sweep`] hold the minimum, and the
    /// first of equal ones is the earliest start.
    pub fn new(measured: &Measured) -> Self {
        let levels = Levels::new(&measured.activity().distance_cm);
        let mut efforts = Self::default();
        for distance_mm in DISTANCES_MM {
            efforts.find(measured, &levels, distance_mm);
        }
        efforts
    }

    fn find(&mut self, measured: &Measured, levels: &Levels, distance_mm: i64) {
        let barred = measured.barred();
        let mut best: Option<Candidate> = None;
        let mut refused: Option<Candidate> = None;
        for window in Sweep::new(&levels.mm, distance_mm) {
            let candidate = levels.candidate(&measured.activity().t_ms, distance_mm, window);
            let (first, last) = candidate.steps;
            let slot = match barred.has_jump(first, last) || barred.has_mask(first, last) {
                true => &mut refused,
                false => &mut best,
            };
            if slot
                .as_ref()
                .is_none_or(|least| candidate.elapsed < least.elapsed)
            {
                *slot = Some(candidate);
            }
        }
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
    fn new(distance_cm: &[i64]) -> Self {
        let (mut mm, mut first, mut last) = (Vec::new(), Vec::new(), Vec::new());
        for (sample, &cm) in distance_cm.iter().enumerate() {
            if mm.last() != Some(&(cm * 10)) {
                mm.push(cm * 10);
                first.push(sample);
                last.push(sample);
            } else if let Some(last) = last.last_mut() {
                *last = sample;
            }
        }
        Self { mm, first, last }
    }

    /// The effort of one window: it begins at the last instant of its first
    /// level and ends at the first instant of its last.
    fn candidate(&self, t_ms: &[i64], distance_mm: i64, window: Window) -> Candidate {
        let (start, first_step) = match window.start {
            Place::At(level) => (Exact::whole(t_ms[self.last[level]]), self.last[level]),
            Place::After(level) => (self.reach(t_ms, level, window.from), self.last[level]),
        };
        let to = window.from + distance_mm;
        let (end, last_step) = match window.end {
            Place::At(level) => (Exact::whole(t_ms[self.first[level]]), self.first[level] - 1),
            Place::After(level) => (self.reach(t_ms, level, to), self.last[level]),
        };
        let elapsed = match window.start {
            Place::At(level) => end.plus(-i128::from(t_ms[self.last[level]])),
            // Then it ends at a sample.
            Place::After(_) => start.from_whole(t_ms[last_step + 1].into()),
        };
        Candidate {
            start,
            end,
            elapsed,
            steps: (first_step, last_step),
        }
    }

    /// When `mm`, which lies between a level and the next, is reached.
    fn reach(&self, t_ms: &[i64], level: usize, mm: i64) -> Exact {
        let (from, to) = (self.last[level], self.first[level + 1]);
        Exact::between(
            t_ms[from].into(),
            t_ms[to].into(),
            (mm - self.mm[level]).into(),
            (self.mm[level + 1] - self.mm[level]).into(),
        )
    }
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
