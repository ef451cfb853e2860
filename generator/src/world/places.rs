//! Places to train at, with the rules of their clocks.
//!
//! The rules are written here, as POSIX writes them, and not looked up: a newer
//! table of zones must not change a byte of what a seed gives. They hold from
//! 2016 on.

use jiff::Timestamp;
use jiff::tz::TimeZone;

const DAY_S: i64 = 86_400;

/// A place to start from.
#[derive(Debug)]
pub struct Place {
    /// The IANA name of its zone.
    pub zone: &'static str,
    /// The rule of its clock, as POSIX writes it.
    pub clock: &'static str,
    /// Degrees north.
    pub lat_deg: f64,
    /// Degrees east.
    pub lng_deg: f64,
    /// Metres of a degree of latitude on WGS-84, and how many more they are a
    /// degree further north.
    lat_m: (f64, f64),
    /// The same of a degree of longitude.
    lng_m: (f64, f64),
    /// Metres above the sea.
    pub altitude_m: f64,
    /// How hilly it is: the spread of the slope.
    pub hills: f64,
}

/// Where athletes live.
pub const HOMES: &[Place] = &[
    Place {
        zone: "Europe/Amsterdam",
        clock: "CET-1CEST,M3.5.0,M10.5.0/3",
        lat_deg: 52.3702,
        lng_deg: 4.8952,
        lat_m: (111_274.38, 18.94),
        lng_m: (68_110.05, -1_538.09),
        altitude_m: 2.0,
        hills: 0.006,
    },
    Place {
        zone: "Europe/Zurich",
        clock: "CET-1CEST,M3.5.0,M10.5.0/3",
        lat_deg: 47.3769,
        lng_deg: 8.5417,
        lat_m: (111_178.19, 19.49),
        lng_m: (75_519.51, -1_427.81),
        altitude_m: 408.0,
        hills: 0.030,
    },
    Place {
        zone: "Africa/Nairobi",
        clock: "EAT-3",
        lat_deg: -1.2921,
        lng_deg: 36.8219,
        lat_m: (110_574.84, -0.87),
        lng_m: (111_291.37, 43.52),
        altitude_m: 1_661.0,
        hills: 0.022,
    },
    Place {
        zone: "America/Denver",
        clock: "MST7MDT,M3.2.0,M11.1.0",
        lat_deg: 40.0150,
        lng_deg: -105.2705,
        lat_m: (111_034.92, 19.22),
        lng_m: (85_375.17, -1_246.06),
        altitude_m: 1_624.0,
        hills: 0.028,
    },
    Place {
        zone: "Asia/Tokyo",
        clock: "JST-9",
        lat_deg: 35.6895,
        lng_deg: 139.6917,
        lat_m: (110_953.26, 18.47),
        lng_m: (90_515.80, -1_129.74),
        altitude_m: 40.0,
        hills: 0.010,
    },
    Place {
        zone: "Australia/Sydney",
        clock: "AEST-10AEDT,M10.1.0,M4.1.0/3",
        lat_deg: -33.8688,
        lng_deg: 151.2093,
        lat_m: (110_920.02, -18.03),
        lng_m: (92_526.58, 1_078.87),
        altitude_m: 19.0,
        hills: 0.020,
    },
];

/// Where they go on holiday.
pub const AWAY: &[Place] = &[
    Place {
        zone: "Europe/Madrid",
        clock: "CET-1CEST,M3.5.0,M10.5.0/3",
        lat_deg: 39.5696,
        lng_deg: 2.6502,
        lat_m: (111_026.37, 19.16),
        lng_m: (85_927.57, -1_234.39),
        altitude_m: 30.0,
        hills: 0.035,
    },
    Place {
        zone: "Atlantic/Canary",
        clock: "WET0WEST,M3.5.0/1,M10.5.0",
        lat_deg: 28.9630,
        lng_deg: -13.5477,
        lat_m: (110_835.15, 16.49),
        lng_m: (97_473.59, -936.74),
        altitude_m: 20.0,
        hills: 0.030,
    },
    Place {
        zone: "Asia/Kathmandu",
        clock: "<+0545>-5:45",
        lat_deg: 27.7172,
        lng_deg: 85.3240,
        lat_m: (110_814.91, 16.02),
        lng_m: (98_617.46, -899.56),
        altitude_m: 1_400.0,
        hills: 0.060,
    },
    Place {
        zone: "Africa/Johannesburg",
        clock: "SAST-2",
        lat_deg: -33.9249,
        lng_deg: 18.4241,
        lat_m: (110_921.03, -18.04),
        lng_m: (92_466.01, 1_080.46),
        altitude_m: 25.0,
        hills: 0.030,
    },
    Place {
        zone: "Australia/Adelaide",
        clock: "ACST-9:30ACDT,M10.1.0,M4.1.0/3",
        lat_deg: -34.9285,
        lng_deg: 138.6007,
        lat_m: (110_939.27, -18.29),
        lng_m: (91_367.51, 1_108.61),
        altitude_m: 50.0,
        hills: 0.018,
    },
];

