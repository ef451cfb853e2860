//! What is left on disk of an athlete, and a lake's rows at every snapshot.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use storage::lake::KeySet;
use storage::{AthleteId, Options, Storage};

use crate::home::{Home, root};

/// Whose traces are looked for: an athlete's, or only those of activities.
pub struct Wanted {
    /// The athlete.
    pub athlete: i64,
    /// The activities; none: all of the athlete.
    pub activities: Vec<i64>,
}

impl Wanted {
    /// Every value that only they have, anywhere on disk or in the catalog, as
    /// JSON: what [`Wanted::traces`] takes.
    pub fn values(&self, home: &Home) -> String {
        self.script(home, "values", "")
    }

    /// Where on disk or in the catalog one of the values, or a row of theirs,
    /// is still found.
    ///
    /// # Panics
    /// If the script says something else than a list.
    pub fn traces(&self, home: &Home, values: &str) -> Vec<String> {
        serde_json::from_str(&self.script(home, "find", values)).expect("a list of places")
    }

    /// Count and hash of all others' rows of each table at each snapshot, as
    /// DuckDB has them.
    ///
    /// # Panics
    /// If DuckDB cannot read the lake.
    pub fn others(&self, home: &Home) -> BTreeMap<String, serde_json::Value> {
        self.others_at(home, &[])
    }

    /// The same at these snapshots; none: at all.
    ///
    /// # Panics
    /// As [`others`](Self::others).
    pub fn others_at(&self, home: &Home, snapshots: &[i64]) -> BTreeMap<String, serde_json::Value> {
        let arguments = [self.arguments(), flags("--at", snapshots)].concat();
        serde_json::from_str(&script(home, "others", &arguments, "")).expect("a map")
    }

    fn script(&self, home: &Home, what: &str, input: &str) -> String {
        script(home, what, &self.arguments(), input)
    }

    fn arguments(&self) -> Vec<String> {
        let athlete = flags("--athlete", &[self.athlete]);
        [athlete, flags("--activity", &self.activities)].concat()
    }
}

/// The flag with each of the values.
fn flags(flag: &str, values: &[i64]) -> Vec<String> {
    let pairs = values.iter();
    pairs
        .flat_map(|value| [flag.to_owned(), value.to_string()])
        .collect()
}

/// The numbers of all snapshots, as DuckDB lists them.
///
/// # Panics
/// If DuckDB cannot read the lake.
pub fn snapshots(home: &Home) -> Vec<i64> {
    serde_json::from_str(&script(home, "snapshots", &[], "")).expect("a list of numbers")
}

fn script(home: &Home, what: &str, arguments: &[String], input: &str) -> String {
    let mut process = Command::new(root().join(".venv/bin/python"))
        .arg("-B")
        .arg(root().join("tests/oracles/traces.py"))
        .args([what, &home.lake()])
        .arg(home.data_dir())
        .args(arguments)
        .envs(home.lake_s3().map(|how| ("LAKE_S3", how)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter can be started; `make test` makes it");
    let mut stdin = process.stdin.take().expect("it is piped");
    // A script that does not listen has ended already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = process.wait_with_output().expect("the script ends");
    assert!(output.status.success(), "traces.py {what} failed");
    String::from_utf8(output.stdout).expect("the script prints UTF-8")
}

/// Rows of some athletes, by snapshot and table, as text, in the files' order.
pub type Past = BTreeMap<(i64, String), Vec<String>>;

/// Every row of the athletes at each of the snapshots, as our own reader has
/// them.
///
/// # Panics
/// If a snapshot cannot be read.
pub async fn past(home: &Home, snapshots: &[i64], athletes: &[i64]) -> Past {
    let options = Options {
        catalog: home.catalog().map(str::to_owned),
        ..Options::in_folder(home.data_dir())
    };
    let storage = Storage::open(&options, &[], &[]).await.expect("it opens");
    let ids: Vec<AthleteId> = athletes.iter().map(|id| AthleteId(*id)).collect();
    let mut past = Past::new();
    for snapshot in snapshots {
        let view = storage.lake.at(*snapshot).await.expect("it is kept");
        for table in view.table_names() {
            let Ok(rows) = view.rows(&table, None, &KeySet::athletes(&ids)).await else {
                panic!("table {table} cannot be read at {snapshot}");
            };
            let mut lines: Vec<String> = rows.iter().flat_map(lines).collect();
            lines.sort();
            past.insert((*snapshot, table), lines);
        }
    }
    storage.catalog.db().close().await;
    past
}

fn lines(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("null");
    let columns: Vec<ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column, &options).expect("a type with a text"))
        .collect();
    (0..batch.num_rows())
        .map(|row| {
            let cells = columns.iter().map(|column| column.value(row).to_string());
            cells.collect::<Vec<_>>().join("|")
        })
        .collect()
}
