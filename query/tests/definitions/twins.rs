//! Each kernel beside a naive twin, on random activities.
//!
//! The twins follow the definitions word by word: they try every start, look
//! at every millisecond, scan from the beginning each time. They share no code
//! with the kernels.

use std::cmp::Ordering;

use pacelake_query::activity::Activity;
use pacelake_query::derived::best_efforts::kernel::{DISTANCES_MM, Efforts};
use pacelake_query::derived::peaks::kernel::{DURATIONS_MS, Measure, peaks};
use pacelake_query::derived::splits::kernel::{SplitUnit, splits};
use pacelake_query::derived::totals::averages::Held;
use pacelake_query::derived::totals::climb::{Climb, filled};
use pacelake_query::derived::totals::totals;
use pacelake_query::measured::Measured;
use proptest::prelude::*;
use storage::sport::Family;

/// A fraction with a denominator above 0.
#[derive(Clone, Copy, Debug)]
struct Ratio(i128, i128);

impl Ratio {
    fn minus(self, other: Self) -> Self {
        Self(self.0 * other.1 - other.0 * self.1, self.1 * other.1)
    }

    fn cmp(self, other: Self) -> Ordering {
        (self.0 * other.1).cmp(&(other.0 * self.1))
    }

    fn rounded(self) -> i64 {
        ((2 * self.0 + self.1).div_euclid(2 * self.1)) as i64
    }
}

fn whole(value: i64) -> Ratio {
    Ratio(value.into(), 1)
}

/// Distance of a sample in mm.
fn mm(a: &Activity, sample: usize) -> i64 {
    a.distance_cm[sample] * 10
}

/// The first instant at which the distance is `at`.
fn first_at(a: &Activity, at: i64) -> Option<Ratio> {
    if let Some(sample) = (0..a.t_ms.len()).find(|&i| mm(a, i) == at) {
        return Some(whole(a.t_ms[sample]));
    }
    crossing(a, at)
}

/// The last instant at which the distance is `at`.
fn last_at(a: &Activity, at: i64) -> Option<Ratio> {
    if let Some(sample) = (0..a.t_ms.len()).rfind(|&i| mm(a, i) == at) {
        return Some(whole(a.t_ms[sample]));
    }
    crossing(a, at)
}

fn crossing(a: &Activity, at: i64) -> Option<Ratio> {
    let step = (1..a.t_ms.len()).find(|&i| mm(a, i - 1) < at && at < mm(a, i))?;
    let (from, to) = (mm(a, step - 1), mm(a, step));
    let (t0, t1) = (a.t_ms[step - 1], a.t_ms[step]);
    let num = i128::from(t0) * i128::from(to - from) + i128::from(at - from) * i128::from(t1 - t0);
    Some(Ratio(num, i128::from(to - from)))
}

/// The limit of a jump in cm/s, as the definition lists it.
fn jumps(a: &Activity, step: usize) -> bool {
    if a.distance_cm.is_empty() {
        return false;
    }
    let ms = a.t_ms[step + 1] - a.t_ms[step];
    let cm = a.distance_cm[step + 1] - a.distance_cm[step];
    let limit = match a.sport.family {
        Family::Run | Family::Walk if ms > 30_000 => 700,
        Family::Run | Family::Walk => 1_250,
        Family::Ride => 3_500,
        Family::Swim | Family::Other => 6_000,
    };
    // In whole numbers: a step of exactly the limit is no jump, and doubles
    // put 226.1 m in 32.3 s above 7 m/s.
    cm * 1_000 > limit * ms
}

fn masked(a: &Activity, step: usize) -> bool {
    a.masks
        .iter()
        .any(|&(first, last)| first <= step && step < last)
}

/// Whether the time from `s` to `e` shares more than an instant with a step.
fn shares(a: &Activity, s: Ratio, e: Ratio, step: usize) -> bool {
    let (from, to) = (whole(a.t_ms[step]), whole(a.t_ms[step + 1]));
    s.cmp(to) == Ordering::Less && from.cmp(e) == Ordering::Less
}

