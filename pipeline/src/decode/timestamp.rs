//! Times as XML writes them.

use jiff::civil::DateTime;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, fmt::temporal::Pieces};

/// An instant, and how far local time was from UTC where the source says it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Instant {
    /// UTC, milliseconds since 1970, with their fraction.
    pub(super) unix_ms: f64,
    /// Local time less UTC in seconds; `None` where it was written in UTC.
    pub(super) utc_offset_s: Option<i32>,
}

/// Reads `2020-01-01T00:00:00.5+02:00` and the like; without an offset it is
/// UTC, which GPX and TCX ask for. `None` where it is no time.
pub(super) fn parse(text: &str) -> Option<Instant> {
    let text = text.trim();
    let pieces = Pieces::parse(text).ok()?;
    let civil = DateTime::from_parts(pieces.date(), pieces.time()?);
    let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
    let timestamp: Timestamp = civil.to_zoned(TimeZone::fixed(offset)).ok()?.timestamp();
    Some(Instant {
        // Nanoseconds since 1970 are more than a double holds exactly.
        unix_ms: timestamp.as_millisecond() as f64
            + f64::from(timestamp.subsec_nanosecond() % 1_000_000) / 1e6,
        utc_offset_s: Some(offset.seconds()).filter(|seconds| *seconds != 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_and_offsets_are_kept() {
        let plain = parse("2009-02-21T12:57:25Z").expect("a time");
        assert_eq!(
            (plain.unix_ms, plain.utc_offset_s),
            (1_235_221_045_000.0, None)
        );
        let offset = parse(" 2022-12-04T20:14:28.250-04:00\n").expect("a time");
        assert_eq!(offset.unix_ms, 1_670_199_268_250.0);
        assert_eq!(offset.utc_offset_s, Some(-14_400));
        let bare = parse("2009-02-21T12:57:25").expect("a time");
        assert_eq!(bare, plain);
        let micros = parse("2022-11-12T16:50:14.526400+00:00").expect("a time");
        assert_eq!(micros.unix_ms, 1_668_271_814_526.4);
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in [
            "",
            "PLACEHOLDER",
            "2009-02-21",
            "2009-02-31T00:00:00Z",
            "12:00",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
