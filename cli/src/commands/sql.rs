//! `pacelake sql`.

use std::process::ExitCode;

use query::session::{Limits, Session};

use super::{Ending, Rim, boxed, view};
use crate::args::Sql;
use crate::output;

/// Runs one statement that reads, and prints its rows.
pub async fn run(rim: &Rim, args: &Sql) -> Ending {
    let context = rim.context().await.map_err(boxed)?;
    let view = view(&context, args.past).await.map_err(boxed)?;
    let limits = Limits {
        rows: args.max_rows,
        ..Limits::default()
    };
    let session = Session::open(&view, limits).await.map_err(boxed)?;
    let rows = query::sql::query(&session, &args.query)
        .await
        .map_err(boxed)?;
    output::rows(&rows, args.format)?;
    Ok(ExitCode::SUCCESS)
}
