//! Our totals beside those that devices claim and other readers measure.

use std::collections::BTreeMap;

use crate::files::{Said, all, cleaned};
use pacelake_pipeline::clean::Clean;
use pacelake_pipeline::recording::Recording;
use serde_json::Value;

/// Devices count time from a press of a button, we from the first sample to
/// the last: apart by under two steps of a second, and where events stand at
/// other seconds than samples, by as much again.
const TIME_S: f64 = 3.0;

/// Where we differ by more, in seconds of elapsed and timer time, and why.
const TIME_DIFFERENCES: &[(&str, f64, f64, &str)] = &[
    (
        "fit/0134902991.fit#0",
        18.7,
        18.7,
        "its samples go on for 19 s after what its session counts",
    ),
    (
        "fit/garmin.fit#0",
        -43.1,
        0.9,
        "it was switched on 45 s before the first sample, in a pause",
    ),
    (
        "fit/2019-02-17-062644-ELEMNT-297E-195-0.fit#0",
        -4.0,
        -1.0,
        "a pause at its end has no samples",
    ),
    (
        "fit/coros-pace-2-cycling-misaligned-fields.fit#0",
        -1.0,
        -6.0,
        "its session counts 6 s more than its own timer events leave",
    ),
    (
        "fit/strava-android-app-201.10-b1218918.fit#0",
        -3244.0,
        -3244.0,
        "it is cut off",
    ),
    (
        "fit/event_timestamp.fit#0",
        -124.5,
        1.4,
        "a rest at its end has no samples",
    ),
    (
        "fit/compressed-speed-distance.fit#0",
        -3.3,
        -2.8,
        "a sample every few seconds, none at the end",
    ),
    (
        "fit/sample_mulitple_header.fit#1",
        -3.3,
        -3.3,
        "smart recording: the leg ends between samples",
    ),
    ("fit/sample_mulitple_header.fit#2", -3.1, -3.1, "likewise"),
    (
        "corrupt/elemnt-bolt-no-application-id-inside-developer-data-id.fit#0",
        -9.0,
        -1.0,
        "a pause at its end has no samples",
    ),
    (
        "fit/tomtom-runner3-ride.fit#0",
        8.0,
        -1.0,
        "its session counts a pause of 9 s as no time at all",
    ),
    (
        "fit/20191117_bike_wahoo_elemnt.fit#0",
        -5.0,
        -1.0,
        "a pause at its end has no samples",
    ),
    (
        "fit/20191117_tri_garmin_fenix_3_hr.fit#0",
        -40.8,
        -40.8,
        "a sample a minute in water, the first one well after the start",
    ),
    (
        "fit/20140622_swim_garmin_fr910xt.fit#0",
        -100.2,
        -100.2,
        "likewise",
    ),
    (
        "fit/20140622_swim_garmin_fr910xt.fit#1",
        -6.5,
        -5.1,
        "smart recording: the leg begins and ends between samples",
    ),
    (
        "2019/3529688072.fit.gz#0",
        -10.4,
        -10.4,
        "its last samples are missing",
    ),
];

fn number(said: &Value, name: &str) -> Option<f64> {
    said[name].as_f64()
}

fn last_s(clean: &Clean) -> f64 {
    clean.elapsed_ms() as f64 / 1000.0
}

/// All FIT sessions with their facts: name, recording, facts of the file,
/// facts of the session.
fn sessions(files: &[Said]) -> impl Iterator<Item = (String, &Recording, &Value, &Value)> {
    files.iter().flat_map(|said| {
        let facts = match &said.facts["fitdecode"] {
            Value::Null => &said.facts,
            public => public,
        };
        said.recordings.iter().filter_map(move |recording| {
            let session = facts["sessions"].get(recording.part as usize)?;
            let name = format!("{}#{}", said.name, recording.part);
            Some((name, recording, facts, session))
        })
    })
}

