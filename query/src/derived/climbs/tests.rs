//! Hard cases of `climbs`.

use crate::derived::climbs::kernel::{Climb, climbs};
use crate::measured::Measured;
use crate::sketched::{assert_lines, sketched};

fn line(climb: &Climb) -> String {
    format!(
        "{} m from {} m, +{} m from {} m, {:.1} %, {} s from {} s",
        climb.length_cm() as f64 / 100.0,
        climb.foot.distance_cm as f64 / 100.0,
        climb.gain_cm() as f64 / 100.0,
        climb.foot.altitude_cm as f64 / 100.0,
        climb.grade_percent(),
        climb.elapsed_ms() as f64 / 1_000.0,
        climb.foot.t_ms as f64 / 1_000.0,
    )
}

#[track_caller]
fn check(sketch: &str, expected: &[&str]) {
    let activity = sketched(sketch);
    let climbs = climbs(&Measured::new(&activity));
    assert_lines(&climbs.iter().map(line).collect::<Vec<_>>(), expected);
}

#[test]
fn a_climb_gains_30_m() {
    check(
        "ride alt500m: 500m@5:00 up30m",
        &["500 m from 0 m, +30 m from 500 m, 6.0 %, 150 s from 0 s"],
    );
    check("ride alt500m: 500m@5:00 up29.99m", &[]);
    check("ride alt500m: 500m@5:00 down30m", &[]);
}

#[test]
fn a_climb_is_steeper_than_3_percent() {
    check(
        "ride alt500m: 2km@4:10 up70m",
        &["2000 m from 0 m, +70 m from 500 m, 3.5 %, 500 s from 0 s"],
    );
    check("ride alt500m: 2km@4:10 up60m", &[]);
}

#[test]
fn flats_stops_and_gentle_slopes_before_and_behind_are_no_part_of_it() {
    check(
        "ride alt100m: 2km@3:00, stop 30s, 1km@5:00 up60m, stop 60s, 1km@3:00",
        &["1000 m from 2000 m, +60 m from 100 m, 6.0 %, 300 s from 390 s"],
    );
    // 90 m on 9 km are no climb; 60 m of them on 1 km are.
    check(
        "ride alt100m: 5km@3:00 up20m, 1km@5:00 up60m, 3km@3:00 up10m",
        &["1000 m from 5000 m, +60 m from 120 m, 6.0 %, 300 s from 900 s"],
    );
}

#[test]
fn a_dip_of_20_m_divides_climbs_and_a_lesser_one_does_not() {
    check(
        "ride alt100m: 500m@5:00 up40m, 100m@3:00 down19m, 500m@5:00 up40m",
        &["1100 m from 0 m, +61 m from 100 m, 5.5 %, 318 s from 0 s"],
    );
    check(
        "ride alt100m: 500m@5:00 up40m, 100m@3:00 down20m, 500m@5:00 up40m",
        &[
            "500 m from 0 m, +40 m from 100 m, 8.0 %, 150 s from 0 s",
            "500 m from 600 m, +40 m from 120 m, 8.0 %, 150 s from 168 s",
        ],
    );
}

#[test]
fn of_two_steep_parts_of_one_rise_the_one_that_gains_more_is_the_climb() {
    check(
        "ride alt100m: 500m@5:00 up40m, 2km@3:00, 1km@5:00 up60m",
        &["1000 m from 2500 m, +60 m from 140 m, 6.0 %, 300 s from 510 s"],
    );
    check(
        "ride alt100m: 500m@5:00 up40m, 2km@3:00, 500m@5:00 up40m",
        &["500 m from 0 m, +40 m from 100 m, 8.0 %, 150 s from 0 s"],
    );
}

#[test]
fn a_leap_of_the_altimeter_is_no_climb() {
    check("walk alt100m: stop 1s up50m, 1km@10:00", &[]);
    check("walk alt100m: jump 49.99m up50m, 1km@10:00", &[]);
    check(
        "walk alt100m: jump 50m up50m, 1km@10:00",
        &["50 m from 0 m, +50 m from 100 m, 100.0 %, 1 s from 0 s"],
    );
}

#[test]
fn silent_altitude_rises_evenly() {
    check(
        "walk alt100m: 100m@5:00 up5m, 400m@5:00 up20m noalt, 100m@5:00 up5m",
        &["600 m from 0 m, +30 m from 100 m, 5.0 %, 180 s from 0 s"],
    );
}

#[test]
fn no_altitude_or_axis_no_climbs() {
    check("run: 1km@5:00", &[]);
    check("run noaxis alt100m: 1km@5:00 up60m", &[]);
}
