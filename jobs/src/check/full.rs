//! Every value of the lake beside what the raw bytes give.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use query::agreement::Disagreement;
use query::athlete_tables::athlete_tables;
use query::derived::{Scope, tables_of};
use query::difference::difference;
use query::session::{Limits, Session};
use storage::catalog::Pointer;
use storage::table::Table;
use storage::{ActivityId, KeySet, LakeView, Problem};

use super::Findings;
use crate::context::Context;
use crate::derive::is_fresh;
use crate::error::Error;
use crate::replay;

/// How many activities are derived and compared at a time.
const PAGE: usize = 256;

/// Derives every activity and athlete again and compares.
///
/// # Errors
/// Where catalog or store fail. Files and bytes that cannot be read are
/// findings.
pub async fn compare(
    context: &Context,
    view: &LakeView,
    pointers: &[Pointer],
    findings: &mut Findings,
) -> Result<(), Error> {
    context.progress.begin("check", pointers.len() as u64);
    let mut bad = BTreeMap::new();
    for page in pointers.chunks(PAGE) {
        let grounds = replay::grounds_of(context, page).await?;
        let replayed = replay::replay(context, page, grounds).await?;
        let mut new: BTreeMap<&'static str, Vec<RecordBatch>> = BTreeMap::new();
        let mut compared = Vec::new();
        for (replayed, rows) in replay::rows(replayed, |one| one.pointer.revision).await? {
            for trouble in &replayed.troubles {
                let id = replayed.pointer.key.activity_id;
                let message = format!("activity {id}: {trouble}");
                findings.unmendable.push(("raw", message));
            }
            // What is left of its recordings says nothing of its rows.
            if let Some(rows) = rows.filter(|_| replayed.troubles.is_empty()) {
                compared.push(replayed.pointer);
                for (table, batch) in rows {
                    new.entry(table).or_default().push(batch);
                }
            }
        }
        let keys: Vec<_> = compared.iter().map(|pointer| pointer.key).collect();
        let keys = KeySet::activities(&keys);
        for table in tables_of(Scope::Activity) {
            let new = new.get(table.name).map_or(&[][..], Vec::as_slice);
            let Some(old) = read(view, table, &keys, &mut bad).await? else {
                continue;
            };
            let differing = differing(table, &old, new)?;
            findings
                .rows
                .extend(disagreements(table, &compared, &differing));
        }
        context.progress.advance(page.len() as u64);
    }
    compare_athletes(context, view, findings, &mut bad).await?;
    // What is known of a file already is not told twice.
    bad.retain(|path: &String, _| findings.lake.iter().all(|p| p.path() != Some(path)));
    findings.lake.extend(bad.into_values());
    findings.rows.sort();
    context.progress.end();
    Ok(())
}

/// Rows by key; `None`, and a bad file more, where they cannot be read.
async fn read(
    view: &LakeView,
    table: &Table,
    keys: &KeySet,
    bad: &mut BTreeMap<String, Problem>,
) -> Result<Option<Vec<RecordBatch>>, Error> {
    match view.rows(table.name, None, keys).await {
        Ok(rows) => Ok(Some(rows)),
        Err(storage::Error::Parquet { path, source, .. }) => {
            let why = source.to_string();
            bad.insert(path.clone(), Problem::Unreadable { path, why });
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// The activities of which a row differs.
fn differing(
    table: &'static Table,
    old: &[RecordBatch],
    new: &[RecordBatch],
) -> Result<BTreeSet<ActivityId>, Error> {
    let batches = match difference(table, old, new) {
        Ok(difference) => vec![difference.delete, difference.append],
        // Two rows share a key: which activity's they are is found otherwise.
        Err(query::Error::Malformed { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    let ids = batches
        .iter()
        .filter_map(|b| b.column_by_name("activity_id"));
    let ids = ids.flat_map(|column| column.as_primitive::<Int64Type>().iter().flatten());
    Ok(ids.map(ActivityId).collect())
}

fn disagreements(
    table: &'static Table,
    compared: &[Pointer],
    differing: &BTreeSet<ActivityId>,
) -> Vec<Disagreement> {
    let of = compared.iter().map(|pointer| pointer.key);
    of.filter(|key| differing.contains(&key.activity_id))
        .map(|key| Disagreement {
            table: table.name,
            message: format!(
                "rows of activity {} are not what its recordings give",
                key.activity_id
            ),
            activity: Some(key),
            is_stranger: false,
        })
        .collect()
}

/// Ranks and statistics beside what the tables of activities give.
async fn compare_athletes(
    context: &Context,
    view: &LakeView,
    findings: &mut Findings,
    bad: &mut BTreeMap<String, Problem>,
) -> Result<(), Error> {
    if findings.has_bad_files() || !bad.is_empty() {
        return Ok(());
    }
    let session = Session::open(view, Limits::jobs()).await?;
    for athlete in context.storage.catalog.athletes().await? {
        let today = context.today(&athlete);
        let id = athlete.athlete_id;
        if !is_fresh(view, &athlete, today).await? {
            continue;
        }
        let as_of = (id, query::read::days(today));
        let derived = athlete_tables(session.context(), &[as_of]).await?;
        for table in tables_of(Scope::Athlete) {
            let keys = KeySet::athletes(&[id]);
            let Some(old) = read(view, table, &keys, bad).await? else {
                continue;
            };
            let new = derived.tables.get(table.name);
            let new = new.map_or(&[][..], Vec::as_slice);
            if difference(table, &old, new).map_or(true, |difference| !difference.is_empty()) {
                findings
                    .athletes
                    .push((id, "are not what the activities give"));
                break;
            }
        }
    }
    Ok(())
}
