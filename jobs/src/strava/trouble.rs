//! Why work for an athlete at Strava stops, and whether it waits or fails.

use ::strava::Verdict;
use jiff::{SignedDuration, Timestamp};
use storage::{AthleteId, Code};

use crate::error::Error;

/// Why a read of Strava came to nothing.
#[derive(Debug)]
pub enum Halt {
    /// The limits are used; nothing is wrong.
    Limited {
        /// When there is room again.
        until: Timestamp,
    },
    /// The athlete must connect anew; work for them waits until then.
    Degraded {
        /// What is wrong with the connection.
        reason: String,
    },
    /// A refresh of the athlete's tokens failed, and nobody but an operator or
    /// Strava can do anything about it; it is tried again then.
    Resting {
        /// When it is tried again.
        until: Timestamp,
        /// Why it failed.
        reason: String,
    },
    /// Strava does not serve our app at all, for all athletes.
    AppInactive,
    /// The worker is to stop; whoever takes the job over goes on.
    Stopping,
    /// The athlete is not connected (any more): there is nothing to do.
    NotConnected,
    /// Something failed.
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl From<storage::Error> for Halt {
    fn from(error: storage::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// How long work waits where Strava does not serve our app: an operator has to
/// do something about it.
pub(crate) const INACTIVE: SignedDuration = SignedDuration::from_mins(60);
/// How long work waits for an athlete to connect anew; connecting wakes it.
const DEGRADED: SignedDuration = SignedDuration::from_hours(24);

/// How long work waits while copies of its athlete are let go.
const RELEASED: SignedDuration = SignedDuration::from_secs(30);

impl Halt {
    /// Until when work waits, and why; `None` where it failed or is done.
    pub fn wait(&self, now: Timestamp) -> Option<(Timestamp, String)> {
        match self {
            Self::Limited { until } => Some((
                *until,
                "Strava's limits are used; there is room again then".to_owned(),
            )),
            Self::Degraded { reason } => Some((
                now + DEGRADED,
                format!("the athlete must connect anew: {reason}"),
            )),
            Self::Resting { until, reason } => Some((*until, reason.clone())),
            Self::AppInactive => Some((now + INACTIVE, INACTIVE_REASON.to_owned())),
            Self::Stopping => Some((now, "its worker stopped".to_owned())),
            // Whoever lets them go may have died, and somebody goes on with it.
            Self::Failed(error @ Error::Released(_)) => Some((now + RELEASED, error.to_string())),
            Self::NotConnected | Self::Failed(_) => None,
        }
    }

    /// Whether others wait for the same: what is no more urgent, of whatever
    /// athlete.
    pub fn is_shared(&self) -> bool {
        match self {
            Self::Limited { .. } | Self::AppInactive => true,
            Self::Degraded { .. }
            | Self::Resting { .. }
            | Self::Stopping
            | Self::NotConnected
            | Self::Failed(_) => false,
        }
    }

    /// As an error, for those who do not wait.
    pub fn into_error(self, athlete: AthleteId) -> Error {
        match self {
            Self::Limited { until } => Error::StravaLimited { until },
            Self::Degraded { reason } => Error::StravaDegraded { reason },
            Self::Resting { until, reason } => Error::StravaResting { until, reason },
            Self::AppInactive => Error::StravaAppInactive,
            Self::Stopping => Error::StravaTokensHeld(athlete),
            Self::NotConnected => Error::StravaNotConnected(athlete),
            Self::Failed(error) => error,
        }
    }
}

/// What an inactive app means.
pub const INACTIVE_REASON: &str = "Strava calls the app inactive: its owner needs a subscription, \
     or must confirm the app at strava.com/settings/api";

/// What to do about a connection that does not work, by the name of the code of
/// why.
pub(crate) fn try_next(code: Option<&str>) -> &'static str {
    let is_one_of = |known: &[Code]| known.iter().any(|known| code == Some(known.name()));
    if is_one_of(&[Code::StravaApp, Code::StravaRefused]) {
        Error::MEND_APP
    } else if is_one_of(&[Code::StravaUnavailable, Code::StravaLimited]) {
        Error::WAIT
    } else {
        Error::RECONNECT
    }
}

/// The code of what Strava said.
pub(crate) fn code(error: &::strava::Error) -> Code {
    match error.verdict() {
        Verdict::TokenDead | Verdict::RefreshRefused | Verdict::ScopeMissing { .. } => {
            Code::StravaAccess
        }
        Verdict::AppInactive
        | Verdict::AthleteLimit
        | Verdict::ClientRefused
        | Verdict::CallbackUnreachable
        | Verdict::AlreadySubscribed
        | Verdict::Misconfigured => Code::StravaApp,
        Verdict::RateLimited { .. } => Code::StravaLimited,
        Verdict::NotFound => Code::NotFound,
        Verdict::CodeRefused { .. } => Code::StravaSignIn,
        Verdict::Forbidden | Verdict::Refused { .. } | Verdict::TooLarge => Code::StravaRefused,
        Verdict::Unavailable { .. }
        | Verdict::TimedOut
        | Verdict::Unreachable
        | Verdict::CutOff
        | Verdict::Malformed { .. } => Code::StravaUnavailable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_that_go_are_waited_for_and_a_purge_is_not() {
        let now = "2026-06-01T08:00:00Z".parse().unwrap();
        let wait = |error: Error| Halt::from(error).wait(now);
        let (until, why) = wait(Error::Released(AthleteId(7))).unwrap();
        assert_eq!(until, now + RELEASED);
        assert!(why.starts_with("copies of athlete 7"), "{why}");
        assert_eq!(wait(Error::Purged(AthleteId(7))), None);
    }
}
