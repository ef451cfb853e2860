//! Each rule of cleaning, and each hard case that peers stumble over.

use storage::sport::Family;

use super::*;
use crate::recording::Clock;
use crate::sample::{START_MS, at, measured, recording, tracked};

fn cleaned(recording: Recording) -> Clean {
    clean(recording).expect("it has a time")
}

fn kinds(clean: &Clean) -> Vec<FindingKind> {
    clean.findings.iter().map(|finding| finding.kind).collect()
}

/// The axis within a centimetre: 1e-7 degrees, to which positions are rounded,
/// are 1.1 cm.
#[track_caller]
fn assert_along(clean: &Clean, expected_cm: &[i64]) {
    let near = |(ours, expected): (&i64, &i64)| (ours - expected).abs() <= 1;
    assert!(
        clean.distance_cm.len() == expected_cm.len()
            && clean.distance_cm.iter().zip(expected_cm).all(near),
        "{:?} is not {expected_cm:?}",
        clean.distance_cm
    );
}

fn only(clean: &Clean, kind: FindingKind) -> Vec<&Finding> {
    let findings = clean.findings.iter();
    findings.filter(|finding| finding.kind == kind).collect()
}

#[test]
fn values_are_rounded_with_halves_away_from_zero() {
    let mut run = measured(&[(0.0, Some(0.0)), (1.0, Some(2.5))]);
    run.samples[0] = Sample {
        time_ms: START_MS as f64 + 0.5,
        lat_deg: Some(-0.000_000_25),
        lng_deg: Some(0.000_000_25),
        altitude_m: Some(-0.125),
        speed_m_s: Some(2.0005),
        distance_m: Some(0.125),
        ..Sample::default()
    };
    let clean = cleaned(run);
    assert_eq!(clean.start_time_us, (START_MS + 1) * 1000);
    assert_eq!(clean.lat_e7[0], Some(-3));
    assert_eq!(clean.lng_e7[0], Some(3));
    assert_eq!(clean.altitude_cm[0], Some(-13));
    assert_eq!(clean.speed_mm_s[0], Some(2001));
    assert_eq!(clean.distance_cm, [0, 250 - 13]);
}

#[test]
fn samples_are_sorted_and_shown_in_order_of_time() {
    let clean = cleaned(measured(&[
        (2.0, Some(20.0)),
        (0.0, Some(0.0)),
        (1.0, Some(10.0)),
    ]));
    assert_eq!(clean.t_ms, [0, 1000, 2000]);
    assert_eq!(clean.distance_cm, [0, 1000, 2000]);
}

#[test]
fn doubled_times_become_one_sample_with_each_channels_last_value() {
    let mut run = measured(&[
        (0.0, Some(0.0)),
        (1.0, Some(3.0)),
        (1.0, None),
        (1.0, Some(4.0)),
    ]);
    run.samples[1].heart_rate_bpm = Some(120);
    run.samples[2].heart_rate_bpm = Some(121);
    let clean = cleaned(run);
    assert_eq!(clean.t_ms, [0, 1000]);
    assert_eq!(clean.distance_cm, [0, 400]);
    assert_eq!(clean.heart_rate_bpm, [None, Some(121)]);
    let doubled = only(&clean, FindingKind::DoubledTime);
    assert_eq!(doubled.len(), 1);
    assert_eq!(
        (doubled[0].samples, doubled[0].size),
        (Some((1, 1)), Some(2.0))
    );
}

#[test]
fn positions_at_null_island_or_out_of_range_are_null() {
    let mut run = tracked(&[(0.0, 0.0), (1.0, 3.0), (2.0, 6.0), (3.0, 9.0), (4.0, 12.0)]);
    run.samples[1].lng_deg = Some(0.0);
    run.samples[2].lat_deg = Some(90.5);
    run.samples[3].lng_deg = Some(1e9);
    run.samples[4].lat_deg = None;
    let clean = cleaned(run);
    assert_eq!(clean.lng_e7, [Some(100_000_000), None, None, None, None]);
    assert_eq!(clean.lat_e7, [Some(0), None, None, None, None]);
    assert!(clean.distance_cm.is_empty(), "one position is no axis");
}

