//! Purge: what belongs to an athlete, or to some of their activities, goes for
//! ever, out of every snapshot, file and row.
//!
//! It is written down first, then done in steps, each of which may run twice:
//!
//! 1. a commit takes the rows out of the newest snapshot and of our catalog;
//! 2. ranks and statistics are reconciled with what is left;
//! 3. history is rewritten: every file of every snapshot that has such rows,
//!    or older ranks and sums of the athlete, gives its place to one without;
//! 4. the old files, the recordings, and what commits that were cut off left
//!    behind are deleted;
//! 5. the database's own files are written anew, and a receipt is left.
//!
//! Cut off at any point, the same command, [`finish_unfinished`] or
//! maintenance goes on; until then nobody takes recordings of the athlete in.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use query::derived::{Scope, tables, tables_of};
use serde::Serialize;
use storage::catalog::{
    AuditEntry, CatalogChange, Outcome, Purge, PurgeCounts, PurgeOrder, Target,
};
use storage::lake::{Commit, KeySet, TableChange};
use storage::purge::{Erased, Erasure};
use storage::{ActivityId, AthleteId, Code, Failure};
use uuid::Uuid;

use crate::context::Context;
use crate::derive::reconcile_purged;
use crate::error::Error;

/// How often a step is tried again after another writer was first.
const ATTEMPTS: u32 = 8;
/// How many objects are deleted before that is written down.
const OBJECTS_AT_ONCE: usize = 256;

/// What a purge took away, or would.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    /// Names the purge; none where it is only looked at.
    pub purge_id: Option<String>,
    /// Whose.
    pub athlete_id: AthleteId,
    /// Whether everything of the athlete.
    pub whole: bool,
    /// Which activities, those that others took in included.
    pub activities: Vec<ActivityId>,
    /// Which activities stay without a copy that went.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revised: Vec<ActivityId>,
    /// How much.
    #[serde(flatten)]
    pub counts: PurgeCounts,
    /// Tables in which nobody can tell whose rows are, since they have neither
    /// `athlete_id` nor `activity_id`.
    pub not_searched: Vec<String>,
    /// Objects that nothing names and that cannot be read, and files that are
    /// half written, so that nobody can tell what they hold; maintenance
    /// deletes them after their grace.
    pub unreadable: Vec<String>,
}

/// What a purge would take, without taking anything.
///
/// # Errors
/// An athlete or activity that there is not, a recording that other activities
/// share, a failing store.
pub async fn preview(context: &Context, order: &PurgeOrder) -> Result<Receipt, Error> {
    let storage = &context.storage;
    let (activities, catalog_rows, recordings) = storage.catalog.preview_purge(order).await?;
    let whole = order.activities.is_none();
    let erasure = Erasure {
        purge_id: Uuid::nil(),
        athlete_id: order.athlete_id,
        whole,
        activities: activities.iter().map(|id| id.0).collect(),
        revised: BTreeSet::new(),
        superseded: superseded(),
    };
    let erased = storage.lake.count_erased(&erasure).await?;
    Ok(Receipt {
        purge_id: None,
        athlete_id: order.athlete_id,
        whole,
        activities,
        revised: Vec::new(),
        counts: PurgeCounts {
            catalog_rows,
            lake_rows: erased.rows,
            files_rewritten: erased.files_rewritten,
            files_removed: erased.files_removed,
            recordings,
            ..PurgeCounts::default()
        },
        not_searched: erased.not_searched,
        unreadable: Vec::new(),
    })
}

/// Purges; first what an earlier purge of the athlete left undone.
///
/// # Errors
/// As [`preview`]. What was begun stays written down and can be finished.
pub async fn purge(context: &Context, order: &PurgeOrder) -> Result<Receipt, Error> {
    for unfinished in context.storage.catalog.unfinished_purges().await? {
        if unfinished.athlete_id == order.athlete_id {
            carry_out(context, unfinished).await?;
        }
    }
    let begun = context.storage.catalog.begin_purge(order).await?;
    carry_out(context, begun).await
}

