//! `pacelake worker`.

use std::process::ExitCode;

use jobs::Error;
use jobs::strava::worker;

use super::{Ending, Rim, boxed, serve};
use crate::args::Worker;
use crate::output::say;

/// Runs jobs until Ctrl-C.
pub async fn run(rim: &Rim, args: &Worker) -> Ending {
    let address = format!("http://{}", rim.settings.listen);
    let config = rim.settings.strava(&address).map_err(boxed)?;
    let config = config.ok_or_else(|| {
        boxed(Error::StravaNotConfigured {
            missing: "PACELAKE_STRAVA_CLIENT_ID is not set, and there are no other jobs".to_owned(),
        })
    })?;
    let context = rim.context().await.map_err(boxed)?;
    let service = serve::strava(&context, config)?;
    let at_once = args.at_once.unwrap_or(rim.settings.workers).max(1);
    say!("pacelake runs up to {at_once} jobs at once; Ctrl-C ends it");
    worker::run(&service, at_once, context.stop.clone())
        .await
        .map_err(boxed)?;
    Ok(ExitCode::SUCCESS)
}
