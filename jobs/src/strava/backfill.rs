//! Brings an athlete's history in, newest first, a page of the list at a time.
//! How far it got is in the catalog: whoever goes on goes on from there.

use ::strava::{List, Summary};
use async_trait::async_trait;
use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use storage::AthleteId;
use storage::catalog::MirrorRow;

use super::budget::Purpose;
use super::fetch::{Fetch, Why, stopped};
use super::service::Service;
use super::trouble::Halt;
use crate::error::Error;
use crate::queue::{Job, Stopped, TaskHandle};

/// How many activities a page has, as many as Strava gives.
pub const PAGE: u32 = 200;
/// So long a list does not ask again for what could not be fetched at last; an
/// event does, and whoever asks for the job again.
const GIVEN_UP: SignedDuration = SignedDuration::from_hours(24);
/// A page ends where the next begins; activities of the same second may stand
/// in either.
const OVERLAP: SignedDuration = SignedDuration::from_secs(1);

/// The job that lists an athlete's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backfill {
    /// Whose.
    pub athlete_id: AthleteId,
}

#[async_trait]
impl Job<Service> for Backfill {
    const KIND: &'static str = "strava_backfill";
    const PRIORITY: i64 = 40;
    const MAX_ATTEMPTS: i64 = 20;
    /// The others are for what happens now.
    const AT_ONCE: usize = 1;

    fn key(&self) -> String {
        self.athlete_id.to_string()
    }

    fn athlete(&self) -> Option<AthleteId> {
        Some(self.athlete_id)
    }

    async fn run(&self, service: &Service, task: &TaskHandle) -> Result<(), Stopped> {
        match service.backfill(self.athlete_id, task).await {
            Ok(()) => Ok(()),
            Err(halt) => stopped(service, self.athlete_id, halt),
        }
    }
}

/// What a list shows that is not as it was fetched.
pub(crate) struct Changed {
    /// To be fetched, newest first.
    pub fetch: Vec<i64>,
    /// The start of the oldest that was listed.
    pub oldest: Option<Timestamp>,
}

/// An instant that lies so much later, where the calendar has it: what Strava
/// says may lie at its very end.
fn shifted(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.checked_add(by).unwrap_or(at)
}

/// Before when the activities of the next page started, after a page of those
/// `before` an instant whose oldest is this. A page that brings nothing older
/// than where it began is not asked for again.
pub(crate) fn next_before(oldest: Timestamp, before: Option<Timestamp>) -> Timestamp {
    let next = shifted(oldest, OVERLAP);
    match before {
        Some(before) if next >= before => shifted(before, -OVERLAP),
        _ => next,
    }
}

impl Service {
    async fn backfill(&self, athlete_id: AthleteId, task: &TaskHandle) -> Result<(), Halt> {
        let catalog = &self.context.storage.catalog;
        loop {
            let connection = catalog.strava_connection(athlete_id).await?;
            let connection = connection.ok_or(Halt::NotConnected)?;
            if connection.backfill_done_at_us.is_some() {
                return Ok(());
            }
            let before = connection
                .backfill_before_us
                .and_then(|us| Timestamp::from_microsecond(us).ok());
            let list = List {
                before,
                per_page: PAGE,
                ..List::default()
            };
            let page = self.list(athlete_id, Purpose::Backfill, list).await?;
            let changed = self.note(athlete_id, &page).await?;
            self.enqueue_fetches(athlete_id, &changed.fetch, Why::Backfill, task.request_id())
                .await?;
            let next = changed.oldest.map(|oldest| next_before(oldest, before));
            let is_done = next.is_none();
            let done_at_us = is_done.then(|| self.now_us());
            let next_us = next.map(|next| next.as_microsecond());
            catalog
                .strava_backfilled(athlete_id, next_us, done_at_us)
                .await?;
            let counts = catalog.strava_counts(athlete_id).await?;
            let message = format!("{} activities listed", counts.listed);
            let number = |count: i64| count.unsigned_abs();
            task.progress(number(counts.present), number(counts.listed), &message);
            if is_done {
                return Ok(());
            }
            if task.stop_asked() {
                // Whoever takes it over goes on at the next page.
                return Err(Halt::Stopping);
            }
        }
    }

