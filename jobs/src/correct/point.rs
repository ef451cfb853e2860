//! Where a stretch begins or ends, as people say it.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Time;

/// An instant of an activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    /// In UTC, microseconds since 1970.
    At(i64),
    /// The first such time of day, where the activity was, from its start on.
    Local(Time),
    /// Milliseconds since the activity's first sample.
    Elapsed(i64),
}

/// Text that names no instant.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no instant: write a time of day (12:04:10), elapsed time with a plus \
     (+1:04:10, +250 for seconds), or an instant (2026-03-01T11:04:10Z)"
)]
pub struct NoPoint(String);

impl FromStr for Point {
    type Err = NoPoint;

    fn from_str(text: &str) -> Result<Self, NoPoint> {
        let failed = || NoPoint(text.chars().take(40).collect());
        if let Some(elapsed) = text.strip_prefix('+') {
            return elapsed_ms(elapsed).map(Self::Elapsed).ok_or_else(failed);
        }
        if let Ok(instant) = text.parse::<Timestamp>() {
            return Ok(Self::At(instant.as_microsecond()));
        }
        // Only a time: a day would be read as its midnight.
        let is_time = text.len() >= 5 && text.as_bytes().get(2) == Some(&b':');
        let time = text.parse::<Time>().ok().filter(|_| is_time);
        time.map(Self::Local).ok_or_else(failed)
    }
}

/// `250`, `250.5`, `4:10`, `1:04:10.5` in ms.
fn elapsed_ms(text: &str) -> Option<i64> {
    let parts: Vec<&str> = text.split(':').collect();
    let (seconds, before) = parts.split_last()?;
    let is_number = |part: &str| part.starts_with(|c: char| c.is_ascii_digit());
    if before.len() > 2 || !parts.iter().all(|part| is_number(part)) {
        return None;
    }
    let seconds: f64 = seconds.parse().ok()?;
    let mut whole: i64 = 0;
    for part in before {
        let part: u32 = part.parse().ok()?;
        whole = whole.checked_mul(60)?.checked_add(part.into())?;
    }
    let is_bare = before.is_empty();
    let below = if is_bare { 1e10 } else { 60.0 };
    if seconds.is_nan() || seconds >= below {
        return None;
    }
    let ms = (seconds * 1_000.0).round() as i64;
    whole.checked_mul(60_000)?.checked_add(ms)
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(us) => match Timestamp::from_microsecond(*us) {
                Ok(instant) => instant.fmt(f),
                Err(_) => write!(f, "{us} us"),
            },
            Self::Local(time) => time.fmt(f),
            Self::Elapsed(ms) => write!(f, "+{}", *ms as f64 / 1_000.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_said_in_three_ways() {
        let point = |text: &str| text.parse::<Point>().unwrap();
        assert_eq!(
            point("12:04:10"),
            Point::Local(Time::constant(12, 4, 10, 0))
        );
        assert_eq!(point("12:04"), Point::Local(Time::constant(12, 4, 0, 0)));
        assert_eq!(point("+250"), Point::Elapsed(250_000));
        assert_eq!(point("+4:10.5"), Point::Elapsed(250_500));
        assert_eq!(point("+1:04:10"), Point::Elapsed(3_850_000));
        assert_eq!(point("+0"), Point::Elapsed(0));
        assert_eq!(point("1970-01-01T00:00:01.5Z"), Point::At(1_500_000));
        assert_eq!(point("1970-01-01T01:00:00+01:00"), Point::At(0));
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "",
            "+",
            "+-1",
            "+1:2:3:4",
            "+1:75",
            "+inf",
            "+nan",
            "+1e400",
            "12",
            "12:75",
            "25:00:00",
            "2026-03-01",
            "noon",
        ] {
            assert!(text.parse::<Point>().is_err(), "{text}");
        }
    }
}
