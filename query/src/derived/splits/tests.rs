//! Hard cases of `splits`.

use crate::derived::splits::kernel::{Split, splits};
use crate::measured::Measured;
use crate::sketched::{assert_lines, sketched};

fn line(split: &Split) -> String {
    format!(
        "{} {}: {} m, elapsed {:.1} s, moving {:.1} s",
        split.unit.name(),
        split.number,
        split.distance_mm as f64 / 1_000.0,
        (split.end_ms - split.start_ms) as f64 / 1_000.0,
        split.moving_ms as f64 / 1_000.0,
    )
}

/// The splits of the unit that is expected.
#[track_caller]
fn check(sketch: &str, expected: &[&str]) {
    let activity = sketched(sketch);
    let unit = expected[0].split(' ').next().unwrap();
    let splits = splits(&Measured::new(&activity));
    let of_unit = splits.iter().filter(|split| split.unit.name() == unit);
    assert_lines(&of_unit.map(line).collect::<Vec<_>>(), expected);
}

#[test]
fn the_last_split_keeps_its_true_distance() {
    check(
        "run: 1km@5:00, 400m@6:00",
        &[
            "km 1: 1000 m, elapsed 300.0 s, moving 300.0 s",
            "km 2: 400 m, elapsed 144.0 s, moving 144.0 s",
        ],
    );
}

#[test]
fn a_stop_is_elapsed_but_not_moving() {
    check(
        "run: 500m@5:00, stop 20s, 500m@5:00",
        &["km 1: 1000 m, elapsed 320.0 s, moving 300.0 s"],
    );
}

#[test]
fn a_mile_is_1609_344_m() {
    check(
        // The distance axis is in whole cm: the first mile ends 4 mm later.
        "run: 1mile@4:10, 400m@4:10",
        &[
            "mile 1: 1609.344 m, elapsed 402.3 s, moving 402.3 s",
            "mile 2: 399.996 m, elapsed 100.0 s, moving 100.0 s",
        ],
    );
}

#[test]
fn a_split_ends_where_its_distance_is_first_reached() {
    check(
        "run: 1km@5:00, stop 60s, 100m@5:00",
        &[
            "km 1: 1000 m, elapsed 300.0 s, moving 300.0 s",
            "km 2: 100 m, elapsed 90.0 s, moving 30.0 s",
        ],
    );
}

#[test]
fn a_rest_under_1_cm_makes_no_row_and_its_time_counts_nowhere() {
    check(
        "run: 1km@5:00, stop 60s",
        &["km 1: 1000 m, elapsed 300.0 s, moving 300.0 s"],
    );
    check(
        "run: 1000.01m@5:00",
        &[
            "km 1: 1000 m, elapsed 300.0 s, moving 300.0 s",
            "km 2: 0.01 m, elapsed 0.0 s, moving 0.0 s",
        ],
    );
}

#[test]
fn a_boundary_within_a_step_cuts_its_moving_time_by_share() {
    check(
        "run every8s: 1km@4:10, 8m@4:10",
        &[
            "km 1: 1000 m, elapsed 250.0 s, moving 250.0 s",
            "km 2: 8 m, elapsed 2.0 s, moving 2.0 s",
        ],
    );
}

#[test]
fn a_long_step_makes_several_splits() {
    check(
        "ride: gap 100s 2500m",
        &[
            "km 1: 1000 m, elapsed 40.0 s, moving 0.0 s",
            "km 2: 1000 m, elapsed 40.0 s, moving 0.0 s",
            "km 3: 500 m, elapsed 20.0 s, moving 0.0 s",
        ],
    );
}

#[test]
fn a_pool_moves_in_its_active_lengths() {
    check(
        "swim: 25m@16:40 length, stop 10s, 25m@16:40 length",
        &["km 1: 50 m, elapsed 60.0 s, moving 50.0 s"],
    );
}

#[test]
fn no_times_or_distances_no_splits() {
    let activity = sketched("run noaxis: 3km@5:00");
    assert_eq!(splits(&Measured::new(&activity)), []);
}
