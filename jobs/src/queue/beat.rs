//! Signs of life: leases are renewed and progress is written down, for all
//! runs of a worker in one statement.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use storage::Error;
use storage::catalog::{Beat, Catalog, Held};
use tokio::sync::watch;

use super::handle::TaskHandle;

/// The longest that progress stays unwritten.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How it stands with the claim of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Claim {
    /// It holds.
    Held,
    /// It holds, and somebody called the job off.
    CalledOff,
    /// Another worker may have the job.
    Lost,
}

/// The runs of a worker.
pub(super) struct Runs {
    lease: Duration,
    runs: Mutex<BTreeMap<Held, Watched>>,
}

struct Watched {
    task: TaskHandle,
    claim: watch::Sender<Claim>,
    /// When the claim was made or last renewed, at the earliest.
    renewed: Instant,
}

impl Runs {
    pub fn new(lease: Duration) -> Self {
        Self {
            lease,
            runs: Mutex::default(),
        }
    }

    /// How long a claim holds that is not renewed.
    pub fn lease(&self) -> Duration {
        self.lease
    }

    /// How often to call [`beat`](Self::beat).
    pub fn pause(&self) -> Duration {
        (self.lease / 5).min(LONGEST_PAUSE)
    }

    /// Watches a run whose claim was made after `claimed`.
    pub fn add(&self, task: &TaskHandle, claimed: Instant) -> watch::Receiver<Claim> {
        let (claim, receiver) = watch::channel(Claim::Held);
        let watched = Watched {
            task: task.clone(),
            claim,
            renewed: claimed,
        };
        self.runs().insert(task.held(), watched);
        receiver
    }

    /// The run is over.
    pub fn remove(&self, held: Held) {
        self.runs().remove(&held);
    }

    /// Renews the leases of which a third is over, and all of them where some
    /// progress is to be written. A run whose lease is over by our own clock
    /// has lost its claim, whatever the catalog would say.
    ///
    /// # Errors
    /// [`Error::Database`]; the next beat tries again.
    pub async fn beat(&self, catalog: &Catalog) -> Result<(), Error> {
        let begun = Instant::now();
        let mut beats = Vec::new();
        let mut is_urgent = false;
        for (held, watched) in self.runs().iter() {
            let age = begun.saturating_duration_since(watched.renewed);
            if age > self.lease {
                watched.claim.send_replace(Claim::Lost);
                continue;
            }
            let progress = watched.task.unwritten();
            is_urgent |= progress.is_some() || age >= self.lease / 3;
            beats.push(Beat {
                held: *held,
                progress,
            });
        }
        if !is_urgent {
            return Ok(());
        }
        let answered = catalog.renew(&beats, self.lease).await?;
        let answered: BTreeMap<_, _> = answered.into_iter().collect();
        let mut runs = self.runs();
        for beat in &beats {
            let Some(watched) = runs.get_mut(&beat.held) else {
                continue;
            };
            match answered.get(&beat.held) {
                Some(is_cancelled) => {
                    watched.renewed = begun;
                    if let Some(progress) = &beat.progress {
                        watched.task.written(progress);
                    }
                    if *is_cancelled {
                        watched.claim.send_replace(Claim::CalledOff);
                    }
                }
                None => {
                    watched.claim.send_replace(Claim::Lost);
                }
            }
        }
        Ok(())
    }

    fn runs(&self) -> std::sync::MutexGuard<'_, BTreeMap<Held, Watched>> {
        // Nothing that is done under it can leave the map half changed.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