struct Naive {
    start: Ratio,
    end: Ratio,
    elapsed: Ratio,
    cause: Option<&'static str>,
}

/// Every effort over a distance that begins or ends at a sample, or at some
/// places between, by start.
fn every_effort(a: &Activity, distance_mm: i64) -> Vec<Naive> {
    let samples = 0..a.distance_cm.len();
    let last = samples.clone().next_back().map_or(0, |i| mm(a, i));
    let mut starts: Vec<i64> = samples
        .clone()
        .flat_map(|i| [mm(a, i), mm(a, i) - distance_mm])
        .chain(samples.skip(1).flat_map(|i| {
            let (from, to) = (mm(a, i - 1), mm(a, i));
            [from + (to - from) / 3, from + (to - from) / 2]
        }))
        .filter(|&from| from >= 0 && from + distance_mm <= last)
        .collect();
    starts.sort_unstable();
    starts.dedup();
    let effort = |from: i64| {
        let start = last_at(a, from).unwrap();
        let end = first_at(a, from + distance_mm).unwrap();
        let steps = || (0..a.t_ms.len() - 1).filter(|&step| shares(a, start, end, step));
        let jump = steps().any(|step| jumps(a, step));
        let mask = steps().any(|step| masked(a, step));
        let cause = match (jump, mask) {
            (false, false) => None,
            (true, false) => Some("jump"),
            (false, true) => Some("mask"),
            (true, true) => Some("jump_and_mask"),
        };
        let elapsed = end.minus(start);
        Naive {
            start,
            end,
            elapsed,
            cause,
        }
    };
    starts.into_iter().map(effort).collect()
}

/// The least, and among equal ones the first.
fn least<'a>(efforts: impl Iterator<Item = &'a Naive>) -> Option<&'a Naive> {
    efforts.reduce(|best, next| match next.elapsed.cmp(best.elapsed) {
        Ordering::Less => next,
        Ordering::Equal | Ordering::Greater => best,
    })
}

fn shown(a: &Activity, distance_mm: i64, effort: &Naive) -> String {
    let samples = 0..a.t_ms.len();
    let first = samples
        .clone()
        .rfind(|&i| whole(a.t_ms[i]).cmp(effort.start).is_le());
    let last = samples
        .clone()
        .find(|&i| whole(a.t_ms[i]).cmp(effort.end).is_ge());
    format!(
        "{}: {} from {} to {}, {}..{}",
        distance_mm,
        effort.elapsed.rounded(),
        effort.start.rounded(),
        effort.end.rounded(),
        first.unwrap(),
        last.unwrap(),
    )
}

fn naive_efforts(a: &Activity) -> Vec<String> {
    let (mut best_lines, mut refused_lines) = (Vec::new(), Vec::new());
    for distance_mm in DISTANCES_MM {
        let efforts = every_effort(a, distance_mm);
        let included = a.included_mm.contains(&distance_mm);
        let counts = |effort: &&Naive| included || effort.cause.is_none();
        let best = least(efforts.iter().filter(counts));
        let refused = least(efforts.iter().filter(|effort| !counts(effort)));
        best_lines.extend(best.map(|best| format!("best {}", shown(a, distance_mm, best))));
        let faster =
            |refused: &&Naive| best.is_none_or(|best| refused.elapsed.cmp(best.elapsed).is_lt());
        let refused = refused.filter(faster);
        refused_lines.extend(refused.map(|refused| {
            let cause = refused.cause.unwrap_or("nothing");
            format!("{cause} {}", shown(a, distance_mm, refused))
        }));
    }
    best_lines.extend(refused_lines);
    best_lines
}

