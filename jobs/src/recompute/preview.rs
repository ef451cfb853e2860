//! What a recompute would change, cell by cell, without changing it.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{AsArray, BooleanArray};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use query::athlete_tables::over_rows;
use query::cells::{Cell, differing};
use query::derived::best_efforts::BEST_EFFORTS_TABLE;
use query::derived::{Derived, Scope, tables_of};
use serde::Serialize;
use storage::catalog::{Athlete, Pointer};
use storage::lake::{KeySet, LakeView};
use storage::table::Table;
use storage::tables::{ACTIVITIES, DERIVATIONS};
use storage::{ActivityId, AthleteId};

use super::{Options, PAGE, by_athlete, computed, named, rows_of, stale, start_of_day_us};
use crate::again::Rebuilt;
use crate::context::Context;
use crate::derive::is_fresh;
use crate::error::Error;

/// How many cells are shown of each column.
const SHOWN: usize = 3;

/// What a recompute would change.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Preview {
    /// Activities that were looked at.
    pub looked_at: u64,
    /// Activities that would be computed.
    pub computed: u64,
    /// Activities of which a row would change.
    pub changed: u64,
    /// Athletes of whom a rank or statistic would change.
    pub athletes_changed: u64,
    /// Each column of which a cell would change, in order of tables.
    pub columns: Vec<Column>,
    /// Whether it was stopped before its end: then it is of a part.
    pub interrupted: bool,
}

/// What would change in one column.
#[derive(Clone, Debug, Serialize)]
pub struct Column {
    /// Its table.
    pub table: &'static str,
    /// The column; `None`: whole rows that come or go.
    pub column: Option<&'static str>,
    /// How many cells, or rows.
    pub cells: u64,
    /// The first of them.
    pub sample: Vec<Cell>,
}

/// New rows of what athlete tables read, by athlete, and whose they are.
#[derive(Default)]
struct Overlay {
    tables: BTreeMap<&'static str, Vec<RecordBatch>>,
    activities: BTreeSet<ActivityId>,
}

/// Computes what [`recompute`](super::recompute) would, and compares.
///
/// # Errors
/// As [`recompute`](super::recompute).
pub async fn preview(context: &Context, options: &Options) -> Result<Preview, Error> {
    let only = options.only.as_deref().map(named).transpose()?;
    let since_us = options.since.map(start_of_day_us).unwrap_or(i64::MIN);
    let view = context.storage.lake.latest().await?;
    let mut preview = Preview::default();
    let mut overlays: BTreeMap<AthleteId, Overlay> = BTreeMap::new();
    let total = context.storage.catalog.count_activities().await?;
    context.progress.begin("recompute", total);
    let mut after = None;
    while only.is_none_or(|derived| derived.scope == Scope::Activity) {
        if context.stop.asked() {
            preview.interrupted = true;
            break;
        }
        let page = context.storage.catalog.pointers_after(after, PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.key);
        context.progress.advance(page.len() as u64);
        let wanted = page.into_iter().filter(|pointer| {
            pointer.key.start_time_us >= since_us && options.is_of(pointer.key.athlete_id)
        });
        for (athlete_id, athlete) in by_athlete(wanted.collect()) {
            let overlay = overlays.entry(athlete_id).or_default();
            of_page(
                context,
                &view,
                options,
                only,
                athlete,
                &mut preview,
                overlay,
            )
            .await?;
        }
    }
    context.progress.end();
    for athlete in context.storage.catalog.athletes().await? {
        if !options.is_of(athlete.athlete_id) {
            continue;
        }
        let overlay = overlays.remove(&athlete.athlete_id).unwrap_or_default();
        of_athlete(context, &view, options, &athlete, overlay, &mut preview).await?;
    }
    let order = |column: &Column| {
        let tables = query::derived::tables();
        tables.iter().position(|table| table.name == column.table)
    };
    preview.columns.sort_by_key(order);
    Ok(preview)
}

