//! A person: where they live, how strong they are.

use crate::random::Random;

/// A place to start from.
#[derive(Clone, Copy, Debug)]
pub struct Home {
    /// Degrees north.
    pub lat_deg: f64,
    /// Degrees east.
    pub lng_deg: f64,
    /// The cosine of the latitude: how much shorter a degree east is.
    pub cos_lat: f64,
    /// Metres above the sea.
    pub altitude_m: f64,
    /// How hilly it is: the spread of the slope.
    pub hills: f64,
    /// Local time less UTC, in seconds, in winter and summer alike.
    pub utc_offset_s: i64,
}

/// Some towns, with the cosine of their latitude to five digits.
const HOMES: &[Home] = &[
    home(52.3702, 4.8952, 0.61060, 2.0, 0.006, 3_600),
    home(47.3769, 8.5417, 0.67716, 408.0, 0.030, 3_600),
    home(-1.2921, 36.8219, 0.99975, 1_661.0, 0.022, 10_800),
    home(40.0150, -105.2705, 0.76588, 1_624.0, 0.028, -25_200),
    home(35.6895, 139.6917, 0.81218, 40.0, 0.010, 32_400),
    home(-33.8688, 151.2093, 0.83032, 19.0, 0.020, 36_000),
];

const fn home(
    lat_deg: f64,
    lng_deg: f64,
    cos_lat: f64,
    altitude_m: f64,
    hills: f64,
    utc_offset_s: i64,
) -> Home {
    Home {
        lat_deg,
        lng_deg,
        cos_lat,
        altitude_m,
        hills,
        utc_offset_s,
    }
}

/// A person.
#[derive(Clone, Debug)]
pub struct Athlete {
    /// Where their outings start.
    pub home: Home,
    /// An easy run on the flat, in m/s.
    pub run_m_s: f64,
    /// An easy ride: its power on the flat, in W.
    pub ride_w: f64,
    /// Heart rate at rest.
    pub rest_bpm: f64,
    /// Heart rate at an easy effort.
    pub easy_bpm: f64,
    /// Rider and machine, in kg.
    pub weight_kg: f64,
}

impl Athlete {
    /// The athlete of this number, from 0.
    pub fn new(seed: u64, number: u64) -> Self {
        // Athletes and outings draw from different sequences.
        let mut random = Random::of(seed, u64::MAX - number);
        Self {
            home: HOMES[random.below(HOMES.len())],
            run_m_s: random.between(2.4, 3.7),
            ride_w: random.between(120.0, 210.0),
            rest_bpm: random.between(44.0, 66.0),
            easy_bpm: random.between(128.0, 148.0),
            weight_kg: random.between(64.0, 94.0),
        }
    }
}
