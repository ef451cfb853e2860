//! Totals of a track, and the channels that Strava makes of others.

use crate::track::{Track, rounded};

/// Steps of more than this many seconds are no movement.
const LONGEST_STEP_S: i64 = 30;
/// A rise or fall below this many metres is noise.
const CLIMB_NOISE_M: f64 = 2.0;
/// How many samples to each side speed and grade are smoothed over.
const SMOOTHED_OVER: usize = 2;

/// The sums of one activity.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) distance_m: f64,
    pub(crate) elapsed_s: i64,
    pub(crate) moving_s: i64,
    pub(crate) climb_m: f64,
    pub(crate) max_speed_m_s: f64,
}

impl Totals {
    /// The totals of a track whose sport moves at `moves_from_m_s` at least.
    pub(crate) fn of(track: &Track, moves_from_m_s: f64) -> Self {
        let moving = moving(track, moves_from_m_s);
        Self {
            distance_m: track.distance_m.last().copied().unwrap_or(0.0),
            elapsed_s: track.elapsed_s(),
            moving_s: moving_s(track, &moving, 0, track.len().saturating_sub(1)),
            climb_m: rounded(climb(&track.altitude_m), 10.0),
            max_speed_m_s: velocity(track).into_iter().fold(0.0, f64::max),
        }
    }
}

/// Whether each sample moves: whether the step to it does.
pub(crate) fn moving(track: &Track, from_m_s: f64) -> Vec<bool> {
    if track.distance_m.is_empty() {
        return (0..track.len()).map(|at| !track.is_paused(at)).collect();
    }
    let mut moving: Vec<bool> = vec![false];
    moving.extend((1..track.len()).map(|at| {
        let lasts_s = track.time_s[at] - track.time_s[at - 1];
        let metres = track.distance_m[at] - track.distance_m[at - 1];
        lasts_s <= LONGEST_STEP_S && !track.is_paused(at) && metres >= from_m_s * lasts_s as f64
    }));
    moving.truncate(track.len());
    // The first sample has no step of its own.
    if moving.len() > 1 {
        moving[0] = moving[1];
    }
    moving
}

/// The seconds of movement between two samples.
pub(crate) fn moving_s(track: &Track, moving: &[bool], from: usize, to: usize) -> i64 {
    (from + 1..=to)
        .filter(|at| moving.get(*at) == Some(&true))
        .map(|at| track.time_s[at] - track.time_s[at - 1])
        .sum()
}

fn window(track: &Track, at: usize) -> Option<(usize, usize)> {
    let from = at.saturating_sub(SMOOTHED_OVER);
    let to = (at + SMOOTHED_OVER).min(track.len().checked_sub(1)?);
    (from < to && !(from + 1..=to).any(|step| track.is_paused(step))).then_some((from, to))
}

/// Metres per second, smoothed, to a thousandth; empty without distance.
pub(crate) fn velocity(track: &Track) -> Vec<f64> {
    if track.distance_m.is_empty() {
        return Vec::new();
    }
    let speeds = (0..track.len()).map(|at| match window(track, at) {
        Some((from, to)) => {
            let metres = track.distance_m[to] - track.distance_m[from];
            rounded(metres / (track.time_s[to] - track.time_s[from]) as f64, 1e3)
        }
        None => 0.0,
    });
    speeds.collect()
}

/// Per cent, smoothed, to a tenth; empty without distance or altitude.
pub(crate) fn grade(track: &Track) -> Vec<f64> {
    if track.distance_m.is_empty() || track.altitude_m.is_empty() {
        return Vec::new();
    }
    let grades = (0..track.len()).map(|at| {
        let slope = window(track, at).and_then(|(from, to)| {
            let metres = track.distance_m[to] - track.distance_m[from];
            let rise = track.altitude_m[to]? - track.altitude_m[from]?;
            (metres > 0.0).then(|| rounded(100.0 * rise / metres, 10.0).clamp(-50.0, 50.0))
        });
        slope.unwrap_or(0.0)
    });
    grades.collect()
}

/// The metres of all rises, each of which stands out of the noise.
pub(crate) fn climb(altitude_m: &[Option<f64>]) -> f64 {
    let mut known = altitude_m.iter().flatten().copied();
    let Some(first) = known.next() else {
        return 0.0;
    };
    let (mut low, mut high, mut sum) = (first, first, 0.0);
    for metres in known {
        if metres > high {
            high = metres;
        } else if high - metres >= CLIMB_NOISE_M || metres < low {
            // The rise is over, or there was none.
            if high - low >= CLIMB_NOISE_M {
                sum += high - low;
            }
            (low, high) = (metres, metres);
        }
    }
    if high - low >= CLIMB_NOISE_M {
        sum += high - low;
    }
    sum
}

/// The mean of what is there.
pub(crate) fn mean(values: &[Option<i32>]) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0);
    for value in values.iter().flatten() {
        sum += f64::from(*value);
        count += 1;
    }
    (count > 0).then(|| sum / f64::from(count))
}

/// The highest of what is there.
pub(crate) fn highest(values: &[Option<i32>]) -> Option<i32> {
    values.iter().flatten().copied().max()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::track::tests::steady;

    #[test]
    fn a_stop_and_a_marked_pause_are_elapsed_but_not_moving() {
        let mut track = steady(100, 3.0);
        // Ten seconds on one spot, and ten that the device marked.
        for at in 20..=30 {
            track.distance_m[at] = track.distance_m[20];
        }
        track.pauses = vec![(50, 60)];
        let totals = Totals::of(&track, 0.5);
        assert_eq!((totals.elapsed_s, totals.moving_s), (100, 80));
        assert_eq!(totals.distance_m, 300.0);
    }

    #[test]
    fn only_rises_that_stand_out_are_climbed() {
        let wavy = [10.0, 11.0, 10.0, 11.0, 10.0].map(Some);
        assert_eq!(climb(&wavy), 0.0);
        let hills = [0.0, 10.0, 5.0, 15.0, 14.5, 16.0].map(Some);
        assert_eq!(climb(&hills), 21.0);
        assert_eq!(climb(&[None, Some(1.0)]), 0.0);
    }

    #[test]
    fn speed_is_metres_over_seconds_and_nought_in_a_pause() {
        let mut track = steady(20, 3.0);
        assert!(velocity(&track).iter().all(|speed| *speed == 3.0));
        track.pauses = vec![(9, 11)];
        assert_eq!(velocity(&track)[10], 0.0);
    }
}
