//! Looks for what no event told: lost events, edits that send none, deletions
//! that were missed, uploads of old files.
//!
//! The newest page is looked at often, and all pages once a day, so that what
//! lies far back is found too. A list costs one read for 200 activities.

use std::collections::HashSet;
use std::time::Duration;

use ::strava::{List, Summary};
use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use storage::AthleteId;

use super::backfill::PAGE;
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
        let begun = self.now();
        let swept = connection.swept_at_us.unwrap_or(connection.connected_at_us);
        let swept = Timestamp::from_microsecond(swept).unwrap_or(begun);
        let sweep = all || begun >= swept + SWEEP;
        let mut seen: HashSet<i64> = HashSet::new();
        let mut page = 1;
        let mut oldest = None;
        loop {
            let list = List {
                page,
                per_page: PAGE,
                ..List::default()
            };
            let listed = self.list(athlete_id, Purpose::Poll, list).await?;
            let changed = self.note(athlete_id, &listed).await?;
            // What is new far back belongs to the history.
            let why = match page {
                1 => Why::Poll,
                _ => Why::Backfill,
            };
            self.enqueue_fetches(athlete_id, &changed.fetch, why, task.request_id())
                .await?;
            seen.extend(listed.iter().map(|summary: &Summary| summary.id));
            oldest = match (oldest, changed.oldest) {
                (Some(before), Some(now)) => Some(std::cmp::min::<Timestamp>(before, now)),
                (before, now) => before.or(now),
            };
            // Only an empty page is the end: a shorter one may have lost some
            // that are not for us to see.
            if listed.is_empty() {
                self.look_for_missing(athlete_id, None, &seen, task).await?;
                break;
            }
            if !sweep {
                self.look_for_missing(athlete_id, oldest, &seen, task)
                    .await?;
                break;
            }
            page += 1;
        }
        catalog
            .strava_polled(athlete_id, begun.as_microsecond(), sweep)
            .await?;
        Ok(())
    }

    /// What we know and the list did not show, from `oldest` on (`None`: at
    /// all), is asked for by itself: a list may shift between two pages.
    async fn look_for_missing(
        &self,
        athlete_id: AthleteId,
        oldest: Option<Timestamp>,
        seen: &HashSet<i64>,
        task: &TaskHandle,
    ) -> Result<(), Halt> {
        let from_us = oldest.map_or(i64::MIN, |oldest| oldest.as_microsecond().saturating_add(1));
        let catalog = &self.context.storage.catalog;
        let known = catalog
            .strava_mirror_between(athlete_id, from_us, i64::MAX)
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
