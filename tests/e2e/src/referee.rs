//! What DuckDB says of a lake.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use crate::home::{Home, root};

/// Columns that count how often an activity was written. A recording that
/// joins in a later batch raises them, one of the same batch does not.
pub const COUNTS_OF_WRITES: &[&str] = &["revision", "input_revision"];

/// Every row of every table of the home's lake, read by stock DuckDB in a
/// process of its own: the table's name, a tab, the row as JSON, sorted.
///
/// # Panics
/// If DuckDB is not there (`make test` installs it into `.venv`) or cannot
/// read the lake.
pub fn rows(home: &Home, without: &[&str]) -> Vec<String> {
    read(
        &home.lake(),
        home.lake_s3(),
        &["--without", &without.join(",")],
    )
}

/// Runs statements that change the home's lake by stock DuckDB, keeping
/// inserts of up to `inline` rows in the catalog.
///
/// # Panics
/// If DuckDB refuses one.
pub fn duckdb(home: &Home, inline: u32, statements: &[&str]) -> Vec<Vec<serde_json::Value>> {
    let data_path = format!("{}/lake/", home.data_dir().display());
    let inline = inline.to_string();
    query(
        home,
        &["--write", &data_path, "--inline", &inline],
        statements,
    )
}

/// The rows of each statement on the home's lake at a snapshot, by stock
/// DuckDB: doubles, times and days as `tests/oracles/duckdb_query.py` prints
/// them.
///
/// # Panics
/// If DuckDB refuses one.
pub fn duckdb_at(home: &Home, snapshot: i64, statements: &[&str]) -> Vec<Vec<serde_json::Value>> {
    query(home, &["--at", &snapshot.to_string()], statements)
}

fn query(home: &Home, how: &[&str], statements: &[&str]) -> Vec<Vec<serde_json::Value>> {
    let mut process = Command::new(root().join(".venv/bin/python"))
        .arg("-B")
        .arg(root().join("tests/oracles/duckdb_query.py"))
        .arg(home.lake())
        .args(how)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter can be started");
    let input = process.stdin.take().expect("it is piped");
    serde_json::to_writer(input, statements).expect("DuckDB's process listens");
    let output = process.wait_with_output().expect("DuckDB's process ends");
    assert!(output.status.success(), "DuckDB refused {statements:?}");
    serde_json::from_slice(&output.stdout).expect("it prints JSON")
}

/// The rows of a lake as it stands after `ducklake:` in DuckDB's ATTACH.
///
/// # Panics
/// As [`rows`].
pub fn rows_of(lake: &str, without: &[&str]) -> Vec<String> {
    read(lake, None, &["--without", &without.join(",")])
}

fn read(lake: &str, s3: Option<&str>, arguments: &[&str]) -> Vec<String> {
    let python = root().join(".venv/bin/python");
    assert!(
        python.exists(),
        "no {}; `make test` makes it",
        python.display()
    );
    let output = Command::new(python)
        .arg("-B")
        .arg(root().join("tests/oracles/rows.py"))
        .arg(lake)
        .args(arguments)
        .envs(s3.map(|how| ("LAKE_S3", how)))
        .output()
        .expect("the interpreter can be started");
    assert!(
        output.status.success(),
        "DuckDB cannot read the lake: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("the script prints UTF-8");
    text.lines().map(str::to_owned).collect()
}

/// Where two lists of rows differ, for people; empty where they do not.
pub fn difference(expected: &[String], found: &[String]) -> String {
    if expected == found {
        return String::new();
    }
    let (here, there): (BTreeSet<_>, BTreeSet<_>) =
        (expected.iter().collect(), found.iter().collect());
    let short = |row: &&String| row.chars().take(300).collect::<String>();
    let lost: Vec<_> = here.difference(&there).take(5).map(short).collect();
    let new: Vec<_> = there.difference(&here).take(5).map(short).collect();
    format!(
        "{} rows became {}\nlost, among others:\n{}\nnew, among others:\n{}",
        expected.len(),
        found.len(),
        lost.join("\n"),
        new.join("\n")
    )
}
