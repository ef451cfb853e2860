//! What every request passes: the contract in force, rate limits, faults, the
//! headers of every answer, and the log.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use futures::stream;

use crate::access::token_of;
use crate::clock::http_date;
use crate::faults::FaultKind;
use crate::limits::{Beyond, Calls};
use crate::line::Cut;
use crate::problem::{Problem, html_error};
use crate::strava::Strava;
use crate::world::{self, World};

/// The base of the API today, and under the contract of 2027.
pub(crate) const API: &str = "/api/v3";
pub(crate) const API_2027: &str = "/api-v3";

/// How many pieces a slow body comes in.
const PIECES: usize = 10;

/// What a path belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// The tests' own.
    Control,
    /// Pages and tokens: never limited.
    OAuth,
    /// Revoking the old way: limited, and no read.
    Deauthorize,
    /// Webhook subscriptions: not limited, but with the headers of limits.
    Subscriptions,
    /// All else of the API.
    Api,
    /// Nothing that is in force.
    Nowhere,
}

impl Place {
    fn of(path: &str, contract_2027: bool) -> Self {
        let base = if contract_2027 { API_2027 } else { API };
        if path.starts_with("/_control") {
            return Self::Control;
        }
        if path == "/oauth/deauthorize" {
            return if contract_2027 {
                Self::Nowhere
            } else {
                Self::Deauthorize
            };
        }
        if path.starts_with("/oauth/") {
            return Self::OAuth;
        }
        match path.strip_prefix(base) {
            Some("/oauth/token") => Self::OAuth,
            Some(rest) if rest.starts_with("/push_subscriptions") => Self::Subscriptions,
            Some(rest) if rest.starts_with('/') => Self::Api,
            Some(_) | None => Self::Nowhere,
        }
    }

    /// Whether its answers carry the headers of limits.
    fn is_api(self) -> bool {
        matches!(self, Self::Deauthorize | Self::Subscriptions | Self::Api)
    }
}

/// Lets one request pass.
pub(crate) async fn pass(
    State(strava): State<Arc<Strava>>,
    ConnectInfo(cut): ConnectInfo<Cut>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let now_s = strava.time.server_s();
    let (place, refused, fault, seen) = {
        let world = &mut *strava.world();
        let place = Place::of(&path, world.switches.contract_2027);
        if place == Place::Control {
            (place, None, None, None)
        } else {
            let refused = refused(world, place, &method, now_s);
            let fault = match refused {
                Some(_) => None,
                None => world
                    .faults
                    .of_request(&mut world.random, method.as_str(), &path),
            };
            let token = token_of(request.headers(), request.uri(), &[], true);
            let caller = token.and_then(|token| world.grants.caller(&token, now_s));
            let number = world.requests.len();
            let used = world.meter.used(now_s);
            world.requests.push(world::Request {
                at: now_s,
                method: method.to_string(),
                path,
                athlete_id: caller.map(|caller| caller.athlete),
                status: None,
                fault: fault.map(|(kind, _)| kind.name().to_owned()),
                used,
            });
            (
                place,
                refused,
                fault,
                Some((number, used, world.meter.limits)),
            )
        }
    };
    let Some((number, used, limits)) = seen else {
        return next.run(request).await;
    };
    let answer = match (refused, fault) {
        (Some(problem), _) => problem.into_response(),
        (None, None) => next.run(request).await,
        (None, Some((kind, takes_effect))) => {
            let answer = match takes_effect || kind.spoils_body() {
                true => Some(next.run(request).await),
                false => None,
            };
            faulty(kind, answer, &cut).await
        }
    };
    let mut answer = answer;
    if !matches!(
        fault,
        Some((FaultKind::Reset | FaultKind::Timeout { .. }, _))
    ) {
        let status = answer.status().as_u16();
        if let Some(request) = strava.world().requests.get_mut(number) {
            request.status = Some(status);
        }
    }
    let headers = answer.headers_mut();
    put(headers, "date", &http_date(now_s));
    if place.is_api() {
        rates(headers, limits, used);
    }
    if headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json")
    {
        put(headers, "content-type", "application/json; charset=utf-8");
    }
    answer
}

/// Why a request goes no further, after it was counted.
fn refused(world: &mut World, place: Place, method: &Method, now_s: i64) -> Option<Problem> {
    let counted = match place {
        Place::Api => Some(method == Method::GET),
        Place::Deauthorize => Some(false),
        Place::Control | Place::OAuth | Place::Subscriptions | Place::Nowhere => None,
    };
    let spent = counted.map_or(Ok(()), |is_read| world.meter.spend(now_s, is_read));
    match spent {
        Err(Beyond::Overall) => Some(Problem::rate_limit("overall rate limit")),
        Err(Beyond::Read) => Some(Problem::rate_limit("read rate limit")),
        Ok(()) => match place {
            Place::Nowhere => Some(Problem::no_path()),
            Place::Api | Place::Subscriptions => world.switches.inactive.then(Problem::inactive),
            Place::Control | Place::OAuth | Place::Deauthorize => None,
        },
    }
}

