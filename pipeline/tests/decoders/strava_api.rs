//! What Strava's API really answered, as a document and as a recording.

use std::path::Path;

use pacelake_pipeline::clean::clean;
use pacelake_pipeline::decode::strava::api::document;
use pacelake_pipeline::decode::{FileKind, Limits, decode, recognise};
use pacelake_pipeline::recording::{Format, Recording};
use serde_json::Value;

fn captured(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captured");
    std::fs::read(folder.join(name)).unwrap()
}

fn kept(activity: &str, streams: Option<&str>) -> Vec<u8> {
    let streams = streams.map(captured);
    document(&captured(activity), streams.as_deref()).unwrap()
}

fn recording(activity: &str, streams: Option<&str>) -> Recording {
    let document = kept(activity, streams);
    assert_eq!(recognise(&document), Some(FileKind::StravaApi));
    let mut recordings = decode(&document, &Limits::default()).unwrap();
    assert_eq!(recordings.len(), 1, "{activity}");
    recordings.remove(0)
}

const ACTIVITIES: &[&str] = &[
    "go.strava-run.json",
    "stravalib-manual.json",
    "ruby-run.json",
    "ruby-ride.json",
    "ruby-swim.json",
    "ruby-marathon.json",
];

/// Every text of a value that people would read, below whatever key.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn every_captured_activity_is_read() {
    for name in ACTIVITIES {
        let found = recording(name, None);
        let answer: Value = serde_json::from_slice(&captured(name)).unwrap();
        let claims = &found.claims;
        assert_eq!(found.format, Format::StravaApi);
        assert_eq!(
            claims.external_id,
            Some(format!("strava:{}", answer["id"])),
            "{name}"
        );
        assert_eq!(claims.name.as_deref(), answer["name"].as_str(), "{name}");
        assert_eq!(claims.distance_m, answer["distance"].as_f64(), "{name}");
        assert_eq!(claims.elapsed_s, answer["elapsed_time"].as_f64(), "{name}");
        assert_eq!(claims.gear.as_deref(), answer["gear"]["name"].as_str());
        assert_eq!(claims.device.as_deref(), answer["device_name"].as_str());
        let laps = answer["laps"].as_array().map_or(0, Vec::len);
        assert_eq!(found.laps.len(), laps, "{name}");
        assert!(claims.time_zone.is_some(), "{name}");
        let clean = clean(found).unwrap();
        assert_eq!(clean.elapsed_ms(), claims_ms(&answer), "{name}");
    }
}

fn claims_ms(answer: &Value) -> i64 {
    answer["elapsed_time"].as_i64().unwrap() * 1_000
}

#[test]
fn nothing_of_others_and_of_segments_is_kept() {
    for name in ACTIVITIES {
        let document: Value = serde_json::from_slice(&kept(name, None)).unwrap();
        let answer: Value = serde_json::from_slice(&captured(name)).unwrap();
        let mut unwanted = Vec::new();
        let sections = ["segment_efforts", "photos", "highlighted_kudosers", "map"];
        for section in sections {
            texts(&answer[section], &mut unwanted);
        }
        let mut found = Vec::new();
        texts(&document, &mut found);
        // Instants recur, and short words.
        unwanted.retain(|text| !text.ends_with('Z'));
        unwanted.retain(|text| text.len() > 8 && Some(text.as_str()) != answer["name"].as_str());
        for text in found {
            assert!(!unwanted.contains(&text), "{name} keeps {text:?}");
        }
        let keys = document["activity"].as_object().unwrap().keys();
        assert!(
            keys.into_iter()
                .all(|key| !key.contains("kudos") && !key.contains("count")),
            "{name}"
        );
    }
}

#[test]
fn a_ride_of_2014_has_nulls_in_every_stream() {
    let found = recording("go.strava-run.json", Some("go.strava-streams.json"));
    // 999 entries, of which one has no time.
    assert_eq!(found.samples.len(), 998);
    assert!(found.findings.is_empty());
    let (first, last) = (&found.samples[0], &found.samples[997]);
    let start_ms = found.claimed_start_ms.unwrap() as f64;
    assert_eq!(first.time_ms, start_ms);
    assert_eq!((first.lat_deg, first.distance_m), (None, Some(0.6)));
    assert_eq!((first.heart_rate_bpm, first.cadence_rpm), (Some(111), None));
    assert_eq!((first.power_w, first.temperature_c), (Some(163), Some(26)));
    assert_eq!(last.time_ms - start_ms, 3_935_000.0);
    assert_eq!(last.distance_m, Some(20_739.7));
    let clean = clean(found).unwrap();
    assert_eq!(clean.elapsed_ms(), 3_935_000);
    // The axis begins at the first sample's distance.
    assert_eq!(clean.distance_cm.last(), Some(&2_073_910));
}

#[test]
fn distances_without_times_are_no_samples() {
    let found = recording("ruby-marathon.json", Some("ruby-marathon-distance.json"));
    assert!(found.samples.is_empty());
    let document: Value = serde_json::from_slice(&kept(
        "ruby-marathon.json",
        Some("ruby-marathon-distance.json"),
    ))
    .unwrap();
    let distances = document["streams"]["distance"].as_array().unwrap();
    assert_eq!(distances.len(), 13_129);
    assert_eq!(found.claims.upload_id.as_deref(), Some("2082412856"));
}

#[test]
fn answers_cut_anywhere_are_refused_and_changed_ones_do_no_harm() {
    let activity = captured("ruby-swim.json");
    for end in 0..activity.len() - 1 {
        assert!(document(&activity[..end], None).is_err(), "cut at {end}");
    }
    let document = kept("ruby-swim.json", Some("go.strava-streams.json"));
    for at in (0..document.len()).step_by(7) {
        let mut changed = document.clone();
        changed[at] ^= 0x15;
        if let Ok(recordings) = decode(&changed, &Limits::default()) {
            assert!(!recordings.is_empty());
        }
    }
}
