//! An activity in full: splits, laps, best efforts, gear.

use serde_json::{Map, Value, json};

use super::members;
use super::summary::{average_speed, line, summary};
use crate::activity::Activity;
use crate::athlete::Athlete;
use crate::clock::written;
use crate::measure;
use crate::splits::{self, EFFORTS, METRIC_M, STANDARD_M, Stretch};
use crate::sports;
use crate::track::{Track, rounded};

/// Ids of laps and efforts lie this far above their activity's.
const LAP_IDS: i64 = 40_000_000_000;
const EFFORT_IDS: i64 = 70_000_000_000;

/// All that the API tells of an activity.
pub(crate) fn detail(activity: &Activity, athlete: &Athlete) -> Map<String, Value> {
    let mut told = summary(activity);
    let track = activity.track.as_deref();
    let visible = ["heart_rate", "pace", "power", "speed", "calories"];
    let visible = visible.map(|kind| json!({"type": kind, "visibility": "everyone"}));
    let more = members(json!({
        "resource_state": 3,
        "description": activity.description,
        "calories": activity.calories.unwrap_or(0.0),
        "perceived_exertion": null,
        "prefer_perceived_exertion": null,
        "segment_efforts": [],
        "photos": {"primary": null, "count": 0},
        "stats_visibility": visible,
        "hide_from_home": false,
        "embed_token": embed_token(activity.id),
        "available_zones": zones(activity),
    }));
    told.extend(more);
    if let Some(Value::Object(map)) = told.get_mut("map") {
        map.insert("polyline".to_owned(), json!(line(track, usize::MAX)));
        map.insert("resource_state".to_owned(), json!(3));
    }
    let gear = activity.gear_id.as_deref().and_then(|id| athlete.gear(id));
    if let Some(gear) = gear {
        let primary = [athlete.shoes.first(), athlete.bikes.first()];
        told.insert(
            "gear".to_owned(),
            gear.detail(primary.contains(&Some(gear))),
        );
    }
    if let Some(track) = track {
        let moving = measure::moving(track, sports::moves_from_m_s(&activity.sport_type));
        told.insert("laps".to_owned(), laps(activity));
        if !track.distance_m.is_empty() {
            let cut = |length_m| told_splits(track, &moving, length_m);
            told.insert("splits_metric".to_owned(), cut(METRIC_M));
            told.insert("splits_standard".to_owned(), cut(STANDARD_M));
        }
        if sports::is_run(&activity.sport_type) {
            told.insert("best_efforts".to_owned(), efforts(activity, track, &moving));
        }
    }
    told
}

/// The laps of an activity; one that was typed in has none.
pub(crate) fn laps(activity: &Activity) -> Value {
    let Some(track) = activity.track.as_deref() else {
        return json!([]);
    };
    let moving = measure::moving(track, sports::moves_from_m_s(&activity.sport_type));
    let velocity = measure::velocity(track);
    let laps = splits::laps(track).into_iter().zip(1_i64..);
    laps.map(|(lap, number)| {
        let (distance_m, elapsed_s) = (lap.distance_m(track), lap.elapsed_s(track));
        let highest = lap.values(&velocity).iter().copied().fold(0.0, f64::max);
        let rises = lap.values(&track.altitude_m);
        let mut told = part_of(activity, LAP_IDS + number, &format!("Lap {number}"));
        told.extend(starts_at(activity, track, lap));
        told.extend(members(json!({
            "elapsed_time": elapsed_s,
            "moving_time": lap.moving_s(track, &moving),
            "distance": distance_m,
            "average_speed": average_speed(distance_m, elapsed_s, 100.0),
            "max_speed": highest,
            "lap_index": number,
            "split": number,
            "total_elevation_gain": rounded(measure::climb(rises), 10.0),
            "device_watts": !track.power_w.is_empty(),
        })));
        if let Some(mean) = measure::mean(lap.values(&track.cadence_rpm)) {
            told.insert("average_cadence".to_owned(), json!(rounded(mean, 10.0)));
        }
        if let Some(mean) = measure::mean(lap.values(&track.power_w)) {
            told.insert("average_watts".to_owned(), json!(rounded(mean, 10.0)));
        }
        told.extend(heart_rate(track, lap, |mean| rounded(mean, 10.0)));
        if sports::is_run(&activity.sport_type) {
            told.insert("pace_zone".to_owned(), json!(0));
        }
        Value::Object(told)
    })
    .collect()
}

