//! What Strava announces: kept before it is answered, many at a time.
//!
//! One task looks events over and writes them. While it does, others gather, and
//! are next together: so that hundreds a second cost a few lookups and
//! transactions, and none is answered before it is on disk.

use std::collections::{BTreeMap, BTreeSet};

use ::strava::{Aspect, Event, Meaning, ObjectType, Verdict};
use storage::AthleteId;
use storage::catalog::{NewJob, StravaAudience, StravaEvent};
use storage::metric::EVENTS;
use tokio::sync::{mpsc, oneshot};

use super::fetch::{Fetch, Why};
use super::service::Service;
use super::upkeep::Check;
use crate::error::Error;
use crate::queue::{Job, new_job};

/// How many events wait at most; more are told to come again.
const WAITING: usize = 4_096;
/// How many go into one transaction.
const TOGETHER: usize = 512;

/// Why an event is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwanted {
    /// It is longer than any event.
    Oversized,
    /// It is no event.
    Unreadable,
    /// It is of a subscription that is not ours.
    OtherSubscription,
    /// It is about someone who is not connected.
    UnknownAthlete,
}

impl Unwanted {
    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Oversized => "oversized",
            Self::Unreadable => "unreadable",
            Self::OtherSubscription => "other_subscription",
            Self::UnknownAthlete => "unknown_athlete",
        }
    }
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Received {
    /// It is kept, and somebody looks after it.
    Kept,
    /// It is not taken.
    Refused(Unwanted),
}

/// Takes events in. Clones share one writer.
#[derive(Clone)]
pub struct Mailbox {
    service: Service,
    letters: mpsc::Sender<Letter>,
}

/// An event that waits for its turn, and who waits for what becomes of it.
struct Letter {
    event: Event,
    request_id: String,
    received_at_us: i64,
    told: oneshot::Sender<Result<Received, String>>,
}

impl Mailbox {
    /// A mailbox whose writer runs until the last clone is gone.
    pub fn open(service: Service) -> Self {
        let (letters, mut waiting) = mpsc::channel::<Letter>(WAITING);
        let writer = service.clone();
        tokio::spawn(async move {
            let mut gathered = Vec::with_capacity(TOGETHER);
            while waiting.recv_many(&mut gathered, TOGETHER).await > 0 {
                let (received, failed) = match writer.keep(&gathered).await {
                    Ok(received) => (received, None),
                    Err(error) => {
                        let events = gathered.len();
                        tracing::error!(%error, events, "events could not be kept");
                        (Vec::new(), Some(error.to_string()))
                    }
                };
                let mut received = received.into_iter();
                for letter in gathered.drain(..) {
                    let outcome = match &failed {
                        Some(said) => Err(said.clone()),
                        None => received
                            .next()
                            .ok_or_else(|| "it was passed over".to_owned()),
                    };
                    // Who does not wait any more is sent it again by Strava.
                    let _ = letter.told.send(outcome);
                }
            }
        });
        Self { service, letters }
    }

    /// Whether somebody writes events down.
    pub fn is_open(&self) -> bool {
        !self.letters.is_closed()
    }

    /// Whether one more event would be taken.
    pub fn has_room(&self) -> bool {
        self.letters.capacity() > 0
    }

    /// Whether `secret`, the end of a path, is ours; compared in constant time.
    ///
    /// # Errors
    /// Where the catalog fails, or its key is missing.
    pub async fn is_ours(&self, secret: &str) -> Result<bool, Error> {
        use subtle::ConstantTimeEq;
        let ours = self.service.webhook_secret().await?;
        Ok(ours.expose().as_bytes().ct_eq(secret.as_bytes()).into())
    }

    /// Keeps an event, with the job that looks after it; answers when both are
    /// on disk.
    ///
    /// # Errors
    /// Where the catalog fails: Strava then sends it again.
    pub async fn receive(&self, body: &[u8], request_id: &str) -> Result<Received, Error> {
        let received = self.receive_counted(body, request_id).await;
        let outcome = match &received {
            Ok(Received::Kept) => "kept",
            Ok(Received::Refused(unwanted)) => unwanted.name(),
            Err(_) => "failed",
        };
        metrics::counter!(EVENTS.name, "outcome" => outcome).increment(1);
        received
    }

