//! Local time as Strava tells it: a wall clock that says `Z`, and a zone whose
//! offset is the standard one all year round.

use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp};

const DAY_S: i64 = 24 * 60 * 60;

/// A start in its zone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Local {
    /// As in `(GMT-05:00) America/New_York`.
    pub(crate) timezone: String,
    /// Local time less UTC, in seconds.
    pub(crate) utc_offset_s: i64,
}

/// The zone of this name at an instant in seconds since 1970; a name that no
/// database knows is told as it is, at UTC.
pub(crate) fn local(zone: &str, start_s: i64) -> Local {
    let known = TimeZoneDatabase::bundled()
        .get(zone)
        .unwrap_or(TimeZone::UTC);
    let at = Timestamp::from_second(start_s).unwrap_or(Timestamp::UNIX_EPOCH);
    let standard = i64::from(standard(&known, at).seconds());
    let sign = if standard < 0 { '-' } else { '+' };
    let (hours, minutes) = (standard.abs() / 3600, standard.abs() / 60 % 60);
    Local {
        timezone: format!("(GMT{sign}{hours:02}:{minutes:02}) {zone}"),
        utc_offset_s: i64::from(known.to_offset(at).seconds()),
    }
}

/// The zone's offset when no summer time is on, near an instant.
fn standard(zone: &TimeZone, at: Timestamp) -> Offset {
    let month = SignedDuration::from_hours(30 * 24);
    (0..12)
        .filter_map(|months| at.checked_add(month * months).ok())
        .find(|at| !zone.to_offset_info(*at).dst().is_dst())
        .map_or_else(|| zone.to_offset(at), |at| zone.to_offset(at))
}

/// The first second but one of the local day of `start_s`: what Strava shows
/// where the athlete hides the start time.
pub(crate) fn hidden_start(start_s: i64, utc_offset_s: i64) -> i64 {
    let local = start_s + utc_offset_s;
    local.div_euclid(DAY_S) * DAY_S + 1 - utc_offset_s
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_second()
    }

    fn check(zone: &str, start: &str, timezone: &str, utc_offset_s: i64) {
        let told = local(zone, at(start));
        let timezone = timezone.to_owned();
        assert_eq!(
            told,
            Local {
                timezone,
                utc_offset_s
            }
        );
    }

    #[test]
    fn the_zone_names_its_winter_and_the_offset_is_the_true_one() {
        let zone = "(GMT-05:00) America/New_York";
        check("America/New_York", "2025-10-19T20:00:00Z", zone, -14_400);
        check("America/New_York", "2018-11-04T14:53:46Z", zone, -18_000);
        let zone = "(GMT+05:30) Asia/Kolkata";
        check("Asia/Kolkata", "2025-01-01T00:00:00Z", zone, 19_800);
    }

    #[test]
    fn odd_names_are_told_as_they_are() {
        check(
            "US/Eastern",
            "2025-07-01T00:00:00Z",
            "(GMT-05:00) US/Eastern",
            -14_400,
        );
        check(
            "Moon/Tycho",
            "2025-07-01T00:00:00Z",
            "(GMT+00:00) Moon/Tycho",
            0,
        );
    }

    #[test]
    fn a_hidden_start_is_midnight_and_a_second_on_the_spot() {
        let hidden = hidden_start(at("2025-07-01T02:30:00Z"), -14_400);
        assert_eq!(hidden, at("2025-06-30T04:00:01Z"));
    }
}
