//! Activities: the list with its filters, and one by its key.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{AsArray, Float64Array, RecordBatch};
use arrow::datatypes::{Float64Type, Int32Type, Int64Type, TimestampMicrosecondType};
use datafusion::functions::expr_fn::{lower, strpos};
use datafusion::logical_expr::Expr;
use datafusion::prelude::{DataFrame, col, lit};
use jiff::civil::Date;
use storage::catalog::Pointer;
use storage::table::Column;
use storage::tables::ACTIVITIES;
use storage::{ActivityId, ActivityKey, AthleteId};

use super::{Cursor, Page, Shape, append, cut, day, instant, is_athlete, pace, sport};
use crate::error::Error;
use crate::point::rows_of;
use crate::session::{Rows, Session};

const WHAT: &str = "activities";

/// Left out of lists, since they may be long.
const HEAVY: &[&str] = &["description", "summary_polyline"];

/// A microsecond day, the widest that local time and UTC can be apart.
const DAY_US: i64 = 86_400_000_000;

const FASTEST_PACE: Column = pace(
    "fastest_pace_s_per_km",
    "Best effort over 1000 m; null without one.",
);

/// Which activities to list. Bounds are inclusive.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only these sports, as the column has them; empty: any.
    pub sports: Vec<String>,
    /// Only from this local day on.
    pub from: Option<Date>,
    /// Only until this local day.
    pub to: Option<Date>,
    /// Only where the name holds this text, in any case.
    pub text: Option<String>,
    /// Only at least this long.
    pub min_distance_m: Option<f64>,
    /// Only at most this long.
    pub max_distance_m: Option<f64>,
}

/// The rows of [`list`]: all columns but the long ones, and the fastest pace.
pub fn list_shape() -> Shape {
    Shape::without("ActivitySummary", &ACTIVITIES, HEAVY).with(FASTEST_PACE)
}

/// The row of [`one`]: all columns, and the fastest pace.
pub fn one_shape() -> Shape {
    Shape::without("Activity", &ACTIVITIES, &[]).with(FASTEST_PACE)
}

/// One athlete's activities, newest first: at most `limit` behind `after`.
///
/// # Errors
/// [`Error::InvalidArgument`] for an unknown sport or a cursor of another
/// list, and the session's.
pub async fn list(
    session: &Session,
    athlete: AthleteId,
    filter: &Filter,
    after: Option<&Cursor>,
    limit: usize,
) -> Result<Page, Error> {
    let mut wanted = is_athlete(athlete);
    let sports = filter.sports.iter().map(|name| sport(name, false));
    if let Some(any) = sports
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .reduce(Expr::or)
    {
        wanted = wanted.and(any);
    }
    // The bounds on `start_time` add nothing but let files be passed over.
    if let Some(from) = filter.from {
        let us = i64::from(super::days(from)) * DAY_US;
        wanted = wanted
            .and(col("start_date_local").gt_eq(day(from)))
            .and(col("start_time").gt_eq(instant(us - DAY_US)));
    }
    if let Some(to) = filter.to {
        let us = i64::from(super::days(to)) * DAY_US;
        wanted = wanted
            .and(col("start_date_local").lt_eq(day(to)))
            .and(col("start_time").lt(instant(us + 2 * DAY_US)));
    }
    if let Some(text) = &filter.text {
        let place = strpos(lower(col("name")), lit(text.to_lowercase()));
        wanted = wanted.and(place.gt(lit(0)));
    }
    if let Some(metres) = filter.min_distance_m {
        wanted = wanted.and(col("distance_m").gt_eq(lit(metres)));
    }
    if let Some(metres) = filter.max_distance_m {
        wanted = wanted.and(col("distance_m").lt_eq(lit(metres)));
    }
    if let Some(after) = after {
        let id: i64 = after.tie.parse().map_err(|_| foreign_cursor(after))?;
        let earlier = col("start_time").lt(instant(after.at));
        let same = col("start_time").eq(instant(after.at));
        wanted = wanted
            .and(col("start_time").lt_eq(instant(after.at)))
            .and(earlier.or(same.and(col("activity_id").lt(lit(id)))));
    }
    let shape = list_shape();
    let newest_first = vec![
        col("start_time").sort(false, false),
        col("activity_id").sort(false, false),
    ];
    let stored = stored_columns(&shape);
    let plan = |table: DataFrame| {
        table
            .filter(wanted)?
            .select_columns(&stored)?
            .sort(newest_first)?
            .limit(0, Some(limit.saturating_add(1)))
    };
    let rows = session.read_table(WHAT, plan).await?;
    let (rows, last) = cut(rows, limit)?;
    let rows = with_fastest_pace(session, athlete, rows).await?;
    let next = last.map(|row| Cursor {
        at: first_start(&row),
        tie: row["activity_id"]
            .as_primitive::<Int64Type>()
            .value(0)
            .to_string(),
    });
    Ok(Page {
        rows: shape.give(rows)?,
        next,
    })
}

