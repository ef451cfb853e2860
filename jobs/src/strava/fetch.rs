//! Fetches one activity and takes it in, or lets it go where it is not there
//! any more.

use ::strava::{List, Summary, Verdict};
use async_trait::async_trait;
use bytes::Bytes;
use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use pipeline::decode::strava::api::document;
use pipeline::recording::Format;
use serde::{Deserialize, Serialize};
use storage::catalog::{Athlete, MirrorRow, NewJob, Source};
use storage::metric::FETCHES;
use storage::{AthleteId, Code, Failure};
use uuid::Uuid;

use super::budget::Purpose;
use super::live::external_id;
use super::service::Service;
use super::trouble::Halt;
use crate::copies;
use crate::derive;
use crate::error::Error;
use crate::purge::Receipt;
use crate::queue::{Job, Stopped, TaskHandle, URGENT, new_job};
use crate::report::Outcome;
use crate::retention::{self, Release};

/// The job that fetches one activity, whatever it is that asks for it: what
/// was announced, listed and asked for by hand comes to one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fetch {
    /// Whose.
    pub athlete_id: AthleteId,
    /// Its id at Strava.
    pub strava_id: i64,
    /// Why.
    pub why: Why,
}

/// Why an activity is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Strava announced it, or somebody asked for it.
    Event,
    /// A list shows it otherwise than it was fetched.
    Poll,
    /// It belongs to the history.
    Backfill,
}

impl Why {
    fn purpose(self) -> Purpose {
        match self {
            Self::Event => Purpose::Event,
            Self::Poll => Purpose::Poll,
            Self::Backfill => Purpose::Backfill,
        }
    }

    /// Less comes first; an event is urgent.
    pub(super) fn priority(self) -> i64 {
        match self {
            Self::Event => 10,
            Self::Poll => URGENT,
            Self::Backfill => 50,
        }
    }

    /// The most urgent of why a job was asked for, whatever asked last: it spends
    /// what is kept for those that it stands among.
    fn of(task: &TaskHandle) -> Self {
        let by_urgency = [Self::Event, Self::Poll];
        let found = by_urgency
            .into_iter()
            .find(|why| task.priority() <= why.priority());
        found.unwrap_or(Self::Backfill)
    }
}

/// How often an activity is fetched again whose samples Strava has not ready.
const LAGS: u32 = 6;
/// After how long the first time; each time twice as long.
const LAG: SignedDuration = SignedDuration::from_secs(10);
/// Samples are waited for where an activity ended so recently.
const FRESH: SignedDuration = SignedDuration::from_hours(48);

impl Fetch {
    /// The line of the queue for it, as urgent as why it is fetched.
    ///
    /// # Errors
    /// As [`new_job`].
    pub fn line(&self, request_id: Option<&str>) -> Result<NewJob, Error> {
        Ok(NewJob {
            priority: self.why.priority(),
            ..new_job(self, request_id, None)?
        })
    }
}

#[async_trait]
impl Job<Service> for Fetch {
    const KIND: &'static str = "strava_fetch";
    const PRIORITY: i64 = 50;
    const MAX_ATTEMPTS: i64 = 8;

    fn key(&self) -> String {
        format!("{}/{}", self.athlete_id, self.strava_id)
    }

    fn athlete(&self) -> Option<AthleteId> {
        Some(self.athlete_id)
    }

    async fn run(&self, service: &Service, task: &TaskHandle) -> Result<(), Stopped> {
        let why = Why::of(task);
        let fetched = service.fetch(self.athlete_id, self.strava_id, why.purpose(), false);
        match fetched.await {
            Ok(Fetched::Lags | Fetched::Kept) => {
                let again = Streams {
                    fetch: Self {
                        why,
                        ..self.clone()
                    },
                    times: 1,
                };
                again.enqueue(service, task).await
            }
            Ok(Fetched::Taken | Fetched::Gone) => Ok(()),
            Err(halt) => stopped(service, self.athlete_id, halt),
        }
    }
}

/// The job that asks again for samples which were not ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Streams {
    /// What was fetched without them.
    pub fetch: Fetch,
    /// The how manieth time this is.
    pub times: u32,
}

impl Streams {
    async fn enqueue(&self, service: &Service, task: &TaskHandle) -> Result<(), Stopped> {
        let wait = LAG * (1 << self.times.saturating_sub(1).min(16));
        let line = NewJob {
            priority: self.fetch.why.priority(),
            ..new_job(self, task.request_id(), Some(service.now() + wait))?
        };
        let catalog = &service.context.storage.catalog;
        catalog.enqueue(std::slice::from_ref(&line)).await?;
        Ok(())
    }
}

