//! Statistics of a data file's columns, taken from its rows as they are
//! written, and of a whole table, which only ever widen.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::{max, max_boolean, max_string, min, min_boolean, min_string};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimeUnit, TimestampMicrosecondType,
};
use parquet::file::metadata::ParquetMetaData;

use super::bound::{Bound, Range};
use super::types::LakeColumn;

/// What the catalog keeps of one column of one file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ColumnStats {
    /// The column; for lists the element's.
    pub column_id: i64,
    /// Its compressed size in the file, in bytes.
    pub size_bytes: i64,
    /// Values that are not null.
    pub values: i64,
    /// Nulls; for lists also the null and empty lists.
    pub nulls: i64,
    /// Least and greatest value, where there is one and it has a text.
    pub range: Option<Range>,
    /// Whether a value is NaN; null for types that have none.
    pub contains_nan: Option<bool>,
}

/// The statistics of the rows of one file, one entry a plain column or list
/// element, in order of columns.
pub(crate) fn of_file(
    columns: &[LakeColumn],
    arrays: &[ArrayRef],
    metadata: &ParquetMetaData,
) -> Vec<ColumnStats> {
    let mut stats = of_rows(columns, arrays);
    set_sizes(&mut stats, metadata);
    stats
}

/// The same of rows whose size in a file is not known yet: 0.
pub(crate) fn of_rows(columns: &[LakeColumn], arrays: &[ArrayRef]) -> Vec<ColumnStats> {
    let columns = columns.iter().zip(arrays);
    columns
        .map(|(column, array)| of_column(column, array))
        .collect()
}

/// Sets how large the columns of a file became.
pub(crate) fn set_sizes(stats: &mut [ColumnStats], metadata: &ParquetMetaData) {
    // Every column of ours, nested or not, has exactly one leaf in Parquet.
    for (leaf, column) in stats.iter_mut().enumerate() {
        let groups = metadata.row_groups().iter();
        column.size_bytes = groups
            .map(|group| group.column(leaf).compressed_size())
            .sum();
    }
}

impl ColumnStats {
    /// Takes in the statistics of more rows of the same file.
    pub fn add(&mut self, more: &Self) {
        let nan = self.contains_nan.zip(more.contains_nan);
        self.contains_nan = nan.map(|(a, b)| a || b);
        let range = match (self.range.take(), &more.range) {
            (Some(mut range), Some(new)) => {
                range.widen(new);
                Some(range)
            }
            // Rows without a value say nothing; values without a range leave
            // the whole without one.
            (Some(range), None) => (more.values == 0).then_some(range),
            (None, Some(new)) => (self.values == 0).then(|| new.clone()),
            (None, None) => None,
        };
        self.range = range.filter(|_| self.contains_nan != Some(true));
        self.values += more.values;
        self.nulls += more.nulls;
    }
}

/// The statistics of one column's values, whose size in a file is not known
/// yet: 0.
pub(crate) fn of_column(column: &LakeColumn, array: &ArrayRef) -> ColumnStats {
    let (values, missing_lists) = match array.data_type() {
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            let without = (0..lists.len())
                .filter(|&row| lists.is_null(row) || lists.value_length(row) == 0)
                .count();
            let first = lists.value_offsets().first().copied().unwrap_or(0) as usize;
            let last = lists.value_offsets().last().copied().unwrap_or(0) as usize;
            (lists.values().slice(first, last - first), without)
        }
        _ => (array.clone(), 0),
    };
    let contains_nan = match values.data_type() {
        DataType::Float64 => {
            let mut floats = values.as_primitive::<Float64Type>().iter().flatten();
            Some(floats.any(f64::is_nan))
        }
        DataType::Float32 => {
            let mut floats = values.as_primitive::<Float32Type>().iter().flatten();
            Some(floats.any(f32::is_nan))
        }
        _ => None,
    };
    // NaN is neither minimum nor maximum; with one in it a range would say
    // too little, since engines order NaN above all other numbers.
    let range = (contains_nan != Some(true))
        .then(|| range_of(&values))
        .flatten()
        .filter(|range| {
            let leaf = &column.leaf().data_type;
            range.min.text(leaf).is_some() && range.max.text(leaf).is_some()
        });
    let nulls = values.null_count();
    ColumnStats {
        column_id: column.leaf().id,
        size_bytes: 0,
        values: (values.len() - nulls) as i64,
        nulls: (nulls + missing_lists) as i64,
        range,
        contains_nan,
    }
}

