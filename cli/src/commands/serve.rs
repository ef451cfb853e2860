//! `pacelake serve`.

use std::net::SocketAddr;
use std::process::ExitCode;

use super::{Ending, Rim, boxed};
use crate::args::Serve;
use crate::output::say;

/// Exit code of an address that means nothing.
const WRONG_USAGE: u8 = 2;

/// Serves the HTTP API until Ctrl-C.
pub async fn run(rim: &Rim, args: &Serve) -> Ending {
    let listen = args.listen.as_ref().unwrap_or(&rim.settings.listen);
    let address: SocketAddr = match listen.parse() {
        Ok(address) => address,
        Err(_) => {
            eprintln!("error[invalid_argument]: `{listen}` is no address\n  try: 127.0.0.1:8080");
            return Ok(ExitCode::from(WRONG_USAGE));
        }
    };
    if !address.ip().is_loopback() {
        eprintln!(
            "error[invalid_argument]: `{listen}` is not a loopback address\n  try: 127.0.0.1 or \
             [::1]; there are no accounts yet, so everyone who reaches it would see everything"
        );
        return Ok(ExitCode::from(WRONG_USAGE));
    }
    let context = rim.context().await.map_err(boxed)?;
    let athlete = context.athlete(rim.athlete).await.map_err(boxed)?;
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
    say!(
        "pacelake serves athlete {} on http://{address}\n\
         loopback only, without accounts; Ctrl-C ends it",
        athlete.athlete_id
    );
    let limits = rim.settings.server_limits();
    let state = api::State::new(context.storage.clone(), limits)
        .map_err(|error| boxed(api::ServeError::Listen(error)))?
        .acting_as(athlete.athlete_id)
        .watching(crate::memory::in_use);
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
    let (ended, (), ()) = tokio::join!(serve, jobs::derive::keep_fresh(context.clone()), maintain);
    ended.map_err(boxed)?;
    Ok(ExitCode::SUCCESS)
}
