//! Who wins, whose words count, and what a crop is.

use storage::sport::Sport;

use super::*;
use crate::clean::clean;
use crate::recording::Recording;
use crate::sample::{START_MS, measured, recording};

fn candidate(sha256: &str, recording: Recording) -> Candidate {
    Candidate {
        sha256: sha256.to_owned(),
        part: 0,
        clean: Arc::new(clean(recording).expect("it has a time")),
    }
}

fn file(format: Format, points: usize) -> Recording {
    let points: Vec<_> = (0..points)
        .map(|i| (i as f64 * 10.0, Some(i as f64 * 30.0)))
        .collect();
    Recording {
        format,
        ..measured(&points)
    }
}

fn strava(elapsed_s: f64, distance_m: f64, kind: &str) -> Recording {
    let mut row = recording(Format::StravaArchive);
    row.claimed_start_ms = Some(START_MS);
    row.sport = Some(kind.to_owned());
    row.claims.elapsed_s = Some(elapsed_s);
    row.claims.distance_m = Some(distance_m);
    row.claims.name = Some("Morning at the lake".to_owned());
    row
}

#[test]
fn the_better_format_wins_and_the_rule_is_told() {
    let (fit, tcx, gpx) = (
        candidate("c", file(Format::Fit, 3)),
        candidate("b", file(Format::Tcx, 9)),
        candidate("a", file(Format::Gpx, 20)),
    );
    let merged = merge(&[gpx.clone(), tcx.clone(), fit.clone()]);
    assert_eq!(
        (merged.sha256.as_str(), merged.clean.format),
        ("c", Format::Fit)
    );
    assert_eq!(merged.rule, "fit comes before tcx");
    assert_eq!(merge(&[fit.clone(), gpx, tcx]), merged);
    assert_eq!(merge(&[fit]).rule, "the only recording");
}

#[test]
fn among_equals_more_values_win_then_the_lesser_hash() {
    let (few, many, same) = (
        candidate("a", file(Format::Fit, 3)),
        candidate("b", file(Format::Fit, 4)),
        candidate("c", file(Format::Fit, 4)),
    );
    let merged = merge(&[few.clone(), many.clone()]);
    assert_eq!(merged.sha256, "b");
    assert_eq!(
        merged.rule,
        "of two fit recordings the one with more values: 4 against 3"
    );
    let merged = merge(&[same, many]);
    assert_eq!(merged.sha256, "b");
    assert_eq!(
        merged.rule,
        "of two equal fit recordings the one with the lesser SHA-256"
    );
}

#[test]
fn a_recording_without_samples_gives_no_streams() {
    let mut empty = file(Format::Fit, 0);
    empty.claimed_start_ms = Some(START_MS);
    let merged = merge(&[candidate("a", empty), candidate("b", file(Format::Gpx, 3))]);
    assert_eq!(merged.clean.t_ms.len(), 3);
    assert_eq!(merged.rule, "gpx has samples, fit has none");
}

#[test]
fn strava_gives_the_words_and_others_what_is_missing() {
    let mut fit = file(Format::Fit, 3);
    fit.claims.device = Some("Forerunner".to_owned());
    fit.claims.name = Some("Run".to_owned());
    fit.claims.distance_m = Some(61.0);
    let mut tcx = file(Format::Tcx, 3);
    tcx.claims.calories_kcal = Some(77.0);
    tcx.claims.device = Some("Another".to_owned());
    let mut row = strava(20.0, 60.0, "Run");
    row.claims.gear = Some("Blue shoes".to_owned());
    row.claims.calories_kcal = Some(80.0);
    let merged = merge(&[
        candidate("a", row),
        candidate("b", tcx),
        candidate("c", fit),
    ]);
    let claims = &merged.clean.claims;
    assert_eq!(claims.name.as_deref(), Some("Morning at the lake"));
    assert_eq!(claims.gear.as_deref(), Some("Blue shoes"));
    assert_eq!(claims.device.as_deref(), Some("Forerunner"));
    assert_eq!(claims.calories_kcal, Some(77.0));
    assert_eq!(claims.distance_m, Some(61.0), "a claim of the winner");
}

