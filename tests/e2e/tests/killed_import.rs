//! `kill -9` in the middle of an import, at random moments: the next import
//! goes on, `check` finds nothing, and the lake holds what an import that
//! nobody disturbed would have put there. Nothing lost, nothing doubled.
//!
//! `PACELAKE_TEST_ROUNDS` says how often, on each catalog.

use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

use pacelake_e2e::{COUNTS_OF_WRITES, Home, Random, copy_samples, difference, rows};
use serde_json::Value;

/// How often the import is killed, unless the environment says otherwise.
const ROUNDS: usize = 8;

#[test]
fn nothing_is_lost_or_doubled_on_sqlite() {
    kill_again_and_again(|| None);
}

#[test]
fn nothing_is_lost_or_doubled_on_postgresql() {
    kill_again_and_again(|| Some(storage::testing::postgres_database()));
}

/// Kills an import in homes whose catalogs `fresh` makes, and compares.
fn kill_again_and_again(mut fresh: impl FnMut() -> Option<String>) {
    let samples = tempfile::tempdir().unwrap();
    copy_samples(samples.path());

    let undisturbed = Home::new(fresh());
    let began = Instant::now();
    let expected_report = import(&undisturbed, samples.path());
    let whole = began.elapsed();
    let expected = rows(&undisturbed, COUNTS_OF_WRITES);
    assert!(expected.len() > 500, "{} rows", expected.len());

    let mut random = Random::seeded();
    let mut killed = 0;
    let mut left = Left::default();
    let rounds = std::env::var("PACELAKE_TEST_ROUNDS").map_or(ROUNDS, |n| n.parse().unwrap());
    for round in 1..=rounds {
        let home = Home::new(fresh());
        let moment = whole.mul_f64(random.fraction());
        killed += usize::from(kill_import(&home, samples.path(), moment));

        let report = import(&home, samples.path());
        left.count(&expected_report, &report);
        let at = format!("round {round}, killed after {} ms", moment.as_millis());
        assert_eq!(
            report["failed"], expected_report["failed"],
            "{at}: {report}"
        );
        let check = home.run(&["check"]);
        assert_eq!(
            check.code,
            Some(0),
            "{at}: {}{}",
            check.stdout,
            check.stderr
        );
        let difference = difference(&expected, &rows(&home, COUNTS_OF_WRITES));
        assert!(difference.is_empty(), "{at}: {difference}");
        assert_each_has_one_birth(&home, &at);
    }
    println!("{killed} of {rounds} imports were killed before they ended; {left:?}");
    assert!(
        killed * 2 > rounds,
        "only {killed} of {rounds} were killed in time"
    );
}

/// In how many rounds the killed import left how much of the activities.
#[derive(Debug, Default)]
struct Left {
    none: usize,
    some: usize,
    all: usize,
}

impl Left {
    /// Counts a round by what the import after the kill still had to create.
    fn count(&mut self, expected: &Value, report: &Value) {
        match report["created"].as_u64().unwrap() {
            0 => self.all += 1,
            n if n == expected["created"].as_u64().unwrap() => self.none += 1,
            _ => self.some += 1,
        }
    }
}

/// Imports to the end and gives the report; one sample fails by design.
fn import(home: &Home, samples: &Path) -> Value {
    let answer = home.run(&["import", samples.to_str().unwrap(), "--format", "json"]);
    assert_eq!(answer.code, Some(3), "{}{}", answer.stdout, answer.stderr);
    serde_json::from_str(&answer.stdout).unwrap()
}

/// Starts an import and kills it after `moment`; whether it was still running.
fn kill_import(home: &Home, samples: &Path, moment: Duration) -> bool {
    let mut import = home
        .command(&["import", samples.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    sleep(moment);
    let running = import.try_wait().unwrap().is_none();
    // On Unix this is SIGKILL: no destructor runs, nothing is flushed.
    import.kill().unwrap();
    import.wait().unwrap();
    running
}

/// The audit names each activity as created once.
fn assert_each_has_one_birth(home: &Home, at: &str) {
    let answer = home.run(&["audit", "--limit", "100000", "--format", "json"]);
    assert_eq!(answer.code, Some(0), "{at}: {}", answer.stderr);
    let audit: Value = serde_json::from_str(&answer.stdout).unwrap();
    let created = |entry: &&Value| entry["outcome"] == "created";
    let mut born: Vec<_> = audit
        .as_array()
        .unwrap()
        .iter()
        .filter(created)
        .map(|entry| entry["activity_id"].as_i64().unwrap())
        .collect();
    let births = born.len();
    born.sort_unstable();
    born.dedup();
    assert_eq!(births, born.len(), "{at}: an activity has two births");
    assert!(births > 50, "{at}: {births} births");
}
