//! The numbers that a number comes from.

use arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{DataFrame, col, lit};
use serde::Serialize;
use serde_json::Value;
use storage::tables::ACTIVITIES;
use storage::{ActivityId, AthleteId};

use super::address::Address;
use super::{Whose, cell, json, one_batch, scalar};
use crate::derived::best_effort_ranks::RANKS_TABLE;
use crate::derived::best_efforts::BEST_EFFORTS_TABLE;
use crate::derived::peaks::PEAKS_TABLE;
use crate::derived::stats::{self, STATS_TABLE};
use crate::error::Error;
use crate::session::Session;

/// One number, with its address.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Cell {
    /// Its table.
    pub table: &'static str,
    /// Its key, in the order of the table's declaration.
    pub key: Vec<Value>,
    /// Its column.
    pub column: &'static str,
    /// The number.
    pub value: Value,
}

/// Columns of one row that others of the same row follow from.
const OF_SAME_ROW: &[(&str, &str, &[&str])] = &[
    ("activities", "avg_speed_m_s", &["distance_m", "moving_s"]),
    ("splits", "pace_s_per_km", &["distance_m", "elapsed_s"]),
];

/// The duration whose peak of speed is an activity's maximum.
pub(super) const MAX_SPEED_S: f64 = 10.0;

/// What the number at `address` comes from, where that is other numbers;
/// `row` is its row.
pub(super) async fn of(
    session: &Session,
    address: &Address,
    row: &RecordBatch,
    whose: &Whose,
) -> Result<Vec<Cell>, Error> {
    let Whose::Athlete(athlete, _) = whose else {
        return of_activity(session, address, row, whose).await;
    };
    match address.table.name {
        name if name == RANKS_TABLE.name => of_rank(session, address, row, *athlete).await,
        name if name == STATS_TABLE.name => of_period(session, address, *athlete).await,
        _ => Ok(Vec::new()),
    }
}

