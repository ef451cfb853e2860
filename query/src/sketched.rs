//! Sketches as activities, for the tests beside the kernels.

use pacelake_sketch::{Sketch, rows, sketch};

use crate::activity::{Activity, from_rows};

/// The activity that a line describes, read back from its rows.
pub fn sketched(line: &str) -> Activity {
    read(&[sketch(line)]).remove(0)
}

/// Sketches by way of their rows; what owners say, which is catalog data, is
/// added.
pub fn read(sketches: &[Sketch]) -> Vec<Activity> {
    let rows = rows(sketches);
    let mut activities = from_rows(&rows.activities, &rows.streams, &[rows.laps]).unwrap();
    for (activity, sketch) in activities.iter_mut().zip(sketches) {
        activity.masks.clone_from(&sketch.masks);
        activity.included_mm.clone_from(&sketch.included_mm);
    }
    activities
}

/// Asserts that what was found are these lines.
#[track_caller]
pub fn assert_lines(found: &[String], expected: &[&str]) {
    assert_eq!(found, expected, "\nfound:\n{}", found.join("\n"));
}