fn kernel_efforts(a: &Activity) -> Vec<String> {
    let efforts = Efforts::new(&Measured::new(a));
    let best = efforts.best.iter().map(|effort| ("best", effort));
    let refused = efforts
        .refused
        .iter()
        .map(|(effort, cause)| (cause.name(), effort));
    let line = |(cause, e): (&str, &pacelake_query::derived::best_efforts::kernel::Effort)| {
        format!(
            "{cause} {}: {} from {} to {}, {}..{}",
            e.distance_mm, e.elapsed_ms, e.start_ms, e.end_ms, e.first_sample, e.last_sample
        )
    };
    best.chain(refused).map(line).collect()
}

/// For every ms, whether it is movement.
fn moving_ms(a: &Activity) -> Vec<bool> {
    let (t, d) = (&a.t_ms, &a.distance_cm);
    let lengths = &a.active_lengths_ms;
    if !lengths.is_empty() {
        let in_a_length = |ms| lengths.iter().any(|&(from, to)| from <= ms && ms < to);
        return (0..t[t.len() - 1]).map(in_a_length).collect();
    }
    let least_cm_s = match a.sport.family {
        Family::Ride => 100,
        Family::Swim => 20,
        Family::Run | Family::Walk | Family::Other => 50,
    };
    let mut flags = Vec::new();
    for step in 1..t.len() {
        let repeats = d[step] == d[step - 1];
        // The distance that repeats in this step, or before its rise.
        let level = d[step - 1];
        let first = (0..t.len()).find(|&i| d[i] == level).unwrap();
        let last = (0..t.len()).rfind(|&i| d[i] == level).unwrap();
        let joined = t[last] - t[first] <= 3_000;
        let moves = match (joined, repeats) {
            (false, true) => false,
            (false, false) | (true, _) if last + 1 == t.len() => false,
            (joined, _) => {
                let from = if joined { t[first] } else { t[last] };
                let ms = t[last + 1] - from;
                ms <= 30_000 && (d[last + 1] - level) * 1_000 >= least_cm_s * ms
            }
        };
        flags.extend(std::iter::repeat_n(moves, (t[step] - t[step - 1]) as usize));
    }
    flags
}

fn naive_splits(a: &Activity) -> Vec<String> {
    if a.distance_cm.is_empty() {
        return Vec::new();
    }
    let moving = moving_ms(a);
    let total = mm(a, a.t_ms.len() - 1);
    let mut lines = Vec::new();
    for unit in SplitUnit::ALL {
        let length = unit.length_mm();
        let (mut from, mut number) = (0, 1);
        while total - length * (number - 1) >= 10 {
            let distance = length.min(total - length * (number - 1));
            let to = match first_at(a, length * number) {
                Some(reached) => reached.rounded(),
                None => *a.t_ms.last().unwrap(),
            };
            let moved = moving[from as usize..to as usize]
                .iter()
                .filter(|&&m| m)
                .count();
            let name = unit.name();
            lines.push(format!(
                "{name} {number}: {distance} in {from}..{to}, moving {moved}"
            ));
            (from, number) = (to, number + 1);
        }
    }
    lines
}

fn kernel_splits(a: &Activity) -> Vec<String> {
    let line = |s: &pacelake_query::derived::splits::kernel::Split| {
        format!(
            "{} {}: {} in {}..{}, moving {}",
            s.unit.name(),
            s.number,
            s.distance_mm,
            s.start_ms,
            s.end_ms,
            s.moving_ms
        )
    };
    splits(&Measured::new(a)).iter().map(line).collect()
}

/// The value that holds in each ms.
fn held_ms(a: &Activity, channel: &[Option<i32>]) -> Vec<Option<i32>> {
    let mut values = Vec::new();
    let mut held: Option<(i64, i32)> = None;
    for sample in 1..a.t_ms.len() {
        if let Some(value) = channel[sample - 1] {
            held = Some((a.t_ms[sample - 1], value));
        }
        let holds = |t: i64| {
            held.filter(|&(since, _)| t - since < 30_000)
                .map(|(_, v)| v)
        };
        values.extend((a.t_ms[sample - 1]..a.t_ms[sample]).map(holds));
    }
    values
}

