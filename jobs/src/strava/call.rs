//! The one way by which Strava is read: with a token that works, within the
//! limits, and with a refusal that is understood before anything is done about
//! it.

use ::strava::{Answer, Secret, Strava, Verdict, next_window};
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use storage::AthleteId;
use storage::metric::REFUSED;

use super::budget::Purpose;
use super::service::Service;
use super::trouble::Halt;
use crate::error::Error;

/// How much after the end of a window it is tried again: clocks differ.
const AFTER_WINDOW: SignedDuration = SignedDuration::from_secs(2);

/// How often a token that Strava refuses is refreshed for one read.
const REFRESHES: u32 = 2;

/// How something is asked for: with a client and a token.
pub(crate) type Ask<T> = dyn Fn(Strava, Secret) -> BoxFuture<'static, Answer<T>> + Send + Sync;

impl Service {
    /// Asks Strava for something of this athlete.
    ///
    /// A token that Strava refuses is refreshed, twice at most: the first time may
    /// have given what somebody else had refreshed, and what ended since. One that
    /// lacks a scope is not, since refreshing it changes nothing. Either marks the
    /// connection where it stays so.
    ///
    /// # Errors
    /// A [`Halt`], which says whether to wait.
    pub(crate) async fn read<T>(
        &self,
        athlete: AthleteId,
        purpose: Purpose,
        ask: &Ask<T>,
    ) -> Result<T, Halt> {
        let mut access = self.access(athlete).await?;
        let mut refused = 0;
        loop {
            self.spend(purpose).await?;
            let (sent, asked) = (self.now(), self.strava_now());
            let answer = ask(self.client.clone(), access.token.clone()).await;
            self.learn_clock(sent, answer.date);
            let usage = answer.usage;
            let error = match answer.outcome {
                Ok(found) => {
                    self.settle(asked, usage.as_ref(), false).await?;
                    return Ok(found);
                }
                Err(error) => error,
            };
            let verdict = error.verdict();
            let is_limited = matches!(verdict, Verdict::RateLimited { .. });
            self.settle(asked, usage.as_ref(), is_limited).await?;
            metrics::counter!(REFUSED.name, "code" => super::trouble::code(&error).name())
                .increment(1);
            match verdict {
                Verdict::RateLimited { until } => {
                    return Err(limited(until, asked, usage.as_ref()));
                }
                Verdict::AppInactive => return Err(self.app_inactive().await?),
                Verdict::TokenDead if refused < REFRESHES => {
                    refused += 1;
                    let version = access.connection.version;
                    access = self.another_access(athlete, version).await?;
                }
                Verdict::TokenDead | Verdict::ScopeMissing { .. } => {
                    return Err(self.degrade(&access.connection, &error).await?);
                }
                _ => return Err(Error::Strava(error).into()),
            }
        }
    }
}

fn limited(until: Option<Timestamp>, asked: Timestamp, usage: Option<&::strava::Usage>) -> Halt {
    let until = until.unwrap_or_else(|| next_window(asked, usage));
    Halt::Limited {
        until: until.checked_add(AFTER_WINDOW).unwrap_or(until),
    }
}
