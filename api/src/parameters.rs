//! What handlers are asked: path and query parameters, checked at the door.
//!
//! A parameter that is unknown, doubled, malformed or out of bounds is
//! answered with 400; nothing is silently changed.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use jiff::civil::Date;
use query::downsample::Resolution;
use query::read::Cursor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use storage::{AccountId, ActivityId};
use utoipa::IntoParams;
use uuid::Uuid;

use crate::problem::Problem;

/// The most rows that one page may have.
pub const MAX_LIMIT: usize = 500;

/// Query parameters of a type that denies unknown ones.
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Query::<T>::try_from_uri(&parts.uri)
            .map(|Query(parameters)| Self(parameters))
            .map_err(|error| {
                let cause = std::error::Error::source(&error);
                Problem::argument(cause.map_or_else(|| error.to_string(), ToString::to_string))
            })
    }
}

/// The parameters of a route that has none.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NoParameters {}

/// A body of JSON: the last argument of a handler.
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        // Forms of other pages cannot send this type without being asked first.
        let kind = request.headers().get(CONTENT_TYPE);
        let is_json = kind
            .and_then(|kind| kind.to_str().ok())
            .is_some_and(|kind| {
                let kind = kind.split(';').next().unwrap_or_default();
                kind.trim().eq_ignore_ascii_case("application/json")
            });
        if !is_json {
            return Err(Problem::argument(
                "the body's content-type is application/json",
            ));
        }
        let body = Bytes::from_request(request, state).await;
        let body = body.map_err(|error| Problem::unreadable_body(&error))?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            Problem::argument(format!("the body is not what is asked for: {error}"))
        })
    }
}

/// The one thing that a path names.
pub struct InPath<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for InPath<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(named) = Path::<T>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::argument(error.body_text()))?;
        Ok(Self(named))
    }
}

/// The activity that a path names.
#[derive(Clone, Copy, Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ActivityPath {
    /// The activity's id.
    #[param(value_type = i64)]
    pub activity_id: ActivityId,
}

impl<S: Send + Sync> FromRequestParts<S> for ActivityPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let InPath(text) = InPath::<String>::from_request_parts(parts, state).await?;
        let activity_id = activity_of(&text).map_err(Problem::argument)?;
        Ok(Self { activity_id })
    }
}

/// The account that a path names.
#[derive(Clone, Copy, Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct AccountPath {
    /// The account's id.
    #[param(value_type = i64)]
    pub account_id: AccountId,
}

impl<S: Send + Sync> FromRequestParts<S> for AccountPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let InPath(account_id) = InPath::<i64>::from_request_parts(parts, state).await?;
        Ok(Self {
            account_id: AccountId(account_id),
        })
    }
}

/// The token that a path names.
#[derive(Clone, Copy, Debug, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct TokenPath {
    /// The token's id.
    #[param(value_type = String)]
    pub token_id: Uuid,
}

impl<S: Send + Sync> FromRequestParts<S> for TokenPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let InPath(text) = InPath::<String>::from_request_parts(parts, state).await?;
        // Whoever writes the token itself there is not told it again.
        let token_id = Uuid::parse_str(&text).map_err(|_| {
            Problem::argument("a token's id is a UUID, as GET /api/tokens lists it")
        })?;
        Ok(Self { token_id })
    }
}

/// Reads an optional UUID.
pub fn optional_uuid<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Uuid>, D::Error> {
    let text = String::deserialize(input)?;
    let uuid = Uuid::parse_str(&text);
    uuid.map(Some).map_err(serde::de::Error::custom)
}

/// Reads an activity's id; what is none is told.
fn activity_of(text: &str) -> Result<ActivityId, String> {
    // Digits only: `+7` and ` 7` would be other names of the same thing.
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse::<i64>() {
        Ok(id) if digits => Ok(ActivityId(id)),
        Ok(_) | Err(_) => Err(format!("{text:?} is no activity's id, which is a number")),
    }
}

/// Reads an optional activity's id.
pub fn optional_activity<'de, D: Deserializer<'de>>(
    input: D,
) -> Result<Option<ActivityId>, D::Error> {
    let text = String::deserialize(input)?;
    activity_of(&text)
        .map(Some)
        .map_err(serde::de::Error::custom)
}

/// The default of `limit` where a page does not say otherwise.
pub fn page_limit() -> usize {
    50
}

/// Checks `limit` against its bounds.
///
/// # Errors
/// A 400 that names them.
pub fn bounded(limit: usize, maximum: usize) -> Result<usize, Problem> {
    if (1..=maximum).contains(&limit) {
        return Ok(limit);
    }
    Err(Problem::argument(format!(
        "limit is from 1 to {maximum}, not {limit}"
    )))
}

/// Reads an optional day, `YYYY-MM-DD`.
pub fn optional_day<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Date>, D::Error> {
    let text = String::deserialize(input)?;
    let wrong = || serde::de::Error::custom(format!("{text:?} is no day, which is YYYY-MM-DD"));
    // jiff also takes times and week dates; a day has one form here.
    let plain = text.len() == 10
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'-');
    match text.parse() {
        Ok(date) if plain => Ok(Some(date)),
        _ => Err(wrong()),
    }
}

/// Reads an optional cursor.
pub fn optional_cursor<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Cursor>, D::Error> {
    let text = String::deserialize(input)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// Reads a resolution.
pub fn resolution<'de, D: Deserializer<'de>>(input: D) -> Result<Resolution, D::Error> {
    let text = String::deserialize(input)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// Reads an optional finite number.
pub fn optional_number<'de, D: Deserializer<'de>>(input: D) -> Result<Option<f64>, D::Error> {
    let text = String::deserialize(input)?;
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => Ok(Some(number)),
        _ => Err(serde::de::Error::custom(format!("{text:?} is no number"))),
    }
}
