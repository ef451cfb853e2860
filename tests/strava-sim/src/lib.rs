//! A Strava to test against: a real HTTP server that behaves as the real one is
//! known to, with its clock, its faults and its athletes under control.
//!
//! Begin at [`Simulator::start`]. OAuth is at `{url}/oauth/…`, the API at
//! `{url}/api/v3/…`, and the control at `{url}/_control/…` or, in the same
//! process, at [`Simulator::control`]. Nothing here shares code with what speaks
//! to Strava, so that each judges the other; recordings are decoded by pacelake's
//! decoders, and everything after that is the simulator's own.
//!
//! What it does is said point by point in `README.md`, with what is known and
//! what is inferred.

// `json!` takes a step for each member of an object, and summaries have many.
#![recursion_limit = "256"]

mod access;
mod activity;
mod api;
mod athlete;
mod clock;
mod control;
mod control_api;
mod error;
mod events;
mod faults;
mod gate;
mod grants;
mod inputs;
mod limits;
mod line;
mod local;
mod measure;
mod oauth;
mod problem;
mod random;
mod splits;
mod sports;
mod strava;
mod subscription;
mod switches;
mod tell;
mod track;
mod world;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::routing::{delete, get, post};
use axum::{Router, middleware};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub use clock::{Clock, Course};
pub use control::{Control, Tally, recording_of};
pub use error::Error;
pub use events::{Delivery, Event, Fate};
pub use faults::{EventFaultKind, EventFaultRule, FaultKind, FaultRule};
pub use grants::Connection;
pub use inputs::{
    Crop, Details, Edit, Generated, Lag, Manual, NewAthlete, PrivacyZone, Visibility,
};
pub use limits::Calls;
pub use subscription::Subscription;
pub use switches::{AthleteLimit, NextAuthorization, Switches};
pub use world::{App, Request};

use crate::strava::Strava;

/// How a simulator starts.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// Address and port; port 0 takes a free one.
    pub listen: &'a str,
    /// Where its time comes from.
    pub clock: Clock,
    /// Chooses its codes, tokens and ids.
    pub seed: u64,
    /// Where an app may be called back, beside `localhost` and `127.0.0.1`.
    pub callback_domain: &'a str,
    /// How long a callback may take to answer, by the machine's clock.
    pub deadline: Duration,
    /// How long to wait before an event is sent again, by the machine's clock.
    pub between_attempts: Duration,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:0",
            clock: Clock::Real,
            seed: 1,
            callback_domain: "localhost",
            deadline: Duration::from_secs(2),
            between_attempts: Duration::from_secs(1),
        }
    }
}

/// A running simulator; dropping it ends it.
#[derive(Debug)]
pub struct Simulator {
    strava: Arc<Strava>,
    address: SocketAddr,
    server: JoinHandle<std::io::Result<()>>,
}

impl Simulator {
    /// Starts a simulator, within a tokio runtime.
    ///
    /// # Errors
    /// [`Error::Listen`] where the address cannot be had, [`Error::Client`]
    /// where no HTTP client can be made.
    pub async fn start(options: Options<'_>) -> Result<Self, Error> {
        let strava = Strava::new(&options)?;
        let failed = |source| Error::Listen {
            address: options.listen.to_owned(),
            source,
        };
        let listener = TcpListener::bind(options.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let service = router(&strava).into_make_service_with_connect_info::<line::Cut>();
        let server = axum::serve(line::Lines(listener), service);
        let server = tokio::spawn(async move { server.await });
        Ok(Self {
            strava,
            address,
            server,
        })
    }

    /// Where it listens, such as `http://127.0.0.1:1234`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The base of the API that is in force: another one under the contract of
    /// 2027.
    pub fn api_url(&self) -> String {
        let base = match self.strava.world().switches.contract_2027 {
            true => gate::API_2027,
            false => gate::API,
        };
        self.url() + base
    }

    /// The app that it knows.
    pub fn app(&self) -> App {
        self.strava.world().app.clone()
    }

    /// What makes things happen in it.
    pub fn control(&self) -> Control {
        Control {
            strava: Arc::clone(&self.strava),
        }
    }

    /// Returns when the server ends, which it does not by itself.
    ///
    /// # Errors
    /// [`Error::Serve`].
    pub async fn ended(&mut self) -> Result<(), Error> {
        let ended = (&mut self.server).await;
        let ended = ended.unwrap_or_else(|panic| Err(std::io::Error::other(panic)));
        ended.map_err(|source| Error::Serve { source })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn router(strava: &Arc<Strava>) -> Router {
    let api = Router::new()
        .route("/oauth/token", post(oauth::token))
        .route("/athlete", get(api::athlete))
        .route("/athlete/activities", get(api::list))
        .route("/activities/{id}", get(api::activity))
        .route("/activities/{id}/streams", get(api::streams))
        .route("/activities/{id}/laps", get(api::laps))
        .route("/athletes/{id}/stats", get(api::stats))
        .route(
            "/push_subscriptions",
            get(subscription::list).post(subscription::create),
        )
        .route("/push_subscriptions/{id}", delete(subscription::delete));
    Router::new()
        .route("/oauth/authorize", get(oauth::show).post(oauth::answer))
        .route("/oauth/mobile/authorize", get(oauth::show))
        .route("/oauth/token", post(oauth::token))
        .route("/oauth/deauthorize", post(oauth::deauthorize))
        .route("/oauth/revoke", post(oauth::revoke))
        .nest(gate::API, api.clone())
        .nest(gate::API_2027, api)
        .nest("/_control", control_api::routes())
        .fallback(api::nothing)
        .layer(middleware::from_fn_with_state(
            Arc::clone(strava),
            gate::pass,
        ))
        .with_state(Arc::clone(strava))
}