#[test]
fn distance_going_backwards_or_null_at_the_end_never_falls() {
    let clean = cleaned(measured(&[
        (0.0, Some(5.0)),
        (1.0, Some(8.0)),
        (2.0, Some(7.0)),
        (3.0, Some(7.5)),
        (4.0, Some(11.0)),
        (5.0, None),
        (6.0, None),
    ]));
    assert_eq!(clean.distance_cm, [0, 300, 300, 300, 600, 600, 600]);
    let fell = only(&clean, FindingKind::FallingDistance);
    assert_eq!(fell.len(), 1);
    assert_eq!((fell[0].samples, fell[0].size), (Some((2, 3)), Some(1.0)));
}

#[test]
fn a_null_distance_is_linear_in_time_and_rounded_to_the_cm() {
    let clean = cleaned(measured(&[
        (0.0, None),
        (1.0, Some(1.0)),
        (3.0, None),
        (4.5, None),
        (5.0, Some(1.03)),
    ]));
    // 2/4 and 3.5/4 of 3 cm: 1.5 and 2.625.
    assert_eq!(clean.distance_cm, [0, 0, 2, 3, 3]);
}

#[test]
fn a_device_distance_that_never_rises_gives_way_to_the_track() {
    let mut run = tracked(&[(0.0, 0.0), (1.0, 3.0), (2.0, 6.0)]);
    for sample in &mut run.samples {
        sample.distance_m = Some(7.0);
    }
    assert_along(&cleaned(run), &[0, 300, 600]);
}

#[test]
fn a_treadmill_without_track_or_distance_has_no_axis() {
    let clean = cleaned(measured(&[(0.0, Some(0.0)), (10.0, Some(0.0))]));
    assert!(clean.distance_cm.is_empty());
    assert_eq!(kinds(&clean), [FindingKind::NoPositions]);
}

#[test]
fn a_stream_longer_than_the_summary_is_found() {
    let mut run = measured(&[(0.0, Some(0.0)), (1000.0, Some(5103.0))]);
    run.claims.distance_m = Some(5000.0);
    let clean = cleaned(run.clone());
    let differs = only(&clean, FindingKind::TotalDiffers);
    assert_eq!(differs.len(), 1);
    assert_eq!(differs[0].size, Some(103.0));

    run.claims.distance_m = Some(5003.0);
    assert!(only(&cleaned(run), FindingKind::TotalDiffers).is_empty());
}

#[test]
fn a_one_sample_spike_out_and_back_adds_nothing() {
    let clean = cleaned(tracked(&[
        (0.0, 0.0),
        (1.0, 3.0),
        (2.0, 503.0),
        (3.0, 9.0),
        (4.0, 12.0),
    ]));
    assert_along(&clean, &[0, 300, 600, 900, 1200]);
    assert_eq!(clean.lng_e7[2], None);
    assert_eq!(kinds(&clean), [FindingKind::Spike]);
    assert_eq!(clean.findings[0].samples, Some((2, 2)));
    assert_eq!(clean.findings[0].size.map(f64::round), Some(500.0));
}

#[test]
fn five_agreeing_drops_are_kept_behind_a_jump() {
    let mut track = vec![(0.0, 0.0), (1.0, 3.0)];
    track.extend((2..7).map(|i| (f64::from(i), 1000.0 + 3.0 * f64::from(i))));
    let clean = cleaned(tracked(&track));
    assert_eq!(clean.lng_e7.iter().flatten().count(), 7);
    assert_along(
        &clean,
        &[0, 300, 100_600, 100_900, 101_200, 101_500, 101_800],
    );
    assert_eq!(kinds(&clean), [FindingKind::Jump]);
    assert_eq!(clean.findings[0].samples, Some((1, 2)));

    let four = cleaned(tracked(&track[..6]));
    assert_along(&four, &[0, 300, 300, 300, 300, 300]);
    assert_eq!(only(&four, FindingKind::Spike)[0].samples, Some((2, 5)));
}