fn rates(headers: &mut HeaderMap, limits: Calls, used: Calls) {
    let pairs = [
        ("x-ratelimit-limit", limits.quarter, limits.day),
        ("x-ratelimit-usage", used.quarter, used.day),
        (
            "x-readratelimit-limit",
            limits.read_quarter,
            limits.read_day,
        ),
        ("x-readratelimit-usage", used.read_quarter, used.read_day),
    ];
    for (name, quarter, day) in pairs {
        put(headers, name, &format!("{quarter},{day}"));
    }
}

fn put(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

impl FaultKind {
    /// As it is called in the log.
    fn name(self) -> &'static str {
        match self {
            Self::RateLimited => "rate_limited",
            Self::ServerError => "server_error",
            Self::BadGateway => "bad_gateway",
            Self::Unavailable => "unavailable",
            Self::NotFound => "not_found",
            Self::Timeout { .. } => "timeout",
            Self::Reset => "reset",
            Self::CutOff => "cut_off",
            Self::TruncatedJson => "truncated_json",
            Self::MalformedJson => "malformed_json",
            Self::SlowBody { .. } => "slow_body",
        }
    }

    /// Whether it needs an answer, to spoil its body.
    fn spoils_body(self) -> bool {
        matches!(
            self,
            Self::CutOff | Self::TruncatedJson | Self::MalformedJson | Self::SlowBody { .. }
        )
    }
}

/// The answer that a fault makes, of the right one where there is one.
async fn faulty(kind: FaultKind, answer: Option<Response>, cut: &Cut) -> Response {
    let page = |status: StatusCode| (status, Html(html_error(status))).into_response();
    match kind {
        FaultKind::RateLimited => Problem::rate_limit("overall rate limit").into_response(),
        FaultKind::ServerError => page(StatusCode::INTERNAL_SERVER_ERROR),
        FaultKind::BadGateway => page(StatusCode::BAD_GATEWAY),
        FaultKind::Unavailable => page(StatusCode::SERVICE_UNAVAILABLE),
        FaultKind::NotFound => StatusCode::NOT_FOUND.into_response(),
        FaultKind::Timeout { seconds } => {
            tokio::time::sleep(lasting(seconds)).await;
            cut.reset();
            StatusCode::GATEWAY_TIMEOUT.into_response()
        }
        FaultKind::Reset => {
            cut.reset();
            StatusCode::BAD_GATEWAY.into_response()
        }
        FaultKind::CutOff
        | FaultKind::TruncatedJson
        | FaultKind::MalformedJson
        | FaultKind::SlowBody { .. } => spoiled(kind, answer.unwrap_or_default()).await,
    }
}

fn lasting(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)
}

/// An answer with another body.
async fn spoiled(kind: FaultKind, answer: Response) -> Response {
    let (mut head, body) = answer.into_parts();
    // The bodies are our own and in memory.
    let whole = to_bytes(body, usize::MAX).await.unwrap_or_default();
    head.headers.remove(CONTENT_LENGTH);
    let body = match kind {
        FaultKind::CutOff => {
            head.headers.insert(CONTENT_LENGTH, whole.len().into());
            let half = whole.slice(..whole.len() / 2);
            Body::from_stream(stream::unfold(Some(half), |half| async move {
                match half {
                    Some(half) => Some((Ok(half), None)),
                    None => {
                        // What was written goes out while this waits.
                        tokio::task::yield_now().await;
                        Some((Err(io::Error::from(io::ErrorKind::ConnectionAborted)), None))
                    }
                }
            }))
        }
        FaultKind::TruncatedJson => Body::from(whole.slice(..whole.len() / 2)),
        FaultKind::MalformedJson => Body::from("{\"message\": undefined, <br>"),
        FaultKind::SlowBody { seconds } => slowly(whole, lasting(seconds)),
        FaultKind::RateLimited
        | FaultKind::ServerError
        | FaultKind::BadGateway
        | FaultKind::Unavailable
        | FaultKind::NotFound
        | FaultKind::Timeout { .. }
        | FaultKind::Reset => Body::from(whole),
    };
    Response::from_parts(head, body)
}

/// A body in pieces, over so much time.
fn slowly(whole: Bytes, lasts: Duration) -> Body {
    let piece = whole.len().div_ceil(PIECES).max(1);
    let wait = lasts / u32::try_from(PIECES).unwrap_or(1);
    Body::from_stream(stream::unfold(whole, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(wait).await;
        let next = rest.split_to(piece.min(rest.len()));
        Some((Ok::<_, io::Error>(next), rest))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_of_2027_moves_the_base_and_ends_deauthorize() {
        assert_eq!(Place::of("/api/v3/athlete", false), Place::Api);
        assert_eq!(Place::of("/api/v3/athlete", true), Place::Nowhere);
        assert_eq!(Place::of("/api-v3/athlete", true), Place::Api);
        assert_eq!(Place::of("/oauth/deauthorize", false), Place::Deauthorize);
        assert_eq!(Place::of("/oauth/deauthorize", true), Place::Nowhere);
        assert_eq!(Place::of("/oauth/revoke", true), Place::OAuth);
        assert_eq!(Place::of("/api/v3/oauth/token", false), Place::OAuth);
        assert_eq!(
            Place::of("/api/v3/push_subscriptions/7", false),
            Place::Subscriptions
        );
    }
}
