//! When something breaks, and when someone leaves: rebuild, repair, backup and
//! restore, export with originals and its verification, by the real binary and
//! with DuckDB for a referee.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use pacelake_e2e::{COUNTS_OF_WRITES, Home, difference, files_below, root, rows};
use serde_json::Value;

/// Several formats, several recordings of one outing, several sessions in one
/// file, an account archive.
const SAMPLES: &[&str] = &[
    "gpx/activity_4801048867.gpx",
    "tcx/activity_4801048867.tcx",
    "fit/20140622_swim_garmin_fr910xt.fit",
    "fit/event_timestamp.fit",
    "tcx/treadmill_1.tcx",
    "strava",
];

fn sample(name: &str) -> String {
    let path = root().join("data/recordings").join(name);
    path.to_str().unwrap().to_owned()
}

/// The second import brings the better source of an activity that is there.
fn imported(catalog: Option<String>) -> Home {
    let home = Home::new(catalog);
    let first: Vec<String> = SAMPLES.iter().map(|name| sample(name)).collect();
    for paths in [first, vec![sample("fit/4801048867.fit")]] {
        let mut arguments = vec!["import"];
        arguments.extend(paths.iter().map(String::as_str));
        home.succeed(&arguments);
    }
    home
}

fn assert_same(expected: &[String], found: &[String], what: &str) {
    let difference = difference(expected, found);
    assert!(difference.is_empty(), "{what}: {difference}");
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = files_below(folder);
    found.retain(|path| path.to_string_lossy().ends_with(ending));
    found
}

/// Flips one byte in the middle of a file.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(path, bytes).unwrap();
}

fn rebuild_and_repair(catalog: Option<String>) {
    let home = imported(catalog);
    let expected = rows(&home, &[]);
    assert!(expected.len() > 100, "{} rows", expected.len());
    home.succeed(&["rebuild"]);
    assert_same(&expected, &rows(&home, &[]), "rebuild of a sound lake");
    home.succeed(&["check", "--full"]);

    let lake = home.data_dir().join("lake");
    for (nth, file) in files(&lake, ".parquet").iter().enumerate() {
        match nth % 3 {
            0 => fs::remove_file(file).unwrap(),
            1 => fs::write(file, b"PAR1").unwrap(),
            _ => {}
        }
    }
    assert_eq!(home.run(&["check"]).code, Some(1));
    home.succeed(&["check", "--repair"]);
    let (values, repaired) = (without_counts(&expected), without_counts(&rows(&home, &[])));
    assert_same(&values, &repaired, "repair");
    home.succeed(&["check", "--full"]);

    let expected = rows(&home, &[]);
    fs::remove_dir_all(&lake).unwrap();
    home.succeed(&["rebuild"]);
    assert_same(&expected, &rows(&home, &[]), "rebuild without any file");
    home.succeed(&["rebuild", "--new-lake"]);
    assert_same(&expected, &rows(&home, &[]), "rebuild of a new lake");
    home.succeed(&["check", "--full"]);
}

/// Rows as JSON without what counts writes.
fn without_counts(rows: &[String]) -> Vec<String> {
    let mut rows: Vec<String> = rows
        .iter()
        .map(|line| {
            let (table, row) = line.split_once('\t').unwrap();
            let mut row: Value = serde_json::from_str(row).unwrap();
            for column in COUNTS_OF_WRITES {
                row.as_object_mut().unwrap().remove(*column);
            }
            format!("{table}\t{row}")
        })
        .collect();
    rows.sort();
    rows
}

#[test]
fn a_broken_lake_is_made_good_on_sqlite() {
    rebuild_and_repair(None);
}

#[test]
fn a_broken_lake_is_made_good_on_postgresql() {
    rebuild_and_repair(Some(storage::testing::postgres_database()));
}

