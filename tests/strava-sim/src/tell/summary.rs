//! An activity as lists have it.

use polyline::encode_coordinates;
use serde_json::{Map, Value, json};

use super::members;
use crate::activity::Activity;
use crate::clock::written;
use crate::inputs::Visibility;
use crate::measure;
use crate::sports;
use crate::track::{Track, rounded};

/// A summary's line has at most this many points.
const SUMMARY_POINTS: usize = 200;

/// Latitude and longitude in degrees.
type Position = (f64, f64);

/// The summary of an activity.
pub(crate) fn summary(activity: &Activity) -> Map<String, Value> {
    let local = activity.local();
    let start_s = activity.shown_start_s();
    let totals = &activity.totals;
    let track = activity.track.as_deref();
    let (first, last) = ends(track);
    let mut told = members(json!({
        "resource_state": 2,
        "athlete": {"id": activity.athlete_id, "resource_state": 1},
        "name": activity.name,
        "distance": rounded(totals.distance_m, 10.0),
        "moving_time": totals.moving_s,
        "elapsed_time": totals.elapsed_s,
        "total_elevation_gain": totals.climb_m,
        "type": sports::old_type(&activity.sport_type),
        "sport_type": activity.sport_type,
        "id": activity.id,
        "start_date": written(start_s),
        "start_date_local": written(start_s + local.utc_offset_s),
        "timezone": local.timezone,
        "utc_offset": local.utc_offset_s as f64,
        "location_city": null,
        "location_state": null,
        "location_country": null,
        "achievement_count": 0,
        "kudos_count": 0,
        "comment_count": 0,
        "athlete_count": 1,
        "photo_count": 0,
        "map": {
            "id": format!("a{}", activity.id),
            "summary_polyline": line(track, SUMMARY_POINTS),
            "resource_state": 2,
        },
        "trainer": activity.trainer,
        "commute": activity.commute,
        "manual": track.is_none(),
        "private": activity.visibility == Visibility::OnlyMe,
        "visibility": activity.visibility.word(),
        "flagged": false,
        "gear_id": activity.gear_id,
        "start_latlng": latlng(first),
        "end_latlng": latlng(last),
        "average_speed": average_speed(totals.distance_m, totals.moving_s, 1e3),
        "max_speed": totals.max_speed_m_s,
        "heartrate_opt_out": false,
        "upload_id": activity.upload_id,
        "external_id": activity.external_id,
        "from_accepted_tag": false,
        "pr_count": 0,
        "total_photo_count": 0,
        "has_kudoed": false,
    }));
    let mut put = |key: &str, value: Value| {
        told.insert(key.to_owned(), value);
    };
    if sports::is_run(&activity.sport_type) || sports::is_ride(&activity.sport_type) {
        put("workout_type", json!(activity.workout_type));
    }
    if let Some(upload) = activity.upload_id {
        put("upload_id_str", json!(upload.to_string()));
    }
    if let Some(device) = &activity.device_name {
        put("device_name", json!(device));
    }
    channels(activity, &mut put);
    told
}

/// What only some channels give.
fn channels(activity: &Activity, put: &mut impl FnMut(&str, Value)) {
    let blank = Track::default();
    let track = activity.track.as_deref().unwrap_or(&blank);
    let heart_rate = measure::mean(&track.heart_rate_bpm);
    put("has_heartrate", json!(heart_rate.is_some()));
    put("display_hide_heartrate_option", json!(heart_rate.is_some()));
    if let Some(mean) = heart_rate {
        let highest = measure::highest(&track.heart_rate_bpm).unwrap_or(0);
        put("average_heartrate", json!(rounded(mean, 10.0)));
        put("max_heartrate", json!(f64::from(highest)));
        // A stand-in: nobody outside knows the formula.
        let effort = (mean - 60.0).max(0.0) * activity.totals.moving_s as f64 / 3_600.0;
        put("suffer_score", json!(effort.round()));
    }
    if let Some(mean) = measure::mean(&track.cadence_rpm) {
        put("average_cadence", json!(rounded(mean, 10.0)));
    }
    if let Some(mean) = measure::mean(&track.temperature_c) {
        put("average_temp", json!(mean.round() as i64));
    }
    if let Some(mean) = measure::mean(&track.power_w) {
        let joules = mean * activity.totals.moving_s as f64;
        put("average_watts", json!(rounded(mean, 10.0)));
        put("max_watts", json!(measure::highest(&track.power_w)));
        put("weighted_average_watts", json!(mean.round() as i64));
        put("kilojoules", json!(rounded(joules / 1e3, 10.0)));
        put("device_watts", json!(true));
    }
    let known = track.altitude_m.iter().flatten().copied();
    if let (Some(high), Some(low)) = (known.clone().reduce(f64::max), known.reduce(f64::min)) {
        put("elev_high", json!(high));
        put("elev_low", json!(low));
    }
}

/// Metres per second to a fraction; nought where no time passed.
pub(super) fn average_speed(metres: f64, seconds: i64, parts: f64) -> f64 {
    match seconds {
        ..=0 => 0.0,
        _ => rounded(metres / seconds as f64, parts),
    }
}

/// The first and last position.
fn ends(track: Option<&Track>) -> (Option<Position>, Option<Position>) {
    let mut known = track
        .into_iter()
        .flat_map(|track| track.position.iter().flatten());
    let first = known.next().copied();
    (first, known.next_back().copied().or(first))
}

fn latlng(at: Option<Position>) -> Value {
    at.map_or_else(|| json!([]), |(lat, lng)| json!([lat, lng]))
}

/// The track as an encoded line of at most so many points; empty without two
/// positions.
pub(super) fn line(track: Option<&Track>, points: usize) -> String {
    let known: Vec<(f64, f64)> = track
        .into_iter()
        .flat_map(|track| track.position.iter().flatten().copied())
        .collect();
    if known.len() < 2 {
        return String::new();
    }
    let stride = known.len().div_ceil(points.max(2) - 1);
    let some = known.iter().copied().step_by(stride);
    let last = known
        .last()
        .copied()
        .filter(|_| !(known.len() - 1).is_multiple_of(stride));
    let some = some
        .chain(last)
        .map(|(lat, lng)| geo::Coord { x: lng, y: lat });
    // Positions are on earth, so that they are never too large for the format.
    encode_coordinates(some, 5).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_ends_and_no_more_points_than_asked_for() {
        let track = Track {
            position: (0..1_000)
                .map(|at| Some((50.0 + f64::from(at) / 1e4, 7.0)))
                .collect(),
            ..Track::default()
        };
        let decoded = polyline::decode_polyline(&line(Some(&track), 200), 5).unwrap();
        let points: Vec<_> = decoded.coords().collect();
        assert!(points.len() <= 201, "{}", points.len());
        assert!((points[0].y - 50.0).abs() < 1e-5);
        assert!((points[points.len() - 1].y - 50.0999).abs() < 1e-5);
        assert_eq!(line(None, 200), "");
    }
}