#[test]
fn stravas_sport_counts_but_does_not_make_it_coarser() {
    let sport_of = |fit: (&str, Option<&str>), kind: &str| {
        let mut recording = file(Format::Fit, 3);
        recording.sport = Some(fit.0.to_owned());
        recording.sub_sport = fit.1.map(str::to_owned);
        let row = strava(20.0, 60.0, kind);
        let merged = merge(&[candidate("a", recording), candidate("b", row)]);
        (merged.clean.sport.name(), merged.clean.sport_detail.clone())
    };
    let is = |name: &'static str, detail: &str| (name, detail.to_owned());
    assert_eq!(
        sport_of(("running", Some("trail")), "Run"),
        is("run", "trail_run")
    );
    assert_eq!(
        sport_of(("running", None), "Trail Run"),
        is("run", "trail_run")
    );
    assert_eq!(
        sport_of(("running", Some("treadmill")), "Run"),
        is("run_indoor", "treadmill_run")
    );
    assert_eq!(
        sport_of(("cycling", Some("road")), "Hike"),
        is("walk", "hike")
    );
    assert_eq!(
        sport_of(("cycling", None), "Virtual Ride"),
        is("ride_indoor", "virtual_ride")
    );
}

#[test]
fn another_family_has_other_jumps() {
    // 20 m/s: possible on a bicycle, not on foot.
    let mut ride = measured(&[(0.0, Some(0.0)), (1.0, Some(20.0)), (2.0, Some(23.0))]);
    ride.sport = Some("cycling".to_owned());
    let row = candidate("b", strava(2.0, 23.0, "Run"));
    let merged = merge(&[candidate("a", ride), row]);
    let jumps: Vec<_> = merged
        .clean
        .findings
        .iter()
        .filter(|finding| finding.kind == FindingKind::Jump)
        .collect();
    assert_eq!(merged.clean.sport, Sport::named("run").expect("a sport"));
    assert_eq!(jumps.len(), 1);
    assert_eq!(jumps[0].samples, Some((0, 1)));
}

#[test]
fn a_crop_at_strava_is_a_finding_and_the_whole_recording_counts() {
    let crop = |elapsed_s: f64, distance_m: f64| {
        let fit = candidate("a", file(Format::Fit, 361));
        let row = candidate("b", strava(elapsed_s, distance_m, "Run"));
        let merged = merge(&[fit, row]);
        assert_eq!(merged.clean.elapsed_ms(), 3_600_000);
        let mut findings = merged.clean.findings.iter().cloned();
        findings.find(|finding| finding.kind == FindingKind::CroppedAtStrava)
    };
    let found = crop(2400.0, 7000.0).expect("it is cropped");
    assert_eq!(found.size, Some(1200.0));
    assert!(crop(3540.0, 10_700.0).is_none(), "within 2 %");
    assert!(crop(2400.0, 12_000.0).is_none(), "no crop is longer");
    assert!(crop(0.0, 0.0).is_none(), "it shows nothing");
}

#[test]
fn the_words_of_the_api_count_before_those_of_the_archive() {
    let told = |name: Option<&str>, points: usize| {
        let mut told = file(Format::StravaApi, points);
        told.claimed_start_ms = Some(START_MS);
        told.sport = Some("TrailRun".to_owned());
        told.claims.name = name.map(str::to_owned);
        told
    };
    let mut row = strava(20.0, 60.0, "Run");
    row.claims.gear = Some("Blue shoes".to_owned());
    let (file, row) = (candidate("a", file(Format::Gpx, 3)), candidate("b", row));
    for points in [0, 9] {
        let api = candidate("c", told(Some("Renamed since"), points));
        let merged = merge(&[row.clone(), file.clone(), api.clone()]);
        assert_eq!(merged.clean.format, Format::Gpx, "a file's streams win");
        assert_eq!(merged.clean.claims.name.as_deref(), Some("Renamed since"));
        assert_eq!(merged.clean.claims.gear.as_deref(), Some("Blue shoes"));
        assert_eq!(merged.clean.sport_detail, "trail_run");
        assert_eq!(merge(&[api, file.clone(), row.clone()]), merged);
    }
    let silent = candidate("c", told(None, 9));
    let merged = merge(&[silent.clone(), row.clone()]);
    assert_eq!(merged.clean.format, Format::StravaApi);
    assert_eq!(
        merged.rule,
        "strava_api has samples, strava_archive has none"
    );
    assert_eq!(
        merged.clean.claims.name.as_deref(),
        Some("Morning at the lake")
    );
}
