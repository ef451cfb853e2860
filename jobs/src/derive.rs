//! Athlete tables: reconciliation of ranks and statistics with the
//! activities they are computed from.
//!
//! It takes no input but the athlete: what should be is computed from the
//! newest snapshot, compared with what is, and only rows that differ are
//! replaced. Run twice, the second finds nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use arrow::record_batch::RecordBatch;
use query::athlete_growth::{Births, grown};
use query::athlete_tables::{AthleteTables, athlete_tables};
use query::derived::best_effort_ranks::RANKS_TABLE;
use query::derived::best_efforts::BEST_EFFORTS_TABLE;
use query::derived::stats::STATS_TABLE;
use query::derived::{Scope, tables_of};
use query::difference::{Difference, difference};
use query::session::{Limits, Session};
use storage::catalog::{Athlete, CatalogChange, Reconciled};
use storage::lake::{Commit, KeySet, LakeView, TableChange};
use storage::tables::{ACTIVITIES, DERIVATIONS};
use storage::{ActivityKey, AthleteId, Code, Failure};
use uuid::Uuid;

use crate::changes::Changes;
use crate::context::Context;
use crate::error::Error;
use crate::growth::Growth;

/// How often an athlete is tried again after another writer was first.
const ATTEMPTS: u32 = 8;

/// Brings the tables of every athlete whose activities, day or definitions
/// changed up to date; answers how many athletes had rows to replace.
///
/// # Errors
/// Where storage fails or other writers keep winning.
pub async fn reconcile_stale(context: &Context) -> Result<usize, Error> {
    let mut changed = 0;
    for athlete in context.storage.catalog.athletes().await? {
        let rows = reconcile(context, athlete.athlete_id, false).await?;
        changed += usize::from(!rows.is_empty());
    }
    Ok(changed)
}

/// How often a server looks for what became stale by itself.
const TICK: Duration = Duration::from_secs(60);
/// How often it looks whether it should stop.
const STOP_TICK: Duration = Duration::from_millis(200);

/// Keeps every athlete's tables up to date until the job is asked to stop:
/// efforts leave a window with the days, though nothing is imported. What goes
/// wrong is logged and tried again at the next tick.
pub async fn keep_fresh(context: Context) {
    let mut since = TICK;
    while !context.stop.asked() {
        if since >= TICK {
            since = Duration::ZERO;
            if let Err(error) = reconcile_stale(&context).await {
                tracing::warn!(%error, "ranks and statistics could not be brought up to date");
            }
        }
        tokio::time::sleep(STOP_TICK).await;
        since += STOP_TICK;
    }
}

/// Brings one athlete's tables up to date; answers which rows changed.
///
/// `full` computes them even where the ledger says they are fresh. Where a
/// purge of the athlete is under way it is left to that.
///
/// # Errors
/// Where storage fails or other writers keep winning.
pub async fn reconcile(
    context: &Context,
    athlete_id: AthleteId,
    full: bool,
) -> Result<Changes, Error> {
    let athlete = context.storage.catalog.athlete(athlete_id).await?;
    if athlete.is_none_or(|athlete| athlete.is_being_purged()) {
        return Ok(Changes::default());
    }
    reconcile_purged(context, athlete_id, full).await
}

/// [`reconcile`] after commits of this process: where the tables were fresh
/// before those, and they are all that happened since, only what the new
/// activities touch is computed.
///
/// # Errors
/// As [`reconcile`].
pub async fn reconcile_growth(
    context: &Context,
    athlete_id: AthleteId,
    growth: Option<&Growth>,
) -> Result<Changes, Error> {
    if let Some(growth) = growth
        && let Some(births) = &growth.births
    {
        match reconcile_births(context, athlete_id, growth, births).await {
            Ok(Some(changed)) => return Ok(changed),
            Ok(None) => {}
            Err(Error::Storage(error)) if error.code() == Code::Conflict => {}
            Err(error) => return Err(error),
        }
    }
    reconcile(context, athlete_id, false).await
}

/// [`reconcile`], also of an athlete whose purge is under way: its own step.
pub(crate) async fn reconcile_purged(
    context: &Context,
    athlete_id: AthleteId,
    full: bool,
) -> Result<Changes, Error> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match reconcile_once(context, athlete_id, full).await {
            Err(Error::Storage(error)) if error.code() == Code::Conflict => {
                if attempt == ATTEMPTS {
                    return Err(Error::Contended {
                        attempts: attempt,
                        source: error,
                    });
                }
            }
            other => return other,
        }
    }
}

async fn reconcile_once(
    context: &Context,
    athlete_id: AthleteId,
    full: bool,
) -> Result<Changes, Error> {
    // The revision first: a commit in between makes the athlete stale again,
    // never fresh too early.
    let catalog = &context.storage.catalog;
    let athlete = catalog
        .athlete(athlete_id)
        .await?
        .ok_or(Error::NoSuchAthlete(athlete_id))?;
    let view = context.storage.lake.latest().await?;
    let today = context.today(&athlete);
    if !full && is_fresh(&view, &athlete, today).await? {
        return Ok(Changes::default());
    }
    let session = Session::open(&view, Limits::default()).await?;
    let as_of = (athlete_id, query::read::days(today));
    let derived = athlete_tables(session.context(), &[as_of]).await?;
    let mut old = Tables::new();
    for table in tables_of(Scope::Athlete) {
        let keys = KeySet::athletes(&[athlete_id]);
        old.insert(table.name, view.rows(table.name, None, &keys).await?);
    }
    commit(context, &athlete, &old, &derived).await
}

