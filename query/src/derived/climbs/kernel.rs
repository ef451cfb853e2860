//! The part of each rise that gains most above a ramp.

use crate::derived::totals::climb::rises;
use crate::measured::Measured;

/// How far altitude must go back from a top or a foot to end a rise there: a
/// climb may dip by less.
const HYSTERESIS_CM: i64 = 2_000;

/// What a climb gains at least.
const LEAST_GAIN_CM: i64 = 3_000;

/// The slope above which gain counts. It leaves the flat before a climb and
/// behind it out, which the turning points of altitude do not.
const RAMP_PERCENT: i64 = 3;

/// What rises more than this on its length is an altimeter that found its
/// height, not a way up.
const STEEPEST_PERCENT: i64 = 100;

/// One end of a climb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct End {
    /// The sample that it is.
    pub sample: usize,
    /// When, since the first sample.
    pub t_ms: i64,
    /// Where, since the first sample.
    pub distance_cm: i64,
    /// How high.
    pub altitude_cm: i64,
}

/// One climb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Climb {
    /// Where it begins.
    pub foot: End,
    /// Where it ends; later, further and higher than the foot.
    pub top: End,
}

impl Climb {
    /// Altitude of the top less that of the foot.
    pub fn gain_cm(&self) -> i64 {
        self.top.altitude_cm - self.foot.altitude_cm
    }

    /// From foot to top.
    pub fn length_cm(&self) -> i64 {
        self.top.distance_cm - self.foot.distance_cm
    }

    /// From foot to top, stops included.
    pub fn elapsed_ms(&self) -> i64 {
        self.top.t_ms - self.foot.t_ms
    }

    /// Gain over length.
    pub fn grade_percent(&self) -> f64 {
        (self.gain_cm() * 100) as f64 / self.length_cm() as f64
    }

    /// Gain over elapsed time: cm per ms is 36000 m/h.
    pub fn climb_m_per_h(&self) -> f64 {
        (self.gain_cm() * 36_000) as f64 / self.elapsed_ms() as f64
    }

    fn is_long_enough(&self) -> bool {
        self.gain_cm() >= LEAST_GAIN_CM
            && self.gain_cm() * 100 <= self.length_cm() * STEEPEST_PERCENT
    }
}

/// The climbs of one activity, in order of time, at most one a rise; none
/// without altitude or an axis.
pub fn climbs(measured: &Measured) -> Vec<Climb> {
    let activity = measured.activity();
    let (t_ms, distance_cm) = (&activity.t_ms, &activity.distance_cm);
    let (Some(altitude), Some(start_cm)) = (measured.climb(), distance_cm.first()) else {
        return Vec::new();
    };
    let altitude_cm = altitude.altitude_cm();
    let end = |sample: usize| End {
        sample,
        t_ms: t_ms[sample],
        distance_cm: distance_cm[sample] - start_cm,
        altitude_cm: altitude_cm[sample],
    };
    let parts = rises(altitude_cm, HYSTERESIS_CM).into_iter();
    let parts = parts.filter_map(|rise| steep_part(rise, altitude_cm, distance_cm));
    let climbs = parts.map(|(foot, top)| Climb {
        foot: end(foot),
        top: end(top),
    });
    climbs.filter(Climb::is_long_enough).collect()
}

/// The two samples of a rise between which altitude gains most above the ramp;
/// among equal parts the one that ends first, and of those the shortest, so
/// that standing at the foot or the top is no part of it. `None` where it is
/// nowhere steeper than the ramp.
fn steep_part(
    (foot, top): (usize, usize),
    altitude_cm: &[i64],
    distance_cm: &[i64],
) -> Option<(usize, usize)> {
    let above = |sample: usize| altitude_cm[sample] * 100 - distance_cm[sample] * RAMP_PERCENT;
    let (mut lowest, mut most) = (foot, 0);
    let mut part = None;
    for sample in foot..=top {
        if above(sample) <= above(lowest) {
            lowest = sample;
        }
        let gain = above(sample) - above(lowest);
        if gain > most {
            most = gain;
            part = Some((lowest, sample));
        }
    }
    part
}
