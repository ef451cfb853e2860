//! Signing in at Strava: there, and back.
//!
//! The browser keeps one half of what begins a sign-in in a cookie, Strava
//! brings the other half back; each is of no use alone.

use axum::extract::State as Shared;
use axum::http::header::{CACHE_CONTROL, COOKIE, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, Html, IntoResponse, Response};
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use jobs::strava::connect::{Connected, Refusal, Returned};
use jobs::strava::{Scope, Service};
use serde::Deserialize;
use storage::Failure;
use tracing::Instrument;
use utoipa::{IntoParams, ToSchema};

use crate::access::{self, Caller, Means, Owner, Public};
use crate::html::{Escaped, page};
use crate::log::RequestId;
use crate::parameters::{JsonBody, NoParameters, Parameters};
use crate::problem::{AnyProblem, Problem};
use crate::state::State;

/// The browser's half of a sign-in.
const NAME: &str = "pacelake_strava";
/// The only pages that it is sent to.
const COOKIE_PATH: &str = "/api/strava";
/// The longest path that one can be sent back to.
const MAX_BACK: usize = 512;

/// What is asked for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct AuthQuery {
    /// `all` (the default) also asks for activities that only their athlete sees, and for what lies
    /// in privacy zones; `visible` does not.
    pub activities: Option<String>,
    /// The path of this server to go to afterwards.
    pub back: Option<String>,
}

/// Sends the browser to Strava, to connect the athlete's account.
#[utoipa::path(get, path = "/api/strava/auth", tag = "strava", params(AuthQuery),
    responses((status = 303, description = "To Strava."), AnyProblem))]
pub async fn begin(
    Owner(owner): Owner,
    Parameters(query): Parameters<AuthQuery>,
    Shared(state): Shared<State>,
) -> Result<Response, Problem> {
    let service = &state.strava()?.service;
    let scopes: &[Scope] = match query.activities.as_deref() {
        None | Some("all") => &[Scope::ActivityReadAll],
        Some("visible") => &[Scope::ActivityRead],
        Some(other) => {
            let message = format!("activities is `all` or `visible`, not {other:?}");
            return Err(Problem::argument(message));
        }
    };
    let back = query.back.unwrap_or_else(|| "/".to_owned());
    if !is_own_path(&back) {
        return Err(Problem::argument(format!(
            "{back:?} is no path of this server"
        )));
    }
    let begun = match service.begin(owner.id, scopes, &back).await {
        Err(jobs::Error::StravaSignIn(refusal)) => return Ok(refused(&refusal)),
        begun => begun?,
    };
    let mut cookie = Cookie::new(NAME, begun.browser);
    cookie.set_path(COOKIE_PATH);
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Lax);
    cookie.set_secure(is_https(service));
    cookie.set_max_age(Duration::seconds(begun.lasts_s));
    Ok(([(SET_COOKIE, header(&cookie))], to(begun.url.as_str())?).into_response())
}

/// Where Strava sends the browser back to.
#[derive(Debug, Default, Deserialize, IntoParams, ToSchema)]
#[into_params(parameter_in = Query)]
pub struct CallbackQuery {
    /// As this server gave it.
    pub state: Option<String>,
    /// What tokens are had for.
    pub code: Option<String>,
    /// What was allowed, separated by commas.
    pub scope: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
}

/// Takes the browser back from Strava; the answer is a page that says what
/// comes next, or what to try.
#[utoipa::path(get, path = "/api/strava/callback", tag = "strava", params(CallbackQuery),
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"),
        AnyProblem))]
pub async fn come_back(
    _: Public,
    RequestId(request_id): RequestId,
    Parameters(query): Parameters<CallbackQuery>,
    headers: HeaderMap,
    Shared(state): Shared<State>,
) -> Result<Response, Problem> {
    finish(&state, query, &headers, request_id).await
}

/// The same for a page of this server that hands over what Strava sent it.
#[utoipa::path(post, path = "/api/strava/callback", tag = "strava",
    request_body = CallbackQuery,
    responses((status = 200, description = "The page.", body = String, content_type = "text/html"),
        AnyProblem))]
pub async fn hand_over(
    _: Public,
    RequestId(request_id): RequestId,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    Shared(state): Shared<State>,
    JsonBody(body): JsonBody<CallbackQuery>,
) -> Result<Response, Problem> {
    finish(&state, body, &headers, request_id).await
}

/// Signs this browser out: a sign-in at Strava that it began is forgotten, and
/// its session here ends. The connection stays, and what comes from Strava goes
/// on coming: `DELETE /api/strava/disconnect` ends that.
#[utoipa::path(post, path = "/api/strava/logout", tag = "strava",
    responses((status = 204, description = "It is signed out."), AnyProblem))]
