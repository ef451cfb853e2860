//! The simulator's time: the machine's own, or one that tests move and let run
//! at any rate.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Where the simulator's time comes from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Clock {
    /// It stands at this instant until somebody advances it, or lets it run.
    Controlled(Timestamp),
    /// It runs from this instant on, so many times as fast as the machine's:
    /// at 96 a day takes a quarter of an hour. It is controlled all the same.
    Running(Timestamp, f64),
    /// The machine's clock.
    Real,
}

/// How a clock goes: whoever knows this, and has the same machine's clock, knows
/// the simulator's time without asking again. Skew is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Course {
    /// Rises whenever the clock is moved or its rate is changed.
    pub version: u64,
    /// What it showed, in microseconds since 1970.
    pub now_us: i64,
    /// What the machine's clock showed then, in microseconds since 1970.
    pub machine_us: i64,
    /// How many times as fast as the machine's it runs; 0: it stands.
    pub rate: f64,
}

impl Course {
    /// The fastest that a clock runs: a day in less than a second.
    pub const FASTEST: f64 = 100_000.0;

    /// What the clock shows when the machine's shows this.
    pub fn at(&self, machine: Timestamp) -> Timestamp {
        // A machine's clock that is set back stops this one for as long.
        let gone_us = machine.as_microsecond().saturating_sub(self.machine_us);
        let gone_us = (gone_us.max(0) as f64 * self.rate) as i64;
        at_us(self.now_us.saturating_add(gone_us))
    }

    fn now(&self) -> Timestamp {
        self.at(Timestamp::now())
    }

    /// The same moment, as a course of its own from now on.
    fn changed(&self, change: impl FnOnce(&mut Self)) -> Self {
        let machine = Timestamp::now();
        let mut changed = Self {
            version: self.version + 1,
            now_us: self.at(machine).as_microsecond(),
            machine_us: machine.as_microsecond(),
            rate: self.rate,
        };
        change(&mut changed);
        changed
    }
}

/// A clock in use.
#[derive(Debug)]
pub(crate) struct Time {
    /// How a controlled clock goes; none: it is the machine's.
    controlled: Option<watch::Sender<Course>>,
    /// By how much Strava's clock is ahead of the tests', in seconds.
    skew_s: AtomicI64,
}

impl Time {
    pub(crate) fn new(clock: Clock) -> Self {
        let runs = |start: Timestamp, rate: f64| {
            watch::Sender::new(Course {
                version: 1,
                now_us: start.as_microsecond(),
                machine_us: Timestamp::now().as_microsecond(),
                rate: kept(rate),
            })
        };
        let controlled = match clock {
            Clock::Controlled(start) => Some(runs(start, 0.0)),
            Clock::Running(start, rate) => Some(runs(start, rate)),
            Clock::Real => None,
        };
        Self {
            controlled,
            skew_s: AtomicI64::new(0),
        }
    }

    /// The tests' time.
    pub(crate) fn now(&self) -> Timestamp {
        self.course().now()
    }

    /// How it goes.
    pub(crate) fn course(&self) -> Course {
        match &self.controlled {
            Some(course) => *course.borrow(),
            None => {
                let now_us = Timestamp::now().as_microsecond();
                Course {
                    version: 0,
                    now_us,
                    machine_us: now_us,
                    rate: 1.0,
                }
            }
        }
    }

    /// Returns when the course is another than that of `version`; never where
    /// the clock is the machine's.
    pub(crate) async fn course_after(&self, version: u64) -> Course {
        match &self.controlled {
            Some(sender) => {
                let mut seen = sender.subscribe();
                let changed = seen.wait_for(|course| course.version != version).await;
                // The sender lives as long as this clock.
                changed.map_or_else(|_| *sender.borrow(), |course| *course)
            }
            None => std::future::pending().await,
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
        let by_us = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.change(|course| course.now_us = course.now_us.saturating_add(by_us))
    }

    /// Sets a controlled clock, never back; `false` where the clock is the
    /// machine's.
    pub(crate) fn set(&self, to: Timestamp) -> bool {
        self.change(|course| course.now_us = course.now_us.max(to.as_microsecond()))
    }

    /// Lets a controlled clock run so many times as fast as the machine's;
    /// `false` where the clock is the machine's.
    pub(crate) fn run(&self, rate: f64) -> bool {
        self.change(|course| course.rate = kept(rate))
    }

    fn change(&self, change: impl FnOnce(&mut Course)) -> bool {
        match &self.controlled {
            Some(sender) => {
                sender.send_modify(|course| *course = course.changed(change));
                true
            }
            None => false,
        }
    }

    /// Returns when the tests' time has come to `until`.
    pub(crate) async fn wait_until(&self, until: Timestamp) {
        let Some(sender) = &self.controlled else {
            let left = until.duration_since(Timestamp::now());
            let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
            tokio::time::sleep(left).await;
            return;
        };
        let mut seen = sender.subscribe();
        loop {
            let course = *seen.borrow_and_update();
            let left = until.duration_since(course.now());
            let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
            if left.is_zero() {
                return;
            }
            // The sender lives as long as this clock, so that a change is no end.
            let changed = seen.changed();
            if course.rate > 0.0 {
                // Whole microseconds of a fast clock may be less than one.
                let left = left.div_f64(course.rate) + Duration::from_micros(1);
                let _ = tokio::time::timeout(left, changed).await;
            } else {
                let _ = changed.await;
            }
        }
    }
}

/// A rate that a clock can run at.
fn kept(rate: f64) -> f64 {
    match rate.is_nan() {
        true => 0.0,
        false => rate.clamp(0.0, Course::FASTEST),
    }
}

fn at_us(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX)
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

    #[tokio::test]
    async fn a_clock_that_runs_comes_there_by_itself() {
        let time = Time::new(Clock::Running(start(), 36_000.0));
        time.wait_until(start() + Duration::from_secs(1_800)).await;
        assert!(time.now() >= start() + Duration::from_secs(1_800));
        // A wait that began while it stood goes on when it runs.
        assert!(time.run(0.0));
        let stands = time.now();
        assert_eq!(time.now(), stands);
        let waits = time.wait_until(stands + Duration::from_secs(3_600));
        tokio::pin!(waits);
        assert!(futures::poll!(&mut waits).is_pending());
        assert!(time.run(36_000.0));
        waits.await;
        assert!(time.now() >= stands + Duration::from_secs(3_600));
    }

    #[tokio::test]
    async fn who_knows_the_course_knows_the_time() {
        let time = Time::new(Clock::Controlled(start()));
        let first = time.course();
        assert!(time.run(60.0));
        let course = time.course_after(first.version).await;
        assert_eq!(course.rate, 60.0);
        let later = at_us(course.machine_us) + Duration::from_secs(2);
        let gone = course.at(later).duration_since(at_us(course.now_us));
        assert_eq!(gone.as_secs(), 120);
        let before = at_us(course.machine_us) - Duration::from_secs(2);
        assert_eq!(course.at(before), at_us(course.now_us));
        assert!(time.run(f64::NAN));
        assert_eq!(time.course().rate, 0.0);
        assert!(time.run(f64::INFINITY));
        assert_eq!(time.course().rate, Course::FASTEST);
    }

    #[test]
    fn a_clock_never_goes_back_and_the_machine_s_is_nobody_s() {
        let time = Time::new(Clock::Controlled(start()));
        assert!(time.set(start() - Duration::from_secs(5)));
        assert_eq!(time.now(), start());
        assert!(!Time::new(Clock::Real).advance(Duration::from_secs(1)));
    }
}
