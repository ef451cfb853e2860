//! Connecting an athlete's account at Strava, and letting it go.
//!
//! The browser is sent to Strava with a `state` that only it can bring back: it
//! holds the other half in a cookie. Every way in which that can fail is a
//! [`Refusal`] that says what to try.

use ::strava::{Grant, Scope, Secret, Verdict, WhyCode};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use storage::AthleteId;
use storage::catalog::{AuthState, JobFilter, NewAuthState, NewConnection, Outcome};
use storage::seal::{fingerprint, random_hex};
use url::Url;

use super::leave::{self, Leave};
use super::service::{Retention, Service};
use crate::error::Error;
use crate::purge::Receipt;
use crate::queue::{Job, new_job};
use crate::retention::Release;

/// Where Strava sends the browser back to.
pub const CALLBACK: &str = "/api/strava/callback";
/// How long a sign-in may take.
const PATIENCE: SignedDuration = SignedDuration::from_mins(10);

/// A sign-in that has begun.
#[derive(Clone)]
pub struct Begun {
    /// Where the browser goes.
    pub url: Url,
    /// What it keeps in a cookie meanwhile.
    pub browser: String,
    /// How long the cookie lasts, in seconds.
    pub lasts_s: i64,
}

/// What Strava sent the browser back with.
#[derive(Clone, Debug, Default)]
pub struct Returned {
    /// Ours, from the beginning.
    pub state: Option<String>,
    /// What tokens are had for.
    pub code: Option<String>,
    /// What the athlete allowed.
    pub scope: Option<String>,
    /// Why there is no code.
    pub error: Option<String>,
    /// What the browser kept in its cookie.
    pub browser: Option<String>,
    /// The request that brought it, which what follows from it is told by.
    pub request_id: Option<String>,
}

/// Who connected, and what comes next.
#[derive(Clone, Debug)]
pub struct Connected {
    /// Who.
    pub athlete_id: AthleteId,
    /// Who they are at Strava.
    pub strava_athlete_id: i64,
    /// What they allowed.
    pub scopes: String,
    /// The page to go to.
    pub back: String,
    /// Whether private activities are to be seen too.
    pub sees_private: bool,
}

/// Why a sign-in came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The athlete said no.
    #[error("access was denied at Strava")]
    Denied,
    /// Strava said something else than yes or no.
    #[error("Strava ended the sign-in: {0}")]
    Ended(String),
    /// The box of activities was not ticked.
    #[error("Strava was not allowed to show activities")]
    ScopeUnticked,
    /// Neither a code nor an error.
    #[error("Strava sent no code")]
    NoCode,
    /// A `state` that nobody was given.
    #[error("this sign-in did not begin here")]
    UnknownState,
    /// A `state` that was used.
    #[error("this sign-in was used before")]
    UsedState,
    /// A `state` that is too old.
    #[error("this sign-in took longer than 10 minutes")]
    StaleState,
    /// Another browser began it.
    #[error("another browser began this sign-in")]
    OtherBrowser,
    /// The code was used, or Strava does not know it.
    #[error("Strava does not know the code, or it was used before")]
    CodeUsed,
    /// The code is too old.
    #[error("the code is too old")]
    CodeExpired,
    /// Strava does not serve our app.
    #[error("Strava calls the app inactive")]
    AppInactive,
    /// The app may have no more athletes.
    #[error("the app has as many athletes as Strava allows it")]
    AthleteLimit,
    /// The app's id or secret is wrong.
    #[error("Strava does not know the app by its id and secret")]
    AppUnknown,
    /// The account is connected to another athlete here.
    #[error("this Strava account is connected to another athlete here")]
    AnotherAthletes,
    /// The athlete is connected to another account.
    #[error("another Strava account is connected here")]
    AnotherAccount,
    /// Another athlete is connected where only the owner's own may be.
    #[error("another athlete is connected, and what may be kept is set for one alone")]
    OwnerAlone,
}

