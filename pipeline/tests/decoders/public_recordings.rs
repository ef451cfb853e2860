//! Every public recording against what other readers say of it.

use crate::facts::{Facts, data, differences, hundredths, of_fitdecode, ours, text, whole};
use pacelake_pipeline::decode::{Limits, decode};
use serde_json::Value;
use storage::{Code, Failure};

/// Where we differ on purpose: file, fact, our value, and why.
const DIFFERENCES: &[(&str, &str, &str, &str)] = &[
    (
        "fit/strava-android-app-201.10-b1218918.fit",
        "records",
        "472",
        "19 bytes are missing in its middle; the record read across the gap has the year 2085",
    ),
    (
        "fit/strava-android-app-201.10-b1218918.fit",
        "records_with_position",
        "236",
        "the same record",
    ),
    (
        "fit/strava-android-app-201.10-b1218918.fit",
        "last_record",
        "2021-09-27T14:18:24Z",
        "the same record",
    ),
    (
        "fit/compressed-speed-distance.fit",
        "0.start",
        "1990-07-18T06:44:24Z",
        "its clock was never set: they show the seconds, we count them from FIT's epoch",
    ),
    (
        "fit/compressed-speed-distance.fit",
        "first_record",
        "1990-07-18T06:44:24Z",
        "they give no time to a record of a clock that was never set",
    ),
    (
        "fit/compressed-speed-distance.fit",
        "last_record",
        "1990-07-18T07:49:04Z",
        "likewise",
    ),
    (
        "corrupt/invalid-lon-lat-missing.gpx",
        "records",
        "3",
        "they refuse the file for its one point without longitude, we leave that point out",
    ),
    (
        "corrupt/invalid-lon-lat-missing.gpx",
        "first_record",
        "2019-08-31T09:02:37Z",
        "likewise",
    ),
    (
        "corrupt/invalid-lon-lat-missing.gpx",
        "last_record",
        "2019-08-31T09:02:39Z",
        "likewise",
    ),
    (
        "tcx/mapmyride_biking.tcx",
        "first_record",
        "2022-11-12T15:58:25.85Z",
        "849.8 ms: they cut the fraction, we round it",
    ),
];

/// What gpxpy says of a GPX file whose points have times.
fn of_gpxpy(said: &Value) -> Facts {
    Facts::from([
        ("records".to_owned(), said["points_with_time"].to_string()),
        ("first_record".to_owned(), text(&said["first_time"])),
        ("last_record".to_owned(), text(&said["last_time"])),
        (
            "mean_heart_rate".to_owned(),
            hundredths(said["avg_hr_bpm"].as_f64()),
        ),
        (
            "max_heart_rate".to_owned(),
            whole(said["max_hr_bpm"].as_f64()),
        ),
    ])
}

/// What lxml finds in a TCX file.
fn of_lxml(said: &Value) -> Facts {
    let mut facts = Facts::from([
        ("recordings".to_owned(), said["activities"].to_string()),
        ("records".to_owned(), said["trackpoints"].to_string()),
        (
            "records_with_position".to_owned(),
            said["trackpoints_with_position"].to_string(),
        ),
        ("laps".to_owned(), said["laps"].to_string()),
        ("first_record".to_owned(), text(&said["first_time"])),
        ("last_record".to_owned(), text(&said["last_time"])),
        (
            "mean_heart_rate".to_owned(),
            hundredths(said["avg_hr_bpm"].as_f64()),
        ),
        (
            "max_heart_rate".to_owned(),
            whole(said["max_hr_bpm"].as_f64()),
        ),
        (
            "greatest_distance_m".to_owned(),
            hundredths(said["max_trackpoint_distance_m"].as_f64()),
        ),
        (
            "laps_timer_s".to_owned(),
            hundredths(said["sum_lap_seconds"].as_f64()),
        ),
        (
            "laps_distance_m".to_owned(),
            hundredths(said["sum_lap_distance_m"].as_f64()),
        ),
    ]);
    for (part, sport) in said["sports"]
        .as_array()
        .expect("a list")
        .iter()
        .enumerate()
    {
        facts.insert(format!("{part}.sport"), text(sport));
    }
    facts
}

fn expected() -> Vec<Value> {
    let json = std::fs::read_to_string(data("recordings/expected.json")).unwrap();
    let mut whole: Value = serde_json::from_str(&json).unwrap();
    std::mem::take(whole["files"].as_array_mut().unwrap())
}

/// Which files give no recording, and the code that they give.
const REFUSED: &[(&str, Code)] = &[
    // A waypoint, an empty segment, or nothing at all.
    ("gpx/gpx_with_garmin_extension.gpx", Code::NoActivity),
    ("corrupt/empty-trkseg.gpx", Code::NoActivity),
    ("corrupt/unicode_with_bom.gpx", Code::NoActivity),
    // Planned routes written as tracks.
    ("gpx/strava_route_example.gpx", Code::NoTime),
    ("gpx/gpx_sample.gpx", Code::NoTime),
];

/// Compares all files of `format`; what differs must stand in [`DIFFERENCES`].
fn check(format: &str, theirs: impl Fn(&Value) -> Facts) {
    let mut wrong = Vec::new();
    let mut compared = 0;
    let mut listed_and_seen = 0;
    let mut refused = 0;
    for file in expected().iter().filter(|file| file["format"] == format) {
        let name = file["file"].as_str().unwrap();
        let bytes = std::fs::read(data("recordings").join(name)).unwrap();
        let recordings = match decode(&bytes, &Limits::default()) {
            Ok(recordings) => recordings,
            Err(error) if REFUSED.contains(&(name, error.code())) => {
                refused += 1;
                continue;
            }
            Err(error) => {
                wrong.push(format!("{name}: {error}"));
                continue;
            }
        };
        compared += 1;
        for (fact, ours, theirs) in differences(&ours(&recordings), &theirs(file)) {
            let listed = DIFFERENCES
                .iter()
                .any(|(n, f, o, _)| *n == name && *f == fact && *o == ours);
            if listed {
                listed_and_seen += 1;
            } else {
                wrong.push(format!("{name}: {fact}: ours {ours:?}, theirs {theirs:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared > 10, "only {compared} files compared");
    let listed_as_refused = expected()
        .iter()
        .filter(|file| file["format"] == format)
        .filter(|file| REFUSED.iter().any(|(name, _)| file["file"] == *name))
        .count();
    assert_eq!(listed_as_refused, refused, "a file is refused no more");
    let extension = format!(".{format}");
    let listed = DIFFERENCES
        .iter()
        .filter(|row| row.0.ends_with(&extension))
        .count();
    assert_eq!(listed, listed_and_seen, "a listed difference is gone");
}

#[test]
fn fit_files_say_what_fitdecode_says() {
    check("fit", |file| of_fitdecode(&file["fitdecode"]));
}

#[test]
fn gpx_files_say_what_gpxpy_says() {
    check("gpx", |file| of_gpxpy(&file["gpx"]));
}

#[test]
fn tcx_files_say_what_lxml_finds() {
    check("tcx", |file| of_lxml(&file["tcx"]));
}
