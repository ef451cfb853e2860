//! Climb and descent with a hysteresis of 5 m, and rises with any other.

use crate::exact::Exact;

/// How far altitude must go back from an extreme to make it a turning point of
/// climb and descent.
const HYSTERESIS_CM: i64 = 500;

/// Altitude in cm at every sample: nulls linear in time and rounded, the ends
/// held. Empty where no sample has one.
pub fn filled(t_ms: &[i64], altitude_cm: &[Option<i32>]) -> Vec<i64> {
    let known = |(sample, value): (usize, &Option<i32>)| value.map(|v| (sample, i64::from(v)));
    let known: Vec<(usize, i64)> = altitude_cm.iter().enumerate().filter_map(known).collect();
    let (Some(&(first, first_cm)), Some(&(last, last_cm))) = (known.first(), known.last()) else {
        return Vec::new();
    };
    let mut filled = vec![first_cm; first];
    for pair in known.windows(2) {
        let ((from, from_cm), (to, to_cm)) = (pair[0], pair[1]);
        if to == from + 1 {
            filled.push(from_cm);
            continue;
        }
        let lasts = i128::from(t_ms[to] - t_ms[from]);
        filled.extend((from..to).map(|sample| {
            let part = i128::from(t_ms[sample] - t_ms[from]);
            rounded_away(Exact::between(from_cm.into(), to_cm.into(), part, lasts))
        }));
    }
    filled.resize(t_ms.len(), last_cm);
    debug_assert!(last < t_ms.len());
    filled
}

/// The nearest whole number, halves away from zero: altitude can be negative.
fn rounded_away(value: Exact) -> i64 {
    match value < Exact::whole(0) {
        true => -value.from_whole(0).rounded(),
        false => value.rounded(),
    }
}

/// Which way a step goes, as the turning points say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Before the first turning point.
    Level,
    Up,
    Down,
}

/// Climb and descent since the first sample, as functions of time.
///
/// Climb follows the running maximum of altitude within each rise between
/// turning points, descent the running minimum within each fall. The last
/// extreme ends its rise or fall although nothing went back from it.
#[derive(Clone, Debug)]
pub struct Climb {
    t_ms: Vec<i64>,
    altitude_cm: Vec<i64>,
    /// Climb, descent and the running extreme at each sample, and the way of
    /// the step that begins there.
    at: Vec<Reached>,
}

#[derive(Clone, Copy, Debug)]
struct Reached {
    climb_cm: i64,
    descent_cm: i64,
    extreme_cm: i64,
    way: Way,
}

impl Climb {
    /// Of altitudes without nulls, one for each of `t_ms`; `None` where there
    /// are none.
    pub fn new(t_ms: &[i64], altitude_cm: Vec<i64>) -> Option<Self> {
        let turns = turning_points(&altitude_cm, HYSTERESIS_CM);
        let first_cm = *altitude_cm.first()?;
        let mut reached = Reached {
            climb_cm: 0,
            descent_cm: 0,
            extreme_cm: first_cm,
            way: Way::Level,
        };
        let mut turns = turns.into_iter().peekable();
        let mut at = Vec::with_capacity(altitude_cm.len());
        for (sample, &cm) in altitude_cm.iter().enumerate() {
            reached.follow(cm);
            if let Some((_, way)) = turns.next_if(|&(turn, _)| turn == sample) {
                reached.way = way;
                reached.extreme_cm = cm;
            }
            at.push(reached);
        }
        Some(Self {
            t_ms: t_ms.to_vec(),
            altitude_cm,
            at,
        })
    }

    /// Climb and descent in cm from the first sample to `t_ms`, rounded.
    pub fn until(&self, t_ms: i64) -> (i64, i64) {
        let next = self.t_ms.partition_point(|&t| t <= t_ms);
        let sample = next.saturating_sub(1);
        let mut reached = self.at[sample];
        if next < self.t_ms.len() && next > 0 {
            let (from, to) = (self.t_ms[sample], self.t_ms[next]);
            let altitude = Exact::between(
                self.altitude_cm[sample].into(),
                self.altitude_cm[next].into(),
                (t_ms - from).into(),
                (to - from).into(),
            );
            reached.follow(rounded_away(altitude));
        }
        (reached.climb_cm, reached.descent_cm)
    }

