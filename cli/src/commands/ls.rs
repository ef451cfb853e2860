//! `pacelake ls`.

use std::process::ExitCode;

use query::read::activities::{Filter, list};

use super::{Ending, Rim, boxed};
use crate::args::{Format, Ls};
use crate::output;

/// What people see; the other formats have all columns.
const SHOWN: &[&str] = &[
    "activity_id",
    "start_time_local",
    "sport_detail",
    "name",
    "distance_m",
    "elapsed_s",
    "moving_s",
    "climb_m",
    "avg_heart_rate_bpm",
    "fastest_pace_s_per_km",
];

/// Prints activities, newest first.
pub async fn run(rim: &Rim, args: &Ls) -> Ending {
    let reading = rim.reading(args.past).await?;
    let filter = Filter {
        sports: args.sport.iter().cloned().collect(),
        from: args.from,
        to: args.to,
        text: args.name.clone(),
        min_distance_m: args.min_distance,
        max_distance_m: args.max_distance,
    };
    let page = list(
        &reading.session,
        reading.athlete.athlete_id,
        &filter,
        None,
        args.limit as usize,
    )
    .await
    .map_err(boxed)?;
    let rows = match args.format {
        Format::Table => output::columns(&page.rows, SHOWN),
        _ => page.rows,
    };
    output::rows(&rows, args.format)?;
    if page.next.is_some() {
        eprintln!("there are more; raise --limit, or narrow with --from and --to");
    }
    Ok(ExitCode::SUCCESS)
}