impl Refusal {
    /// What a person can do about it.
    pub fn try_next(&self) -> &'static str {
        match self {
            Self::Denied => {
                "begin again and press Authorize, or import files and the archive \
                 instead: they need no connection"
            }
            Self::Ended(_) | Self::NoCode => "begin again; if it stays so, look at the log",
            Self::ScopeUnticked => "begin again and leave the box for viewing activities ticked",
            Self::UnknownState | Self::UsedState | Self::OtherBrowser => {
                "begin again, in one browser and at the address that the server is configured with"
            }
            Self::StaleState | Self::CodeUsed | Self::CodeExpired => "begin again",
            Self::AppInactive => {
                "as the app's owner look at https://www.strava.com/settings/api: \
                 it needs a subscription"
            }
            Self::AthleteLimit => {
                "disconnect someone, or ask Strava for more athletes at \
                 https://www.strava.com/settings/api"
            }
            Self::AppUnknown => {
                "compare PACELAKE_STRAVA_CLIENT_ID and \
                 PACELAKE_STRAVA_CLIENT_SECRET with https://www.strava.com/settings/api"
            }
            Self::AnotherAthletes => "disconnect the other athlete first",
            Self::OwnerAlone => {
                "set PACELAKE_STRAVA_RETENTION=policy for several athletes, or \
                 disconnect the other one first"
            }
            Self::AnotherAccount => {
                "disconnect that one first: what it brought is to be let go or kept by then"
            }
        }
    }
}

/// What was taken away when a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disconnected {
    /// Whose connection it was.
    pub athlete_id: AthleteId,
    /// When it ended.
    pub at: Timestamp,
    /// Whether Strava confirmed that the tokens are dead; where it did not, why.
    pub revoked: bool,
    /// What Strava said where it did not.
    pub not_revoked: Option<String>,
    /// Tokens and all that was listed are gone.
    pub tokens_removed: bool,
    /// Whether the subscription ended with it, since nobody is left.
    pub subscription_ended: bool,
    /// What may be kept, as it is configured.
    pub retention: &'static str,
    /// The receipt of what went that Strava's API had brought; none where nothing
    /// did.
    pub purged: Option<Receipt>,
}

impl Service {
    /// Begins a sign-in of this athlete; `back` is a path of this server.
    ///
    /// # Errors
    /// [`Refusal::OwnerAlone`], and where the catalog fails, or the system gives no random bytes.
    pub async fn begin(
        &self,
        athlete_id: AthleteId,
        scopes: &[Scope],
        back: &str,
    ) -> Result<Begun, Error> {
        self.keep_to_owner(athlete_id).await?;
        let (state, browser) = (random_hex::<32>()?, random_hex::<32>()?);
        let now = self.now();
        let new = NewAuthState {
            state_hash: fingerprint(&state),
            browser_hash: fingerprint(&browser),
            athlete_id,
            scopes: Scope::list(scopes),
            back: back.to_owned(),
            expires_at_us: (now + PATIENCE).as_microsecond(),
        };
        let catalog = &self.context.storage.catalog;
        catalog
            .begin_strava_auth(&new, now.as_microsecond())
            .await?;
        let callback = self.page(CALLBACK);
        Ok(Begun {
            url: self.client.authorize_url(&callback, &state, scopes, true),
            browser,
            lasts_s: PATIENCE.as_secs(),
        })
    }

    /// Ends a sign-in: the code becomes tokens, which are kept sealed, and the
    /// history begins to come in.
    ///
    /// # Errors
    /// [`Error::StravaSignIn`], and where catalog or Strava fail.
    pub async fn complete(&self, returned: Returned) -> Result<Connected, Error> {
        let catalog = &self.context.storage.catalog;
        let state = returned.state.filter(|state| !state.is_empty());
        let state = state.ok_or(Refusal::UnknownState)?;
        let browser = returned.browser.as_deref().map(fingerprint);
        let state = catalog
            .use_strava_state(&fingerprint(&state), browser.as_deref(), self.now_us())
            .await?;
        let (athlete_id, back) = match state {
            AuthState::Good {
                athlete_id, back, ..
            } => (athlete_id, back),
            AuthState::Unknown => return Err(Refusal::UnknownState.into()),
            AuthState::Used => return Err(Refusal::UsedState.into()),
            AuthState::Stale => return Err(Refusal::StaleState.into()),
            AuthState::OtherBrowser => return Err(Refusal::OtherBrowser.into()),
        };
        match returned.error.as_deref() {
            None | Some("") => {}
            Some("access_denied") => return Err(Refusal::Denied.into()),
            Some(error) => {
                let said = error
                    .chars()
                    .filter(|c| !c.is_control())
                    .take(200)
                    .collect();
                return Err(Refusal::Ended(said).into());
            }
        }
        let code = returned.code.filter(|code| !code.is_empty());
        let code = code.ok_or(Refusal::NoCode)?;
        let granted = Scope::parse_list(returned.scope.as_deref().unwrap_or_default());
        let sees_private = granted.contains(&Scope::ActivityReadAll);
        if !sees_private && !granted.contains(&Scope::ActivityRead) {
            return Err(Refusal::ScopeUnticked.into());
        }
        self.keep_to_owner(athlete_id).await?;
        self.clear_before(athlete_id).await?;
        let grant = self.client.exchange(&code).await.map_err(refused)?;
        if let Some(refusal) = self.is_taken(athlete_id, &grant).await? {
            return Err(refusal.into());
        }
        let scopes = Scope::list(&granted.into_iter().collect::<Vec<_>>());
        let tokens = self.sealed(athlete_id, &grant.tokens)?;
        let new = NewConnection {
            athlete_id,
            strava_athlete_id: grant.athlete.id,
            scopes: scopes.clone(),
            tokens,
            at_us: self.now_us(),
        };
        let reason = format!("connected, with {scopes}");
        let entry = self.token_entry(athlete_id, Outcome::Created, reason, None);
        match catalog.connect_strava(&new, &entry).await {
            Err(storage::Error::Conflict { .. }) => {
                return Err(Refusal::AnotherAthletes.into());
            }
            connected => connected?,
        }
        self.after_connecting(athlete_id, returned.request_id.as_deref())
            .await?;
        tracing::info!(athlete = %athlete_id, scopes, "an athlete connected to Strava");
        Ok(Connected {
            athlete_id,
            strava_athlete_id: grant.athlete.id,
            scopes,
            back,
            sees_private,
        })
    }