/// The least and greatest of values without NaN; `None` where all are null or
/// the type has no bounds.
fn range_of(values: &ArrayRef) -> Option<Range> {
    macro_rules! ends {
        ($type:ty, $bound:expr) => {{
            let values = values.as_primitive::<$type>();
            (min(values).map($bound), max(values).map($bound))
        }};
    }
    let (least, greatest) = match values.data_type() {
        DataType::Boolean => {
            let values = values.as_boolean();
            (
                min_boolean(values).map(Bound::Bool),
                max_boolean(values).map(Bound::Bool),
            )
        }
        DataType::Int8 => ends!(Int8Type, |value| Bound::Int(value.into())),
        DataType::Int16 => ends!(Int16Type, |value| Bound::Int(value.into())),
        DataType::Int32 => ends!(Int32Type, |value| Bound::Int(value.into())),
        DataType::Int64 => ends!(Int64Type, Bound::Int),
        DataType::Date32 => ends!(Date32Type, |value| Bound::Int(value.into())),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            ends!(TimestampMicrosecondType, Bound::Int)
        }
        DataType::Float32 => ends!(Float32Type, |value| Bound::Real(value.into())),
        DataType::Float64 => ends!(Float64Type, Bound::Real),
        DataType::Utf8 => {
            let values = values.as_string::<i32>();
            (
                min_string(values).map(|text| Bound::Text(text.into())),
                max_string(values).map(|text| Bound::Text(text.into())),
            )
        }
        _ => (None, None),
    };
    Some(Range {
        min: least?,
        max: greatest?,
    })
}

/// What the catalog keeps of one column of a whole table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableColumnStats {
    /// The column; for lists the element's.
    pub column_id: i64,
    /// Whether any value is or was null.
    pub contains_null: Option<bool>,
    /// Whether any value is or was NaN.
    pub contains_nan: Option<bool>,
    /// Least and greatest value ever; `None` is "unknown" and stays so.
    pub range: Option<Range>,
}

impl TableColumnStats {
    /// Of a column whose table has no rows yet.
    pub fn of_first(file: &ColumnStats) -> Self {
        Self {
            column_id: file.column_id,
            contains_null: Some(file.nulls > 0),
            contains_nan: file.contains_nan,
            range: file.range.clone(),
        }
    }

    /// Widens it by one more file. Answers whether it changed.
    pub fn widen(&mut self, file: &ColumnStats) -> bool {
        let before = self.clone();
        self.contains_null = self.contains_null.map(|null| null || file.nulls > 0);
        let nan = self.contains_nan.zip(file.contains_nan);
        self.contains_nan = nan.map(|(a, b)| a || b);
        match (&mut self.range, &file.range) {
            (Some(range), Some(new)) => range.widen(new),
            // Without a value the file says nothing about the range.
            (_, None) if file.values == 0 => {}
            (_, None) => self.range = None,
            // Nobody can tell "no value yet" from "not known": stay silent.
            (None, Some(_)) => {}
        }
        *self != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(range: Option<(i64, i64)>, values: i64, nulls: i64) -> ColumnStats {
        ColumnStats {
            column_id: 1,
            size_bytes: 0,
            values,
            nulls,
            range: range.map(|(min, max)| Range {
                min: Bound::Int(min),
                max: Bound::Int(max),
            }),
            contains_nan: None,
        }
    }

    #[test]
    fn parts_of_a_file_add_up() {
        let mut whole = file(Some((3, 4)), 2, 1);
        whole.add(&file(None, 0, 5));
        whole.add(&file(Some((1, 9)), 2, 0));
        assert_eq!(whole, file(Some((1, 9)), 4, 6));
        // Values without a range, such as long texts, leave none …
        whole.add(&file(None, 1, 0));
        whole.add(&file(Some((1, 2)), 1, 0));
        assert_eq!(whole, file(None, 6, 6));
        // … and a part of nulls alone does not.
        let mut nulls = file(None, 0, 2);
        nulls.add(&file(Some((7, 7)), 1, 0));
        assert_eq!(nulls, file(Some((7, 7)), 1, 2));
        let mut numbers = file(Some((1, 2)), 2, 0);
        numbers.contains_nan = Some(false);
        let mut nan = file(None, 1, 0);
        nan.contains_nan = Some(true);
        numbers.add(&nan);
        assert_eq!((numbers.range, numbers.contains_nan), (None, Some(true)));
    }

    #[test]
    fn a_table_only_widens() {
        let mut table = TableColumnStats::of_first(&file(Some((9, 10)), 2, 0));
        assert!(!table.widen(&file(Some((9, 9)), 1, 0)));
        assert!(table.widen(&file(Some((2, 100)), 2, 1)));
        assert_eq!(table.contains_null, Some(true));
        assert_eq!(table.range, file(Some((2, 100)), 0, 0).range);
        // A file of nulls alone takes nothing away …
        table.widen(&file(None, 0, 5));
        assert!(table.range.is_some());
        // … but values without a range do, for ever.
        table.widen(&file(None, 1, 0));
        table.widen(&file(Some((1, 2)), 2, 0));
        assert_eq!(table.range, None);
    }
}
