//! Some or all rows of one table, in its order, in bounded memory.
//!
//! A table about activities is read in windows: the activities in the order of
//! athlete and start are cut into runs of so many, and each run is scanned and
//! sorted by itself. Since every such table is sorted by athlete and start
//! first, the runs one after the other are in the table's order, and no sort
//! ever holds, or spills, more than one run.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int64Type, SchemaRef, TimestampMicrosecondType};
use datafusion::catalog::TableProvider;
use datafusion::common::DataFusionError;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::{DataFrame, col, lit};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::civil::Date;
use storage::ActivityKey;
use storage::table::Table;

use crate::error::Error;
use crate::read::{day, instant, is_activity, sport};
use crate::session::Session;

/// How many activities are read at once.
const ACTIVITIES_AT_ONCE: usize = 512;
/// The same for tables with a row or an entry a sample.
const STREAMS_AT_ONCE: usize = 32;
/// How many rows of lists are decoded at once.
const LISTS_AT_ONCE: usize = 32;

/// Which rows. Days are local days of the activity, and of statistics the
/// first day of the period; both ends belong to it.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only from this day on.
    pub from: Option<Date>,
    /// Only until this day.
    pub to: Option<Date>,
    /// Only of activities of this sport; for statistics, of this sport.
    pub sport: Option<String>,
    /// Only of this activity.
    pub activity: Option<ActivityKey>,
}

impl Filter {
    fn is_empty(&self) -> bool {
        self.from.is_none() && self.to.is_none() && self.sport.is_none() && self.activity.is_none()
    }

    /// The condition on a table whose column `date` holds the day.
    fn on(&self, date: &str) -> Result<Option<Expr>, Error> {
        let from = self.from.map(|from| col(date).gt_eq(day(from)));
        let to = self.to.map(|to| col(date).lt_eq(day(to)));
        let named = self.sport.as_ref().map(|name| sport(name, true));
        let conditions = [from, to, named.transpose()?];
        Ok(conditions.into_iter().flatten().reduce(Expr::and))
    }
}

/// The rows of a table or view of the session, in the order that `declared`
/// says; of other tables the order is not fixed.
///
/// # Errors
/// [`Error::NotFound`] for an unknown table, [`Error::InvalidArgument`] for a
/// filter that the table has no column for, and what reading gives.
pub async fn select(
    session: &Session,
    table: &str,
    declared: &[&Table],
    filter: &Filter,
) -> Result<SendableRecordBatchStream, Error> {
    let scan = Scan::new(session, table, declared).await?;
    let mut windows = scan.windows(filter).await?.into_iter();
    // An empty stream has a schema, too.
    let first = scan.read(windows.next().unwrap_or_else(|| lit(false)));
    let first = first.await.map_err(of_read)?;
    let schema = first.schema();
    let rest = stream::iter(windows).then(move |window| {
        let scan = scan.clone();
        async move { scan.read(window).await }
    });
    let batches = first.chain(rest.try_flatten());
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
}

/// Names become file names, and a lake may have been written by others.
pub(crate) fn check_name(table: &str) -> Result<(), Error> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !table.is_empty() && table.chars().all(plain) {
        return Ok(());
    }
    Err(Error::InvalidArgument {
        name: "table",
        value: table.to_owned(),
        reason: "a table's name is of letters, digits and _".to_owned(),
    })
}

/// How a table is read.
#[derive(Clone)]
struct Scan {
    session: Session,
    table: String,
    provider: Arc<dyn TableProvider>,
    schema: SchemaRef,
    order: Vec<&'static str>,
}

impl Scan {
    async fn new(session: &Session, table: &str, declared: &[&Table]) -> Result<Self, Error> {
        check_name(table)?;
        let provider = session.provider(table).await?;
        let schema = provider.schema();
        let declared = declared.iter().find(|declared| declared.name == table);
        let order = match declared {
            Some(declared) => declared.sort.to_vec(),
            // The view of samples.
            None => ["athlete_id", "start_time", "activity_id", "sample"]
                .into_iter()
                .filter(|name| schema.index_of(name).is_ok())
                .collect(),
        };
        Ok(Self {
            session: session.clone(),
            table: table.to_owned(),
            provider,
            schema,
            order,
        })
    }

    fn has(&self, column: &str) -> bool {
        self.schema.index_of(column).is_ok()
    }

    fn has_lists(&self) -> bool {
        let mut fields = self.schema.fields().iter();
        fields.any(|field| field.data_type().is_nested())
    }

