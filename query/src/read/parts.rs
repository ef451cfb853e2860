//! What belongs to one activity: splits, climbs, laps, findings, efforts.
//! [`super::streams`] has its samples.

use arrow::array::RecordBatch;
use arrow::compute::kernels::cmp::eq;
use arrow::error::ArrowError;
use datafusion::common::ScalarValue;
use storage::ActivityKey;
use storage::table::Table;
use storage::tables::{FINDINGS, LAPS};

use super::{Shape, one_of};
use crate::derived::best_efforts::{BEST_EFFORTS_TABLE, REFUSED_EFFORTS_TABLE};
use crate::derived::climbs::CLIMBS_TABLE;
use crate::derived::peaks::PEAKS_TABLE;
use crate::derived::splits::SPLITS_TABLE;
use crate::error::Error;
use crate::point::{arranged, rows_of};
use crate::session::{Rows, Session};

/// The units that splits are counted in.
pub const UNITS: &[&str] = &["km", "mile"];

/// The rows of [`splits`].
pub fn split_shape() -> Shape {
    Shape::without("Split", &SPLITS_TABLE, &[])
}

/// The rows of [`climbs`].
pub fn climb_shape() -> Shape {
    Shape::without("Climb", &CLIMBS_TABLE, &[])
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

/// The rows of [`refused_efforts`].
pub fn refused_effort_shape() -> Shape {
    Shape::without("RefusedEffort", &REFUSED_EFFORTS_TABLE, &[])
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
    let table = SPLITS_TABLE.name;
    let rows = rows_of(session, table, None, &[key]).await?;
    let in_unit = |rows: &RecordBatch| {
        let units = rows.column(rows.schema_ref().index_of("unit")?);
        let unit = ScalarValue::from(unit).cast_to(units.data_type());
        let unit = unit.and_then(|unit| unit.to_scalar());
        let unit = unit.map_err(|error| ArrowError::CastError(error.to_string()))?;
        eq(units, &unit).map(Some)
    };
    split_shape().give(arranged(rows, table, &["split"], in_unit)?)
}

/// The climbs of one activity, in order.
///
/// # Errors
/// The session's.
pub async fn climbs(session: &Session, key: ActivityKey) -> Result<Rows, Error> {
    in_order(session, key, &CLIMBS_TABLE, &climb_shape()).await
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

/// The efforts of one activity that were refused, shortest distance first.
///
/// # Errors
/// The session's.
pub async fn refused_efforts(session: &Session, key: ActivityKey) -> Result<Rows, Error> {
    in_order(
        session,
        key,
        &REFUSED_EFFORTS_TABLE,
        &refused_effort_shape(),
    )
    .await
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
    let rows = rows_of(session, table.name, None, &[key]).await?;
    shape.give(arranged(rows, table.name, table.sort, |_| Ok(None))?)
}
