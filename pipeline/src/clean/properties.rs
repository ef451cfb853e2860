//! What holds of every recording, however odd.

use proptest::prelude::*;

use super::*;
use crate::recording::Clock;
use crate::sample::{START_MS, at, recording};

/// Samples in any order, often of equal time, with gaps in every channel,
/// distances that fall and positions that jump.
fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let position = prop_oneof![
        3 => (0..300i32).prop_map(|m| Some((46.0, 7.0 + f64::from(m) * 1e-5))),
        1 => (0..3i32).prop_map(|i| Some((46.0 + f64::from(i), 7.0))),
        1 => Just(Some((0.0, 0.0))),
        2 => Just(None),
    ];
    let distance = prop_oneof![
        3 => (0..2_000i32).prop_map(|m| Some(f64::from(m) * 1.003)),
        2 => Just(None),
    ];
    let heart_rate = prop::option::of(60..200i32);
    let one = (0..240_000i32, position, distance, heart_rate).prop_map(
        |(ms, position, distance_m, heart_rate_bpm)| Sample {
            lat_deg: position.map(|(lat, _)| lat),
            lng_deg: position.map(|(_, lng)| lng),
            distance_m,
            heart_rate_bpm,
            // Halves of a second, so that times meet.
            ..at(f64::from(ms / 500) / 2.0)
        },
    );
    prop::collection::vec(one, 1..60)
}

fn clock() -> impl Strategy<Value = Clock> {
    let event = (-10..300i64, any::<bool>()).prop_map(|(s, start)| (START_MS + s * 1000, start));
    prop_oneof![
        Just(Clock::Unmarked),
        prop::collection::vec(event, 0..6).prop_map(Clock::Events),
        prop::collection::vec(0..70usize, 0..4).prop_map(Clock::Segments),
        (0..400i32).prop_map(|s| Clock::LapTimes(f64::from(s) / 2.0)),
    ]
}

fn of(samples: Vec<Sample>, clock: Clock) -> Recording {
    Recording {
        samples,
        clock,
        ..recording(Format::Fit)
    }
}

fn cleaned(samples: Vec<Sample>, clock: Clock) -> Clean {
    clean(of(samples, clock)).expect("it has a time")
}

/// A recording that says what a clean one holds.
fn again(clean: &Clean) -> Vec<Sample> {
    let deg = |channel: &[Option<i32>], i: usize| {
        let value = channel.get(i).copied().flatten();
        value.map(|e7| f64::from(e7) / 1e7)
    };
    let start_s = (clean.start_time_us / 1000 - START_MS) as f64 / 1000.0;
    let sample = |(i, t_ms): (usize, &i64)| Sample {
        lat_deg: deg(&clean.lat_e7, i),
        lng_deg: deg(&clean.lng_e7, i),
        distance_m: clean.distance_cm.get(i).map(|cm| *cm as f64 / 100.0),
        heart_rate_bpm: clean.heart_rate_bpm.get(i).copied().flatten(),
        ..at(start_s + *t_ms as f64 / 1000.0)
    };
    clean.t_ms.iter().enumerate().map(sample).collect()
}

