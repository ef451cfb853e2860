//! Every lake under `tests/lakes`, written by an earlier version, opened by
//! this one: the same rows, a clean check, imports on top, maintenance and a
//! rebuild. And lakes that lack a table which this version has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pacelake_e2e::{Home, difference, duckdb, root, rows, snapshots};
use serde_json::Value;
use storage::testing::postgres_database;

/// Tables of athletes, and the ledger, which has lines of athletes. Ranks are
/// of the day on which they are derived: in a year they are others, and so is
/// what the ledger says of them.
const OF_ATHLETES: [&str; 3] = ["best_effort_ranks", "derivations", "stats"];

/// Tables that a lake may lack.
const LACKING: [&str; 3] = ["climbs", "peaks", "splits"];

/// What version 2 of `totals` and `splits` gives pool swims otherwise; an
/// activity with other totals is of another revision.
const OTHERWISE: [&str; 3] = ["moving_s", "avg_speed_m_s", "revision"];

/// A recording that no kept lake has, of a run with a climb.
const ONE_MORE: &str = "data/recordings/fit/0134902991.fit";

fn lakes() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("tests/lakes")).unwrap();
    let mut lakes: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    lakes.sort();
    lakes
}

/// A lake as it was: its data folder, or what its backup brings back into an
/// empty PostgreSQL database; and what it held.
fn unpacked(lake: &Path) -> (Home, Vec<String>) {
    let untar = |archive: &Path, folder: &Path| {
        let mut tar = Command::new("tar");
        let status = tar.arg("-xzf").arg(archive).arg("-C").arg(folder).status();
        assert!(status.unwrap().success(), "{}", archive.display());
    };
    let backup = lake.join("backup.tar.gz");
    let home = if backup.exists() {
        let home = Home::new(Some(postgres_database()));
        let place = tempfile::tempdir().unwrap();
        untar(&backup, place.path());
        let (from, to) = (place.path().to_str(), home.data_dir().to_str());
        let restored = home.run(&["restore", "--from", from.unwrap(), "--to", to.unwrap()]);
        // Of what is wrong it may only name what a raised version makes stale.
        let told = format!("{}\n{}", restored.stdout, restored.stderr);
        let mut problems = told.lines().filter(|line| line.starts_with("problem"));
        let other = problems.find(|line| !line.ends_with("`pacelake recompute` renews it"));
        assert_eq!(other, None, "{told}");
        assert!(told.contains("restored backup"), "{told}");
        home
    } else {
        let home = Home::new(None);
        untar(&lake.join("lake.tar.gz"), home.data_dir());
        home
    };
    let expected = Command::new("gzip")
        .arg("-dc")
        .arg(lake.join("rows.jsonl.gz"))
        .output();
    let expected = String::from_utf8(expected.unwrap().stdout).unwrap();
    (home, expected.lines().map(str::to_owned).collect())
}

/// The table that a row is of.
fn table(row: &str) -> &str {
    row.split_once('\t').unwrap().0
}

/// Whether the version that wrote these rows knew a table: it had rows, or the
/// ledger names its definition.
fn knew(rows: &[String], name: &str) -> bool {
    let version = format!("{name}=");
    let names_it = |row: &String| table(row) == "derivations" && row.contains(&version);
    rows.iter().any(|row| table(row) == name || names_it(row))
}

/// Rows without what version 2 of `totals` and `splits` made otherwise: time in
/// which two lengths of a pool overlap moves once. Statistics of all sports hold
/// swims too.
fn without_moving_swims(rows: Vec<String>) -> Vec<String> {
    let parsed = |row: &str| -> Value {
        let (_, json) = row.split_once('\t').unwrap();
        serde_json::from_str(json).unwrap()
    };
    let is_of = |row: &Value, sport: &str| {
        let of = row["sport"].as_str();
        of.is_some_and(|of| of.starts_with(sport))
    };
    let swims: BTreeSet<i64> = rows
        .iter()
        .filter(|row| table(row) == "activities")
        .map(|row| parsed(row))
        .filter(|row| is_of(row, "swim"))
        .map(|row| row["activity_id"].as_i64().unwrap())
        .collect();
    let moves_otherwise = |table: &str, row: &Value| match table {
        "activities" => is_of(row, "swim"),
        "splits" => swims.contains(&row["activity_id"].as_i64().unwrap()),
        "stats" => is_of(row, "swim") || is_of(row, "all"),
        _ => false,
    };
    rows.into_iter()
        .map(|text| {
            let mut row = parsed(&text);
            if !moves_otherwise(table(&text), &row) {
                return text;
            }
            let columns = row.as_object_mut().unwrap();
            columns.retain(|name, _| !OTHERWISE.contains(&name.as_str()));
            format!("{}\t{row}", table(&text))
        })
        .collect()
}

