//! The app's one webhook subscription, and the question that it must answer
//! before it is made.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;

use crate::access::{client, parameters};
use crate::clock::written;
use crate::problem::Problem;
use crate::strava::Strava;
use crate::world::World;

/// A callback may be this long.
const LONGEST_CALLBACK: usize = 255;

/// The subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subscription {
    /// Its id.
    pub id: i64,
    /// Where events go.
    #[serde(serialize_with = "as_text")]
    pub callback: Url,
    /// When it was made, in seconds since 1970.
    pub created_at: i64,
}

fn as_text<S: serde::Serializer>(url: &Url, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(url.as_str())
}

impl Subscription {
    /// As the API has it; a new one tells its time to the nanosecond.
    fn told(&self, world: &World, is_new: bool) -> Value {
        let made = written(self.created_at);
        let made = match is_new {
            true => made.replace('Z', ".854786016Z"),
            false => made,
        };
        json!({
            "id": self.id,
            "resource_state": 2,
            "application_id": world.app.client_id,
            "callback_url": self.callback.as_str(),
            "created_at": made,
            "updated_at": made,
        })
    }
}

/// `GET /push_subscriptions`.
pub(crate) async fn list(
    State(strava): State<Arc<Strava>>,
    uri: Uri,
) -> Result<Json<Value>, Problem> {
    let world = strava.world();
    client(&world, &parameters(&uri, &[]))?;
    let told = world.subscription.iter().map(|one| one.told(&world, false));
    Ok(Json(told.collect()))
}

/// `POST /push_subscriptions`: asks the callback before it answers.
pub(crate) async fn create(
    State(strava): State<Arc<Strava>>,
    uri: Uri,
    form: Bytes,
) -> Result<(StatusCode, Json<Value>), Problem> {
    let parameters = parameters(&uri, &form);
    let problem = |field: &str, code: &str| Problem::bad("PushSubscription", field, code);
    let exists = || problem("", "already exists");
    let challenge = {
        let world = &mut *strava.world();
        client(world, &parameters)?;
        if world.subscription.is_some() {
            return Err(exists());
        }
        world.random.token()[..16].to_owned()
    };
    let callback = parameters.get("callback_url");
    let callback = callback.ok_or_else(|| problem("callback url", "required"))?;
    let callback = Url::parse(callback)
        .ok()
        .filter(|_| callback.len() <= LONGEST_CALLBACK)
        .ok_or_else(|| problem("callback url", "invalid"))?;
    let verify = parameters.get("verify_token").map_or("", String::as_str);
    let asked = strava
        .client
        .get(callback.clone())
        .query(&[
            ("hub.mode", "subscribe"),
            ("hub.challenge", challenge.as_str()),
            ("hub.verify_token", verify),
        ])
        .send()
        .await;
    let answered = asked.ok().filter(|answer| answer.status() == 200);
    let answered = answered
        .ok_or_else(|| problem("callback url", "GET to callback URL does not return 200"))?;
    let is_json = answered
        .headers()
        .get("content-type")
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json"));
    let echo: Option<Value> = answered.json().await.ok();
    let echoed = echo.is_some_and(|echo| echo["hub.challenge"] == challenge);
    if !is_json || !echoed {
        return Err(problem("callback url", "not verifiable"));
    }
    let world = &mut *strava.world();
    if world.subscription.is_some() {
        return Err(exists());
    }
    let made = Subscription {
        id: world.subscription_id(),
        callback,
        created_at: strava.time.server_s(),
    };
    let told = made.told(world, true);
    world.subscription = Some(made);
    Ok((StatusCode::CREATED, Json(told)))
}

/// `DELETE /push_subscriptions/{id}`.
pub(crate) async fn delete(
    State(strava): State<Arc<Strava>>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<StatusCode, Problem> {
    let world = &mut *strava.world();
    client(world, &parameters(&uri, &[]))?;
    let found = world.subscription.as_ref();
    if found.is_none_or(|one| one.id.to_string() != id) {
        return Err(Problem::not_found("PushSubscription"));
    }
    world.subscription = None;
    Ok(StatusCode::NO_CONTENT)
}