/// One activity: one row, or none where the key is not in the lake.
///
/// # Errors
/// The session's.
pub async fn one(session: &Session, key: ActivityKey) -> Result<Rows, Error> {
    let shape = one_shape();
    let stored = stored_columns(&shape);
    let rows = rows_of(session, WHAT, Some(&stored), &[key]).await?;
    let (rows, _) = cut(rows, 1)?;
    shape.give(with_fastest_pace(session, key.athlete_id, rows).await?)
}

/// Where an activity of the athlete lies at the session's snapshot, and in which
/// revision; `None` where it is not there, or is another's.
///
/// The catalog points to where it lies today; an older snapshot may have it
/// with another start, and may have one that was merged into another since.
///
/// # Errors
/// The session's.
pub async fn find(
    session: &Session,
    athlete: AthleteId,
    activity_id: ActivityId,
) -> Result<Option<Pointer>, Error> {
    let wanted = is_athlete(athlete).and(col("activity_id").eq(lit(activity_id.0)));
    let plan = |table: DataFrame| {
        table
            .filter(wanted)?
            .select_columns(&["start_time", "revision"])
    };
    let rows = session.read_table(WHAT, plan).await?;
    let found = rows.batches.iter().find(|batch| batch.num_rows() > 0);
    Ok(found.map(|batch| Pointer {
        key: ActivityKey {
            athlete_id: athlete,
            start_time_us: first_start(batch),
            activity_id,
        },
        revision: batch["revision"].as_primitive::<Int64Type>().value(0),
    }))
}

/// When and where in time an activity was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its first sample in UTC, microseconds since 1970.
    pub start_us: i64,
    /// Its last sample.
    pub end_us: i64,
    /// How far its clocks were ahead of UTC.
    pub utc_offset_s: i32,
    /// How many samples it has.
    pub samples: i32,
}

/// When an activity was; `None` where it is not there.
///
/// # Errors
/// The session's.
pub async fn span(session: &Session, key: ActivityKey) -> Result<Option<Span>, Error> {
    let columns = ["start_time", "elapsed_s", "utc_offset_s", "samples"];
    let rows = rows_of(session, WHAT, Some(&columns), &[key]).await?;
    let found = rows.batches.iter().find(|batch| batch.num_rows() > 0);
    Ok(found.map(|row| {
        let start_us = first_start(row);
        let elapsed_s = row["elapsed_s"].as_primitive::<Float64Type>().value(0);
        let whole = |name: &str| row[name].as_primitive::<Int32Type>().value(0);
        Span {
            start_us,
            end_us: start_us + (elapsed_s * 1_000.0).round() as i64 * 1_000,
            utc_offset_s: whole("utc_offset_s"),
            samples: whole("samples"),
        }
    }))
}

fn stored_columns(shape: &Shape) -> Vec<&'static str> {
    let mut names = shape.names();
    names.retain(|name| ACTIVITIES.column(name).is_some());
    names
}

/// Adds the column [`FASTEST_PACE`]; `rows` are one batch.
///
/// Joined here, since a join of the whole tables would read all efforts of the
/// athlete where those of the page's activities do.
async fn with_fastest_pace(
    session: &Session,
    athlete: AthleteId,
    rows: Rows,
) -> Result<Rows, Error> {
    let mut paces: HashMap<i64, f64> = HashMap::new();
    let batch = &rows.batches[0];
    let ids = batch["activity_id"].as_primitive::<Int64Type>();
    if batch.num_rows() > 0 {
        let starts = batch["start_time"].as_primitive::<TimestampMicrosecondType>();
        let key = |(id, start): (&i64, &i64)| ActivityKey {
            athlete_id: athlete,
            start_time_us: *start,
            activity_id: ActivityId(*id),
        };
        let keys: Vec<_> = ids.values().iter().zip(starts.values()).map(key).collect();
        let columns = ["activity_id", "distance_m", "elapsed_s"];
        let efforts = rows_of(session, "best_efforts", Some(&columns), &keys).await?;
        for efforts in efforts.batches {
            let ids = efforts["activity_id"].as_primitive::<Int64Type>().values();
            let distances = efforts["distance_m"].as_primitive::<Float64Type>().values();
            let times = efforts["elapsed_s"].as_primitive::<Float64Type>().values();
            // Over one kilometre the time in seconds is the pace.
            let efforts = ids.iter().zip(distances).zip(times);
            let kilometres = efforts.filter(|((_, distance), _)| **distance == 1_000.0);
            paces.extend(kilometres.map(|((id, _), time)| (*id, *time)));
        }
    }
    let column: Float64Array = ids
        .values()
        .iter()
        .map(|id| paces.get(id).copied())
        .collect();
    append(rows, FASTEST_PACE.name, Arc::new(column))
}

fn first_start(batch: &RecordBatch) -> i64 {
    batch["start_time"]
        .as_primitive::<TimestampMicrosecondType>()
        .value(0)
}

fn foreign_cursor(cursor: &Cursor) -> Error {
    Error::InvalidArgument {
        name: "after",
        value: cursor.to_string(),
        reason: "it is the `next` of the page before".to_owned(),
    }
}
