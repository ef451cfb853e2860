//! An outcome, with what it cost.

use jiff::Timestamp;

use crate::error::Error;
use crate::usage::Usage;

/// How a call ended, and what its answer said of the limits. Refused calls
/// count at Strava, so they say it too.
#[derive(Debug)]
pub struct Answer<T> {
    /// Limits and use after this call. `None` where no answer came, or one
    /// without the headers.
    pub usage: Option<Usage>,
    /// The time of Strava's clock when it answered, by which windows are cut.
    pub date: Option<Timestamp>,
    /// What came of it.
    pub outcome: Result<T, Error>,
}

impl<T> Answer<T> {
    /// The same call, with its outcome read further.
    pub(crate) fn read<U>(self, read: impl FnOnce(T) -> Result<U, Error>) -> Answer<U> {
        Answer {
            usage: self.usage,
            date: self.date,
            outcome: self.outcome.and_then(read),
        }
    }
}
