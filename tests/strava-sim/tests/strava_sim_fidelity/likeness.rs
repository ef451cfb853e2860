//! When two JSON values are alike, and where they differ.

use jiff::Timestamp;
use serde_json::Value;

/// What the real answers have and ours do not, with the reason.
const ABSENT: &[(&str, &str)] = &[
    ("similar_activities", "it compares with other activities"),
    ("photos.use_primary_photo", "there are no photos"),
];

/// What ours have and the captured ones of that kind do not, with the reason.
const ADDED: &[(&str, &str)] = &[
    ("device_name", "in summaries since 2025-10"),
    ("average_cadence", "not every device has the sensor"),
    ("average_temp", "not every device has the sensor"),
    ("has_heartrate", "in all newer answers"),
    ("laps.average_cadence", "not every device has the sensor"),
    ("laps.average_watts", "not every device has the sensor"),
    ("laps.pace_zone", "runs have it"),
    ("elev_high", "not every device has the sensor"),
    ("elev_low", "not every device has the sensor"),
];

/// What is null with us and is not in the captured answer, or the other way.
const NULLABLE: &[&str] = &[
    "description",
    "workout_type",
    "location_country",
    "gear_id",
    "prefer_perceived_exertion",
    "best_efforts.pr_rank",
    "bio",
    "shoes.nickname",
];

/// A whole number in one answer and a fraction in another, among captured ones.
const EITHER_NUMBER: &[&str] = &["total_elevation_gain", "max_speed"];

/// Whether a path is named in a list, whatever indices stand in it.
fn is_named(path: &str, mut names: impl Iterator<Item = &'static str>) -> bool {
    names.any(|name| path == name)
}

/// What JSON calls it, fractions apart.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "fraction",
        Value::Number(_) => "whole number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// Where ours is not like the real one.
pub fn differences(path: &str, real: &Value, ours: &Value, found: &mut Vec<String>) {
    let join = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path}.{key}"),
    };
    match (real, ours) {
        (Value::Object(real), Value::Object(ours)) => {
            for (key, real) in real {
                let path = join(key);
                match ours.get(key) {
                    Some(ours) => differences(&path, real, ours, found),
                    None if is_named(&path, ABSENT.iter().map(|(name, _)| *name)) => {}
                    None => found.push(format!("{path}: missing")),
                }
            }
            for key in ours.keys().filter(|key| !real.contains_key(*key)) {
                let path = join(key);
                if !is_named(&path, ADDED.iter().map(|(name, _)| *name)) {
                    found.push(format!("{path}: the real one has none"));
                }
            }
        }
        (Value::Array(real), Value::Array(ours)) => {
            // One of each kind is enough; the last may be another kind.
            for (real, ours) in [(real.first(), ours.first()), (real.last(), ours.last())] {
                if let (Some(real), Some(ours)) = (real, ours) {
                    differences(path, real, ours, found);
                }
            }
        }
        (Value::String(real), Value::String(ours)) => {
            if form(real) != form(ours) {
                found.push(format!("{path}: {ours:?} is not formed like {real:?}"));
            }
        }
        (real, ours) if kind(real) == kind(ours) => {}
        (real, ours) => {
            let number = real.is_number() && ours.is_number();
            let either = number && is_named(path, EITHER_NUMBER.iter().copied());
            let null =
                (real.is_null() || ours.is_null()) && is_named(path, NULLABLE.iter().copied());
            if !either && !null {
                found.push(format!(
                    "{path}: {} where the real is {}",
                    kind(ours),
                    kind(real)
                ));
            }
        }
    }
}

/// How a text is formed, where it matters.
fn form(text: &str) -> &'static str {
    if text.parse::<Timestamp>().is_ok() {
        return match text.len() {
            20 => "instant",
            _ => "instant with fractions",
        };
    }
    if text.starts_with("(GMT") && text.get(10..12) == Some(") ") {
        return "zone";
    }
    match text.len() {
        40 if text.bytes().all(|byte| byte.is_ascii_hexdigit()) => "token",
        _ => "text",
    }
}

/// # Panics
/// Where ours is not like the real one.
#[track_caller]
pub fn assert_like(name: &str, real: &Value, ours: &Value) {
    let mut found = Vec::new();
    differences("", real, ours, &mut found);
    assert!(found.is_empty(), "{name}:\n{}\n{ours:#}", found.join("\n"));
}
