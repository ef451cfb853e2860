//! What DuckDB says of a lake.

use std::collections::BTreeSet;
use std::process::Command;

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
    let python = root().join(".venv/bin/python");
    assert!(
        python.exists(),
        "no {}; `make test` makes it",
        python.display()
    );
    let output = Command::new(python)
        .arg("-B")
        .arg(root().join("tests/oracles/rows.py"))
        .arg(home.lake())
        .args(["--without", &without.join(",")])
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
