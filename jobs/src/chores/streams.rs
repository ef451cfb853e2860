//! Activities that Strava's API brought without samples: how many there are,
//! and asking for them once more.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use query::{Session, session::Limits};
use serde::{Deserialize, Serialize};
use storage::{ActivityId, AthleteId};

use super::{Chore, followed};
use crate::context::Context;
use crate::error::Error;
use crate::queue::{Stopped, TaskHandle};
use crate::strava::fetch::{Fetch, Why};

/// How many lines one transaction enqueues.
const LINES: usize = 500;

/// How it stands with the samples of activities from Strava's API.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StreamsStatus {
    /// Activities whose samples would come from Strava's API.
    pub activities: u64,
    /// Those that have none: written down by hand at Strava, or not ready when
    /// they were fetched.
    pub without_samples: u64,
}

/// Of each athlete's activities from Strava's API, how many there are and how
/// many of those have no samples.
const COUNTS: &str = "select athlete_id, count(*) as activities, \
     sum(case when samples = 0 then 1 else 0 end) as without_samples from activities \
     where source = 'strava_api' group by athlete_id order by athlete_id";

/// Those that have none, newest first.
const WITHOUT: &str = "select athlete_id, activity_id from activities \
     where source = 'strava_api' and samples = 0 \
     order by athlete_id, start_time desc, activity_id";

/// How it stands, by athlete.
///
/// # Errors
/// Where the lake cannot be read.
pub async fn status(context: &Context) -> Result<BTreeMap<AthleteId, StreamsStatus>, Error> {
    let session = session(context).await?;
    let rows = session.read("activities", COUNTS, []).await?;
    let mut status = BTreeMap::new();
    for batch in &rows.batches {
        let [athletes, activities, without] = [0, 1, 2].map(|column| {
            let column = batch.column(column);
            column.as_primitive::<Int64Type>().clone()
        });
        for row in 0..batch.num_rows() {
            let of = StreamsStatus {
                activities: activities.value(row).unsigned_abs(),
                without_samples: without.value(row).unsigned_abs(),
            };
            status.insert(AthleteId(athletes.value(row)), of);
        }
    }
    Ok(status)
}

async fn session(context: &Context) -> Result<Session, Error> {
    let view = context.storage.lake.latest().await?;
    Ok(Session::open(&view, Limits::jobs()).await?)
}

/// The job that asks for samples that are missing: it enqueues a fetch of each
/// activity without any, of athletes who are connected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncStreams {
    /// Whose; `None`: everybody's.
    pub athlete_id: Option<AthleteId>,
}

#[async_trait]
impl Chore for SyncStreams {
    const KIND: &'static str = "sync_streams";
    const PRIORITY: i64 = 40;

    fn whose(&self) -> Option<AthleteId> {
        self.athlete_id
    }

    async fn carry_out(&self, context: &Context, task: &TaskHandle) -> Result<(), Stopped> {
        let context = context.clone();
        let without = followed::apart(move || async move { without(&context).await });
        let mut without = without.await?;
        without.retain(|athlete_id, _| self.athlete_id.is_none_or(|only| only == *athlete_id));
        let total = without.len() as u64;
        let mut asked = 0;
        for (done, (athlete_id, fetches)) in without.into_iter().enumerate() {
            task.progress(done as u64, total, "ask for samples");
            if task.stop_asked() {
                return Err(task.stopping());
            }
            asked += fetches.len();
            enqueue(task, athlete_id, &fetches).await?;
        }
        let message = format!("{asked} activities are fetched again");
        task.progress(total, total, &message);
        Ok(())
    }
}

/// Fetches of what has no samples, by athletes who are connected.
async fn without(context: &Context) -> Result<BTreeMap<AthleteId, Vec<i64>>, Error> {
    let session = session(context).await?;
    let rows = session.read("activities", WITHOUT, []).await?;
    let mut missing: BTreeMap<AthleteId, Vec<ActivityId>> = BTreeMap::new();
    for batch in &rows.batches {
        let athletes = batch.column(0).as_primitive::<Int64Type>();
        let activities = batch.column(1).as_primitive::<Int64Type>();
        for (athlete, activity) in athletes.values().iter().zip(activities.values()) {
            let of = missing.entry(AthleteId(*athlete)).or_default();
            of.push(ActivityId(*activity));
        }
    }
    let catalog = &context.storage.catalog;
    let mut fetches = BTreeMap::new();
    for (athlete_id, activities) in missing {
        if catalog.strava_connection(athlete_id).await?.is_none() {
            continue;
        }
        let sources = catalog.sources_of(athlete_id, &activities).await?;
        let ids = sources.iter().filter_map(|source| {
            let id = source.external_id.as_deref()?.strip_prefix("strava:")?;
            id.parse().ok()
        });
        fetches.insert(athlete_id, ids.collect());
    }
    Ok(fetches)
}

async fn enqueue(task: &TaskHandle, athlete_id: AthleteId, ids: &[i64]) -> Result<(), Error> {
    for some in ids.chunks(LINES) {
        let mut lines = Vec::with_capacity(some.len());
        for strava_id in some {
            let fetch = Fetch {
                athlete_id,
                strava_id: *strava_id,
                // After all that is new: what was written down by hand has none.
                why: Why::Backfill,
            };
            lines.push(fetch.line(task.request_id())?);
        }
        task.catalog().enqueue(&lines).await?;
    }
    Ok(())
}
