//! Whether the simulator and the lake agree on every activity.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::world::World;

/// Strava's distance and ours may differ by so much: theirs is cut to tenths
/// of a metre at each sample.
const DISTANCE_M: f64 = 2.0;

/// What somebody lets pacelake see at Strava, by id.
pub fn there(world: &World, who: usize) -> BTreeMap<i64, Value> {
    let person = &world.people[who];
    let all = world.control.activities(person.strava_id).into_iter();
    let all = all.map(|id| (id, world.control.activity(id).unwrap()));
    all.filter(|(_, one)| person.shows_private || one["visibility"] != "only_me")
        .collect()
}

/// In what they differ, in sentences; nothing where they agree.
pub async fn differences(world: &World, who: usize) -> Vec<String> {
    let theirs = there(world, who);
    let ours = world.activities(who).await;
    let mut differences = Vec::new();
    if ours.len() != theirs.len() {
        differences.push(format!("{} here, {} there", ours.len(), theirs.len()));
    }
    let ids = pairs(world, who, theirs.keys()).await;
    let distinct: BTreeSet<i64> = ids.values().copied().collect();
    if distinct.len() != ids.len() {
        differences.push("two of theirs are one of ours".to_owned());
    }
    for (strava_id, theirs) in &theirs {
        let id = ids.get(strava_id);
        let ours = ours
            .iter()
            .find(|one| one["activity_id"].as_i64().as_ref() == id);
        let Some(ours) = ours else {
            differences.push(format!("{strava_id} {} is not here", theirs["name"]));
            continue;
        };
        let visibility = theirs["visibility"].as_str().unwrap();
        let visibility = Value::from(visibility.replace("_only", ""));
        let sport = snake(theirs["sport_type"].as_str().unwrap());
        let pairs = [
            ("name", &ours["name"], &theirs["name"]),
            ("visibility", &ours["visibility"], &visibility),
            ("sport", &ours["sport_detail"], &Value::from(sport)),
        ];
        for (what, ours, theirs) in pairs {
            if ours != theirs {
                differences.push(format!("{strava_id}: {what} {ours} here, {theirs} there"));
            }
        }
        let numbers = [
            ("source_distance_m", "distance", 0.05),
            ("source_elapsed_s", "elapsed_time", 0.5),
        ];
        let measured = [
            ("distance_m", "distance", DISTANCE_M),
            ("elapsed_s", "elapsed_time", 1.0),
        ];
        let numbers = numbers.into_iter().chain(match theirs["manual"] == true {
            true => None.into_iter().flatten(),
            false => Some(measured).into_iter().flatten(),
        });
        for (here, there, most) in numbers {
            let (ours, theirs) = (ours[here].as_f64(), theirs[there].as_f64());
            let apart = ours.zip(theirs).map(|(ours, theirs)| (ours - theirs).abs());
            if apart.is_none_or(|apart| apart > most) {
                differences.push(format!("{strava_id}: {here} {ours:?}, there {theirs:?}"));
            }
        }
    }
    differences
}

/// Which of our activities each of theirs is.
async fn pairs(world: &World, who: usize, ids: impl Iterator<Item = &i64>) -> BTreeMap<i64, i64> {
    let external: Vec<String> = ids.map(|id| format!("strava:{id}")).collect();
    let athlete_id = world.people[who].athlete_id;
    let sources = world
        .catalog()
        .sources_by_external_id(athlete_id, &external);
    let sources = sources.await.unwrap().into_iter();
    sources
        .map(|source| {
            let external = source.external_id.unwrap();
            let strava_id = external.strip_prefix("strava:").unwrap();
            (strava_id.parse().unwrap(), source.activity_id.0)
        })
        .collect()
}

/// `TrailRun` as `trail_run`.
fn snake(sport_type: &str) -> String {
    let mut snake = String::new();
    for letter in sport_type.chars() {
        if letter.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

/// How many splits and best efforts somebody's activities have here; each that
/// has samples has all that its length allows.
pub async fn derived(world: &World, who: usize) -> (usize, usize) {
    let (mut splits_seen, mut efforts_seen) = (0, 0);
    for one in world.activities(who).await {
        let id = &one["activity_id"];
        let (samples, distance_m) = (one["samples"].as_i64(), one["distance_m"].as_f64());
        let items = async |what: &str| {
            let found = world
                .get(who, &format!("/api/activities/{id}/{what}"))
                .await;
            found["items"].as_array().unwrap().clone()
        };
        let splits = items("splits?unit=km").await;
        let efforts = items("best_efforts").await;
        splits_seen += splits.len();
        efforts_seen += efforts.len();
        if samples.unwrap_or_default() == 0 {
            continue;
        }
        let distance_m = distance_m.unwrap_or_default();
        let cut: f64 = splits
            .iter()
            .map(|split| split["distance_m"].as_f64().unwrap())
            .sum();
        assert!(
            (cut - distance_m).abs() < 0.1,
            "splits of {one}: {splits:?}"
        );
        let is_run = one["sport"] == "run";
        assert!(
            !is_run || distance_m < 400.0 || !efforts.is_empty(),
            "no best effort of {one}"
        );
    }
    (splits_seen, efforts_seen)
}
