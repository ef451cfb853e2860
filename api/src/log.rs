//! What happens around every request: an id, a time limit, the body of a
//! problem, one line in the log.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::header::{
    CONTENT_SECURITY_POLICY, HeaderName, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use storage::Code;
use storage::metric::HTTP_SECONDS;
use tracing::Instrument;
use uuid::Uuid;

use crate::limits::ServerLimits;
use crate::problem::Problem;
use crate::state::State as AppState;

/// The header of a request's id.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request at hand, for what it sets off.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

impl FromRequestParts<AppState> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Infallible> {
        // Every request has one; a test may call a handler without.
        let given = parts.extensions.get::<Self>().cloned();
        Ok(given.unwrap_or_else(|| Self(Uuid::now_v7().to_string())))
    }
}

/// The most bytes of a request's target.
const MAX_TARGET: usize = 8 << 10;

/// Nothing from elsewhere, no scripts, no frames, and forms to us alone. Browsers
/// also stop a form whose answer redirects elsewhere, at whatever step: a page
/// leads on instead.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'",
);

/// Other sites are told nothing. Ours is: where nobody is, browsers send forms
/// with the origin `null`, which could be anybody's.
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");

/// Gives every request an id (the caller's own, if it is plain), bounds its
/// length and its time, and writes what [`Problem`]s left to say.
pub async fn request(
    State(limits): State<Arc<ServerLimits>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = given_id(&request).unwrap_or_else(|| Uuid::now_v7().to_string());
    request.extensions_mut().insert(RequestId(id.clone()));
    let method = request.method().clone();
    let matched = request.extensions().get::<MatchedPath>();
    let route = matched.map_or("none", MatchedPath::as_str).to_owned();
    let path = without_secret(request.uri().path());
    // Of the highest level, so that whatever is logged has the id.
    let span = tracing::error_span!("request", request_id = id);
    let target = request
        .uri()
        .path_and_query()
        .map_or(0, |target| target.as_str().len());
    let response = if target > MAX_TARGET {
        let message = format!("the request's target has {target} bytes, more than {MAX_TARGET}");
        Problem::new(Code::InputTooLarge, message, "ask a shorter question").into_response()
    } else {
        let patience = limits.answer_time;
        match tokio::time::timeout(patience, next.run(request).instrument(span.clone())).await {
            Ok(response) => response,
            Err(_) => Problem::new(
                Code::Timeout,
                format!("no answer was ready within {} s", patience.as_secs_f64()),
                "ask for less at a time",
            )
            .into_response(),
        }
    };
    let _entered = span.enter();
    let mut response = finish(response, &id);
    let headers = response.headers_mut();
    let value = HeaderValue::from_str(&id).expect("an id is made of plain characters");
    headers.insert(REQUEST_ID, value);
    headers.insert(CONTENT_SECURITY_POLICY, POLICY);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, SAME_ORIGIN);
    let (status, took) = (response.status().as_u16(), started.elapsed());
    tracing::info!(%method, path, status, ms = took.as_millis() as u64, "request");
    metrics::histogram!(
        HTTP_SECONDS.name,
        "method" => method_name(&method),
        "route" => route,
        "status" => status.to_string(),
    )
    .record(took.as_secs_f64());
    response
}

/// A path as the log may have it: what follows the webhook's is a secret, also
/// where somebody on the way wrote it otherwise.
fn without_secret(path: &str) -> String {
    match path.split_once("/strava/webhook") {
        Some((before, _)) => format!("{before}/strava/webhook/…"),
        None => path.to_owned(),
    }
}

/// The methods that routes have; there is no end to what a client may write.
fn method_name(method: &Method) -> &'static str {
    [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::DELETE,
        Method::OPTIONS,
    ]
    .iter()
    .position(|one| one == method)
    .map_or("other", |place| {
        ["GET", "HEAD", "POST", "DELETE", "OPTIONS"][place]
    })
}

/// The id that the caller gave, where it can stand in logs as it is.
fn given_id(request: &Request) -> Option<String> {
    let given = request.headers().get(REQUEST_ID)?.to_str().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let fits = (1..=64).contains(&given.len()) && given.chars().all(plain);
    fits.then(|| given.to_owned())
}

/// Writes the body of a problem, keeping the headers that it came with.
fn finish(response: Response, id: &str) -> Response {
    let problem = response.extensions().get::<Arc<Problem>>().cloned();
    let problem = match (problem, response.status()) {
        (Some(problem), _) => problem,
        // The limit on bodies answers by itself.
        (None, StatusCode::PAYLOAD_TOO_LARGE) => Arc::new(Problem::new(
            Code::InputTooLarge,
            "the request's body is too large",
            "send less",
        )),
        (None, _) => return response,
    };
    // A busy server is no fault of anything.
    if problem.code().row().http_status >= 500 && problem.code() != Code::TooBusy {
        tracing::error!(code = problem.code().name(), chain = ?problem.chain());
    }
    let mut answer = problem.answer(id);
    for (name, value) in response.headers() {
        if !answer.headers().contains_key(name) && name != axum::http::header::CONTENT_LENGTH {
            answer.headers_mut().insert(name.clone(), value.clone());
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_webhooks_secret_is_in_no_log() {
        for path in [
            "/api/strava/webhook/SECRET",
            "/api/strava/webhook/SECRET/",
            "/base/api/strava/webhook//SECRET",
        ] {
            assert!(!without_secret(path).contains("SECRET"), "{path}");
        }
        assert_eq!(without_secret("/api/activities"), "/api/activities");
    }
}
