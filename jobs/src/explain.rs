//! A number explained in full: what the lake knows of it, the recordings that
//! it comes from, and what their bytes give now.

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use query::athlete_tables::over_rows;
use query::derived::Scope;
use query::derived::best_efforts::BEST_EFFORTS_TABLE;
use query::explain::{self, Address, Explanation, Input, Whose};
use query::read::activities::find;
use query::session::Session;
use query::stale::windows_end;
use storage::catalog::{Athlete, Pointer, Source};
use storage::tables::ACTIVITIES;
use storage::{ActivityId, AthleteId};

use crate::context::Context;
use crate::error::Error;
use crate::replay::{self, Replayed};

/// How many activities are replayed at a time.
const PAGE: usize = 128;

/// Whether to read the raw bytes too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recompute {
    /// Compute the number anew from them.
    Yes,
    /// Leave them.
    No,
}

/// The number at an address, as one athlete may see it.
///
/// Of an older snapshot, the number, its inputs and what it comes from are
/// those of the snapshot. The list of recordings and what is computed anew from
/// them are today's, so that a number that changed since is not equal; a remark
/// says so.
///
/// # Errors
/// `not_found` where there is no such row of theirs; where lake, catalog or
/// raw store fail. Bytes that are missing or cannot be read are an answer:
/// what is computed anew from the others, and whether it is equal.
pub async fn explain(
    context: &Context,
    session: &Session,
    snapshot: i64,
    athlete: &Athlete,
    address: &Address,
    recompute: Recompute,
) -> Result<Explanation, Error> {
    let past = snapshot < context.storage.lake.latest().await?.snapshot_id();
    let mut explanation = match address.scope() {
        Scope::Activity => {
            let pointer = pointer(context, athlete.athlete_id, address).await?;
            let here = match past {
                true => pointer_in(session, athlete.athlete_id, address).await?,
                false => pointer,
            };
            let here = here.ok_or_else(|| address.no_row())?;
            let id = here.key.activity_id;
            let catalog = &context.storage.catalog;
            let mut said = catalog.corrections_of(athlete.athlete_id, &[id]).await?;
            said.retain(|one| one.holds_in(here.revision));
            let whose = Whose::Activity(here.key, said);
            let mut explanation = explain::explain(session, snapshot, address, &whose).await?;
            let page = pointer.as_slice();
            let grounds = replay::grounds_of(context, page).await?;
            let ground = grounds.get(&id).cloned().unwrap_or_default();
            let mut recordings = recordings(ground.sources);
            if recompute == Recompute::Yes {
                let replayed = replay::replay(context, page, grounds).await?;
                mark_used(&mut recordings, &replayed);
                let rows = rows_of(replayed, address.table.name).await?;
                recompute_from(&mut explanation, address, &rows, page.len())?;
            }
            recordings.append(&mut explanation.inputs);
            explanation.inputs = recordings;
            explanation
        }
        Scope::Athlete => {
            let id = athlete.athlete_id;
            if address.athlete_id() != Some(id) {
                return Err(address.no_row().into());
            }
            let mut today = query::read::days(context.today(athlete));
            if past {
                today = windows_end(session, id, today).await?;
            }
            let whose = Whose::Athlete(id, today);
            let mut explanation = explain::explain(session, snapshot, address, &whose).await?;
            if recompute == Recompute::Yes {
                let ids = explain::activities_behind(session, address, id).await?;
                let (activities, efforts) = athlete_rows(context, id, &ids).await?;
                let mut tables = over_rows(activities, efforts, &[(id, today)]).await?.tables;
                let rows = tables.remove(address.table.name).unwrap_or_default();
                recompute_from(&mut explanation, address, &rows, ids.len())?;
            }
            explanation
        }
    };
    if past {
        explanation.remark_past();
    }
    Ok(explanation)
}

/// Where the activity of an address is today.
async fn pointer(
    context: &Context,
    athlete: AthleteId,
    address: &Address,
) -> Result<Option<Pointer>, Error> {
    let ids: Vec<ActivityId> = address.activity_id().into_iter().collect();
    let mut found = context.storage.catalog.pointers(athlete, &ids).await?;
    Ok(found.pop())
}

/// Where it is at the session's snapshot.
async fn pointer_in(
    session: &Session,
    athlete: AthleteId,
    address: &Address,
) -> Result<Option<Pointer>, Error> {
    match address.activity_id() {
        Some(id) => Ok(find(session, athlete, id).await?),
        None => Ok(None),
    }
}

fn recordings(sources: Vec<Source>) -> Vec<Input> {
    let recording = |source: Source| Input::Recording {
        raw_sha256: source.sha256,
        part: source.part,
        source: source.format,
        file_name: source.file_name,
        samples_used: None,
    };
    sources.into_iter().map(recording).collect()
}

/// Says of each recording whether the samples are its own.
fn mark_used(recordings: &mut [Input], replayed: &[Replayed]) {
    let Some(merged) = replayed.first().and_then(|one| one.merged.as_ref()) else {
        return;
    };
    for recording in recordings {
        if let Input::Recording {
            raw_sha256,
            part,
            samples_used,
            ..
        } = recording
        {
            let is_part = u32::try_from(*part).is_ok_and(|part| part == merged.part);
            *samples_used = Some(*raw_sha256 == merged.sha256 && is_part);
        }
    }
}

/// Rows of one table, of activities that can be read again.
async fn rows_of(replayed: Vec<Replayed>, table: &str) -> Result<Vec<RecordBatch>, Error> {
    let rows = replay::rows(replayed, |one| one.pointer.revision).await?;
    let rows = rows.into_iter().filter_map(|(_, rows)| rows?.remove(table));
    Ok(rows.collect())
}

/// Rows of `activities` and `best_efforts` of some activities, from their
/// bytes.
async fn athlete_rows(
    context: &Context,
    athlete: AthleteId,
    ids: &[ActivityId],
) -> Result<(Vec<RecordBatch>, Vec<RecordBatch>), Error> {
    let (mut activities, mut efforts) = (Vec::new(), Vec::new());
    for ids in ids.chunks(PAGE) {
        let page = context.storage.catalog.pointers(athlete, ids).await?;
        let grounds = replay::grounds_of(context, &page).await?;
        let replayed = replay::replay(context, &page, grounds).await?;
        let rows = replay::rows(replayed, |one| one.pointer.revision).await?;
        for mut rows in rows.into_iter().filter_map(|(_, rows)| rows) {
            activities.extend(rows.remove(ACTIVITIES.name));
            efforts.extend(rows.remove(BEST_EFFORTS_TABLE.name));
        }
    }
    Ok((activities, efforts))
}

fn recompute_from(
    explanation: &mut Explanation,
    address: &Address,
    rows: &[RecordBatch],
    activities: usize,
) -> Result<(), Error> {
    let rows = concat_batches(&address.table.schema(), rows)?;
    Ok(explanation.recompute(address, &rows, activities)?)
}
