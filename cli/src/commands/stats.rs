//! `pacelake stats`.

use std::process::ExitCode;

use query::read::stats::{Filter, list};

use super::{Ending, Rim, boxed};
use crate::args::{Format, Period, Stats};
use crate::output;

/// What people see; the other formats have all columns.
const HIDDEN: &[&str] = &["athlete_id", "period"];

/// Prints totals by period.
pub async fn run(rim: &Rim, args: &Stats) -> Ending {
    let reading = rim.reading().await?;
    let period = match args.by {
        Period::Year => "year",
        Period::Month => "month",
        Period::Week => "week",
        Period::Day => "day",
    };
    let filter = Filter {
        by: period.to_owned(),
        sport: args.sport.clone(),
    };
    let rows = list(&reading.session, reading.athlete.athlete_id, &filter)
        .await
        .map_err(boxed)?;
    let rows = match args.format {
        Format::Table => output::without(&rows, HIDDEN),
        _ => rows,
    };
    output::rows(&rows, args.format)?;
    Ok(ExitCode::SUCCESS)
}
