//! `pacelake best`.

use std::process::ExitCode;

use query::read::ranks::{Filter, best};
use query::read::refused::better;

use super::{Ending, Rim, boxed};
use crate::args::{Best, Format};
use crate::output;

/// What people see; the other formats have all columns.
const SHOWN: &[&str] = &[
    "sport",
    "distance_m",
    "rank",
    "elapsed_s",
    "pace_s_per_km",
    "start_date_local",
    "activity_id",
];
/// How many ranks of one distance are shown where none is asked for.
const RANKS_OF_ONE: u32 = 10;

/// Prints the fastest efforts.
pub async fn run(rim: &Rim, args: &Best) -> Ending {
    let reading = rim.reading(args.past).await?;
    let today = reading.context.today(&reading.athlete);
    let limit = args.limit.unwrap_or(if args.distance.is_some() {
        RANKS_OF_ONE
    } else {
        1
    });
    let leaves = args.window != "all" && reading.past.at.is_none();
    let filter = Filter {
        sport: args.sport.clone(),
        distance_m: args.distance,
        window: args.window.clone(),
        // Efforts leave a window with the days, though nothing is imported. Of
        // the past the table says how it was.
        as_of: args.as_of.or(leaves.then_some(today)),
        ranks: limit as usize,
    };
    let athlete = reading.athlete.athlete_id;
    let rows = best(&reading.session, athlete, &filter)
        .await
        .map_err(boxed)?;
    let shown = match args.format {
        Format::Table => output::columns(&rows, SHOWN),
        _ => rows.clone(),
    };
    output::rows(&shown, args.format)?;
    if args.format == Format::Table {
        let better = better(&reading.session, athlete, &filter, &rows).await;
        for one in better.map_err(boxed)? {
            eprintln!(
                "{} {} m in {} s was refused; `pacelake show {}` says why",
                one.sport, one.distance_m, one.elapsed_s, one.activity_id
            );
        }
    }
    Ok(ExitCode::SUCCESS)
}
