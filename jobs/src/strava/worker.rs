//! The worker of everything that has to do with Strava.

use super::backfill::Backfill;
use super::fetch::{Fetch, Streams};
use super::leave::Leave;
use super::poll::Poll;
use super::service::Service;
use super::upkeep::{Check, Expire, Refresh, Subscribe, Upkeep};
use crate::error::Error;
use crate::progress::Stop;
use crate::queue::{Worker, enqueue};

/// A worker that knows every kind of job of this service.
pub fn worker(service: &Service) -> Worker<Service> {
    let catalog = service.context.storage.catalog.clone();
    Worker::new(catalog, service.clone(), service.context.now)
        .register::<Fetch>()
        .register::<Streams>()
        .register::<Backfill>()
        .register::<Poll>()
        .register::<Refresh>()
        .register::<Check>()
        .register::<Expire>()
        .register::<Leave>()
        .register::<Subscribe>()
        .register::<Upkeep>()
}

/// Runs jobs, so many at once, until it is asked to stop. Tokens that an older
/// key sealed are sealed anew first.
///
/// # Errors
/// Where the catalog fails at the beginning, or a key is missing.
pub async fn run(service: &Service, at_once: usize, stop: Stop) -> Result<(), Error> {
    let resealed = service.reseal().await?;
    if resealed > 0 {
        tracing::info!(resealed, "tokens were sealed with the newest key");
    }
    let catalog = &service.context.storage.catalog;
    service.date_copies().await?;
    enqueue(catalog, &Upkeep {}, None, None).await?;
    worker(service).run(at_once, stop).await;
    Ok(())
}
