//! The one distance axis of an activity: the device's cumulative distance
//! where it rises at all, otherwise the length of the track.

use geographiclib_rs::{Geodesic, InverseGeodesic};
use storage::sport::Sport;

use crate::finding::{Finding, FindingKind};
use crate::times::Pauses;

/// So many dropped positions in a row that agree among themselves are right,
/// and the one before them was wrong.
const AGREEING_DROPS: usize = 5;

/// The longest axis, in cm: once around the Earth and what FIT's field can
/// hold. A longer one is none, and a device's value beyond it is null.
pub const MAX_CM: i64 = 5_000_000_000;

/// A position: latitude and longitude in ten-millionths of a degree.
pub type Position = (i32, i32);

/// A distance axis and what was found on the way.
pub struct Axis {
    /// Centimetres since the first sample, one entry a sample, never falling;
    /// empty where there is no axis.
    pub distance_cm: Vec<i64>,
    /// Spikes, falls and jumps.
    pub findings: Vec<Finding>,
}

/// Chooses and makes the axis of `n` samples: `t_ms` rises strictly, `device`
/// and `positions` have `n` entries too.
///
/// Positions that are dropped as spikes become null; they are judged only
/// where the axis comes from them.
pub fn axis(
    sport: Sport,
    t_ms: &[i64],
    device: &[Option<i64>],
    positions: &mut [Option<Position>],
    pauses: &Pauses,
) -> Axis {
    debug_assert!(t_ms.len() == device.len() && t_ms.len() == positions.len());
    let mut findings = Vec::new();
    let known = match rises(device) {
        true => running_maximum(device, &mut findings),
        false => along(sport, t_ms, positions, pauses, &mut findings),
    };
    let distance_cm = fill(t_ms, &known);
    add_jumps(jumps(sport, t_ms, &distance_cm), &mut findings);
    Axis {
        distance_cm,
        findings,
    }
}

/// Whether any value lies above the first: only then does its running maximum
/// say anything.
fn rises(device: &[Option<i64>]) -> bool {
    let mut values = device.iter().flatten();
    values
        .next()
        .is_some_and(|first| values.any(|value| value > first))
}

/// The highest value so far at each sample that has one.
fn running_maximum(device: &[Option<i64>], findings: &mut Vec<Finding>) -> Vec<Option<i64>> {
    let mut highest = i64::MIN;
    let mut known = device.to_vec();
    for (i, value) in known.iter_mut().enumerate() {
        let Some(value) = value else { continue };
        if *value < highest {
            Finding {
                kind: FindingKind::FallingDistance,
                samples: Some((i, i)),
                size: Some((highest - *value) as f64 / 100.0),
                action: "held at the highest so far".to_owned(),
            }
            .join_to(findings, f64::max);
            *value = highest;
        }
        highest = *value;
    }
    known
}

/// Cumulative distance at each kept position, to which a step that shares time
/// with a marked pause adds nothing. Nothing is known where fewer than two are
/// kept or the whole is impossibly long. Dropped positions become null.
fn along(
    sport: Sport,
    t_ms: &[i64],
    positions: &mut [Option<Position>],
    pauses: &Pauses,
    findings: &mut Vec<Finding>,
) -> Vec<Option<i64>> {
    let kept = keep(sport, t_ms, positions, findings);
    let mut known = vec![None; positions.len()];
    if kept.len() < 2 {
        return known;
    }
    let mut total_m = 0.0;
    known[kept[0].sample] = Some(0);
    for pair in kept.windows(2) {
        if !pauses.touch(t_ms[pair[0].sample], t_ms[pair[1].sample]) {
            total_m += pair[1].step_m;
        }
        known[pair[1].sample] = Some((total_m * 100.0_f64).round() as i64);
    }
    if total_m * 100.0 > MAX_CM as f64 {
        known.fill(None);
    }
    known
}

/// A kept position: its sample, and the geodesic from the kept one before.
struct Kept {
    sample: usize,
    position: Position,
    step_m: f64,
}

