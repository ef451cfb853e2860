//! What the commands print and how they end, as transcripts: exit code,
//! stdout, stderr. A changed text shows in review as a changed snapshot.
//!
//! To accept new texts, run with `INSTA_UPDATE=always` and read the diff.

use std::collections::BTreeSet;

use insta::{Settings, assert_snapshot};
use pacelake_e2e::{COUNTS_OF_WRITES, Home, difference, files_below, root, rows};
use serde_json::Value;

const COMMANDS: &[&str] = &[
    "import",
    "ls",
    "show",
    "best",
    "stats",
    "diff",
    "mask",
    "unmask",
    "include",
    "exclude",
    "unmerge",
    "remerge",
    "sql",
    "export",
    "verify",
    "recompute",
    "rebuild",
    "backup",
    "restore",
    "check",
    "maintain",
    "audit",
    "jobs",
    "athlete",
    "account",
    "token",
    "purge",
    "serve",
    "generate",
];

/// A run with positions, the same run by another program, a walk by day and
/// one without positions.
const SMALL: &[&str] = &[
    "data/recordings/fit/4801048867.fit",
    "data/recordings/tcx/activity_4801048867.tcx",
    "data/recordings/fit/2023-09-05_walk_nieuwvliet.fit",
    "data/log/2016/1253222978_ACTIVITY.fit.gz",
];

/// Compares with the snapshot of this name; seconds and ids of runs are
/// replaced, since they differ from run to run.
fn snapshot(name: &str, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.add_filter(r"in \d+\.\d s", "in [SECONDS] s");
    settings.add_filter(
        r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}",
        "[RUN]",
    );
    settings.add_filter(r"\(os error \d+\)", "(os error [N])");
    settings.bind(|| assert_snapshot!(name, text));
}

/// A home with [`SMALL`] in it.
fn small() -> Home {
    let home = Home::new(None);
    let answer = home.run(&[&["import"], SMALL].concat());
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    home
}

fn json(home: &Home, arguments: &[&str]) -> Value {
    let answer = home.run(&[arguments, &["--format", "json"]].concat());
    serde_json::from_str(&answer.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}{}", answer.stdout, answer.stderr))
}

fn keys(object: &Value) -> BTreeSet<&str> {
    object
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect()
}

#[test]
fn help() {
    let home = Home::new(None);
    snapshot("help", &home.run(&["--help"]).transcript(&home));
    for command in COMMANDS {
        let answer = home.run(&[command, "--help"]);
        assert_eq!(answer.code, Some(0));
        snapshot(&format!("help_{command}"), &answer.transcript(&home));
    }
}

#[test]
fn jobs_that_are_not_there() {
    let home = Home::new(None);
    assert_eq!(json(&home, &["jobs", "ls"]), Value::Array(Vec::new()));
    let refused = home.run(&["jobs", "retry", "7"]);
    snapshot("jobs_not_found", &refused.transcript(&home));
    let refused = home.run(&["jobs", "ls", "--state", "lost"]);
    assert_eq!(refused.code, Some(2), "{}", refused.transcript(&home));
}

#[test]
fn wrong_usage_ends_with_2() {
    let home = Home::new(None);
    let cases: &[(&str, &[&str])] = &[
        ("nothing", &[]),
        ("unknown command", &["imprt"]),
        ("no path", &["import"]),
        ("unknown format", &["ls", "--format", "xml"]),
        ("an id that is none", &["show", "first"]),
        ("a day that is none", &["ls", "--from", "2022-02-30"]),
        ("a limit that is too high", &["ls", "--limit", "100000000"]),
        ("an unknown window", &["best", "--window", "5y"]),
        ("an unknown period", &["stats", "--by", "decade"]),
        (
            "a table and all of them",
            &["export", "--table", "splits", "--all", "--to", "x"],
        ),
        (
            "training of so many minutes",
            &["generate", "--years", "1", "--minutes", "3", "--to", "x"],
        ),
        (
            "an unknown setting",
            &["--config", "tests/e2e/unknown_setting.toml", "ls"],
        ),
    ];
    for (what, arguments) in cases {
        let answer = home.run(arguments);
        assert_eq!(answer.code, Some(2), "{what}: {}", answer.transcript(&home));
        assert!(answer.stdout.is_empty(), "{what}: talk belongs on stderr");
        assert!(!answer.stderr.is_empty(), "{what}");
    }
}

#[test]
fn an_import_says_what_became_of_each_item() {
    let home = Home::new(None);
    let all_in = home.run(&["import", SMALL[0]]);
    snapshot("import_all_in", &all_in.transcript(&home));
    let again = home.run(&["import", SMALL[0], SMALL[1], "--format", "json"]);
    snapshot("import_again_json", &again.transcript(&home));
    let some_failed = home.run(&[
        "import",
        "data/recordings/gpx/gpx_sample.gpx",
        "data/recordings/corrupt/badcharacter.xml",
        "no/such/file.fit",
        SMALL[2],
    ]);
    assert_eq!(some_failed.code, Some(3));
    snapshot("import_some_failed", &some_failed.transcript(&home));
    let failed = json(&home, &["audit", "--failed"]);
    assert_eq!(failed.as_array().unwrap().len(), 3, "{failed}");
}

#[test]
fn a_folder_may_hold_other_files_and_links() {
    let home = Home::new(None);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no recording").unwrap();
    std::fs::copy(root().join(SMALL[2]), folder.path().join("walk.fit")).unwrap();
    std::os::unix::fs::symlink(root().join(SMALL[0]), folder.path().join("link.fit")).unwrap();
    let report = json(&home, &["import", folder.path().to_str().unwrap()]);
    assert_eq!(
        (&report["created"], &report["ignored"], &report["failed"]),
        (&1.into(), &2.into(), &0.into()),
        "{report}"
    );
}

