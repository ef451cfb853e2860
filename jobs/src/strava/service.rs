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

    /// Learns Strava's clock from an answer to what was asked at `asked`, by our
    /// clock.
    pub(crate) fn learn_clock(&self, asked: Timestamp, date: Option<Timestamp>) {
        let Some(date) = date else { return };
        let known_us = self.inner.ahead_us.load(Ordering::Relaxed);
        let ahead_us = ahead_us(known_us, asked, self.now(), date);
        if ahead_us != known_us {
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

/// By how much the clock is ahead that told `date`, in microseconds. It told it
/// between `asked` and `now`, cut to the second: what was known stays where it
/// agrees with that, so that an answer which was long under way says no more
/// than it can.
fn ahead_us(known_us: i64, asked: Timestamp, now: Timestamp, date: Timestamp) -> i64 {
    const SECOND_US: i64 = 1_000_000;
    let date_us = date.as_microsecond();
    let least_us = date_us - now.as_microsecond();
    let most_us = date_us + SECOND_US - asked.as_microsecond();
    // Our own clock was set back meanwhile, or what was known agrees.
    if least_us > most_us || (least_us..=most_us).contains(&known_us) {
        return known_us;
    }
    match (least_us..=most_us).contains(&0) {
        true => 0,
        false => known_us.clamp(least_us, most_us),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-06-01T08:{text}Z").parse().unwrap()
    }

    /// What is known after an answer, in whole seconds.
    fn learnt(known_s: i64, asked: &str, now: &str, date: &str) -> i64 {
        ahead_us(known_s * 1_000_000, at(asked), at(now), at(date)) / 1_000_000
    }

    #[test]
    fn a_clock_that_may_be_ours_is() {
        assert_eq!(learnt(0, "00:10.900", "00:11.100", "00:10"), 0);
        assert_eq!(learnt(90, "00:10.900", "00:11.100", "00:11"), 0);
    }

    #[test]
    fn a_clock_that_is_ahead_is_known_to_the_second() {
        assert_eq!(learnt(0, "00:10.000", "00:10.000", "01:40"), 90);
        assert_eq!(learnt(0, "01:40.000", "01:40.000", "00:10"), -89);
        assert_eq!(learnt(90, "00:10.500", "00:10.700", "01:40"), 90);
    }

    #[test]
    fn an_answer_that_was_long_under_way_changes_little() {
        // It was told within these 30 s; nobody knows when.
        assert_eq!(learnt(0, "00:10", "00:40", "00:10"), 0);
        assert_eq!(learnt(20, "00:10", "00:40", "00:45"), 20);
        assert_eq!(learnt(-60, "00:10", "00:40", "00:45"), 5);
    }

    #[test]
    fn a_clock_of_ours_that_was_set_back_teaches_nothing() {
        assert_eq!(learnt(7, "05:00", "00:10", "00:10"), 7);
    }
}
