//! The tables of athlete scope after activities were born: what they touch is
//! read, not everything that the athlete ever did.
//!
//! The definitions' own SQL runs over fewer rows, chosen so that it gives the
//! same ones:
//!
//! - An effort among the first of a list is a new one, or was among the first
//!   before. So ranks come from the old ranks and the new efforts; only what is
//!   dated ahead of today enters windows by itself, and is read again.
//! - A period's sums change where a new activity lies in it. So statistics come
//!   from the activities of the years that new ones lie in, and only the periods
//!   that those touch are taken.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Date32Type, SchemaRef};
use arrow::error::ArrowError;
use arrow::row::{RowConverter, SortField};
use datafusion::catalog::MemTable;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::prelude::{DataFrame, Expr, SessionContext, col, lit};
use jiff::civil::Date;

use crate::athlete_tables::{AsOf, AthleteTables, computed, failed, rows, with_days};
use crate::derived::stats::{STATS, STATS_TABLE};
use crate::error::Error;
use crate::read::days;

/// What ranks read of `best_efforts`; the ranks themselves have it too.
const EFFORT: [&str; 9] = [
    "athlete_id",
    "start_time",
    "activity_id",
    "sport",
    "start_date_local",
    "distance_m",
    "elapsed_s",
    "start_offset_s",
    "end_offset_s",
];
/// How far a local day may lie from the same day in UTC, and some more.
const ZONES_DAYS: i32 = 2;
const DAY_US: i64 = 86_400_000_000;

/// Activities that one athlete got since their tables were computed, and
/// nothing else changed.
#[derive(Clone, Debug)]
pub struct Births {
    /// Their rows of `activities`.
    pub activities: Vec<RecordBatch>,
    /// Their rows of `best_efforts`.
    pub best_efforts: Vec<RecordBatch>,
    /// The athlete's rows of `best_effort_ranks` as they were before, which
    /// hold until the day after the one that they are computed for.
    pub ranks: Vec<RecordBatch>,
}

/// The athlete's tables with the births in them.
#[derive(Clone, Debug)]
pub struct Grown {
    /// All ranks, and the statistics of the periods that were touched.
    pub tables: AthleteTables,
    /// The keys of those periods.
    pub periods: RecordBatch,
}

/// Computes what births change; every birth has a local day.
///
/// `ctx` is as for [`athlete_tables`](crate::athlete_tables::athlete_tables),
/// at a snapshot that has the births.
///
/// # Errors
///
/// [`Error::Read`] or [`Error::TooMuchMemory`] where the tables cannot be read.
pub async fn grown(ctx: &SessionContext, as_of: AsOf, births: &Births) -> Result<Grown, Error> {
    let periods = touched(ctx, as_of, births).await?;
    let narrowed = narrowed(ctx, as_of, births).await.map_err(failed)?;
    let mut tables = computed(&narrowed).await?;
    if let Some(stats) = tables.tables.get_mut(STATS_TABLE.name) {
        *stats = within(stats, &periods).map_err(arrow_failed)?;
    }
    Ok(Grown { tables, periods })
}

/// The periods of the births, as the definition names them.
async fn touched(ctx: &SessionContext, as_of: AsOf, births: &Births) -> Result<RecordBatch, Error> {
    let session = with_days(ctx, &[as_of]).map_err(failed)?;
    let born = memory(&births.activities).map_err(failed)?;
    session.register_table("activities", born).map_err(failed)?;
    let rows = rows(&session, &STATS).await?;
    let keys = || {
        let schema = STATS_TABLE.schema();
        let rows = concat_batches(&schema, &rows)?;
        let columns = STATS_TABLE.key.iter().map(|name| schema.index_of(name));
        rows.project(&columns.collect::<Result<Vec<_>, _>>()?)
    };
    keys().map_err(arrow_failed)
}