    /// The conditions that together choose what the filter does, in order.
    async fn windows(&self, filter: &Filter) -> Result<Vec<Expr>, Error> {
        let is_about_activities = ["athlete_id", "start_time", "activity_id"]
            .iter()
            .all(|column| self.has(column));
        if let Some(key) = filter.activity
            && is_about_activities
        {
            let other = Filter {
                activity: None,
                ..filter.clone()
            };
            if other.is_empty() {
                return Ok(vec![is_activity(key)]);
            }
        }
        if is_about_activities
            && self
                .session
                .tables()
                .iter()
                .any(|name| name == "activities")
        {
            return self.windows_of_activities(filter).await;
        }
        if filter.is_empty() {
            return Ok(vec![lit(true)]);
        }
        if filter.activity.is_none() && self.has("period_start") && self.has("sport") {
            return Ok(filter.on("period_start")?.into_iter().collect());
        }
        Err(Error::InvalidArgument {
            name: "table",
            value: self.table.clone(),
            reason: "its rows have no activity to filter by".to_owned(),
        })
    }

    async fn windows_of_activities(&self, filter: &Filter) -> Result<Vec<Expr>, Error> {
        let key = ["athlete_id", "start_time", "activity_id"];
        let by_activity = filter.activity.map(is_activity);
        let wanted = by_activity
            .into_iter()
            .chain(filter.on("start_date_local")?)
            .reduce(Expr::and);
        let plan = |activities: DataFrame| {
            let activities = match wanted {
                Some(wanted) => activities.filter(wanted)?,
                None => activities,
            };
            let order = key.iter().map(|name| col(*name).sort(true, true));
            activities.select_columns(&key)?.sort(order.collect())
        };
        let keys = self.session.read_table("activities", plan).await?;
        let keys: Vec<Key> = keys.batches.iter().flat_map(keys_of).collect();
        let at_once = if self.has_lists() || self.has("sample") {
            STREAMS_AT_ONCE
        } else {
            ACTIVITIES_AT_ONCE
        };
        if filter.is_empty() {
            return Ok(all_between(&keys, at_once));
        }
        Ok(keys.chunks(at_once).map(among).collect())
    }

    /// The rows of one window, in the table's order.
    async fn read(&self, window: Expr) -> Result<SendableRecordBatchStream, DataFusionError> {
        let source = provider_as_source(Arc::clone(&self.provider));
        let mut rows =
            LogicalPlanBuilder::scan(self.table.as_str(), source, None)?.filter(window)?;
        if !self.order.is_empty() {
            let order = self.order.iter().map(|name| col(*name).sort(true, true));
            rows = rows.sort(order)?;
        }
        let at_once = self.has_lists().then_some(LISTS_AT_ONCE);
        self.session.stream_by(rows.build()?, at_once).await
    }
}

fn of_read(error: DataFusionError) -> Error {
    Error::of_read("a table", error)
}

/// Where an activity stands in every table's order.
type Key = (i64, i64, i64);

fn keys_of(batch: &RecordBatch) -> Vec<Key> {
    let athletes = batch.column(0).as_primitive::<Int64Type>().values();
    let starts = batch.column(1).as_primitive::<TimestampMicrosecondType>();
    let ids = batch.column(2).as_primitive::<Int64Type>().values();
    let keys = athletes.iter().zip(starts.values()).zip(ids);
    keys.map(|((athlete, start), id)| (*athlete, *start, *id))
        .collect()
}

/// Windows that hold every row there can be, begun anew at every so many keys.
/// Rows without a start stand before all others of their athlete.
fn all_between(keys: &[Key], at_once: usize) -> Vec<Expr> {
    let mut begins: Vec<(i64, i64)> = keys
        .chunks(at_once)
        .filter_map(<[Key]>::first)
        .map(|(athlete, start, _)| (*athlete, *start))
        .skip(1)
        .collect();
    begins.dedup();
    let from = |(athlete, start): (i64, i64)| {
        let later = col("athlete_id")
            .eq(lit(athlete))
            .and(col("start_time").gt_eq(instant(start)));
        col("athlete_id").gt(lit(athlete)).or(later)
    };
    let until = |(athlete, start): (i64, i64)| {
        let earlier = col("start_time")
            .lt(instant(start))
            .or(col("start_time").is_null());
        let earlier = col("athlete_id").eq(lit(athlete)).and(earlier);
        col("athlete_id").lt(lit(athlete)).or(earlier)
    };
    let begin = std::iter::once(None).chain(begins.iter().copied().map(Some));
    let end = begins
        .iter()
        .copied()
        .map(Some)
        .chain(std::iter::once(None));
    begin
        .zip(end)
        .map(|(begin, end)| {
            let ends = [begin.map(from), end.map(until)];
            ends.into_iter()
                .flatten()
                .reduce(Expr::and)
                .unwrap_or_else(|| lit(true))
        })
        .collect()
}

/// The window of exactly these activities; there is at least one.
fn among(keys: &[Key]) -> Expr {
    let starts = keys.iter().map(|(_, start, _)| *start);
    let first = starts.clone().min().unwrap_or_default();
    let last = starts.max().unwrap_or_default();
    let ids = keys.iter().map(|(_, _, id)| lit(*id)).collect();
    // The bounds add nothing but let files and pages be passed over.
    col("start_time")
        .between(instant(first), instant(last))
        .and(col("activity_id").in_list(ids, false))
}

#[cfg(test)]
#[path = "selection_tests.rs"]
mod tests;
