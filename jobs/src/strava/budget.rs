//! Strava's limits: who may use how much of them, and when the work is done.

use ::strava::Usage;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use storage::catalog::{BudgetLimits, BudgetUse, BudgetWindow, Taken, Windows};
use storage::metric::READS;

use super::service::Service;
use super::trouble::Halt;
use crate::error::Error;

/// What a read is for: the less urgent, the smaller its share of the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Strava announced something, or somebody waits for it.
    Event,
    /// What changed without an event is looked for.
    Poll,
    /// History is brought in.
    Backfill,
}

impl Purpose {
    /// Its share of the limits, in percent: a fifth is kept for events.
    pub fn percent(self) -> i64 {
        match self {
            Self::Event => 100,
            Self::Poll => 90,
            Self::Backfill => 80,
        }
    }
}

/// How many reads an activity takes: its details, and its streams.
pub const READS_EACH: i64 = 2;

/// How much is used, and how long the work at hand takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forecast {
    /// Reads of this quarter of an hour, refused ones included.
    pub quarter_used: i64,
    /// How many there may be.
    pub quarter_limit: i64,
    /// When it ends.
    pub quarter_resets_at: Timestamp,
    /// Reads of this day in UTC, refused ones included.
    pub day_used: i64,
    /// How many there may be.
    pub day_limit: i64,
    /// When it ends.
    pub day_resets_at: Timestamp,
    /// How many reads Strava refused in this quarter of an hour.
    pub quarter_refused: i64,
    /// How many activities are to be fetched yet.
    pub activities_left: i64,
    /// When they are, at the share that back-fill may use; `None` where there
    /// are none.
    pub backfill_done_at: Option<Timestamp>,
}

impl Forecast {
    /// The forecast of `left` activities from `now` on.
    pub fn of(windows: &Windows, left: i64, now: Timestamp) -> Self {
        let instant = |us: i64| Timestamp::from_microsecond(us).unwrap_or(now);
        let (quarter, day) = (&windows.quarter, &windows.day);
        Self {
            quarter_used: quarter.used.read,
            quarter_limit: quarter.limits.read,
            quarter_resets_at: instant(quarter.ends_at_us(BudgetWindow::Quarter)),
            day_used: day.used.read,
            day_limit: day.limits.read,
            day_resets_at: instant(day.ends_at_us(BudgetWindow::Day)),
            quarter_refused: quarter.refused,
            activities_left: left,
            backfill_done_at: (left > 0)
                .then(|| done_at(windows, left * READS_EACH, now))
                .flatten(),
        }
    }

    /// In a sentence: `612 of 1,000 reads today, window resets 14:15, back-fill
    /// done Thursday 09:00`, times in UTC.
    pub fn sentence(&self) -> String {
        let mut sentence = format!(
            "{} of {} reads today, window resets {}",
            grouped(self.day_used),
            grouped(self.day_limit),
            self.quarter_resets_at.strftime("%H:%M"),
        );
        if let Some(done) = self.backfill_done_at {
            // A weekday names one day of the next six.
            let is_near = done.duration_since(self.quarter_resets_at) < WEEKDAYS;
            let done = done.strftime(if is_near {
                "%A %H:%M"
            } else {
                "%A %-d %B %Y %H:%M"
            });
            sentence.push_str(&format!(", back-fill done {done} (UTC)"));
        }
        sentence
    }
}

/// So far ahead a weekday alone says which day it is.
const WEEKDAYS: SignedDuration = SignedDuration::from_hours(6 * 24);

/// Digits in groups of three.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if number < 0 { format!("-{text}") } else { text }
}

/// When so many reads are made at the share of back-fill, where nothing else
/// asks: window after window.
fn done_at(windows: &Windows, reads: i64, now: Timestamp) -> Option<Timestamp> {
    let percent = Purpose::Backfill.percent();
    let share = |is: &BudgetUse| is.limits.read.min(is.limits.overall) * percent / 100;
    let free = |is: &BudgetUse| {
        let left = |limit: i64, used: i64| limit * percent / 100 - used;
        let read = left(is.limits.read, is.used.read);
        read.min(left(is.limits.overall, is.used.overall)).max(0)
    };
    let (a_quarter, a_day) = (share(&windows.quarter), share(&windows.day));
    if a_quarter <= 0 || a_day <= 0 {
        return None;
    }
    let mut left = reads;
    let mut today = free(&windows.day);
    let mut quarter_us = windows.quarter.begins_at_us;
    let mut day_ends_us = windows.day.ends_at_us(BudgetWindow::Day);
    let mut now_free = free(&windows.quarter);
    // A day at a time where whole days are filled, a quarter at a time within.
    loop {
        let take = left.min(now_free).min(today);
        left -= take;
        today -= take;
        if left == 0 {
            let at_us = quarter_us.max(now.as_microsecond());
            return Timestamp::from_microsecond(at_us).ok();
        }
        let whole_day = a_day.min(a_quarter * (86_400 / 900));
        if today == 0 {
            let days = (left - 1) / whole_day;
            quarter_us = day_ends_us + days * BudgetWindow::Day.length_us();
            day_ends_us = quarter_us + BudgetWindow::Day.length_us();
            left -= days * whole_day;
            today = a_day;
        } else {
            quarter_us += BudgetWindow::Quarter.length_us();
            if quarter_us >= day_ends_us {
                day_ends_us += BudgetWindow::Day.length_us();
                today = a_day;
            }
        }
        now_free = a_quarter;
    }
}

