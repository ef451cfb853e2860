//! Tokens: read, refreshed five minutes before they end, by one at a time.
//!
//! A refresh may give a new refresh token, and the old one is dead from then
//! on. So one worker of all processes asks, and what it gets is in the catalog
//! before anyone uses it.

use std::time::Duration;

use ::strava::{Error as StravaError, Secret, Tokens, Verdict};
use jiff::{SignedDuration, Timestamp};
use storage::AthleteId;
use storage::Code;
use storage::catalog::{
    AuditEntry, ConnectionStatus, Lease, Outcome, StravaConnection, StravaTokens,
};
use storage::metric::REFRESHES;
use uuid::Uuid;

use super::service::{Service, token_owner};
use super::trouble::{self, Halt, INACTIVE};
use super::upkeep::OF_ATHLETE;
use crate::error::Error;

/// How long before its end a token is refreshed.
pub const EARLY: SignedDuration = SignedDuration::from_mins(5);
/// How often it is looked whether another process has refreshed.
const LOOK: Duration = Duration::from_millis(200);
/// How long another process is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often new tokens are written before they are given up: they are the only
/// ones that still work.
const WRITES: u32 = 5;
/// The pause between those.
const WRITE_PAUSE: Duration = Duration::from_millis(500);
/// How long a refresh rests that failed for a passing reason.
const PASSING: SignedDuration = SignedDuration::from_mins(1);

/// A token that reads may be made with.
pub struct Access {
    /// The token.
    pub token: Secret,
    /// The connection that it is of.
    pub connection: StravaConnection,
}

/// Why tokens are refreshed.
#[derive(Clone, Copy)]
enum Why {
    Ending,
    Refused,
}

impl Why {
    fn sentence(self) -> &'static str {
        match self {
            Self::Ending => "the token ends within 5 minutes",
            Self::Refused => "Strava refused the token before its end",
        }
    }
}

impl Service {
    /// A token of the athlete that lasts at least five minutes, refreshed where
    /// it must be.
    ///
    /// # Errors
    /// [`Halt::NotConnected`], [`Halt::Degraded`], [`Halt::Resting`], and what a
    /// refresh met.
    pub async fn access(&self, athlete: AthleteId) -> Result<Access, Halt> {
        let connection = self.working(athlete).await?;
        let left_us = connection.tokens.expires_at_us - self.strava_now().as_microsecond();
        match left_us > EARLY.as_micros() as i64 {
            true => self.opened(connection),
            false => {
                self.refreshed(athlete, connection.version, Why::Ending)
                    .await
            }
        }
    }

    /// A token other than that of `version`, which Strava refused.
    ///
    /// # Errors
    /// As [`access`](Self::access).
    pub(crate) async fn another_access(
        &self,
        athlete: AthleteId,
        version: i64,
    ) -> Result<Access, Halt> {
        self.refreshed(athlete, version, Why::Refused).await
    }

    /// The athlete's connection, unless they must mend it.
    async fn working(&self, athlete: AthleteId) -> Result<StravaConnection, Halt> {
        let catalog = &self.context.storage.catalog;
        let connection = catalog.strava_connection(athlete).await?;
        let connection = connection.ok_or(Halt::NotConnected)?;
        match connection.needs_athlete() {
            false => Ok(connection),
            true => Err(Halt::Degraded {
                reason: connection.reason.unwrap_or_default(),
            }),
        }
    }

    fn opened(&self, connection: StravaConnection) -> Result<Access, Halt> {
        let owner = token_owner(connection.athlete_id, "access");
        let token = self.open(&owner, &connection.tokens.access);
        Ok(Access {
            token: token.map_err(Error::Seal)?,
            connection,
        })
    }

    /// The token after that of `version`: made by us, or by someone else
    /// meanwhile.
    async fn refreshed(&self, athlete: AthleteId, version: i64, why: Why) -> Result<Access, Halt> {
        let _turn = self.refreshing(athlete).await;
        let claim = self.claimed(athlete).await?;
        // Who had the turn before us may have refreshed since we looked.
        let connection = self.working(athlete).await?;
        let refreshed = match (connection.version == version, self.rest(&connection)) {
            (true, None) => self.refresh(&connection, why).await,
            (true, Some(rest)) => Err(rest),
            (false, _) => Ok(()),
        };
        claim.release().await?;
        refreshed?;
        self.opened(self.working(athlete).await?)
    }