/// A session of the rows that the definitions need to see.
async fn narrowed(
    ctx: &SessionContext,
    as_of: AsOf,
    births: &Births,
) -> Result<SessionContext, DataFusionError> {
    let (athlete_id, today) = as_of;
    let narrowed = with_days(ctx, &[as_of])?;
    let theirs = || col("athlete_id").eq(lit(athlete_id.0));

    let (first, last) = years(births)?;
    let days = col("start_date_local").between(day(first), day(last));
    // The start says the same, roughly, and files are cut and sorted by it.
    let from = at(first.saturating_sub(ZONES_DAYS));
    let until = at(last.saturating_add(ZONES_DAYS));
    let years = days.and(col("start_time").between(from, until));
    let activities = ctx.table("activities").await?;
    let activities = activities.filter(theirs().and(years))?;
    narrowed.register_table("activities", activities.into_view())?;

    let ahead = col("start_time").gt_eq(at(today.saturating_sub(ZONES_DAYS)));
    let ahead = ctx
        .table("best_efforts")
        .await?
        .filter(theirs().and(ahead))?;
    let known = [&births.ranks, &births.best_efforts];
    let known = known.into_iter().filter(|batches| !batches.is_empty());
    let known: Vec<DataFrame> = known
        .map(|batches| ctx.read_table(memory(batches)?))
        .collect::<Result<_, _>>()?;
    let mut efforts = ahead.select_columns(&EFFORT)?;
    for known in known {
        efforts = efforts.union(known.select_columns(&EFFORT)?)?;
    }
    narrowed.register_table("best_efforts", efforts.distinct()?.into_view())?;
    Ok(narrowed)
}

/// From the first to the last day of all periods of the births, in days since
/// 1970.
fn years(births: &Births) -> Result<(i32, i32), DataFusionError> {
    let mut ends: Option<(i32, i32)> = None;
    for batch in &births.activities {
        let days = batch.column(batch.schema_ref().index_of("start_date_local")?);
        for day in days.as_primitive::<Date32Type>().iter().flatten() {
            let (first, last) = year_and_week(day);
            let (least, most) = ends.unwrap_or((first, last));
            ends = Some((least.min(first), most.max(last)));
        }
    }
    Ok(ends.unwrap_or_default())
}

/// The ends of the year and the week that a day lies in. Where the calendar
/// has no such day the periods end with it.
fn year_and_week(day: i32) -> (i32, i32) {
    const LONGEST_BEFORE: i32 = 6;
    let epoch = Date::constant(1970, 1, 1);
    let Ok(date) = epoch.checked_add(jiff::Span::new().days(day)) else {
        return (i32::MIN, i32::MAX);
    };
    (
        days(date.first_of_year()).min(day.saturating_sub(LONGEST_BEFORE)),
        days(date.last_of_year()).max(day.saturating_add(LONGEST_BEFORE)),
    )
}

fn day(days: i32) -> Expr {
    lit(ScalarValue::Date32(Some(days)))
}

/// The beginning of a day in UTC, as `start_time` has it.
fn at(days: i32) -> Expr {
    let us = i64::from(days).saturating_mul(DAY_US);
    lit(ScalarValue::TimestampMicrosecond(Some(us), None))
}

fn memory(batches: &[RecordBatch]) -> Result<Arc<MemTable>, DataFusionError> {
    let schema: SchemaRef = match batches.first() {
        Some(batch) => batch.schema(),
        None => return Err(DataFusionError::Internal("no rows at all".to_owned())),
    };
    Ok(Arc::new(MemTable::try_new(schema, vec![batches.to_vec()])?))
}

/// The rows whose key is one of `keys`.
fn within(batches: &[RecordBatch], keys: &RecordBatch) -> Result<Vec<RecordBatch>, ArrowError> {
    let fields = keys.schema_ref().fields().iter();
    let fields = fields.map(|field| SortField::new(field.data_type().clone()));
    let converter = RowConverter::new(fields.collect())?;
    let wanted = converter.convert_columns(keys.columns())?;
    let wanted: HashSet<&[u8]> = wanted.iter().map(|row| row.data()).collect();
    let names = keys.schema_ref().fields().iter().map(|field| field.name());
    let names: Vec<&String> = names.collect();
    batches
        .iter()
        .map(|batch| {
            let columns = names.iter().map(|name| {
                let index = batch.schema_ref().index_of(name)?;
                Ok(Arc::clone(batch.column(index)))
            });
            let found =
                converter.convert_columns(&columns.collect::<Result<Vec<_>, ArrowError>>()?)?;
            let kept = found.iter().map(|row| Some(wanted.contains(row.data())));
            filter_record_batch(batch, &kept.collect::<BooleanArray>())
        })
        .collect()
}

fn arrow_failed(error: ArrowError) -> Error {
    failed(error.into())
}
