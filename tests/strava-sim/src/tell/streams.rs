//! Streams: the samples of an activity, by kind.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::members;
use crate::activity::Activity;
use crate::measure;
use crate::sports;
use crate::track::Track;

/// Kinds in the order in which a list has them.
const KINDS: &[&str] = &[
    "time",
    "latlng",
    "distance",
    "altitude",
    "velocity_smooth",
    "heartrate",
    "cadence",
    "watts",
    "temp",
    "moving",
    "grade_smooth",
];

/// What was asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Asked {
    /// Kinds; `distance` comes unasked.
    pub(crate) keys: BTreeSet<String>,
    /// An object by kind, or a list.
    pub(crate) by_type: bool,
}

impl Asked {
    /// Every kind, by kind.
    pub(crate) fn everything() -> Self {
        Self {
            keys: KINDS.iter().map(|kind| (*kind).to_owned()).collect(),
            by_type: true,
        }
    }
}

/// The streams of an activity; none where there is not even time.
pub(crate) fn streams(activity: &Activity, asked: &Asked) -> Option<Value> {
    let track = activity.track.as_deref().filter(|track| track.len() > 0)?;
    let told = KINDS.iter().filter_map(|kind| {
        let wanted = asked.keys.contains(*kind) || *kind == "distance";
        let mut data = wanted.then(|| data(activity, track, kind)).flatten()?;
        if activity.odd_nulls {
            odd(kind, &mut data);
        }
        Some((*kind, stream(data, track.len())))
    });
    Some(match asked.by_type {
        true => {
            let told = told.map(|(kind, stream)| (kind.to_owned(), Value::Object(stream)));
            Value::Object(told.collect())
        }
        false => told
            .map(|(kind, mut stream)| {
                stream.insert("type".to_owned(), json!(kind));
                Value::Object(stream)
            })
            .collect(),
    })
}

fn stream(data: Vec<Value>, size: usize) -> Map<String, Value> {
    members(json!({
        "data": data,
        "series_type": "distance",
        "original_size": size,
        "resolution": "high",
    }))
}

/// The values of one kind, as many as there are samples; none where it was not
/// recorded.
fn data(activity: &Activity, track: &Track, kind: &str) -> Option<Vec<Value>> {
    let moves_from = sports::moves_from_m_s(&activity.sport_type);
    let values: Vec<Value> = match kind {
        "time" => track.time_s.iter().map(|at| json!(at)).collect(),
        "latlng" => {
            let position = track.position.iter();
            position
                .map(|at| at.map_or(Value::Null, |(lat, lng)| json!([lat, lng])))
                .collect()
        }
        "distance" => track.distance_m.iter().map(|at| json!(at)).collect(),
        "altitude" => track.altitude_m.iter().map(|at| json!(at)).collect(),
        "velocity_smooth" => measure::velocity(track)
            .iter()
            .map(|at| json!(at))
            .collect(),
        "heartrate" => track.heart_rate_bpm.iter().map(|at| json!(at)).collect(),
        "cadence" => track.cadence_rpm.iter().map(|at| json!(at)).collect(),
        "watts" => track.power_w.iter().map(|at| json!(at)).collect(),
        "temp" => track.temperature_c.iter().map(|at| json!(at)).collect(),
        "moving" => measure::moving(track, moves_from)
            .iter()
            .map(|at| json!(at))
            .collect(),
        "grade_smooth" => measure::grade(track).iter().map(|at| json!(at)).collect(),
        _ => Vec::new(),
    };
    (!values.is_empty()).then_some(values)
}

/// Nulls where old recordings have them: at the beginning of some kinds, and in
/// the middle of all, `time` too.
fn odd(kind: &str, data: &mut [Value]) {
    if matches!(kind, "latlng" | "altitude" | "heartrate")
        && let Some(first) = data.first_mut()
    {
        *first = Value::Null;
    }
    let last = data.len().saturating_sub(1);
    let middle = data.len() / 2;
    if middle > 0 && middle < last {
        data[middle] = Value::Null;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_nulls_stand_first_and_in_the_middle_but_never_last() {
        let mut time: Vec<Value> = (0..5).map(|at| json!(at)).collect();
        odd("time", &mut time);
        assert_eq!(json!(time), json!([0, 1, null, 3, 4]));
        let mut short = vec![json!(1), json!(2)];
        odd("heartrate", &mut short);
        assert_eq!(json!(short), json!([null, 2]));
    }
}
