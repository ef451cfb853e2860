//! What has to be done from time to time: polls, refreshes, back-fill that was
//! interrupted, copies whose time is over. A job compares what is with what
//! should be and enqueues what is missing, so that nothing hangs on a signal
//! that may be lost.

use std::time::Duration;

use ::strava::List;
use async_trait::async_trait;
use jiff::SignedDuration;
use pipeline::recording::Format;
use serde::{Deserialize, Serialize};
use storage::AthleteId;
use storage::catalog::{NewJob, StravaConnection};

use super::backfill::Backfill;
use super::budget::Purpose;
use super::fetch::{Fetch, Streams, stopped};
use super::poll::Poll;
use super::service::{Retention, Service};
use super::tokens::EARLY;
use super::trouble::Halt;
use crate::chores::resync::Resync;
use crate::error::Error;
use crate::queue::{Job, Stopped, TaskHandle, Trouble, enqueue, new_job};
use crate::retention::Release;

/// How often it is looked what is to be done.
const EVERY: Duration = Duration::from_secs(30);
/// Copies are let go so long before their time is over: it may take a while.
const BEFORE_END: SignedDuration = SignedDuration::from_hours(1);

/// The job that sees to all others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upkeep {}

#[async_trait]
impl Job<Service> for Upkeep {
    const KIND: &'static str = "strava_upkeep";
    const PRIORITY: i64 = 0;
    const MAX_ATTEMPTS: i64 = i64::MAX;

    fn key(&self) -> String {
        "all".to_owned()
    }

    fn athlete(&self) -> Option<AthleteId> {
        None
    }

    async fn run(&self, service: &Service, _: &TaskHandle) -> Result<(), Stopped> {
        Ok(service.upkeep().await?)
    }

    fn again_every(&self) -> Option<Duration> {
        Some(EVERY)
    }
}

/// The job that refreshes an athlete's tokens before they end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refresh {
    /// Whose.
    pub athlete_id: AthleteId,
}

#[async_trait]
impl Job<Service> for Refresh {
    const KIND: &'static str = "strava_refresh";
    const PRIORITY: i64 = 5;
    const MAX_ATTEMPTS: i64 = 10;

    fn key(&self) -> String {
        self.athlete_id.to_string()
    }

    fn athlete(&self) -> Option<AthleteId> {
        Some(self.athlete_id)
    }

    async fn run(&self, service: &Service, _: &TaskHandle) -> Result<(), Stopped> {
        match service.access(self.athlete_id).await {
            Ok(_) => Ok(()),
            Err(halt) => stopped(service, self.athlete_id, halt),
        }
    }
}

/// The job that looks whether an athlete still allows us in, after Strava said
/// that they do not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Whose.
    pub athlete_id: AthleteId,
}

#[async_trait]
impl Job<Service> for Check {
    const KIND: &'static str = "strava_check";
    const PRIORITY: i64 = 5;
    const MAX_ATTEMPTS: i64 = 20;

    fn key(&self) -> String {
        self.athlete_id.to_string()
    }

    fn athlete(&self) -> Option<AthleteId> {
        Some(self.athlete_id)
    }

    async fn run(&self, service: &Service, _: &TaskHandle) -> Result<(), Stopped> {
        match service.check_access(self.athlete_id).await {
            Ok(()) => Ok(()),
            Err(halt) => stopped(service, self.athlete_id, halt),
        }
    }
}

/// The job that lets copies go whose time is over, and ends what others began
/// and did not end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expire {
    /// Whose.
    pub athlete_id: AthleteId,
}

#[async_trait]
impl Job<Service> for Expire {
    const KIND: &'static str = "strava_retention";
    const PRIORITY: i64 = 15;
    const MAX_ATTEMPTS: i64 = 20;

    fn key(&self) -> String {
        self.athlete_id.to_string()
    }

    fn athlete(&self) -> Option<AthleteId> {
        Some(self.athlete_id)
    }