/// Finishes purges that were cut off, and deletes recordings that an import
/// which was cut off left of athletes who were purged.
///
/// # Errors
/// Where a store or the catalog fails.
pub async fn finish_unfinished(context: &Context) -> Result<Vec<Receipt>, Error> {
    let catalog = &context.storage.catalog;
    let mut receipts = Vec::new();
    for purge in catalog.unfinished_purges().await? {
        receipts.push(carry_out(context, purge).await?);
    }
    for athlete in catalog.purged_athletes().await? {
        let raw = &context.storage.raw;
        for sha256 in raw.list(athlete).await? {
            raw.delete(athlete, &sha256).await?;
        }
    }
    Ok(receipts)
}

/// Tables of athletes, whose rows are computed from several activities.
pub(crate) fn superseded() -> Vec<&'static str> {
    let tables = tables_of(Scope::Athlete).into_iter();
    tables.map(|table| table.name).collect()
}

/// Does what is left of a purge, or of a release.
pub(crate) async fn carry_out(context: &Context, purge: Purge) -> Result<Receipt, Error> {
    if purge.is_release {
        return crate::retention::carry_out(context, purge).await;
    }
    let storage = &context.storage;
    context.progress.begin("purge", 5);
    take_out(context, &purge).await?;
    context.progress.advance(1);
    if !purge.whole {
        reconcile_purged(context, purge.athlete_id, false).await?;
    }
    context.progress.advance(1);
    let erasure = Erasure::of(&purge, superseded());
    let erased = storage.lake.erase(&erasure, purge.is_rewritten).await?;
    context.progress.advance(1);
    let unreadable = delete(context, &purge, &erasure).await?;
    context.progress.advance(1);
    storage.catalog.forget_targets(&purge).await?;
    storage.catalog.db().erase_deleted().await?;
    let receipt = finish(context, purge, erased, unreadable).await?;
    context.progress.end();
    Ok(receipt)
}

