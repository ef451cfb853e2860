//! `check --repair`: mends what replay can mend, and names what it cannot.
//!
//! | what `check` finds | how it is mended |
//! |---|---|
//! | counters of the lake's catalog | set past every id that was given |
//! | damaged or missing files of the newest snapshot | their rows derived again from the raw bytes, in one commit that ends the files |
//! | damaged or missing files of older snapshots | these snapshots are forgotten |
//! | rows that are missing, doubled, of another revision or value | all rows of the activity derived again and replaced |
//! | rows of activities that there are not | deleted |
//! | ranks and statistics | derived again |
//! | raw bytes that are missing or damaged, activities without a recording | not at all: import the recordings again |
//!
//! Each step is one commit and finds for itself what is to be done: killed at
//! any moment, the next repair goes on.

mod activities;
mod files;

use serde::Serialize;
use storage::Problem;

use crate::check::{Checked, Findings, check, find};
use crate::context::Context;
use crate::derive::reconcile;
use crate::error::Error;

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Repaired {
    /// What was done, a sentence each.
    pub mended: Vec<String>,
    /// What a check finds now: nothing, or what cannot be mended.
    pub checked: Checked,
}

/// How often a step is tried again after another writer was first.
const ATTEMPTS: u32 = 8;

/// Mends what can be mended, then checks again.
///
/// # Errors
/// [`Error::Contended`] where other writers keep winning; a failing catalog
/// or store.
pub async fn repair(context: &Context, in_full: bool) -> Result<Repaired, Error> {
    let mut done = Repaired::default();
    let mut findings = find(context, in_full).await?;
    if findings.has_bad_files() {
        mend_lake(context, &findings, &mut done).await?;
        // Only now can rows be compared with the catalog.
        findings = find(context, in_full).await?;
    }
    mend_rows(context, &findings, &mut done).await?;
    done.checked = check(context, in_full).await?;
    Ok(done)
}

async fn mend_lake(
    context: &Context,
    findings: &Findings,
    done: &mut Repaired,
) -> Result<(), Error> {
    let lake = &context.storage.lake;
    let is_counter = |problem: &Problem| matches!(problem, Problem::Counter { .. });
    if findings.lake.iter().any(is_counter) {
        lake.mend_counters().await?;
        done.mended
            .push("set the counters of the lake's catalog past every id".to_owned());
    }
    let bad: Vec<Problem> = findings
        .lake
        .iter()
        .filter(|problem| !problem.is_harmless() && !is_counter(problem))
        .cloned()
        .collect();
    if bad.is_empty() {
        return Ok(());
    }
    files::mend(context, &bad, done).await?;
    // They are of older snapshots only by now.
    lake.forget_history(&bad).await?;
    done.mended
        .push("forgot older snapshots, which hold damaged or missing files".to_owned());
    Ok(())
}

async fn mend_rows(
    context: &Context,
    findings: &Findings,
    done: &mut Repaired,
) -> Result<(), Error> {
    activities::mend(context, &findings.rows, done).await?;
    for (athlete, _) in &findings.athletes {
        reconcile(context, *athlete, true).await?;
        done.mended
            .push(format!("derived ranks and statistics of athlete {athlete}"));
    }
    // What was mended before may have made others stale.
    for athlete in context.storage.catalog.athletes().await? {
        reconcile(context, athlete.athlete_id, false).await?;
    }
    Ok(())
}
