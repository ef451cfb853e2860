//! DuckDB as a neighbour: it writes a table of its own and runs its own
//! maintenance on our lake, on PostgreSQL while we write, on SQLite while we
//! are quiet. After each round of it, `check` is clean and every row is what it
//! would be without the neighbour.

use std::io::Write;
use std::path::PathBuf;
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

/// How often DuckDB does that.
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

/// Starts DuckDB at one round of its work.
fn neighbour(home: &Home, round: usize) -> Child {
    let statements: Vec<String> = STATEMENTS
        .iter()
        .map(|text| text.replace("{round}", &round.to_string()))
        .collect();
    let mut process = Command::new(root().join(".venv/bin/python"))
        .arg("-B")
        .arg(root().join("tests/oracles/neighbour.py"))
        .arg(home.lake())
        .arg(format!("{}/lake/", home.data_dir().display()))
        .arg("1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter can be started; `make test` makes it");
    let mut stdin = process.stdin.take().unwrap();
    let statements = serde_json::to_vec(&statements).unwrap();
    stdin.write_all(&statements).unwrap();
    process
}

/// Waits for its end; answers how often it lost against us and tried again.
fn lost(process: Child) -> u64 {
    let output = process.wait_with_output().unwrap();
    assert!(output.status.success(), "the neighbour failed");
    let told: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told.len(), STATEMENTS.len());
    told.iter().map(|line| line["lost"].as_u64().unwrap()).sum()
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

/// Asserts that all agrees and our rows are as expected, with DuckDB's own
/// after that many rounds.
fn assert_sound(home: &Home, expected: &[String], rounds: usize) {
    let at = format!("after round {rounds}");
    let check = home.run(&["check"]);
    let said = format!("{}{}", check.stdout, check.stderr);
    assert_eq!(check.code, Some(0), "{at}: {said}");
    let difference = difference(expected, &our_rows(home));
    assert!(difference.is_empty(), "{at}: {difference}");
    let answer = home.run(&[
        "sql",
        "select activity_id, count(*) as n, \
        count(distinct words) as words from notes group by activity_id",
        "--format",
        "json",
    ]);
    assert_eq!(answer.code, Some(0), "{at}: {}", answer.stderr);
    let notes: Value = serde_json::from_str(&answer.stdout).unwrap();
    let expected = serde_json::json!([{"activity_id": -1, "n": rounds, "words": 1}]);
    assert_eq!(notes, expected, "{at}");
}

#[test]
fn duckdb_works_while_we_write_on_postgresql() {
    let (_folder, files) = samples();
    let (first, second) = files.split_at(files.len() / 2);
    let undisturbed = Home::new(Some(storage::testing::postgres_database()));
    let home = Home::new(Some(storage::testing::postgres_database()));
    import(&undisturbed, first);
    import(&home, first);
    let of_a_round = second.len().div_ceil(ROUNDS);
    for (round, files) in second.chunks(of_a_round).enumerate() {
        let duckdb = neighbour(&home, round);
        // Many small commits beside it.
        for few in files.chunks(8) {
            import(&home, few);
        }
        println!("round {round}: DuckDB lost {} times", lost(duckdb));
        // Nobody writes now.
        import(&undisturbed, files);
        assert_sound(&home, &our_rows(&undisturbed), round + 1);
    }
}

#[test]
fn duckdb_works_while_we_are_quiet_on_sqlite() {
    let (_folder, files) = samples();
    let (first, second) = files.split_at(files.len() / 2);
    let undisturbed = Home::new(None);
    let home = Home::new(None);
    import(&undisturbed, first);
    import(&home, first);
    let mut expected = our_rows(&undisturbed);
    for round in 0..ROUNDS {
        if round == ROUNDS - 1 {
            import(&undisturbed, second);
            import(&home, second);
            expected = our_rows(&undisturbed);
        }
        assert_eq!(lost(neighbour(&home, round)), 0, "round {round}");
        assert_sound(&home, &expected, round + 1);
    }
    assert!(home.data_dir().join("lake/main/notes").exists());
}