/// What the births of `growth` change, where the tables hold what they should
/// but for those; `None` where they do not, and nothing was written.
async fn reconcile_births(
    context: &Context,
    athlete_id: AthleteId,
    growth: &Growth,
    births: &[ActivityKey],
) -> Result<Option<Changes>, Error> {
    let Some(athlete) = context.storage.catalog.athlete(athlete_id).await? else {
        return Ok(None);
    };
    let view = context.storage.lake.latest().await?;
    let today = context.today(&athlete);
    let ledger = old_ledger(&view, athlete_id).await?;
    let was_fresh = query::stale::athlete_is_fresh(&ledger, growth.from, today)?;
    if athlete.is_being_purged() || athlete.revision != growth.to || !was_fresh {
        return Ok(None);
    }
    let born = KeySet::activities(births);
    let all = KeySet::athletes(&[athlete_id]);
    let ranks = view.rows(RANKS_TABLE.name, None, &all).await?;
    let births = Births {
        activities: view.rows(ACTIVITIES.name, None, &born).await?,
        best_efforts: view.rows(BEST_EFFORTS_TABLE.name, None, &born).await?,
        ranks: ranks.clone(),
    };
    let session = Session::open(&view, Limits::default()).await?;
    let as_of = (athlete_id, query::read::days(today));
    let grown = grown(session.context(), as_of, &births).await?;
    let periods = KeySet::new(grown.periods);
    let stats = view.rows(STATS_TABLE.name, None, &periods).await?;
    let old = Tables::from([(RANKS_TABLE.name, ranks), (STATS_TABLE.name, stats)]);
    Ok(Some(commit(context, &athlete, &old, &grown.tables).await?))
}

/// Replaces the rows of `old` that differ from those of `derived`, and writes
/// that the tables hold what they should at the revision of `athlete`; answers
/// which rows changed.
async fn commit(
    context: &Context,
    athlete: &Athlete,
    old: &Tables,
    derived: &AthleteTables,
) -> Result<Changes, Error> {
    let athlete_id = athlete.athlete_id;
    let mut changes = Vec::new();
    for table in tables_of(Scope::Athlete) {
        let rows = |tables: &Tables| tables.get(table.name).cloned().unwrap_or_default();
        let (old, new) = (rows(old), rows(&derived.tables));
        if let Some(change) = replace_differing(table, &old, &new)? {
            changes.push(change);
        }
    }
    let changed = Changes::of(&changes)?;
    let valid_until = derived.valid_until.get(&athlete_id).copied();
    let line = query::ledger::athlete_line(athlete_id, athlete.revision, valid_until)?;
    changes.push(TableChange {
        table: &DERIVATIONS,
        delete: Some(KeySet::new(query::ledger::athlete_key(athlete_id)?)),
        append: vec![line],
    });
    let catalog = CatalogChange {
        reconciled: vec![Reconciled {
            athlete_id,
            previous: athlete.reconciliations,
            revision: athlete.revision,
        }],
        ..CatalogChange::default()
    };
    let commit = Commit {
        attempt: Uuid::now_v7(),
        changes,
        catalog,
        message: format!("derive ranks and statistics of athlete {athlete_id}"),
    };
    context.storage.lake.commit(commit).await?;
    Ok(changed)
}

/// Whether the ledger says that an athlete's tables hold what they should.
///
/// # Errors
/// Where the ledger cannot be read.
pub async fn is_fresh(
    view: &LakeView,
    athlete: &Athlete,
    today: jiff::civil::Date,
) -> Result<bool, Error> {
    let ledger = old_ledger(view, athlete.athlete_id).await?;
    Ok(query::stale::athlete_is_fresh(
        &ledger,
        athlete.revision,
        today,
    )?)
}

/// An athlete's own lines of the ledger: those without an activity.
async fn old_ledger(view: &LakeView, athlete_id: AthleteId) -> Result<Vec<RecordBatch>, Error> {
    let key = query::ledger::athlete_key(athlete_id)?;
    Ok(view.rows(DERIVATIONS.name, None, &KeySet::new(key)).await?)
}

/// What turns `old` rows into `new` ones, both of one table; `None` where
/// they are the same.
///
/// # Errors
/// Where the batches are not of that table.
pub fn replace_differing(
    table: &'static storage::table::Table,
    old: &[RecordBatch],
    new: &[RecordBatch],
) -> Result<Option<TableChange>, Error> {
    let difference = difference(table, old, new)?;
    if difference.is_empty() {
        return Ok(None);
    }
    let Difference { delete, append } = difference;
    let delete = (delete.num_rows() > 0).then(|| KeySet::new(delete));
    let append = if append.num_rows() > 0 {
        vec![append]
    } else {
        Vec::new()
    };
    Ok(Some(TableChange {
        table,
        delete,
        append,
    }))
}

/// Tables by name, as derivation yields them.
pub type Tables = BTreeMap<&'static str, Vec<RecordBatch>>;
