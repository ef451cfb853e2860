//! Functions that make much of little, bounded.
//!
//! `repeat('x', 2000000000)` asks for its memory in one piece, before any limit
//! of the engine sees it. The functions of this list are told beforehand how
//! much they would make of a batch, and refuse more than [`MAX_BYTES`].

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::execution::FunctionRegistry;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    ColumnarValue, Documentation, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl,
    Signature,
};
use datafusion::prelude::{Expr, SessionContext};

/// The most bytes that one call may make of one batch of rows.
pub const MAX_BYTES: u64 = 64 << 20;

/// Which functions grow, and how.
const GROWING: &[(&str, Growth)] = &[
    ("repeat", Growth::Repeated),
    ("array_repeat", Growth::Repeated),
    ("lpad", Growth::Length),
    ("rpad", Growth::Length),
    ("array_resize", Growth::Length),
    ("range", Growth::Range),
    ("generate_series", Growth::Range),
    ("replace", Growth::Replaced),
    ("regexp_replace", Growth::Replaced),
];

/// How large a result is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Growth {
    /// The first argument, as often as the second says.
    Repeated,
    /// As many entries as the second argument says.
    Length,
    /// From the first argument to the second (or from 0 to the first), in steps
    /// of the third (or 1).
    Range,
    /// At most the third argument in the place of each letter of the first.
    Replaced,
}

/// How many bytes one entry of a list takes, at most, and one letter.
const ENTRY_BYTES: u64 = 16;

/// Puts the bounded functions into the place of their originals.
pub(crate) fn register(context: &SessionContext) {
    for (name, growth) in GROWING {
        // A function that this engine does not have need not be bounded.
        if let Ok(inner) = context.udf(name) {
            context.register_udf(ScalarUDF::new_from_impl(Bounded {
                inner: inner.as_ref().clone(),
                growth: *growth,
            }));
        }
    }
}

/// A function that refuses to make too much.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: ScalarUDF,
    growth: Growth,
}

impl Bounded {
    fn refuse(&self, args: &ScalarFunctionArgs) -> Result<()> {
        let columns = args.args.iter().map(|arg| arg.to_array(rows_of(args)));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let mut bytes = 0_u64;
        for row in 0..rows_of(args) {
            bytes = bytes.saturating_add(self.growth.bytes(&columns, row)?);
        }
        if bytes <= MAX_BYTES {
            return Ok(());
        }
        Err(DataFusionError::ResourcesExhausted(format!(
            "{} would make {bytes} bytes of one batch of rows, more than {MAX_BYTES}",
            self.inner.name()
        )))
    }
}

/// How many results there are to make: one, where all arguments are constant.
fn rows_of(args: &ScalarFunctionArgs) -> usize {
    let constant = |arg: &ColumnarValue| matches!(arg, ColumnarValue::Scalar(_));
    if args.args.iter().all(constant) {
        1
    } else {
        args.number_rows
    }
}

impl Growth {
    fn bytes(self, columns: &[ArrayRef], row: usize) -> Result<u64> {
        let number = |nth: usize| {
            columns
                .get(nth)
                .map_or(Ok(None), |column| number(column, row))
        };
        let size = |nth: usize| columns.get(nth).map_or(0, |column| size_of(column, row));
        Ok(match self {
            Self::Repeated => {
                let times = number(1)?.unwrap_or(0).max(0);
                u64::try_from(times)
                    .unwrap_or(u64::MAX)
                    .saturating_mul(size(0))
            }
            Self::Length => {
                let length = number(1)?.unwrap_or(0).max(0);
                let length = u64::try_from(length).unwrap_or(u64::MAX);
                length.saturating_mul(ENTRY_BYTES)
            }
            Self::Range => {
                let (from, to) = match columns.len() {
                    0 | 1 => (Some(0), number(0)?),
                    _ => (number(0)?, number(1)?),
                };
                let step = number(2)?.unwrap_or(1).unsigned_abs().max(1);
                let (Some(from), Some(to)) = (from, to) else {
                    return Ok(0);
                };
                let steps = to.abs_diff(from) / step;
                u64::try_from(steps)
                    .unwrap_or(u64::MAX)
                    .saturating_mul(ENTRY_BYTES)
            }
            Self::Replaced => size(0).saturating_add(1).saturating_mul(size(2)),
        })
    }
}

