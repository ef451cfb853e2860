//! The samples of one activity, all of them or as many as a picture needs.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, ListArray, RecordBatch, UInt64Array, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, take};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::error::ArrowError;
use storage::ActivityKey;
use storage::tables::STREAMS;

use super::{Shape, one_of};
use crate::downsample::{Resolution, kept};
use crate::error::Error;
use crate::point::rows_of;
use crate::session::{Rows, Session};

/// The channels that [`streams`] gives where none are chosen.
pub const DEFAULT_CHANNELS: &[&str] = &["t_ms", "distance_cm", "heart_rate_bpm"];

/// The channels that never fall: their extremes are the ends, so that they
/// need no samples of their own.
const AXES: &[&str] = &["t_ms", "distance_cm"];

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

/// The row of [`streams`], with all channels.
pub fn shape() -> Shape {
    Shape::without("Streams", &STREAMS, &["athlete_id", "start_time"])
}

/// Chosen channels of one activity, one list each: one row, or none.
///
/// The channel names are the columns'; only those columns are read. Below
/// [`Resolution::Full`] the lists hold the samples that [`kept`] names for the
/// chosen channels: the same ones in each list.
///
/// # Errors
/// [`Error::InvalidArgument`] for a channel that there is not, and the
/// session's.
pub async fn streams(
    session: &Session,
    key: ActivityKey,
    chosen: &[&str],
    resolution: Resolution,
) -> Result<Rows, Error> {
    let all = channels();
    if let Some(unknown) = chosen.iter().find(|name| !all.contains(*name)) {
        return Err(one_of("channels", unknown, &all));
    }
    let mut shape = shape();
    shape
        .columns
        .retain(|column| column.name == "activity_id" || chosen.contains(&column.name));
    let names = shape.names();
    let rows = rows_of(session, STREAMS.name, Some(&names), &[key]).await?;
    let rows = shape.give(rows)?;
    match resolution.points() {
        Some(points) => thinned(&rows, points),
        None => Ok(rows),
    }
}

/// The row of [`streams`] as one row a sample: a column a channel, without the
/// activity's id, which the schema's metadata has instead.
///
/// # Errors
/// [`Error::Malformed`] for lists of different lengths.
pub fn by_sample(rows: &Rows) -> Result<Rows, Error> {
    let fields = rows.schema.fields().iter().filter_map(|field| {
        let DataType::List(entry) = field.data_type() else {
            return None;
        };
        Some(Field::new(field.name(), entry.data_type().clone(), true))
    });
    let mut schema = Schema::new(fields.collect::<Vec<_>>());
    let mut batches = Vec::new();
    if let Some(row) = only_row(rows) {
        let id = row["activity_id"].as_primitive::<Int64Type>().value(0);
        let metadata = HashMap::from([("activity_id".to_owned(), id.to_string())]);
        schema = schema.with_metadata(metadata);
        let samples = count(&row)?.unwrap_or(0);
        let columns = schema.fields().iter().map(|field| {
            entries(&row[field.name().as_str()])
                .unwrap_or_else(|| new_null_array(field.data_type(), samples))
        });
        let batch = RecordBatch::try_new(Arc::new(schema.clone()), columns.collect());
        batches.push(batch.map_err(malformed)?);
    }
    Ok(Rows {
        schema: Arc::new(schema),
        batches,
    })
}

/// The row with at most `points` samples.
fn thinned(rows: &Rows, points: usize) -> Result<Rows, Error> {
    let Some(row) = only_row(rows) else {
        return Ok(rows.clone());
    };
    let Some(samples) = count(&row)?.filter(|samples| *samples > points) else {
        return Ok(rows.clone());
    };
    let mut curves: Vec<Int64Array> = Vec::new();
    for (field, column) in rows.schema.fields().iter().zip(row.columns()) {
        if let Some(entries) = entries(column).filter(|_| !AXES.contains(&field.name().as_str())) {
            let wide = cast(&entries, &DataType::Int64).map_err(malformed)?;
            curves.push(wide.as_primitive::<Int64Type>().clone());
        }
    }
    let kept = kept(samples, &curves, points);
    let kept = UInt64Array::from_iter_values(kept.into_iter().map(|sample| sample as u64));
    let columns = row.columns().iter().map(|column| {
        let Some(entries) = entries(column) else {
            return Ok(Arc::clone(column));
        };
        let entries = take(&entries, &kept, None)?;
        let DataType::List(entry) = column.data_type() else {
            return Ok(Arc::clone(column));
        };
        let ends = OffsetBuffer::from_lengths([entries.len()]);
        let list = ListArray::try_new(Arc::clone(entry), ends, entries, None)?;
        Ok(Arc::new(list) as ArrayRef)
    });
    let columns = columns
        .collect::<Result<Vec<_>, ArrowError>>()
        .map_err(malformed)?;
    let batch = RecordBatch::try_new(Arc::clone(&rows.schema), columns).map_err(malformed)?;
    Ok(Rows {
        schema: Arc::clone(&rows.schema),
        batches: vec![batch],
    })
}

/// The first row, where there is one.
fn only_row(rows: &Rows) -> Option<RecordBatch> {
    let batch = rows.batches.iter().find(|batch| batch.num_rows() > 0)?;
    Some(batch.slice(0, 1))
}

/// How many samples the row's lists have; `None` where no channel is there.
fn count(row: &RecordBatch) -> Result<Option<usize>, Error> {
    let mut lengths = row.columns().iter().filter_map(|column| {
        let entries = entries(column)?;
        Some(entries.len())
    });
    let first = lengths.next();
    if lengths.any(|length| Some(length) != first) {
        return Err(Error::Malformed {
            table: STREAMS.name,
            problem: "the lists of an activity differ in length".to_owned(),
        });
    }
    Ok(first)
}

/// The entries of the first row's list; `None` for a channel that is not there
/// and for what is no channel.
pub(super) fn entries(column: &ArrayRef) -> Option<ArrayRef> {
    let lists = column.as_list_opt::<i32>()?;
    lists.is_valid(0).then(|| lists.value(0))
}

fn malformed(error: ArrowError) -> Error {
    Error::Malformed {
        table: STREAMS.name,
        problem: error.to_string(),
    }
}

#[cfg(test)]
#[path = "streams_tests.rs"]
mod tests;
