//! Streams against rows written by hand.

use serde_json::{Value, json};
use storage::{ActivityId, AthleteId, Code, Failure};

use super::*;
use crate::memory_tests::session;
use crate::output::{Format, write_rows};
use crate::read::track::track;

const KEY: ActivityKey = ActivityKey {
    athlete_id: AthleteId(1),
    start_time_us: 0,
    activity_id: ActivityId(7),
};

fn json_of(rows: &Rows) -> Value {
    let text = write_rows(rows, Format::Json, Vec::new()).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// A session over the streams of activity 7, which has these channels.
async fn with(mut channels: Value) -> Session {
    channels["athlete_id"] = json!(1);
    channels["activity_id"] = json!(7);
    session(&[(&STREAMS, json!([channels]))], &[]).await
}

/// A circle of 5,000 samples; the heart rate has one spike and is silent after.
fn circle() -> Value {
    let at = |radius: f64, turn: fn(f64) -> f64| -> Vec<i64> {
        let angle = |i: i32| f64::from(i) / 5_000.0 * std::f64::consts::TAU;
        (0..5_000)
            .map(|i| (radius * turn(angle(i))) as i64)
            .collect()
    };
    let heart_rate = |i: i64| match i {
        1_234 => Some(201),
        0..4_000 => Some(120 + i % 7),
        _ => None,
    };
    json!({
        "t_ms": (0..5_000).map(|i| i * 1_000).collect::<Vec<i64>>(),
        "lat_e7": at(3e6, f64::sin), "lng_e7": at(5e6, f64::cos),
        "distance_cm": (0..5_000).map(|i| i * 300).collect::<Vec<i64>>(),
        "heart_rate_bpm": (0..5_000).map(heart_rate).collect::<Vec<_>>(),
    })
}

#[tokio::test]
async fn only_chosen_channels_are_given() {
    let session = with(json!({"t_ms": [0, 1000], "heart_rate_bpm": [120, null]})).await;
    let some = streams(&session, KEY, DEFAULT_CHANNELS, Resolution::Full)
        .await
        .unwrap();
    let expected = json!([{
        "activity_id": 7, "t_ms": [0, 1000], "distance_cm": null, "heart_rate_bpm": [120, null],
    }]);
    assert_eq!(json_of(&some), expected);
    let all = streams(&session, KEY, &channels(), Resolution::Low)
        .await
        .unwrap();
    assert_eq!(all.schema, shape().schema());
    let unknown = streams(&session, KEY, &["athlete_id"], Resolution::Full).await;
    assert_eq!(unknown.unwrap_err().code(), Code::InvalidArgument);
}

#[tokio::test]
async fn fewer_samples_are_whole_samples_and_keep_the_spike() {
    let all = circle();
    let session = with(all.clone()).await;
    let names = ["t_ms", "distance_cm", "heart_rate_bpm", "power_w"];
    for resolution in [Resolution::Low, Resolution::Medium] {
        let thin = streams(&session, KEY, &names, resolution).await.unwrap();
        let thin = &json_of(&thin)[0];
        assert_eq!(thin["power_w"], Value::Null);
        let times = thin["t_ms"].as_array().unwrap();
        assert!(times.len() <= resolution.points().unwrap());
        assert!(times.contains(&json!(1_234_000)));
        assert_eq!(times[0], 0);
        assert_eq!(*times.last().unwrap(), 4_999_000);
        for (nth, time) in times.iter().enumerate() {
            let sample = time.as_u64().unwrap() as usize / 1_000;
            for name in ["distance_cm", "heart_rate_bpm"] {
                assert_eq!(thin[name][nth], all[name][sample], "{name} of {sample}");
            }
        }
    }
    let full = streams(&session, KEY, &names, Resolution::High)
        .await
        .unwrap();
    assert_eq!(json_of(&full)[0]["t_ms"], all["t_ms"]);
}

#[tokio::test]
async fn a_thin_track_has_the_same_bounds() {
    let session = with(circle()).await;
    let full = track(&session, KEY, Resolution::Full).await.unwrap();
    let thin = track(&session, KEY, Resolution::Low).await.unwrap();
    assert_eq!(full.positions.len(), 5_000);
    assert!(thin.positions.len() <= 100);
    assert_eq!(thin.bounds, full.bounds);
    assert!(thin.positions.iter().all(|at| full.positions.contains(at)));
}

#[tokio::test]
async fn by_sample_the_channels_are_columns() {
    let session = with(json!({"t_ms": [0, 1000], "heart_rate_bpm": [120, null]})).await;
    let row = streams(&session, KEY, DEFAULT_CHANNELS, Resolution::Full)
        .await
        .unwrap();
    let samples = by_sample(&row).unwrap();
    assert_eq!(samples.schema.metadata()["activity_id"], "7");
    let expected = json!([
        {"t_ms": 0, "distance_cm": null, "heart_rate_bpm": 120},
        {"t_ms": 1000, "distance_cm": null, "heart_rate_bpm": null},
    ]);
    assert_eq!(json_of(&samples), expected);
    let other = ActivityKey {
        activity_id: ActivityId(8),
        ..KEY
    };
    let none = streams(&session, other, DEFAULT_CHANNELS, Resolution::Low)
        .await
        .unwrap();
    assert!(by_sample(&none).unwrap().is_empty());
}

#[tokio::test]
async fn lists_of_different_lengths_are_an_error() {
    let session = with(json!({"t_ms": (0..200).collect::<Vec<i64>>(), "power_w": [1]})).await;
    let torn = streams(&session, KEY, &["t_ms", "power_w"], Resolution::Low).await;
    assert_eq!(torn.unwrap_err().code(), Code::Inconsistent);
}
