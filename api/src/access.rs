//! Who may call a handler: its first argument.
//!
//! | argument | who | a token needs |
//! |---|---|---|
//! | [`Public`] | everyone; it tells nothing of any athlete | – |
//! | [`Caller`] | whoever signed in | `read`, or `write` to change something |
//! | [`Athlete`] | whoever acts for an athlete, whose rows it reads | `read` |
//! | [`Owner`] | who may change what is the athlete's: athletes and admins | `write` |
//! | [`Analyst`] | who may run statements and exports over those rows | `sql` |
//! | [`Admin`] | who runs the installation | `admin` |
//!
//! Until the first account exists nobody signs in: requests act as the one
//! athlete, and may do everything. [`serve`](mod@crate::serve) listens on loopback
//! only then, and [`crate::origin`] keeps web pages out.

mod caller;
pub(crate) mod cookie;
mod door;

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use storage::catalog::{Role, Scope};
use storage::{AthleteId, Code};

pub use caller::{CSRF_TOKEN, Caller, Means};
pub(crate) use caller::{csrf_token, unauthenticated};
pub use door::lead_to_sign_in;

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

impl Athlete {
    /// The athlete that a caller acts for. What else the handler is given of
    /// this request, such as a reader, is of the same.
    async fn of(caller: &Caller, parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        if let Some(athlete) = parts.extensions.get::<Self>() {
            return Ok(*athlete);
        }
        let catalog = &state.storage.catalog;
        let found = match (caller.athlete_id, &caller.means) {
            (Some(id), _) => {
                let found = catalog.athlete(id).await?;
                found.ok_or_else(|| Problem::not_found(&format!("athlete {id}")))?
            }
            (None, Means::Open) => catalog.first_athlete().await?,
            (None, Means::Session { .. } | Means::Token { .. }) => {
                return Err(Problem::new(
                    Code::Forbidden,
                    "this account acts for no athlete",
                    "sign in with an account that does",
                ));
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

impl FromRequestParts<State> for Athlete {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        // Whoever may do more was let in by the handler's first argument.
        if let Some(athlete) = parts.extensions.get::<Self>() {
            return Ok(*athlete);
        }
        let caller = Caller::of(parts, state).await?;
        caller.may(Scope::Read)?;
        Self::of(&caller, parts, state).await
    }
}

/// The athlete whose activities the handler may change.
#[derive(Clone, Copy, Debug)]
pub struct Owner(pub Athlete);

impl FromRequestParts<State> for Owner {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let caller = Caller::of(parts, state).await?;
        caller.may(Scope::Write)?;
        Ok(Self(Athlete::of(&caller, parts, state).await?))
    }
}

/// Whoever runs statements and exports, over the rows of one athlete.
#[derive(Clone, Copy, Debug)]
pub struct Analyst {
    /// Whose rows.
    pub athlete: Athlete,
    /// Whether tables that do not say whose their rows are are there, too.
    pub sees_nobodys: bool,
}

impl FromRequestParts<State> for Analyst {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let caller = Caller::of(parts, state).await?;
        caller.may(Scope::Sql)?;
        Ok(Self {
            athlete: Athlete::of(&caller, parts, state).await?,
            sees_nobodys: caller.role == Role::Admin && caller.scopes.has(Scope::Admin),
        })
    }
}

/// Whoever runs the installation.
#[derive(Clone, Debug)]
pub struct Admin(pub Caller);

impl FromRequestParts<State> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let caller = Caller::of(parts, state).await?;
        caller.may(Scope::Admin)?;
        Ok(Self(caller))
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
