//! From one recording to one activity's clean samples, by the rules of
//! definition 1: round, order, join, one distance axis; everything done is a
//! finding.
//!
//! Nothing here grows with time, only with the number of samples, so that a
//! corrupt clock costs nothing.

use storage::sport::Sport;

use crate::distance::{self, Axis};
use crate::error::CleanError;
use crate::finding::{Finding, FindingKind};
use crate::recording::{Claims, Format, Lap, Recording, Sample};
use crate::sport;
use crate::times::{self, Pauses};

/// Above this many ms between samples, without a marked pause, is a gap.
const GAP_MS: i64 = 30_000;
/// A step above this many ms is a jump of the clock.
const CLOCK_FORWARD_MS: i64 = 6 * 3_600_000;
/// A step back by more than this many ms is a jump of the clock.
const CLOCK_BACK_MS: i64 = 1_000;

/// One activity's clean samples and what its source says of it.
///
/// `n` samples; every channel that is not empty has `n` entries, and an empty
/// one was never recorded. A source without samples has `n` = 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Clean {
    /// The first sample, or the start that the source names; UTC,
    /// microseconds since 1970.
    pub start_time_us: i64,
    /// Family, and whether inside.
    pub sport: Sport,
    /// The fine sport, lower snake case.
    pub sport_detail: String,
    /// Milliseconds since the first sample; rises strictly, from 0.
    pub t_ms: Vec<i64>,
    /// Ten-millionths of a degree; null wherever `lng_e7` is.
    pub lat_e7: Vec<Option<i32>>,
    /// Ten-millionths of a degree.
    pub lng_e7: Vec<Option<i32>>,
    /// Centimetres since the first sample; never falls. Empty: no axis.
    pub distance_cm: Vec<i64>,
    /// Centimetres above sea level.
    pub altitude_cm: Vec<Option<i32>>,
    /// Beats per minute.
    pub heart_rate_bpm: Vec<Option<i32>>,
    /// Turns of one leg a minute.
    pub cadence_rpm: Vec<Option<i32>>,
    /// Watts.
    pub power_w: Vec<Option<i32>>,
    /// Degrees Celsius.
    pub temperature_c: Vec<Option<i32>>,
    /// The device's own speed, millimetres per second.
    pub speed_mm_s: Vec<Option<i32>>,
    /// Elapsed time less the pauses that the device marked, in ms.
    pub timer_ms: i64,
    /// Laps and pool lengths as the device marked them, in its order.
    pub laps: Vec<Lap>,
    /// What the source says of the whole.
    pub claims: Claims,
    /// What was odd, in order of declaration, then of samples.
    pub findings: Vec<Finding>,
    /// What it was read from.
    pub format: Format,
    /// How many values its source has, over all channels and distinct
    /// instants, before anything is filled in.
    pub non_null_values: i64,
}

impl Clean {
    /// From the first sample to the last, in ms; without samples, as the
    /// source claims it: it lasted no less than the time that was timed, or
    /// moved; else 0.
    pub fn elapsed_ms(&self) -> i64 {
        match self.t_ms.last() {
            Some(last) => *last,
            None => claimed_elapsed_ms(&self.claims),
        }
    }

    /// The first position, in ten-millionths of a degree (latitude, longitude).
    pub fn first_position(&self) -> Option<(i32, i32)> {
        let mut positions = self.lat_e7.iter().zip(&self.lng_e7);
        positions.find_map(|(lat, lng)| Some(((*lat)?, (*lng)?)))
    }
}

fn claimed_elapsed_ms(claims: &Claims) -> i64 {
    let claimed = [claims.elapsed_s, claims.timer_s, claims.moving_s];
    let mut claimed = claimed.into_iter().flatten();
    claimed.find_map(times::to_ms).unwrap_or(0)
}

/// One instant in stored units.
#[derive(Clone, Copy, Default)]
struct Instant {
    ms: i64,
    position: Option<(i32, i32)>,
    distance_cm: Option<i64>,
    altitude_cm: Option<i32>,
    heart_rate_bpm: Option<i32>,
    cadence_rpm: Option<i32>,
    power_w: Option<i32>,
    temperature_c: Option<i32>,
    speed_mm_s: Option<i32>,
}

