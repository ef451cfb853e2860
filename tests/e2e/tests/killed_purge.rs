//! `kill -9` in the middle of a purge, at random moments, and an import of the
//! same athlete beside it: the purge goes on where it was, nothing of whom it
//! purged is left, and others' rows are as they were.
//!
//! `PACELAKE_TEST_ROUNDS` says how often, on each catalog.

use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pacelake_e2e::{Home, Random, Wanted, copy_samples, difference, root, rows};
use serde_json::Value;

/// How often a purge is killed, unless the environment says otherwise.
const ROUNDS: usize = 4;

#[test]
fn a_killed_purge_goes_on_on_sqlite() {
    kill_again_and_again(|| None);
}

#[test]
fn a_killed_purge_goes_on_on_postgresql() {
    kill_again_and_again(|| Some(storage::testing::postgres_database()));
}

fn import(home: &Home, athlete: &str, names: &[&str]) {
    let folder = root().join("data/recordings");
    let paths: Vec<String> = names
        .iter()
        .map(|name| folder.join(name).display().to_string())
        .collect();
    let mut arguments = vec!["import", "--athlete", athlete];
    arguments.extend(paths.iter().map(String::as_str));
    let answer = home.run(&arguments);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
}

/// A home with two athletes whose rows lie in the same files.
fn filled(catalog: Option<String>) -> Home {
    let home = Home::new(catalog);
    for name in ["Anna Aalto", "Berta Brekke"] {
        assert_eq!(home.run(&["athlete", "add", "--name", name]).code, Some(0));
    }
    import(
        &home,
        "1",
        &["fit/garmin.fit", "gpx/activity_4801048867.gpx"],
    );
    import(
        &home,
        "2",
        &["fit/garmin-fenix-5-run.fit", "gpx/4801048867_strava.gpx"],
    );
    import(&home, "2", &["fit/4801048867.fit"]);
    pacelake_e2e::duckdb(&home, 0, &["call ducklake_merge_adjacent_files('lake')"]);
    home
}

fn of_others(home: &Home) -> Vec<String> {
    let mut rows = rows(home, &[]);
    rows.retain(|line| {
        let (_, row) = line.split_once('\t').unwrap();
        let row: Value = serde_json::from_str(row).unwrap();
        row["athlete_id"] != 2
    });
    rows
}

const PURGE: &[&str] = &["purge", "--athlete", "2", "--yes"];

fn kill_again_and_again(mut fresh: impl FnMut() -> Option<String>) {
    let wanted = Wanted {
        athlete: 2,
        activities: vec![],
    };
    let undisturbed = filled(fresh());
    let began = Instant::now();
    assert_eq!(undisturbed.run(PURGE).code, Some(0));
    let whole = began.elapsed();
    let mut random = Random::seeded();
    let (mut killed, mut begun) = (0, 0);
    let rounds = std::env::var("PACELAKE_TEST_ROUNDS").map_or(ROUNDS, |n| n.parse().unwrap());
    for round in 1..=rounds {
        let home = filled(fresh());
        let values = wanted.values(&home);
        let expected = of_others(&home);
        let moment = whole.mul_f64(random.fraction());
        let at = format!("round {round}, killed after {} ms", moment.as_millis());
        let mut purge = home
            .command(PURGE)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        sleep(moment);
        killed += usize::from(purge.try_wait().unwrap().is_none());
        purge.kill().unwrap();
        purge.wait().unwrap();
        // A reader in between sees others as they were.
        assert_eq!(difference(&expected, &of_others(&home)), "", "{at}");

        let check = home.run(&["check"]);
        if check.code != Some(0) {
            assert!(
                check.stdout.contains("a purge of athlete 2"),
                "{at}: {}",
                check.stdout
            );
            begun += 1;
        }
        let finished = home.run(&["purge", "--unfinished"]);
        assert_eq!(finished.code, Some(0), "{at}: {}", finished.stderr);
        let again = home.run(PURGE);
        assert!(
            again.code == Some(0) || again.stderr.contains("not_found"),
            "{at}: {}",
            again.stderr
        );
        let check = home.run(&["check"]);
        assert_eq!(check.code, Some(0), "{at}: {}", check.stdout);
        let left = wanted.traces(&home, &values);
        assert!(left.is_empty(), "{at}: {left:#?}");
        assert_eq!(difference(&expected, &of_others(&home)), "", "{at}");
    }
    println!("{killed} of {rounds} purges were killed before they ended, {begun} of them begun");
}

#[test]
fn an_import_beside_a_purge_leaves_nothing_on_sqlite() {
    import_beside_a_purge(None);
}

#[test]
fn an_import_beside_a_purge_leaves_nothing_on_postgresql() {
    import_beside_a_purge(Some(storage::testing::postgres_database()));
}

/// An import of the athlete that is under way when they are purged fails, or
/// came before; either way nothing of it stays.
fn import_beside_a_purge(catalog: Option<String>) {
    let samples = tempfile::tempdir().unwrap();
    copy_samples(samples.path());
    let home = filled(catalog);
    let mut import = home
        .command(&["import", "--athlete", "2", samples.path().to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // As soon as it keeps bytes it is under way.
    let raw = home.data_dir().join("raw/2");
    let kept = || std::fs::read_dir(&raw).map_or(0, Iterator::count);
    let began = Instant::now();
    while kept() < 5 && import.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(60));
        std::thread::yield_now();
    }
    let purge = home.run(PURGE);
    assert_eq!(purge.code, Some(0), "{}", purge.stderr);
    let ended = import.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("error[conflict]"), "{said}");
    assert_eq!(kept(), 0);
    let wanted = Wanted {
        athlete: 2,
        activities: vec![],
    };
    let left = wanted.traces(&home, "[\"Berta Brekke\"]");
    assert!(left.is_empty(), "{left:#?}");
    let check = home.run(&["check"]);
    assert_eq!(check.code, Some(0), "{}", check.stdout);
}
