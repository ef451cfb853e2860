//! Pacelake's side of a simulated Strava.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jobs::Context;
use jobs::progress::{Silent, Stop};
use jobs::strava::{App, Config, Retention, RevokeStyle, Secret, Service};
use pacelake_strava_sim::Simulator;
use storage::Storage;
use storage::seal::Keys;

/// How a pacelake that browsers reach at `base` speaks to the simulated Strava;
/// what comes from there may stay.
pub fn config(sim: &Simulator, base: &str) -> Config {
    let app = sim.app();
    Config {
        app: App {
            client_id: app.client_id,
            client_secret: Secret::new(app.client_secret),
            oauth_url: format!("{}/oauth", sim.url()).parse().unwrap(),
            api_url: sim.api_url().parse().unwrap(),
            revoke: RevokeStyle::Revoke,
        },
        verify_token: None,
        retention: Retention::Owner,
        public_url: base.parse().unwrap(),
        keys: Keys::parse(&Keys::generate().unwrap()).unwrap(),
        poll_every: Duration::from_secs(3600),
    }
}

/// What speaks to it for an installation, by this clock.
pub fn service(storage: Storage, config: Config, now: fn() -> Timestamp) -> Service {
    let context = Context {
        storage,
        now,
        progress: Arc::new(Silent),
        stop: Stop::default(),
    };
    Service::new(context, config).unwrap()
}