    async fn run(&self, service: &Service, _: &TaskHandle) -> Result<(), Stopped> {
        // As when a connection ends: whatever hinders it is tried again.
        let expired = service.expire(self.athlete_id).await;
        expired.map_err(|error| Stopped::Retry(Trouble::from(&error)))
    }
}

/// The job that sees to it that events come here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscribe {
    /// Who asked for it, for the audit.
    pub by: AthleteId,
}

#[async_trait]
impl Job<Service> for Subscribe {
    const KIND: &'static str = "strava_subscribe";
    const PRIORITY: i64 = 5;
    const MAX_ATTEMPTS: i64 = 8;

    fn key(&self) -> String {
        "app".to_owned()
    }

    fn athlete(&self) -> Option<AthleteId> {
        None
    }

    async fn run(&self, service: &Service, _: &TaskHandle) -> Result<(), Stopped> {
        match service.subscribe(Some(self.by)).await {
            Ok(_) => Ok(()),
            Err(Error::StravaAppInactive) => stopped(service, self.by, Halt::AppInactive),
            // Most often Strava cannot reach us yet.
            Err(error) => Err(Stopped::Retry(Trouble::from(&error))),
        }
    }
}

/// After so long it is thought that whoever let copies go was cut off.
const CUT_OFF: SignedDuration = SignedDuration::from_mins(2);

/// What waits for an athlete whose connection does not work.
pub(crate) const OF_ATHLETE: &[&str] = &[
    <Fetch as Job<Service>>::KIND,
    <Streams as Job<Service>>::KIND,
    <Backfill as Job<Service>>::KIND,
    <Poll as Job<Service>>::KIND,
    <Refresh as Job<Service>>::KIND,
    <Check as Job<Service>>::KIND,
];

impl Service {
    /// Enqueues what is to be done now.
    ///
    /// # Errors
    /// Where the catalog fails.
    pub async fn upkeep(&self) -> Result<(), Error> {
        let catalog = &self.context.storage.catalog;
        let now = self.now();
        let connections = catalog.strava_connections().await?;
        let windows = catalog.strava_windows(now.as_microsecond()).await?;
        let day_limit = windows.day.limits.read.unsigned_abs();
        let every = self.poll_interval(connections.len() as u64, day_limit);
        let mut lines = Vec::new();
        for connection in &connections {
            if !connection.needs_athlete() {
                lines.extend(self.due(connection, every)?);
            }
        }
        if self.config().retention == Retention::Policy {
            let until_us = (now + BEFORE_END).as_microsecond();
            for athlete_id in catalog.athletes_due(until_us).await? {
                lines.push(new_job(&Expire { athlete_id }, None, None)?);
            }
        }
        // Until copies that were being let go are gone, none come in; whoever was
        // at it may have died.
        let begun_by_us = (now - CUT_OFF).as_microsecond();
        for purge in catalog.unfinished_purges().await? {
            if purge.is_release && purge.begun_at_us <= begun_by_us {
                let athlete_id = purge.athlete_id;
                lines.push(new_job(&Expire { athlete_id }, None, None)?);
            }
        }
        if !lines.is_empty() {
            catalog.enqueue_absent(lines).await?;
        }
        catalog.prune_strava_events(now.as_microsecond()).await?;
        self.look_at_inactive_app().await
    }

    /// Under Strava's terms, copies that came in under no terms get their day, too;
    /// it is written into the lake by computing their athletes' rows again.
    pub(crate) async fn date_copies(&self) -> Result<(), Error> {
        if self.config().retention != Retention::Policy {
            return Ok(());
        }
        let catalog = &self.context.storage.catalog;
        let keep_us = Retention::POLICY.as_micros() as i64;
        let format = Format::StravaApi.name();
        for athlete_id in catalog.date_copies(format, keep_us).await? {
            tracing::info!(athlete = %athlete_id, "copies of Strava's API got their day");
            let resync = Resync {
                athlete_id: Some(athlete_id),
            };
            enqueue(catalog, &resync, None, None).await?;
        }
        Ok(())
    }