impl Place {
    /// The instant at which its clock shows `second_of_day` on `day` (days
    /// since 1970): UTC seconds since 1970, and local time less UTC.
    pub fn instant(&self, day: i64, second_of_day: i64) -> (i64, i32) {
        let known = "a place's rule is well formed, and its days lie within some centuries";
        let clock = TimeZone::posix(self.clock).expect(known);
        let shown = Timestamp::from_second(day * DAY_S + second_of_day).expect(known);
        let shown = shown.to_zoned(TimeZone::UTC).datetime();
        let instant = shown.to_zoned(clock).expect(known);
        (instant.timestamp().as_second(), instant.offset().seconds())
    }

    /// How many degrees of latitude and longitude lie this many metres further
    /// east and north of a position near the place.
    pub fn degrees(&self, lat_deg: f64, (east_m, north_m): (f64, f64)) -> (f64, f64) {
        let by_deg = lat_deg - self.lat_deg;
        let lat_m = self.lat_m.0 + self.lat_m.1 * by_deg;
        let lng_m = self.lng_m.0 + self.lng_m.1 * by_deg;
        (north_m / lat_m, east_m / lng_m)
    }

    /// Whether it is winter there in this week of the year, from 0.
    pub fn in_winter(&self, week_of_year: u64) -> bool {
        match self.lat_deg > 0.0 {
            true => !(9..46).contains(&week_of_year),
            false => (20..36).contains(&week_of_year),
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZoneDatabase;

    use super::*;

    #[test]
    fn the_written_rules_are_those_of_the_zones() {
        let zones = TimeZoneDatabase::bundled();
        for place in HOMES.iter().chain(AWAY) {
            let zone = zones.get(place.zone).unwrap();
            // Every day of twenty years from 2016 on, at six in the morning.
            for day in 16_801..16_801 + 20 * 365 {
                let (unix_s, offset_s) = place.instant(day, 6 * 3_600);
                let instant = Timestamp::from_second(unix_s).unwrap();
                assert_eq!(
                    zone.to_offset(instant).seconds(),
                    offset_s,
                    "{}",
                    place.zone
                );
                assert_eq!(unix_s + i64::from(offset_s), day * DAY_S + 6 * 3_600);
            }
        }
    }

    #[test]
    fn a_degree_is_as_long_as_on_the_ellipsoid() {
        // Radii of curvature of WGS-84, from its two defining numbers.
        let (a, f) = (6_378_137.0_f64, 1.0 / 298.257_223_563);
        let e2 = f * (2.0 - f);
        for place in HOMES.iter().chain(AWAY) {
            for further_deg in [-0.1, 0.0, 0.1] {
                let lat_deg = place.lat_deg + further_deg;
                let sine = lat_deg.to_radians().sin();
                let root = (1.0 - e2 * sine * sine).sqrt();
                let meridian_m = (a * (1.0 - e2) / root.powi(3)).to_radians();
                let parallel_m = (a / root * lat_deg.to_radians().cos()).to_radians();
                let (north_deg, east_deg) = place.degrees(lat_deg, (1_000.0, 1_000.0));
                assert!((north_deg * meridian_m - 1_000.0).abs() < 0.01);
                assert!((east_deg * parallel_m - 1_000.0).abs() < 0.01);
            }
        }
    }
}
