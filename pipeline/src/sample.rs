//! A small builder of recordings for tests.

use crate::recording::{Claims, Clock, Format, Recording, Sample};

/// 2024-05-01T06:00:00Z.
pub const START_MS: i64 = 1_714_543_200_000;
/// Metres in a degree of longitude on the equator (WGS-84: 6,378,137 m · π / 180).
pub const EQUATOR_DEGREE_M: f64 = 6_378_137.0 * std::f64::consts::PI / 180.0;

/// A run in `format` without samples.
pub fn recording(format: Format) -> Recording {
    Recording {
        format,
        part: 0,
        claimed_start_ms: None,
        sport: Some("running".to_owned()),
        sub_sport: None,
        samples: Vec::new(),
        laps: Vec::new(),
        clock: Clock::Unmarked,
        claims: Claims::default(),
        findings: Vec::new(),
    }
}

/// A run whose samples come from `(seconds, metres)`: its device's distance.
pub fn measured(points: &[(f64, Option<f64>)]) -> Recording {
    let samples = points.iter().map(|(s, distance_m)| Sample {
        distance_m: *distance_m,
        ..at(*s)
    });
    Recording {
        samples: samples.collect(),
        ..recording(Format::Fit)
    }
}

/// A run along the equator, east of 10° E, from `(seconds, metres)`.
pub fn tracked(points: &[(f64, f64)]) -> Recording {
    let samples = points.iter().map(|(s, metres)| Sample {
        lat_deg: Some(0.0),
        lng_deg: Some(10.0 + metres / EQUATOR_DEGREE_M),
        ..at(*s)
    });
    Recording {
        samples: samples.collect(),
        ..recording(Format::Gpx)
    }
}

/// A sample without any value, so many seconds after [`START_MS`].
pub fn at(seconds: f64) -> Sample {
    Sample {
        time_ms: START_MS as f64 + seconds * 1000.0,
        ..Sample::default()
    }
}
