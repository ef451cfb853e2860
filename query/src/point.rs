//! Rows of a few activities by their keys, read without planning a query.
//!
//! A plan costs more than the one or two pages that such a read takes. Over
//! tables that are not a lake's, as in tests, the same rows come from a plan.

use arrow::array::{ArrayRef, BooleanArray, RecordBatch};
use arrow::compute::{SortColumn, SortOptions, concat_batches, filter_record_batch};
use arrow::compute::{lexsort_to_indices, take_record_batch};
use arrow::error::ArrowError;
use datafusion::prelude::{DataFrame, lit};
use storage::{ActivityKey, KeySet};

use crate::error::Error;
use crate::read::is_activity;
use crate::session::{Rows, Session};

/// The rows of these activities in a table, in no fixed order: the named
/// columns, or all of them.
///
/// # Errors
/// The lake's, and the session's.
pub(crate) async fn rows_of(
    session: &Session,
    table: &'static str,
    columns: Option<&[&str]>,
    keys: &[ActivityKey],
) -> Result<Rows, Error> {
    let Some(view) = session.view() else {
        let any = keys.iter().map(|key| is_activity(*key));
        let any = any.reduce(datafusion::prelude::Expr::or);
        let plan = |rows: DataFrame| {
            let rows = rows.filter(any.unwrap_or_else(|| lit(false)))?;
            match columns {
                Some(columns) => rows.select_columns(columns),
                None => Ok(rows),
            }
        };
        return session.read_table(table, plan).await;
    };
    let schema = session.schema(table).await?;
    let schema = match columns {
        Some(columns) => {
            let places = columns.iter().map(|name| schema.index_of(name));
            let places = places
                .collect::<Result<Vec<_>, _>>()
                .map_err(malformed(table))?;
            schema.project(&places).map_err(malformed(table))?.into()
        }
        None => schema,
    };
    let batches = view.rows(table, columns, &KeySet::activities(keys)).await?;
    Ok(Rows { schema, batches })
}

/// The rows for which `wanted` is true, as one batch in the order of columns;
/// nulls stand first.
///
/// # Errors
/// [`Error::Malformed`] where a column is missing.
pub(crate) fn arranged(
    rows: Rows,
    table: &'static str,
    by: &[&str],
    wanted: impl FnOnce(&RecordBatch) -> Result<Option<BooleanArray>, ArrowError>,
) -> Result<Rows, Error> {
    let arrange = || {
        let mut batch = concat_batches(&rows.schema, &rows.batches)?;
        if let Some(wanted) = wanted(&batch)? {
            batch = filter_record_batch(&batch, &wanted)?;
        }
        if batch.num_rows() > 1 && !by.is_empty() {
            let columns = by.iter().map(|name| {
                let values: &ArrayRef = batch.column(batch.schema_ref().index_of(name)?);
                let options = Some(SortOptions::default());
                Ok(SortColumn {
                    values: values.clone(),
                    options,
                })
            });
            let columns = columns.collect::<Result<Vec<_>, ArrowError>>()?;
            batch = take_record_batch(&batch, &lexsort_to_indices(&columns, None)?)?;
        }
        Ok(batch)
    };
    let batch = arrange().map_err(malformed(table))?;
    Ok(Rows {
        schema: rows.schema.clone(),
        batches: vec![batch],
    })
}

fn malformed(table: &'static str) -> impl Fn(ArrowError) -> Error {
    move |error| Error::Malformed {
        table,
        problem: error.to_string(),
    }
}
