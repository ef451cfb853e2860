//! `pacelake worker`.

use std::process::ExitCode;

use api::{ServeError, State};
use jobs::Context;
use jobs::strava::{Service, worker};
use storage::Failure;
use tokio::net::TcpListener;

use super::{Ending, Rim, boxed, serve};
use crate::args::Worker;
use crate::output::say;

/// Runs jobs until it is told to end: of Strava, where it is set up, and an admin's.
pub async fn run(rim: &Rim, args: &Worker) -> Ending {
    let address = format!("http://{}", rim.settings.listen);
    let config = rim.settings.strava(&address).map_err(boxed)?;
    let context = rim.context().await.map_err(boxed)?;
    let service = match config {
        Some(config) => Some(serve::strava(&context, config)?),
        None => None,
    };
    let side = match &args.listen {
        Some(listen) => Some(side(rim, &context, service.as_ref(), listen).await?),
        None => None,
    };
    let at_once = args.at_once.unwrap_or(rim.settings.workers).max(1);
    match &service {
        Some(_) => say!("pacelake runs up to {at_once} jobs at once; Ctrl-C ends it"),
        None => say!("pacelake runs an admin's jobs, one at a time; Ctrl-C ends it"),
    }
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
    let tell = async {
        let Some((listener, state)) = side else {
            return Ok(());
        };
        let stopped = stop.clone();
        let stopped = async move { stopped.wait().await };
        let ended = api::serve_side(listener, state, stopped).await;
        // Nor is one that nobody can ask how it is, where somebody wants to.
        if ended.is_err() {
            stop.ask();
        }
        ended
    };
    let quiet = serve::silent(&context);
    let chores = jobs::chores::run(&quiet, stop.clone());
    let (worked, told, ()) = tokio::join!(work, tell, chores);
    worked.map_err(boxed)?;
    told.map_err(boxed)?;
    Ok(ExitCode::SUCCESS)
}

/// Where the worker tells how it is, and what of.
async fn side(
    rim: &Rim,
    context: &Context,
    service: Option<&Service>,
    listen: &str,
) -> Result<(TcpListener, State), Box<dyn Failure + Send + Sync>> {
    let listen_failed = |error| boxed(ServeError::Listen(error));
    let listener = TcpListener::bind(listen).await.map_err(listen_failed)?;
    let mut state =
        State::new(context.storage.clone(), rim.settings.server_limits()).map_err(listen_failed)?;
    api::check_address(&listener, &state).await.map_err(boxed)?;
    if let Some(telling) = crate::metrics::keep() {
        state = state.telling(telling);
    }
    if let Some(service) = service {
        state = state.with_strava(service.clone());
    }
    if let Some(public) = rim.settings.public_url().map_err(boxed)? {
        state = state.reached_at(public);
    }
    let address = listener.local_addr().map_err(listen_failed)?;
    say!("how it is: http://{address}/api/ready, http://{address}/metrics");
    Ok((listener, state))
}