#[test]
fn elapsed_and_timer_time_are_those_of_the_device() {
    let files: Vec<Said> = all("recordings").into_iter().chain(all("log")).collect();
    let reasons: BTreeMap<_, _> = TIME_DIFFERENCES
        .iter()
        .map(|(name, elapsed_s, timer_s, why)| (*name, (*elapsed_s, *timer_s, *why)))
        .collect();
    let (mut met, mut wrong) = (Vec::new(), Vec::new());
    for (name, recording, _, session) in sessions(&files) {
        let clean = cleaned(recording);
        let said = (
            number(session, "total_elapsed_s"),
            number(session, "total_timer_s"),
        );
        let (Some(elapsed_s), Some(timer_s)) = said else {
            continue;
        };
        let off = (
            last_s(&clean) - elapsed_s,
            clean.timer_ms as f64 / 1000.0 - timer_s,
        );
        let expected = reasons.get(name.as_str()).copied();
        let (elapsed_off, timer_off, _) = expected.unwrap_or_default();
        let reach = if expected.is_some() { 0.1 } else { TIME_S };
        if (off.0 - elapsed_off).abs() > reach || (off.1 - timer_off).abs() > reach {
            wrong.push(format!(
                "{name}: elapsed off by {:.1} s, timer by {:.1} s",
                off.0, off.1
            ));
        }
        if expected.is_some() {
            met.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(met.len(), reasons.len(), "a difference is no longer there");
}

/// Our axis is the device's, less what it showed at the first sample: so the
/// two together are what another reader found as the greatest distance.
#[test]
fn the_axis_ends_at_the_greatest_distance_that_another_reader_finds() {
    // Parts of a chained file share one greatest distance; a file that is cut
    // off has a damaged record that fitdecode reads on.
    let files: Vec<Said> = all("recordings").into_iter().chain(all("log")).collect();
    let mut seen = 0;
    for (name, recording, facts, _) in sessions(&files) {
        let clean = cleaned(recording);
        let Some(greatest_m) = number(facts, "record_max_distance_m") else {
            continue;
        };
        let (Some(first_m), 1) = (
            recording
                .samples
                .iter()
                .find_map(|sample| sample.distance_m),
            facts["sessions"].as_array().map_or(0, Vec::len),
        ) else {
            continue;
        };
        let Some(axis_cm) = clean.distance_cm.last() else {
            assert_eq!(greatest_m, first_m, "{name}: it never rises");
            continue;
        };
        let whole_m = *axis_cm as f64 / 100.0 + first_m;
        assert!(
            (whole_m - greatest_m).abs() < 0.011,
            "{name}: {whole_m} is not {greatest_m}"
        );
        seen += 1;
    }
    assert!(seen > 400, "only {seen} sessions");
}

/// gpxpy sums great circles on a sphere of 6,371 km: up to 0.6 % beside the
/// ellipsoid, and it counts what we drop.
#[test]
fn tracks_are_as_long_as_gpxpy_finds_them() {
    let mut seen = 0;
    for said in all("recordings") {
        let gpx = &said.facts["gpx"];
        let (Some(expected_m), [recording]) =
            (number(gpx, "length_2d_m_gpxpy"), said.recordings.as_slice())
        else {
            continue;
        };
        if gpx["points"] != gpx["points_with_time"] {
            continue; // gpxpy counts points without time too
        }
        let clean = cleaned(recording);
        let ours_m = clean
            .distance_cm
            .last()
            .map_or(0.0, |cm| *cm as f64 / 100.0);
        assert!(
            (ours_m - expected_m).abs() <= 0.006 * expected_m + 0.1,
            "{}: {ours_m}",
            said.name
        );
        assert_eq!(
            last_s(&clean),
            number(gpx, "elapsed_s").unwrap(),
            "{}",
            said.name
        );
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} tracks");
}

#[test]
fn tcx_timer_time_is_the_sum_of_the_laps() {
    let mut seen = 0;
    for said in all("recordings") {
        let tcx = &said.facts["tcx"];
        let (Some(sum_s), [recording]) =
            (number(tcx, "sum_lap_seconds"), said.recordings.as_slice())
        else {
            continue;
        };
        let clean = cleaned(recording);
        let elapsed_s = number(tcx, "elapsed_s").unwrap();
        // We round instants to the ms, they round what lies between them.
        assert!((last_s(&clean) - elapsed_s).abs() < 0.002, "{}", said.name);
        let expected_s = match sum_s {
            0.0 => elapsed_s, // an Apple Watch that leaves its laps at 0
            sum_s => sum_s.min(elapsed_s),
        };
        let timer_s = clean.timer_ms as f64 / 1000.0;
        assert!(
            (timer_s - expected_s).abs() < 0.006,
            "{}: {timer_s}",
            said.name
        );
        seen += 1;
    }
    assert!(seen >= 8, "only {seen} files");
}
