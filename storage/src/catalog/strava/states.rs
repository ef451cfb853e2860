//! Sign-ins at Strava that are under way: each `state` once, by one browser.

use crate::catalog::Catalog;
use crate::error::Error;
use crate::id::AthleteId;

/// A sign-in that begins.
#[derive(Clone, Debug)]
pub struct NewAuthState {
    /// SHA-256 of the `state` that Strava is given.
    pub state_hash: String,
    /// SHA-256 of what the browser was given in a cookie.
    pub browser_hash: String,
    /// Who connects.
    pub athlete_id: AthleteId,
    /// What was asked for, separated by commas.
    pub scopes: String,
    /// The page to go to afterwards.
    pub back: String,
    /// When it is too late, microseconds since 1970.
    pub expires_at_us: i64,
}

/// What became of a `state` that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthState {
    /// It is good, and used from now on.
    Good {
        /// Who connects.
        athlete_id: AthleteId,
        /// What was asked for.
        scopes: String,
        /// The page to go to afterwards.
        back: String,
    },
    /// Nobody was given it, or its time was long over.
    Unknown,
    /// It was used before.
    Used,
    /// Its time is over.
    Stale,
    /// Another browser was given it.
    OtherBrowser,
}

/// How long states are remembered that are over, so that "too late" can be told
/// from "never".
const KEPT_US: i64 = 24 * 3_600 * 1_000_000;

impl Catalog {
    /// Remembers a sign-in that begins, and forgets old ones.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn begin_strava_auth(&self, new: &NewAuthState, now_us: i64) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "delete from strava_states where expires_at_us < $1",
            &[(now_us - KEPT_US).into()],
        )
        .await?;
        tx.execute(
            "insert into strava_states (state_hash, browser_hash, athlete_id, scopes, back, \
             expires_at_us) values ($1, $2, $3, $4, $5, $6)",
            &[
                new.state_hash.as_str().into(),
                new.browser_hash.as_str().into(),
                new.athlete_id.into(),
                new.scopes.as_str().into(),
                new.back.as_str().into(),
                new.expires_at_us.into(),
            ],
        )
        .await?;
        tx.commit().await
    }

    /// Uses a `state` that came back: of two who bring it, one has it.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn use_strava_state(
        &self,
        state_hash: &str,
        browser_hash: Option<&str>,
        now_us: i64,
    ) -> Result<AuthState, Error> {
        let mut tx = self.db.begin().await?;
        let used = tx
            .execute(
                "update strava_states set used_at_us = $2 \
                 where state_hash = $1 and used_at_us is null and expires_at_us >= $2 \
                 and browser_hash = $3",
                &[
                    state_hash.into(),
                    now_us.into(),
                    browser_hash.unwrap_or_default().into(),
                ],
            )
            .await?;
        let rows = tx
            .fetch(
                "select athlete_id, scopes, back, used_at_us, expires_at_us \
                 from strava_states where state_hash = $1",
                &[state_hash.into()],
            )
            .await?;
        tx.commit().await?;
        let Some(row) = rows.first() else {
            return Ok(AuthState::Unknown);
        };
        if used == 1 {
            return Ok(AuthState::Good {
                athlete_id: AthleteId(row.int(0)?),
                scopes: row.text(1)?.to_owned(),
                back: row.text(2)?.to_owned(),
            });
        }
        if row.opt_int(3)?.is_some() {
            return Ok(AuthState::Used);
        }
        match row.int(4)? < now_us {
            true => Ok(AuthState::Stale),
            false => Ok(AuthState::OtherBrowser),
        }
    }
}
