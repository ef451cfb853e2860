//! Worlds as a whole: how many activities there are, and what is written.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use pipeline::decode::Limits;
use pipeline::decode::strava::read_table;
use storage::{Code, Failure};

use super::*;

const WORLD: World = World {
    seed: 5,
    athletes: 3,
    activities: Some(20),
    years: None,
    layout: Layout::Archive,
    packed: true,
};

/// Path below the folder, and bytes, of every file.
fn files(root: &Path, below: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(root, &path, found);
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            found.insert(name, fs::read(&path).unwrap());
        }
    }
}

fn written(world: &World) -> (Written, BTreeMap<String, Vec<u8>>) {
    let folder = tempfile::tempdir().unwrap();
    let count = AtomicU64::new(0);
    let done = || {
        count.fetch_add(1, Ordering::Relaxed);
    };
    let written = write(world, folder.path(), &done).unwrap();
    assert_eq!(count.into_inner(), written.activities);
    let mut found = BTreeMap::new();
    files(folder.path(), folder.path(), &mut found);
    (written, found)
}

#[test]
fn as_many_activities_as_asked_for_shared_among_all() {
    let athletes: Vec<u64> = WORLD.outings().map(|outing| outing.person.number).collect();
    let of = |number: u64| {
        athletes
            .iter()
            .filter(|athlete| **athlete == number)
            .count()
    };
    assert_eq!([of(1), of(2), of(3)], [7, 7, 6]);
}

#[test]
fn years_end_when_they_are_over() {
    let world = World {
        activities: None,
        years: Some(2),
        athletes: 1,
        ..WORLD
    };
    let starts: Vec<i64> = world
        .outings()
        .map(|outing| outing.session.start_unix_s)
        .collect();
    assert!(starts.len() > 200, "{}", starts.len());
    let lasts_s = starts.last().unwrap() - starts[0];
    assert!((690 * 86_400..731 * 86_400).contains(&lasts_s));
    // A longer life begins alike.
    let longer = World {
        years: Some(3),
        ..world
    };
    let other: Vec<i64> = longer
        .outings()
        .map(|outing| outing.session.start_unix_s)
        .collect();
    assert_eq!(other[..starts.len()], starts);
}

#[test]
fn a_life_that_is_too_short_is_told_before_anything_is_written() {
    let world = World {
        activities: Some(100_000),
        ..WORLD
    };
    let folder = tempfile::tempdir().unwrap();
    let error = write(&world, folder.path(), &|| {}).unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
    let enough = World {
        athletes: 10,
        ..world
    };
    assert!(enough.check().is_ok());
}

#[test]
fn an_archive_is_read_as_strava_s_and_each_file_has_its_row() {
    let (told, found) = written(&WORLD);
    let truth = String::from_utf8(found["truth.jsonl"].clone()).unwrap();
    assert_eq!(truth.lines().count() as u64, told.activities);
    let mut rows = 0;
    for athlete in 1..=3 {
        let table = &found[&format!("{athlete}/activities.csv")];
        for row in read_table(table, &Limits::default()).unwrap() {
            let row = row.unwrap();
            let file = format!("{athlete}/{}", row.file.unwrap());
            assert!(found.contains_key(&file), "{file}");
            assert!(truth.contains(&format!("\"{file}\"")), "{file}");
            assert!(row.recording.claims.elapsed_s.is_some());
            rows += 1;
        }
    }
    assert_eq!(rows, told.recordings);
    // With the tables and the truth.
    assert_eq!(found.len() as u64, told.recordings + 4);
}

#[test]
fn the_same_world_gives_the_same_files() {
    let world = World {
        layout: Layout::Files,
        packed: false,
        ..WORLD
    };
    let (told, first) = written(&world);
    let (_, second) = written(&world);
    assert!(first == second, "the files differ");
    assert_eq!(first.len() as u64, told.recordings + 1);
}

#[test]
fn truth_is_a_line_of_json_an_activity() {
    let (_, found) = written(&World {
        activities: Some(6),
        ..WORLD
    });
    let truth = String::from_utf8(found["truth.jsonl"].clone()).unwrap();
    for line in truth.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(line["totals"]["elapsed_s"].as_f64().unwrap() > 0.0);
        let splits = line["splits"].as_array().unwrap();
        let km = splits.iter().filter(|split| split["unit"] == "km");
        let sum: f64 = km.map(|split| split["distance_m"].as_f64().unwrap()).sum();
        let total = line["totals"]["distance_m"].as_f64().unwrap_or(0.0);
        assert!((sum - total).abs() < 0.01, "{line}");
    }
}

#[test]
fn a_file_where_a_folder_should_be_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let error = write(&WORLD, file.path(), &|| {}).unwrap_err();
    assert!(error.to_string().starts_with("could not write "), "{error}");
}
