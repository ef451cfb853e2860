//! What is kept of two answers, and what comes of it.

use serde_json::{Value, json};

use super::*;
use crate::decode::{FileKind, Limits, decode, recognise};
use crate::finding::FindingKind;
use crate::recording::Recording;

fn activity() -> Value {
    json!({
        "resource_state": 3,
        "athlete": {"id": 26462176, "firstname": "Somebody", "resource_state": 1},
        "name": "Round the \u{4e2d} lake",
        "distance": 5562.6, "moving_time": 1657, "elapsed_time": 1733,
        "type": "Run", "sport_type": "TrailRun",
        "id": 9_007_199_254_740_993_i64,
        "start_date": "2018-03-28T23:51:34Z", "start_date_local": "2018-03-28T19:51:34Z",
        "timezone": "(GMT-05:00) America/New_York", "utc_offset": -14400.0,
        "kudos_count": 6, "total_photo_count": 1, "trainer": false, "commute": true,
        "private": true, "visibility": "followers_only", "upload_id": 1591925390,
        "gear": {"id": "g1", "name": "Blue shoes", "distance": 17224.6},
        "segment_efforts": [{"name": "Prospect to Lincoln"}],
        "laps": [{"id": 1, "name": "Lap 1", "start_date": "2018-03-28T23:51:34Z",
            "elapsed_time": 1733, "distance": 5562.6, "average_heartrate": 150.4}],
        "device_name": "A watch",
    })
}

fn streams() -> Value {
    json!({
        "time": {"data": [0, 5, null, 12], "series_type": "distance", "original_size": 4},
        "latlng": {"data": [[40.682943, -73.914698], null, [40.7, -73.9], [40.70001, -73.9]]},
        "cadence": {"data": [null, 81, 82, 80.6]},
        "moving": {"data": [false, true, true, true]},
        "velocity_smooth": {"data": [0.0, 1.0, 1.0, 1.0]},
    })
}

fn made(activity: &Value, streams: Option<&Value>) -> Vec<u8> {
    let streams = streams.map(|streams| streams.to_string());
    let streams = streams.as_ref().map(String::as_bytes);
    document(activity.to_string().as_bytes(), streams).expect("an activity")
}

fn recording(document: &[u8]) -> Recording {
    assert_eq!(recognise(document), Some(FileKind::StravaApi));
    let mut recordings = decode(document, &Limits::default()).expect("a document is read");
    assert_eq!(recordings.len(), 1);
    recordings.remove(0)
}

#[test]
fn a_document_has_what_is_needed_in_one_order() {
    let document = String::from_utf8(made(&activity(), Some(&streams()))).expect("text");
    assert_eq!(
        document,
        concat!(
            r#"{"strava_api":1,"activity":{"id":9007199254740993,"athlete_id":26462176,"#,
            r#""upload_id":1591925390,"name":"Round the 中 lake","sport_type":"TrailRun","#,
            r#""type":"Run","start_date":"2018-03-28T23:51:34Z","#,
            r#""start_date_local":"2018-03-28T19:51:34Z","#,
            r#""timezone":"(GMT-05:00) America/New_York","utc_offset":-14400.0,"#,
            r#""distance":5562.6,"moving_time":1657,"elapsed_time":1733,"trainer":false,"#,
            r#""commute":true,"private":true,"visibility":"followers_only","#,
            r#""gear":"Blue shoes","device":"A watch"},"#,
            r#""laps":[{"start_date":"2018-03-28T23:51:34Z","elapsed_time":1733,"#,
            r#""distance":5562.6,"average_heartrate":150.4}],"#,
            r#""streams":{"time":[0,5,null,12],"#,
            r#""latlng":[[40.682943,-73.914698],null,[40.7,-73.9],[40.70001,-73.9]],"#,
            r#""cadence":[null,81,82,80.6]}}"#
        )
    );
}

