//! Strava: connecting, what comes from it, what it announces.

pub mod connection;
pub mod live;
pub mod sign_in;
pub mod webhook;

use jobs::strava::Service;
use jobs::strava::events::Mailbox;
use storage::Code;

use crate::problem::Problem;
use crate::state::State;

/// Strava, where the server is set up for it.
#[derive(Clone)]
pub struct Strava {
    /// Who speaks to it.
    pub service: Service,
    /// Who takes its events in.
    pub mailbox: Mailbox,
}

impl State {
    /// The same, where athletes can connect to Strava. Within a tokio runtime.
    pub fn with_strava(mut self, service: Service) -> Self {
        let mailbox = Mailbox::open(service.clone());
        self.set_up().strava = Some(Strava { service, mailbox });
        self
    }

    /// Strava, where the server is set up for it.
    ///
    /// # Errors
    /// `strava_app` where it is not.
    pub(crate) fn strava(&self) -> Result<&Strava, Problem> {
        self.strava.as_ref().ok_or_else(|| {
            Problem::new(
                Code::StravaApp,
                "this server is not set up for Strava",
                "set PACELAKE_STRAVA_CLIENT_ID, PACELAKE_STRAVA_CLIENT_SECRET and \
                 PACELAKE_STRAVA_RETENTION; files and the account archive need none of them",
            )
        })
    }
}
