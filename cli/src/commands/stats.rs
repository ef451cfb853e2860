//! `pacelake stats`.

use std::process::ExitCode;

use query::read::stats::{Filter, list};
use query::session::Limits;

use super::{Ending, Rim, boxed};
use crate::args::{Format, Period, Stats};
use crate::output;

/// What people see; the other formats have all columns.
const HIDDEN: &[&str] = &["athlete_id", "period"];

/// Prints totals by period.
pub async fn run(rim: &Rim, args: &Stats) -> Ending {
    let reading = rim.reading(args.past).await?;
    let period = match args.by {
        Period::Year => "year",
        Period::Month => "month",
        Period::Week => "week",
        Period::Day => "day",
    };
    let filter = Filter {
        sport: args.sport.clone(),
        ..Filter::default()
    };
    let athlete = reading.athlete.athlete_id;
    let most = Limits::default().rows;
    let page = list(&reading.session, athlete, period, &filter, None, most)
        .await
        .map_err(boxed)?;
    let rows = match args.format {
        Format::Table => output::without(&page.rows, HIDDEN),
        _ => page.rows,
    };
    output::rows(&rows, args.format)?;
    Ok(ExitCode::SUCCESS)
}
