//! Hard cases of `totals`, and of the climb and averages that others use too.

use super::climb::{Climb, filled, rises};
use super::{Totals, totals};
use crate::sketched::{assert_lines, sketched};

fn shown(value: Option<f64>) -> String {
    value.map_or("null".to_owned(), |value| format!("{value:.2}"))
}

fn times(totals: &Totals) -> String {
    format!(
        "{} m, elapsed {} s, timer {} s, moving {} s",
        shown(totals.distance_m),
        totals.elapsed_s,
        totals.timer_s,
        totals.moving_s,
    )
}

#[track_caller]
fn check(sketch: &str, expected: &str) {
    assert_lines(&[times(&totals(&sketched(sketch)))], &[expected]);
}

#[track_caller]
fn check_climb(sketch: &str, expected: &str) {
    let totals = totals(&sketched(sketch));
    let line = format!(
        "up {}, down {}",
        shown(totals.climb_m),
        shown(totals.descent_m)
    );
    assert_lines(&[line], &[expected]);
}

#[test]
fn three_clocks_are_never_mixed() {
    check(
        "run: 500m@4:10, stop 20s, gap 60s, 500m@4:10",
        "1000.00 m, elapsed 330 s, timer 270 s, moving 250 s",
    );
}

#[test]
fn a_distance_that_repeats_for_3_s_belongs_to_the_rise_after_it() {
    check(
        "run: stop 3s, 10m@4:10",
        "10.00 m, elapsed 5.5 s, timer 5.5 s, moving 5.5 s",
    );
    check(
        "run: stop 4s, 10m@4:10",
        "10.00 m, elapsed 6.5 s, timer 6.5 s, moving 2.5 s",
    );
    // 0.5 m in 1 s would move; with the 2 s before it does not.
    check(
        "run: stop 2s, 0.5m@33:20",
        "0.50 m, elapsed 3 s, timer 3 s, moving 0 s",
    );
}

#[test]
fn a_step_over_30_s_is_not_moving() {
    check(
        "run: 100m@4:10, gap 30s 60m, gap 31s 60m",
        "220.00 m, elapsed 86 s, timer 25 s, moving 55 s",
    );
}

#[test]
fn each_sport_has_its_own_least_speed() {
    check(
        "ride: 9m@16:40, 9m@18:20",
        "18.00 m, elapsed 18.9 s, timer 18.9 s, moving 9 s",
    );
    check(
        "swim: 2m@83:20, 2m@91:00",
        "4.00 m, elapsed 20.92 s, timer 20.92 s, moving 10 s",
    );
}

#[test]
fn without_an_axis_moving_is_the_timer() {
    check(
        "other noaxis: 300m@5:00, gap 60s, 300m@5:00",
        "null m, elapsed 240 s, timer 180 s, moving 180 s",
    );
}

#[test]
fn a_pool_moves_in_its_active_lengths() {
    check(
        "swim: 25m@16:40 length, stop 10s, 25m@16:40 length",
        "50.00 m, elapsed 60 s, timer 60 s, moving 50 s",
    );
}

#[test]
fn no_moment_of_a_pool_moves_twice_or_after_its_end() {
    let mut activity = sketched("swim: 25m@16:40 length, stop 10s, 25m@16:40 length");
    let mut moving_s = |lengths: &[(i64, i64)]| {
        activity.active_lengths_ms = lengths.to_vec();
        totals(&activity).moving_s
    };
    assert_eq!(moving_s(&[(0, 25_000), (20_000, 30_000)]), 30.0);
    assert_eq!(
        moving_s(&[(0, 40_000), (5_000, 10_000), (35_000, 60_000)]),
        60.0
    );
    assert_eq!(moving_s(&[(0, 25_000), (35_000, 90_000)]), 50.0);
    assert_eq!(moving_s(&[(60_000, 90_000)]), 0.0);
}

#[test]
fn a_clock_jump_of_weeks_does_not_move() {
    check(
        "run: 100m@4:10, gap 4204800s 1m, 100m@4:10",
        "201.00 m, elapsed 4204850 s, timer 50 s, moving 50 s",
    );
}

#[test]
fn small_ups_and_downs_are_no_climb() {
    check_climb(
        "run alt100m: 1km@5:00 up4m, 1km@5:00 down4m, 1km@5:00 up4m",
        "up 0.00, down 0.00",
    );
    check_climb(
        "run alt100m: 1km@5:00 up10m, 1km@5:00 down4m, 1km@5:00 up10m",
        "up 16.00, down 0.00",
    );
}

