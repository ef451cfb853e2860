//! Derived rows out of the facts that the lake holds already, on all cores.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{Array, AsArray, BooleanArray};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::record_batch::RecordBatch;
use query::activity::{columns_of, from_columns};
use query::derive::derive_one;
use query::derived::{Derived, How};
use storage::catalog::{Correction, Pointer};
use storage::lake::{KeySet, LakeView};
use storage::table::Table;
use storage::tables::{ACTIVITIES, DERIVATIONS, LAPS, STREAMS};

use crate::build::{Said, derived_rows};
use crate::error::Error;

/// How many activities one task reads and derives: enough that looking for
/// them costs little, few enough that all cores have work.
const TASK_ACTIVITIES: usize = 64;

/// New rows of each activity, by table.
pub type Rebuilt = Vec<(Pointer, BTreeMap<&'static str, RecordBatch>)>;

/// Derived rows of a page of activities, and their lines in the ledger; where
/// `only` one kernel is asked for, of it alone, out of the columns it reads.
/// `corrections` are what was ever said of them.
///
/// # Errors
/// Where rows cannot be read, or are not as their tables declare them.
pub async fn from_lake(
    view: &LakeView,
    page: &[Pointer],
    corrections: &Arc<[Correction]>,
    only: Option<&'static Derived>,
) -> Result<Rebuilt, Error> {
    let tasks = page.chunks(TASK_ACTIVITIES).map(|part| {
        let (view, part, said) = (view.clone(), part.to_vec(), Arc::clone(corrections));
        tokio::spawn(async move { part_from_lake(&view, part, said, only).await })
    });
    // All are under way before the first is waited for.
    let tasks: Vec<_> = tasks.collect();
    let mut parts = Vec::with_capacity(page.len());
    for task in tasks {
        parts.extend(task.await??);
    }
    Ok(parts)
}

async fn part_from_lake(
    view: &LakeView,
    part: Vec<Pointer>,
    corrections: Arc<[Correction]>,
    only: Option<&'static Derived>,
) -> Result<Rebuilt, Error> {
    let keys = KeySet::activities(&part.iter().map(|p| p.key).collect::<Vec<_>>());
    let kernel = only.filter(|derived| matches!(derived.how, How::Kernel(_)));
    let columns = |table: &'static Table| kernel.map(|kernel| columns_of(kernel.inputs, table));
    let read = |table: &'static Table| {
        let (columns, keys) = (columns(table), &keys);
        async move { view.rows(table.name, columns.as_deref(), keys).await }
    };
    let activities = joined(&ACTIVITIES, &read(&ACTIVITIES).await?)?;
    let streams = read(&STREAMS).await?;
    let laps = match kernel {
        Some(kernel) if columns_of(kernel.inputs, &LAPS).is_empty() => Vec::new(),
        Some(_) | None => view.rows(LAPS.name, None, &keys).await?,
    };
    tokio::task::spawn_blocking(move || match kernel {
        Some(kernel) => one_kernel(part, &corrections, kernel, &activities, &streams, &laps),
        None => {
            let streams = joined(&STREAMS, &streams)?;
            all_kernels(part, &corrections, &activities, &streams, &laps)
        }
    })
    .await?
}

/// Rows as one batch.
fn joined(table: &Table, batches: &[RecordBatch]) -> Result<RecordBatch, Error> {
    let schema = batches.first().map_or(table.schema(), RecordBatch::schema);
    Ok(concat_batches(&schema, batches)?)
}

fn one_kernel(
    part: Vec<Pointer>,
    corrections: &[Correction],
    kernel: &'static Derived,
    activities: &RecordBatch,
    streams: &[RecordBatch],
    laps: &[RecordBatch],
) -> Result<Rebuilt, Error> {
    // What was typed in has no samples, and no derived rows.
    let samples = column(activities, "samples")?;
    let sampled: BooleanArray = samples
        .as_primitive::<Int32Type>()
        .values()
        .iter()
        .map(|samples| Some(*samples > 0))
        .collect();
    let activities = filter_record_batch(activities, &sampled)?;
    let mut activities = from_columns(kernel.inputs, &activities, streams, laps)?;
    let revisions: HashMap<_, _> = part
        .iter()
        .map(|pointer| (pointer.key.activity_id, pointer.revision))
        .collect();
    for activity in &mut activities {
        if let Some(revision) = revisions.get(&activity.key.activity_id) {
            activity.correct(corrections, *revision);
        }
    }
    let mut rows: HashMap<i64, RecordBatch> = activities
        .iter()
        .filter_map(|activity| {
            let rows = derive_one(kernel, std::slice::from_ref(activity))?;
            Some((activity.key.activity_id.0, rows))
        })
        .collect();
    part.into_iter()
        .map(|pointer| {
            let found = rows.remove(&pointer.key.activity_id.0);
            let tables = found.map(|rows| (kernel.table.name, rows)).into_iter();
            with_line(pointer, tables.collect())
        })
        .collect()
}

fn all_kernels(
    part: Vec<Pointer>,
    corrections: &[Correction],
    activities: &RecordBatch,
    streams: &RecordBatch,
    laps: &[RecordBatch],
) -> Result<Rebuilt, Error> {
    let (of_activities, of_streams) = (rows_by_id(activities)?, rows_by_id(streams)?);
    part.into_iter()
        .map(|pointer| {
            let of = |batch: &RecordBatch, rows: &HashMap<i64, usize>| {
                let row = rows.get(&pointer.key.activity_id.0);
                // An activity that is not there has no rows, which says so.
                row.map_or(batch.slice(0, 0), |&row| batch.slice(row, 1))
            };
            let activity = of(activities, &of_activities);
            let said = Said {
                corrections,
                revision: pointer.revision,
            };
            let tables = derived_rows(&activity, &of(streams, &of_streams), laps, said)?;
            with_line(pointer, tables)
        })
        .collect()
}

/// The rows of an activity together with its line in the ledger.
fn with_line(
    pointer: Pointer,
    mut tables: BTreeMap<&'static str, RecordBatch>,
) -> Result<(Pointer, BTreeMap<&'static str, RecordBatch>), Error> {
    let line = query::ledger::activity_line(pointer.key, pointer.revision)?;
    tables.insert(DERIVATIONS.name, line);
    Ok((pointer, tables))
}

fn rows_by_id(batch: &RecordBatch) -> Result<HashMap<i64, usize>, Error> {
    let ids = column(batch, "activity_id")?;
    let ids = ids.as_primitive::<Int64Type>().values();
    Ok(ids.iter().copied().zip(0..).collect())
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, Error> {
    Ok(batch.column(batch.schema_ref().index_of(name)?).as_ref())
}