proptest! {
    #[test]
    fn a_clean_recording_keeps_its_promises(samples in samples(), clock in clock()) {
        let clean = cleaned(samples, clock);
        let n = clean.t_ms.len();
        prop_assert_eq!(clean.t_ms[0], 0);
        prop_assert!(clean.t_ms.is_sorted_by(|a, b| a < b));
        prop_assert!(clean.distance_cm.is_sorted());
        prop_assert!(clean.distance_cm.first().is_none_or(|d| *d == 0));
        for length in [clean.lat_e7.len(), clean.lng_e7.len(), clean.distance_cm.len(),
            clean.heart_rate_bpm.len()] {
            prop_assert!(length == 0 || length == n);
        }
        let pairs = clean.lat_e7.iter().zip(&clean.lng_e7);
        prop_assert!(pairs.clone().all(|(lat, lng)| lat.is_some() == lng.is_some()));
        prop_assert!((0..=clean.elapsed_ms()).contains(&clean.timer_ms));
        for finding in &clean.findings {
            if let Some((first, last)) = finding.samples {
                prop_assert!(first <= last && last < n);
            }
        }
    }

    /// Equal times join to the last non-null value: a naive twin.
    #[test]
    fn each_instant_has_the_last_value_in_file_order(samples in samples()) {
        let clean = cleaned(samples.clone(), Clock::Unmarked);
        for (i, t_ms) in clean.t_ms.iter().enumerate() {
            let ms = clean.start_time_us / 1000 + t_ms;
            let here = samples.iter().rev().filter(|s| s.time_ms.round() as i64 == ms);
            let expected = here.clone().find_map(|s| s.heart_rate_bpm);
            prop_assert!(here.count() > 0);
            prop_assert_eq!(clean.heart_rate_bpm.get(i).copied().flatten(), expected);
        }
    }

    /// The axis from a device is the highest distance so far, and between two
    /// known ones within half a centimetre of the line: exact fractions.
    #[test]
    fn the_axis_is_the_running_maximum_and_linear_between(samples in samples()) {
        let mut samples = samples;
        samples.sort_by(|a, b| a.time_ms.total_cmp(&b.time_ms));
        samples.dedup_by_key(|s| s.time_ms.round() as i64);
        let mut known = Vec::new();
        for (i, sample) in samples.iter().enumerate() {
            if let Some(metres) = sample.distance_m {
                let cm = (metres * 100.0).round() as i128;
                known.push((i, known.iter().map(|(_, d)| *d).max().unwrap_or(cm).max(cm)));
            }
        }
        prop_assume!(known.last().map(|k| k.1) > known.first().map(|k| k.1));
        let clean = cleaned(samples, Clock::Unmarked);
        let d_0 = known[0].1;
        let at = |i: usize| i128::from(clean.distance_cm[i]) + d_0;
        let t = |i: usize| i128::from(clean.t_ms[i]);
        for pair in known.windows(2) {
            let ((a, da), (b, db)) = (pair[0], pair[1]);
            prop_assert_eq!((at(a), at(b)), (da, db));
            for i in a + 1..b {
                let line = da * (t(b) - t(a)) + (db - da) * (t(i) - t(a));
                let off = 2 * (at(i) * (t(b) - t(a)) - line);
                prop_assert!(off.abs() <= t(b) - t(a));
            }
        }
        prop_assert!((0..known[0].0).all(|i| at(i) == d_0));
    }

    /// Where no two samples share a time, file order means nothing but for
    /// what is found about the clock.
    #[test]
    fn any_order_of_samples_is_equal(
        (sorted, shuffled) in samples().prop_flat_map(|mut samples| {
            samples.sort_by(|a, b| a.time_ms.total_cmp(&b.time_ms));
            samples.dedup_by_key(|s| s.time_ms.round() as i64);
            (Just(samples.clone()), Just(samples).prop_shuffle())
        }),
    ) {
        let of_order = |samples| {
            let mut clean = cleaned(samples, Clock::Unmarked);
            clean.findings.retain(|finding| finding.kind != FindingKind::ClockJump);
            clean
        };
        prop_assert_eq!(of_order(sorted), of_order(shuffled));
    }

    #[test]
    fn shifting_time_shifts_only_the_start(
        samples in samples(), clock in clock(), by_ms in -1_000_000_000i64..1_000_000_000,
    ) {
        let mut shifted = samples.clone();
        for sample in &mut shifted {
            sample.time_ms += by_ms as f64;
        }
        let later = match &clock {
            Clock::Events(events) => {
                Clock::Events(events.iter().map(|(ms, start)| (ms + by_ms, *start)).collect())
            }
            other => other.clone(),
        };
        let mut clean = cleaned(samples, clock);
        clean.start_time_us += by_ms * 1000;
        prop_assert_eq!(cleaned(shifted, later), clean);
    }

    #[test]
    fn cleaning_is_idempotent(samples in samples()) {
        let once = cleaned(samples, Clock::Unmarked);
        let twice = cleaned(again(&once), Clock::Unmarked);
        let arrays = |clean: &Clean| {
            (clean.start_time_us, clean.t_ms.clone(), clean.lat_e7.clone(), clean.lng_e7.clone(),
                clean.distance_cm.clone(), clean.heart_rate_bpm.clone())
        };
        prop_assert_eq!(arrays(&once), arrays(&twice));
        let done = [FindingKind::Spike, FindingKind::DoubledTime, FindingKind::FallingDistance];
        prop_assert!(!twice.findings.iter().any(|finding| done.contains(&finding.kind)));
    }

    /// Without a device's distance too: what is kept is kept again.
    #[test]
    fn cleaning_a_track_is_idempotent(samples in samples()) {
        let bare = |samples: Vec<Sample>| -> Vec<Sample> {
            samples.into_iter().map(|s| Sample { distance_m: None, ..s }).collect()
        };
        let once = cleaned(bare(samples), Clock::Unmarked);
        let twice = cleaned(bare(again(&once)), Clock::Unmarked);
        prop_assert_eq!(&once.lng_e7, &twice.lng_e7);
        prop_assert_eq!(&once.distance_cm, &twice.distance_cm);
    }
}