#[test]
fn drops_that_disagree_are_not_kept() {
    let mut track = vec![(0.0, 0.0)];
    track.extend((1..9).map(|i| (f64::from(i), 1000.0 * f64::from(1 + i % 3))));
    track.push((9.0, 20.0));
    let clean = cleaned(tracked(&track));
    assert_along(
        &clean,
        &[0, 222, 444, 667, 889, 1111, 1333, 1556, 1778, 2000],
    );
    assert_eq!(only(&clean, FindingKind::Jump).len(), 0);
    assert_eq!(only(&clean, FindingKind::Spike)[0].samples, Some((1, 8)));
}

#[test]
fn a_gap_with_a_teleport_is_a_gap_and_a_jump() {
    let clean = cleaned(measured(&[
        (0.0, Some(0.0)),
        (1.0, Some(3.0)),
        (91.0, Some(1003.0)),
        (92.0, Some(1006.0)),
    ]));
    assert_eq!(clean.distance_cm, [0, 300, 100_300, 100_600]);
    assert_eq!(
        kinds(&clean),
        [
            FindingKind::Jump,
            FindingKind::Gap,
            FindingKind::NoPositions
        ]
    );
    assert_eq!(clean.findings[0].samples, Some((1, 2)));
    assert_eq!(clean.findings[1].size, Some(90.0));
}

#[test]
fn a_marked_pause_counts_as_elapsed_but_not_as_timer_gap_or_distance() {
    let mut run = tracked(&[(0.0, 0.0), (10.0, 30.0), (100.0, 230.0), (110.0, 260.0)]);
    run.clock = Clock::Events(vec![
        (START_MS, true),
        (START_MS + 11_000, false),
        (START_MS + 99_000, true),
        (START_MS + 110_000, false),
    ]);
    let clean = cleaned(run);
    assert_eq!(clean.elapsed_ms(), 110_000);
    assert_eq!(clean.timer_ms, 110_000 - 88_000);
    assert_along(&clean, &[0, 3000, 3000, 6000]);
    assert_eq!(kinds(&clean), []);
}

#[test]
fn smart_recording_keeps_its_uneven_steps() {
    let clean = cleaned(measured(&[
        (0.0, Some(0.0)),
        (1.0, Some(3.0)),
        (8.0, Some(24.0)),
        (12.5, Some(37.5)),
    ]));
    assert_eq!(clean.t_ms, [0, 1000, 8000, 12_500]);
    assert_eq!(clean.distance_cm, [0, 300, 2400, 3750]);
    assert_eq!(kinds(&clean), [FindingKind::NoPositions]);
}

#[test]
fn repeated_segments_do_not_double_the_distance() {
    let track = [(0.0, 0.0), (1.0, 3.0), (2.0, 6.0)];
    let mut run = tracked(&[track, track].concat());
    run.clock = Clock::Segments(vec![3]);
    let clean = cleaned(run);
    assert_along(&clean, &[0, 300, 600]);
    assert_eq!(clean.timer_ms, 2000);
    let doubled = only(&clean, FindingKind::DoubledTime);
    assert_eq!(
        (doubled[0].samples, doubled[0].size),
        (Some((0, 2)), Some(3.0))
    );
}