async fn of_page(
    context: &Context,
    view: &LakeView,
    options: &Options,
    only: Option<&'static Derived>,
    page: Vec<Pointer>,
    preview: &mut Preview,
    overlay: &mut Overlay,
) -> Result<(), Error> {
    preview.looked_at += page.len() as u64;
    let stale = match options.full {
        true => page,
        false => stale(view, &page).await?,
    };
    if stale.is_empty() {
        return Ok(());
    }
    let new = computed(context, view, options, only, &stale).await?;
    preview.computed += stale.len() as u64;
    let keys: Vec<_> = stale.iter().map(|pointer| pointer.key).collect();
    let keys = KeySet::activities(&keys);
    let mut changed = BTreeSet::new();
    for table in compared(only, &new) {
        let old = view.rows(table.name, None, &keys).await?;
        let cells = compare(table, &old, &rows_of(&new, table))?;
        changed.extend(cells.iter().filter_map(activity_of));
        preview.take(table, cells);
    }
    preview.changed += changed.len() as u64;
    for table in [&ACTIVITIES, &BEST_EFFORTS_TABLE] {
        let rows = match compared(only, &new)
            .iter()
            .any(|one| one.name == table.name)
        {
            true => rows_of(&new, table),
            false => view.rows(table.name, None, &keys).await?,
        };
        overlay.tables.entry(table.name).or_default().extend(rows);
    }
    overlay
        .activities
        .extend(stale.iter().map(|p| p.key.activity_id));
    Ok(())
}

/// The tables of which new rows were made.
fn compared(only: Option<&'static Derived>, new: &Rebuilt) -> Vec<&'static Table> {
    let mut tables = match only {
        Some(derived) => vec![derived.table],
        None => tables_of(Scope::Activity),
    };
    let has_rows = |table: &&Table| new.iter().any(|(_, rows)| rows.contains_key(table.name));
    tables.retain(has_rows);
    tables.retain(|table| table.name != DERIVATIONS.name);
    tables
}

/// Ranks and statistics as they would follow from the new rows.
async fn of_athlete(
    context: &Context,
    view: &LakeView,
    options: &Options,
    athlete: &Athlete,
    overlay: Overlay,
    preview: &mut Preview,
) -> Result<(), Error> {
    let today = context.today(athlete);
    let untouched = overlay.activities.is_empty();
    if untouched && !options.full && is_fresh(view, athlete, today).await? {
        return Ok(());
    }
    let id = athlete.athlete_id;
    let keys = KeySet::athletes(&[id]);
    let mut inputs = Vec::new();
    for table in [&ACTIVITIES, &BEST_EFFORTS_TABLE] {
        let stored = view.rows(table.name, None, &keys).await?;
        let stays = stored.iter().map(|rows| without(rows, &overlay.activities));
        let mut rows = stays.collect::<Result<Vec<_>, Error>>()?;
        rows.extend(
            overlay
                .tables
                .get(table.name)
                .into_iter()
                .flatten()
                .cloned(),
        );
        inputs.push(rows);
    }
    let efforts = inputs.pop().unwrap_or_default();
    let activities = inputs.pop().unwrap_or_default();
    let as_of = (id, query::read::days(today));
    let derived = over_rows(activities, efforts, &[as_of]).await?;
    let mut changed = false;
    for table in tables_of(Scope::Athlete) {
        let old = view.rows(table.name, None, &keys).await?;
        let new = derived
            .tables
            .get(table.name)
            .map_or(&[][..], Vec::as_slice);
        let cells = compare(table, &old, new)?;
        changed |= !cells.is_empty();
        preview.take(table, cells);
    }
    preview.athletes_changed += u64::from(changed);
    Ok(())
}

fn without(rows: &RecordBatch, activities: &BTreeSet<ActivityId>) -> Result<RecordBatch, Error> {
    let ids = rows.column(rows.schema().index_of("activity_id")?);
    let ids = ids.as_primitive::<Int64Type>().values().iter();
    let stays: BooleanArray = ids
        .map(|id| Some(!activities.contains(&ActivityId(*id))))
        .collect();
    Ok(filter_record_batch(rows, &stays)?)
}

fn compare(
    table: &'static Table,
    old: &[RecordBatch],
    new: &[RecordBatch],
) -> Result<Vec<Cell>, Error> {
    let schema = table.schema();
    let [old, new] = [concat_batches(&schema, old)?, concat_batches(&schema, new)?];
    Ok(differing(table, &old, &new)?)
}

/// The activity whose row a cell is in.
fn activity_of(cell: &Cell) -> Option<i64> {
    let mut parts = cell.key.split(',');
    let id = parts.find_map(|part| part.strip_prefix("activity_id="))?;
    id.parse().ok()
}

impl Preview {
    fn take(&mut self, table: &'static Table, cells: Vec<Cell>) {
        for cell in cells {
            let is_it = |one: &&mut Column| one.table == table.name && one.column == cell.column;
            match self.columns.iter_mut().find(is_it) {
                Some(column) => {
                    column.cells += 1;
                    if column.sample.len() < SHOWN {
                        column.sample.push(cell);
                    }
                }
                None => self.columns.push(Column {
                    table: table.name,
                    column: cell.column,
                    cells: 1,
                    sample: vec![cell],
                }),
            }
        }
    }
}
