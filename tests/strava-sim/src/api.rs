//! The API's reads. Whatever an athlete may not see is not there.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use serde_json::{Value, json};

use crate::access::{caller, parameters};
use crate::activity::Activity;
use crate::events;
use crate::grants::Caller;
use crate::problem::Problem;
use crate::strava::Strava;
use crate::tell::{self, Asked};
use crate::world::World;

/// Activities on a page, unless another number is asked for, and at most.
const PER_PAGE: usize = 30;
const MOST_PER_PAGE: usize = 200;

type Told = Result<Json<Value>, Problem>;

/// `GET /athlete`.
pub(crate) async fn athlete(
    State(strava): State<Arc<Strava>>,
    headers: HeaderMap,
    uri: Uri,
) -> Told {
    let world = strava.world();
    let caller = caller(&world, &headers, &uri, strava.time.server_s())?;
    let athlete = world.athletes.get(&caller.athlete);
    let athlete = athlete.ok_or(Problem::not_found("Athlete"))?;
    Ok(Json(Value::Object(match caller.may("profile:read_all") {
        true => athlete.detail(),
        false => athlete.summary(),
    })))
}

/// `GET /athlete/activities`.
///
/// Newest first, with `after` oldest first. A page is cut before what the caller
/// may not see is taken out, so that it may be shorter than what was asked for;
/// only an empty one is the end.
pub(crate) async fn list(State(strava): State<Arc<Strava>>, headers: HeaderMap, uri: Uri) -> Told {
    let now_s = strava.time.server_s();
    let parameters = parameters(&uri, &[]);
    let (page, events) = {
        let world = &mut *strava.world();
        let caller = caller(world, &headers, &uri, now_s)?;
        caller.reads_activities()?;
        let page = page(world, &caller, &parameters)?;
        let inserted = match page.is_empty() {
            true => Vec::new(),
            false => std::mem::take(&mut world.after_next_page),
        };
        let inserted = inserted.into_iter();
        let events = inserted.flat_map(|(activity, silent)| world.add(activity, silent, now_s));
        (page, events.collect())
    };
    events::send(&strava, events);
    // Not under the lock: a page may hold days of samples.
    let page = page.iter().map(|one| Value::Object(tell::summary(one)));
    Ok(Json(page.collect()))
}

fn page(
    world: &World,
    caller: &Caller,
    parameters: &HashMap<String, String>,
) -> Result<Vec<Activity>, Problem> {
    let before = number(parameters, "before")?;
    let after = number(parameters, "after")?;
    let size = number(parameters, "per_page")?.unwrap_or(PER_PAGE as i64);
    let size = usize::try_from(size).unwrap_or(1).clamp(1, MOST_PER_PAGE);
    let page = number(parameters, "page")?.unwrap_or(1).max(1);
    let skipped = usize::try_from(page - 1).unwrap_or(usize::MAX);
    let holes = world.switches.short_pages;
    let mut those: Vec<&Activity> = world
        .activities
        .values()
        .filter(|one| one.athlete_id == caller.athlete && (holes || !one.is_deleted))
        .filter(|one| before.is_none_or(|before| one.start_s < before))
        .filter(|one| after.is_none_or(|after| one.start_s > after))
        .collect();
    those.sort_by_key(|one| (one.start_s, one.id));
    if after.is_none() {
        those.reverse();
    }
    let those = those
        .into_iter()
        .skip(skipped.saturating_mul(size))
        .take(size);
    let athlete = world.athletes.get(&caller.athlete);
    let athlete = athlete.ok_or(Problem::not_found("Athlete"))?;
    Ok(those
        .filter(|one| one.is_visible(caller.reads_all()))
        .map(|one| one.seen_by(caller.reads_all(), athlete))
        .collect())
}

fn number(parameters: &HashMap<String, String>, name: &str) -> Result<Option<i64>, Problem> {
    let text = parameters.get(name).filter(|text| !text.is_empty());
    text.map(|text| {
        text.parse()
            .map_err(|_| Problem::bad("Activity", name, "invalid"))
    })
    .transpose()
}

/// The activity of this id, if the caller may see it.
fn seen<'a>(world: &'a World, caller: &Caller, id: &str) -> Result<&'a Activity, Problem> {
    caller.reads_activities()?;
    let found = id
        .parse()
        .ok()
        .and_then(|id: i64| world.activities.get(&id));
    found
        .filter(|one| one.athlete_id == caller.athlete && one.is_visible(caller.reads_all()))
        .ok_or(Problem::not_found("Activity"))
}

/// `GET /activities/{id}`.
pub(crate) async fn activity(
    State(strava): State<Arc<Strava>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Told {
    let (activity, athlete) = {
        let world = strava.world();
        let caller = caller(&world, &headers, &uri, strava.time.server_s())?;
        let activity = seen(&world, &caller, &id)?;
        let athlete = world.athletes.get(&caller.athlete);
        let athlete = athlete.ok_or(Problem::not_found("Athlete"))?;
        let activity = activity.seen_by(caller.reads_all(), athlete);
        (activity, athlete.clone())
    };
    Ok(Json(Value::Object(tell::detail(&activity, &athlete))))
}

/// `GET /activities/{id}/streams`.
pub(crate) async fn streams(
    State(strava): State<Arc<Strava>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Told {
    let parameters = parameters(&uri, &[]);
    let text = |name: &str| parameters.get(name).map_or("", String::as_str);
    let asked = Asked {
        keys: text("keys").split(',').map(str::to_owned).collect(),
        by_type: text("key_by_type") == "true",
    };
    let activity = {
        let now_s = strava.time.server_s();
        let world = &mut *strava.world();
        let caller = caller(world, &headers, &uri, now_s)?;
        let id = seen(world, &caller, &id)?.id;
        let activity = world.activities.get_mut(&id);
        let activity = activity.ok_or(Problem::not_found("Activity"))?;
        match activity.asked_for_streams(now_s) {
            Some(true) => return Ok(Json(json!({}))),
            Some(false) => return Err(Problem::not_found("Activity")),
            None => {}
        }
        let activity = activity.clone();
        let athlete = world.athletes.get(&caller.athlete);
        let athlete = athlete.ok_or(Problem::not_found("Athlete"))?;
        activity.seen_by(caller.reads_all(), athlete)
    };
    tell::streams(&activity, &asked)
        .map(Json)
        .ok_or(Problem::not_found("Activity"))
}

/// `GET /activities/{id}/laps`.
pub(crate) async fn laps(
    State(strava): State<Arc<Strava>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Told {
    let activity = {
        let world = strava.world();
        let caller = caller(&world, &headers, &uri, strava.time.server_s())?;
        seen(&world, &caller, &id)?.clone()
    };
    Ok(Json(tell::laps(&activity)))
}

/// `GET /athletes/{id}/stats`: one's own only.
pub(crate) async fn stats(
    State(strava): State<Arc<Strava>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Told {
    let now_s = strava.time.server_s();
    let world = strava.world();
    let caller = caller(&world, &headers, &uri, now_s)?;
    if id != caller.athlete.to_string() {
        return Err(Problem::another_s());
    }
    let own = world.activities.values();
    let own = own.filter(|one| one.athlete_id == caller.athlete);
    Ok(Json(Value::Object(tell::stats(own, now_s))))
}

/// Every other path.
pub(crate) async fn nothing() -> Problem {
    Problem::no_path()
}