fn back_up_and_restore(mut fresh: impl FnMut() -> Option<String>) {
    let home = imported(fresh());
    let place = tempfile::tempdir().unwrap();
    let to = place.path().to_str().unwrap();
    let first = report(&home, &["backup", "--to", to, "--format", "json"]);
    assert_eq!(first["copied"], first["objects"]);
    let expected = rows(&home, &[]);

    // While another process imports.
    let log = root().join("data/log/2019");
    let mut import = home
        .command(&["import", log.to_str().unwrap()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let second = report(&home, &["backup", "--to", to, "--format", "json"]);
    assert!(import.wait().unwrap().success());
    let (objects, copied) = (&second["objects"], &second["copied"]);
    assert!(copied.as_u64() < objects.as_u64(), "{second}");
    let third = report(&home, &["backup", "--to", to, "--format", "json"]);
    let newest = rows(&home, &[]);

    for (backup, expected) in [
        (&first, Some(&expected)),
        (&second, None),
        (&third, Some(&newest)),
    ] {
        let restored = Home::new(fresh());
        let id = backup["backup_id"].as_str().unwrap();
        let target = restored.data_dir().to_str().unwrap();
        let arguments = ["restore", "--from", to, "--to", target, "--backup", id];
        restored.succeed(&arguments);
        if let Some(expected) = expected {
            assert_same(expected, &rows(&restored, &[]), "restore");
        }
        restored.succeed(&["check", "--full"]);
        restored.succeed(&["import", log.to_str().unwrap()]);
        assert_same(
            &without_counts(&newest),
            &without_counts(&rows(&restored, &[])),
            "an import on top of a restore",
        );
        // Not into what is there already.
        let again = restored.run(&arguments);
        assert_eq!(again.code, Some(2), "{}", again.stderr);
        assert!(again.stderr.contains("not empty"), "{}", again.stderr);
    }

    // A flipped byte is named, and a repair mends it where replay can.
    let damaged = files(&place.path().join("objects/lake"), ".parquet");
    flip(&damaged[0]);
    let name = damaged[0].file_name().unwrap().to_str().unwrap();
    let restored = Home::new(fresh());
    let target = restored.data_dir().to_str().unwrap();
    let refused = restored.run(&["restore", "--from", to, "--to", target]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.stdout.contains(name), "{}", refused.stdout);
    restored.run(&["restore", "--from", to, "--to", target, "--despite-damage"]);
    restored.succeed(&["check", "--repair"]);
    assert_same(
        &without_counts(&newest),
        &without_counts(&rows(&restored, &[])),
        "repair of a damaged restore",
    );
}

fn report(home: &Home, arguments: &[&str]) -> Value {
    serde_json::from_str(&home.succeed(arguments).stdout).unwrap()
}

#[test]
fn a_backup_is_whole_on_sqlite() {
    back_up_and_restore(|| None);
}

#[test]
fn a_backup_is_whole_on_postgresql() {
    back_up_and_restore(|| Some(storage::testing::postgres_database()));
}

#[test]
fn an_export_with_originals_proves_itself() {
    let home = imported(None);
    let folder = tempfile::tempdir().unwrap();
    let exit = folder.path().join("exit");
    let to = exit.to_str().unwrap();
    home.succeed(&["export", "--all", "--originals", "--to", to]);
    // Bytes and names as they were given.
    let original = fs::read(sample("fit/4801048867.fit")).unwrap();
    assert_eq!(
        fs::read(exit.join("originals/1/4801048867.fit")).unwrap(),
        original
    );

    // Nothing but the folder.
    let nobody = Home::new(None);
    let verified = report(&nobody, &["verify", to, "--format", "json"]);
    assert_eq!(verified["problems"], Value::Array(Vec::new()), "{verified}");
    assert_eq!(verified["differences"], Value::Array(Vec::new()));
    let rows = |table: &Value| table["rows"].as_u64().unwrap();
    let total: u64 = verified["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(rows)
        .sum();
    assert_eq!(total, pacelake_e2e::rows(&home, &[]).len() as u64);

    // A number is changed in one place …
    let splits = exit.join("splits.parquet");
    let kept = fs::read(&splits).unwrap();
    let script = "import duckdb, sys; path = sys.argv[1]; \
        duckdb.execute(f\"copy (select * replace (case when row_number() over () = 1 \
        then elapsed_s + 1 else elapsed_s end as elapsed_s) from '{path}') \
        to '{path}.new' (format parquet)\")";
    let changed = std::process::Command::new(root().join(".venv/bin/python"))
        .args(["-c", script, splits.to_str().unwrap()])
        .status();
    assert!(changed.unwrap().success());
    fs::rename(exit.join("splits.parquet.new"), &splits).unwrap();
    let answer = nobody.run(&["verify", to]);
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.stdout.contains("problem splits.parquet"),
        "{}",
        answer.stdout
    );
    assert!(
        answer.stdout.contains("differs splits.elapsed_s of "),
        "{}",
        answer.stdout
    );
    assert!(
        answer.stdout.contains(", 1 differences"),
        "{}",
        answer.stdout
    );
    fs::write(&splits, kept).unwrap();

    // … and a byte of an original in another.
    let original = exit.join("originals/1/event_timestamp.fit");
    flip(&original);
    let answer = nobody.run(&["verify", to]);
    assert_eq!(answer.code, Some(1));
    assert!(
        answer.stdout.contains("event_timestamp.fit"),
        "{}",
        answer.stdout
    );
    flip(&original);

    // A version that knew no peaks wrote neither file nor line of them; what it
    // says of the tables behind them is checked all the same.
    let path = exit.join("manifest.json");
    let mut manifest: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let tables = manifest["tables"].as_array_mut().unwrap();
    tables.retain(|table| table["table"] != "peaks");
    let last = tables.last_mut().unwrap();
    let (name, rows) = (last["table"].clone(), last["rows"].as_u64().unwrap());
    last["rows"] = (rows + 1).into();
    let definitions = manifest["definitions"].as_array_mut().unwrap();
    definitions.retain(|definition| definition["name"] != "peaks");
    fs::write(&path, manifest.to_string()).unwrap();
    fs::remove_file(exit.join("peaks.parquet")).unwrap();
    let answer = nobody.run(&["verify", to, "--format", "json"]);
    assert_eq!(answer.code, Some(1));
    let verified: Value = serde_json::from_str(&answer.stdout).unwrap();
    let expected = [
        "peaks was derived by version none, this build derives version 1".to_owned(),
        "table peaks is not in the manifest".to_owned(),
        format!(
            "{} has {rows} rows, the manifest says {}",
            name.as_str().unwrap(),
            rows + 1
        ),
    ];
    assert_eq!(verified["problems"], serde_json::json!(expected));
}
