//! What a commit changes in our catalog, in the transaction of the lake's.

use std::collections::{BTreeMap, BTreeSet};

use super::Tx;
use super::audit::{self, AuditEntry};
use super::corrections::{self, Correction};
use super::identity::{Pointer, Source};
use super::purge_steps;
use super::queue::{self, NewJob};
use super::retention::{self, ReleaseStep};
use super::value::Value;
use crate::error::Error;
use crate::id::{ActivityId, ActivityKey, AthleteId};
use uuid::Uuid;

/// What a commit changes in our catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogChange {
    /// Activities that are born or get a new revision.
    pub activities: Vec<ActivityWrite>,
    /// Activities that end, since another one took them in.
    pub ended: Vec<ActivityEnd>,
    /// Recordings and the activities that they are part of now.
    pub sources: Vec<Source>,
    /// Recordings that give their place to newer copies, as they were read.
    pub replaced: Vec<Source>,
    /// What their owner says of activities, in the revisions that this commit
    /// writes.
    pub corrections: Vec<Correction>,
    /// What was done, and why.
    pub audit: Vec<AuditEntry>,
    /// Athletes of whom this commit decides which recordings are one activity,
    /// each with the revision that it was decided at: two writers could
    /// otherwise both give birth to the same outing.
    pub decided_at: Vec<(AthleteId, i64)>,
    /// Athletes whose ranks and statistics this commit brings up to date.
    pub reconciled: Vec<Reconciled>,
    /// Activities that its rows were computed from and that it does not
    /// change: they must be as they were read.
    pub unchanged: Vec<Pointer>,
    /// What is to be done once this is committed.
    pub jobs: Vec<NewJob>,
    /// A purge whose rows go from our catalog.
    pub purge: Option<Uuid>,
    /// Recordings that are let go.
    pub release: Option<ReleaseStep>,
}

/// One athlete whose ranks and statistics are brought up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconciled {
    /// Whose they are.
    pub athlete_id: AthleteId,
    /// The athlete's revision that they were computed from.
    pub revision: i64,
    /// How often they had been brought up to date when the old rows were
    /// read: a scope has one writer.
    pub previous: i64,
}

/// One activity that is born or gets a new revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivityWrite {
    /// What finds its rows from now on. The start may change, athlete and id
    /// may not.
    pub key: ActivityKey,
    /// The revision that the new one was computed from; `None` at birth.
    pub previous_revision: Option<i64>,
    /// The new revision.
    pub revision: i64,
}

/// One activity that ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActivityEnd {
    /// Whose it is.
    pub athlete_id: AthleteId,
    /// The activity that ends; its id stays taken.
    pub activity_id: ActivityId,
    /// The revision that it was last seen in.
    pub previous_revision: i64,
    /// The activity that took it in, of the same athlete.
    pub merged_into: ActivityId,
}

impl CatalogChange {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self == &Self::default()
    }
}

/// Writes `change` in the transaction `tx`.
///
/// A revision is written only over the one that it was computed from, and an
/// activity is born only under an id that nobody has. The number of
/// statements hangs on the size of the change alone.
///
/// # Errors
/// [`Error::Conflict`] where a revision is not the expected one, an id is
/// taken, or an athlete was reconciled from a later revision; the transaction
/// must then be dropped. [`Error::Database`].
pub async fn apply(tx: &mut Tx, change: &CatalogChange) -> Result<(), Error> {
    check_unchanged(tx, &change.unchanged).await?;
    give_birth(tx, &change.activities).await?;
    revise(tx, &change.activities).await?;
    end(tx, &change.ended).await?;
    retention::replace(tx, &change.replaced).await?;
    write_sources(tx, &change.sources).await?;
    corrections::write(tx, &change.corrections).await?;
    audit::insert(tx, &change.audit).await?;
    touch_athletes(tx, change).await?;
    reconcile(tx, &change.reconciled).await?;
    queue::enqueue_in(tx, &change.jobs).await?;
    if let Some(purge_id) = change.purge {
        purge_steps::remove_rows(tx, purge_id).await?;
    }
    match &change.release {
        Some(step) => retention::release(tx, step).await,
        None => Ok(()),
    }
}

