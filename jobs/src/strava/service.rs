//! What all that has to do with Strava shares.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use ::strava::{App, Secret, Strava};
use jiff::{SignedDuration, Timestamp};
use storage::AthleteId;
use storage::seal::{Keys, SealError};
use url::Url;

use crate::context::Context;
use crate::error::Error;

/// What may be kept of Strava's API. There is no default: an operator says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Strava's terms for apps: seven days, unless a file or the archive brings
    /// the same activity.
    Policy,
    /// The one athlete runs pacelake for themselves, and decides.
    Owner,
}

impl Retention {
    /// How long the terms let a copy stay: "no longer than seven days" (API
    /// policy of 2026-06-01, 6.2).
    pub const POLICY: SignedDuration = SignedDuration::from_hours(7 * 24);

    /// Its name in settings and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Owner => "owner",
        }
    }

    /// The one of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Policy, Self::Owner]
            .into_iter()
            .find(|one| one.name() == name)
    }

    /// Until when a copy that is fetched now is kept; `None`: for good.
    pub fn until(self, fetched: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Policy => Some(fetched + Self::POLICY),
            Self::Owner => None,
        }
    }
}

/// How pacelake speaks to Strava, as its operator configured it.
#[derive(Clone, Debug)]
pub struct Config {
    /// The app at Strava, and where Strava is.
    pub app: App,
    /// What Strava repeats when it looks at the callback; `None`: something that
    /// nobody can guess.
    pub verify_token: Option<Secret>,
    /// What may be kept.
    pub retention: Retention,
    /// Where browsers and Strava reach this server.
    pub public_url: Url,
    /// What tokens are sealed with.
    pub keys: Keys,
    /// How often the newest activities of an athlete are listed.
    pub poll_every: Duration,
}

/// What all that has to do with Strava shares. Clones share it too.
#[derive(Clone)]
pub struct Service {
    /// Where things are kept, and what time it is.
    pub context: Context,
    /// Who speaks to Strava.
    pub client: Strava,
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    /// By how much Strava's clock is ahead of ours, in microseconds: windows
    /// and tokens end by its.
    ahead_us: AtomicI64,
    /// The secret part of the callback's path, once it is known: it never
    /// changes, whatever it is sealed with.
    webhook: OnceLock<Secret>,
    /// One at a time refreshes an athlete's tokens in this process; among
    /// processes a claim sees to it.
    refreshing: Mutex<HashMap<AthleteId, Arc<tokio::sync::Mutex<()>>>>,
    /// One at a time takes an athlete's activities in: they would only be in
    /// each other's way.
    taking_in: Mutex<HashMap<AthleteId, Arc<tokio::sync::Mutex<()>>>>,
}

/// Clocks that differ by less are taken for equal.
const CLOCK_US: i64 = 1_500_000;

type Turns = Mutex<HashMap<AthleteId, Arc<tokio::sync::Mutex<()>>>>;

impl Service {
    /// The service over an installation.
    ///
    /// # Errors
    /// Where the addresses of Strava are none.
    pub fn new(context: Context, config: Config) -> Result<Self, Error> {
        Ok(Self {
            context,
            client: Strava::new(config.app.clone()).map_err(Error::Strava)?,
            inner: Arc::new(Inner {
                config,
                ahead_us: AtomicI64::new(0),
                webhook: OnceLock::new(),
                refreshing: Mutex::default(),
                taking_in: Mutex::default(),
            }),
        })
    }

    /// As the operator configured it.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// Now, by the clock of the context.
    pub fn now(&self) -> Timestamp {
        (self.context.now)()
    }

    /// Now, in microseconds since 1970.
    pub fn now_us(&self) -> i64 {
        self.now().as_microsecond()
    }

    /// Now by Strava's clock, as far as its answers told.
    pub(crate) fn strava_now(&self) -> Timestamp {
        let ahead = SignedDuration::from_micros(self.inner.ahead_us.load(Ordering::Relaxed));
        self.now().checked_add(ahead).unwrap_or_else(|_| self.now())
    }

    /// Learns Strava's clock from an answer. Its time is cut to the second, so
    /// that a lesser difference says nothing.
    pub(crate) fn learn_clock(&self, date: Option<Timestamp>) {
        let Some(date) = date else { return };
        let ahead_us = date.as_microsecond() - self.now_us();
        let is_known = (ahead_us - self.inner.ahead_us.load(Ordering::Relaxed)).abs() <= CLOCK_US;
        if !is_known {
            let ahead_us = if ahead_us.abs() <= CLOCK_US {
                0
            } else {
                ahead_us
            };
            self.inner.ahead_us.store(ahead_us, Ordering::Relaxed);
            tracing::debug!(ahead_us, "Strava's clock differs from ours");
        }
    }

    /// Where the secret part of the callback's path is remembered.
    pub(crate) fn webhook(&self) -> &OnceLock<Secret> {
        &self.inner.webhook
    }

    /// The turn of whoever refreshes this athlete's tokens.
    pub(crate) async fn refreshing(&self, athlete: AthleteId) -> tokio::sync::OwnedMutexGuard<()> {
        turn(&self.inner.refreshing, athlete).await
    }

    /// The turn of whoever takes this athlete's activities in.
    pub(crate) async fn taking_in(&self, athlete: AthleteId) -> tokio::sync::OwnedMutexGuard<()> {
        turn(&self.inner.taking_in, athlete).await
    }

    /// Opens what was sealed for this owner.
    pub(crate) fn open(&self, owner: &str, sealed: &str) -> Result<Secret, SealError> {
        self.config().keys.open(owner, sealed).map(Secret::new)
    }

    /// A page of this server, as browsers and Strava reach it.
    pub fn page(&self, path: &str) -> Url {
        let mut url = self.config().public_url.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        url
    }
}

async fn turn(turns: &Turns, athlete: AthleteId) -> tokio::sync::OwnedMutexGuard<()> {
    let turn = {
        let mut turns = turns
            .lock()
            .expect("nobody panics while they hold this, for they only look up");
        Arc::clone(turns.entry(athlete).or_default())
    };
    turn.lock_owned().await
}

/// What an athlete's sealed tokens belong to.
pub(crate) fn token_owner(athlete: AthleteId, which: &str) -> String {
    format!("strava {which} token of athlete {athlete}")
}

/// What the sealed secret of the callback's path belongs to.
pub(crate) const WEBHOOK_OWNER: &str = "strava webhook path";