    /// Refuses a second athlete where nothing goes by itself: that is for who
    /// answers for it themselves.
    async fn keep_to_owner(&self, athlete_id: AthleteId) -> Result<(), Error> {
        if self.config().retention != Retention::Owner {
            return Ok(());
        }
        let connections = self.context.storage.catalog.strava_connections().await?;
        match connections.iter().any(|one| one.athlete_id != athlete_id) {
            true => Err(Refusal::OwnerAlone.into()),
            false => Ok(()),
        }
    }

    /// Whether athlete or account are connected otherwise already; an account
    /// that is nobody's is let go again.
    async fn is_taken(
        &self,
        athlete_id: AthleteId,
        grant: &Grant,
    ) -> Result<Option<Refusal>, Error> {
        let catalog = &self.context.storage.catalog;
        let connections = catalog.strava_connections().await?;
        let theirs = connections
            .iter()
            .find(|one| one.strava_athlete_id == grant.athlete.id);
        match theirs {
            Some(theirs) if theirs.athlete_id == athlete_id => return Ok(None),
            // Its tokens are not revoked: theirs would be dead, too.
            Some(_) => return Ok(Some(Refusal::AnotherAthletes)),
            None => {}
        }
        if connections.iter().all(|one| one.athlete_id != athlete_id) {
            return Ok(None);
        }
        let tokens = &grant.tokens;
        if let Err(error) = self.client.revoke(&tokens.access, &tokens.refresh).await {
            tracing::warn!(%error, "an account that is not to be connected stays so at Strava");
        }
        Ok(Some(Refusal::AnotherAccount))
    }

    /// Where an earlier connection ended and was cut off before all that it had
    /// brought was gone, that goes first: later nobody could tell what of it is
    /// not at Strava any more.
    async fn clear_before(&self, athlete_id: AthleteId) -> Result<(), Error> {
        let catalog = &self.context.storage.catalog;
        let is_new = catalog.strava_connection(athlete_id).await?.is_none();
        if is_new
            && (self.config().retention == Retention::Policy || self.is_to_go(athlete_id).await?)
        {
            let cause = "left of an earlier connection";
            self.release(athlete_id, Release::Everything, cause).await?;
        }
        Ok(())
    }

    /// Whether the athlete wished that what came goes, and it is not all gone.
    async fn is_to_go(&self, athlete_id: AthleteId) -> Result<bool, Error> {
        let wish = Leave {
            athlete_id,
            cause: String::new(),
            purge: true,
        };
        let filter = JobFilter {
            kinds: Some(vec![<Leave as Job<Service>>::KIND.to_owned()]),
            key: Some(Job::<Service>::key(&wish)),
            ..JobFilter::default()
        };
        let catalog = &self.context.storage.catalog;
        let newest = catalog.jobs(&filter, 1).await?;
        Ok(newest.iter().any(|job| job.state.is_live()))
    }

