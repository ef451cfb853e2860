//! `pacelake recompute`.

use std::process::ExitCode;

use storage::Code;

use super::{Ending, Rim, boxed};
use crate::args::Recompute;
use crate::output::say;

/// Computes stale derived tables again, or all of them.
pub async fn run(rim: &Rim, args: &Recompute) -> Ending {
    let context = rim.context().await.map_err(boxed)?;
    let options = jobs::recompute::Options {
        full: args.full,
        only: args.only.clone(),
        since: args.since,
    };
    let done = jobs::recompute::recompute(&context, &options)
        .await
        .map_err(boxed)?;
    say!(
        "{} activities looked at, {} computed, {} changed; {} athletes changed",
        done.looked_at,
        done.computed,
        done.changed,
        done.athletes_changed
    );
    Ok(if done.interrupted {
        ExitCode::from(Code::Interrupted.row().exit_code)
    } else {
        ExitCode::SUCCESS
    })
}