/// The number in one row; of an instant its nanoseconds, of a day the same.
fn number(column: &ArrayRef, row: usize) -> Result<Option<i128>> {
    const DAY_NS: i128 = 86_400_000_000_000;
    if let Some(numbers) = column.as_primitive_opt::<Int64Type>() {
        return Ok(numbers
            .is_valid(row)
            .then(|| i128::from(numbers.value(row))));
    }
    let value = ScalarValue::try_from_array(column, row)?;
    Ok(match value {
        ScalarValue::Date32(Some(days)) => Some(i128::from(days) * DAY_NS),
        ScalarValue::TimestampSecond(Some(at), _) => Some(i128::from(at) * 1_000_000_000),
        ScalarValue::TimestampMillisecond(Some(at), _) => Some(i128::from(at) * 1_000_000),
        ScalarValue::TimestampMicrosecond(Some(at), _) => Some(i128::from(at) * 1_000),
        ScalarValue::TimestampNanosecond(Some(at), _) => Some(i128::from(at)),
        ScalarValue::IntervalMonthDayNano(Some(step)) => Some(
            (i128::from(step.months) * 28 + i128::from(step.days)) * DAY_NS
                + i128::from(step.nanoseconds),
        ),
        other => match other.cast_to(&DataType::Int64) {
            Ok(ScalarValue::Int64(number)) => number.map(i128::from),
            // What is no number is refused by the function itself.
            Ok(_) | Err(_) => None,
        },
    })
}

/// How many bytes one row of a column takes.
fn size_of(column: &ArrayRef, row: usize) -> u64 {
    let one = column.slice(row, 1).to_data();
    let bytes = one
        .get_slice_memory_size()
        .unwrap_or_else(|_| one.get_buffer_memory_size());
    bytes as u64
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(
        &self,
        args: ReturnFieldArgs<'_>,
    ) -> Result<arrow::datatypes::FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn simplify(&self, args: Vec<Expr>, info: &SimplifyContext) -> Result<ExprSimplifyResult> {
        self.inner.simplify(args, info)
    }

    fn documentation(&self) -> Option<&Documentation> {
        self.inner.documentation()
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.refuse(&args)?;
        self.inner.invoke_with_args(args)
    }
}

#[cfg(test)]
mod tests {
    use crate::memory_tests::session;
    use crate::sql::query;
    use storage::{Code, Failure};

    #[tokio::test]
    async fn what_makes_much_of_little_is_refused() {
        let session = session(&[], &[]).await;
        for text in [
            "SELECT repeat('x', 1000000000)",
            "SELECT length(repeat(repeat('x', 10000), 10000))",
            "SELECT lpad('x', 2000000000)",
            "SELECT rpad('x', 2000000000, 'abc')",
            "SELECT range(0, 2000000000)",
            "SELECT range(2000000000)",
            "SELECT array_length(generate_series(0, 4000000000, 2))",
            "SELECT list_repeat(1, 1000000000)",
            "SELECT array_repeat(range(0, 10000), 100000)",
            "SELECT array_resize([1], 1000000000, 0)",
            "SELECT replace(repeat('x', 1000000), 'x', repeat('y', 1000000))",
            "SELECT regexp_replace(repeat('x', 1000000), 'x', repeat('y', 1000000), 'g')",
            "SELECT range(TIMESTAMP '2000-01-01', TIMESTAMP '2020-01-01', INTERVAL '1' SECOND)",
            "SELECT repeat('x', n) FROM (SELECT unnest(range(0, 50000)) AS n)",
        ] {
            let refused = query(&session, text).await.map(|rows| rows.len());
            let code = refused.as_ref().map_err(Failure::code);
            assert_eq!(code, Err(Code::QueryLimit), "{text}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn what_is_asked_in_measure_is_given() {
        let session = session(&[], &[]).await;
        for text in [
            "SELECT repeat('x', 1000) || lpad('x', 20, 'ab') || rpad('x', 3)",
            "SELECT range(0, 100000), generate_series(1, 10), range(3)",
            "SELECT array_repeat([1, 2], 1000), array_resize([1], 5, 0)",
            "SELECT replace('a b', ' ', '-'), regexp_replace('a b', '[ab]', '', 'g')",
            "SELECT range(DATE '2024-01-01', DATE '2025-01-01', INTERVAL '1' DAY)",
            "SELECT repeat(NULL, 3), repeat('x', NULL), repeat('x', -5), range(5, 1, -1)",
        ] {
            let rows = query(&session, text).await;
            assert_eq!(rows.map(|rows| rows.len()).unwrap(), 1, "{text}");
        }
    }
}
