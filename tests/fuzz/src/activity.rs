//! Recordings as no device would write them, straight to cleaning: each field
//! of each sample is whatever the bytes say.

use pipeline::finding::{Finding, FindingKind};
use pipeline::recording::{Claims, Clock, Format, Lap, Recording, Sample};

use crate::choices::Choices;
use crate::house;

/// 2024-05-01T06:00:00Z.
const START_MS: f64 = 1_714_543_200_000.0;

/// One to three recordings of about the same time, through the house.
pub fn activity(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let count = 1 + choices.index(3);
    let recordings: Vec<_> = (0..count)
        .map(|part| recording(part as u32, count - part, &mut choices))
        .collect();
    house::follow(&recordings);
}

fn recording(part: u32, shares: usize, choices: &mut Choices<'_>) -> Recording {
    let format = choices.of(&[
        Format::Fit,
        Format::Tcx,
        Format::Gpx,
        Format::StravaArchive,
        Format::StravaApi,
    ]);
    let sport = choices.of(&["running", "cycling", "swimming", "Ride", "", "hiking"]);
    let sub_sport = choices.of(&[None, Some("lap_swimming"), Some("treadmill"), Some("trail")]);
    let claims = Claims {
        distance_m: choices.maybe(100.0),
        elapsed_s: choices.maybe(10.0),
        timer_s: choices.maybe(10.0),
        moving_s: choices.maybe(10.0),
        climb_m: choices.maybe(1.0),
        calories_kcal: choices.maybe(1.0),
        avg_heart_rate_bpm: choices.maybe(1.0),
        max_heart_rate_bpm: choices.maybe_whole(),
        utc_offset_s: choices.maybe_whole(),
        time_zone: choices
            .of(&[None, Some("Europe/Berlin"), Some("Nowhere/At_All")])
            .map(str::to_owned),
        external_id: choices
            .of(&[None, None, Some("strava:1"), Some("strava:2")])
            .map(str::to_owned),
        indoor: choices.of(&[None, Some(true), Some(false)]),
        ..Claims::default()
    };
    let clock = clock(choices);
    let laps = (0..choices.index(8)).map(|_| lap(choices)).collect();
    let mut samples = Vec::new();
    let mut time_ms = START_MS + choices.number(1_000.0);
    // The others get what is left.
    let most = if shares > 1 { 24 } else { 400 };
    while !choices.is_empty() && samples.len() < most {
        time_ms += choices.number(100.0);
        samples.push(sample(time_ms, choices));
    }
    Recording {
        format,
        part,
        claimed_start_ms: choices.of(&[None, Some(START_MS as i64), Some(i64::MIN)]),
        sport: Some(sport.to_owned()),
        sub_sport: sub_sport.map(str::to_owned),
        samples,
        laps,
        clock,
        claims,
        findings: vec![Finding {
            kind: FindingKind::CutOff,
            samples: None,
            size: Some(1.0),
            action: "read as far as it goes".to_owned(),
        }],
    }
}

fn sample(time_ms: f64, choices: &mut Choices<'_>) -> Sample {
    // Most samples have few channels: short inputs hold many samples then.
    let channels = choices.byte();
    let mut given =
        |bit: u8, scale: f64| (channels & (1 << bit) != 0).then(|| choices.number(scale));
    let (lat, lng) = (given(0, 1e-4), given(0, 1e-4));
    let distance_m = given(1, 1.0);
    let altitude_m = given(2, 0.1);
    let speed_m_s = given(3, 0.1);
    let mut whole = |bit: u8| {
        (channels & (1 << bit) != 0)
            .then(|| choices.maybe_whole())
            .flatten()
    };
    Sample {
        time_ms,
        lat_deg: lat.map(|lat| 46.0 + lat),
        lng_deg: lng.map(|lng| 7.0 + lng),
        distance_m,
        altitude_m,
        speed_m_s,
        heart_rate_bpm: whole(4),
        cadence_rpm: whole(5),
        power_w: whole(6),
        temperature_c: whole(7),
    }
}

fn clock(choices: &mut Choices<'_>) -> Clock {
    let few = choices.index(6);
    match choices.index(4) {
        0 => Clock::Unmarked,
        1 => Clock::LapTimes(choices.number(10.0)),
        2 => Clock::Segments((0..few).map(|_| choices.index(500)).collect()),
        _ => {
            let event = |_| {
                let ms = (START_MS + choices.number(1_000.0)) as i64;
                (ms, choices.byte().is_multiple_of(2))
            };
            Clock::Events((0..few).map(event).collect())
        }
    }
}

fn lap(choices: &mut Choices<'_>) -> Lap {
    Lap {
        is_length: choices.byte().is_multiple_of(2),
        start_ms: match choices.byte() {
            0xff => choices.long(),
            _ => START_MS as i64 + i64::from(choices.short()) * 1_000,
        },
        elapsed_s: choices.maybe(1.0),
        timer_s: choices.maybe(1.0),
        distance_m: choices.maybe(1.0),
        avg_heart_rate_bpm: choices.maybe_whole(),
        max_heart_rate_bpm: choices.maybe_whole(),
        calories_kcal: choices.maybe(1.0),
        active: choices.of(&[None, Some(true), Some(false)]),
    }
}
