//! Sketches as rows of the lake's tables.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, ListArray,
    RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::DataType;
use storage::table::{Kind, Table};
use storage::tables::{ACTIVITIES, LAPS, STREAMS};

use crate::Sketch;

/// Rows of the tables that definitions read.
#[derive(Clone, Debug)]
pub struct Rows {
    /// Rows of `activities`; what a sketch does not say is null, 0 or empty.
    pub activities: RecordBatch,
    /// Rows of `streams`.
    pub streams: RecordBatch,
    /// Rows of `laps`: the active lengths.
    pub laps: RecordBatch,
}

/// Sketches as rows, in their order.
pub fn rows(sketches: &[Sketch]) -> Rows {
    Rows {
        activities: table(&ACTIVITIES, sketches.len(), |name| activity(name, sketches)),
        streams: table(&STREAMS, sketches.len(), |name| stream(name, sketches)),
        laps: laps(sketches),
    }
}

/// Rows of a declared table, of the columns that `column` knows.
fn table(table: &Table, rows: usize, column: impl Fn(&str) -> Option<ArrayRef>) -> RecordBatch {
    let columns = table.columns.iter().map(|declared| {
        let empty = || match declared.nullable {
            true => new_null_array(&declared.kind.data_type(), rows),
            false => blank(declared.kind, rows),
        };
        column(declared.name).unwrap_or_else(empty)
    });
    RecordBatch::try_new(table.schema(), columns.collect()).expect("columns are as declared")
}

/// A column of nothing in particular.
fn blank(kind: Kind, rows: usize) -> ArrayRef {
    match kind {
        Kind::Int64 => Arc::new(Int64Array::from(vec![0; rows])),
        Kind::Int32 => Arc::new(Int32Array::from(vec![0; rows])),
        Kind::Float64 => Arc::new(Float64Array::from(vec![0.0; rows])),
        Kind::Utf8 => Arc::new(StringArray::from(vec![""; rows])),
        Kind::Boolean => Arc::new(BooleanArray::from(vec![false; rows])),
        Kind::Timestamp => Arc::new(TimestampMicrosecondArray::from(vec![0; rows])),
        Kind::Date => Arc::new(Date32Array::from(vec![0; rows])),
        Kind::Int32List | Kind::Int64List => panic!("every sketch has its lists"),
    }
}

fn pointer<'a>(name: &str, sketches: impl Iterator<Item = &'a Sketch>) -> Option<ArrayRef> {
    Some(match name {
        "athlete_id" => Arc::new(Int64Array::from_iter_values(sketches.map(|s| s.athlete_id))),
        "activity_id" => Arc::new(Int64Array::from_iter_values(
            sketches.map(|s| s.activity_id),
        )),
        "start_time" => Arc::new(TimestampMicrosecondArray::from_iter_values(
            sketches.map(|s| s.start_time_us),
        )),
        _ => return None,
    })
}

fn activity(name: &str, sketches: &[Sketch]) -> Option<ArrayRef> {
    let all = sketches.iter();
    Some(match name {
        "start_time_local" => pointer("start_time", all)?,
        "start_date_local" => Arc::new(Date32Array::from_iter_values(
            all.map(|s| s.start_date_local),
        )),
        "sport" | "sport_detail" => {
            Arc::new(StringArray::from_iter_values(all.map(|s| s.sport.name())))
        }
        "timer_s" => Arc::new(Float64Array::from_iter_values(
            all.map(|s| s.timer_ms as f64 / 1_000.0),
        )),
        "samples" => {
            Arc::new(Int32Array::from_iter_values(all.map(|s| {
                i32::try_from(s.t_ms.len()).expect("sketches are short")
            })))
        }
        _ => return pointer(name, all),
    })
}

fn stream(name: &str, sketches: &[Sketch]) -> Option<ArrayRef> {
    let all = sketches.iter();
    let channels = |of: fn(&Sketch) -> &Vec<Option<i32>>| channel(sketches.iter().map(of));
    Some(match name {
        "t_ms" => list_of_all(all.map(|s| &s.t_ms)),
        "distance_cm" => axis(all.map(|s| &s.distance_cm)),
        "altitude_cm" => channels(|s| &s.altitude_cm),
        "heart_rate_bpm" => channels(|s| &s.heart_rate_bpm),
        "cadence_rpm" => channels(|s| &s.cadence_rpm),
        "power_w" => channels(|s| &s.power_w),
        "temperature_c" => channels(|s| &s.temperature_c),
        _ => return pointer(name, all),
    })
}

/// Lists without nulls, none of them null.
fn list_of_all<'a>(lists: impl Iterator<Item = &'a Vec<i64>> + Clone) -> ArrayRef {
    let values = Int64Array::from_iter_values(lists.clone().flatten().copied());
    list(Kind::Int64List, lists.map(Vec::len), Arc::new(values), None)
}

/// Lists without nulls; an empty one is a null list.
fn axis<'a>(lists: impl Iterator<Item = &'a Vec<i64>> + Clone) -> ArrayRef {
    let values = Int64Array::from_iter_values(lists.clone().flatten().copied());
    let present = lists.clone().map(|list| !list.is_empty()).collect();
    list(
        Kind::Int64List,
        lists.map(Vec::len),
        Arc::new(values),
        Some(present),
    )
}

/// Lists with nulls; an empty one is a null list.
fn channel<'a>(lists: impl Iterator<Item = &'a Vec<Option<i32>>> + Clone) -> ArrayRef {
    let values: Int32Array = lists.clone().flatten().copied().collect();
    let present = lists.clone().map(|list| !list.is_empty()).collect();
    list(
        Kind::Int32List,
        lists.map(Vec::len),
        Arc::new(values),
        Some(present),
    )
}

fn list(
    kind: Kind,
    lengths: impl Iterator<Item = usize>,
    values: ArrayRef,
    present: Option<Vec<bool>>,
) -> ArrayRef {
    let DataType::List(field) = kind.data_type() else {
        panic!("{kind:?} is no list");
    };
    let offsets = OffsetBuffer::from_lengths(lengths);
    Arc::new(ListArray::new(
        field,
        offsets,
        values,
        present.map(Into::into),
    ))
}

fn laps(sketches: &[Sketch]) -> RecordBatch {
    let lengths: Vec<(&Sketch, usize, (i64, i64))> = sketches
        .iter()
        .flat_map(|s| {
            s.active_lengths_ms
                .iter()
                .enumerate()
                .map(move |(i, l)| (s, i, *l))
        })
        .collect();
    let seconds = |of: fn((i64, i64)) -> i64| -> ArrayRef {
        let seconds = lengths
            .iter()
            .map(|(_, _, length)| of(*length) as f64 / 1_000.0);
        Arc::new(Float64Array::from_iter_values(seconds))
    };
    table(&LAPS, lengths.len(), |name| {
        Some(match name {
            "kind" => Arc::new(StringArray::from(vec!["length"; lengths.len()])),
            "lap" => Arc::new(Int32Array::from_iter_values(
                lengths.iter().map(|(_, number, _)| *number as i32 + 1),
            )),
            "start_offset_s" => seconds(|(from, _)| from),
            "elapsed_s" | "timer_s" => seconds(|(from, to)| to - from),
            "active" => Arc::new(BooleanArray::from(vec![true; lengths.len()])),
            _ => return pointer(name, lengths.iter().map(|(sketch, _, _)| *sketch)),
        })
    })
}