    /// Climb and descent in cm over a stretch.
    pub fn over(&self, from_ms: i64, to_ms: i64) -> (i64, i64) {
        let (before, after) = (self.until(from_ms), self.until(to_ms));
        (after.0 - before.0, after.1 - before.1)
    }

    /// Highest altitude in cm.
    pub fn highest_cm(&self) -> i64 {
        self.altitude_cm.iter().copied().max().unwrap_or_default()
    }

    /// The altitudes that it was made of.
    pub fn altitude_cm(&self) -> &[i64] {
        &self.altitude_cm
    }
}

impl Reached {
    /// Goes on to an altitude in the same rise or fall.
    fn follow(&mut self, altitude_cm: i64) {
        let beyond = match self.way {
            Way::Level => return,
            Way::Up => altitude_cm - self.extreme_cm,
            Way::Down => self.extreme_cm - altitude_cm,
        };
        if beyond <= 0 {
            return;
        }
        self.extreme_cm = altitude_cm;
        match self.way {
            Way::Up => self.climb_cm += beyond,
            Way::Down => self.descent_cm += beyond,
            Way::Level => {}
        }
    }
}

/// Each rise (`1`) and fall (`-1`) of altitudes without nulls between turning
/// points from which altitude goes back at least `hysteresis_cm`, above 0: the
/// sample where it begins, its way, and the sample where the next begins.
pub fn ways(altitude_cm: &[i64], hysteresis_cm: i64) -> Vec<(usize, i64, Option<usize>)> {
    let turns = turning_points(altitude_cm, hysteresis_cm);
    let nexts = turns.iter().skip(1).map(|&(turn, _)| Some(turn));
    let ways = turns.iter().zip(nexts.chain([None]));
    let sign = |way: Way| match way {
        Way::Up => 1,
        Way::Down => -1,
        Way::Level => 0,
    };
    ways.map(|(&(from, way), to)| (from, sign(way), to))
        .collect()
}

/// The rises among them: the samples of foot and top, in order of time.
///
/// Among equal extremes each is the earliest, so that a level foot belongs to
/// its rise and a level top does not. The last rise ends at its highest sample
/// although nothing went back from it.
pub fn rises(altitude_cm: &[i64], hysteresis_cm: i64) -> Vec<(usize, usize)> {
    let ways = ways(altitude_cm, hysteresis_cm).into_iter();
    let rises = ways.filter(|(_, way, _)| *way == 1);
    rises
        .map(|(foot, _, top)| (foot, top.unwrap_or_else(|| highest(altitude_cm, foot))))
        .collect()
}

/// The earliest of the highest samples from `first` on.
fn highest(altitude_cm: &[i64], first: usize) -> usize {
    let higher = |top, sample| match altitude_cm[sample] > altitude_cm[top] {
        true => sample,
        false => top,
    };
    (first..altitude_cm.len()).fold(first, higher)
}

/// The samples at which altitude turns, and the way that begins at each;
/// among equal extremes the earliest.
fn turning_points(altitude_cm: &[i64], hysteresis_cm: i64) -> Vec<(usize, Way)> {
    let mut turns = Vec::new();
    let mut way = Way::Level;
    let (mut lowest, mut highest) = (0, 0);
    for (sample, &cm) in altitude_cm.iter().enumerate() {
        if cm < altitude_cm[lowest] {
            lowest = sample;
        }
        if cm > altitude_cm[highest] {
            highest = sample;
        }
        if way != Way::Up && cm - altitude_cm[lowest] >= hysteresis_cm {
            turns.push((lowest, Way::Up));
            way = Way::Up;
            highest = sample;
        } else if way != Way::Down && altitude_cm[highest] - cm >= hysteresis_cm {
            turns.push((highest, Way::Down));
            way = Way::Down;
            lowest = sample;
        }
    }
    turns
}
