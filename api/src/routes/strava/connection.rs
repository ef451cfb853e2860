//! How a connection to Strava is, and its end.

use axum::extract::State as Shared;
use axum::http::HeaderValue;
use axum::http::header::CACHE_CONTROL;
use serde::Deserialize;
use tracing::Instrument;
use utoipa::IntoParams;

use crate::access::{Athlete, Owner};
use crate::answer::{self, Answer};
use crate::parameters::{NoParameters, Parameters};
use crate::problem::{AnyProblem, Problem};
use crate::schema::strava::{Disconnected, Status};
use crate::state::State;

/// How the connection is, how far the history, and how much of the limits is
/// used.
#[utoipa::path(get, path = "/api/strava/status", tag = "strava",
    responses((status = 200, description = "How it is.", body = Status), AnyProblem))]
pub async fn get_status(
    athlete: Athlete,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Answer<Status>, Problem> {
    let status = state.strava()?.service.status(athlete.id).await?;
    Ok(unkept(answer::value(&status)?))
}

/// What goes with a connection.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct DisconnectQuery {
    /// Whether what Strava's API brought goes too, also where it may be kept.
    #[serde(default)]
    pub purge: bool,
}

/// Ends the connection: Strava revokes the tokens, ours are deleted, and of
/// what its API brought stays what may stay. The answer is the receipt.
#[utoipa::path(delete, path = "/api/strava/disconnect", tag = "strava", params(DisconnectQuery),
    responses((status = 200, description = "What was done.", body = Disconnected), AnyProblem))]
pub async fn disconnect(
    Owner(owner): Owner,
    Parameters(query): Parameters<DisconnectQuery>,
    Shared(state): Shared<State>,
) -> Result<Answer<Disconnected>, Problem> {
    let service = state.strava()?.service.clone();
    // Who hangs up does not stop it half-way.
    let ending = async move {
        let cause = "disconnected by the athlete";
        service.disconnect(owner.id, cause, query.purge).await
    };
    let ended = tokio::spawn(ending.in_current_span());
    let ended = ended
        .await
        .map_err(|error| Problem::fault(error.to_string()))?;
    Ok(unkept(answer::value(&ended?)?))
}

/// An answer that nobody keeps: it changes by itself.
pub(super) fn unkept<T>(body: Vec<u8>) -> Answer<T> {
    Answer::json(body).with(CACHE_CONTROL, HeaderValue::from_static("no-store"))
}
