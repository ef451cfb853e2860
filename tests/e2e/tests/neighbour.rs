//! DuckDB as a neighbour: it writes a table of its own and runs its own
//! maintenance on our lake, on PostgreSQL while we write, on SQLite while we
//! are quiet. Afterwards `check` is clean, and every row is what it would be
//! without the neighbour.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use pacelake_e2e::{COUNTS_OF_WRITES, Home, copy_samples, difference, root, rows};
use serde_json::Value;

/// What DuckDB does in each round.
const STATEMENTS: &[&str] = &[
    "create table if not exists notes (activity_id bigint, round integer, words varchar)",
    "insert into notes select activity_id, {round}, 'round {round}' from activities",
    "insert into notes values (-1, {round}, 'a small one')",
    "update notes set words = words || '!' where activity_id = -1 and round = {round}",
    "delete from notes where activity_id > 0 and round = {round}",
    "call ducklake_merge_adjacent_files('lake')",
    "call ducklake_rewrite_data_files('lake', delete_threshold => 0.1)",
    "select count(*) from ducklake_expire_snapshots('lake', \
     older_than => now() - interval 2 second)",
    "select count(*) from ducklake_cleanup_old_files('lake', cleanup_all => true)",
    "select count(*), count(distinct activity_id) from activities",
];

/// Rounds beside one import.
const ROUNDS: usize = 6;

fn samples() -> (tempfile::TempDir, Vec<PathBuf>) {
    let folder = tempfile::tempdir().unwrap();
    copy_samples(folder.path());
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    (folder, files)
}

/// Starts DuckDB at its work.
fn neighbour(home: &Home, rounds: usize) -> Child {
    let mut process = Command::new(root().join(".venv/bin/python"))
        .arg("-B")
        .arg(root().join("tests/oracles/neighbour.py"))
        .arg(home.lake())
        .arg(format!("{}/lake/", home.data_dir().display()))
        .arg(rounds.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter can be started; `make test` makes it");
    let mut stdin = process.stdin.take().unwrap();
    let statements = serde_json::to_vec(STATEMENTS).unwrap();
    stdin.write_all(&statements).unwrap();
    process
}

fn told(process: Child) -> Vec<Value> {
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "the neighbour failed");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn import(home: &Home, files: &[PathBuf]) {
    let mut arguments = vec!["import"];
    arguments.extend(files.iter().map(|path| path.to_str().unwrap()));
    let answer = home.run(&arguments);
    assert!(
        matches!(answer.code, Some(0 | 3)),
        "{}{}",
        answer.stdout,
        answer.stderr
    );
}

/// The rows of our tables, as DuckDB reads them.
fn our_rows(home: &Home) -> Vec<String> {
    let mut rows = rows(home, COUNTS_OF_WRITES);
    rows.retain(|row| !row.starts_with("notes\t"));
    rows
}

fn assert_sound(home: &Home, expected: &[String]) {
    let check = home.run(&["check"]);
    assert_eq!(check.code, Some(0), "{}{}", check.stdout, check.stderr);
    let difference = difference(expected, &our_rows(home));
    assert!(difference.is_empty(), "{difference}");
    let answer = home.run(&[
        "sql",
        "select activity_id, count(*) as n, \
        count(distinct words) as words from notes group by activity_id",
        "--format",
        "json",
    ]);
    assert_eq!(answer.code, Some(0), "{}", answer.stderr);
    let notes: Value = serde_json::from_str(&answer.stdout).unwrap();
    let expected = serde_json::json!([{"activity_id": -1, "n": ROUNDS, "words": 1}]);
    assert_eq!(notes, expected);
}

fn undisturbed(files: &[PathBuf], half: usize, catalog: Option<String>) -> Vec<String> {
    let home = Home::new(catalog);
    import(&home, &files[..half]);
    import(&home, &files[half..]);
    our_rows(&home)
}

#[test]
fn duckdb_works_while_we_write_on_postgresql() {
    let (_folder, files) = samples();
    let half = files.len() / 2;
    let expected = undisturbed(&files, half, Some(storage::testing::postgres_database()));
    let home = Home::new(Some(storage::testing::postgres_database()));
    import(&home, &files[..half]);
    let duckdb = neighbour(&home, ROUNDS);
    // Many small commits: one import after the other until DuckDB is done.
    for few in files[half..].chunks(8) {
        import(&home, few);
    }
    for line in told(duckdb) {
        println!(
            "{:>3} ran, {:>3} lost: {}",
            line["ran"],
            line["lost"],
            line["statement"].as_str().unwrap()
        );
    }
    assert_sound(&home, &expected);
}

#[test]
fn duckdb_works_while_we_are_quiet_on_sqlite() {
    let (_folder, files) = samples();
    let half = files.len() / 2;
    let expected = undisturbed(&files, half, None);
    let home = Home::new(None);
    import(&home, &files[..half]);
    for line in told(neighbour(&home, ROUNDS - 1)) {
        assert_eq!(line["lost"], 0, "{line}");
    }
    import(&home, &files[half..]);
    let last = STATEMENTS
        .iter()
        .map(|text| text.replace("{round}", &(ROUNDS - 1).to_string()))
        .collect::<Vec<_>>();
    let last: Vec<&str> = last.iter().map(String::as_str).collect();
    pacelake_e2e::duckdb(&home, 0, &last);
    assert_sound(&home, &expected);
    assert!(Path::new(&home.data_dir().join("lake/main/notes")).exists());
}