/// Takes the rows out of the newest snapshot and of our catalog.
async fn take_out(context: &Context, purge: &Purge) -> Result<(), Error> {
    let keys = match purge.whole {
        true => KeySet::athletes(&[purge.athlete_id]),
        false => activity_keys(purge)?,
    };
    let tables = tables().into_iter().filter(|table| {
        let columns = keys.rows().schema();
        let has = |name: &str| table.columns.iter().any(|column| column.name == name);
        columns.fields().iter().all(|field| has(field.name()))
    });
    let changes: Vec<TableChange> = tables
        .map(|table| TableChange {
            table,
            delete: Some(keys.clone()),
            append: Vec::new(),
        })
        .collect();
    let mut attempt = 0;
    loop {
        attempt += 1;
        let commit = Commit {
            attempt: Uuid::now_v7(),
            changes: changes.clone(),
            catalog: CatalogChange {
                purge: Some(purge.purge_id),
                ..CatalogChange::default()
            },
            message: format!("purge {}", purge.purge_id),
        };
        match context.storage.lake.commit(commit).await {
            Ok(_) => return Ok(()),
            Err(error) if error.code() == Code::Conflict && attempt < ATTEMPTS => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn activity_keys(purge: &Purge) -> Result<KeySet, Error> {
    let ids = purge.activities.iter();
    let athletes = ids.clone().map(|_| purge.athlete_id.0);
    let athletes: ArrayRef = Arc::new(Int64Array::from_iter_values(athletes));
    let activities: ArrayRef = Arc::new(Int64Array::from_iter_values(ids.map(|id| id.0)));
    let columns = [("athlete_id", athletes), ("activity_id", activities)];
    Ok(KeySet::new(RecordBatch::try_from_iter(columns)?))
}

/// Deletes the files of the lake that others took the place of.
pub(crate) async fn delete_objects(context: &Context, purge: &Purge) -> Result<(), Error> {
    let storage = &context.storage;
    let (catalog, id) = (&storage.catalog, purge.purge_id);
    let objects = catalog.purge_targets(id, Target::Object).await?;
    for chunk in objects.chunks(OBJECTS_AT_ONCE) {
        let gone = PurgeCounts {
            objects: chunk.len() as i64,
            bytes: storage.lake.remove_objects(chunk).await?,
            ..PurgeCounts::default()
        };
        catalog.purged(id, Target::Object, chunk, &gone).await?;
    }
    Ok(())
}

/// Deletes old files, recordings and strays; answers what cannot be read.
async fn delete(context: &Context, purge: &Purge, erasure: &Erasure) -> Result<Vec<String>, Error> {
    let storage = &context.storage;
    let (catalog, id) = (&storage.catalog, purge.purge_id);
    delete_objects(context, purge).await?;
    // Bytes that an import kept and did not come to use may be of the same
    // outing: without a source nobody can tell.
    let mut recordings = catalog.purge_targets(id, Target::Recording).await?;
    let kept = storage.raw.list(purge.athlete_id).await?;
    let used = catalog.sources_by_sha256(purge.athlete_id, &kept).await?;
    recordings.extend(
        kept.into_iter()
            .filter(|sha256| used.iter().all(|source| &source.sha256 != sha256)),
    );
    recordings.sort_unstable();
    recordings.dedup();
    for left in storage
        .objects
        .abandoned_recordings(purge.athlete_id)
        .await?
    {
        storage.objects.remove_abandoned(&left).await?;
    }
    let mut deleted = Vec::new();
    for sha256 in recordings {
        if storage.raw.delete(purge.athlete_id, &sha256).await? {
            deleted.push(sha256);
        }
    }
    let gone = PurgeCounts {
        recordings: deleted.len() as i64,
        ..PurgeCounts::default()
    };
    catalog
        .purged(id, Target::Recording, &deleted, &gone)
        .await?;
    let swept = storage.lake.sweep(erasure).await?;
    let gone = PurgeCounts {
        objects: swept.objects,
        bytes: swept.bytes,
        ..PurgeCounts::default()
    };
    catalog.purged(id, Target::Object, &[], &gone).await?;
    let mut unreadable = swept.unreadable;
    let half = storage.objects.abandoned_in_lake().await?;
    unreadable.extend(half.iter().map(ToString::to_string));
    Ok(unreadable)
}

/// Writes down that all is gone, with the receipt.
pub(crate) async fn finish(
    context: &Context,
    purge: Purge,
    erased: Erased,
    unreadable: Vec<String>,
) -> Result<Receipt, Error> {
    let catalog = &context.storage.catalog;
    let counts = catalog.purge(purge.purge_id).await?.counts;
    let at_us = (context.now)().as_microsecond();
    let only = match (purge.activities.as_slice(), purge.revised.as_slice()) {
        ([only], []) | ([], [only]) if !purge.whole => Some(*only),
        _ => None,
    };
    let entry = AuditEntry {
        audit_id: Uuid::now_v7(),
        at_us,
        athlete_id: purge.athlete_id,
        activity_id: only,
        action: "purge".to_owned(),
        outcome: Outcome::Purged,
        path: purge.command.clone(),
        sha256: None,
        code: None,
        reason: sentence(&purge, &counts),
        try_next: None,
        run_id: purge.purge_id,
    };
    catalog.finish_purge(&purge, at_us, &entry).await?;
    Ok(Receipt {
        purge_id: Some(purge.purge_id.to_string()),
        athlete_id: purge.athlete_id,
        whole: purge.whole,
        activities: purge.activities,
        revised: purge.revised,
        counts,
        not_searched: erased.not_searched,
        unreadable,
    })
}

/// The receipt as a sentence: ids and counts, nothing personal.
fn sentence(purge: &Purge, counts: &PurgeCounts) -> String {
    let list = |ids: &[ActivityId]| {
        let ids = ids.iter().map(ActivityId::to_string);
        ids.collect::<Vec<_>>().join(", ")
    };
    let what = match purge.whole {
        true => format!("everything of athlete {}", purge.athlete_id),
        false if purge.is_release && purge.revised.is_empty() => {
            format!("copies, and activities {}", list(&purge.activities))
        }
        false if purge.is_release && purge.activities.is_empty() => {
            format!(
                "copies; activities {} stay without them",
                list(&purge.revised)
            )
        }
        false if purge.is_release => format!(
            "copies, and activities {}; activities {} stay without them",
            list(&purge.activities),
            list(&purge.revised)
        ),
        false => format!("activities {}", list(&purge.activities)),
    };
    format!(
        "{what}: {} rows of the lake in {} files written anew and {} removed, {} rows of the \
         catalog, {} recordings; {} objects of {} bytes deleted",
        counts.lake_rows,
        counts.files_rewritten,
        counts.files_removed,
        counts.catalog_rows,
        counts.recordings,
        counts.objects,
        counts.bytes
    )
}
