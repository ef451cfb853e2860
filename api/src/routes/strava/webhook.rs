//! What Strava announces. Nothing is signed: the path ends in a secret.

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Request, State as Shared};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use jobs::strava::events::{Received, Unwanted};
use jobs::strava::subscription::WEBHOOK;
use serde::{Deserialize, Serialize};
use storage::Code;
use storage::metric::EVENTS;
use utoipa::{IntoParams, ToSchema};

use crate::access::Public;
use crate::answer::{self, Answer};
use crate::log::RequestId;
use crate::parameters::{InPath, NoParameters, Parameters};
use crate::problem::{AnyProblem, Problem};
use crate::state::State;

/// What Strava asks when a subscription begins.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ValidationQuery {
    /// `subscribe`.
    #[serde(rename = "hub.mode")]
    pub mode: Option<String>,
    /// What is to be repeated.
    #[serde(rename = "hub.challenge")]
    pub challenge: Option<String>,
    /// What this server told Strava.
    #[serde(rename = "hub.verify_token")]
    pub verify_token: Option<String>,
}

/// What is repeated.
#[derive(Debug, Serialize, ToSchema)]
pub struct Validation {
    /// As it was asked.
    #[serde(rename = "hub.challenge")]
    pub challenge: String,
}

/// The longest challenge that is repeated.
const MAX_CHALLENGE: usize = 256;

/// Tells Strava that events may be sent here.
#[utoipa::path(get, path = "/api/strava/webhook/{secret}", tag = "strava",
    params(("secret" = String, Path, description = "The secret part of the callback."),
        ValidationQuery),
    responses((status = 200, description = "They may.", body = Validation), AnyProblem))]
pub async fn validate(
    _: Public,
    secret: Result<InPath<String>, Problem>,
    Parameters(query): Parameters<ValidationQuery>,
    Shared(state): Shared<State>,
) -> Result<Answer<Validation>, Problem> {
    let strava = state.strava()?;
    let is_ours = strava.mailbox.is_ours(&told(secret)).await?;
    let verified = strava
        .service
        .is_verified(query.verify_token.as_deref().unwrap_or_default())
        .await?;
    let challenge = query.challenge.filter(|text| text.len() <= MAX_CHALLENGE);
    let is_subscribe = query.mode.as_deref() == Some("subscribe");
    match challenge {
        Some(challenge) if is_ours && verified && is_subscribe => {
            Ok(Answer::json(answer::value(&Validation { challenge })?))
        }
        _ => Err(nothing_here()),
    }
}

/// Takes an event; it is on disk when this is answered.
#[utoipa::path(post, path = "/api/strava/webhook/{secret}", tag = "strava",
    params(("secret" = String, Path, description = "The secret part of the callback.")),
    request_body(content = String, description = "The event.", content_type = "application/json"),
    responses((status = 200, description = "It is kept."), AnyProblem))]
pub async fn receive(
    _: Public,
    RequestId(request_id): RequestId,
    secret: Result<InPath<String>, Problem>,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Problem> {
    let strava = state.strava()?;
    if !strava.mailbox.is_ours(&told(secret)).await? {
        metrics::counter!(EVENTS.name, "outcome" => "wrong_path").increment(1);
        return Err(nothing_here());
    }
    let body = body.map_err(|error| Problem::unreadable_body(&error))?;
    match strava.mailbox.receive(&body, &request_id).await? {
        Received::Kept => Ok(StatusCode::OK.into_response()),
        Received::Refused(unwanted) => Err(refused(unwanted)),
    }
}

/// The end of a path; where it is no text, nothing, which is no secret either:
/// whoever guesses learns no more from it.
fn told(secret: Result<InPath<String>, Problem>) -> String {
    secret.map_or_else(|_| String::new(), |InPath(text)| text)
}

/// Counts events whose bodies are beyond what any request may send: those do not
/// come as far as [`receive`].
pub async fn count_oversized(request: Request, next: Next) -> Response {
    let is_event = request.method() == Method::POST && request.uri().path().starts_with(WEBHOOK);
    let answer = next.run(request).await;
    if is_event && answer.status() == StatusCode::PAYLOAD_TOO_LARGE {
        metrics::counter!(EVENTS.name, "outcome" => Unwanted::Oversized.name()).increment(1);
    }
    answer
}

fn refused(unwanted: Unwanted) -> Problem {
    let message = match unwanted {
        Unwanted::Oversized => "this is longer than any event",
        Unwanted::Unreadable => "this is no event",
        Unwanted::OtherSubscription => "the event is of another subscription",
        Unwanted::UnknownAthlete => "the event is about nobody who is connected",
    };
    let code = match unwanted {
        Unwanted::Oversized | Unwanted::Unreadable => Code::InvalidArgument,
        Unwanted::OtherSubscription | Unwanted::UnknownAthlete => Code::NotFound,
    };
    Problem::new(code, message, "send what the subscription is for")
}

/// The answer to a path whose secret is none, as to any that is no route.
fn nothing_here() -> Problem {
    let message = "there is nothing here";
    Problem::new(
        Code::NotFound,
        message,
        "the routes are listed at /api/docs",
    )
}
