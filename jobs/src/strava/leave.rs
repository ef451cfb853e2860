//! What follows the end of a connection: of what Strava's API brought goes what
//! may not stay, the subscription ends where nobody is left, and jobs that name
//! activities at Strava are forgotten.
//!
//! Whoever ends a connection does it at once. But they may be cut off after the
//! connection is gone, when nothing tells any more that there is something left:
//! so the same is written down as a job, in the transaction that takes the
//! connection away.

use async_trait::async_trait;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use storage::AthleteId;

use super::service::{Retention, Service};
use super::upkeep::OF_ATHLETE;
use crate::error::Error;
use crate::purge::Receipt;
use crate::queue::{Job, Stopped, TaskHandle, Trouble};
use crate::retention::Release;

/// How long after the end it is looked whether all of it was done.
pub(crate) const AFTER: SignedDuration = SignedDuration::from_mins(2);
/// How long what runs for the athlete is waited for, at a time.
const WAIT: SignedDuration = SignedDuration::from_mins(1);

/// The job that does what follows the end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// Whose.
    pub athlete_id: AthleteId,
    /// Why it ended, for the receipt.
    pub cause: String,
    /// Whether what the API brought goes also where its owner may keep it.
    pub purge: bool,
}

#[async_trait]
impl Job<Service> for Leave {
    const KIND: &'static str = "strava_leave";
    const PRIORITY: i64 = 15;
    const MAX_ATTEMPTS: i64 = 20;

    fn key(&self) -> String {
        // A wish that more goes is none that may be replaced by a lesser one.
        match self.purge {
            true => format!("{}/purge", self.athlete_id),
            false => self.athlete_id.to_string(),
        }
    }

    fn athlete(&self) -> Option<AthleteId> {
        Some(self.athlete_id)
    }

    async fn run(&self, service: &Service, _: &TaskHandle) -> Result<(), Stopped> {
        let catalog = &service.context.storage.catalog;
        if catalog.strava_connection(self.athlete_id).await?.is_some() {
            // They connected anew, before which all of it was done.
            return Ok(());
        }
        // Whatever hinders it is tried again: another process may be letting the
        // same copies go, and take files away that this one was to read.
        let again = |error: Error| Stopped::Retry(Trouble::from(&error));
        let left = service.clear_up(self).await.map_err(again)?;
        left.subscription_ended.map_err(again)?;
        match left.running {
            0 => Ok(()),
            _ => Err(Stopped::WaitUntil {
                at: service.now() + WAIT,
                why: "work for the athlete is under way still".to_owned(),
            }),
        }
    }
}

/// What was done after a connection ended.
pub(crate) struct Cleared {
    /// Whether the subscription ended, since nobody is left; or why it stands.
    pub subscription_ended: Result<bool, Error>,
    /// The receipt of what went, where there was any.
    pub purged: Option<Receipt>,
    /// How many jobs of the athlete run still.
    pub running: u64,
}

impl Service {
    /// Does what follows the end of a connection, or what is left of it.
    pub(crate) async fn clear_up(&self, leave: &Leave) -> Result<Cleared, Error> {
        let catalog = &self.context.storage.catalog;
        let subscription_ended = match catalog.strava_connections().await?.is_empty() {
            true => self.end_subscription().await,
            false => Ok(false),
        };
        let athlete_id = leave.athlete_id;
        let purged = match leave.purge || self.config().retention == Retention::Policy {
            true => {
                let all = Release::Everything;
                self.release(athlete_id, all, &leave.cause).await?
            }
            false => None,
        };
        Ok(Cleared {
            subscription_ended,
            purged,
            running: catalog.forget_jobs(athlete_id, OF_ATHLETE).await?,
        })
    }
}
