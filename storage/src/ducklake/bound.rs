//! Typed values of statistics. The catalog keeps them as text; they are
//! compared here as what they mean.

use std::cmp::Ordering;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float32Array, Float64Array, StringArray,
};
use arrow::datatypes::{
    DataType, Date32Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    TimeUnit, TimestampMicrosecondType, UInt8Type, UInt16Type, UInt32Type,
};
use jiff::civil::DateTime;

/// Texts longer than this have no bound in the statistics of a file; DuckDB
/// stops there too.
const MAX_TEXT_BYTES: usize = 256;

/// One end of a range.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Bound {
    /// Truth values.
    Bool(bool),
    /// Integers, days since 1970 and microseconds since 1970.
    Int(i64),
    /// Doubles; never NaN.
    Real(f64),
    /// Text, compared by its bytes.
    Text(Arc<str>),
}

/// The least and greatest value of a column in a file or table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Range {
    pub min: Bound,
    pub max: Bound,
}

impl Bound {
    /// The order of two values of one column; values of different types,
    /// which no column holds, count as equal.
    pub fn order(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Int(a), Self::Int(b)) => a.cmp(b),
            (Self::Real(a), Self::Real(b)) => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Bool(_) | Self::Int(_) | Self::Real(_) | Self::Text(_), _) => Ordering::Equal,
        }
    }

    /// Reads a statistic of a column of that type, as DuckDB or we wrote it;
    /// `None` where the text means nothing or the type has no bounds here.
    pub fn parse(data_type: &DataType, text: &str) -> Option<Self> {
        match data_type {
            DataType::Boolean => match text {
                "0" | "false" => Some(Self::Bool(false)),
                "1" | "true" => Some(Self::Bool(true)),
                _ => None,
            },
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32 => text.parse().ok().map(Self::Int),
            DataType::Float32 | DataType::Float64 => {
                let value: f64 = text.parse().ok()?;
                (!value.is_nan()).then_some(Self::Real(value))
            }
            DataType::Utf8 => Some(Self::Text(text.into())),
            DataType::Date32 => parse_date(text).map(|day| Self::Int(day.into())),
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                parse_timestamp(text).map(Self::Int)
            }
            _ => None,
        }
    }

    /// How the catalog has it; the inverse of [`parse`](Self::parse). `None`
    /// where it has no text, such as a year beyond 9999.
    pub fn text(&self, data_type: &DataType) -> Option<String> {
        match (self, data_type) {
            (Self::Bool(value), _) => Some(i32::from(*value).to_string()),
            (Self::Int(day), DataType::Date32) => date_text(*day),
            (Self::Int(us), DataType::Timestamp(..)) => timestamp_text(*us),
            (Self::Int(value), _) => Some(value.to_string()),
            (Self::Real(value), _) => Some(format!("{value:?}")),
            (Self::Text(text), _) => (text.len() <= MAX_TEXT_BYTES).then(|| text.to_string()),
        }
    }

    /// The value at `row`; `None` where it is null, NaN, or of a type without
    /// bounds.
    pub fn at(array: &dyn Array, row: usize) -> Option<Self> {
        if array.is_null(row) {
            return None;
        }
        Some(match array.data_type() {
            DataType::Boolean => Self::Bool(array.as_boolean().value(row)),
            DataType::Int8 => Self::Int(array.as_primitive::<Int8Type>().value(row).into()),
            DataType::Int16 => Self::Int(array.as_primitive::<Int16Type>().value(row).into()),
            DataType::Int32 => Self::Int(array.as_primitive::<Int32Type>().value(row).into()),
            DataType::Int64 => Self::Int(array.as_primitive::<Int64Type>().value(row)),
            DataType::UInt8 => Self::Int(array.as_primitive::<UInt8Type>().value(row).into()),
            DataType::UInt16 => Self::Int(array.as_primitive::<UInt16Type>().value(row).into()),
            DataType::UInt32 => Self::Int(array.as_primitive::<UInt32Type>().value(row).into()),
            DataType::Date32 => Self::Int(array.as_primitive::<Date32Type>().value(row).into()),
            DataType::Timestamp(TimeUnit::Microsecond, None) => {
                Self::Int(array.as_primitive::<TimestampMicrosecondType>().value(row))
            }
            DataType::Float32 => Self::real(array.as_primitive::<Float32Type>().value(row).into())?,
            DataType::Float64 => Self::real(array.as_primitive::<Float64Type>().value(row))?,
            DataType::Utf8 => Self::Text(array.as_string::<i32>().value(row).into()),
            _ => return None,
        })
    }

    fn real(value: f64) -> Option<Self> {
        (!value.is_nan()).then_some(Self::Real(value))
    }

    fn int(&self) -> Option<i64> {
        match self {
            Self::Int(value) => Some(*value),
            Self::Bool(_) | Self::Real(_) | Self::Text(_) => None,
        }
    }
}

impl Range {
    /// Widens it so that it also holds `other`.
    pub fn widen(&mut self, other: &Self) {
        if other.min.order(&self.min).is_lt() {
            self.min = other.min.clone();
        }
        if other.max.order(&self.max).is_gt() {
            self.max = other.max.clone();
        }
    }

