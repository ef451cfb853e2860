//! Which state of the lake is meant: a snapshot, or an instant.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::error::Error;

/// A state of the lake, as people name it.
///
/// As text it is a whole number, the snapshot's id; else a time by RFC 3339,
/// such as `2026-03-01T12:00:00Z`; or a day, `2026-03-01`, which means as
/// things were when that day ended in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The snapshot of this id.
    Snapshot(i64),
    /// The newest snapshot that was committed at or before this instant, in
    /// microseconds since 1970, UTC.
    Instant(i64),
}

impl FromStr for Moment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let moment = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            text.parse().ok().map(Self::Snapshot)
        } else if text.contains(['T', 't', ' ']) {
            instant(text).map(Self::Instant)
        } else {
            end_of_day(text).map(Self::Instant)
        };
        moment.ok_or_else(|| Error::Moment {
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Snapshot(id) => id.fmt(f),
            Self::Instant(us) => time(*us).fmt(f),
        }
    }
}

/// An instant in microseconds since 1970, for people; such that no calendar
/// has are clamped.
pub(crate) fn time(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or(match us < 0 {
        true => Timestamp::MIN,
        false => Timestamp::MAX,
    })
}

/// The instant of a time with its offset, in microseconds.
fn instant(text: &str) -> Option<i64> {
    // jiff also takes `2026-03-01T12Z` and a zone in brackets; RFC 3339 does
    // not, and a time has few forms here.
    let seconds = text.as_bytes().get(16) == Some(&b':');
    let plain = !text.contains(['[', ',']);
    let instant: Timestamp = text.parse().ok()?;
    (seconds && plain).then(|| instant.as_microsecond())
}

/// The last microsecond of a day in UTC.
fn end_of_day(text: &str) -> Option<i64> {
    // jiff also takes week dates and days without hyphens; a day has one form
    // here.
    let is_plain = |byte: u8| byte.is_ascii_digit() || byte == b'-';
    let plain = text.len() == 10 && text.bytes().all(is_plain);
    let day: Date = text.parse().ok().filter(|_| plain)?;
    let next = day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?;
    Some(next.timestamp().as_microsecond() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::{Code, Failure};

    fn check(text: &str, expected: Moment) {
        let moment: Moment = text.parse().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(moment, expected, "{text}");
        assert_eq!(moment.to_string().parse::<Moment>().unwrap(), expected);
    }

    #[test]
    fn numbers_times_and_days_are_moments() {
        check("0", Moment::Snapshot(0));
        check("0020", Moment::Snapshot(20));
        check("9223372036854775807", Moment::Snapshot(i64::MAX));
        check("1970-01-01T00:00:01Z", Moment::Instant(1_000_000));
        check("1970-01-01t00:00:01z", Moment::Instant(1_000_000));
        check("1970-01-01 00:00:01.5Z", Moment::Instant(1_500_000));
        check("1970-01-01T02:00:01+02:00", Moment::Instant(1_000_000));
        // Nothing is known below a microsecond, and what is later is not yet.
        check("1970-01-01T00:00:00.0000019Z", Moment::Instant(1));
        check("1970-01-01", Moment::Instant(86_400_000_000 - 1));
        check(
            "2024-02-28",
            Moment::Instant(1_709_164_800_000_000 - 1), // 2024-02-29T00:00:00Z
        );
    }

    #[test]
    fn everything_else_is_refused_with_what_to_write() {
        for text in [
            "",
            "-1",
            "+7",
            " 7",
            "7.0",
            "9223372036854775808",
            "newest",
            "yesterday",
            "2026-02-30",
            "2026-2-3",
            "2026-W09-7",
            "20260301T120000Z",
            "2026-03-01T12:00:00",
            "2026-03-01T12:00Z",
            "2026-03-01T12:00:00+01:00[Europe/Paris]",
            "2026-03-01T12:00:00 01:00",
            "9999-12-31",
        ] {
            let error = text.parse::<Moment>().unwrap_err();
            assert_eq!(error.code(), Code::InvalidArgument, "{text}");
            assert!(error.to_string().contains(&format!("{text:?}")), "{error}");
            assert!(error.try_next().contains("2026-03-01T12:00:00Z"));
        }
    }
}
