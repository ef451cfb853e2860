//! The tables of athlete scope: SQL over the tables of their activities.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Date32Array, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Date32Type, Field, Int64Type, Schema};
use datafusion::catalog::MemTable;
use datafusion::common::DataFusionError;
use datafusion::prelude::{SessionContext, col, lit};
use storage::AthleteId;
use storage::table::Table;
use storage::tables::ACTIVITIES;

use crate::derived::best_effort_ranks::{BEST_EFFORT_RANKS, RANKS_TABLE};
use crate::derived::best_efforts::BEST_EFFORTS_TABLE;
use crate::derived::{DERIVED, Derived, How};
use crate::error::Error;

/// The tables that athlete-scope SQL reads, other than `as_of`.
const READ: [&str; 2] = ["activities", "best_efforts"];

/// An athlete, and the day in their time zone on which windows end: days since
/// 1970.
pub type AsOf = (AthleteId, i32);

/// Rows of every athlete-scope table.
#[derive(Clone, Debug)]
pub struct AthleteTables {
    /// Rows by name of table, each in its table's sort order.
    pub tables: BTreeMap<&'static str, Vec<RecordBatch>>,
    /// By athlete, the first local day on which the rows change by themselves:
    /// an effort leaves a window, or one that is dated after `as_of` enters.
    /// An athlete who is not here has none.
    pub valid_until: BTreeMap<AthleteId, i32>,
}

/// Computes the athlete-scope tables of some athletes.
///
/// `ctx` has the tables `activities` and `best_efforts`, of which only rows of
/// these athletes are read; it is not changed. An athlete is named once.
///
/// # Errors
///
/// [`Error::Read`] or [`Error::TooMuchMemory`] where the tables cannot be read.
pub async fn athlete_tables(
    ctx: &SessionContext,
    athletes: &[AsOf],
) -> Result<AthleteTables, Error> {
    let narrowed = narrowed(ctx, athletes).await.map_err(failed)?;
    computed(&narrowed).await
}

/// The same over rows at hand of `activities` and `best_efforts`.
///
/// # Errors
///
/// As [`athlete_tables`].
pub async fn over_rows(
    activities: Vec<RecordBatch>,
    best_efforts: Vec<RecordBatch>,
    athletes: &[AsOf],
) -> Result<AthleteTables, Error> {
    let session = SessionContext::new();
    let tables = [
        (&ACTIVITIES, activities),
        (&BEST_EFFORTS_TABLE, best_efforts),
    ];
    for (table, rows) in tables {
        let rows = MemTable::try_new(table.schema(), vec![rows]).map_err(failed)?;
        session
            .register_table(table.name, Arc::new(rows))
            .map_err(failed)?;
    }
    athlete_tables(&session, athletes).await
}

/// The tables that the definitions give over the tables of a session, which
/// has `as_of` among them.
pub(crate) async fn computed(narrowed: &SessionContext) -> Result<AthleteTables, Error> {
    let mut tables = BTreeMap::new();
    for derived in DERIVED {
        if matches!(derived.how, How::Sql) {
            tables.insert(derived.table.name, rows(narrowed, derived).await?);
        }
    }
    let mut valid_until = BTreeMap::new();
    for batch in &tables[RANKS_TABLE.name] {
        earliest(batch, "valid_until", &mut valid_until);
    }
    let later = "SELECT e.athlete_id, min(e.start_date_local) AS enters \
        FROM best_efforts AS e JOIN as_of AS a ON a.athlete_id = e.athlete_id \
        WHERE e.start_date_local > a.as_of GROUP BY e.athlete_id";
    let later = narrowed.sql(later).await.map_err(failed)?;
    for batch in later.collect().await.map_err(failed)? {
        earliest(&batch, "enters", &mut valid_until);
    }
    Ok(AthleteTables {
        tables,
        valid_until,
    })
}

