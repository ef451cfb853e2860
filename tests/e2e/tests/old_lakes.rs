//! Every lake under `tests/lakes`, written by an earlier version, opened by
//! this one: the same rows, a clean check, imports on top, maintenance and a
//! rebuild.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use pacelake_e2e::{Home, difference, root, rows};
use storage::testing::postgres_database;

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
        home.succeed(&["restore", "--from", from.unwrap(), "--to", to.unwrap()]);
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

#[test]
fn every_version_opens_the_lakes_of_earlier_ones() {
    let lakes = lakes();
    assert!(!lakes.is_empty());
    for lake in lakes {
        let (home, expected) = unpacked(&lake);
        assert!(expected.len() > 100, "{} rows", expected.len());
        // Ranks are of the day on which they are derived: in a year they are
        // others, and so is what the ledger says of them.
        let lasting = |rows: Vec<String>| -> Vec<String> {
            let of_days = ["best_effort_ranks\t", "derivations\t"];
            let lasts = |row: &String| !of_days.iter().any(|table| row.starts_with(table));
            rows.into_iter().filter(lasts).collect()
        };
        let expected = lasting(expected);
        let assert_same = |what: &str| {
            let difference = difference(&expected, &lasting(rows(&home, &[])));
            assert!(
                difference.is_empty(),
                "{}, {what}: {difference}",
                lake.display()
            );
        };
        // The first command brings the catalog to this version.
        home.succeed(&["recompute"]);
        home.succeed(&["check", "--full"]);
        assert_same("opened");
        home.succeed(&["maintain"]);
        assert_same("maintained");
        home.succeed(&["rebuild"]);
        assert_same("rebuilt");
        let more = root().join("data/recordings/fit/0134902991.fit");
        home.succeed(&["import", more.to_str().unwrap()]);
        home.succeed(&["check", "--full"]);
        assert!(rows(&home, &[]).len() > expected.len());
    }
}