/// Drops positions that are too fast from the last kept one, unless five in a
/// row agree among themselves: those are kept, behind a jump.
fn keep(
    sport: Sport,
    t_ms: &[i64],
    positions: &mut [Option<Position>],
    findings: &mut Vec<Finding>,
) -> Vec<Kept> {
    let earth = Geodesic::wgs84();
    let step = |from: &Kept, sample: usize, position: Position| Kept {
        sample,
        position,
        step_m: length_m(&earth, from.position, position),
    };
    let duration_ms = |from: &Kept, to: &Kept| t_ms[to.sample] - t_ms[from.sample];
    let too_fast = |from: &Kept, to: &Kept| {
        sport.is_jump(duration_ms(from, to), (to.step_m * 100.0).round() as i64)
    };
    let speed_m_s = |from: &Kept, to: &Kept| to.step_m * 1000.0 / duration_ms(from, to) as f64;

    let mut kept: Vec<Kept> = Vec::new();
    // The latest positions that are too fast from the last kept one and agree
    // with each other; the first of them steps from it.
    let mut waiting: Vec<Kept> = Vec::new();
    let mut dropped: Vec<(usize, f64)> = Vec::new();
    for (sample, position) in positions.iter().enumerate() {
        let Some(position) = *position else { continue };
        let Some(last) = kept.last() else {
            kept.push(Kept {
                sample,
                position,
                step_m: 0.0,
            });
            continue;
        };
        let from_last = step(last, sample, position);
        if !too_fast(last, &from_last) {
            dropped.extend(waiting.drain(..).map(|w| (w.sample, speed_m_s(last, &w))));
            kept.push(from_last);
            continue;
        }
        match waiting.last() {
            Some(previous) => {
                let from_previous = step(previous, sample, position);
                if too_fast(previous, &from_previous) {
                    dropped.extend(waiting.drain(..).map(|w| (w.sample, speed_m_s(last, &w))));
                    waiting.push(from_last);
                } else {
                    waiting.push(from_previous);
                }
            }
            None => waiting.push(from_last),
        }
        if waiting.len() == AGREEING_DROPS {
            findings.push(jump(
                (last.sample, waiting[0].sample),
                speed_m_s(last, &waiting[0]),
            ));
            kept.append(&mut waiting);
        }
    }
    if let Some(last) = kept.last() {
        dropped.extend(waiting.drain(..).map(|w| (w.sample, speed_m_s(last, &w))));
    }
    for (sample, speed_m_s) in dropped {
        positions[sample] = None;
        Finding {
            kind: FindingKind::Spike,
            samples: Some((sample, sample)),
            size: Some(speed_m_s),
            action: "position dropped".to_owned(),
        }
        .join_to(findings, f64::max);
    }
    kept
}

/// Karney's geodesic on WGS-84, in metres.
fn length_m(earth: &Geodesic, from: Position, to: Position) -> f64 {
    let deg = |e7: i32| f64::from(e7) / 1e7;
    earth.inverse(deg(from.0), deg(from.1), deg(to.0), deg(to.1))
}

/// Nulls linear in time and rounded to the cm, the ends held, the first value
/// subtracted. Nothing known gives nothing.
fn fill(t_ms: &[i64], known: &[Option<i64>]) -> Vec<i64> {
    let anchors: Vec<(usize, i64)> = known
        .iter()
        .enumerate()
        .filter_map(|(i, value)| value.map(|value| (i, value)))
        .collect();
    let (Some(first), Some(last)) = (anchors.first(), anchors.last()) else {
        return Vec::new();
    };
    let mut filled = vec![first.1; first.0];
    for pair in anchors.windows(2) {
        let ((from, from_cm), (to, to_cm)) = (pair[0], pair[1]);
        filled.push(from_cm);
        let whole_ms = t_ms[to] - t_ms[from];
        filled.extend((from + 1..to).map(|i| {
            let part_ms = t_ms[i] - t_ms[from];
            divide_rounded(
                i128::from(from_cm) * i128::from(whole_ms)
                    + i128::from(to_cm - from_cm) * i128::from(part_ms),
                i128::from(whole_ms),
            )
        }));
    }
    filled.resize(t_ms.len(), last.1);
    let d_0 = filled[0];
    filled.iter().map(|value| value - d_0).collect()
}

/// The quotient, rounded with halves away from zero; `by` is above 0.
fn divide_rounded(value: i128, by: i128) -> i64 {
    let rounded = (2 * value.abs() + by) / (2 * by) * value.signum();
    i64::try_from(rounded).expect("a mean of two 64-bit values fits in 64 bits")
}

/// Every step of an axis that is too fast to be true in a sport; steps that
/// touch are one finding. `distance_cm` is empty or as long as `t_ms`.
pub fn jumps(sport: Sport, t_ms: &[i64], distance_cm: &[i64]) -> Vec<Finding> {
    let mut found: Vec<Finding> = Vec::new();
    for i in 1..distance_cm.len() {
        let duration_ms = t_ms[i] - t_ms[i - 1];
        let step_cm = distance_cm[i] - distance_cm[i - 1];
        if sport.is_jump(duration_ms, step_cm) {
            // cm per ms is 10 m/s.
            let speed_m_s = step_cm as f64 * 10.0 / duration_ms as f64;
            jump((i - 1, i), speed_m_s).join_to(&mut found, f64::max);
        }
    }
    found
}

/// Adds jumps to findings, but not what a mark there covers already: a jump
/// between positions may span several samples of the axis. Both are in order.
fn add_jumps(found: Vec<Finding>, findings: &mut Vec<Finding>) {
    let marked = findings.iter().filter(|f| f.kind == FindingKind::Jump);
    let marked: Vec<(usize, usize)> = marked.filter_map(|mark| mark.samples).collect();
    findings.extend(found.into_iter().filter(|jump| {
        let covered = jump.samples.is_some_and(|(first, last)| {
            let next = marked.partition_point(|mark| mark.1 < last);
            marked.get(next).is_some_and(|mark| mark.0 <= first)
        });
        !covered
    }));
}

fn jump(samples: (usize, usize), speed_m_s: f64) -> Finding {
    Finding {
        kind: FindingKind::Jump,
        samples: Some(samples),
        size: Some(speed_m_s),
        action: "kept; no record may contain it".to_owned(),
    }
}

#[cfg(test)]
mod tests;
