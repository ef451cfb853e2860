//! Totals by year, month, week or day.

use arrow::array::AsArray;
use arrow::datatypes::Date32Type;
use datafusion::common::ScalarValue;
use datafusion::prelude::{DataFrame, col, lit};
use jiff::civil::Date;
use storage::AthleteId;

use super::{Cursor, Page, Shape, cut, day, is_athlete, one_of, sport};
use crate::derived::stats::STATS_TABLE;
use crate::error::Error;
use crate::session::Session;

/// The kinds of period.
pub const PERIODS: &[&str] = &["year", "month", "week", "day"];

/// Which statistics to list. Bounds are inclusive.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only this sport, or `all` for the sums over all sports.
    pub sport: Option<String>,
    /// Only periods that begin on this day or later.
    pub from: Option<Date>,
    /// Only periods that begin on this day or earlier.
    pub to: Option<Date>,
}

/// The rows of [`list`].
pub fn shape() -> Shape {
    Shape::without("PeriodStats", &STATS_TABLE, &[])
}

/// One athlete's statistics by one kind of period, newest first and, within a
/// period, by sport (`all` is the first): at most `limit` behind `after`.
///
/// # Errors
/// [`Error::InvalidArgument`] for another period than [`PERIODS`], an unknown
/// sport or a cursor of another list, and the session's.
pub async fn list(
    session: &Session,
    athlete: AthleteId,
    by: &str,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Page, Error> {
    if !PERIODS.contains(&by) {
        return Err(one_of("by", by, PERIODS));
    }
    let mut wanted = is_athlete(athlete).and(col("period").eq(lit(by)));
    if let Some(name) = &filter.sport {
        wanted = wanted.and(sport(name, true)?);
    }
    if let Some(from) = filter.from {
        wanted = wanted.and(col("period_start").gt_eq(day(from)));
    }
    if let Some(to) = filter.to {
        wanted = wanted.and(col("period_start").lt_eq(day(to)));
    }
    if let Some(after) = after {
        let start = lit(ScalarValue::Date32(i32::try_from(after.at).ok()));
        let same = col("period_start").eq(start.clone());
        let later_sport = col("sport").gt(lit(after.tie.as_str()));
        wanted = wanted.and(col("period_start").lt(start).or(same.and(later_sport)));
    }
    let order = vec![
        col("period_start").sort(false, false),
        col("sport").sort(true, false),
    ];
    let plan = |table: DataFrame| {
        table
            .filter(wanted)?
            .sort(order)?
            .limit(0, Some(limit.saturating_add(1)))
    };
    let shape = shape();
    let (rows, last) = cut(session.read_table("stats", plan).await?, limit)?;
    let rows = shape.give(rows)?;
    let next = last.map(|row| Cursor {
        at: row["period_start"]
            .as_primitive::<Date32Type>()
            .value(0)
            .into(),
        tie: row["sport"].as_string::<i32>().value(0).to_owned(),
    });
    Ok(Page { rows, next })
}
