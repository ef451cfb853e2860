//! The columns that every table about activities begins with, and how rows of
//! kernels become them.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use storage::table::{Column, Kind, Table, Unit, column};

use crate::activity::Activity;

pub use storage::tables::POINTER;

/// The sport family, copied so that ranks and filters need no join.
pub const SPORT: Column = column(
    "sport",
    Kind::Utf8,
    Unit::None,
    "Family of the activity's sport, as `activities` has it.",
);

/// The local day, copied for the same reason.
pub const START_DATE_LOCAL: Column = column(
    "start_date_local",
    Kind::Date,
    Unit::Local,
    "Day of the start where the activity began.",
);

/// Rows of one table: the activity of each, and what its kernel found.
pub struct Rows<'a, R>(pub Vec<(&'a Activity, R)>);

impl<R> Rows<'_, R> {
    /// `athlete_id`, `start_time`, `activity_id`.
    pub fn pointer(&self) -> Vec<ArrayRef> {
        let keys = || self.0.iter().map(|(activity, _)| activity.key);
        vec![
            Arc::new(Int64Array::from_iter_values(keys().map(|k| k.athlete_id.0))),
            Arc::new(TimestampMicrosecondArray::from_iter_values(
                keys().map(|k| k.start_time_us),
            )),
            Arc::new(Int64Array::from_iter_values(
                keys().map(|k| k.activity_id.0),
            )),
        ]
    }

    /// `sport`.
    pub fn sport(&self) -> ArrayRef {
        let names = self.0.iter().map(|(activity, _)| activity.sport.name());
        Arc::new(StringArray::from_iter_values(names))
    }

    /// `start_date_local`.
    pub fn start_date_local(&self) -> ArrayRef {
        let days = self.0.iter().map(|(activity, _)| activity.start_date_local);
        Arc::new(Date32Array::from_iter_values(days))
    }

    /// A column of doubles, null where `of` gives nothing.
    pub fn doubles(&self, of: impl Fn(&R) -> Option<f64>) -> ArrayRef {
        Arc::new(
            self.0
                .iter()
                .map(|(_, row)| of(row))
                .collect::<Float64Array>(),
        )
    }

    /// A column of whole numbers, null where `of` gives nothing.
    pub fn whole(&self, of: impl Fn(&R) -> Option<i32>) -> ArrayRef {
        Arc::new(
            self.0
                .iter()
                .map(|(_, row)| of(row))
                .collect::<Int32Array>(),
        )
    }

    /// A column of sample numbers.
    pub fn samples(&self, of: impl Fn(&R) -> usize) -> ArrayRef {
        self.whole(|row| {
            Some(i32::try_from(of(row)).expect("a list of Parquet has fewer than 2^31 entries"))
        })
    }

    /// A column of words.
    pub fn words(&self, of: impl Fn(&R) -> &'static str) -> ArrayRef {
        let words = self.0.iter().map(|(_, row)| of(row));
        Arc::new(StringArray::from_iter_values(words))
    }
}

/// Columns as rows of `table`, whose order they are in.
pub fn batch(table: &Table, columns: Vec<ArrayRef>) -> RecordBatch {
    RecordBatch::try_new(table.schema(), columns)
        .expect("a kernel makes the columns that its table declares")
}
