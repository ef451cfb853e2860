//! Damaged or missing files: the rows that they held, derived again.

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;
use query::derived::{Scope, tables_of};
use query::difference::missing;
use storage::catalog::{Athlete, CatalogChange, Pointer};
use storage::lake::draft::Part;
use storage::lake::mend::Mending;
use storage::{ActivityKey, AthleteId, Code, Failure, KeySet, Problem};

use super::{ATTEMPTS, Repaired};
use crate::context::Context;
use crate::error::Error;
use crate::replay;

/// How many activities are looked at, and derived, at a time.
const PAGE: u32 = 256;

/// Ends the files of the newest snapshot that `bad` names, and puts the rows
/// that they held in their place.
///
/// # Errors
/// [`Error::Contended`]; a failing catalog or store.
pub async fn mend(context: &Context, bad: &[Problem], done: &mut Repaired) -> Result<(), Error> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        let lake = &context.storage.lake;
        let mending = lake.mending(query::derived::tables(), bad).await?;
        if mending.is_empty() {
            return Ok(());
        }
        match mend_once(context, &mending).await {
            Ok(activities) => {
                let tables: Vec<&str> = mending.tables().collect();
                done.mended.push(format!(
                    "replaced {} damaged or missing files of {} by rows that the recordings of \
                     {activities} activities give",
                    mending.files(),
                    tables.join(", ")
                ));
                return Ok(());
            }
            Err(Error::Storage(error)) if error.code() == Code::Conflict => {
                if attempt == ATTEMPTS {
                    return Err(Error::Contended {
                        attempts: attempt,
                        source: error,
                    });
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Derives and commits; answers how many activities were derived.
async fn mend_once(context: &Context, mending: &Mending) -> Result<u64, Error> {
    // The revisions first: what is committed meanwhile makes a conflict.
    let athletes = context.storage.catalog.athletes().await?;
    let mut parts = Vec::new();
    let written = write(context, mending, &mut parts).await;
    let committed = async {
        let (activities, touched) = written?;
        let guard: Vec<_> = athletes
            .iter()
            .map(|athlete| (athlete.athlete_id, athlete.revision))
            .filter(|(id, _)| touched.contains(id))
            .collect();
        let catalog = CatalogChange {
            // Their ranks and statistics are derived anew in any case.
            decided_at: losing_ranks(mending, &athletes)?,
            ..CatalogChange::default()
        };
        mending.commit(&parts, &guard, &catalog).await?;
        Ok(activities)
    };
    let result = committed.await;
    if result.is_err() {
        mending.discard(parts).await;
    }
    result
}

/// Writes the rows that are lost; answers of how many activities and of which
/// athletes.
async fn write(
    context: &Context,
    mending: &Mending,
    parts: &mut Vec<Part>,
) -> Result<(u64, Vec<AthleteId>), Error> {
    let damaged: Vec<&str> = mending.tables().collect();
    let mut tables = tables_of(Scope::Activity);
    tables.retain(|table| damaged.contains(&table.name));
    let (mut derived, mut touched) = (0, Vec::new());
    let mut after: Option<ActivityKey> = None;
    let total = context.storage.catalog.count_activities().await?;
    context.progress.begin("repair", total);
    loop {
        let page = context.storage.catalog.pointers_after(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        let concerned = concerned(mending, &damaged, &page)?;
        context.progress.advance(page.len() as u64);
        if concerned.is_empty() {
            continue;
        }
        derived += concerned.len() as u64;
        touched.extend(concerned.iter().map(|pointer| pointer.key.athlete_id));
        let grounds = replay::grounds_of(context, &concerned).await?;
        let replayed = replay::replay(context, &concerned, grounds).await?;
        let mut new: BTreeMap<&'static str, Vec<RecordBatch>> = BTreeMap::new();
        for (replayed, rows) in replay::rows(replayed, |one| one.pointer.revision).await? {
            let rows = match replayed.troubles.is_empty() {
                true => rows,
                false => replay::taken_over(mending.view(), &replayed).await.ok(),
            };
            for (table, batch) in rows.into_iter().flatten() {
                new.entry(table).or_default().push(batch);
            }
        }
        let keys: Vec<_> = concerned.iter().map(|pointer| pointer.key).collect();
        let keys = KeySet::activities(&keys);
        let mut lost = BTreeMap::new();
        for table in &tables {
            let old = mending.view().rows(table.name, None, &keys).await?;
            let new = new.remove(table.name).unwrap_or_default();
            let rows = missing(table, &old, &new)?;
            if rows.num_rows() > 0 {
                lost.insert(table.name, vec![rows]);
            }
        }
        if !lost.is_empty() {
            parts.push(mending.write(lost).await?);
        }
    }
    context.progress.end();
    touched.dedup();
    Ok((derived, touched))
}

/// The activities that may have had rows in the files.
fn concerned(mending: &Mending, damaged: &[&str], page: &[Pointer]) -> Result<Vec<Pointer>, Error> {
    let keys: Vec<_> = page.iter().map(|pointer| pointer.key).collect();
    let keys = KeySet::activities(&keys);
    let mut held = vec![false; page.len()];
    for table in tables_of(Scope::Activity) {
        if damaged.contains(&table.name) {
            for index in mending.may_hold(table.name, &keys)? {
                held[index] = true;
            }
        }
    }
    let concerned = page.iter().zip(held).filter(|(_, held)| *held);
    Ok(concerned.map(|(pointer, _)| *pointer).collect())
}

/// The athletes whose ranks or statistics may have been in the files, with
/// their revisions.
fn losing_ranks(mending: &Mending, athletes: &[Athlete]) -> Result<Vec<(AthleteId, i64)>, Error> {
    let ids: Vec<_> = athletes.iter().map(|athlete| athlete.athlete_id).collect();
    let keys = KeySet::athletes(&ids);
    let mut held = vec![false; athletes.len()];
    for table in tables_of(Scope::Athlete) {
        for index in mending.may_hold(table.name, &keys)? {
            held[index] = true;
        }
    }
    let losing = athletes.iter().zip(held).filter(|(_, held)| *held);
    Ok(losing
        .map(|(athlete, _)| (athlete.athlete_id, athlete.revision))
        .collect())
}
