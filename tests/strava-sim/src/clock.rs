//! The simulator's time: the machine's own, or one that only tests move.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;

/// Where the simulator's time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// It stands at this instant until somebody advances it.
    Controlled(Timestamp),
    /// The machine's clock.
    Real,
}

/// A clock in use.
#[derive(Debug)]
pub(crate) struct Time {
    /// Milliseconds since 1970 of a controlled clock; none: the machine's.
    controlled: Option<watch::Sender<i64>>,
    /// By how much Strava's clock is ahead of the tests', in seconds.
    skew_s: AtomicI64,
}

impl Time {
    pub(crate) fn new(clock: Clock) -> Self {
        let controlled = match clock {
            Clock::Controlled(start) => Some(watch::Sender::new(start.as_millisecond())),
            Clock::Real => None,
        };
        Self {
            controlled,
            skew_s: AtomicI64::new(0),
        }
    }

    /// The tests' time.
    pub(crate) fn now(&self) -> Timestamp {
        match &self.controlled {
            Some(ms) => at_ms(*ms.borrow()),
            None => Timestamp::now(),
        }
    }

    /// Strava's time in whole seconds since 1970: the tests' time and the skew.
    pub(crate) fn server_s(&self) -> i64 {
        self.now().as_second() + self.skew_s.load(Ordering::SeqCst)
    }

    /// Sets by how much Strava's clock is ahead.
    pub(crate) fn skew(&self, seconds: i64) {
        self.skew_s.store(seconds, Ordering::SeqCst);
    }

    /// Moves a controlled clock on; `false` where the clock is the machine's.
    pub(crate) fn advance(&self, by: Duration) -> bool {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.move_by(|ms| ms.saturating_add(by))
    }

    /// Sets a controlled clock, never back; `false` where the clock is the
    /// machine's.
    pub(crate) fn set(&self, to: Timestamp) -> bool {
        self.move_by(|ms| ms.max(to.as_millisecond()))
    }

    fn move_by(&self, moved: impl FnOnce(i64) -> i64) -> bool {
        match &self.controlled {
            Some(sender) => {
                sender.send_modify(|ms| *ms = moved(*ms));
                true
            }
            None => false,
        }
    }

    /// Returns when the tests' time has come to `until`.
    pub(crate) async fn wait_until(&self, until: Timestamp) {
        match &self.controlled {
            Some(sender) => {
                let mut seen = sender.subscribe();
                // The sender lives as long as this clock, so that it ends only
                // by the time that it waits for.
                let _ = seen.wait_for(|ms| *ms >= until.as_millisecond()).await;
            }
            None => {
                let left = until.duration_since(Timestamp::now());
                let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
                tokio::time::sleep(left).await;
            }
        }
    }
}

fn at_ms(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::MAX)
}

/// A time of whole seconds since 1970 as Strava writes it, in UTC.
pub(crate) fn written(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .to_string()
}

/// A time as the `Date` header has it.
pub(crate) fn http_date(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .unwrap_or(Timestamp::UNIX_EPOCH)
        .strftime("%a, %d %b %Y %H:%M:%S GMT")
        .to_string()
}

/// Instants in JSON, as text in UTC.
pub(crate) mod as_text {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(
        time: &Option<Timestamp>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.to_string()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(de::Error::custom))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Timestamp {
        "2026-06-01T08:00:00Z".parse().unwrap()
    }

    #[tokio::test]
    async fn a_wait_ends_when_the_clock_has_come_that_far() {
        let time = Time::new(Clock::Controlled(start()));
        let until = start() + Duration::from_secs(60);
        assert!(time.advance(Duration::from_secs(59)));
        let waits = time.wait_until(until);
        tokio::pin!(waits);
        let early = tokio::time::timeout(Duration::from_millis(20), &mut waits).await;
        assert!(early.is_err());
        assert!(time.advance(Duration::from_secs(1)));
        waits.await;
    }

    #[test]
    fn the_skew_is_strava_s_alone() {
        let time = Time::new(Clock::Controlled(start()));
        time.skew(-90);
        assert_eq!(time.now(), start());
        assert_eq!(time.server_s(), start().as_second() - 90);
        assert_eq!(http_date(time.server_s()), "Mon, 01 Jun 2026 07:58:30 GMT");
    }

    #[test]
    fn a_clock_never_goes_back_and_the_machine_s_is_nobody_s() {
        let time = Time::new(Clock::Controlled(start()));
        assert!(time.set(start() - Duration::from_secs(5)));
        assert_eq!(time.now(), start());
        assert!(!Time::new(Clock::Real).advance(Duration::from_secs(1)));
    }
}