/// The ranks of some athletes as they were, or will be, on other days than
/// today: rows of `best_effort_ranks`, in its sort order.
///
/// `ctx` is as for [`athlete_tables`].
///
/// # Errors
///
/// As [`athlete_tables`].
pub async fn ranks(ctx: &SessionContext, athletes: &[AsOf]) -> Result<Vec<RecordBatch>, Error> {
    let narrowed = narrowed(ctx, athletes).await.map_err(failed)?;
    rows(&narrowed, &BEST_EFFORT_RANKS).await
}

pub(crate) fn failed(error: DataFusionError) -> Error {
    Error::of_read("an athlete's activities and best efforts", error)
}

/// The rows that a definition's SQL gives.
pub(crate) async fn rows(
    ctx: &SessionContext,
    derived: &Derived,
) -> Result<Vec<RecordBatch>, Error> {
    let rows = ctx.sql(derived.sql).await.map_err(failed)?;
    let rows = rows.collect().await.map_err(failed)?;
    rows.iter()
        .map(|batch| as_declared(derived.table, batch))
        .collect()
}

/// A session with the limits of `ctx`, whose tables hold these athletes only,
/// and with the table `as_of`.
async fn narrowed(
    ctx: &SessionContext,
    athletes: &[AsOf],
) -> Result<SessionContext, DataFusionError> {
    let narrowed = with_days(ctx, athletes)?;
    let ids = athletes.iter().map(|(athlete_id, _)| lit(athlete_id.0));
    // A list of literals reaches the scan, which passes over other files.
    let theirs = col("athlete_id").in_list(ids.collect(), false);
    for name in READ {
        let rows = ctx.table(name).await?.filter(theirs.clone())?;
        narrowed.register_table(name, rows.into_view())?;
    }
    Ok(narrowed)
}

/// A session with the limits of `ctx` and no table but `as_of`.
pub(crate) fn with_days(
    ctx: &SessionContext,
    athletes: &[AsOf],
) -> Result<SessionContext, DataFusionError> {
    let narrowed = SessionContext::new_with_config_rt(ctx.copied_config(), ctx.runtime_env());
    let schema = Arc::new(Schema::new(vec![
        Field::new("athlete_id", DataType::Int64, false),
        Field::new("as_of", DataType::Date32, false),
    ]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(
            athletes.iter().map(|(id, _)| id.0),
        )),
        Arc::new(Date32Array::from_iter_values(
            athletes.iter().map(|(_, day)| *day),
        )),
    ];
    let as_of = RecordBatch::try_new(schema.clone(), columns)?;
    narrowed.register_table(
        "as_of",
        Arc::new(MemTable::try_new(schema, vec![vec![as_of]])?),
    )?;
    Ok(narrowed)
}

/// The same rows in the types that their table declares.
fn as_declared(table: &'static Table, batch: &RecordBatch) -> Result<RecordBatch, Error> {
    let malformed = |problem| Error::Malformed {
        table: table.name,
        problem,
    };
    let columns = table.columns.iter().map(|column| {
        let computed = batch
            .column_by_name(column.name)
            .ok_or_else(|| malformed(format!("no column {}", column.name)))?;
        cast(computed, &column.kind.data_type()).map_err(|error| malformed(error.to_string()))
    });
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    RecordBatch::try_new(table.schema(), columns).map_err(|error| malformed(error.to_string()))
}

/// Lowers each athlete's day to the earliest of a column of days.
fn earliest(batch: &RecordBatch, column: &str, days: &mut BTreeMap<AthleteId, i32>) {
    let (Some(ids), Some(found)) = (
        batch.column_by_name("athlete_id"),
        batch.column_by_name(column),
    ) else {
        return;
    };
    let ids = ids.as_primitive::<Int64Type>();
    let found = found.as_primitive::<Date32Type>();
    for row in (0..batch.num_rows()).filter(|&row| found.is_valid(row)) {
        let day = found.value(row);
        let known = days.entry(AthleteId(ids.value(row))).or_insert(day);
        *known = day.min(*known);
    }
}
