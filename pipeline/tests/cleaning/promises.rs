//! What holds of every recording, shown on all real ones.

use crate::files::{all, cleaned};
use pacelake_pipeline::clean::{Clean, clean};
use pacelake_pipeline::identity::{Evidence, connect};
use pacelake_pipeline::recording::{Clock, Recording, Sample};

fn value(channel: &[Option<i32>], i: usize, by: f64) -> Option<f64> {
    let value = channel.get(i).copied().flatten();
    value.map(|value| f64::from(value) / by)
}

/// A recording that says what a clean one holds.
fn again(recording: &Recording, clean: &Clean) -> Recording {
    let start_ms = clean.start_time_us / 1000;
    let samples = clean.t_ms.iter().enumerate().map(|(i, t_ms)| Sample {
        time_ms: (start_ms + t_ms) as f64,
        lat_deg: value(&clean.lat_e7, i, 1e7),
        lng_deg: value(&clean.lng_e7, i, 1e7),
        distance_m: clean.distance_cm.get(i).map(|cm| *cm as f64 / 100.0),
        altitude_m: value(&clean.altitude_cm, i, 100.0),
        heart_rate_bpm: clean.heart_rate_bpm.get(i).copied().flatten(),
        cadence_rpm: clean.cadence_rpm.get(i).copied().flatten(),
        power_w: clean.power_w.get(i).copied().flatten(),
        temperature_c: clean.temperature_c.get(i).copied().flatten(),
        speed_m_s: value(&clean.speed_mm_s, i, 1000.0),
    });
    Recording {
        samples: samples.collect(),
        clock: match &recording.clock {
            // Their indices are of the samples as they were.
            Clock::Segments(_) => Clock::Unmarked,
            clock => clock.clone(),
        },
        ..recording.clone()
    }
}

#[test]
fn every_real_recording_is_clean_after_cleaning() {
    let mut seen = 0;
    for said in [all("recordings"), all("log")].into_iter().flatten() {
        for recording in &said.recordings {
            let name = &said.name;
            let once = cleaned(recording);
            let n = once.t_ms.len();
            assert!(n > 0 && once.t_ms[0] == 0, "{name}");
            assert!(once.t_ms.is_sorted_by(|a, b| a < b), "{name}");
            assert!(once.distance_cm.is_sorted(), "{name}");
            assert!([0, n].contains(&once.distance_cm.len()), "{name}");
            assert!((0..=once.elapsed_ms()).contains(&once.timer_ms), "{name}");

            let twice = clean(again(recording, &once)).unwrap();
            assert_eq!(once.start_time_us, twice.start_time_us, "{name}");
            assert_eq!(once.t_ms, twice.t_ms, "{name}");
            assert_eq!(once.distance_cm, twice.distance_cm, "{name}");
            assert_eq!(once.lat_e7, twice.lat_e7, "{name}");
            assert_eq!(once.altitude_cm, twice.altitude_cm, "{name}");
            assert_eq!(once.heart_rate_bpm, twice.heart_rate_bpm, "{name}");
            assert_eq!(once.speed_mm_s, twice.speed_mm_s, "{name}");
            seen += 1;
        }
    }
    assert!(seen > 570, "only {seen} recordings");
}

#[test]
fn no_two_outings_of_the_log_are_taken_for_one() {
    let log = all("log");
    let evidence: Vec<Evidence> = log
        .iter()
        .flat_map(|said| {
            said.recordings
                .iter()
                .map(move |recording| (said, recording))
        })
        .map(|(said, recording)| {
            let clean = cleaned(recording);
            Evidence {
                sha256: said.facts["sha256"].as_str().unwrap().to_owned(),
                part: recording.part,
                external_id: None,
                upload_id: None,
                is_of_api: false,
                start_time_us: clean.start_time_us,
                elapsed_ms: clean.elapsed_ms(),
                activity_id: None,
                is_parted: false,
            }
        })
        .collect();
    assert_eq!(connect(&evidence).len(), evidence.len());
}
