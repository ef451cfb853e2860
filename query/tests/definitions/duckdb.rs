//! Stock DuckDB as an oracle, in a process of its own.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs the setup, then each query, and gives its rows.
pub fn run(setup: &[String], queries: &BTreeMap<&str, String>) -> BTreeMap<String, RecordBatch> {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(format!("{name}.parquet"));
    let queries_by_path: BTreeMap<_, _> = queries
        .iter()
        .map(|(name, sql)| (path(name).display().to_string(), sql))
        .collect();
    let work = folder.path().join("work.json");
    let text = json!({ "setup": setup, "queries": queries_by_path }).to_string();
    std::fs::write(&work, text).unwrap();
    let output = Command::new(root().join(".venv/bin/python"))
        .arg(root().join("tests/oracles/statements.py"))
        .arg(&work)
        .output()
        .expect("`make test` installs DuckDB in .venv");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    queries
        .keys()
        .map(|name| ((*name).to_owned(), read(&path(name))))
        .collect()
}

/// Rows as a Parquet file that DuckDB reads.
pub fn write(path: &Path, rows: &RecordBatch) {
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), rows.schema(), None).unwrap();
    writer.write(rows).unwrap();
    writer.close().unwrap();
}

fn read(path: &Path) -> RecordBatch {
    let file = File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let schema = reader.schema().clone();
    let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}