/// Conflict, unless each of these is there in the revision that it was read.
async fn check_unchanged(tx: &mut Tx, pointers: &[Pointer]) -> Result<(), Error> {
    if pointers.is_empty() {
        return Ok(());
    }
    let ids = pointers.iter().map(|pointer| pointer.key.activity_id.0);
    let rows = tx
        .fetch(
            "select activity_id, revision from activities \
             where activity_id = any($1) and merged_into is null",
            &[Value::Ints(ids.collect())],
        )
        .await?;
    let mut found = BTreeMap::new();
    for row in &rows {
        found.insert(row.int(0)?, row.int(1)?);
    }
    let same = |pointer: &Pointer| found.get(&pointer.key.activity_id.0) == Some(&pointer.revision);
    if pointers.iter().all(same) {
        Ok(())
    } else {
        Err(Error::Conflict {
            what: "an activity",
        })
    }
}

/// Conflict, unless each of `rows` was written.
fn all_written(written: u64, rows: &[Vec<Value>], what: &'static str) -> Result<(), Error> {
    if written == rows.len() as u64 {
        Ok(())
    } else {
        Err(Error::Conflict { what })
    }
}

async fn give_birth(tx: &mut Tx, writes: &[ActivityWrite]) -> Result<(), Error> {
    let mut births: Vec<_> = writes
        .iter()
        .filter(|write| write.previous_revision.is_none())
        .collect();
    // In one order, so that two transactions wait for each other rather than
    // lock each other out.
    births.sort_unstable_by_key(|write| write.key.activity_id);
    let rows: Vec<_> = births
        .into_iter()
        .map(|write| {
            vec![
                write.key.activity_id.into(),
                write.key.athlete_id.into(),
                write.key.start_time_us.into(),
                write.revision.into(),
            ]
        })
        .collect();
    let written = tx
        .execute_rows(
            "insert into activities (activity_id, athlete_id, start_time_us, revision)",
            &rows,
            "on conflict do nothing",
        )
        .await?;
    all_written(written, &rows, "an activity of the same id")
}

async fn revise(tx: &mut Tx, writes: &[ActivityWrite]) -> Result<(), Error> {
    let rows: Vec<_> = writes
        .iter()
        .filter_map(|write| {
            let previous = write.previous_revision?;
            Some(vec![
                write.key.activity_id.into(),
                write.key.athlete_id.into(),
                write.key.start_time_us.into(),
                previous.into(),
                write.revision.into(),
            ])
        })
        .collect();
    let written = tx
        .execute_rows(
            "with v (activity_id, athlete_id, start_time_us, previous, revision) as (",
            &rows,
            ") update activities set start_time_us = v.start_time_us, revision = v.revision \
             from v where activities.activity_id = v.activity_id \
             and activities.athlete_id = v.athlete_id \
             and activities.revision = v.previous and activities.merged_into is null",
        )
        .await?;
    all_written(written, &rows, "an activity")
}

async fn end(tx: &mut Tx, ended: &[ActivityEnd]) -> Result<(), Error> {
    let rows: Vec<_> = ended
        .iter()
        .map(|end| {
            vec![
                end.activity_id.into(),
                end.athlete_id.into(),
                end.previous_revision.into(),
                end.merged_into.into(),
            ]
        })
        .collect();
    let written = tx
        .execute_rows(
            "with v (activity_id, athlete_id, previous, merged_into) as (",
            &rows,
            ") update activities set merged_into = v.merged_into, \
             revision = activities.revision + 1 \
             from v where activities.activity_id = v.activity_id \
             and activities.athlete_id = v.athlete_id \
             and activities.revision = v.previous and activities.merged_into is null \
             and exists (select 1 from activities as other \
             where other.activity_id = v.merged_into and other.athlete_id = v.athlete_id)",
        )
        .await?;
    all_written(written, &rows, "an activity")
}