    /// Whether a refresh failed a short time ago, so that it is not tried again
    /// by each job that waits for it.
    fn rest(&self, connection: &StravaConnection) -> Option<Halt> {
        if connection.status == ConnectionStatus::Connected {
            return None;
        }
        let failed = Timestamp::from_microsecond(connection.changed_at_us).ok()?;
        let rest = rest_after(connection.code.as_deref());
        let until = failed.checked_add(rest).ok()?;
        let reason = connection.reason.clone().unwrap_or_default();
        (self.now() < until).then_some(Halt::Resting { until, reason })
    }

    /// Whether Strava refuses even the refresh token of an athlete: then they
    /// withdrew access. What it gives otherwise is kept, since the token that it
    /// was asked for with may be dead by then.
    ///
    /// # Errors
    /// What the refresh met.
    pub(crate) async fn is_withdrawn(&self, athlete: AthleteId) -> Result<bool, Halt> {
        let _turn = self.refreshing(athlete).await;
        let claim = self.claimed(athlete).await?;
        let catalog = &self.context.storage.catalog;
        let refreshed = match catalog.strava_connection(athlete).await? {
            Some(connection) => self.refresh(&connection, Why::Refused).await,
            None => Err(Halt::NotConnected),
        };
        claim.release().await?;
        match refreshed {
            Ok(()) => Ok(false),
            Err(Halt::Degraded { .. }) => Ok(true),
            Err(halt) => Err(halt),
        }
    }

