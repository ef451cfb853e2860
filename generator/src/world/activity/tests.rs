//! Activities are the same for the same seed, and what is written is read as
//! the truth says, by decoders that know nothing of it.

use std::collections::BTreeSet;

use pipeline::clean::{Clean, clean};
use pipeline::decode::{Limits, decode};

use super::*;

const WORLD: World = World {
    seed: 17,
    athletes: 4,
    activities: Some(120),
    years: None,
    layout: Layout::Files,
    packed: false,
};

fn activities(world: &World) -> Vec<Activity> {
    let made = |outing: crate::world::Outing| {
        Activity::new(world, &outing.person, &outing.session).unwrap()
    };
    world.outings().map(made).collect()
}

fn read(file: &File) -> Clean {
    let mut recordings = decode(&file.bytes, &Limits::default()).unwrap();
    assert_eq!(recordings.len(), 1, "{}", file.path);
    clean(recordings.remove(0)).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_activities_and_another_others() {
    let few = World {
        activities: Some(12),
        ..WORLD
    };
    let made = activities(&few);
    assert_eq!(made, activities(&few));
    let others = activities(&World { seed: 18, ..few });
    for (one, other) in made.iter().zip(&others) {
        assert_ne!(one.files[0].bytes, other.files[0].bytes);
    }
}

#[test]
fn what_is_recorded_without_flaws_is_read_as_the_truth() {
    let mut seen = BTreeSet::new();
    for activity in activities(&WORLD) {
        let truth = &activity.truth;
        let clean = read(&activity.files[0]);
        assert_eq!(clean.sport.name(), truth.sport);
        let start_s = clean.start_time_us / 1_000_000;
        assert_eq!(shown(start_s, "%Y-%m-%dT%H:%M:%SZ"), truth.start_time);
        assert_eq!(clean.elapsed_ms() as f64 / 1_000.0, truth.totals.elapsed_s);
        assert_eq!(clean.timer_ms as f64 / 1_000.0, truth.totals.timer_s);
        let metres = clean.distance_cm.last().map(|cm| *cm as f64 / 100.0);
        if truth.flaws.is_empty() {
            assert_eq!(
                metres, truth.totals.distance_m,
                "{}",
                activity.files[0].path
            );
        }
        let told = &truth.recordings[0];
        seen.insert(format!(
            "{:?} {:?} {:?}",
            told.format, told.sampling, truth.flaws
        ));
    }
    // Every way of recording, each flaw alone, and some of them together.
    assert!(seen.len() >= 12, "{seen:#?}");
}

#[test]
fn flaws_do_what_they_are_called() {
    let mut spikes = 0;
    for activity in activities(&WORLD) {
        let truth = &activity.truth;
        let clean = read(&activity.files[0]);
        let Some(true_m) = truth.totals.distance_m else {
            continue;
        };
        let metres = clean
            .distance_cm
            .last()
            .map_or(0.0, |cm| *cm as f64 / 100.0);
        let has = |flaw: Flaw| truth.flaws.contains(&flaw);
        let found = |kind: &str| clean.findings.iter().any(|f| f.kind.name() == kind);
        if has(Flaw::DistanceJump) {
            assert!((300.0..=900.0).contains(&(metres - true_m)));
            assert!(found("jump"));
        }
        if has(Flaw::PositionSpikes) && has(Flaw::PositionsOnly) {
            assert!(found("spike"), "{}", activity.files[0].path);
            spikes += 1;
        }
        if truth.flaws == [Flaw::PositionsOnly] {
            // A ten-millionth of a degree is a centimetre.
            assert!(
                (metres - true_m).abs() < 1.0 + true_m * 2e-4,
                "{metres} {true_m}"
            );
        }
    }
    assert!(spikes > 0);
}

#[test]
fn other_recordings_of_an_outing_begin_and_end_near_it() {
    let mut formats = BTreeSet::new();
    for activity in activities(&WORLD) {
        let first = read(&activity.files[0]);
        for other in &activity.files[1..] {
            let second = read(other);
            let late_s = (second.start_time_us - first.start_time_us) / 1_000_000;
            assert!((0..=25).contains(&late_s), "{}", other.path);
            assert!(first.elapsed_ms() - second.elapsed_ms() <= 30_000);
            assert!(second.format > first.format || second.non_null_values < first.non_null_values);
            formats.insert(second.format.name());
        }
    }
    assert_eq!(formats.len(), 3);
}

#[test]
fn packed_files_hold_the_same_bytes() {
    let plain = World {
        activities: Some(3),
        ..WORLD
    };
    let packed = World {
        packed: true,
        ..plain
    };
    for (plain, packed) in activities(&plain).iter().zip(activities(&packed)) {
        for (plain, packed) in plain.files.iter().zip(&packed.files) {
            assert_eq!(format!("{}.gz", plain.path), packed.path);
            let mut unpacked = Vec::new();
            let mut reader = flate2::read::GzDecoder::new(packed.bytes.as_slice());
            std::io::Read::read_to_end(&mut reader, &mut unpacked).unwrap();
            assert_eq!(unpacked, plain.bytes);
        }
    }
}
