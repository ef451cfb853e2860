//! What Strava announces: kept before it is answered, many at a time.
//!
//! One task writes. While it does, others' events gather, and go in the next
//! transaction together: so that hundreds a second cost a few transactions, and
//! none is answered before it is on disk.

use std::collections::BTreeMap;

use ::strava::{Aspect, Event, Meaning, ObjectType};
use storage::AthleteId;
use storage::catalog::{NewJob, StravaEvent};
use storage::metric::EVENTS;
use tokio::sync::{mpsc, oneshot};

use super::fetch::{Fetch, Why};
use super::service::Service;
use super::upkeep::Check;
use crate::error::Error;
use crate::queue::new_job;

/// How many events wait at most; more are told to come again.
const WAITING: usize = 4_096;
/// How many go into one transaction.
const TOGETHER: usize = 512;

/// Why an event is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwanted {
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

struct Letter {
    event: StravaEvent,
    job: Option<NewJob>,
    kept: oneshot::Sender<Result<(), String>>,
}

impl Mailbox {
    /// A mailbox whose writer runs until the last clone is gone.
    pub fn open(service: Service) -> Self {
        let (letters, mut waiting) = mpsc::channel::<Letter>(WAITING);
        let catalog = service.context.storage.catalog.clone();
        tokio::spawn(async move {
            let mut gathered = Vec::with_capacity(TOGETHER);
            while waiting.recv_many(&mut gathered, TOGETHER).await > 0 {
                let events: Vec<_> = gathered.iter().map(|l: &Letter| l.event.clone()).collect();
                let jobs: BTreeMap<_, _> = gathered
                    .iter()
                    .filter_map(|letter| letter.job.clone())
                    .map(|job| ((job.kind.clone(), job.key.clone()), job))
                    .collect();
                let jobs: Vec<_> = jobs.into_values().collect();
                let kept = catalog.keep_strava_events(&events, &jobs).await;
                let kept = kept.map_err(|error| {
                    tracing::error!(%error, events = events.len(), "events could not be kept");
                    error.to_string()
                });
                for letter in gathered.drain(..) {
                    // Who does not wait any more is sent it again by Strava.
                    let _ = letter.kept.send(kept.clone());
                }
            }
        });
        Self { service, letters }
    }

    /// Whether one more event would be taken.
    pub fn has_room(&self) -> bool {
        !self.letters.is_closed() && self.letters.capacity() > 0
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
        let Ok(event) = Event::parse(body) else {
            return Ok(Received::Refused(Unwanted::Unreadable));
        };
        let service = &self.service;
        let catalog = &service.context.storage.catalog;
        let app = catalog.known_strava_app().await?;
        let ours = app.and_then(|app| app.subscription_id);
        if ours != Some(event.subscription_id) {
            return Ok(Received::Refused(Unwanted::OtherSubscription));
        }
        let connection = catalog.strava_connection_of(event.owner_id).await?;
        let Some(connection) = connection else {
            return Ok(Received::Refused(Unwanted::UnknownAthlete));
        };
        let job = job_of(&event, connection.athlete_id, request_id)?;
        let (kept, answer) = oneshot::channel();
        let letter = Letter {
            event: StravaEvent {
                object_type: kind(&event.object_type).to_owned(),
                object_id: event.object_id,
                aspect_type: aspect(&event.aspect_type).to_owned(),
                strava_athlete_id: event.owner_id,
                event_at_s: event.event_time.as_second(),
                updates: serde_json::to_string(&event.updates)?,
                received_at_us: service.now_us(),
            },
            job,
            kept,
        };
        let busy = || Error::StravaEvents("too many events wait already".to_owned());
        self.letters.try_send(letter).map_err(|_| busy())?;
        match answer.await {
            Ok(Ok(())) => Ok(Received::Kept),
            Ok(Err(said)) => Err(Error::StravaEvents(said)),
            Err(_) => Err(busy()),
        }
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