pub async fn log_out(
    caller: Caller,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Response, Problem> {
    let mut cookies = AppendHeaders(vec![forgotten()]);
    if let (Means::Session { session, .. }, Some(account_id)) = (&caller.means, caller.account_id())
    {
        let now_us = jiff::Timestamp::now().as_microsecond();
        let catalog = &state.storage.catalog;
        let which = Some(session.session_id);
        catalog.end_sessions(account_id, which, now_us).await?;
        cookies
            .0
            .push((SET_COOKIE, access::cookie::clear(state.is_secure())));
    }
    Ok((StatusCode::NO_CONTENT, cookies).into_response())
}

async fn finish(
    state: &State,
    query: CallbackQuery,
    headers: &HeaderMap,
    request_id: String,
) -> Result<Response, Problem> {
    let service = &state.strava()?.service;
    let returned = Returned {
        state: query.state,
        code: query.code,
        scope: query.scope,
        error: query.error,
        browser: brought(headers),
        request_id: Some(request_id),
    };
    // Who hangs up does not stop it half-way: tokens that Strava gave would be lost.
    let service = service.clone();
    let completing = async move { service.complete(returned).await };
    let completed = tokio::spawn(completing.in_current_span()).await;
    let completed = completed.map_err(|error| Problem::fault(error.to_string()))?;
    let (status, html) = match completed {
        Ok(connected) => (StatusCode::OK, connected_page(&connected)),
        Err(jobs::Error::StravaSignIn(refusal)) => return Ok(refused(&refusal)),
        Err(error) => {
            let status = error.code().row().http_status;
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
            tracing::warn!(code = error.code().name(), %error, "a sign-in at Strava failed");
            (status, failed_page(&error.to_string(), error.try_next()))
        }
    };
    Ok(last_page(status, html))
}

fn refused(refusal: &Refusal) -> Response {
    tracing::info!(reason = %refusal, "a sign-in at Strava came to nothing");
    last_page(StatusCode::BAD_REQUEST, refused_page(refusal))
}

/// The page that a sign-in ends with; its cookie is of no more use.
fn last_page(status: StatusCode, html: String) -> Response {
    let fresh = (CACHE_CONTROL, HeaderValue::from_static("no-store"));
    (status, [fresh, forgotten()], Html(html)).into_response()
}

/// The browser's half, where it brings one and no other.
fn brought(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(COOKIE).iter();
    let mut found = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| Cookie::split_parse(line).filter_map(Result::ok))
        .filter(|cookie| cookie.name() == NAME);
    match (found.next(), found.next()) {
        (Some(cookie), None) => Some(cookie.value().to_owned()),
        _ => None,
    }
}

fn forgotten() -> (HeaderName, HeaderValue) {
    let mut cookie = Cookie::new(NAME, "");
    cookie.set_path(COOKIE_PATH);
    cookie.make_removal();
    (SET_COOKIE, header(&cookie))
}

fn header(cookie: &Cookie<'_>) -> HeaderValue {
    HeaderValue::from_str(&cookie.to_string()).expect("names, dates and hex digits are ASCII")
}

fn is_https(service: &Service) -> bool {
    service.config().public_url.scheme() == "https"
}

/// A path of this server, and no other: `//host` would be one.
fn is_own_path(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && c != '\\';
    path.starts_with('/')
        && !path.starts_with("//")
        && path.len() <= MAX_BACK
        && path.chars().all(plain)
}

fn to(url: &str) -> Result<Response, Problem> {
    let location = HeaderValue::from_str(url);
    let location = location.map_err(|error| Problem::fault(error.to_string()))?;
    let headers = [
        (LOCATION, location),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

fn connected_page(connected: &Connected) -> String {
    let private = match connected.sees_private {
        true => "",
        false => {
            "<p>Activities that only you can see stay at Strava, and what lies in your privacy \
             zones is cut off: you did not allow more. \
             <a href=\"/api/strava/auth\">Connect again</a> to change that.</p>\n"
        }
    };
    let main = format!(
        "<h1>Connected to Strava</h1>\n<p>Your history comes in now, newest first, and every new \
         activity appears by itself.</p>\n{private}<p><a href=\"{}\">Go on</a> · \
         <a href=\"/api/strava/status\">How far it is</a></p>\n",
        Escaped(&connected.back)
    );
    page("Connected to Strava", &main)
}

fn refused_page(refusal: &Refusal) -> String {
    failed_page(&refusal.to_string(), refusal.try_next())
}

fn failed_page(what: &str, try_next: &str) -> String {
    let main = format!(
        "<h1>Not connected to Strava</h1>\n<p>It came to nothing: {}.</p>\n<p>What to try: {}.</p>\n\
         <p><a href=\"/api/strava/auth\">Begin again</a></p>\n",
        Escaped(what),
        Escaped(try_next)
    );
    page("Not connected to Strava", &main)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_server() {
        for path in ["/", "/api/docs", "/a?b=c#d"] {
            assert!(is_own_path(path), "{path}");
        }
        for path in [
            "",
            "a",
            "//evil.example",
            "https://evil.example",
            "/\\evil",
            "/a b",
            "/\n",
        ] {
            assert!(!is_own_path(path), "{path:?}");
        }
    }

    #[test]
    fn what_strava_says_stands_in_a_page_as_text() {
        let page = refused_page(&Refusal::Ended("<script>".to_owned()));
        assert!(page.contains("&lt;script&gt;") && !page.contains("<script>"));
    }
}