    /// What is to be done for one athlete.
    fn due(&self, connection: &StravaConnection, every: Duration) -> Result<Vec<NewJob>, Error> {
        let athlete_id = connection.athlete_id;
        let now_us = self.now_us();
        let mut lines = Vec::new();
        let polled_us = connection
            .polled_at_us
            .unwrap_or(connection.connected_at_us);
        if now_us >= polled_us.saturating_add(every.as_micros() as i64) {
            let poll = Poll {
                athlete_id,
                all: false,
            };
            lines.push(new_job(&poll, None, None)?);
        }
        if connection.backfill_done_at_us.is_none() {
            lines.push(new_job(&Backfill { athlete_id }, None, None)?);
        }
        let ends_us = connection.tokens.expires_at_us - EARLY.as_micros() as i64;
        if self.strava_now().as_microsecond() >= ends_us {
            lines.push(new_job(&Refresh { athlete_id }, None, None)?);
        }
        Ok(lines)
    }

    /// What follows a connection: what waited goes on, the history comes in,
    /// events come here.
    pub(crate) async fn after_connecting(
        &self,
        athlete_id: AthleteId,
        request_id: Option<&str>,
    ) -> Result<(), Error> {
        let catalog = &self.context.storage.catalog;
        catalog
            .wake_jobs(athlete_id, OF_ATHLETE, self.now_us())
            .await?;
        let lines = [
            new_job(&Backfill { athlete_id }, request_id, None)?,
            new_job(&Subscribe { by: athlete_id }, request_id, None)?,
        ];
        catalog.enqueue(&lines).await?;
        Ok(())
    }

    /// The job that looks at all of an athlete's activities now; answers its
    /// id.
    ///
    /// # Errors
    /// [`Error::StravaNotConnected`], and where the catalog fails.
    pub async fn sync(
        &self,
        athlete_id: AthleteId,
        request_id: Option<&str>,
    ) -> Result<storage::catalog::Enqueued, Error> {
        let catalog = &self.context.storage.catalog;
        if catalog.strava_connection(athlete_id).await?.is_none() {
            return Err(Error::StravaNotConnected(athlete_id));
        }
        let sync = Poll {
            athlete_id,
            all: true,
        };
        let line = NewJob {
            priority: 8,
            ..new_job(&sync, request_id, None)?
        };
        let enqueued = catalog.enqueue(std::slice::from_ref(&line)).await?;
        enqueued
            .into_iter()
            .next()
            .ok_or(Error::StravaNotConnected(athlete_id))
    }

    /// Looks whether an athlete still allows us in; where not, their connection
    /// ends as it does when they end it here.
    async fn check_access(&self, athlete_id: AthleteId) -> Result<(), Halt> {
        const CAUSE: &str = "access was withdrawn at Strava";
        let catalog = &self.context.storage.catalog;
        if catalog.strava_connection(athlete_id).await?.is_none() {
            return Ok(());
        }
        let list = List {
            per_page: 1,
            ..List::default()
        };
        let is_withdrawn = match self.list(athlete_id, Purpose::Event, list).await {
            Ok(_) => false,
            Err(Halt::Degraded { .. }) => self.is_withdrawn(athlete_id).await?,
            Err(halt) => return Err(halt),
        };
        if is_withdrawn {
            self.let_go(athlete_id, CAUSE, false).await?;
            tracing::info!(athlete = %athlete_id, "access was withdrawn at Strava");
        }
        Ok(())
    }

    /// Lets an athlete's copies go whose time is over.
    async fn expire(&self, athlete_id: AthleteId) -> Result<(), Error> {
        let due = Release::Due(self.now() + BEFORE_END);
        self.release(athlete_id, due, "kept for 7 days").await?;
        Ok(())
    }
}