impl Service {
    /// Takes one read for this purpose.
    ///
    /// # Errors
    /// [`Halt::Limited`] where there is no room.
    pub(crate) async fn spend(&self, purpose: Purpose) -> Result<(), Halt> {
        let now = self.strava_now();
        let catalog = &self.context.storage.catalog;
        let taken = catalog
            .take_strava_read(now.as_microsecond(), purpose.percent())
            .await?;
        match taken {
            Taken::Yes => {
                metrics::counter!(READS.name).increment(1);
                Ok(())
            }
            Taken::NotBefore(at_us) => Err(Halt::Limited {
                until: Timestamp::from_microsecond(at_us)
                    .unwrap_or(now + SignedDuration::from_mins(15)),
            }),
        }
    }

    /// Corrects the account by what Strava said.
    pub(crate) async fn settle(
        &self,
        asked: Timestamp,
        usage: Option<&Usage>,
        was_refused: bool,
    ) -> Result<(), Error> {
        if usage.is_none() && !was_refused {
            return Ok(());
        }
        let mut said = Vec::new();
        if let Some(Usage { overall, read }) = usage {
            let pair = |read: u32, overall: u32| BudgetLimits {
                read: read.into(),
                overall: overall.into(),
            };
            said.push((
                BudgetWindow::Quarter,
                pair(read.quarter_limit, overall.quarter_limit),
                pair(read.quarter_used, overall.quarter_used),
            ));
            said.push((
                BudgetWindow::Day,
                pair(read.day_limit, overall.day_limit),
                pair(read.day_used, overall.day_used),
            ));
        }
        let catalog = &self.context.storage.catalog;
        catalog
            .settle_strava(asked.as_microsecond(), &said, was_refused)
            .await?;
        Ok(())
    }

    /// How much is used, and when what is to be fetched is there.
    ///
    /// # Errors
    /// Where the catalog fails.
    pub async fn forecast(&self) -> Result<Forecast, Error> {
        let catalog = &self.context.storage.catalog;
        let now = self.strava_now();
        let windows = catalog.strava_windows(now.as_microsecond()).await?;
        let mut left = 0;
        let connections = catalog.strava_connections().await?;
        // Of one that its athlete must mend nothing comes.
        for connection in connections.iter().filter(|one| !one.needs_athlete()) {
            let counts = catalog.strava_counts(connection.athlete_id).await?;
            left += counts.listed - counts.present;
        }
        Ok(Forecast::of(&windows, left, now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(quarter_used: i64, day_used: i64) -> Windows {
        let day: Timestamp = "2026-03-01T00:00:00Z".parse().unwrap();
        let quarter: Timestamp = "2026-03-01T14:00:00Z".parse().unwrap();
        let is = |begins: Timestamp, used: i64, limit: i64| BudgetUse {
            begins_at_us: begins.as_microsecond(),
            used: BudgetLimits {
                read: used,
                overall: used,
            },
            limits: BudgetLimits {
                read: limit,
                overall: limit * 2,
            },
            refused: 0,
        };
        Windows {
            quarter: is(quarter, quarter_used, 100),
            day: is(day, day_used, 1_000),
        }
    }

    /// One call at a time, as a worker would.
    fn one_by_one(windows: &Windows, reads: i64, now: Timestamp) -> Timestamp {
        let mut at = windows.quarter.begins_at_us;
        let (mut quarter, mut day) = (windows.quarter.used.read, windows.day.used.read);
        for _ in 0..reads {
            while quarter >= 80 || day >= 800 {
                at += BudgetWindow::Quarter.length_us();
                quarter = 0;
                if at % BudgetWindow::Day.length_us() == 0 {
                    day = 0;
                }
            }
            quarter += 1;
            day += 1;
        }
        Timestamp::from_microsecond(at.max(now.as_microsecond())).unwrap()
    }

    #[test]
    fn the_forecast_is_what_single_calls_come_to() {
        let now = "2026-03-01T14:07:00Z".parse().unwrap();
        for (quarter, day) in [(0, 0), (40, 612), (80, 800), (100, 1_000), (3, 799)] {
            for activities in [1, 20, 40, 41, 400, 1_000, 12_345] {
                let windows = windows(quarter, day);
                let forecast = Forecast::of(&windows, activities, now);
                let expected = one_by_one(&windows, activities * READS_EACH, now);
                assert_eq!(
                    forecast.backfill_done_at,
                    Some(expected),
                    "{activities} after {quarter}, {day}"
                );
            }
        }
    }

    #[test]
    fn it_is_said_in_a_sentence() {
        let now = "2026-03-01T14:07:00Z".parse().unwrap();
        let said = Forecast::of(&windows(12, 612), 500, now).sentence();
        assert_eq!(
            said,
            "612 of 1,000 reads today, window resets 14:15, back-fill done Tuesday 00:00 (UTC)"
        );
        let far = Forecast::of(&windows(12, 612), 12_345, now).sentence();
        assert!(
            far.ends_with("back-fill done Wednesday 1 April 2026 01:30 (UTC)"),
            "{far}"
        );
        let done = Forecast::of(&windows(12, 612), 0, now);
        assert_eq!(
            done.sentence(),
            "612 of 1,000 reads today, window resets 14:15"
        );
        assert_eq!(done.backfill_done_at, None);
    }
}
