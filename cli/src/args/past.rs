//! Which state of the lake a reading command reads.

use clap::Args;
use storage::{Failure, Moment};

/// What every reading command takes.
#[derive(Clone, Copy, Debug, Args)]
pub struct Past {
    /// The lake as it was: a snapshot's number, a time such as 2026-03-01T12:00:00Z, or a day, which
    /// means its end in UTC [default: as it is]
    #[arg(long, value_name = "SNAPSHOT|TIME", value_parser = moment)]
    pub at: Option<Moment>,
}

/// Reads a state of the lake, as people name it.
pub(super) fn moment(text: &str) -> Result<Moment, String> {
    text.parse::<Moment>()
        .map_err(|error| format!("{error}; {}", error.try_next()))
}