fn told_splits(track: &Track, moving: &[bool], length_m: f64) -> Value {
    let cut = splits::splits(track, length_m).into_iter().zip(1_i64..);
    cut.map(|(split, number)| {
        let (distance_m, elapsed_s) = (split.distance_m(track), split.elapsed_s(track));
        let speed = average_speed(distance_m, elapsed_s, 100.0);
        let mut told = members(json!({
            "distance": distance_m,
            "elapsed_time": elapsed_s,
            "elevation_difference": split.rise_m(track),
            "moving_time": split.moving_s(track, moving),
            "split": number,
            "average_speed": speed,
            // A stand-in: nobody outside knows the model.
            "average_grade_adjusted_speed": speed,
            "pace_zone": 0,
        }));
        // Not rounded, as in the recorded answers.
        let mean = measure::mean(split.values(&track.heart_rate_bpm));
        if let Some(mean) = mean {
            told.insert("average_heartrate".to_owned(), json!(mean));
        }
        Value::Object(told)
    })
    .collect()
}

fn efforts(activity: &Activity, track: &Track, moving: &[bool]) -> Value {
    let found = EFFORTS
        .iter()
        .zip(0_i64..)
        .filter_map(|((name, metres), number)| {
            let effort = splits::best_effort(track, *metres as f64)?;
            let mut told = part_of(activity, EFFORT_IDS + number, name);
            told.extend(starts_at(activity, track, effort));
            told.extend(members(json!({
                "elapsed_time": effort.elapsed_s(track),
                "moving_time": effort.moving_s(track, moving),
                "distance": metres,
                "pr_rank": null,
                "achievements": [],
            })));
            Some(Value::Object(told))
        });
    found.collect()
}

/// What laps and efforts say of themselves and of whose they are.
fn part_of(activity: &Activity, above: i64, name: &str) -> Map<String, Value> {
    members(json!({
        "id": activity.id.saturating_add(above),
        "resource_state": 2,
        "name": name,
        "activity": {
            "id": activity.id,
            "visibility": activity.visibility.word(),
            "resource_state": 1,
        },
        "athlete": {"id": activity.athlete_id, "resource_state": 1},
    }))
}

fn starts_at(activity: &Activity, track: &Track, part: Stretch) -> Map<String, Value> {
    let start_s = activity.shown_start_s() + track.time_s[part.from];
    members(json!({
        "start_date": written(start_s),
        "start_date_local": written(start_s + activity.local().utc_offset_s),
        "start_index": part.from,
        "end_index": part.to,
    }))
}

fn heart_rate(track: &Track, part: Stretch, told: impl Fn(f64) -> f64) -> Map<String, Value> {
    let values = part.values(&track.heart_rate_bpm);
    match (measure::mean(values), measure::highest(values)) {
        (Some(mean), Some(highest)) => members(json!({
            "average_heartrate": told(mean),
            "max_heartrate": f64::from(highest),
        })),
        (None, _) | (_, None) => Map::new(),
    }
}

fn zones(activity: &Activity) -> Value {
    let has_heart_rate = activity
        .track
        .as_ref()
        .is_some_and(|track| !track.heart_rate_bpm.is_empty());
    let pace = has_heart_rate && sports::is_run(&activity.sport_type);
    match (has_heart_rate, pace) {
        (true, true) => json!(["heartrate", "pace"]),
        (true, false) => json!(["heartrate"]),
        (false, _) => json!([]),
    }
}

/// 40 digits that stay the same for an activity.
fn embed_token(id: i64) -> String {
    crate::random::Random::new(id.unsigned_abs()).token()
}
