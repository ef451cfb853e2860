//! `pacelake serve`.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use api::PublicUrl;
use jiff::Timestamp;
use jobs::Context;
use jobs::progress::Silent;
use jobs::strava::{Config, Service, worker};
use storage::catalog::{Catalog, LinkWish};
use storage::{AthleteId, Failure};

use super::{Ending, Rim, boxed};
use crate::args::Serve;
use crate::output::say;

/// Exit code of an address that means nothing.
const WRONG_USAGE: u8 = 2;

/// Serves the HTTP API until it is told to end.
pub async fn run(rim: &Rim, args: &Serve) -> Ending {
    let listen = args.listen.as_ref().unwrap_or(&rim.settings.listen);
    let address: SocketAddr = match listen.parse() {
        Ok(address) => address,
        Err(_) => {
            eprintln!("error[invalid_argument]: `{listen}` is no address\n  try: 127.0.0.1:8080");
            return Ok(ExitCode::from(WRONG_USAGE));
        }
    };
    let public = rim.settings.public_url().map_err(boxed)?;
    let context = rim.context().await.map_err(boxed)?;
    let catalog = &context.storage.catalog;
    let has_accounts = catalog.has_accounts().await.map_err(boxed)?;
    if !address.ip().is_loopback() && !has_accounts {
        eprintln!(
            "error[invalid_argument]: `{listen}` is not a loopback address\n  try: 127.0.0.1 or \
             [::1]; there are no accounts yet, so everyone who reaches it would see everything"
        );
        return Ok(ExitCode::from(WRONG_USAGE));
    }
    // Whoever signs in acts for their own athlete.
    let athlete = match has_accounts {
        true => None,
        false => {
            let athlete = context.athlete(rim.athlete).await.map_err(boxed)?;
            Some(athlete.athlete_id)
        }
    };
    let listener = match tokio::net::TcpListener::bind(address).await {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!(
                "error[unreadable_path]: {address} cannot be listened on: {error}\n  try: another --listen address"
            );
            return Ok(ExitCode::FAILURE);
        }
    };
    // Port 0 means any: say which it became.
    let address = listener.local_addr().unwrap_or(address);
    // Before anybody is welcomed: a server that ends has no link to give.
    let config = rim.settings.strava(&format!("http://{address}"));
    let strava = match config.map_err(boxed)? {
        Some(config) => Some(strava(&context, config)?),
        None => None,
    };
    match athlete {
        None => say!("pacelake serves whoever signs in on http://{address}\nCtrl-C ends it"),
        Some(athlete_id) => {
            let welcome = welcome(catalog, athlete_id, address, public.as_ref());
            say!("{}", welcome.await.map_err(boxed)?);
        }
    }
    let limits = rim.settings.server_limits();
    let mut state = api::State::new(context.storage.clone(), limits)
        .map_err(|error| boxed(api::ServeError::Listen(error)))?
        .watching(crate::memory::in_use);
    if let Some(telling) = crate::metrics::keep() {
        state = state.telling(telling);
    }
    if let Some(athlete_id) = athlete {
        state = state.acting_as(athlete_id);
    }
    if let Some(service) = &strava {
        say!("connect to Strava at {}", service.page("/api/strava/auth"));
        state = state.with_strava(service.clone());
    }
    if let Some(public) = public {
        state = state.reached_at(public);
    }
    let stop = context.stop.clone();
    let stopped = async move {
        while !stop.asked() {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let serve = async {
        let ended = api::serve(listener, state, stopped).await;
        context.stop.ask();
        ended
    };
    let maintain = async {
        if rim.settings.maintain {
            let keep = std::time::Duration::from_secs(rim.settings.keep_snapshots_s);
            jobs::maintain::keep_in_order(context.clone(), keep).await;
        }
    };
    let chores = async {
        if rim.settings.workers > 0 {
            let quiet = silent(&context);
            jobs::chores::run(&quiet, context.stop.clone()).await;
        }
    };
    let work = async {
        let ended = match &strava {
            Some(service) if rim.settings.workers > 0 => {
                worker::run(service, rim.settings.workers, context.stop.clone()).await
            }
            Some(_) | None => Ok(()),
        };
        // A server whose workers cannot begin is no server.
        if ended.is_err() {
            context.stop.ask();
        }
        ended
    };
    let fresh = jobs::derive::keep_fresh(context.clone());
    let (ended, (), (), (), worked) = tokio::join!(serve, fresh, maintain, chores, work);
    ended.map_err(boxed)?;
    worked.map_err(boxed)?;
    Ok(ExitCode::SUCCESS)
}

/// Strava, as it is set up.
pub(super) fn strava(
    context: &Context,
    config: Config,
) -> Result<Service, Box<dyn Failure + Send + Sync>> {
    Service::new(silent(context), config).map_err(boxed)
}

/// The same context for work whose progress nobody at a terminal follows.
pub(super) fn silent(context: &Context) -> Context {
    Context {
        progress: Arc::new(Silent),
        ..context.clone()
    }
}

/// What is said while there are no accounts: whose data it is, who sees it,
/// and the one link that makes the first account.
async fn welcome(
    catalog: &Catalog,
    athlete_id: AthleteId,
    address: SocketAddr,
    public: Option<&PublicUrl>,
) -> Result<String, storage::Error> {
    let wish = LinkWish::FirstAccount {
        athlete_id: Some(athlete_id),
    };
    let now_us = Timestamp::now().as_microsecond();
    let (secret, _) = catalog.make_link(wish, None, now_us).await?;
    let here = format!("http://{address}");
    let (origin, who) = match public {
        Some(public) if !public.is_loopback() => {
            (public.origin(), "nobody is let in without an account")
        }
        Some(_) | None => (here.as_str(), "loopback only, without accounts"),
    };
    Ok(format!(
        "pacelake serves athlete {athlete_id} on {here}\n{who}; Ctrl-C ends it\n\
         for accounts, make the first within the hour: {origin}/setup?link={}",
        secret.reveal()
    ))
}
