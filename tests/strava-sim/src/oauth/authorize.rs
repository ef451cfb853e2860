//! The page where an athlete says yes or no, for people and for tests.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Form;
use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use url::{Url, form_urlencoded};

use crate::access::{client_id, parameters};
use crate::grants::{SCOPES, Scopes};
use crate::problem::{ATHLETE_LIMIT_PAGE, Problem};
use crate::strava::Strava;
use crate::switches::AthleteLimit;
use crate::world::World;

/// Hosts that every app may be called back at.
const ALWAYS_ALLOWED: &[&str] = &["localhost", "127.0.0.1"];

/// What an app asks for.
struct Asked {
    redirect: Url,
    state: String,
    scopes: Scopes,
}

impl Asked {
    /// Checks what an app asks for.
    fn of(world: &World, parameters: &HashMap<String, String>) -> Result<Self, Problem> {
        client_id(world, parameters)?;
        let wrong_redirect = || Problem::bad("Application", "redirect_uri", "invalid");
        let redirect = parameters.get("redirect_uri").ok_or_else(wrong_redirect)?;
        let redirect = Url::parse(redirect).map_err(|_| wrong_redirect())?;
        let host = redirect.host_str().unwrap_or("");
        let domain = &world.callback_domain;
        let within = host == domain || host.ends_with(&format!(".{domain}"));
        if !within && !ALWAYS_ALLOWED.contains(&host) {
            return Err(wrong_redirect());
        }
        if parameters.get("response_type").map(String::as_str) != Some("code") {
            return Err(Problem::bad("Authorize", "response_type", "invalid"));
        }
        let asked = parameters.get("scope").map_or("", String::as_str);
        let scopes: Scopes = asked.split(',').map(str::to_owned).collect();
        if !scopes.iter().all(|scope| SCOPES.contains(&scope.as_str())) {
            return Err(Problem::bad("Authorize", "scope", "invalid"));
        }
        Ok(Self {
            redirect,
            state: parameters.get("state").cloned().unwrap_or_default(),
            scopes,
        })
    }
}

/// `GET /oauth/authorize`: the page, or at once the answer of the athlete that
/// `_auto` or a switch names.
pub(crate) async fn show(State(strava): State<Arc<Strava>>, uri: Uri) -> Response {
    let parameters = parameters(&uri, &[]);
    let world = &mut *strava.world();
    let asked = match Asked::of(world, &parameters) {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    let named = parameters.get("_auto").and_then(|id| id.parse().ok());
    let athlete = named.or(world.switches.auto_authorize);
    match athlete {
        Some(athlete) if !world.athletes.contains_key(&athlete) => {
            Problem::not_found("Athlete").into_response()
        }
        Some(athlete) => {
            let granted = asked.scopes.clone();
            decide(world, asked, athlete, Some(granted), strava.time.server_s())
        }
        None => Html(page(world, &asked, &parameters)).into_response(),
    }
}

/// `POST /oauth/authorize`: the page's form.
pub(crate) async fn answer(
    State(strava): State<Arc<Strava>>,
    Form(pairs): Form<Vec<(String, String)>>,
) -> Response {
    let ticked: Scopes = pairs
        .iter()
        .filter(|(key, _)| key == "ticked")
        .map(|(_, scope)| scope.clone())
        .collect();
    let parameters: HashMap<String, String> = pairs.into_iter().collect();
    let world = &mut *strava.world();
    let asked = match Asked::of(world, &parameters) {
        Ok(asked) => asked,
        Err(problem) => return problem.into_response(),
    };
    let athlete = parameters.get("athlete").and_then(|id| id.parse().ok());
    let athlete = athlete.filter(|id| world.athletes.contains_key(id));
    let Some(athlete) = athlete else {
        return Problem::not_found("Athlete").into_response();
    };
    let agreed = parameters.get("answer").map(String::as_str) == Some("authorize");
    let granted = agreed.then(|| asked.scopes.intersection(&ticked).cloned().collect());
    decide(world, asked, athlete, granted, strava.time.server_s())
}

/// The way back to the app, with a code, or without where nothing was granted.
fn decide(
    world: &mut World,
    asked: Asked,
    athlete: i64,
    granted: Option<Scopes>,
    now_s: i64,
) -> Response {
    let once = std::mem::take(&mut world.switches.next_authorization);
    let granted = granted.filter(|_| !once.deny);
    let Some(mut scopes) = granted else {
        return back(&asked, "&error=access_denied");
    };
    let is_new = world.grants.scopes(athlete).is_none();
    if is_new && world.switches.athlete_limit == AthleteLimit::Page {
        return (StatusCode::FORBIDDEN, Html(ATHLETE_LIMIT_PAGE)).into_response();
    }
    scopes.retain(|scope| !once.untick.contains(scope));
    // What is public cannot be taken out.
    scopes.insert("read".to_owned());
    let told: Vec<&str> = SCOPES
        .iter()
        .copied()
        .filter(|scope| scopes.contains(*scope))
        .collect();
    let told = told.join(",");
    let code = world
        .grants
        .code(&mut world.random, athlete, scopes, once.too_early, now_s);
    back(&asked, &format!("&code={code}&scope={told}"))
}

/// A redirect. `state` is there even where it is empty; commas and colons of the
/// scopes stay as they are.
fn back(asked: &Asked, rest: &str) -> Response {
    let state: String = form_urlencoded::byte_serialize(asked.state.as_bytes()).collect();
    let joint = if asked.redirect.query().is_some() {
        '&'
    } else {
        '?'
    };
    let location = format!("{}{joint}state={state}{rest}", asked.redirect);
    (StatusCode::FOUND, [(LOCATION, location)]).into_response()
}

fn page(world: &World, asked: &Asked, parameters: &HashMap<String, String>) -> String {
    let hidden: String = [
        "client_id",
        "redirect_uri",
        "response_type",
        "scope",
        "state",
    ]
    .iter()
    .filter_map(|name| Some((name, parameters.get(*name)?)))
    .map(|(name, value)| {
        format!(
            "<input type=\"hidden\" name=\"{name}\" value=\"{}\">\n",
            escaped(value)
        )
    })
    .collect();
    let athletes: String = world
        .athletes
        .values()
        .map(|one| {
            format!(
                "<option value=\"{}\">{}</option>\n",
                one.id,
                escaped(&one.name())
            )
        })
        .collect();
    let boxes: String = asked
        .scopes
        .iter()
        .map(|scope| {
            format!(
                "<p><label><input type=\"checkbox\" name=\"ticked\" value=\"{scope}\" checked> \
                 {scope}</label></p>\n"
            )
        })
        .collect();
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <title>Simulated Strava</title></head>\n<body>\n<h1>Simulated Strava</h1>\n\
         <p>An app wants to see an athlete's activities. Everybody here is made up.</p>\n\
         <form method=\"post\" action=\"/oauth/authorize\">\n{hidden}\
         <p><label>Athlete <select name=\"athlete\">\n{athletes}</select></label></p>\n{boxes}\
         <p><button name=\"answer\" value=\"authorize\">Authorize</button>\n\
         <button name=\"answer\" value=\"deny\">Deny</button></p>\n</form>\n</body></html>\n"
    )
}

/// Text for an attribute or between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
