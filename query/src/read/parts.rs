//! What belongs to one activity: splits, streams, laps, findings, efforts.

use datafusion::prelude::{DataFrame, col, lit};
use storage::ActivityKey;
use storage::table::Table;
use storage::tables::{FINDINGS, LAPS, STREAMS};

use super::{Shape, is_activity, one_of};
use crate::derived::best_efforts::BEST_EFFORTS_TABLE;
use crate::derived::peaks::PEAKS_TABLE;
use crate::derived::splits::SPLITS_TABLE;
use crate::error::Error;
use crate::session::{Rows, Session};

/// The units that splits are counted in.
pub const UNITS: &[&str] = &["km", "mile"];

/// The channels that [`streams`] gives where none are chosen.
pub const DEFAULT_CHANNELS: &[&str] = &["t_ms", "distance_cm", "heart_rate_bpm"];

/// The channels that there are.
pub fn channels() -> Vec<&'static str> {
    let key = ["athlete_id", "start_time", "activity_id"];
    let channel = |name: &&str| !key.contains(name);
    STREAMS
        .columns
        .iter()
        .map(|column| column.name)
        .filter(channel)
        .collect()
}

/// The rows of [`splits`].
pub fn split_shape() -> Shape {
    Shape::without("Split", &SPLITS_TABLE, &[])
}

/// The row of [`streams`], with all channels.
pub fn stream_shape() -> Shape {
    Shape::without("Streams", &STREAMS, &["athlete_id", "start_time"])
}

/// The rows of [`laps`].
pub fn lap_shape() -> Shape {
    Shape::without("Lap", &LAPS, &[])
}

/// The rows of [`findings`].
pub fn finding_shape() -> Shape {
    Shape::without("Finding", &FINDINGS, &[])
}

/// The rows of [`best_efforts`].
pub fn best_effort_shape() -> Shape {
    Shape::without("BestEffort", &BEST_EFFORTS_TABLE, &[])
}

/// The rows of [`peaks`].
pub fn peak_shape() -> Shape {
    Shape::without("Peak", &PEAKS_TABLE, &[])
}

/// Splits of one activity in one unit, in order.
///
/// # Errors
/// [`Error::InvalidArgument`] for another unit than [`UNITS`], and the
/// session's.
pub async fn splits(session: &Session, key: ActivityKey, unit: &str) -> Result<Rows, Error> {
    if !UNITS.contains(&unit) {
        return Err(one_of("unit", unit, UNITS));
    }
    let shape = split_shape();
    let plan = |table: DataFrame| {
        table
            .filter(is_activity(key).and(col("unit").eq(lit(unit))))?
            .sort(vec![col("split").sort(true, false)])
    };
    shape.give(session.read_table("splits", plan).await?)
}

/// Chosen channels of one activity, one list each: one row, or none.
///
/// The channel names are the columns'; only those columns are read.
///
/// # Errors
/// [`Error::InvalidArgument`] for a channel that there is not, and the
/// session's.
pub async fn streams(session: &Session, key: ActivityKey, chosen: &[&str]) -> Result<Rows, Error> {
    let all = channels();
    if let Some(unknown) = chosen.iter().find(|name| !all.contains(*name)) {
        return Err(one_of("channels", unknown, &all));
    }
    let mut shape = stream_shape();
    shape
        .columns
        .retain(|column| column.name == "activity_id" || chosen.contains(&column.name));
    let names = shape.names();
    let plan = |table: DataFrame| table.filter(is_activity(key))?.select_columns(&names);
    shape.give(session.read_table("streams", plan).await?)
}

/// Laps and pool lengths of one activity, in order.
///
/// # Errors
/// The session's.
pub async fn laps(session: &Session, key: ActivityKey) -> Result<Rows, Error> {
    in_order(session, key, &LAPS, &lap_shape()).await
}

/// What cleaning and checking found in one activity, in order.
///
/// # Errors
/// The session's.
pub async fn findings(session: &Session, key: ActivityKey) -> Result<Rows, Error> {
    in_order(session, key, &FINDINGS, &finding_shape()).await
}

/// The best effort of one activity over each distance, shortest first.
///
/// # Errors
/// The session's.
pub async fn best_efforts(session: &Session, key: ActivityKey) -> Result<Rows, Error> {
    in_order(session, key, &BEST_EFFORTS_TABLE, &best_effort_shape()).await
}

/// The peaks of one activity, by measure and duration.
///
/// # Errors
/// The session's.
pub async fn peaks(session: &Session, key: ActivityKey) -> Result<Rows, Error> {
    in_order(session, key, &PEAKS_TABLE, &peak_shape()).await
}

/// All of one activity's rows of a table, in the table's order.
async fn in_order(
    session: &Session,
    key: ActivityKey,
    table: &'static Table,
    shape: &Shape,
) -> Result<Rows, Error> {
    let order = table
        .sort
        .iter()
        .map(|name| col(*name).sort(true, true))
        .collect();
    let plan = |frame: DataFrame| frame.filter(is_activity(key))?.sort(order);
    shape.give(session.read_table(table.name, plan).await?)
}
