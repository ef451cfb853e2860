//! Work for a whole installation that its admin asks for: jobs, since they take
//! longer than a request.
//!
//! They need the lake and the catalog alone ([`Context`]), so that they run
//! where Strava is not set up, too. Each is about one athlete or about all.

pub mod best_efforts;
mod followed;
pub mod resync;
pub mod streams;
pub mod thumbnails;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use storage::AthleteId;

use crate::context::Context;
use crate::error::Error;
use crate::progress::Stop;
use crate::queue::{Job, Stopped, TaskHandle, Worker};

/// How many of these jobs one process runs at a time: each keeps all cores
/// busy.
const AT_ONCE: usize = 1;

/// A worker that knows every kind.
pub fn worker(context: &Context) -> Worker<Context> {
    let catalog = context.storage.catalog.clone();
    Worker::new(catalog, context.clone(), context.now)
        .register::<best_efforts::Calculate>()
        .register::<best_efforts::Clear>()
        .register::<resync::Resync>()
        .register::<streams::SyncStreams>()
        .register::<thumbnails::QueueThumbnails>()
}

/// Runs these jobs until it is asked to stop.
pub async fn run(context: &Context, stop: Stop) {
    worker(context).run(AT_ONCE, stop).await;
}

/// Work about one athlete or all of them: a job whose key says about whom.
#[async_trait]
pub trait Chore: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// As [`Job::KIND`].
    const KIND: &'static str;
    /// As [`Job::PRIORITY`].
    const PRIORITY: i64;

    /// Whom it is about; `None`: everybody.
    fn whose(&self) -> Option<AthleteId>;

    /// What else makes it another job than one about the same, for the key.
    fn how(&self) -> Option<&'static str> {
        None
    }

    /// Does it, for an athlete that there is.
    ///
    /// # Errors
    /// Why it is not done.
    async fn carry_out(&self, context: &Context, task: &TaskHandle) -> Result<(), Stopped>;
}

#[async_trait]
impl<C: Chore> Job<Context> for C {
    const KIND: &'static str = C::KIND;
    const PRIORITY: i64 = C::PRIORITY;
    const MAX_ATTEMPTS: i64 = 5;

    fn key(&self) -> String {
        let whose = self.whose();
        let whose = whose.map_or_else(|| "all".to_owned(), |id| id.to_string());
        match self.how() {
            Some(how) => format!("{whose}/{how}"),
            None => whose,
        }
    }

    fn athlete(&self) -> Option<AthleteId> {
        self.whose()
    }

    async fn run(&self, context: &Context, task: &TaskHandle) -> Result<(), Stopped> {
        athletes(context, self.whose()).await?;
        self.carry_out(context, task).await
    }
}

/// The athletes that a job is about.
async fn athletes(
    context: &Context,
    athlete_id: Option<AthleteId>,
) -> Result<Vec<AthleteId>, Error> {
    let catalog = &context.storage.catalog;
    match athlete_id {
        Some(id) => {
            let athlete = catalog.athlete(id).await?;
            let athlete = athlete.ok_or(Error::NoSuchAthlete(id))?;
            Ok(vec![athlete.athlete_id])
        }
        None => {
            let athletes = catalog.athletes().await?;
            Ok(athletes.iter().map(|athlete| athlete.athlete_id).collect())
        }
    }
}