/// Whether a step lies between two values at most `gap_ms` apart, and the
/// first of them; the end of the recording counts like a value.
fn rate(a: &Activity, channel: &[Option<i32>], step: usize, gap_ms: i64) -> Option<i32> {
    let before = (0..=step).rfind(|&i| channel[i].is_some())?;
    let after = (step + 1..a.t_ms.len()).find(|&i| channel[i].is_some());
    let after = after.unwrap_or(a.t_ms.len() - 1);
    let near = a.t_ms[after] - a.t_ms[before] <= gap_ms;
    near.then_some(channel[before]).flatten()
}

/// Peaks by trying every start on a grid of 100 ms, on which all samples lie.
fn naive_peaks(a: &Activity) -> Vec<(String, f64)> {
    let altitude = filled(&a.t_ms, &a.altitude_cm);
    let some = |channel: &[Option<i32>]| channel.iter().any(Option::is_some);
    let mut lines = Vec::new();
    for measure in Measure::ALL {
        let present = match measure {
            Measure::Climb => !altitude.is_empty(),
            Measure::HeartRate => some(&a.heart_rate_bpm),
            Measure::Power => some(&a.power_w),
            Measure::Speed => !a.distance_cm.is_empty(),
        };
        if !present {
            continue;
        }
        // What is gained in each tenth of a second, and whether it is barred.
        let mut tenths: Vec<(f64, bool)> = Vec::new();
        for step in 0..a.t_ms.len() - 1 {
            let count = (a.t_ms[step + 1] - a.t_ms[step]) / 100;
            let (rises, barred) = match measure {
                Measure::Climb => ((altitude[step + 1] - altitude[step]) as f64, false),
                Measure::Speed => {
                    let rises = a.distance_cm[step + 1] - a.distance_cm[step];
                    (rises as f64, jumps(a, step))
                }
                Measure::HeartRate => {
                    let held = rate(a, &a.heart_rate_bpm, step, 30_000);
                    (f64::from(held.unwrap_or(0)) * count as f64, held.is_none())
                }
                Measure::Power => {
                    let held = rate(a, &a.power_w, step, 10_000).unwrap_or(0);
                    (f64::from(held) * count as f64, false)
                }
            };
            let tenth = (rises / count as f64, barred || masked(a, step));
            tenths.extend(std::iter::repeat_n(tenth, count as usize));
        }
        for duration_ms in DURATIONS_MS {
            let width = (duration_ms / 100) as usize;
            let mut best: Option<f64> = None;
            for window in tenths.windows(width) {
                if window.iter().any(|(_, barred)| *barred) {
                    continue;
                }
                let gained: f64 = window.iter().map(|(gained, _)| gained).sum();
                best = Some(best.map_or(gained, |best| best.max(gained)));
            }
            let value = best.map(|best| match measure {
                Measure::Climb => best * 36_000.0 / duration_ms as f64,
                Measure::Speed => best * 10.0 / duration_ms as f64,
                Measure::HeartRate | Measure::Power => best / width as f64,
            });
            lines.extend(value.map(|v| (format!("{} {duration_ms}", measure.name()), v)));
        }
    }
    lines
}

fn kernel_peaks(a: &Activity) -> Vec<(String, f64)> {
    let peaks = peaks(&Measured::new(a));
    let line = |p: &pacelake_query::derived::peaks::kernel::Peak| {
        (format!("{} {}", p.measure.name(), p.duration_ms), p.value)
    };
    peaks.iter().map(line).collect()
}

/// Whether two lists name the same peaks, with values that differ by no more
/// than the twin's sums of doubles do.
fn same_peaks(kernel: &[(String, f64)], naive: &[(String, f64)]) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * a.abs().max(1.0);
    kernel.len() == naive.len()
        && kernel
            .iter()
            .zip(naive)
            .all(|(a, b)| a.0 == b.0 && near(a.1, b.1))
}

