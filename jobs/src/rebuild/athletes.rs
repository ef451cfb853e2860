//! Ranks and statistics of all athletes, from the new rows of activities.

use std::collections::{BTreeMap, BTreeSet};

use arrow::record_batch::RecordBatch;
use query::athlete_tables::athlete_tables;
use query::session::{Limits, Session};
use storage::AthleteId;
use storage::catalog::{ActivityWrite, Athlete, Reconciled};
use storage::lake::LakeView;
use storage::lake::draft::{Draft, Part};
use storage::tables::DERIVATIONS;

use crate::context::Context;
use crate::error::Error;

/// How many athletes are derived by one query.
const PAGE: usize = 64;
/// A part is written once it has this many rows.
const PART_ROWS: usize = 200_000;

/// Derives them from `facts` and writes them; answers what was written, and
/// what the catalog must know of it. Athletes of whom an activity is `moved`
/// are a revision further on once that is committed.
///
/// # Errors
/// Where rows cannot be read, derived or written.
pub async fn write(
    context: &Context,
    draft: &Draft,
    facts: &LakeView,
    athletes: &[Athlete],
    moved: &[ActivityWrite],
) -> Result<(Vec<Part>, Vec<Reconciled>), Error> {
    let touched: BTreeSet<AthleteId> = moved.iter().map(|write| write.key.athlete_id).collect();
    let session = Session::open(facts, Limits::jobs()).await?;
    let mut parts = Vec::new();
    let mut reconciled = Vec::with_capacity(athletes.len());
    let mut rows: BTreeMap<&'static str, Vec<RecordBatch>> = BTreeMap::new();
    for page in athletes.chunks(PAGE) {
        let as_of: Vec<_> = page
            .iter()
            .map(|athlete| {
                (
                    athlete.athlete_id,
                    query::read::days(context.today(athlete)),
                )
            })
            .collect();
        let derived = athlete_tables(session.context(), &as_of).await?;
        for (table, batches) in derived.tables {
            rows.entry(table).or_default().extend(batches);
        }
        for athlete in page {
            let id = athlete.athlete_id;
            let revision = athlete.revision + i64::from(touched.contains(&id));
            let valid_until = derived.valid_until.get(&id).copied();
            let line = query::ledger::athlete_line(id, revision, valid_until)?;
            rows.entry(DERIVATIONS.name).or_default().push(line);
            reconciled.push(Reconciled {
                athlete_id: id,
                previous: athlete.reconciliations,
                revision,
            });
        }
        if rows
            .values()
            .flatten()
            .map(RecordBatch::num_rows)
            .sum::<usize>()
            >= PART_ROWS
        {
            let rows = std::mem::take(&mut rows);
            parts.push(draft.write(String::new(), rows, false).await?);
        }
    }
    if !rows.is_empty() {
        parts.push(draft.write(String::new(), rows, false).await?);
    }
    Ok((parts, reconciled))
}
