//! What an athlete did in the last four weeks, this year and ever. Only what
//! everybody may see counts.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value, json};

use super::members;
use crate::activity::Activity;
use crate::inputs::Visibility;
use crate::sports;

/// `recent` is four weeks.
const RECENT_S: i64 = 4 * 7 * 86_400;

/// Whether a `sport_type` is of a kind.
type IsSport = fn(&str) -> bool;

/// The totals of these activities at a time in seconds since 1970.
pub(crate) fn stats<'a>(
    activities: impl Iterator<Item = &'a Activity>,
    now_s: i64,
) -> Map<String, Value> {
    let seen: Vec<&Activity> = activities
        .filter(|activity| activity.visibility == Visibility::Everyone && !activity.is_deleted)
        .collect();
    let year = |at_s: i64| {
        let at = Timestamp::from_second(at_s).unwrap_or(Timestamp::UNIX_EPOCH);
        at.to_zoned(TimeZone::UTC).year()
    };
    let mut told = Map::new();
    let sports: [(&str, IsSport); 3] = [
        ("ride", sports::is_ride),
        ("run", sports::is_run),
        ("swim", |sport| sport == "Swim"),
    ];
    for (name, is_one) in sports {
        let those = |within: &dyn Fn(i64) -> bool| -> Vec<&Activity> {
            let those = seen.iter().copied();
            those
                .filter(|one| is_one(&one.sport_type) && within(one.start_s))
                .collect()
        };
        let recent = those(&|start_s| start_s > now_s - RECENT_S);
        let mut recent = totals(&recent);
        recent.insert("achievement_count".to_owned(), json!(0));
        told.insert(format!("recent_{name}_totals"), Value::Object(recent));
        let this_year = totals(&those(&|start_s| year(start_s) == year(now_s)));
        told.insert(format!("ytd_{name}_totals"), Value::Object(this_year));
        told.insert(
            format!("all_{name}_totals"),
            Value::Object(totals(&those(&|_| true))),
        );
    }
    told
}

fn totals(those: &[&Activity]) -> Map<String, Value> {
    let seconds = |of: fn(&Activity) -> i64| those.iter().map(|one| of(one)).sum::<i64>();
    let metres = |of: fn(&Activity) -> f64| -> Value {
        // An empty sum is a whole number in recorded answers.
        match those.is_empty() {
            true => json!(0),
            false => json!(those.iter().map(|one| of(one)).sum::<f64>()),
        }
    };
    members(json!({
        "count": those.len(),
        "distance": metres(|one| one.totals.distance_m),
        "moving_time": seconds(|one| one.totals.moving_s),
        "elapsed_time": seconds(|one| one.totals.elapsed_s),
        "elevation_gain": metres(|one| one.totals.climb_m),
    }))
}