async fn of_activity(
    session: &Session,
    address: &Address,
    row: &RecordBatch,
    whose: &Whose,
) -> Result<Vec<Cell>, Error> {
    let (table, column) = (address.table.name, address.column.name);
    if table == ACTIVITIES.name && column == "max_speed_m_s" {
        let key = vec![
            address.part("activity_id").clone(),
            ScalarValue::from("speed_m_s"),
            ScalarValue::from(MAX_SPEED_S),
        ];
        let peak = Address::of(&PEAKS_TABLE, key, "value");
        return Ok(match super::row(session, &peak, whose).await {
            Ok(row) => vec![cell_of(&peak, &row)?],
            Err(Error::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(error),
        });
    }
    let same_row = OF_SAME_ROW
        .iter()
        .find(|(t, c, _)| (*t, *c) == (table, column));
    let columns = same_row.map_or(&[][..], |(_, _, columns)| columns);
    let cells = columns.iter().map(|column| {
        let address = Address::of(address.table, address.key.clone(), column);
        cell_of(&address, row)
    });
    cells.collect()
}

fn cell_of(address: &Address, row: &RecordBatch) -> Result<Cell, Error> {
    Ok(Cell {
        table: address.table.name,
        key: address.key.iter().map(json).collect(),
        column: address.column.name,
        value: cell(row, address.column.name)?,
    })
}

/// The activities whose numbers one of an athlete comes from: of a rank those
/// of the efforts up to it, of a statistic all of its period.
///
/// # Errors
/// The session's.
pub async fn activities_behind(
    session: &Session,
    address: &Address,
    athlete: AthleteId,
) -> Result<Vec<ActivityId>, Error> {
    let rows = match address.table.name {
        name if name == RANKS_TABLE.name => ranked(session, address, athlete).await?,
        _ => of_that_time(session, address, athlete, None).await?,
    };
    let ids = (0..rows.num_rows()).map(|at| {
        Ok(
            match scalar(&rows, "activity_id", at, address.table.name)? {
                ScalarValue::Int64(Some(id)) => Some(ActivityId(id)),
                _ => None,
            },
        )
    });
    ids.filter_map(Result::transpose).collect()
}

/// The ranks up to that of an address, in order.
async fn ranked(
    session: &Session,
    address: &Address,
    athlete: AthleteId,
) -> Result<RecordBatch, Error> {
    let table = RANKS_TABLE.name;
    let same = ["sport", "distance_m", "time_window"].map(|name| own(address, name));
    let up_to = col("rank").lt_eq(lit(address.part("rank").clone()));
    let wanted = same
        .into_iter()
        .fold(is_theirs(athlete).and(up_to), Expr::and);
    let sorted = |rows: DataFrame| {
        rows.filter(wanted)?
            .sort(vec![col("rank").sort(true, false)])
    };
    one_batch(&session.read_table(table, sorted).await?, table)
}

/// The activities of a statistic's period, in the order of time, or highest
/// first in a column.
async fn of_that_time(
    session: &Session,
    address: &Address,
    athlete: AthleteId,
    highest_first: Option<&str>,
) -> Result<RecordBatch, Error> {
    let (from, before) = period(address)?;
    let day = |days| lit(ScalarValue::Date32(Some(days)));
    let mut wanted = is_theirs(athlete)
        .and(col("start_date_local").gt_eq(day(from)))
        .and(col("start_date_local").lt(day(before)));
    if *address.part("sport") != ScalarValue::from("all") {
        wanted = wanted.and(own(address, "sport"));
    }
    let highest_first = highest_first.map(|column| col(column).sort(false, false));
    let in_time = [
        col("start_time").sort(true, false),
        col("activity_id").sort(true, false),
    ];
    let order = highest_first.into_iter().chain(in_time).collect();
    let table = ACTIVITIES.name;
    let sorted = |rows: DataFrame| rows.filter(wanted)?.sort(order);
    one_batch(&session.read_table(table, sorted).await?, table)
}

/// A rank comes from the efforts up to it; what else its row says is its own
/// effort's.
async fn of_rank(
    session: &Session,
    address: &Address,
    row: &RecordBatch,
    athlete: AthleteId,
) -> Result<Vec<Cell>, Error> {
    let (rows, column) = match address.column.name {
        "rank" => (ranked(session, address, athlete).await?, "elapsed_s"),
        "valid_until" | "time_window" => (row.clone(), "start_date_local"),
        column => (row.clone(), column),
    };
    let efforts = (0..rows.num_rows()).map(|at| {
        let id = scalar(&rows, "activity_id", at, RANKS_TABLE.name)?;
        let key = vec![id, address.part("distance_m").clone()];
        let effort = Address::of(&BEST_EFFORTS_TABLE, key, column);
        cell_of(&effort, &rows.slice(at, 1))
    });
    efforts.collect()
}

/// A statistic comes from the activities of its period; a maximum from the
/// highest of them first.
async fn of_period(
    session: &Session,
    address: &Address,
    athlete: AthleteId,
) -> Result<Vec<Cell>, Error> {
    let columns: &[&str] = match address.column.name {
        "avg_speed_m_s" => &["distance_m", "moving_s"],
        "activities" | "period" | "period_start" => &["start_date_local"],
        name => &[name],
    };
    let highest_first = Some(columns[0]).filter(|name| name.starts_with("max_"));
    let rows = of_that_time(session, address, athlete, highest_first).await?;
    let mut cells = Vec::new();
    for at in 0..rows.num_rows() {
        for column in columns {
            let id = scalar(&rows, "activity_id", at, ACTIVITIES.name)?;
            let cell = cell_of(
                &Address::of(&ACTIVITIES, vec![id], column),
                &rows.slice(at, 1),
            )?;
            // What is absent counts for nothing.
            if !cell.value.is_null() {
                cells.push(cell);
            }
        }
    }
    Ok(cells)
}

/// The first day of a statistic's period, and the first day after it.
fn period(address: &Address) -> Result<(i32, i32), Error> {
    let no_period = || Error::NotFound {
        what: format!("period {}", address.key_text()),
    };
    let ScalarValue::Date32(Some(from)) = address.part("period_start") else {
        return Err(no_period());
    };
    let ScalarValue::Utf8(Some(period)) = address.part("period") else {
        return Err(no_period());
    };
    let before = stats::period_end(period, *from).ok_or_else(no_period)?;
    Ok((*from, before))
}

fn own(address: &Address, name: &str) -> Expr {
    col(name).eq(lit(address.part(name).clone()))
}

fn is_theirs(athlete: AthleteId) -> Expr {
    col("athlete_id").eq(lit(athlete.0))
}