#[test]
fn going_back_5_m_makes_a_turning_point() {
    check_climb(
        "run alt100m: 1km@5:00 up10m, 1km@5:00 down5m, 1km@5:00 up10m",
        "up 20.00, down 5.00",
    );
    check_climb("run alt5m: 1km@5:00 down30m", "up 0.00, down 30.00");
    check_climb("run: 1km@5:00", "up null, down null");
}

#[test]
fn climb_follows_the_running_maximum_of_its_rise() {
    let t: Vec<i64> = (0..6).map(|i| i * 1_000).collect();
    let altitude = [10_000, 10_600, 10_200, 10_800, 10_100, 10_100].map(i64::from);
    let climb = Climb::new(&t, altitude.to_vec()).unwrap();
    let at = |ms| climb.until(ms);
    assert_eq!(at(1_000), (600, 0));
    assert_eq!(at(2_000), (600, 0), "4 m back is no turning point");
    assert_eq!(at(2_500), (600, 0), "105 m is below the 106 m before");
    assert_eq!(at(2_800), (680, 0));
    assert_eq!(at(3_500), (800, 350));
    assert_eq!(at(5_000), (800, 700));
    assert_eq!(climb.over(2_500, 3_500), (200, 350));
}

#[test]
fn rises_lie_between_turning_points_of_any_height() {
    let altitude = [0, 900, 300, 300, 1_500, 1_500, 200, 800];
    assert_eq!(rises(&altitude, 500), [(0, 1), (2, 4), (6, 7)]);
    assert_eq!(rises(&altitude, 601), [(0, 4)]);
    assert_eq!(rises(&altitude, 1_501), [(0usize, 0usize); 0]);
    assert_eq!(rises(&[], 500), [(0usize, 0usize); 0]);
}

#[test]
fn altitude_is_filled_linear_in_time() {
    let channel = [None, Some(-100), None, None, Some(-103), None];
    assert_eq!(
        filled(&[0, 1, 2, 3, 5, 9], &channel),
        [-100, -100, -101, -102, -103, -103]
    );
    assert_eq!(filled(&[0, 1], &[None, None]), [0i64; 0]);
}

#[test]
fn a_value_holds_at_most_30_s_in_an_average() {
    // 100 holds from 0 to 11 s and 200 from 11 s for 30 of 59 s; the last for 0.
    let totals = totals(&sketched(
        "ride: 40m@4:10 power100 temp20, gap 1s power200 temp-10, gap 59s",
    ));
    let expected = (100.0 * 11.0 + 200.0 * 30.0) / 41.0;
    assert_eq!(totals.avg_power_w, Some(expected));
    assert_eq!(
        totals.avg_temperature_c,
        Some((20.0 * 11.0 - 10.0 * 30.0) / 41.0)
    );
    assert_eq!(totals.max_power_w, Some(200));
    assert_eq!(
        (totals.avg_cadence_rpm, totals.max_cadence_rpm),
        (None, None)
    );
}

#[test]
fn speeds_are_over_moving_time_and_over_10_s() {
    let totals = totals(&sketched(
        "run alt100m: 100m@4:10 up1m, stop 30s, 100m@3:20",
    ));
    assert_eq!(totals.avg_speed_m_s, Some(200.0 / 45.0));
    assert_eq!(totals.max_speed_m_s, Some(5.0));
    assert_eq!(totals.max_altitude_m, Some(101.0));
    let still = super::totals(&sketched("run: stop 30s"));
    assert_eq!(
        (still.avg_speed_m_s, still.max_speed_m_s),
        (None, Some(0.0))
    );
}

#[test]
fn totals_replace_their_columns_and_no_others() {
    let rows = pacelake_sketch::rows(&[pacelake_sketch::sketch("run: 1km@5:00 hr150")]);
    let totals = [totals(&sketched("run: 1km@5:00 hr150"))];
    let overlaid = super::overlay_totals(&rows.activities, &totals);
    assert_eq!(overlaid.schema(), rows.activities.schema());
    let text = |name: &str| {
        let column = overlaid.column_by_name(name).unwrap();
        arrow::util::display::array_value_to_string(column, 0).unwrap()
    };
    assert_eq!(text("distance_m"), "1000.0");
    assert_eq!(text("avg_heart_rate_bpm"), "150.0");
    assert_eq!(text("sport"), "run");
    assert_eq!(text("device"), "");
}
