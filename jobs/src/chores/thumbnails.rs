//! The queue of small maps: one job for each activity with a track.
//!
//! No worker of this build draws; the jobs wait for one that does.

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use query::{Session, session::Limits};
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::AthleteId;
use storage::catalog::NewJob;

use super::{Chore, followed};
use crate::context::Context;
use crate::error::Error;
use crate::queue::{Stopped, TaskHandle};

/// The kind of the jobs that wait to be drawn.
pub const THUMBNAIL: &str = "thumbnail";
const PRIORITY: i64 = 90;
const MAX_ATTEMPTS: i64 = 5;

/// How many lines one transaction enqueues.
const LINES: usize = 500;

/// Activities with a track, newest first.
const DRAWABLE: &str = "select athlete_id, activity_id, revision from activities \
     where summary_polyline is not null order by start_time desc, activity_id";

/// The job that queues a small map for each activity with a track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueThumbnails {
    /// Whose; `None`: everybody's.
    pub athlete_id: Option<AthleteId>,
}

#[async_trait]
impl Chore for QueueThumbnails {
    const KIND: &'static str = "queue_thumbnails";
    const PRIORITY: i64 = 80;

    fn whose(&self) -> Option<AthleteId> {
        self.athlete_id
    }

    async fn carry_out(&self, context: &Context, task: &TaskHandle) -> Result<(), Stopped> {
        let reading = context.clone();
        let of = followed::apart(move || async move { drawable(&reading).await });
        let mut lines = of.await?;
        lines.retain(|line| {
            self.athlete_id
                .is_none_or(|only| line.athlete_id == Some(only))
        });
        for line in &mut lines {
            line.request_id = task.request_id().map(str::to_owned);
        }
        let total = lines.len() as u64;
        for (place, some) in lines.chunks(LINES).enumerate() {
            task.progress((place * LINES) as u64, total, "queue maps");
            if task.stop_asked() {
                return Err(task.stopping());
            }
            context
                .storage
                .catalog
                .enqueue(some)
                .await
                .map_err(Error::from)?;
        }
        task.progress(total, total, &format!("{total} maps wait to be drawn"));
        Ok(())
    }
}

async fn drawable(context: &Context) -> Result<Vec<NewJob>, Error> {
    let view = context.storage.lake.latest().await?;
    let session = Session::open(&view, Limits::jobs()).await?;
    let rows = session.read("activities", DRAWABLE, []).await?;
    let mut lines = Vec::with_capacity(rows.len());
    for batch in &rows.batches {
        let [athletes, activities, revisions] = [0, 1, 2].map(|column| {
            let column = batch.column(column);
            column.as_primitive::<Int64Type>().clone()
        });
        for row in 0..batch.num_rows() {
            let (athlete, activity) = (athletes.value(row), activities.value(row));
            let payload = json!({
                "athlete_id": athlete,
                "activity_id": activity,
                "revision": revisions.value(row),
            });
            lines.push(NewJob {
                kind: THUMBNAIL.to_owned(),
                key: format!("{athlete}/{activity}"),
                athlete_id: Some(AthleteId(athlete)),
                priority: PRIORITY,
                payload: payload.to_string(),
                due_at_us: None,
                max_attempts: MAX_ATTEMPTS,
                every_us: None,
                request_id: None,
            });
        }
    }
    Ok(lines)
}