/// Climb and descent by taking away the smallest rise or fall below 5 m, again
/// and again, until none is left.
fn naive_climb(altitude: &[i64]) -> (i64, i64) {
    let mut points: Vec<i64> = Vec::new();
    for &cm in altitude {
        let goes_on = |&[a, b]: &[i64; 2]| (b - a).signum() * (cm - b).signum() >= 0;
        match points.last_chunk::<2>() {
            Some(last) if goes_on(last) => *points.last_mut().unwrap() = cm,
            _ if points.last() != Some(&cm) => points.push(cm),
            _ => {}
        }
    }
    while let Some(small) = (1..points.len())
        .min_by_key(|&i| (points[i] - points[i - 1]).abs())
        .filter(|&i| (points[i] - points[i - 1]).abs() < 500)
    {
        if small == 1 {
            points.remove(0);
        } else if small == points.len() - 1 {
            points.pop();
        } else {
            points.drain(small - 1..=small);
        }
    }
    let ways = points.windows(2).map(|pair| pair[1] - pair[0]);
    let climb = ways.clone().filter(|&way| way > 0).sum();
    (climb, ways.filter(|&way| way < 0).map(|way| -way).sum())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..Default::default() })]

    #[test]
    fn best_and_refused_efforts_are_those_of_the_naive_twin(sketch in crate::random::sketch(2..120)) {
        let activity = crate::random::read(&[sketch]).remove(0);
        prop_assert_eq!(kernel_efforts(&activity), naive_efforts(&activity));
    }

    #[test]
    fn splits_are_those_of_the_naive_twin(sketch in crate::random::sketch(2..120)) {
        let activity = crate::random::read(&[sketch]).remove(0);
        prop_assert_eq!(kernel_splits(&activity), naive_splits(&activity));
    }

    #[test]
    fn peaks_are_those_of_the_naive_twin(sketch in crate::random::sketch(2..30)) {
        let activity = crate::random::read(&[sketch]).remove(0);
        let (kernel, naive) = (kernel_peaks(&activity), naive_peaks(&activity));
        prop_assert!(same_peaks(&kernel, &naive), "{kernel:?}\n{naive:?}");
    }

    #[test]
    fn climb_is_that_of_the_naive_twin(sketch in crate::random::sketch(2..200)) {
        let activity = crate::random::read(&[sketch]).remove(0);
        let altitude = filled(&activity.t_ms, &activity.altitude_cm);
        let end = *activity.t_ms.last().unwrap();
        let climb = Climb::new(&activity.t_ms, altitude.clone());
        prop_assert_eq!(climb.map(|climb| climb.until(end)),
            (!altitude.is_empty()).then(|| naive_climb(&altitude)));
    }

    #[test]
    fn averages_are_those_of_every_millisecond(
        sketch in crate::random::sketch(2..40),
        cuts in (0.0..1.0_f64, 0.0..1.0_f64),
    ) {
        let activity = crate::random::read(&[sketch]).remove(0);
        let channel = &activity.power_w;
        prop_assume!(!channel.is_empty());
        let end = *activity.t_ms.last().unwrap() as f64;
        let (a, b) = ((cuts.0 * end) as usize, (cuts.1 * end) as usize);
        let (from, to) = (a.min(b), a.max(b));
        let held: Vec<i32> = held_ms(&activity, channel)[from..to].iter().flatten().copied().collect();
        let sum: i64 = held.iter().copied().map(i64::from).sum();
        let expected = (!held.is_empty()).then(|| sum as f64 / held.len() as f64);
        let average = Held::new(&activity.t_ms, channel).average(from as i64, to as i64);
        prop_assert_eq!(average, expected);
    }

    #[test]
    fn moving_time_is_that_of_every_millisecond(sketch in crate::random::sketch(2..120)) {
        let activity = crate::random::read(&[sketch]).remove(0);
        let known = !activity.distance_cm.is_empty() || !activity.active_lengths_ms.is_empty();
        prop_assume!(known);
        let moving = moving_ms(&activity).iter().filter(|&&moves| moves).count();
        prop_assert_eq!(totals(&activity).moving_s, moving as f64 / 1_000.0);
    }
}
