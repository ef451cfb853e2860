//! Best efforts: computed where they are stale, or removed so that they are.

use std::collections::BTreeSet;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use async_trait::async_trait;
use query::derived::best_efforts::{BEST_EFFORTS, BEST_EFFORTS_TABLE};
use query::derived::versions_without;
use serde::{Deserialize, Serialize};
use storage::catalog::{CatalogChange, Pointer};
use storage::lake::{Commit, KeySet, TableChange};
use storage::tables::DERIVATIONS;
use storage::{ActivityId, ActivityKey, AthleteId, Code, Failure};
use uuid::Uuid;

use super::{Chore, athletes, followed};
use crate::context::Context;
use crate::derive::{reconcile, replace_differing};
use crate::error::Error;
use crate::queue::{Stopped, TaskHandle};
use crate::recompute::Options;

/// How many activities one commit clears.
const PAGE: u32 = 1_024;
/// How often a page is tried again after another writer was first.
const ATTEMPTS: u32 = 8;

/// The job that computes best efforts, and the ranks that follow from them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Calculate {
    /// Whose; `None`: everybody's.
    pub athlete_id: Option<AthleteId>,
    /// Also those that the ledger calls fresh.
    pub full: bool,
}

#[async_trait]
impl Chore for Calculate {
    const KIND: &'static str = "calculate_best_efforts";
    const PRIORITY: i64 = 60;

    fn whose(&self) -> Option<AthleteId> {
        self.athlete_id
    }

    fn how(&self) -> Option<&'static str> {
        self.full.then_some("full")
    }

    async fn carry_out(&self, context: &Context, task: &TaskHandle) -> Result<(), Stopped> {
        let options = Options {
            full: self.full,
            only: Some(BEST_EFFORTS.name.to_owned()),
            athlete: self.athlete_id,
            ..Options::default()
        };
        followed::recomputed(context, task, "compute best efforts", options).await
    }
}

/// The job that removes best efforts from the newest snapshot, and the ranks
/// that follow from them. Older snapshots keep them until they expire; the
/// ledger then calls the activities stale, so that [`Calculate`] brings all of
/// them back, as they were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clear {
    /// Whose; `None`: everybody's.
    pub athlete_id: Option<AthleteId>,
}

#[async_trait]
impl Chore for Clear {
    const KIND: &'static str = "clear_best_efforts";
    const PRIORITY: i64 = 60;

    fn whose(&self) -> Option<AthleteId> {
        self.athlete_id
    }

    async fn carry_out(&self, of: &Context, task: &TaskHandle) -> Result<(), Stopped> {
        let mut cleared = 0;
        let all = athletes(of, self.athlete_id).await?;
        let followed = followed::context(of, task, "remove best efforts");
        followed.progress.begin("remove", all.len() as u64);
        for athlete_id in &all {
            if task.stop_asked() {
                return Err(task.stopping());
            }
            let (context, athlete_id) = (followed.clone(), *athlete_id);
            cleared +=
                followed::apart(move || async move { clear(&context, athlete_id).await }).await?;
        }
        let message = format!("best efforts of {cleared} activities were removed");
        task.progress(all.len() as u64, all.len() as u64, &message);
        Ok(())
    }
}

/// Removes an athlete's best efforts and ranks, or as many as it comes to before
/// it is stopped; answers of how many activities.
///
/// # Errors
/// Where the lake fails, or other writers keep winning.
async fn clear(context: &Context, athlete_id: AthleteId) -> Result<u64, Error> {
    let catalog = &context.storage.catalog;
    let mut cleared = 0;
    let mut after = ActivityKey {
        athlete_id,
        start_time_us: i64::MIN,
        activity_id: ActivityId(i64::MIN),
    };
    loop {
        if context.stop.asked() {
            break;
        }
        let mut page = catalog.pointers_after(Some(after), PAGE).await?;
        page.retain(|pointer| pointer.key.athlete_id == athlete_id);
        let Some(last) = page.last() else { break };
        after = last.key;
        cleared += clear_page(context, page).await?;
    }
    reconcile(context, athlete_id, true).await?;
    context.progress.advance(1);
    Ok(cleared)
}

async fn clear_page(context: &Context, mut page: Vec<Pointer>) -> Result<u64, Error> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let Some((commit, cleared)) = clearing(context, &page).await? else {
            return Ok(0);
        };
        match context.storage.lake.commit(commit).await {
            Ok(_) => return Ok(cleared),
            Err(error) if error.code() == Code::Conflict && attempt < ATTEMPTS => {
                let Some(first) = page.first() else {
                    return Ok(0);
                };
                let athlete_id = first.key.athlete_id;
                let ids: Vec<ActivityId> = page.iter().map(|p| p.key.activity_id).collect();
                page = context.storage.catalog.pointers(athlete_id, &ids).await?;
            }
            Err(error) if error.code() == Code::Conflict => {
                return Err(Error::Contended {
                    attempts: attempt,
                    source: error,
                });
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// What takes the best efforts of these activities out of the lake, and their
/// definition out of the ledger, with how many of them have any; `None` where
/// neither lake nor ledger has.
async fn clearing(context: &Context, page: &[Pointer]) -> Result<Option<(Commit, u64)>, Error> {
    let view = context.storage.lake.latest().await?;
    let keys = KeySet::activities(&page.iter().map(|pointer| pointer.key).collect::<Vec<_>>());
    let efforts = view.rows(BEST_EFFORTS_TABLE.name, None, &keys).await?;
    let ledger = view.rows(DERIVATIONS.name, None, &keys).await?;
    let mut lines = Vec::new();
    for line in query::stale::lines(&ledger)? {
        let versions = versions_without(&line.versions, &BEST_EFFORTS);
        let line = query::ledger::activity_line_of(line.key, line.input_revision, &versions)?;
        lines.push(line);
    }
    let mut changes: Vec<TableChange> = Vec::new();
    changes.extend(replace_differing(&BEST_EFFORTS_TABLE, &efforts, &[])?);
    changes.extend(replace_differing(&DERIVATIONS, &ledger, &lines)?);
    if changes.is_empty() {
        return Ok(None);
    }
    let mut with_efforts = BTreeSet::new();
    for batch in &efforts {
        let ids = batch.column(batch.schema().index_of("activity_id")?);
        with_efforts.extend(ids.as_primitive::<Int64Type>().values().iter().copied());
    }
    let commit = Commit {
        attempt: Uuid::now_v7(),
        changes,
        catalog: CatalogChange {
            unchanged: page.to_vec(),
            ..CatalogChange::default()
        },
        message: "remove best efforts".to_owned(),
    };
    Ok(Some((commit, with_efforts.len() as u64)))
}