#[test]
fn rows_come_out_in_each_format() {
    let home = small();
    for command in [&["ls"][..], &["best"], &["stats", "--by", "year"]] {
        let name = command[0];
        snapshot(
            &format!("{name}_table"),
            &home.run(command).transcript(&home),
        );
        let csv = home.run(&[command, &["--format", "csv"]].concat());
        let rows = json(&home, command);
        let rows = rows.as_array().unwrap();
        let header: BTreeSet<_> = csv.stdout.lines().next().unwrap().split(',').collect();
        // One name everywhere: the header of CSV is JSON's fields.
        assert_eq!(header, keys(&rows[0]), "{name}");
        assert_eq!(csv.stdout.lines().count(), rows.len() + 1, "{name}");
        let parquet = home
            .command(&[command, &["--format", "parquet"]].concat())
            .output()
            .unwrap();
        assert!(
            parquet.stdout.starts_with(b"PAR1") && parquet.stdout.ends_with(b"PAR1"),
            "{name}"
        );
    }
}

#[test]
fn sql_reads_and_never_writes() {
    let home = small();
    let count = json(&home, &["sql", "select count(*) as n from activities"]);
    assert_eq!(count, serde_json::json!([{ "n": 3 }]));
    let nothing = home.run(&["sql", "select * from laps where false", "--format", "json"]);
    assert_eq!((nothing.code, nothing.stdout.trim()), (Some(0), "[]"));
    let null = json(&home, &["sql", "select cast(null as bigint) as n"]);
    assert_eq!(null, serde_json::json!([{ "n": null }]));
    let refused = [
        ("writes", "insert into laps select * from laps"),
        ("copies", "copy laps to '/tmp/laps.parquet'"),
        ("defines", "create table mine as select 1"),
        (
            "explains a copy",
            "explain analyze copy laps to '/tmp/laps.parquet'",
        ),
        ("reads a file", "select * from '/etc/passwd'"),
        ("sets", "set datafusion.execution.batch_size = 1"),
        ("has a fault", "select from where"),
        ("reads what is not there", "select * from catalog"),
    ];
    for (what, statement) in refused {
        let answer = home.run(&["sql", statement]);
        assert_eq!(answer.code, Some(1), "{what}: {}", answer.transcript(&home));
        assert!(answer.stdout.is_empty(), "{what}");
        assert!(
            answer.stderr.starts_with("error["),
            "{what}: {}",
            answer.stderr
        );
    }
    let limit = home.run(&["sql", "select * from samples", "--max-rows", "10"]);
    assert_eq!(limit.code, Some(1));
    assert!(
        limit.stdout.is_empty(),
        "a limit is an error, never a silent cut"
    );
    snapshot("sql_limit", &limit.transcript(&home));
}

#[test]
fn what_is_not_there_is_told() {
    let home = small();
    let show = home.run(&["show", "1"]);
    assert_eq!(show.code, Some(1));
    snapshot("show_not_found", &show.transcript(&home));
    let athlete = home.run(&["ls", "--athlete", "7"]);
    assert_eq!(athlete.code, Some(1));
    snapshot("no_such_athlete", &athlete.transcript(&home));
}

#[test]
fn one_activity_is_shown_with_its_sources() {
    let home = small();
    let rows = json(&home, &["ls", "--sport", "ride"]);
    let id = rows[0]["activity_id"].to_string();
    let shown = json(&home, &["show", &id]);
    assert_eq!(
        shown["activity"]["activity_id"], rows[0]["activity_id"],
        "{shown}"
    );
    snapshot("show_table", &home.run(&["show", &id]).transcript(&home));
}

#[test]
fn a_sound_lake_passes_its_check_and_a_damaged_one_does_not() {
    let home = small();
    let sound = home.run(&["check"]);
    assert_eq!(sound.code, Some(0), "{}", sound.transcript(&home));
    snapshot("check_sound", &sound.transcript(&home));
    let files = files_below(&home.data_dir().join("lake"));
    std::fs::remove_file(&files[0]).unwrap();
    let damaged = home.run(&["check"]);
    assert_eq!(damaged.code, Some(1), "{}", damaged.transcript(&home));
    assert!(damaged.stdout.contains(".parquet"), "{}", damaged.stdout);
}

#[test]
fn recompute_changes_no_row() {
    let home = small();
    let before = rows(&home, COUNTS_OF_WRITES);
    let answer = home.run(&["recompute", "--full"]);
    assert_eq!(answer.code, Some(0), "{}", answer.transcript(&home));
    assert_eq!(difference(&before, &rows(&home, COUNTS_OF_WRITES)), "");
}

#[test]
fn every_table_is_exported() {
    let home = small();
    let tables = json(
        &home,
        &["sql", "select table_name from information_schema.tables"],
    );
    let folder = tempfile::tempdir().unwrap();
    for (format, end) in [("parquet", ".parquet"), ("csv", ".csv")] {
        let to = folder.path().join(format);
        let answer = home.run(&[
            "export",
            "--all",
            "--to",
            to.to_str().unwrap(),
            "--format",
            format,
        ]);
        assert_eq!(answer.code, Some(0), "{}", answer.transcript(&home));
        let mut names: Vec<_> = std::fs::read_dir(&to)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        for table in [
            "activities",
            "streams",
            "splits",
            "best_efforts",
            "peaks",
            "stats",
        ] {
            assert!(
                names.contains(&format!("{table}{end}")),
                "{names:?}, {tables}"
            );
        }
    }
}
