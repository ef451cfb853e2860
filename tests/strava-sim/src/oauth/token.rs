//! Tokens for codes and refresh tokens, and the two ways to end them.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::access::{client, is_basic, parameters, token_of};
use crate::events;
use crate::grants::Tokens;
use crate::problem::Problem;
use crate::strava::Strava;
use crate::switches::AthleteLimit;

/// `POST /oauth/token`: for a code, or for a refresh token.
pub(crate) async fn token(
    State(strava): State<Arc<Strava>>,
    uri: Uri,
    form: Bytes,
) -> Result<Json<Value>, Problem> {
    let parameters = parameters(&uri, &form);
    let text = |name: &str| parameters.get(name).map_or("", String::as_str);
    let now_s = strava.time.server_s();
    let world = &mut *strava.world();
    client(world, &parameters)?;
    match text("grant_type") {
        "authorization_code" => {
            if world.switches.inactive && world.switches.inactive_exchange {
                return Err(Problem::inactive());
            }
            if world.switches.athlete_limit == AthleteLimit::Exchange {
                return Err(Problem::athlete_limit());
            }
            let tokens = world
                .grants
                .exchange(&mut world.random, text("code"), now_s)?;
            let mut told = told(&tokens, now_s);
            if let Some(athlete) = world.athletes.get(&tokens.athlete) {
                told["athlete"] = Value::Object(athlete.summary());
            }
            Ok(Json(told))
        }
        "refresh_token" => {
            let rotates = world.switches.rotation;
            let refresh = text("refresh_token");
            let tokens = world
                .grants
                .refresh(&mut world.random, refresh, rotates, now_s)?;
            Ok(Json(told(&tokens, now_s)))
        }
        _ => Err(Problem::bad("Token", "grant_type", "invalid")),
    }
}

fn told(tokens: &Tokens, now_s: i64) -> Value {
    json!({
        "token_type": "Bearer",
        "access_token": tokens.access,
        "expires_at": tokens.expires_s,
        "expires_in": tokens.expires_s - now_s,
        "refresh_token": tokens.refresh,
    })
}

/// `POST /oauth/deauthorize`: ends all tokens of whoever holds this one.
pub(crate) async fn deauthorize(
    State(strava): State<Arc<Strava>>,
    uri: Uri,
    headers: HeaderMap,
    form: Bytes,
) -> Result<Json<Value>, Problem> {
    let now_s = strava.time.server_s();
    let token = token_of(&headers, &uri, &form, true).ok_or(Problem::dead_token())?;
    let event = {
        let world = &mut *strava.world();
        let caller = world.grants.caller(&token, now_s);
        let caller = caller.ok_or(Problem::dead_token())?;
        world.deauthorise(caller.athlete, now_s)
    };
    events::send(&strava, event.into_iter().collect());
    Ok(Json(json!({"access_token": token})))
}

/// `POST /oauth/revoke`: ends all tokens of an athlete, by one of either kind. A
/// token that nobody knows is no error (RFC 7009, section 2.2).
pub(crate) async fn revoke(
    State(strava): State<Arc<Strava>>,
    uri: Uri,
    headers: HeaderMap,
    form: Bytes,
) -> Result<Response, Problem> {
    let now_s = strava.time.server_s();
    let parameters = parameters(&uri, &form);
    let event = {
        let world = &mut *strava.world();
        if !is_basic(world, &headers) {
            return Err(Problem::wrong_client());
        }
        let token = parameters.get("token");
        let token = token.ok_or(Problem::bad("Token", "token", "required"))?;
        let athlete = world.grants.athlete_of(token);
        athlete.and_then(|athlete| world.deauthorise(athlete, now_s))
    };
    events::send(&strava, event.into_iter().collect());
    Ok(StatusCode::OK.into_response())
}
