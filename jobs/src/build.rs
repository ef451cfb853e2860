//! All rows of a batch, facts and derived, and the commit that holds them.

use std::collections::BTreeMap;

use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use pipeline::merge::Merged;
use pipeline::rows::{RowContext, rows};
use query::derived::totals::overlay_totals;
use query::derived::{Scope, tables_of};
use rayon::prelude::*;
use storage::catalog::{
    ActivityEnd, ActivityWrite, AuditEntry, CatalogChange, Correction, retain_until_us,
};
use storage::lake::{Commit, KeySet, TableChange};
use storage::tables::{ACTIVITIES, DERIVATIONS, FINDINGS, LAPS, STREAMS};
use storage::{ActivityKey, AthleteId};
use uuid::Uuid;

use crate::error::Error;
use crate::identify::Planned;

/// Rows of a batch, by table, and what the catalog must know of it.
pub(crate) struct Built {
    tables: BTreeMap<&'static str, Vec<RecordBatch>>,
    /// Activities whose rows go from the newest snapshot.
    pub replaced: Vec<ActivityKey>,
    pub catalog: CatalogChange,
}

/// Builds all rows of a batch, on all cores; the order of the batch is kept.
pub(crate) fn build(planned: Vec<Planned>) -> Result<Built, Error> {
    let rows = planned
        .par_iter()
        .map(|planned| {
            let context = RowContext {
                key: planned.key,
                revision: planned.revision(),
                retain_until_us: retain_until_us(&planned.sources),
            };
            activity_rows(&planned.merged, &context, &planned.corrections)
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let mut tables: BTreeMap<&'static str, Vec<RecordBatch>> = BTreeMap::new();
    for (table, batch) in rows
        .into_iter()
        .flatten()
        .filter(|(_, batch)| batch.num_rows() > 0)
    {
        tables.entry(table).or_default().push(batch);
    }
    let mut replaced = Vec::new();
    let mut catalog = CatalogChange::default();
    for mut planned in planned {
        let revision = planned.revision();
        for source in &mut planned.sources {
            source.activity_id = planned.key.activity_id;
        }
        replaced.extend(
            planned
                .previous
                .iter()
                .chain(&planned.ended)
                .map(|old| old.key),
        );
        catalog.activities.push(ActivityWrite {
            key: planned.key,
            previous_revision: planned.previous.as_ref().map(|pointer| pointer.revision),
            revision,
        });
        catalog
            .ended
            .extend(planned.ended.iter().map(|pointer| ActivityEnd {
                athlete_id: planned.key.athlete_id,
                activity_id: pointer.key.activity_id,
                previous_revision: pointer.revision,
                merged_into: planned.key.activity_id,
            }));
        catalog.sources.append(&mut planned.sources);
        catalog.replaced.append(&mut planned.replaced);
        catalog.corrections.append(&mut planned.moved_corrections);
    }
    Ok(Built {
        tables,
        replaced,
        catalog,
    })
}

/// All rows of one activity, facts and derived, and its line in the ledger;
/// `corrections` are what was ever said of it.
///
/// # Errors
/// Where rows do not fit their table, which is a fault of ours.
pub fn activity_rows(
    merged: &Merged,
    context: &RowContext,
    corrections: &[Correction],
) -> Result<BTreeMap<&'static str, RecordBatch>, Error> {
    let RowContext { key, revision, .. } = *context;
    let facts = rows(merged, context)?;
    let laps = std::slice::from_ref(&facts.laps);
    let said = Said {
        corrections,
        revision,
    };
    let mut tables = derived_rows(&facts.activities, &facts.streams, laps, said)?;
    tables.insert(STREAMS.name, facts.streams);
    tables.insert(LAPS.name, facts.laps);
    tables.insert(FINDINGS.name, facts.findings);
    tables.insert(
        DERIVATIONS.name,
        query::ledger::activity_line(key, revision)?,
    );
    Ok(tables)
}

/// What was ever said of an activity, and the revision that its rows are of.
#[derive(Clone, Copy)]
pub struct Said<'a> {
    /// What was said, of it and maybe of others.
    pub corrections: &'a [Correction],
    /// What holds in this revision counts.
    pub revision: i64,
}

/// Derived rows of one activity, and its row in `activities` with our totals.
///
/// An activity without samples, such as one that was typed in, has no derived
/// rows, and its totals are what its source claims.
///
/// # Errors
/// Where rows are not as their tables declare them.
pub fn derived_rows(
    activities: &RecordBatch,
    streams: &RecordBatch,
    laps: &[RecordBatch],
    said: Said,
) -> Result<BTreeMap<&'static str, RecordBatch>, Error> {
    let samples = activities.column(activities.schema().index_of("samples")?);
    if samples
        .as_primitive::<Int32Type>()
        .values()
        .iter()
        .all(|samples| *samples == 0)
    {
        return Ok(BTreeMap::from([(ACTIVITIES.name, activities.clone())]));
    }
    let mut read = query::activity::from_rows(activities, streams, laps)?;
    for activity in &mut read {
        activity.correct(said.corrections, said.revision);
    }
    let derived = query::derive::derive(&read);
    let mut tables = derived.tables;
    tables.insert(ACTIVITIES.name, overlay_totals(activities, &derived.totals));
    Ok(tables)
}

impl Built {
    /// One commit that replaces what was there.
    pub fn into_commit(mut self, athlete: AthleteId, audit: Vec<AuditEntry>) -> Commit {
        self.catalog.audit = audit;
        let changes = tables_of(Scope::Activity)
            .into_iter()
            .map(|table| TableChange {
                table,
                delete: (!self.replaced.is_empty()).then(|| KeySet::activities(&self.replaced)),
                append: self.tables.remove(table.name).unwrap_or_default(),
            })
            .filter(|change| change.delete.is_some() || !change.append.is_empty())
            .collect();
        Commit {
            attempt: Uuid::now_v7(),
            changes,
            message: format!("take in recordings of athlete {athlete}"),
            catalog: self.catalog,
        }
    }
}
