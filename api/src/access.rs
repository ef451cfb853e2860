//! Who may call a handler: an argument of it.
//!
//! Until accounts exist, requests act as the one athlete; [`serve`](mod@crate::serve)
//! listens on loopback only, and [`crate::origin`] keeps web pages out.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use storage::AthleteId;

use crate::problem::Problem;
use crate::state::State;

/// The athlete whose rows the handler may read.
#[derive(Clone, Copy, Debug)]
pub struct Athlete {
    /// Who it is.
    pub id: AthleteId,
    /// Rises with every change of their activities.
    pub revision: i64,
    /// Rises with every computation of their ranks and statistics.
    pub reconciliations: i64,
    /// Rises when history is rewritten by a purge of anyone's.
    pub purge_epoch: i64,
}

impl FromRequestParts<State> for Athlete {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        if let Some(athlete) = parts.extensions.get::<Self>() {
            return Ok(*athlete);
        }
        let catalog = &state.storage.catalog;
        let found = match state.athlete_id {
            None => catalog.first_athlete().await?,
            Some(id) => {
                let found = catalog.athlete(id).await?;
                found.ok_or_else(|| Problem::not_found(&format!("athlete {id}")))?
            }
        };
        let athlete = Self {
            id: found.athlete_id,
            revision: found.revision,
            reconciliations: found.reconciliations,
            purge_epoch: found.purge_epoch,
        };
        parts.extensions.insert(athlete);
        Ok(athlete)
    }
}

/// Everyone may call the handler: it tells nothing of any athlete.
#[derive(Clone, Copy, Debug)]
pub struct Public;

impl FromRequestParts<State> for Public {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &State) -> Result<Self, Infallible> {
        Ok(Self)
    }
}