#[async_trait]
impl Job<Service> for Streams {
    const KIND: &'static str = "strava_streams";
    const PRIORITY: i64 = 50;
    const MAX_ATTEMPTS: i64 = 8;

    /// Each time has a line of its own: the one that runs cannot be enqueued
    /// for later.
    fn key(&self) -> String {
        format!("{}#{}", Job::<Service>::key(&self.fetch), self.times)
    }

    fn athlete(&self) -> Option<AthleteId> {
        Some(self.fetch.athlete_id)
    }

    async fn run(&self, service: &Service, task: &TaskHandle) -> Result<(), Stopped> {
        let Fetch {
            athlete_id,
            strava_id,
            ..
        } = self.fetch;
        let why = Why::of(task);
        let fetched = service.fetch(athlete_id, strava_id, why.purpose(), self.times >= LAGS);
        match fetched.await {
            Ok(Fetched::Lags | Fetched::Kept) if self.times < LAGS => {
                let again = Self {
                    fetch: Fetch {
                        why,
                        ..self.fetch.clone()
                    },
                    times: self.times + 1,
                };
                again.enqueue(service, task).await
            }
            Ok(_) => Ok(()),
            Err(halt) => stopped(service, athlete_id, halt),
        }
    }
}

/// What became of an activity that was to be fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It is in.
    Taken,
    /// It is in, but without samples, which Strava may have ready later.
    Lags,
    /// It came without samples where the copy that is there has some, which
    /// stays for now.
    Kept,
    /// It is not there, or not for us to see.
    Gone,
}

impl Service {
    /// Fetches one activity of an athlete and takes it in; where Strava shows
    /// it no more, its copy goes. Where nobody asks again, `is_last`, it is taken in
    /// without samples whatever is there.
    ///
    /// # Errors
    /// A [`Halt`], which says whether to wait.
    async fn fetch(
        &self,
        athlete_id: AthleteId,
        strava_id: i64,
        purpose: Purpose,
        is_last: bool,
    ) -> Result<Fetched, Halt> {
        // Before anything is fetched: what a purge or a release was to take away
        // must not come in after it.
        let catalog = &self.context.storage.catalog;
        let athlete = catalog.athlete(athlete_id).await?;
        let athlete = athlete.ok_or(Halt::NotConnected)?;
        if athlete.is_being_released() {
            // No copy comes in meanwhile: reads would be spent for nothing.
            return Err(Error::Released(athlete_id).into());
        }
        let fetched = self.now();
        let activity = self
            .read(athlete_id, purpose, &move |client, token| {
                async move { client.activity(&token, strava_id).await }.boxed()
            })
            .await;
        let activity = match found(activity)? {
            Some(activity) => activity,
            None => return self.gone(athlete_id, strava_id, purpose).await,
        };
        let summary = Summary::parse(&activity).map_err(Error::Strava)?;
        let streams = match summary.manual {
            true => None,
            false => {
                let streams = self
                    .read(athlete_id, purpose, &move |client, token| {
                        async move { client.streams(&token, strava_id).await }.boxed()
                    })
                    .await;
                found(streams)?.flatten()
            }
        };
        let elapsed = SignedDuration::from_secs(summary.elapsed_time_s.unwrap_or_default());
        let is_fresh = fetched.duration_since(summary.start_date) < elapsed.saturating_add(FRESH);
        let lags = streams.is_none() && !summary.manual && is_fresh;
        metrics::counter!(FETCHES.name).increment(1);
        let present = self.copies_of(athlete_id, summary.id).await?;
        let has_samples = present.iter().any(|copy| copy.non_null_values > 0);
        if streams.is_none() && !summary.manual && has_samples && !is_last {
            return Ok(Fetched::Kept);
        }
        let until = self.config().retention.until(fetched);
        let copy = Copy {
            activity,
            streams,
            fetched,
            // What an older copy told is in older snapshots until it goes, so a
            // newer one does not stay longer.
            retain_until: until.map(|until| earliest(&present).unwrap_or(until).min(until)),
            lags,
        };
        self.take_in(&athlete, &summary, copy).await?;
        Ok(if lags { Fetched::Lags } else { Fetched::Taken })
    }

    /// The copies of an activity that are there.
    async fn copies_of(&self, athlete_id: AthleteId, strava_id: i64) -> Result<Vec<Source>, Error> {
        let catalog = &self.context.storage.catalog;
        let ids = [external_id(strava_id)];
        let mut there = catalog.sources_by_external_id(athlete_id, &ids).await?;
        there.retain(|source| source.format == Format::StravaApi.name());
        Ok(there)
    }

