//! Looks for what no event told: lost events, edits that send none, deletions
//! that were missed, uploads of old files.
//!
//! The newest page is looked at often, and all pages once a day, so that what
//! lies far back is found too. A list costs one read for 200 activities. How far
//! down a sweep came is in the catalog: where reads run out it goes on from there.

use std::collections::HashSet;
use std::time::Duration;

use ::strava::List;
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use storage::AthleteId;
use storage::catalog::{StravaListed, StravaSweep};

use super::backfill::{PAGE, next_before};
use super::budget::Purpose;
use super::fetch::{Why, stopped};
use super::service::Service;
use super::trouble::Halt;
use crate::queue::{Job, Stopped, TaskHandle};

/// How often all pages are looked at. Strava's terms give 48 hours to mirror
/// what changed there.
const SWEEP: SignedDuration = SignedDuration::from_hours(24);
/// The share of a day's reads that polls may come to, in percent: with more
/// athletes each is looked at less often.
const SHARE: u64 = 10;

/// The job that looks at an athlete's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Poll {
    /// Whose.
    pub athlete_id: AthleteId,
    /// Whether all pages are looked at, whenever they last were.
    pub all: bool,
}

#[async_trait]
impl Job<Service> for Poll {
    const KIND: &'static str = "strava_poll";
    const PRIORITY: i64 = 20;
    const MAX_ATTEMPTS: i64 = 20;
    const AT_ONCE: usize = 1;

    fn key(&self) -> String {
        match self.all {
            true => format!("{}/all", self.athlete_id),
            false => self.athlete_id.to_string(),
        }
    }

    fn athlete(&self) -> Option<AthleteId> {
        Some(self.athlete_id)
    }

    async fn run(&self, service: &Service, task: &TaskHandle) -> Result<(), Stopped> {
        match service.poll(self.athlete_id, self.all, task).await {
            Ok(()) => Ok(()),
            Err(halt) => stopped(service, self.athlete_id, halt),
        }
    }
}

impl Service {
    /// How often each athlete's newest page is looked at, so that all polls
    /// stay within their share of the day's reads.
    pub(crate) fn poll_interval(&self, athletes: u64, day_limit: u64) -> Duration {
        let reads = (day_limit * SHARE / 100).max(1);
        let needed = Duration::from_secs(86_400 * athletes / reads);
        self.config().poll_every.max(needed)
    }

    async fn poll(&self, athlete_id: AthleteId, all: bool, task: &TaskHandle) -> Result<(), Halt> {
        let catalog = &self.context.storage.catalog;
        let connection = catalog.strava_connection(athlete_id).await?;
        let connection = connection.ok_or(Halt::NotConnected)?;
        let begun_us = self.now_us();
        let mut next = self.look_at(athlete_id, None, task).await?;
        let swept_us = connection.swept_at_us.unwrap_or(connection.connected_at_us);
        let is_due = begun_us >= swept_us.saturating_add(SWEEP.as_micros() as i64);
        // Who asks for all means all as it is now.
        let under_way = connection.sweep.filter(|_| !all || task.was_begun_before());
        let sweep_begun_us = match under_way {
            Some(sweep) => {
                next = Timestamp::from_microsecond(sweep.before_us).ok();
                sweep.begun_us
            }
            None if all || is_due => begun_us,
            None => {
                catalog
                    .strava_polled(athlete_id, begun_us, StravaListed::Newest)
                    .await?;
                return Ok(());
            }
        };
        while let Some(before) = next {
            let sweep = StravaSweep {
                begun_us: sweep_begun_us,
                before_us: before.as_microsecond(),
            };
            catalog
                .strava_polled(athlete_id, begun_us, StravaListed::So(sweep))
                .await?;
            if task.stop_asked() {
                return Err(Halt::Stopping);
            }
            next = self.look_at(athlete_id, Some(before), task).await?;
        }
        let listed = StravaListed::All {
            begun_us: sweep_begun_us,
        };
        catalog.strava_polled(athlete_id, begun_us, listed).await?;
        Ok(())
    }

    /// Looks at the page of activities that started before this, at the newest
    /// without; answers before when those of the next one did, and `None` at the
    /// end.
    async fn look_at(
        &self,
        athlete_id: AthleteId,
        before: Option<Timestamp>,
        task: &TaskHandle,
    ) -> Result<Option<Timestamp>, Halt> {
        let list = List {
            before,
            per_page: PAGE,
            ..List::default()
        };
        let listed = self.list(athlete_id, Purpose::Poll, list).await?;
        let changed = self.note(athlete_id, &listed).await?;
        // What is new far back belongs to the history.
        let why = match before {
            None => Why::Poll,
            Some(_) => Why::Backfill,
        };
        self.enqueue_fetches(athlete_id, &changed.fetch, why, task.request_id())
            .await?;
        let seen: HashSet<i64> = listed.iter().map(|summary| summary.id).collect();
        self.look_for_missing(athlete_id, changed.oldest, before, &seen, task)
            .await?;
        // Only an empty page is the end: a shorter one may have lost some that
        // are not for us to see.
        Ok(changed.oldest.map(|oldest| next_before(oldest, before)))
    }

    /// What we know and a page did not show, between the oldest that it showed
    /// (`None`: nothing) and where it began (`None`: with the newest), is asked
    /// for by itself: it may have another start now.
    async fn look_for_missing(
        &self,
        athlete_id: AthleteId,
        oldest: Option<Timestamp>,
        before: Option<Timestamp>,
        seen: &HashSet<i64>,
        task: &TaskHandle,
    ) -> Result<(), Halt> {
        let from_us = oldest.map_or(i64::MIN, |oldest| oldest.as_microsecond().saturating_add(1));
        let to_us = before.map_or(i64::MAX, |before| before.as_microsecond().saturating_sub(1));
        let catalog = &self.context.storage.catalog;
        let known = catalog
            .strava_mirror_between(athlete_id, from_us, to_us)
            .await?;
        let missing: Vec<i64> = known
            .iter()
            .map(|row| row.strava_id)
            .filter(|id| !seen.contains(id))
            .collect();
        self.enqueue_fetches(athlete_id, &missing, Why::Poll, task.request_id())
            .await
    }
}
