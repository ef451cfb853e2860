//! Hard cases of `best_efforts` and `refused_efforts`.

use crate::derived::best_efforts::kernel::{Effort, Efforts};
use crate::measured::Measured;
use crate::sketched::{assert_lines, sketched};

fn line(effort: &Effort) -> String {
    let seconds = |ms: i64| ms as f64 / 1_000.0;
    format!(
        "{} m: {:.3} s from {:.3}",
        effort.distance_mm as f64 / 1_000.0,
        seconds(effort.elapsed_ms),
        seconds(effort.start_ms),
    )
}

/// Best efforts as `400 m: 100.000 s from 0.000`, then the refused ones.
#[track_caller]
fn check(sketch: &str, expected: &[&str]) {
    let activity = sketched(sketch);
    let efforts = Efforts::new(&Measured::new(&activity));
    let mut found: Vec<String> = efforts.best.iter().map(line).collect();
    let refused = efforts.refused.iter();
    found.extend(refused.map(|(effort, cause)| format!("{}: {}", cause.name(), line(effort))));
    assert_lines(&found, expected);
}

#[test]
fn an_even_run_is_fastest_from_its_start() {
    check(
        "run: 2km@4:10",
        &[
            "400 m: 100.000 s from 0.000",
            "800 m: 200.000 s from 0.000",
            "1000 m: 250.000 s from 0.000",
            "1609.344 m: 402.336 s from 0.000",
        ],
    );
}

#[test]
fn the_fastest_stretch_is_found_wherever_it_lies_and_ties_go_to_the_earliest() {
    check(
        "run: 1km@8:20, 400m@3:20, 1km@8:20",
        &[
            "400 m: 80.000 s from 500.000",
            "800 m: 280.000 s from 300.000",
            "1000 m: 380.000 s from 200.000",
            "1609.344 m: 684.672 s from 0.000",
        ],
    );
}

#[test]
fn a_pause_in_the_middle_counts_as_elapsed() {
    check(
        "run: 500m@4:10, stop 60s, 500m@4:10",
        &[
            "400 m: 100.000 s from 0.000",
            "800 m: 260.000 s from 0.000",
            "1000 m: 310.000 s from 0.000",
        ],
    );
}

#[test]
fn standing_before_and_after_is_no_part_of_an_effort() {
    check(
        "run: stop 30s, 400m@4:10, stop 30s",
        &["400 m: 100.000 s from 30.000"],
    );
}

#[test]
fn a_gap_over_60_s_with_a_teleport_is_refused() {
    check(
        "run: 500m@4:10, gap 90s 2km, 500m@4:10",
        &[
            "400 m: 100.000 s from 0.000",
            "jump: 400 m: 18.000 s from 125.000",
            "jump: 800 m: 36.000 s from 125.000",
            "jump: 1000 m: 45.000 s from 125.000",
            "jump: 1609.344 m: 72.420 s from 125.000",
        ],
    );
}

#[test]
fn a_gap_that_can_be_true_is_no_jump() {
    check(
        "run: 200m@4:10, gap 40s 200m",
        &["400 m: 90.000 s from 0.000"],
    );
}

#[test]
fn a_spike_out_and_back_gives_no_record() {
    check(
        "run: 500m@4:10, jump 400m, jump 400m, 500m@4:10",
        &[
            "400 m: 100.000 s from 0.000",
            "jump: 400 m: 1.000 s from 125.000",
            "jump: 800 m: 2.000 s from 125.000",
            "jump: 1000 m: 52.000 s from 75.000",
            "jump: 1609.344 m: 204.336 s from 0.000",
        ],
    );
}

#[test]
fn an_effort_may_end_where_a_jump_begins() {
    check(
        "run: 400m@4:10, jump 100m",
        &[
            "400 m: 100.000 s from 0.000",
            "jump: 400 m: 76.000 s from 25.000",
        ],
    );
}

#[test]
fn a_masked_stretch_is_refused_and_named() {
    check(
        "run: 500m@4:10, 400m@3:20 masked, 500m@4:10",
        &[
            "400 m: 100.000 s from 0.000",
            "mask: 400 m: 80.000 s from 125.000",
            "mask: 800 m: 180.000 s from 25.000",
            "mask: 1000 m: 230.000 s from 0.000",
        ],
    );
    check(
        "run: 300m@4:10, jump 400m masked, 300m@4:10",
        &[
            "jump_and_mask: 400 m: 1.000 s from 75.000",
            "jump_and_mask: 800 m: 101.000 s from 0.000",
            "jump_and_mask: 1000 m: 151.000 s from 0.000",
        ],
    );
}

#[test]
fn an_effort_that_its_owner_includes_counts_whatever_bars_it() {
    check(
        "run include400m include5km: 300m@4:10, jump 400m masked, 300m@4:10",
        &[
            "400 m: 1.000 s from 75.000",
            "jump_and_mask: 800 m: 101.000 s from 0.000",
            "jump_and_mask: 1000 m: 151.000 s from 0.000",
        ],
    );
}

#[test]
fn a_mask_that_was_not_faster_leaves_no_row() {
    check(
        "run: 500m@4:10, 300m@8:20 masked",
        &[
            "400 m: 100.000 s from 0.000",
            "mask: 800 m: 275.000 s from 0.000",
        ],
    );
}

#[test]
fn smart_recording_interpolates_either_end() {
    // Samples every 7 s: the fast 400 m from 500 s to 580 s end between two.
    check(
        "run every7s: 1km@8:20, 440m@3:20",
        &[
            "400 m: 80.000 s from 500.000",
            "800 m: 268.000 s from 320.000",
            "1000 m: 368.000 s from 220.000",
        ],
    );
}

#[test]
fn the_stream_counts_not_what_the_source_claims() {
    // A treadmill's stream of 900 m gives no 1000 m, whatever its summary says.
    check(
        "run_indoor: 900m@4:10",
        &["400 m: 100.000 s from 0.000", "800 m: 200.000 s from 0.000"],
    );
}

#[test]
fn a_clock_jump_of_weeks_is_elapsed_time() {
    check(
        "run: 200m@4:10, gap 4204800s, 200m@4:10",
        &["400 m: 4204900.000 s from 0.000"],
    );
}

#[test]
fn without_a_distance_axis_there_are_none() {
    check("other noaxis: 1km@5:00 hr120", &[]);
    check("run: 399m@4:10", &[]);
}

#[test]
fn an_effort_knows_its_samples_heart_rate_and_climb() {
    let activity = sketched("run alt100m: 200m@8:20 hr120, 400m@4:10 hr150 up10m, 10m@8:20");
    let batch = &crate::derive::derive(&[activity]).tables["best_efforts"];
    let value = |name: &str| {
        let column = batch.column_by_name(name).unwrap();
        arrow::util::display::array_value_to_string(column, 0).unwrap()
    };
    assert_eq!(value("sport"), "run");
    assert_eq!(value("start_date_local"), "2026-11-22");
    assert_eq!(value("start_offset_s"), "100.0");
    assert_eq!(value("end_offset_s"), "200.0");
    assert_eq!(
        (value("first_sample"), value("last_sample")),
        ("100".into(), "200".into())
    );
    // 120 holds for one more second, 150 for 99.
    assert_eq!(value("avg_heart_rate_bpm"), "149.7");
    assert_eq!(value("climb_m"), "10.0");
}