    /// Takes in what was fetched, and brings ranks and statistics up to date.
    async fn take_in(&self, athlete: &Athlete, summary: &Summary, copy: Copy) -> Result<(), Halt> {
        let (context, athlete_id) = (&self.context, athlete.athlete_id);
        let Copy {
            activity,
            streams,
            fetched,
            retain_until,
            lags,
        } = copy;
        let document = tokio::task::spawn_blocking(move || {
            document(&activity, streams.as_deref()).map_err(|error| Error::StravaUnreadable {
                code: error.code(),
                reason: error.to_string(),
            })
        });
        let copy = copies::Fetched {
            document: document.await.map_err(Error::from)??,
            fetched_at: fetched,
            retain_until,
        };
        let _turn = self.taking_in(athlete_id).await;
        let taken = copies::take_in(context, athlete, Uuid::now_v7(), vec![copy]).await?;
        for (_, item) in &taken.items {
            tracing::info!(
                strava_id = summary.id,
                activity_id = item.activity_id.map(|id| id.0),
                outcome = item.outcome.name(),
                "an activity of Strava came in"
            );
            if item.outcome == Outcome::Failed {
                return Err(Error::StravaUnreadable {
                    code: Code::DamagedRecording,
                    reason: item.reason.clone(),
                }
                .into());
            }
        }
        let catalog = &context.storage.catalog;
        let fingerprint = summary.fingerprint();
        // What is listed differs from this, so that each poll asks for it again.
        let fetched_fingerprint = match lags {
            true => format!("{fingerprint}, without samples"),
            false => fingerprint.clone(),
        };
        let row = MirrorRow {
            strava_id: summary.id,
            start_time_us: summary.start_date.as_microsecond(),
            fingerprint,
            fetched_fingerprint: Some(fetched_fingerprint),
            is_durable: false,
        };
        catalog
            .write_strava_fetched(athlete_id, &row, fetched.as_microsecond())
            .await?;
        derive::reconcile_growth(context, athlete_id, taken.growth.as_ref()).await?;
        Ok(())
    }

    /// Lets an activity go that Strava does not show (any more).
    async fn gone(
        &self,
        athlete_id: AthleteId,
        strava_id: i64,
        purpose: Purpose,
    ) -> Result<Fetched, Halt> {
        let catalog = &self.context.storage.catalog;
        if !self.copies_of(athlete_id, strava_id).await?.is_empty() {
            // Something in between may have said so: then it does not list either.
            let one = List {
                per_page: 1,
                ..List::default()
            };
            self.list(athlete_id, purpose, one).await?;
        }
        let cause = "deleted at Strava, or not visible any more";
        self.release(athlete_id, Release::Activity(external_id(strava_id)), cause)
            .await?;
        catalog.forget_strava(athlete_id, strava_id).await?;
        Ok(Fetched::Gone)
    }

    /// Lets copies of an athlete go; answers the receipt, where there were any.
    pub(crate) async fn release(
        &self,
        athlete_id: AthleteId,
        what: Release,
        cause: &str,
    ) -> Result<Option<Receipt>, Error> {
        let _turn = self.taking_in(athlete_id).await;
        retention::release(&self.context, athlete_id, &what, cause).await
    }
}

/// One activity as it was fetched.
struct Copy {
    activity: Bytes,
    streams: Option<Bytes>,
    fetched: Timestamp,
    retain_until: Option<Timestamp>,
    /// Whether its samples may come later.
    lags: bool,
}

/// Until when the first of these copies may be kept.
fn earliest(copies: &[Source]) -> Option<Timestamp> {
    let until_us = copies
        .iter()
        .filter_map(|copy| copy.retain_until_us)
        .min()?;
    Timestamp::from_microsecond(until_us).ok()
}

/// What was found; `None` where it is not there.
fn found<T>(read: Result<T, Halt>) -> Result<Option<T>, Halt> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(Halt::Failed(Error::Strava(error))) if error.verdict() == Verdict::NotFound => Ok(None),
        Err(halt) => Err(halt),
    }
}

/// How a job stops that Strava, or we, halted.
pub(crate) fn stopped(service: &Service, athlete_id: AthleteId, halt: Halt) -> Result<(), Stopped> {
    if let Some((at, why)) = halt.wait(service.now()) {
        return Err(match halt.is_shared() {
            true => Stopped::Limited { at, why },
            false => Stopped::WaitUntil { at, why },
        });
    }
    match halt {
        // There is nothing to do for someone who is not connected.
        Halt::NotConnected => Ok(()),
        halt => Err(halt.into_error(athlete_id).into()),
    }
}
