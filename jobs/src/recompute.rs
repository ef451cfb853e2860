//! Computing again: what is stale, or everything from the raw recordings.
//!
//! Rows that come out as they were are left alone, so a second run finds
//! nothing and the lake does not grow by it.

mod preview;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{Int64Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use query::derived::{Scope, tables_of};
use storage::catalog::{ActivityWrite, CatalogChange, Correction, Pointer};
use storage::lake::{Commit, KeySet, LakeView, TableChange};
use storage::table::Table;
use storage::tables::{ACTIVITIES, DERIVATIONS, FACTS};
use storage::{ActivityId, ActivityKey, AthleteId, Code, Failure};
use uuid::Uuid;

use crate::again::{Rebuilt, from_lake};
use crate::context::Context;
use crate::derive::{Tables, reconcile, replace_differing};
use crate::error::Error;
use crate::replay;

pub use preview::{Column, Preview, preview};

/// How many activities one commit may hold: all their samples are in memory,
/// as they are and as they were.
const PAGE: u32 = 128;
/// How often a page is tried again after another writer was first.
const ATTEMPTS: u32 = 8;

/// What to compute again.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Everything, stale or not, from the raw recordings.
    pub full: bool,
    /// Only this definition.
    pub only: Option<String>,
    /// Only activities that began on this day (UTC) or later.
    pub since: Option<Date>,
    /// Only this athlete.
    pub athlete: Option<AthleteId>,
    /// Ranks and statistics too where the ledger calls them fresh and no
    /// activity changed: after a run that may have been cut off before them.
    pub ranks: bool,
}