    /// Whether the value lies within.
    pub fn holds(&self, value: &Bound) -> bool {
        self.min.order(value).is_le() && self.max.order(value).is_ge()
    }
}

/// An Arrow array of that type, one entry a bound, null where there is none;
/// `None` for types without bounds.
pub(crate) fn array_of<'a>(
    data_type: &DataType,
    bounds: impl Iterator<Item = Option<&'a Bound>>,
) -> Option<ArrayRef> {
    let ints = |bounds: &mut dyn Iterator<Item = Option<&'a Bound>>| -> ArrayRef {
        Arc::new(arrow::array::Int64Array::from_iter(
            bounds.map(|bound| bound.and_then(Bound::int)),
        ))
    };
    let mut bounds = bounds;
    let reals = |bounds: &mut dyn Iterator<Item = Option<&'a Bound>>| {
        bounds
            .map(|bound| match bound {
                Some(Bound::Real(value)) => Some(*value),
                Some(Bound::Bool(_) | Bound::Int(_) | Bound::Text(_)) | None => None,
            })
            .collect::<Vec<_>>()
    };
    let array: ArrayRef = match data_type {
        DataType::Boolean => Arc::new(BooleanArray::from_iter(bounds.map(|bound| match bound {
            Some(Bound::Bool(value)) => Some(*value),
            Some(Bound::Int(_) | Bound::Real(_) | Bound::Text(_)) | None => None,
        }))),
        DataType::Float32 => Arc::new(Float32Array::from_iter(
            reals(&mut bounds)
                .into_iter()
                .map(|value| value.map(|value| value as f32)),
        )),
        DataType::Float64 => Arc::new(Float64Array::from(reals(&mut bounds))),
        DataType::Utf8 => Arc::new(StringArray::from_iter(bounds.map(|bound| match bound {
            Some(Bound::Text(text)) => Some(text.as_ref()),
            Some(Bound::Bool(_) | Bound::Int(_) | Bound::Real(_)) | None => None,
        }))),
        DataType::Date32 => Arc::new(arrow::array::Date32Array::from_iter(bounds.map(|bound| {
            bound
                .and_then(Bound::int)
                .and_then(|day| day.try_into().ok())
        }))),
        DataType::Timestamp(TimeUnit::Microsecond, None) => {
            Arc::new(arrow::array::TimestampMicrosecondArray::from_iter(
                bounds.map(|bound| bound.and_then(Bound::int)),
            ))
        }
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32 => {
            // The cast cannot fail: bounds of a column fit its type, and one
            // that does not becomes null.
            arrow::compute::cast(&ints(&mut bounds), data_type).ok()?
        }
        _ => return None,
    };
    Some(array)
}

/// Days since 1970 of a text such as `2026-11-25`.
pub(crate) fn parse_date(text: &str) -> Option<i32> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let since = date.since(jiff::civil::date(1970, 1, 1)).ok()?;
    Some(since.get_days())
}

/// Microseconds since 1970 of a text such as `2026-11-25 02:56:03.5`.
pub(crate) fn parse_timestamp(text: &str) -> Option<i64> {
    let civil: DateTime = text.parse().ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_microsecond())
}

fn date_text(day: i64) -> Option<String> {
    let span = jiff::Span::new().try_days(day).ok()?;
    let date = jiff::civil::date(1970, 1, 1).checked_add(span).ok()?;
    (date.year() > 0).then(|| date.to_string())
}

fn timestamp_text(us: i64) -> Option<String> {
    let instant = jiff::Timestamp::from_microsecond(us).ok()?;
    let civil = instant.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    (civil.year() > 0).then(|| civil.strftime("%Y-%m-%d %H:%M:%S%.f").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Texts as DuckDB 1.5.5 wrote them into a catalog.
    #[test]
    fn texts_of_duckdb_are_read_and_written_back() {
        let us = DataType::Timestamp(TimeUnit::Microsecond, None);
        for (data_type, text) in [
            (DataType::Int64, "-7"),
            (DataType::Float64, "0.3333333333333333"),
            (DataType::Float64, "400.0"),
            (DataType::Boolean, "1"),
            (DataType::Utf8, "it's 3"),
            (DataType::Date32, "1950-01-01"),
            (us.clone(), "2023-04-11 10:00:00.123456"),
            (us.clone(), "1969-12-31 23:59:59.5"),
            (us, "2023-04-11 00:00:00"),
        ] {
            let bound = Bound::parse(&data_type, text).unwrap();
            assert_eq!(bound.text(&data_type).as_deref(), Some(text));
        }
        assert_eq!(
            Bound::parse(&DataType::Float64, "-1e+300"),
            Some(Bound::Real(-1e300))
        );
        assert_eq!(Bound::parse(&DataType::Float64, "nan"), None);
        assert_eq!(
            Bound::parse(&DataType::Date32, "1969-12-31"),
            Some(Bound::Int(-1))
        );
    }

    #[test]
    fn numbers_are_compared_as_numbers() {
        let mut range = Range {
            min: Bound::Int(9),
            max: Bound::Int(9),
        };
        range.widen(&Range {
            min: Bound::Int(10),
            max: Bound::Int(100),
        });
        assert_eq!((range.min, range.max), (Bound::Int(9), Bound::Int(100)));
    }
}