async fn write_sources(tx: &mut Tx, sources: &[Source]) -> Result<(), Error> {
    // PostgreSQL writes each key once a statement: the last one counts.
    let by_key: BTreeMap<_, _> = sources
        .iter()
        .map(|source| ((source.athlete_id, &source.sha256, source.part), source))
        .collect();
    let rows: Vec<_> = by_key
        .into_values()
        .map(|source| {
            vec![
                source.athlete_id.into(),
                source.sha256.as_str().into(),
                source.part.into(),
                source.format.as_str().into(),
                source.external_id.as_deref().into(),
                source.start_time_us.into(),
                source.elapsed_ms.into(),
                source.non_null_values.into(),
                source.file_name.as_str().into(),
                source.activity_id.into(),
                source.parted_from.into(),
                source.upload_id.as_deref().into(),
                source.retain_until_us.into(),
                source.fetched_at_us.into(),
            ]
        })
        .collect();
    tx.execute_rows(
        "insert into sources (athlete_id, sha256, part, format, external_id, start_time_us, \
         elapsed_ms, non_null_values, file_name, activity_id, parted_from, upload_id, \
         retain_until_us, fetched_at_us)",
        &rows,
        "on conflict (athlete_id, sha256, part) do update set format = excluded.format, \
         external_id = excluded.external_id, start_time_us = excluded.start_time_us, \
         elapsed_ms = excluded.elapsed_ms, non_null_values = excluded.non_null_values, \
         file_name = excluded.file_name, activity_id = excluded.activity_id, \
         parted_from = excluded.parted_from, upload_id = excluded.upload_id, \
         retain_until_us = excluded.retain_until_us, fetched_at_us = excluded.fetched_at_us",
    )
    .await?;
    Ok(())
}

async fn touch_athletes(tx: &mut Tx, change: &CatalogChange) -> Result<(), Error> {
    let decided: Vec<_> = change
        .decided_at
        .iter()
        .map(|&(athlete_id, revision)| vec![athlete_id.into(), revision.into()])
        .collect();
    let written = tx
        .execute_rows(
            "with v (athlete_id, revision) as (",
            &decided,
            ") update athletes set revision = athletes.revision + 1 from v \
             where athletes.athlete_id = v.athlete_id and athletes.revision = v.revision",
        )
        .await?;
    all_written(written, &decided, "an athlete's activities")?;
    let written = change.activities.iter().map(|write| write.key.athlete_id);
    let ended = change.ended.iter().map(|end| end.athlete_id);
    let touched: BTreeSet<i64> = written
        .chain(ended)
        .filter(|athlete| {
            change
                .decided_at
                .iter()
                .all(|(decided, _)| decided != athlete)
        })
        .map(|athlete| athlete.0)
        .collect();
    if !touched.is_empty() {
        tx.execute(
            "update athletes set revision = revision + 1 where athlete_id = any($1)",
            &[Value::Ints(touched.into_iter().collect())],
        )
        .await?;
    }
    Ok(())
}

async fn reconcile(tx: &mut Tx, reconciled: &[Reconciled]) -> Result<(), Error> {
    let rows: Vec<_> = reconciled
        .iter()
        .map(|one| {
            vec![
                one.athlete_id.into(),
                one.revision.into(),
                one.previous.into(),
            ]
        })
        .collect();
    let written = tx
        .execute_rows(
            "with v (athlete_id, revision, previous) as (",
            &rows,
            ") update athletes set reconciled_revision = v.revision, \
             reconciliations = v.previous + 1 from v \
             where athletes.athlete_id = v.athlete_id \
             and athletes.reconciliations = v.previous \
             and athletes.reconciled_revision <= v.revision",
        )
        .await?;
    all_written(written, &rows, "an athlete's ranks and statistics")
}
