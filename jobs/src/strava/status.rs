//! How a connection is, for its athlete and for operators.

use jiff::Timestamp;
use serde::Serialize;
use storage::catalog::{AuditFilter, ConnectionStatus, StravaConnection};
use storage::{AthleteId, Code};

use super::budget::Forecast;
use super::service::Service;
use super::trouble;
use crate::error::Error;

/// How a connection is.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Whose.
    pub athlete_id: AthleteId,
    /// `connected`, `degraded` or `not_connected`.
    pub status: &'static str,
    /// The code of what is wrong.
    pub code: Option<String>,
    /// What is wrong.
    pub reason: Option<String>,
    /// What to do about it.
    pub try_next: Option<&'static str>,
    /// Who they are at Strava.
    pub strava_athlete_id: Option<i64>,
    /// What they allowed.
    pub scopes: Option<String>,
    /// Since when.
    pub connected_at: Option<Timestamp>,
    /// When the present token ends.
    pub token_expires_at: Option<Timestamp>,
    /// When the token was last refreshed.
    pub refreshed_at: Option<Timestamp>,
    /// When the newest activities were last listed.
    pub polled_at: Option<Timestamp>,
    /// How many activities Strava listed.
    pub activities_listed: i64,
    /// How many of them are here.
    pub activities_present: i64,
    /// When the whole history had been listed.
    pub history_listed_at: Option<Timestamp>,
    /// What may be kept: `policy` or `owner`.
    pub retention: &'static str,
    /// Whether events come here.
    pub subscribed: bool,
    /// How much of the limits is used, of the whole app.
    pub limits: Forecast,
    /// The same in a sentence.
    pub forecast: String,
    /// What was last done about the tokens, newest first.
    pub token_audit: Vec<TokenEvent>,
}

/// One line of the audit of tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenEvent {
    /// When.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: &'static str,
    /// Why, and what.
    pub reason: String,
    /// The code, where it failed.
    pub code: Option<String>,
}

/// How many lines of the audit of tokens are shown.
const SHOWN: usize = 10;
/// How many lines of the whole audit are looked through for them.
const LOOKED_AT: u32 = 500;

impl Service {
    /// How an athlete's connection is.
    ///
    /// # Errors
    /// Where the catalog fails.
    pub async fn status(&self, athlete_id: AthleteId) -> Result<Status, Error> {
        let catalog = &self.context.storage.catalog;
        let connection = catalog.strava_connection(athlete_id).await?;
        let counts = catalog.strava_counts(athlete_id).await?;
        let app = catalog.known_strava_app().await?;
        let limits = self.forecast().await?;
        let instant = |us: i64| Timestamp::from_microsecond(us).ok();
        let of = |read: fn(&StravaConnection) -> Option<i64>| {
            connection.as_ref().and_then(read).and_then(instant)
        };
        let code = connection.as_ref().and_then(|is| is.code.as_deref());
        let is_inactive = app.as_ref().is_some_and(|app| app.is_inactive);
        let (status, code, reason, try_next) = match connection.as_ref().map(|is| is.status) {
            Some(ConnectionStatus::Connected) if is_inactive => (
                "connected",
                Some(Code::StravaApp.name().to_owned()),
                Some(trouble::INACTIVE_REASON.to_owned()),
                Some(Error::MEND_APP),
            ),
            Some(ConnectionStatus::Connected) => ("connected", None, None, None),
            Some(ConnectionStatus::Degraded) => (
                "degraded",
                code.map(str::to_owned),
                connection.as_ref().and_then(|is| is.reason.clone()),
                Some(trouble::try_next(code)),
            ),
            None => {
                let connect = "connect at /api/strava/auth";
                ("not_connected", None, None, Some(connect))
            }
        };
        Ok(Status {
            athlete_id,
            status,
            code,
            reason,
            try_next,
            strava_athlete_id: connection.as_ref().map(|is| is.strava_athlete_id),
            scopes: connection.as_ref().map(|is| is.scopes.clone()),
            connected_at: of(|is| Some(is.connected_at_us)),
            token_expires_at: of(|is| Some(is.tokens.expires_at_us)),
            refreshed_at: of(|is| is.refreshed_at_us),
            polled_at: of(|is| is.polled_at_us),
            activities_listed: counts.listed,
            activities_present: counts.present,
            history_listed_at: of(|is| is.backfill_done_at_us),
            retention: self.config().retention.name(),
            subscribed: app.is_some_and(|app| app.subscription_id.is_some()),
            forecast: limits.sentence(),
            limits,
            token_audit: self.token_audit(athlete_id).await?,
        })
    }

    async fn token_audit(&self, athlete_id: AthleteId) -> Result<Vec<TokenEvent>, Error> {
        let filter = AuditFilter {
            athlete_id: Some(athlete_id),
            limit: LOOKED_AT,
            ..AuditFilter::default()
        };
        let entries = self.context.storage.catalog.audit(&filter).await?;
        let of_tokens = entries
            .into_iter()
            .filter(|entry| entry.action == "strava_token");
        Ok(of_tokens
            .take(SHOWN)
            .map(|entry| TokenEvent {
                at: Timestamp::from_microsecond(entry.at_us).unwrap_or_default(),
                outcome: entry.outcome.name(),
                reason: entry.reason,
                code: entry.code,
            })
            .collect())
    }
}