#[test]
fn a_clock_jump_is_found_and_costs_nothing() {
    // 1168 h, as elevate's issue 363 has it, and a clock set back.
    let clean = cleaned(measured(&[
        (0.0, Some(0.0)),
        (1.0, Some(3.0)),
        (4_204_800.0, Some(6.0)),
        (4_204_700.0, Some(5.0)),
    ]));
    let jumps = only(&clean, FindingKind::ClockJump);
    assert_eq!(jumps.len(), 2);
    assert_eq!(
        (jumps[0].samples, jumps[0].size),
        (Some((1, 2)), Some(4_204_699.0))
    );
    assert_eq!(
        (jumps[1].samples, jumps[1].size),
        (Some((2, 2)), Some(-100.0))
    );
    assert_eq!(clean.t_ms.len(), 4);
}

#[test]
fn a_time_that_no_clock_shows_is_no_sample() {
    let mut run = measured(&[(0.0, Some(0.0)), (1.0, Some(3.0))]);
    run.samples.push(Sample {
        time_ms: f64::INFINITY,
        ..at(0.0)
    });
    run.samples.push(Sample {
        time_ms: -1e300,
        ..at(0.0)
    });
    // 0001-01-01, which programs write for no time at all.
    run.samples.push(Sample {
        time_ms: -62_135_596_800_000.0,
        ..at(0.0)
    });
    assert_eq!(cleaned(run).t_ms, [0, 1000]);
}

#[test]
fn absurd_values_neither_panic_nor_overflow() {
    let mut run = tracked(&[(0.0, 0.0), (1.0, 3.0)]);
    run.samples[0].distance_m = Some(-1e9);
    run.samples[1].distance_m = Some(f64::MAX);
    run.samples[1].altitude_m = Some(f64::NAN);
    run.claims.calories_kcal = Some(f64::NAN);
    run.claims.climb_m = Some(f64::INFINITY);
    run.samples[0].altitude_m = Some(1e18);
    run.claims.distance_m = Some(1e300);
    let clean = cleaned(run);
    assert_along(&clean, &[0, 300]);
    assert_eq!(clean.altitude_cm, [Some(i32::MAX), None]);
    assert_eq!(
        (clean.claims.calories_kcal, clean.claims.climb_m),
        (None, None)
    );
}

#[test]
fn a_source_without_samples_is_known_by_its_claims() {
    let mut row = recording(Format::StravaArchive);
    row.sport = Some("Hike".to_owned());
    row.claimed_start_ms = Some(START_MS);
    row.claims.elapsed_s = Some(3600.0);
    row.claims.distance_m = Some(5000.0);
    let clean = cleaned(row.clone());
    assert_eq!(clean.start_time_us, START_MS * 1000);
    assert_eq!(clean.elapsed_ms(), 3_600_000);
    assert_eq!(clean.timer_ms, 3_600_000);
    assert_eq!(clean.sport.family, Family::Walk);
    assert!(clean.t_ms.is_empty() && clean.findings.is_empty());

    // It cannot have been timed for longer than it lasted,
    row.claims.timer_s = Some(4000.0);
    assert_eq!(cleaned(row.clone()).timer_ms, 3_600_000);
    // and lasted as long as it was timed, or moved, where it says no more.
    row.claims.elapsed_s = None;
    row.claims.moving_s = Some(3000.0);
    assert_eq!(cleaned(row.clone()).elapsed_ms(), 4_000_000);
    row.claims.timer_s = None;
    let moved = cleaned(row.clone());
    assert_eq!((moved.elapsed_ms(), moved.timer_ms), (3_000_000, 3_000_000));

    row.claimed_start_ms = None;
    assert!(matches!(clean_error(row), CleanError::NoTime { .. }));
}

fn clean_error(recording: Recording) -> CleanError {
    clean(recording).expect_err("it has no time")
}

#[test]
fn values_of_the_source_are_counted_before_any_is_filled_in() {
    let mut run = measured(&[(0.0, Some(0.0)), (1.0, None), (2.0, Some(6.0))]);
    run.samples[1].heart_rate_bpm = Some(120);
    run.samples[2].lat_deg = Some(50.0);
    run.samples[2].lng_deg = Some(8.0);
    assert_eq!(cleaned(run).non_null_values, 2 + 1 + 2);
}
