//! An athlete's best efforts, ranked.

use std::sync::Arc;

use arrow::array::{AsArray, Float64Array, RecordBatch};
use arrow::datatypes::Float64Type;
use datafusion::common::DataFusionError;
use datafusion::logical_expr::Expr;
use datafusion::prelude::{DataFrame, col, lit};
use jiff::civil::Date;
use storage::AthleteId;
use storage::table::Column;

use super::{Shape, append, days, is_athlete, one_of, pace, sport};
use crate::athlete_tables::athlete_tables;
use crate::derived::best_effort_ranks::RANKS_TABLE;
use crate::error::Error;
use crate::session::{Rows, Session};

/// The windows that efforts are ranked in.
pub const WINDOWS: &[&str] = &["all", "2y", "1y", "3m"];

/// How many ranks there are at most of each sport, distance and window.
pub const MAX_RANKS: usize = 100;

const PACE: Column = pace("pace_s_per_km", "Time over distance.");

/// Which ranks to read.
#[derive(Clone, Debug)]
pub struct Filter {
    /// Only this sport, as the column has it.
    pub sport: Option<String>,
    /// Only this distance.
    pub distance_m: Option<f64>,
    /// One of [`WINDOWS`].
    pub window: String,
    /// The local day on which the window ends; `None`: the day that the table
    /// was last brought up to.
    pub as_of: Option<Date>,
    /// How many ranks of each sport and distance, from the first.
    pub ranks: usize,
}

impl Default for Filter {
    /// The first ten of all time.
    fn default() -> Self {
        Self {
            sport: None,
            distance_m: None,
            window: "all".to_owned(),
            as_of: None,
            ranks: 10,
        }
    }
}

/// The rows of [`best`]: the table's columns, and the pace.
pub fn shape() -> Shape {
    Shape::without("RankedEffort", &RANKS_TABLE, &[]).with(PACE)
}

/// One athlete's best efforts by sport, distance and rank.
///
/// Ranks of another day than the table's are computed by the table's own SQL.
///
/// # Errors
/// [`Error::InvalidArgument`] for an unknown sport or window, and the
/// session's.
pub async fn best(session: &Session, athlete: AthleteId, filter: &Filter) -> Result<Rows, Error> {
    let wanted = wanted(athlete, filter)?;
    let build = |table: DataFrame| -> Result<DataFrame, DataFusionError> {
        table.filter(wanted)?.sort(vec![
            col("sport").sort(true, false),
            col("distance_m").sort(true, false),
            col("rank").sort(true, false),
        ])
    };
    let name = RANKS_TABLE.name;
    let rows = match filter.as_of {
        None => session.read_table(name, build).await?,
        Some(day) => {
            let computed = athlete_tables(session.context(), &[(athlete, days(day))]).await?;
            let mut ranks = computed.tables.get(name).cloned().unwrap_or_default();
            // A frame needs a batch to have columns.
            ranks.push(RecordBatch::new_empty(RANKS_TABLE.schema()));
            let of_read = |error| Error::of_read(name, error);
            let frame = session
                .context()
                .read_batches(ranks)
                .and_then(build)
                .map_err(of_read)?;
            session
                .collect(frame.into_unoptimized_plan(), of_read)
                .await?
        }
    };
    let (rows, _) = super::cut(rows, usize::MAX)?;
    let batch = &rows.batches[0];
    let times = batch["elapsed_s"].as_primitive::<Float64Type>();
    let lengths = batch["distance_m"].as_primitive::<Float64Type>();
    // Stored times are whole milliseconds: the one rounding is the division's.
    let pace = |(s, m): (&f64, &f64)| (s * 1000.0).round() / m;
    let paces = times.values().iter().zip(lengths.values()).map(pace);
    let paces = Arc::new(Float64Array::from_iter_values(paces));
    shape().give(append(rows, PACE.name, paces)?)
}

fn wanted(athlete: AthleteId, filter: &Filter) -> Result<Expr, Error> {
    if !WINDOWS.contains(&filter.window.as_str()) {
        return Err(one_of("window", &filter.window, WINDOWS));
    }
    // More than there are is as good as all.
    let ranks = i32::try_from(filter.ranks).unwrap_or(i32::MAX);
    let mut wanted = is_athlete(athlete)
        .and(col("time_window").eq(lit(filter.window.as_str())))
        .and(col("rank").lt_eq(lit(ranks)));
    if let Some(name) = &filter.sport {
        wanted = wanted.and(sport(name, false)?);
    }
    if let Some(metres) = filter.distance_m {
        wanted = wanted.and(col("distance_m").eq(lit(metres)));
    }
    Ok(wanted)
}
