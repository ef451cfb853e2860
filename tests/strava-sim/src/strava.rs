//! The simulated Strava: what it knows, its time, and what it sends events by.
//! Handlers, deliveries and the control hold it in common.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::Options;
use crate::clock::Time;
use crate::error::Error;
use crate::world::World;

/// The simulated Strava.
#[derive(Debug)]
pub(crate) struct Strava {
    world: Mutex<World>,
    pub(crate) time: Time,
    pub(crate) client: reqwest::Client,
    pub(crate) runtime: Handle,
    /// How many tasks deliver events.
    pub(crate) in_flight: watch::Sender<usize>,
    /// How long to wait before an event is sent again, by the machine's clock.
    pub(crate) between_attempts: Duration,
}

impl Strava {
    /// # Errors
    /// [`Error::Client`] where no HTTP client can be made.
    pub(crate) fn new(options: &Options<'_>) -> Result<Arc<Self>, Error> {
        let client = reqwest::Client::builder()
            .timeout(options.deadline)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|source| Error::Client { source })?;
        Ok(Arc::new(Self {
            world: Mutex::new(World::new(options.seed, options.callback_domain)),
            time: Time::new(options.clock),
            client,
            runtime: Handle::current(),
            in_flight: watch::Sender::new(0),
            between_attempts: options.between_attempts,
        }))
    }

    /// What the simulated Strava knows, alone. Nobody waits while holding it.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