/// Cleans one recording; the same input always gives the same output.
///
/// # Errors
/// [`CleanError::NoTime`] where neither a sample nor the source says when.
pub fn clean(mut recording: Recording) -> Result<Clean, CleanError> {
    recording.keep_finite_claims();
    let no_time = CleanError::NoTime {
        format: recording.format.name(),
    };
    let mapped = sport::map(
        recording.sport.as_deref(),
        recording.sub_sport.as_deref(),
        recording.claims.indoor,
    );
    let in_file_order: Vec<Instant> = recording.samples.iter().filter_map(round).collect();
    let mut findings = recording.findings;

    let Some(start_ms) = in_file_order.iter().map(|instant| instant.ms).min() else {
        let start_ms = recording
            .claimed_start_ms
            .filter(|ms| times::is_in_calendar(*ms));
        let start_ms = start_ms.ok_or(no_time)?;
        let elapsed_ms = claimed_elapsed_ms(&recording.claims);
        let timer_ms = recording.claims.timer_s.and_then(times::to_ms);
        return Ok(Clean {
            start_time_us: start_ms * 1_000,
            sport: mapped.sport,
            sport_detail: mapped.detail,
            t_ms: Vec::new(),
            lat_e7: Vec::new(),
            lng_e7: Vec::new(),
            distance_cm: Vec::new(),
            altitude_cm: Vec::new(),
            heart_rate_bpm: Vec::new(),
            cadence_rpm: Vec::new(),
            power_w: Vec::new(),
            temperature_c: Vec::new(),
            speed_mm_s: Vec::new(),
            // A source may contradict itself.
            timer_ms: timer_ms.map_or(elapsed_ms, |timer_ms| timer_ms.min(elapsed_ms)),
            laps: recording.laps,
            claims: recording.claims,
            findings,
            format: recording.format,
            non_null_values: 0,
        });
    };

    let (mut instants, joined) = order(&in_file_order);
    findings.extend(joined);
    let t_ms: Vec<i64> = instants
        .iter()
        .map(|instant| instant.ms - start_ms)
        .collect();
    findings.extend(clock_jumps(&in_file_order, start_ms, &t_ms));

    for instant in &mut instants {
        instant.position = instant.position.filter(|at| is_on_earth(*at));
    }
    let non_null_values = instants.iter().map(count_values).sum();

    let pauses = Pauses::of(
        &recording.clock,
        start_ms,
        &recording.samples,
        elapsed(&t_ms),
    );
    findings.extend(gaps(&t_ms, &pauses));

    let mut positions: Vec<_> = instants.iter().map(|instant| instant.position).collect();
    let device: Vec<_> = instants.iter().map(|instant| instant.distance_cm).collect();
    let Axis {
        distance_cm,
        findings: found,
    } = distance::axis(mapped.sport, &t_ms, &device, &mut positions, &pauses);
    findings.extend(found);
    findings.extend(total_differs(&distance_cm, recording.claims.distance_m));
    if positions.iter().all(Option::is_none) {
        findings.push(Finding {
            kind: FindingKind::NoPositions,
            samples: None,
            size: None,
            action: "kept; it has no place on the map".to_owned(),
        });
    }
    findings.sort_by_key(|finding| (finding.kind, finding.samples));

    Ok(Clean {
        start_time_us: start_ms * 1_000,
        sport: mapped.sport,
        sport_detail: mapped.detail,
        lat_e7: channel(&positions, |position| position.map(|(lat, _)| lat)),
        lng_e7: channel(&positions, |position| position.map(|(_, lng)| lng)),
        distance_cm,
        altitude_cm: channel(&instants, |instant| instant.altitude_cm),
        heart_rate_bpm: channel(&instants, |instant| instant.heart_rate_bpm),
        cadence_rpm: channel(&instants, |instant| instant.cadence_rpm),
        power_w: channel(&instants, |instant| instant.power_w),
        temperature_c: channel(&instants, |instant| instant.temperature_c),
        speed_mm_s: channel(&instants, |instant| instant.speed_mm_s),
        timer_ms: times::timer_ms(&recording.clock, &pauses, elapsed(&t_ms)),
        laps: recording.laps,
        claims: recording.claims,
        findings,
        format: recording.format,
        non_null_values,
        t_ms,
    })
}

fn elapsed(t_ms: &[i64]) -> i64 {
    t_ms.last().copied().unwrap_or(0)
}

/// Rounds to stored units, halves away from zero; what is no number is null.
/// A sample whose time no clock shows is none.
fn round(sample: &Sample) -> Option<Instant> {
    let finite = |value: Option<f64>| value.filter(|v| v.is_finite());
    // The casts saturate: what is out of range stays out of range.
    let scaled = |value: Option<f64>, by: f64| finite(value).map(|v| (v * by).round() as i32);
    let lat = scaled(sample.lat_deg, 1e7);
    let lng = scaled(sample.lng_deg, 1e7);
    Some(Instant {
        ms: times::round_ms(sample.time_ms)?,
        position: lat.zip(lng),
        distance_cm: finite(sample.distance_m)
            .map(|metres| (metres * 100.0).round())
            .filter(|cm| (0.0..=distance::MAX_CM as f64).contains(cm))
            .map(|cm| cm as i64),
        altitude_cm: scaled(sample.altitude_m, 100.0),
        heart_rate_bpm: sample.heart_rate_bpm,
        cadence_rpm: sample.cadence_rpm,
        power_w: sample.power_w,
        temperature_c: sample.temperature_c,
        speed_mm_s: scaled(sample.speed_m_s, 1000.0),
    })
}

