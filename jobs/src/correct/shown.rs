//! What is said of an activity, in its own time, for people.

use jiff::{SignedDuration, Timestamp};
use query::local::LocalTime;
use query::read::activities;
use query::session::Session;
use serde::Serialize;
use storage::ActivityKey;
use storage::catalog::{Correct, Correction};

use super::{Point, refused};
use crate::error::Error;

/// A correction that holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    /// What names it.
    pub correction_id: String,
    /// `mask` or `include`.
    pub kind: &'static str,
    /// Where a mask begins, in UTC; `None`: with the activity.
    pub from: Option<String>,
    /// Where it ends; `None`: with the activity.
    pub to: Option<String>,
    /// Over which distance an effort is included.
    pub distance_m: Option<f64>,
    /// Why, in the owner's words.
    pub reason: String,
    /// When it was said, in UTC.
    pub made_at: String,
    /// What it says, in the activity's own time.
    pub sentence: String,
}

impl Said {
    pub(super) fn of(correction: &Correction, local: &Local) -> Self {
        let (kind, from, to, distance_m) = match correction.what {
            Correct::Mask { from_us, to_us } => ("mask", from_us, to_us, None),
            Correct::Include { distance_mm } => {
                ("include", None, None, Some(distance_mm as f64 / 1_000.0))
            }
        };
        Self {
            correction_id: correction.correction_id.to_string(),
            kind,
            from: from.and_then(utc),
            to: to.and_then(utc),
            distance_m,
            reason: correction.reason.clone(),
            made_at: utc(correction.made_at_us).unwrap_or_default(),
            sentence: local.text(&correction.what),
        }
    }
}

fn utc(us: i64) -> Option<String> {
    let instant = Timestamp::from_microsecond(us).ok()?;
    Some(instant.to_string())
}

/// The time of an activity.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    start_us: i64,
    end_us: i64,
    local: LocalTime,
    samples: i32,
}

impl Local {
    /// As its row says.
    pub(super) async fn of(session: &Session, key: ActivityKey) -> Result<Self, Error> {
        let span = activities::span(session, key).await?;
        let span = span.ok_or(Error::NoSources(key.activity_id))?;
        Ok(Self {
            start_us: span.start_us,
            end_us: span.end_us,
            local: LocalTime::new(span.utc_offset_s),
            samples: span.samples,
        })
    }

    /// The mask of a stretch.
    ///
    /// # Errors
    /// `invalid_argument` where it is empty, or nothing of it was recorded.
    pub(super) fn stretch(&self, from: Option<Point>, to: Option<Point>) -> Result<Correct, Error> {
        if self.samples == 0 {
            let reason = "the activity has no samples".to_owned();
            return Err(refused("mask", String::new(), reason));
        }
        let from_us = from.map(|point| self.instant(point)).transpose()?;
        let to_us = to.map(|point| self.instant(point)).transpose()?;
        let (begins, ends) = (
            from_us.unwrap_or(self.start_us),
            to_us.unwrap_or(self.end_us),
        );
        let given = |point: Option<Point>| point.map_or("nothing".to_owned(), |p| p.to_string());
        if begins > self.end_us || ends < self.start_us {
            let lasts = format!(
                "the activity lasts from {} to {}",
                self.local.clock(self.start_us),
                self.local.clock(self.end_us)
            );
            let stretch = format!("{} to {}", given(from), given(to));
            return Err(refused("mask", stretch, lasts));
        }
        let is_whole = from.is_none() && to.is_none();
        if begins >= ends && !is_whole {
            let reason = "it ends before it begins".to_owned();
            let stretch = format!("{} to {}", given(from), given(to));
            return Err(refused("mask", stretch, reason));
        }
        Ok(Correct::Mask { from_us, to_us })
    }

    fn instant(&self, point: Point) -> Result<i64, Error> {
        let beyond = || {
            let reason = "it is an instant of the calendar".to_owned();
            refused("mask", point.to_string(), reason)
        };
        match point {
            Point::At(us) => Ok(us),
            Point::Elapsed(ms) => {
                let us = ms.checked_mul(1_000).ok_or_else(beyond)?;
                self.start_us.checked_add(us).ok_or_else(beyond)
            }
            Point::Local(time) => {
                let start = self.local.at(self.start_us).ok_or_else(beyond)?;
                let mut at = start.date().to_datetime(time);
                // The start is within its second for who reads clocks.
                if at < start.with().subsec_nanosecond(0).build().unwrap_or(start) {
                    at = at
                        .checked_add(SignedDuration::from_hours(24))
                        .map_err(|_| beyond())?;
                }
                self.local.instant(at).ok_or_else(beyond)
            }
        }
    }

    /// What is said, without why.
    pub(super) fn text(&self, what: &Correct) -> String {
        text(self.local, what)
    }
}

/// What is said of an activity in its own time, without why.
pub(crate) fn text(local: LocalTime, what: &Correct) -> String {
    match what {
        Correct::Mask { from_us, to_us } => local.stretch(*from_us, *to_us),
        Correct::Include { distance_mm } => {
            format!("the effort over {} m", *distance_mm as f64 / 1_000.0)
        }
    }
}
