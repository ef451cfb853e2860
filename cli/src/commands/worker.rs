//! `pacelake worker`.

use std::process::ExitCode;

use api::{ServeError, State};
use jobs::Context;
use jobs::strava::{Service, worker};
use tokio::net::TcpListener;

use super::{Ending, Rim, boxed, serve};
use crate::args::Worker;
use crate::output::say;

/// Runs jobs until Ctrl-C: of Strava, where it is set up, and an admin's.
pub async fn run(rim: &Rim, args: &Worker) -> Ending {
    let address = format!("http://{}", rim.settings.listen);
    let config = rim.settings.strava(&address).map_err(boxed)?;
    let context = rim.context().await.map_err(boxed)?;
    let service = match config {
        Some(config) => Some(serve::strava(&context, config)?),
        None => None,
    };
    let telling = match &args.listen {
        Some(listen) => Some(listening(rim, &context, service.as_ref(), listen).await?),
        None => None,
    };
    let at_once = args.at_once.unwrap_or(rim.settings.workers).max(1);
    say!("pacelake runs up to {at_once} jobs at once; Ctrl-C ends it");
    let stop = &context.stop;
    let work = async {
        let ended = match &service {
            Some(service) => worker::run(service, at_once, stop.clone()).await,
            None => Ok(()),
        };
        // A worker that cannot begin is none.
        if ended.is_err() {
            stop.ask();
        }
        ended
    };
    let quiet = serve::silent(&context);
    let chores = jobs::chores::run(&quiet, stop.clone());
    let (worked, ()) = tokio::join!(work, chores);
    worked.map_err(boxed)?;
    if let Some(telling) = telling {
        telling
            .await
            .map_err(|error| boxed(jobs::Error::from(error)))??;
    }
    Ok(ExitCode::SUCCESS)
}

type Telling = tokio::task::JoinHandle<Result<(), Box<dyn storage::Failure + Send + Sync>>>;

/// Tells how the worker is, on an address of its own.
async fn listening(
    rim: &Rim,
    context: &Context,
    service: Option<&Service>,
    listen: &str,
) -> Result<Telling, Box<dyn storage::Failure + Send + Sync>> {
    let listen_failed = |error| boxed(ServeError::Listen(error));
    let listener = TcpListener::bind(listen).await.map_err(listen_failed)?;
    let address = listener.local_addr().map_err(listen_failed)?;
    let mut state =
        State::new(context.storage.clone(), rim.settings.server_limits()).map_err(listen_failed)?;
    if let Some(telling) = crate::metrics::keep() {
        state = state.telling(telling);
    }
    if let Some(service) = service {
        state = state.with_strava(service.clone());
    }
    say!("how it is: http://{address}/api/ready, http://{address}/metrics");
    let stop = context.stop.clone();
    let serving = async move {
        let stopped = async move { stop.wait().await };
        api::serve_side(listener, state, stopped)
            .await
            .map_err(boxed)
    };
    Ok(tokio::spawn(serving))
}