    /// Ends a connection: Strava revokes the tokens, ours go, and of what its
    /// API brought stays what may stay.
    ///
    /// `purge` takes away what the API brought also where its owner may keep it.
    ///
    /// # Errors
    /// [`Error::StravaNotConnected`], [`Error::StravaTokensHeld`] where another
    /// process refreshes the tokens all the time, and where catalog or lake fail.
    /// That Strava does not answer is no error: it is in the receipt.
    pub async fn disconnect(
        &self,
        athlete_id: AthleteId,
        cause: &str,
        purge: bool,
    ) -> Result<Disconnected, Error> {
        let catalog = &self.context.storage.catalog;
        // Nobody refreshes from here on: what Strava gave them would live on there.
        let turn = self.refreshing(athlete_id).await;
        let claim = self.claimed(athlete_id).await?;
        let connection = catalog.strava_connection(athlete_id).await?;
        let connection = connection.ok_or(Error::StravaNotConnected(athlete_id))?;
        let open = |which: &str, sealed: &str| {
            self.open(&super::service::token_owner(athlete_id, which), sealed)
        };
        let access = open("access", &connection.tokens.access)?;
        let refresh = open("refresh", &connection.tokens.refresh)?;
        let not_revoked = self.revoke(&access, &refresh).await.err();
        let leave = self.forget_tokens(athlete_id, cause, purge).await?;
        if let Err(error) = claim.release().await {
            tracing::warn!(%error, "a claim on tokens that are gone ends by itself");
        }
        drop(turn);
        Ok(Disconnected {
            revoked: not_revoked.is_none(),
            not_revoked: not_revoked.map(|error| error.to_string()),
            ..self.left(leave).await?
        })
    }

    /// Takes a connection away whose tokens Strava has ended already.
    pub(crate) async fn let_go(
        &self,
        athlete_id: AthleteId,
        cause: &str,
        purge: bool,
    ) -> Result<Disconnected, Error> {
        let leave = self.forget_tokens(athlete_id, cause, purge).await?;
        self.left(leave).await
    }

    /// Revokes tokens at Strava, where they are not dead already. Of an access token
    /// that may merely have ended a new one is had first: only it ends the rest.
    async fn revoke(&self, access: &Secret, refresh: &Secret) -> Result<(), ::strava::Error> {
        let error = match self.client.revoke(access, refresh).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        if error.verdict() != Verdict::TokenDead {
            return Err(error);
        }
        match self.client.refresh(refresh).await {
            Ok(tokens) => self.client.revoke(&tokens.access, &tokens.refresh).await,
            Err(error) if error.verdict() == Verdict::RefreshRefused => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes a connection away, and writes down that what follows is to be done.
    async fn forget_tokens(
        &self,
        athlete_id: AthleteId,
        cause: &str,
        purge: bool,
    ) -> Result<Leave, Error> {
        let catalog = &self.context.storage.catalog;
        let entry = self.token_entry(
            athlete_id,
            Outcome::Purged,
            format!("{cause}: tokens removed"),
            None,
        );
        let leave = Leave {
            athlete_id,
            cause: cause.to_owned(),
            purge,
        };
        let line = new_job(&leave, None, Some(self.now() + leave::AFTER))?;
        let lines = std::slice::from_ref(&line);
        catalog.disconnect_strava(athlete_id, &entry, lines).await?;
        Ok(leave)
    }

    /// Does what follows the end of a connection, and tells of it.
    async fn left(&self, leave: Leave) -> Result<Disconnected, Error> {
        let cleared = self.clear_up(&leave).await?;
        let subscription_ended = cleared.subscription_ended.unwrap_or_else(|error| {
            // The job that was written down tries it again.
            tracing::warn!(%error, "the subscription could not be ended");
            false
        });
        Ok(Disconnected {
            athlete_id: leave.athlete_id,
            at: self.now(),
            revoked: true,
            not_revoked: None,
            tokens_removed: true,
            subscription_ended,
            retention: self.config().retention.name(),
            purged: cleared.purged,
        })
    }
}

fn refused(error: ::strava::Error) -> Error {
    let refusal = match error.verdict() {
        Verdict::CodeRefused {
            why: WhyCode::UsedOrUnknown,
        } => Refusal::CodeUsed,
        Verdict::CodeRefused {
            why: WhyCode::Expired,
        } => Refusal::CodeExpired,
        Verdict::AppInactive => Refusal::AppInactive,
        Verdict::AthleteLimit => Refusal::AthleteLimit,
        Verdict::ClientRefused => Refusal::AppUnknown,
        _ => return Error::Strava(error),
    };
    Error::StravaSignIn(refusal)
}