#[test]
fn what_changes_by_itself_changes_nothing() {
    let before = made(&activity(), Some(&streams()));
    let mut later = activity();
    later["kudos_count"] = json!(7);
    later["photos"] = json!({"count": 3});
    later["segment_efforts"] = json!([]);
    later["gear"]["distance"] = json!(99);
    let spaced = serde_json::to_vec_pretty(&later).expect("text");
    let as_array = json!([
        {"type": "cadence", "data": streams()["cadence"]["data"]},
        {"type": "time", "data": streams()["time"]["data"], "resolution": "high"},
        {"type": "latlng", "data": streams()["latlng"]["data"]},
        {"type": "grade_smooth", "data": ["nobody reads it"]},
    ]);
    let as_array = serde_json::to_vec_pretty(&as_array).expect("text");
    assert_eq!(
        document(&spaced, Some(&as_array)).expect("an activity"),
        before
    );
    later["name"] = json!("Another");
    assert_ne!(made(&later, Some(&streams())), before);
}

#[test]
fn numbers_stand_as_strava_wrote_them() {
    let answer = br#"{"id":7,"start_date":"2018-03-28T23:51:34Z","distance":10.50,
        "elapsed_time":1e3}"#;
    let streams = br#"{"time":{"data":[0, 1.0 ,2]},"altitude":{"data":[-0.0,1e1,0.10]}}"#;
    let document = document(answer, Some(streams)).expect("an activity");
    let text = String::from_utf8(document).expect("text");
    assert!(
        text.contains(r#""distance":10.50,"elapsed_time":1e3"#),
        "{text}"
    );
    assert!(text.contains(r#""altitude":[-0.0,1e1,0.10]"#), "{text}");
}

#[test]
fn the_recording_says_what_strava_says() {
    let found = recording(&made(&activity(), Some(&streams())));
    assert_eq!(found.format, Format::StravaApi);
    assert_eq!(found.sport.as_deref(), Some("TrailRun"));
    let claims = &found.claims;
    assert_eq!(
        claims.external_id.as_deref(),
        Some("strava:9007199254740993")
    );
    assert_eq!(claims.upload_id.as_deref(), Some("1591925390"));
    assert_eq!(claims.time_zone.as_deref(), Some("America/New_York"));
    assert_eq!(claims.utc_offset_s, Some(-14_400));
    assert_eq!(claims.visibility.as_deref(), Some("followers"));
    assert_eq!(claims.gear.as_deref(), Some("Blue shoes"));
    assert_eq!(claims.moving_s, Some(1_657.0));
    assert_eq!((claims.commute, claims.indoor), (Some(true), Some(false)));
    let start_ms = 1_522_281_094_000;
    assert_eq!(found.claimed_start_ms, Some(start_ms));
    // The sample without a time is none.
    let times: Vec<f64> = found
        .samples
        .iter()
        .map(|s| s.time_ms - start_ms as f64)
        .collect();
    assert_eq!(times, [0.0, 5_000.0, 12_000.0]);
    assert_eq!(found.samples[0].lat_deg, Some(40.682943));
    assert_eq!(found.samples[1].lng_deg, None);
    let legs: Vec<_> = found.samples.iter().map(|s| s.cadence_rpm).collect();
    assert_eq!(legs, [None, Some(81), Some(81)]);
    assert_eq!(found.laps.len(), 1);
    assert_eq!(found.laps[0].avg_heart_rate_bpm, Some(150));
    assert!(found.findings.is_empty());
}

#[test]
fn without_times_there_are_no_samples() {
    let bare = made(&activity(), None);
    let none_yet = json!({"message": "Record Not Found", "errors": []});
    for streams in [
        json!({}),
        json!([]),
        none_yet,
        json!({"time": {"data": []}}),
    ] {
        assert_eq!(made(&activity(), Some(&streams)), bare);
    }
    let only_distance = made(
        &activity(),
        Some(&json!({"distance": {"data": [0.0, 1.4]}})),
    );
    assert!(recording(&only_distance).samples.is_empty());
    let found = recording(&bare);
    assert!(found.samples.is_empty());
    assert_eq!(found.claims.distance_m, Some(5_562.6));
}

#[test]
fn unequal_streams_count_as_far_as_the_shortest() {
    let streams = json!({
        "time": {"data": [0, 1, 2, 3]},
        "distance": {"data": [0.0, 3.0, 6.0]},
        "heartrate": {"data": [90, 91, 92, 93, 94]},
    });
    let found = recording(&made(&activity(), Some(&streams)));
    assert_eq!(found.samples.len(), 3);
    assert_eq!(found.findings.len(), 1);
    assert_eq!(found.findings[0].kind, FindingKind::CutOff);
    assert_eq!(
        found.findings[0].action,
        "streams of 3 to 5 entries; the shortest counts"
    );
}

#[test]
fn who_may_see_it_is_told_in_our_words() {
    let of = |visibility: Value, private: Value| {
        let mut activity = activity();
        activity["visibility"] = visibility;
        activity["private"] = private;
        recording(&made(&activity, None)).claims.visibility
    };
    assert_eq!(
        of(json!("everyone"), json!(false)).as_deref(),
        Some("everyone")
    );
    assert_eq!(
        of(json!("only_me"), json!(true)).as_deref(),
        Some("only_me")
    );
    assert_eq!(of(Value::Null, json!(true)).as_deref(), Some("only_me"));
    assert_eq!(of(Value::Null, json!(false)), None);
    // Of a kind that it should not be: as if it were not there.
    assert_eq!(of(json!(["everyone"]), json!("true")), None);
}

#[test]
fn only_zones_that_there_are_count() {
    let of = |zone: &str| {
        let mut activity = activity();
        activity["timezone"] = json!(zone);
        recording(&made(&activity, None)).claims.time_zone
    };
    let known = of("(GMT-04:00) America/Anguilla");
    assert_eq!(known.as_deref(), Some("America/Anguilla"));
    for none in [
        "(GMT-04:00) Atlantis/Harbour",
        "(GMT+00:00) ",
        "",
        "../../etc/passwd",
    ] {
        assert_eq!(of(none), None, "{none}");
    }
}

#[test]
fn what_is_no_answer_is_refused() {
    let start = r#""start_date":"2018-03-28T23:51:34Z""#;
    for answer in [
        String::new(),
        "<html>".to_owned(),
        "[]".to_owned(),
        format!("{{{start}}}"),
        format!(r#"{{"id":"7",{start}}}"#),
        format!(r#"{{"id":0,{start}}}"#),
        // Over 64 bits, as in one captured answer.
        format!(r#"{{"id":12345678987654321123,{start}}}"#),
        r#"{"id":7}"#.to_owned(),
        r#"{"id":7,"start_date":"soon"}"#.to_owned(),
        r#"{"id":7,"start_date":"2950-01-01T00:00:00Z"}"#.to_owned(),
    ] {
        assert!(document(answer.as_bytes(), None).is_err(), "{answer}");
    }
    let activity = activity().to_string();
    for streams in [
        "",
        "3",
        r#"{"time":{"data":"0,1"}}"#,
        r#"{"time":{"data":["0"]}}"#,
        r#"{"time":{"data":[1e999]}}"#,
        r#"{"time":7}"#,
        r#"{"latlng":{"data":[[1]]}}"#,
        r#"{"latlng":{"data":[[1,null]]}}"#,
    ] {
        let refused = document(activity.as_bytes(), Some(streams.as_bytes()));
        assert!(refused.is_err(), "{streams}");
    }
    let unknown = String::from_utf8(made(&self::activity(), None)).expect("text");
    let unknown = unknown.replace("\"strava_api\":1", "\"strava_api\":2");
    assert!(decode(unknown.as_bytes(), &Limits::default()).is_err());
}

#[test]
fn long_texts_and_streams_are_refused() {
    let mut long = activity();
    long["description"] = json!("x".repeat(70_000));
    assert!(document(long.to_string().as_bytes(), None).is_err());
    let limits = Limits {
        samples: 3,
        ..Limits::default()
    };
    assert!(decode(&made(&activity(), Some(&streams())), &limits).is_err());
}
