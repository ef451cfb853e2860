//! One activity with what several definitions read of it, measured once.

use std::cell::OnceCell;

use crate::activity::Activity;
use crate::derived::best_efforts::kernel::Efforts;
use crate::derived::peaks::kernel::Peak;
use crate::derived::totals::averages::Held;
use crate::derived::totals::climb::{Climb, filled};
use crate::derived::totals::moving::Moving;

/// An activity and, each made when it is first asked for, its held channels,
/// climb, moving stretches, efforts and peaks.
#[derive(Debug)]
pub struct Measured<'a> {
    activity: &'a Activity,
    heart_rate: OnceCell<Held>,
    cadence: OnceCell<Held>,
    power: OnceCell<Held>,
    climb: OnceCell<Option<Climb>>,
    moving: OnceCell<Moving>,
    barred: OnceCell<Barred>,
    efforts: OnceCell<Efforts>,
    peaks: OnceCell<Vec<Peak>>,
}

/// Which steps (from sample `i` to `i + 1`) no record may touch, as running
/// counts, so that any range of steps is asked in constant time.
#[derive(Clone, Debug)]
pub struct Barred {
    jumps: Vec<u32>,
    masks: Vec<u32>,
}

impl Barred {
    fn new(activity: &Activity) -> Self {
        let steps = activity.t_ms.len().saturating_sub(1);
        let mut masked = vec![false; steps];
        for &(first, last) in &activity.masks {
            masked[first..last].fill(true);
        }
        let axis = !activity.distance_cm.is_empty();
        let (t, d) = (&activity.t_ms, &activity.distance_cm);
        let jumps = |step: usize| {
            axis && activity
                .sport
                .is_jump(t[step + 1] - t[step], d[step + 1] - d[step])
        };
        Self {
            jumps: running_count((0..steps).map(jumps)),
            masks: running_count(masked.into_iter()),
        }
    }

    /// Whether one of the steps `first..=last` is a jump.
    pub fn has_jump(&self, first: usize, last: usize) -> bool {
        self.jumps[last + 1] > self.jumps[first]
    }

    /// Whether one of the steps `first..=last` is masked.
    pub fn has_mask(&self, first: usize, last: usize) -> bool {
        self.masks[last + 1] > self.masks[first]
    }
}

/// How many of the flags before each position, and before the end, are set.
pub fn running_count(flags: impl Iterator<Item = bool>) -> Vec<u32> {
    let mut count = 0;
    let mut counts = vec![0];
    counts.extend(flags.map(|flag| {
        count += u32::from(flag);
        count
    }));
    counts
}

impl<'a> Measured<'a> {
    /// Nothing is measured yet.
    pub fn new(activity: &'a Activity) -> Self {
        Self {
            activity,
            heart_rate: OnceCell::new(),
            cadence: OnceCell::new(),
            power: OnceCell::new(),
            climb: OnceCell::new(),
            moving: OnceCell::new(),
            barred: OnceCell::new(),
            efforts: OnceCell::new(),
            peaks: OnceCell::new(),
        }
    }

    /// The activity itself.
    pub fn activity(&self) -> &'a Activity {
        self.activity
    }

    /// From the first sample to the last.
    pub fn elapsed_ms(&self) -> i64 {
        self.activity.t_ms.last().copied().unwrap_or_default()
    }

    /// Length of the axis; `None` without one.
    pub fn distance_cm(&self) -> Option<i64> {
        let axis = &self.activity.distance_cm;
        axis.last()
            .zip(axis.first())
            .map(|(last, first)| last - first)
    }

    /// Heart rate as it holds.
    pub fn heart_rate(&self) -> &Held {
        let channel = &self.activity.heart_rate_bpm;
        self.heart_rate
            .get_or_init(|| Held::new(&self.activity.t_ms, channel))
    }

    /// Cadence as it holds.
    pub fn cadence(&self) -> &Held {
        let channel = &self.activity.cadence_rpm;
        self.cadence
            .get_or_init(|| Held::new(&self.activity.t_ms, channel))
    }

    /// Power as it holds.
    pub fn power(&self) -> &Held {
        let channel = &self.activity.power_w;
        self.power
            .get_or_init(|| Held::new(&self.activity.t_ms, channel))
    }

    /// Climb and descent; `None` without altitude.
    pub fn climb(&self) -> Option<&Climb> {
        let t = &self.activity.t_ms;
        let climb = || Climb::new(t, filled(t, &self.activity.altitude_cm));
        self.climb.get_or_init(climb).as_ref()
    }

    /// The stretches of movement.
    pub fn moving(&self) -> &Moving {
        self.moving.get_or_init(|| Moving::new(self.activity))
    }

    /// The steps that no record may touch.
    pub fn barred(&self) -> &Barred {
        self.barred.get_or_init(|| Barred::new(self.activity))
    }

    /// Its best efforts, and those that were refused.
    pub fn efforts(&self) -> &Efforts {
        self.efforts.get_or_init(|| Efforts::new(self))
    }

    /// Its peaks.
    pub fn peaks(&self) -> &[Peak] {
        self.peaks
            .get_or_init(|| crate::derived::peaks::kernel::peaks(self))
    }
}
