//! Hard cases of `peaks`.

use crate::derived::peaks::kernel::{Measure, peaks};
use crate::measured::Measured;
use crate::sketched::{assert_lines, sketched};

/// The peaks of one measure as `10 s: 160.000 from 26.000`.
#[track_caller]
fn check(sketch: &str, measure: Measure, expected: &[&str]) {
    let activity = sketched(sketch);
    let peaks = peaks(&Measured::new(&activity));
    let of_measure = peaks.iter().filter(|peak| peak.measure == measure);
    let lines = of_measure.map(|peak| {
        format!(
            "{} s: {:.3} from {:.3}",
            peak.duration_ms / 1_000,
            peak.value,
            peak.start_ms as f64 / 1_000.0
        )
    });
    assert_lines(&lines.collect::<Vec<_>>(), expected);
}

#[test]
fn heart_rate_holds_until_the_next_value() {
    check(
        "run: 100m@4:10 hr150, 100m@4:10 hr160",
        Measure::HeartRate,
        &[
            "1 s: 160.000 from 26.000",
            "5 s: 160.000 from 26.000",
            "10 s: 160.000 from 26.000",
            "30 s: 158.000 from 20.000",
        ],
    );
}

#[test]
fn no_window_of_heart_rate_holds_a_gap_over_30_s() {
    check(
        "run: 40m@4:10 hr150, gap 40s 10m hr150, 40m@4:10 hr150",
        Measure::HeartRate,
        &[
            "1 s: 150.000 from 0.000",
            "5 s: 150.000 from 0.000",
            "10 s: 150.000 from 0.000",
        ],
    );
    check(
        "run: 40m@4:10 hr150, gap 30s 10m hr150",
        Measure::HeartRate,
        &[
            "1 s: 150.000 from 0.000",
            "5 s: 150.000 from 0.000",
            "10 s: 150.000 from 0.000",
            "30 s: 150.000 from 0.000",
        ],
    );
}

#[test]
fn a_gap_of_power_over_10_s_is_wholly_zero() {
    check(
        "ride: 100m@4:10 power200, gap 15s 60m power100",
        Measure::Power,
        &[
            "1 s: 200.000 from 0.000",
            "5 s: 200.000 from 0.000",
            "10 s: 200.000 from 0.000",
            "30 s: 166.667 from 0.000",
        ],
    );
}

#[test]
fn no_window_of_speed_holds_a_jump() {
    check(
        "run: 100m@4:10, jump 100m, 100m@3:20",
        Measure::Speed,
        &[
            "1 s: 5.000 from 26.000",
            "5 s: 5.000 from 26.000",
            "10 s: 5.000 from 26.000",
        ],
    );
}

#[test]
fn speed_is_interpolated_within_steps() {
    // 10 s hold one whole step of 8 s and a quarter of its neighbour.
    check(
        "run every8s: 32m@4:10, 40m@3:20, 32m@4:10",
        Measure::Speed,
        &[
            "1 s: 5.000 from 8.000",
            "5 s: 5.000 from 8.000",
            "10 s: 4.800 from 6.000",
        ],
    );
}

#[test]
fn climb_is_altitude_gained_in_an_hour() {
    check(
        "walk alt100m: 60m@16:40 up30m",
        Measure::Climb,
        &[
            "1 s: 1800.000 from 0.000",
            "5 s: 1800.000 from 0.000",
            "10 s: 1800.000 from 0.000",
            "30 s: 1800.000 from 0.000",
            "60 s: 1800.000 from 0.000",
        ],
    );
}

#[test]
fn a_mask_keeps_a_stretch_out_of_peaks() {
    check(
        "run: 20m@4:10, 50m@3:20 masked, 20m@4:10",
        Measure::Speed,
        &["1 s: 4.000 from 0.000", "5 s: 4.000 from 0.000"],
    );
}

#[test]
fn a_recording_shorter_than_a_window_has_no_peak() {
    check("run: 2m@4:10", Measure::Speed, &[]);
}