#[test]
fn every_version_opens_the_lakes_of_earlier_ones() {
    let lakes = lakes();
    assert!(!lakes.is_empty());
    let more = root().join(ONE_MORE);
    let fresh = Home::new(None);
    fresh.succeed(&["import", more.to_str().unwrap()]);
    let mut fresh = rows(&fresh, &[]);
    fresh.retain(|row| !OF_ATHLETES.contains(&table(row)));
    assert!(fresh.len() > 20, "{} rows", fresh.len());
    for lake in lakes {
        let (home, kept) = unpacked(&lake);
        assert!(kept.len() > 100, "{} rows", kept.len());
        // What the earlier version did not know is extra.
        let lasting = |rows: &[String]| -> Vec<String> {
            let of_days = ["best_effort_ranks", "derivations"];
            let lasts = |row: &&String| !of_days.contains(&table(row)) && knew(&kept, table(row));
            rows.iter().filter(lasts).cloned().collect()
        };
        let is_first = kept.iter().any(|row| row.contains("totals=1"));
        let lasting = |rows: &[String]| match is_first {
            true => without_moving_swims(lasting(rows)),
            false => lasting(rows),
        };
        let expected = lasting(&kept);
        let assert_same = |what: &str| {
            let found = rows(&home, &[]);
            let difference = difference(&expected, &lasting(&found));
            assert!(
                difference.is_empty(),
                "{}, {what}: {difference}",
                lake.display()
            );
        };
        let old = snapshots(&home).into_iter().max().unwrap();
        // The first command brings the catalog to this version.
        home.succeed(&["recompute"]);
        home.succeed(&["check", "--full"]);
        assert_same("opened");
        assert_readable_at(&home, old);
        home.succeed(&["maintain"]);
        assert_same("maintained");
        home.succeed(&["rebuild"]);
        assert_same("rebuilt");
        home.succeed(&["import", more.to_str().unwrap()]);
        home.succeed(&["check", "--full"]);
        let found: BTreeSet<String> = rows(&home, &[]).into_iter().collect();
        // In every table, new ones too.
        for row in &fresh {
            assert!(found.contains(row), "{}: no {row}", lake.display());
        }
    }
}

/// Every command reads a snapshot that the earlier version left, though it
/// lacks tables that came later.
fn assert_readable_at(home: &Home, snapshot: i64) {
    let at = snapshot.to_string();
    let listed = home.succeed(&["ls", "--format", "json", "--at", &at]);
    let listed: Value = serde_json::from_str(&listed.stdout).unwrap();
    let first = listed[0]["activity_id"].to_string();
    for command in [
        &["show", &first][..],
        &["best"],
        &["stats"],
        &["explain", "activities", &first, "elapsed_s"],
        &["sql", "SELECT count(*) FROM climbs"],
    ] {
        let answer = home.succeed(&[command, &["--at", &at]].concat());
        assert!(!answer.stdout.is_empty(), "{command:?} at {at}");
    }
}

/// A lake of an earlier version lacks tables, and its ledger does not name
/// their definitions.
fn without(home: &Home, name: &str) {
    let ledger = format!(
        "update derivations set versions = trim(regexp_replace(versions, '{name}=[0-9]+,?', ''), ',')"
    );
    duckdb(home, 0, &[&format!("drop table {name}"), &ledger]);
}

fn lacks_a_table(catalog: Option<String>, name: &str) {
    let home = Home::new(catalog);
    home.succeed(&["import", root().join(ONE_MORE).to_str().unwrap()]);
    let expected = rows(&home, &[]);
    assert!(expected.iter().any(|row| table(row) == name), "no {name}");
    let assert_whole = |after: &str| {
        let difference = difference(&expected, &rows(&home, &[]));
        assert!(difference.is_empty(), "{name}, {after}: {difference}");
        home.succeed(&["check", "--full"]);
    };
    without(&home, name);
    // Reading makes it, and tells what it lacks.
    let count = home.succeed(&[
        "sql",
        "--format",
        "csv",
        &format!("select count(*) as n from {name}"),
    ]);
    assert_eq!(count.stdout, "n\n0\n");
    let assert_stale = || {
        let checked = home.run(&["check"]);
        assert_eq!(checked.code, Some(1));
        let stale = "was derived by other versions; `pacelake recompute` renews it";
        assert!(checked.stdout.contains(stale), "{}", checked.stdout);
    };
    assert_stale();
    // Another definition alone does not make it whole, its own does.
    home.succeed(&["recompute", "--only", "best_efforts"]);
    assert_stale();
    home.succeed(&["recompute", "--only", name]);
    assert_whole("recompute of it alone");
    without(&home, name);
    home.succeed(&["recompute"]);
    assert_whole("recompute");
    for command in ["rebuild", "maintain"] {
        without(&home, name);
        home.succeed(&[command]);
        home.succeed(&["recompute"]);
        assert_whole(command);
    }
}

#[test]
fn a_lake_that_lacks_a_table_gets_it_on_sqlite() {
    for name in LACKING {
        lacks_a_table(None, name);
    }
}

#[test]
fn a_lake_that_lacks_a_table_gets_it_on_postgresql() {
    for name in LACKING {
        lacks_a_table(Some(postgres_database()), name);
    }
}