    /// A page of an athlete's activities.
    pub(crate) async fn list(
        &self,
        athlete_id: AthleteId,
        purpose: Purpose,
        list: List,
    ) -> Result<Vec<Summary>, Halt> {
        self.read(athlete_id, purpose, &move |client, token| {
            async move { client.activities(&token, &list).await }.boxed()
        })
        .await
    }

    /// Writes down what a page shows, and tells what of it is to be fetched: what
    /// was never, and what looks otherwise than it did. What the archive or a
    /// file brought is not fetched for the history's sake.
    pub(crate) async fn note(
        &self,
        athlete_id: AthleteId,
        page: &[Summary],
    ) -> Result<Changed, Halt> {
        let catalog = &self.context.storage.catalog;
        let ids: Vec<i64> = page.iter().map(|summary| summary.id).collect();
        let known = catalog.strava_mirror(athlete_id, &ids).await?;
        let external: Vec<String> = ids.iter().map(|id| format!("strava:{id}")).collect();
        let sources = catalog
            .sources_by_external_id(athlete_id, &external)
            .await?;
        let key = |strava_id: i64| {
            Job::<Service>::key(&Fetch {
                athlete_id,
                strava_id,
                why: Why::Poll,
            })
        };
        let keys: Vec<String> = ids.iter().copied().map(key).collect();
        let since_us = (self.now() - GIVEN_UP).as_microsecond();
        let kind = <Fetch as Job<Service>>::KIND;
        let given_up = catalog.failed_since(kind, &keys, since_us).await?;
        let mut rows = Vec::with_capacity(page.len());
        let mut fetch = Vec::new();
        let mut newest_first: Vec<&Summary> = page.iter().collect();
        newest_first.sort_by_key(|summary| (std::cmp::Reverse(summary.start_date), summary.id));
        newest_first.dedup_by_key(|summary| summary.id);
        for summary in &newest_first {
            let fingerprint = summary.fingerprint();
            let before = known.iter().find(|row| row.strava_id == summary.id);
            let external_id = format!("strava:{}", summary.id);
            let is_durable = sources.iter().any(|source| {
                source.external_id.as_deref() == Some(external_id.as_str())
                    && source.format != pipeline::recording::Format::StravaApi.name()
            });
            let fetched = before.and_then(|row| row.fetched_fingerprint.as_deref());
            let is_new = fetched.is_none() && !is_durable;
            let is_changed = match before {
                Some(row) => {
                    row.fingerprint != fingerprint
                        || fetched.is_some_and(|fetched| fetched != fingerprint)
                }
                None => false,
            };
            if (is_new || is_changed) && !given_up.contains(&key(summary.id)) {
                fetch.push(summary.id);
            }
            rows.push(MirrorRow {
                strava_id: summary.id,
                start_time_us: summary.start_date.as_microsecond(),
                fingerprint,
                fetched_fingerprint: None,
                is_durable,
            });
        }
        catalog
            .write_strava_listed(athlete_id, &rows, self.now_us())
            .await?;
        Ok(Changed {
            fetch,
            oldest: newest_first.last().map(|summary| summary.start_date),
        })
    }

    /// Enqueues the fetching of these activities.
    pub(crate) async fn enqueue_fetches(
        &self,
        athlete_id: AthleteId,
        ids: &[i64],
        why: Why,
        request_id: Option<&str>,
    ) -> Result<(), Halt> {
        let line = |strava_id: &i64| {
            let fetch = Fetch {
                athlete_id,
                strava_id: *strava_id,
                why,
            };
            fetch.line(request_id)
        };
        let lines: Vec<_> = ids.iter().map(line).collect::<Result<_, Error>>()?;
        if !lines.is_empty() {
            self.context.storage.catalog.enqueue(&lines).await?;
        }
        Ok(())
    }
}
