//! What Strava says of its limits: they hold for the app, all athletes
//! together, in windows of a quarter hour and of a day in UTC.

use jiff::Timestamp;
use reqwest::header::HeaderMap;

const QUARTER_S: i64 = 15 * 60;
const DAY_S: i64 = 24 * 60 * 60;

/// One pair of limits and what is used of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Window {
    /// Calls allowed in a quarter hour, from :00, :15, :30 and :45 on.
    pub quarter_limit: u32,
    /// Calls counted in the present quarter hour, refused ones too.
    pub quarter_used: u32,
    /// Calls allowed in a day, from midnight UTC on.
    pub day_limit: u32,
    /// Calls counted today, refused ones too.
    pub day_used: u32,
}

/// Both pairs, as an answer carried them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of all calls.
    pub overall: Window,
    /// Of calls that read, which are all that pacelake makes.
    pub read: Window,
}

impl Usage {
    /// Reads the four headers. An answer of before 2023 has one pair only: what
    /// is missing equals what is there, since every call counts for both.
    /// `None` where neither pair can be read.
    pub(crate) fn read(headers: &HeaderMap) -> Option<Self> {
        let overall = window(headers, "x-ratelimit-limit", "x-ratelimit-usage");
        let read = window(headers, "x-readratelimit-limit", "x-readratelimit-usage");
        let either = overall.or(read)?;
        Some(Self {
            overall: overall.unwrap_or(either),
            read: read.unwrap_or(either),
        })
    }

    /// Whether the day has no call left that reads.
    pub fn day_is_spent(&self) -> bool {
        [self.overall, self.read]
            .iter()
            .any(|window| window.day_used >= window.day_limit)
    }
}

fn window(headers: &HeaderMap, limit: &str, used: &str) -> Option<Window> {
    let pair = |name: &str| {
        let (quarter, day) = headers.get(name)?.to_str().ok()?.split_once(',')?;
        Some((quarter.trim().parse().ok()?, day.trim().parse().ok()?))
    };
    let (quarter_limit, day_limit) = pair(limit)?;
    let (quarter_used, day_used) = pair(used)?;
    Some(Window {
        quarter_limit,
        quarter_used,
        day_limit,
        day_used,
    })
}

/// When calls are counted anew after a refusal at `now`: at the next quarter
/// hour, or at midnight UTC where the day is spent. Always later than `now`.
///
/// Strava names no time itself. `now` is best the time of its own answer
/// ([`Answer::date`](crate::Answer::date)), as the windows are cut by its clock.
pub fn next_window(now: Timestamp, usage: Option<&Usage>) -> Timestamp {
    let length = if usage.is_some_and(Usage::day_is_spent) {
        DAY_S
    } else {
        QUARTER_S
    };
    // Rounding down: a fraction of a second lies in the window that it begins.
    let second = now.as_second() - i64::from(now.subsec_nanosecond() < 0);
    let next = (second.div_euclid(length) + 1) * length;
    Timestamp::from_second(next).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            let name = reqwest::header::HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.insert(name, value.parse().unwrap());
        }
        headers
    }

    fn usage(quarter_used: u32, day_used: u32) -> Usage {
        let overall = Window {
            quarter_limit: 200,
            quarter_used,
            day_limit: 2_000,
            day_used,
        };
        let read = Window {
            quarter_limit: 100,
            quarter_used,
            day_limit: 1_000,
            day_used,
        };
        Usage { overall, read }
    }

    #[test]
    fn both_pairs_are_read_in_either_spelling() {
        let as_documented = headers(&[
            ("X-RateLimit-Limit", "200,2000"),
            ("X-RateLimit-Usage", "79, 222"),
            ("X-ReadRateLimit-Limit", "100,1000"),
            ("X-ReadRateLimit-Usage", "78,221"),
        ]);
        let read = Usage::read(&as_documented).unwrap();
        assert_eq!(
            (read.overall.quarter_used, read.overall.day_used),
            (79, 222)
        );
        assert_eq!((read.read.quarter_limit, read.read.day_limit), (100, 1000));
        assert_eq!((read.read.quarter_used, read.read.day_used), (78, 221));
        let as_sent = headers(&[
            ("X-Ratelimit-Limit", "200,2000"),
            ("X-Ratelimit-Usage", "79,222"),
            ("X-Readratelimit-Limit", "100,1000"),
            ("X-Readratelimit-Usage", "78,221"),
        ]);
        assert_eq!(Usage::read(&as_sent), Some(read));
    }

    #[test]
    fn one_pair_stands_for_both_and_nonsense_for_none() {
        let old = headers(&[
            ("x-ratelimit-limit", "600,30000"),
            ("x-ratelimit-usage", "7,9"),
        ]);
        let read = Usage::read(&old).unwrap();
        assert_eq!(read.overall, read.read);
        assert_eq!(read.read.day_limit, 30_000);
        for (limit, used) in [
            ("600", "7,9"),
            ("600,x", "7,9"),
            ("600,-1", "7,9"),
            ("", ""),
        ] {
            let odd = headers(&[("x-ratelimit-limit", limit), ("x-ratelimit-usage", used)]);
            assert_eq!(Usage::read(&odd), None, "{limit} {used}");
        }
    }

    fn next(now: &str, usage: Option<Usage>) -> String {
        next_window(now.parse().unwrap(), usage.as_ref()).to_string()
    }

    #[test]
    fn a_refusal_waits_for_the_quarter_hour() {
        assert_eq!(next("2026-11-28T14:07:31Z", None), "2026-11-28T14:15:00Z");
        assert_eq!(next("2026-11-28T14:15:00Z", None), "2026-11-28T14:30:00Z");
        assert_eq!(
            next("2026-11-28T14:14:59.999Z", None),
            "2026-11-28T14:15:00Z"
        );
        assert_eq!(next("1969-12-31T23:59:59.5Z", None), "1970-01-01T00:00:00Z");
        let quarter_spent = Some(usage(100, 999));
        assert_eq!(
            next("2026-11-28T23:50:00Z", quarter_spent),
            "2026-11-29T00:00:00Z"
        );
        assert_eq!(
            next("2026-11-28T14:07:31Z", quarter_spent),
            "2026-11-28T14:15:00Z"
        );
    }

    #[test]
    fn a_spent_day_waits_for_midnight() {
        let read_spent = usage(3, 1_000);
        assert!(read_spent.day_is_spent() && !usage(200, 999).day_is_spent());
        let read_spent = Some(read_spent);
        assert_eq!(
            next("2026-11-28T00:00:00Z", read_spent),
            "2026-11-29T00:00:00Z"
        );
        assert_eq!(
            next("2026-12-31T23:59:59Z", read_spent),
            "2027-01-01T00:00:00Z"
        );
        let mut overall_spent = usage(3, 500);
        overall_spent.overall.day_used = 2_001;
        assert_eq!(
            next("2026-11-28T14:07:31Z", Some(overall_spent)),
            "2026-11-29T00:00:00Z"
        );
    }

    #[test]
    fn the_end_of_time_is_no_trouble() {
        assert_eq!(next_window(Timestamp::MAX, None), Timestamp::MAX);
    }
}