    async fn receive_counted(&self, body: &[u8], request_id: &str) -> Result<Received, Error> {
        let event = match Event::parse(body) {
            Ok(event) => event,
            Err(error) => {
                return Ok(Received::Refused(match error.verdict() {
                    Verdict::TooLarge => Unwanted::Oversized,
                    _ => Unwanted::Unreadable,
                }));
            }
        };
        let (told, answer) = oneshot::channel();
        let letter = Letter {
            event,
            request_id: request_id.to_owned(),
            received_at_us: self.service.now_us(),
            told,
        };
        let busy = || Error::StravaEvents("too many events wait already".to_owned());
        self.letters.try_send(letter).map_err(|_| busy())?;
        match answer.await {
            Ok(outcome) => outcome.map_err(Error::StravaEvents),
            Err(_) => Err(busy()),
        }
    }
}

impl Service {
    /// Keeps those of these events that are ours, with the jobs that look after
    /// them; answers what became of each. The number of statements does not
    /// grow with the events.
    async fn keep(&self, letters: &[Letter]) -> Result<Vec<Received>, Error> {
        let owners: BTreeSet<i64> = letters.iter().map(|letter| letter.event.owner_id).collect();
        let mut received = Vec::with_capacity(letters.len());
        let choose = |audience: &StravaAudience| {
            let mut events = Vec::with_capacity(letters.len());
            let mut jobs = BTreeMap::new();
            for letter in letters {
                let is_ours = audience.subscription_id == Some(letter.event.subscription_id);
                let athlete_id = audience.athletes.get(&letter.event.owner_id);
                received.push(match (is_ours, athlete_id) {
                    (false, _) => Received::Refused(Unwanted::OtherSubscription),
                    (true, None) => Received::Refused(Unwanted::UnknownAthlete),
                    (true, Some(athlete_id)) => {
                        events.push(letter.stored()?);
                        if let Some(job) = job_of(&letter.event, *athlete_id, &letter.request_id)? {
                            jobs.insert((job.kind.clone(), job.key.clone()), job);
                        }
                        Received::Kept
                    }
                });
            }
            Ok::<_, Error>((events, jobs.into_values().collect()))
        };
        let catalog = &self.context.storage.catalog;
        let priorities = vec![Why::Event.priority(), Check::PRIORITY];
        catalog
            .keep_strava_events(owners.into_iter().collect(), priorities, choose)
            .await?;
        Ok(received)
    }
}

impl Letter {
    fn stored(&self) -> Result<StravaEvent, Error> {
        let event = &self.event;
        Ok(StravaEvent {
            object_type: kind(&event.object_type).to_owned(),
            object_id: event.object_id,
            aspect_type: aspect(&event.aspect_type).to_owned(),
            strava_athlete_id: event.owner_id,
            event_at_s: event.event_time.as_second(),
            updates: serde_json::to_string(&event.updates)?,
            received_at_us: self.received_at_us,
        })
    }
}

fn kind(object: &ObjectType) -> &str {
    match object {
        ObjectType::Activity => "activity",
        ObjectType::Athlete => "athlete",
        ObjectType::Other(other) => other,
    }
}

fn aspect(aspect: &Aspect) -> &str {
    match aspect {
        Aspect::Create => "create",
        Aspect::Update => "update",
        Aspect::Delete => "delete",
        Aspect::Other(other) => other,
    }
}

/// The job that looks after an event. What the event says is not taken for
/// true: each comes to looking at Strava.
fn job_of(event: &Event, athlete_id: AthleteId, request_id: &str) -> Result<Option<NewJob>, Error> {
    let strava_id = match event.meaning() {
        Meaning::ActivityCreated(id)
        | Meaning::ActivityDeleted(id)
        | Meaning::ActivityUpdated { id, .. } => id,
        Meaning::Deauthorised => {
            let check = Check { athlete_id };
            return Ok(Some(new_job(&check, Some(request_id), None)?));
        }
        Meaning::Other => return Ok(None),
    };
    let fetch = Fetch {
        athlete_id,
        strava_id,
        why: Why::Event,
    };
    Ok(Some(fetch.line(Some(request_id))?))
}