    /// The turn among all processes to refresh this athlete's tokens.
    ///
    /// # Errors
    /// [`Error::StravaTokensHeld`], and where the catalog fails.
    pub(crate) async fn claimed(&self, athlete: AthleteId) -> Result<Lease, Error> {
        let work = format!("strava tokens of athlete {athlete}");
        let begun = std::time::Instant::now();
        loop {
            if let Some(claim) = self.context.storage.lake.claim(&work).await? {
                return Ok(claim);
            }
            if begun.elapsed() > PATIENCE {
                return Err(Error::StravaTokensHeld(athlete));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn refresh(&self, connection: &StravaConnection, why: Why) -> Result<(), Halt> {
        let athlete = connection.athlete_id;
        let owner = token_owner(athlete, "refresh");
        let token = self.open(&owner, &connection.tokens.refresh);
        let token = token.map_err(Error::Seal)?;
        match self.client.refresh(&token).await {
            Ok(tokens) => {
                metrics::counter!(REFRESHES.name, "outcome" => "refreshed").increment(1);
                self.store(connection, &tokens, why).await
            }
            Err(error) => {
                metrics::counter!(REFRESHES.name, "outcome" => "failed").increment(1);
                self.refused(connection, error, why).await
            }
        }
    }

    /// Writes new tokens, before anyone uses them.
    async fn store(
        &self,
        connection: &StravaConnection,
        tokens: &Tokens,
        why: Why,
    ) -> Result<(), Halt> {
        let athlete = connection.athlete_id;
        let sealed = self.sealed(athlete, tokens)?;
        let entry = self.token_entry(athlete, Outcome::Updated, why.sentence().to_owned(), None);
        let catalog = &self.context.storage.catalog;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let written = catalog.refresh_strava(athlete, connection.version, &sealed, &entry);
            match written.await {
                Ok(true) if connection.status == ConnectionStatus::Connected => return Ok(()),
                Ok(true) => {
                    // It works again: what waited for it goes on.
                    let now_us = self.now_us();
                    catalog.wake_jobs(athlete, OF_ATHLETE, now_us).await?;
                    return Ok(());
                }
                // Connected anew, or gone, meanwhile: these tokens are of no use.
                Ok(false) => return Ok(()),
                Err(error) if attempt == WRITES => return Err(error.into()),
                Err(error) => {
                    tracing::warn!(%error, attempt, "refreshed tokens could not be written yet");
                    tokio::time::sleep(WRITE_PAUSE * attempt).await;
                }
            }
        }
    }

    async fn refused(
        &self,
        connection: &StravaConnection,
        error: StravaError,
        why: Why,
    ) -> Result<(), Halt> {
        let catalog = &self.context.storage.catalog;
        let athlete = connection.athlete_id;
        let said = format!(
            "{}, and a new one was not to be had: {error}",
            why.sentence()
        );
        let code = trouble::code(&error);
        let entry = self.token_entry(athlete, Outcome::Failed, said.clone(), Some(code));
        catalog
            .degrade_strava(athlete, connection.version, &entry)
            .await?;
        tracing::warn!(%athlete, code = code.name(), "tokens could not be refreshed");
        Err(match error.verdict() {
            Verdict::RefreshRefused => Halt::Degraded { reason: said },
            Verdict::AppInactive => self.app_inactive().await?,
            _ => Halt::Resting {
                until: self.now() + rest_after(Some(code.name())),
                reason: said,
            },
        })
    }

    /// Marks a connection as one that its athlete must mend.
    pub(crate) async fn degrade(
        &self,
        connection: &StravaConnection,
        error: &StravaError,
    ) -> Result<Halt, storage::Error> {
        let reason = error.to_string();
        let athlete = connection.athlete_id;
        let code = trouble::code(error);
        let entry = self.token_entry(athlete, Outcome::Failed, reason.clone(), Some(code));
        let catalog = &self.context.storage.catalog;
        catalog
            .degrade_strava(athlete, connection.version, &entry)
            .await?;
        tracing::warn!(%athlete, code = code.name(), "a Strava connection needs its athlete");
        Ok(Halt::Degraded { reason })
    }

    /// Tokens as the catalog keeps them.
    pub(crate) fn sealed(
        &self,
        athlete: AthleteId,
        tokens: &Tokens,
    ) -> Result<StravaTokens, Error> {
        let keys = &self.config().keys;
        let seal = |which: &str, secret: &Secret| {
            let sealed = keys.seal(&token_owner(athlete, which), secret.expose());
            sealed.map_err(Error::Seal)
        };
        Ok(StravaTokens {
            access: seal("access", &tokens.access)?,
            refresh: seal("refresh", &tokens.refresh)?,
            expires_at_us: tokens.expires_at.as_microsecond(),
        })
    }

    /// Seals anew what was sealed with an older key; answers how many
    /// connections that were.
    ///
    /// # Errors
    /// Where the catalog fails, or a key is missing.
    pub async fn reseal(&self) -> Result<usize, Error> {
        let catalog = &self.context.storage.catalog;
        let keys = &self.config().keys;
        let mut resealed = 0;
        for connection in catalog.strava_connections().await? {
            let tokens = &connection.tokens;
            let is_old = [&tokens.access, &tokens.refresh]
                .iter()
                .any(|sealed| keys.needs_sealing(sealed));
            if !is_old {
                continue;
            }
            let athlete = connection.athlete_id;
            let anew = |which: &str, sealed: &str| -> Result<String, Error> {
                let owner = token_owner(athlete, which);
                let secret = keys.open(&owner, sealed).map_err(Error::Seal)?;
                keys.seal(&owner, &secret).map_err(Error::Seal)
            };
            let tokens = StravaTokens {
                access: anew("access", &tokens.access)?,
                refresh: anew("refresh", &tokens.refresh)?,
                expires_at_us: tokens.expires_at_us,
            };
            let written = catalog.reseal_strava(athlete, connection.version, &tokens);
            resealed += usize::from(written.await?);
        }
        self.reseal_webhook().await?;
        Ok(resealed)
    }

    /// A line of the audit about a connection: when, why, what came of it, and
    /// never a token.
    pub(crate) fn token_entry(
        &self,
        athlete_id: AthleteId,
        outcome: Outcome,
        reason: String,
        code: Option<Code>,
    ) -> AuditEntry {
        self.entry("strava_token", athlete_id, outcome, reason, code)
    }

    /// A line of the audit about what was done with Strava.
    pub(crate) fn entry(
        &self,
        action: &str,
        athlete_id: AthleteId,
        outcome: Outcome,
        reason: String,
        code: Option<Code>,
    ) -> AuditEntry {
        AuditEntry {
            audit_id: Uuid::now_v7(),
            at_us: self.now_us(),
            athlete_id,
            activity_id: None,
            action: action.to_owned(),
            outcome,
            path: "strava".to_owned(),
            sha256: None,
            code: code.map(|code| code.name().to_owned()),
            reason,
            try_next: code.map(|code| trouble::try_next(Some(code.name())).to_owned()),
            run_id: Uuid::now_v7(),
        }
    }
}

/// How long a refresh rests that failed with the code of this name: an operator
/// has to do something about an app that Strava refuses, all else passes.
fn rest_after(code: Option<&str>) -> SignedDuration {
    let lasting = [Code::StravaApp, Code::StravaRefused];
    match lasting.iter().any(|lasting| code == Some(lasting.name())) {
        true => INACTIVE,
        false => PASSING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_operator_must_mend_rests_for_long() {
        for passing in [Code::StravaUnavailable, Code::StravaLimited] {
            assert_eq!(rest_after(Some(passing.name())), PASSING);
        }
        for lasting in [Code::StravaApp, Code::StravaRefused] {
            assert_eq!(rest_after(Some(lasting.name())), INACTIVE);
        }
    }
}