impl Options {
    fn is_of(&self, athlete_id: AthleteId) -> bool {
        self.athlete.is_none_or(|only| only == athlete_id)
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recomputed {
    /// Activities that were looked at.
    pub looked_at: u64,
    /// Activities that were computed.
    pub computed: u64,
    /// Activities of which a row differed and was replaced.
    pub changed: u64,
    /// Athletes of whom a rank or statistic differed and was replaced.
    pub athletes_changed: u64,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
}

/// Computes derived tables again.
///
/// # Errors
/// An unknown definition, kept bytes that can no longer be read, or a
/// failing store.
pub async fn recompute(context: &Context, options: &Options) -> Result<Recomputed, Error> {
    let only = options.only.as_deref().map(named).transpose()?;
    let since_us = options.since.map(start_of_day_us).unwrap_or(i64::MIN);
    let mut done = Recomputed::default();
    let mut touched = BTreeSet::new();
    let total = match options.athlete {
        // Nobody counted those of one athlete.
        Some(_) => 0,
        None => context.storage.catalog.count_activities().await?,
    };
    context.progress.begin("recompute", total);
    if only.is_none_or(|derived| matches!(derived.scope, Scope::Activity)) {
        let mut after = options.athlete.map(|athlete_id| ActivityKey {
            athlete_id,
            start_time_us: i64::MIN,
            activity_id: ActivityId(i64::MIN),
        });
        loop {
            if context.stop.asked() {
                done.interrupted = true;
                break;
            }
            let page = context.storage.catalog.pointers_after(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key);
            let is_wanted = |pointer: &&Pointer| options.is_of(pointer.key.athlete_id);
            let is_over = !is_wanted(&last);
            let wanted: Vec<Pointer> = page
                .iter()
                .filter(|p| p.key.start_time_us >= since_us)
                .filter(is_wanted)
                .cloned()
                .collect();
            for (athlete_id, pointers) in by_athlete(wanted) {
                let before = done.changed;
                recompute_page(context, options, only, pointers, &mut done).await?;
                if done.changed > before {
                    touched.insert(athlete_id);
                }
            }
            context.progress.advance(page.len() as u64);
            if is_over {
                break;
            }
        }
    }
    context.progress.end();
    for athlete in context.storage.catalog.athletes().await? {
        let athlete_id = athlete.athlete_id;
        if !options.is_of(athlete_id) {
            continue;
        }
        // Those whose rows changed are brought up to date all the same.
        if context.stop.asked() && !touched.contains(&athlete_id) {
            done.interrupted = true;
            continue;
        }
        // Rows of theirs changed without a change of an activity.
        let fully = options.full || options.ranks || touched.contains(&athlete_id);
        let changed = reconcile(context, athlete_id, fully).await?;
        done.athletes_changed += u64::from(!changed.is_empty());
    }
    Ok(done)
}

fn named(name: &str) -> Result<&'static query::derived::Derived, Error> {
    let declared = query::derived::DERIVED;
    declared
        .iter()
        .copied()
        .find(|derived| derived.name == name)
        .ok_or_else(|| Error::NoSuchDefinition {
            name: name.to_owned(),
            known: declared
                .iter()
                .map(|derived| derived.name)
                .collect::<Vec<_>>()
                .join(", "),
        })
}

fn start_of_day_us(day: Date) -> i64 {
    // A day at the very end of the calendar has no start in UTC's range.
    day.to_zoned(TimeZone::UTC)
        .map_or(i64::MAX, |zoned| zoned.timestamp().as_microsecond())
}

fn by_athlete(pointers: Vec<Pointer>) -> BTreeMap<AthleteId, Vec<Pointer>> {
    let mut athletes: BTreeMap<AthleteId, Vec<Pointer>> = BTreeMap::new();
    for pointer in pointers {
        athletes
            .entry(pointer.key.athlete_id)
            .or_default()
            .push(pointer);
    }
    athletes
}

async fn recompute_page(
    context: &Context,
    options: &Options,
    only: Option<&'static query::derived::Derived>,
    mut page: Vec<Pointer>,
    done: &mut Recomputed,
) -> Result<(), Error> {
    done.looked_at += page.len() as u64;
    let mut attempt = 0;
    loop {
        attempt += 1;
        let view = context.storage.lake.latest().await?;
        let stale = if options.full {
            page.clone()
        } else {
            stale(&view, &page).await?
        };
        if stale.is_empty() {
            return Ok(());
        }
        let new = computed(context, &view, options, only, &stale).await?;
        let (commit, changed) = difference(&view, &stale, new, only, &[]).await?;
        let Some(commit) = commit else {
            done.computed += stale.len() as u64;
            return Ok(());
        };
        match context.storage.lake.commit(commit).await {
            Ok(_) => {
                done.computed += stale.len() as u64;
                done.changed += changed;
                return Ok(());
            }
            Err(error) if error.code() == Code::Conflict && attempt < ATTEMPTS => {
                let Some(first) = page.first() else {
                    return Ok(());
                };
                let athlete = first.key.athlete_id;
                let ids: Vec<ActivityId> = page.iter().map(|p| p.key.activity_id).collect();
                page = context.storage.catalog.pointers(athlete, &ids).await?;
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

/// New rows of activities: of everything in full from the raw recordings, else
/// from the facts that the lake has.
async fn computed(
    context: &Context,
    view: &LakeView,
    options: &Options,
    only: Option<&'static query::derived::Derived>,
    page: &[Pointer],
) -> Result<Rebuilt, Error> {
    match (options.full, only) {
        (true, None) => from_raw(context, page).await,
        _ => {
            let corrections = corrections_of(context, page).await?;
            from_lake(view, page, &corrections, only).await
        }
    }
}

/// Everything that was ever said of these activities.
///
/// # Errors
/// Where the catalog fails.
pub(crate) async fn corrections_of(
    context: &Context,
    page: &[Pointer],
) -> Result<Arc<[Correction]>, Error> {
    let mut corrections = Vec::new();
    for (athlete_id, page) in by_athlete(page.to_vec()) {
        let ids: Vec<ActivityId> = page.iter().map(|p| p.key.activity_id).collect();
        let of = context.storage.catalog.corrections_of(athlete_id, &ids);
        corrections.extend(of.await?);
    }
    Ok(corrections.into())
}

/// Which of these the ledger does not know at their revision and today's
/// versions.
///
/// # Errors
/// Where the ledger cannot be read.
pub async fn stale(view: &LakeView, page: &[Pointer]) -> Result<Vec<Pointer>, Error> {
    let keys: Vec<_> = page.iter().map(|pointer| pointer.key).collect();
    let ledger = view
        .rows(DERIVATIONS.name, None, &KeySet::activities(&keys))
        .await?;
    Ok(query::stale::stale_activities(page, &ledger)?)
}

/// Rows as the kept recordings give them now.
async fn from_raw(context: &Context, page: &[Pointer]) -> Result<Rebuilt, Error> {
    let grounds = replay::grounds_of(context, page).await?;
    let replayed = replay::replay(context, page, grounds).await?;
    let rows = replay::rows(replayed, |replayed| replayed.pointer.revision).await?;
    rows.into_iter()
        .map(
            |(mut replayed, rows)| match (replayed.troubles.pop(), rows) {
                (None, Some(rows)) => Ok((replayed.pointer, rows)),
                (Some(trouble), _) => Err(trouble),
                (None, None) => Err(Error::NoSources(replayed.pointer.key.activity_id)),
            },
        )
        .collect()
}

/// What turns the rows of the lake into the new ones; with how many
/// activities differ.
///
/// A fact that differs is a change of the activity: its revision rises, as that
/// of `raised` does in any case. A
/// derived row that differs is replaced, and the ledger says so.
async fn difference(
    view: &LakeView,
    page: &[Pointer],
    mut new: Rebuilt,
    only: Option<&'static query::derived::Derived>,
    raised: &[ActivityId],
) -> Result<(Option<Commit>, u64), Error> {
    let keys = KeySet::activities(&page.iter().map(|pointer| pointer.key).collect::<Vec<_>>());
    let mut tables: Vec<&'static Table> = match only {
        Some(derived) => vec![derived.table, &DERIVATIONS],
        None => tables_of(Scope::Activity),
    };
    tables.retain(|table| new.iter().any(|(_, rows)| rows.contains_key(table.name)));
    let mut old: Tables = BTreeMap::new();
    for table in &tables {
        old.insert(table.name, view.rows(table.name, None, &keys).await?);
    }
    let mut risen: BTreeSet<ActivityId> = raised.iter().copied().collect();
    for table in tables.iter().filter(|table| is_fact(table)) {
        if let Some(change) = replace_differing(table, &old[table.name], &rows_of(&new, table))? {
            risen.extend(activity_ids(&change));
        }
    }
    let mut catalog = CatalogChange {
        // What is computed from an activity that changed meanwhile, or went,
        // must not come after it.
        unchanged: page.to_vec(),
        ..CatalogChange::default()
    };
    for (pointer, rows) in &mut new {
        if risen.contains(&pointer.key.activity_id) {
            let revision = pointer.revision + 1;
            let key = set_revision(pointer, rows, revision)?;
            catalog.activities.push(ActivityWrite {
                key,
                previous_revision: Some(pointer.revision),
                revision,
            });
        }
    }
    if let Some(derived) = only {
        let ledger = old.get(DERIVATIONS.name).map_or(&[][..], Vec::as_slice);
        keep_others_stale(&mut new, ledger, &catalog, derived)?;
    }
    let mut changed = risen;
    let mut changes = Vec::new();
    for table in tables {
        let Some(change) = replace_differing(table, &old[table.name], &rows_of(&new, table))?
        else {
            continue;
        };
        if table.name != DERIVATIONS.name {
            changed.extend(activity_ids(&change));
        }
        changes.push(change);
    }
    if changes.is_empty() {
        return Ok((None, 0));
    }
    let message = "compute again".to_owned();
    let commit = Commit {
        attempt: Uuid::now_v7(),
        changes,
        catalog,
        message,
    };
    Ok((Some(commit), changed.len() as u64))
}

/// Computes an activity again where it is stale.
///
/// # Errors
/// As [`recompute`].
pub(crate) async fn refresh(context: &Context, pointer: &Pointer) -> Result<(), Error> {
    let (options, mut done) = (Options::default(), Recomputed::default());
    recompute_page(context, &options, None, vec![*pointer], &mut done).await
}

/// A commit that raises an activity's revision, and replaces those of its rows
/// that differ from these.
///
/// # Errors
/// Where the lake cannot be read, or rows are not as their table declares them.
pub(crate) async fn replacing(
    view: &LakeView,
    pointer: Pointer,
    new: Rebuilt,
) -> Result<Commit, Error> {
    let raised = [pointer.key.activity_id];
    let (commit, _) = difference(view, &[pointer], new, None, &raised).await?;
    commit.ok_or(Error::NoSources(pointer.key.activity_id))
}

/// Where one definition alone was computed, the ledger says so: by the versions
/// of the others that it had. Where those were computed from another revision,
/// or never, the activity stays as stale as it was.
fn keep_others_stale(
    new: &mut Rebuilt,
    ledger: &[RecordBatch],
    catalog: &CatalogChange,
    only: &query::derived::Derived,
) -> Result<(), Error> {
    let lines = query::stale::lines(ledger)?;
    for (pointer, rows) in new {
        let Some(line) = lines.iter().find(|line| line.key == pointer.key) else {
            rows.remove(DERIVATIONS.name);
            continue;
        };
        let mut kept = line.clone();
        if line.input_revision == pointer.revision {
            let id = pointer.key.activity_id;
            let write = catalog.activities.iter().find(|w| w.key.activity_id == id);
            if let Some(write) = write {
                (kept.key, kept.input_revision) = (write.key, write.revision);
            }
            kept.versions = query::derived::versions_with(&line.versions, only);
        }
        let line = query::ledger::activity_line_of(kept.key, kept.input_revision, &kept.versions)?;
        rows.insert(DERIVATIONS.name, line);
    }
    Ok(())
}

fn is_fact(table: &Table) -> bool {
    table.name != DERIVATIONS.name && FACTS.iter().any(|fact| fact.name == table.name)
}

/// The new rows of one table. Where rows come from the lake, tables that are
/// not derived are not among them; they stay as they are.
fn rows_of(new: &Rebuilt, table: &Table) -> Vec<RecordBatch> {
    new.iter()
        .filter_map(|(_, rows)| rows.get(table.name).cloned())
        .collect()
}

/// The activities of which rows are replaced.
fn activity_ids(change: &TableChange) -> Vec<ActivityId> {
    let deleted = change.delete.iter().map(KeySet::rows);
    deleted
        .chain(&change.append)
        .filter_map(|batch| batch.column_by_name("activity_id"))
        .flat_map(|column| column.as_primitive::<Int64Type>().values().iter().copied())
        .map(ActivityId)
        .collect()
}

/// Raises the revision in an activity's rows; answers where they are.
fn set_revision(
    pointer: &Pointer,
    rows: &mut BTreeMap<&'static str, RecordBatch>,
    revision: i64,
) -> Result<ActivityKey, Error> {
    let mut key = pointer.key;
    if let Some(activities) = rows.get_mut(ACTIVITIES.name) {
        let schema = activities.schema();
        let mut columns = activities.columns().to_vec();
        columns[schema.index_of("revision")?] = Arc::new(Int64Array::from(vec![revision]));
        let start = schema.index_of("start_time")?;
        key.start_time_us = columns[start]
            .as_primitive::<TimestampMicrosecondType>()
            .value(0);
        *activities = RecordBatch::try_new(schema, columns)?;
    }
    rows.insert(
        DERIVATIONS.name,
        query::ledger::activity_line(key, revision)?,
    );
    Ok(key)
}