/// Sorts stably by time and joins equal times: each channel's last non-null
/// value in file order.
fn order(in_file_order: &[Instant]) -> (Vec<Instant>, Vec<Finding>) {
    let mut sorted = in_file_order.to_vec();
    sorted.sort_by_key(|instant| instant.ms);
    let mut instants: Vec<Instant> = Vec::with_capacity(sorted.len());
    let mut findings: Vec<Finding> = Vec::new();
    for next in sorted {
        match instants.last_mut() {
            Some(last) if last.ms == next.ms => {
                last.position = next.position.or(last.position);
                last.distance_cm = next.distance_cm.or(last.distance_cm);
                last.altitude_cm = next.altitude_cm.or(last.altitude_cm);
                last.heart_rate_bpm = next.heart_rate_bpm.or(last.heart_rate_bpm);
                last.cadence_rpm = next.cadence_rpm.or(last.cadence_rpm);
                last.power_w = next.power_w.or(last.power_w);
                last.temperature_c = next.temperature_c.or(last.temperature_c);
                last.speed_mm_s = next.speed_mm_s.or(last.speed_mm_s);
                let at = instants.len() - 1;
                Finding {
                    kind: FindingKind::DoubledTime,
                    samples: Some((at, at)),
                    size: Some(1.0),
                    action: "joined; the last value of each channel stays".to_owned(),
                }
                .join_to(&mut findings, |joined, one| joined + one);
            }
            Some(_) | None => instants.push(next),
        }
    }
    (instants, findings)
}

/// Steps back by over 1 s in file order, and forward by over 6 h in clean
/// order. The times are kept: what is right is for the owner to say.
fn clock_jumps(in_file_order: &[Instant], start_ms: i64, t_ms: &[i64]) -> Vec<Finding> {
    let jump = |samples, step_ms: i64, action: &str| Finding {
        kind: FindingKind::ClockJump,
        samples: Some(samples),
        size: Some(step_ms as f64 / 1000.0),
        action: action.to_owned(),
    };
    let mut findings = Vec::new();
    for pair in in_file_order.windows(2) {
        let step_ms = pair[1].ms - pair[0].ms;
        if step_ms < -CLOCK_BACK_MS {
            let at = t_ms.partition_point(|t| *t < pair[1].ms - start_ms);
            findings.push(jump((at, at), step_ms, "sorted by time"));
        }
    }
    for (i, pair) in t_ms.windows(2).enumerate() {
        let step_ms = pair[1] - pair[0];
        if step_ms > CLOCK_FORWARD_MS {
            findings.push(jump((i, i + 1), step_ms, "kept; elapsed time counts it"));
        }
    }
    findings
}

fn gaps(t_ms: &[i64], pauses: &Pauses) -> Vec<Finding> {
    let steps = t_ms.windows(2).enumerate();
    let gaps =
        steps.filter(|(_, step)| step[1] - step[0] > GAP_MS && !pauses.touch(step[0], step[1]));
    gaps.map(|(i, step)| Finding {
        kind: FindingKind::Gap,
        samples: Some((i, i + 1)),
        size: Some((step[1] - step[0]) as f64 / 1000.0),
        action: "kept; distance is linear over it".to_owned(),
    })
    .collect()
}

/// Whether our length and the source's differ by over 2 % of the source's.
fn total_differs(distance_cm: &[i64], claimed_m: Option<f64>) -> Option<Finding> {
    let ours_cm = *distance_cm.last()?;
    let claimed_cm = claimed_m
        .map(|metres| (metres * 100.0).round())
        .filter(|cm| (0.0..=1e15).contains(cm))? as i64;
    let differs = (ours_cm - claimed_cm).abs() * 50 > claimed_cm;
    differs.then(|| Finding {
        kind: FindingKind::TotalDiffers,
        samples: None,
        size: Some((ours_cm - claimed_cm) as f64 / 100.0),
        action: format!(
            "our axis counts: {:.2} m where the source says {:.2} m",
            ours_cm as f64 / 100.0,
            claimed_cm as f64 / 100.0
        ),
    })
}

/// Not (0, 0), which devices write before they know, and within range.
fn is_on_earth((lat_e7, lng_e7): (i32, i32)) -> bool {
    (lat_e7, lng_e7) != (0, 0)
        && lat_e7.unsigned_abs() <= 900_000_000
        && lng_e7.unsigned_abs() <= 1_800_000_000
}

fn count_values(instant: &Instant) -> i64 {
    let positions = 2 * i64::from(instant.position.is_some());
    let distances = i64::from(instant.distance_cm.is_some());
    let others = [
        instant.altitude_cm,
        instant.heart_rate_bpm,
        instant.cadence_rpm,
        instant.power_w,
        instant.temperature_c,
        instant.speed_mm_s,
    ];
    positions + distances + others.iter().flatten().count() as i64
}

/// One channel of all samples; empty where it is silent throughout.
fn channel<T>(samples: &[T], value: impl Fn(&T) -> Option<i32>) -> Vec<Option<i32>> {
    let values: Vec<_> = samples.iter().map(value).collect();
    match values.iter().any(Option::is_some) {
        true => values,
        false => Vec::new(),
    }
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
