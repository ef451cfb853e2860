//! Exports read back, and the files that they leave alone.

use std::fs::{self, File};
use std::path::Path;

use arrow::array::RecordBatch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::json;
use storage::tables::{FACTS, LAPS, STREAMS};
use storage::{Code, Failure};

use super::*;
use crate::memory_tests::session;
use crate::session::Rows;

async fn two_tables() -> Session {
    let laps = json!([
        {"athlete_id": 1, "activity_id": 2, "kind": "lap", "lap": 1, "distance_m": 400.5},
        {"athlete_id": 1, "activity_id": 1, "kind": "lap", "lap": 2},
        {"athlete_id": 1, "activity_id": 1, "kind": "lap", "lap": 1},
    ]);
    let streams = json!([
        {"athlete_id": 1, "activity_id": 1, "t_ms": [0, 1000], "power_w": [null, 200]},
    ]);
    let views = [(
        "samples",
        "SELECT activity_id, unnest(t_ms) AS t_ms FROM streams",
    )];
    session(&[(&LAPS, laps), (&STREAMS, streams)], &views).await
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn into(folder: &Path) -> Destination {
    Destination::Folder(folder.to_owned())
}

fn files(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn parquet_holds_the_tables_columns_and_order() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("new/folder");
    let tables = names(&["laps", "samples"]);
    let session = two_tables().await;
    let exported = export(&session, &tables, FACTS, &into(&to), Format::Parquet)
        .await
        .unwrap();
    assert_eq!(files(&to), ["laps.parquet", LIST, "samples.parquet"]);
    assert_eq!([exported[0].rows, exported[1].rows], [3, 2]);
    let file = File::open(to.join("laps.parquet")).unwrap();
    assert_eq!(file.metadata().unwrap().len(), exported[0].bytes);
    let reader = ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap();
    let batches: Vec<RecordBatch> = reader.map(Result::unwrap).collect();
    assert_eq!(batches[0].schema().fields(), LAPS.schema().fields());
    let rows = Rows {
        schema: batches[0].schema(),
        batches,
    };
    let csv = crate::output::write_rows(&rows, Format::Csv, Vec::new()).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    let keys: Vec<&str> = csv.lines().skip(1).collect();
    assert!(
        keys[0].starts_with("1,1970-01-01T00:00:00,1,lap,1,"),
        "{csv}"
    );
    assert!(
        keys[1].starts_with("1,1970-01-01T00:00:00,1,lap,2,"),
        "{csv}"
    );
    assert!(
        keys[2].starts_with("1,1970-01-01T00:00:00,2,lap,1,"),
        "{csv}"
    );
}

#[tokio::test]
async fn csv_holds_lists_as_json() {
    let folder = tempfile::tempdir().unwrap();
    let session = two_tables().await;
    let tables = names(&["streams"]);
    export(&session, &tables, FACTS, &into(folder.path()), Format::Csv)
        .await
        .unwrap();
    let text = fs::read_to_string(folder.path().join("streams.csv")).unwrap();
    let expected = "\
athlete_id,start_time,activity_id,t_ms,lat_e7,lng_e7,distance_cm,altitude_cm,heart_rate_bpm,\
cadence_rpm,power_w,temperature_c,speed_mm_s
1,1970-01-01T00:00:00,1,\"[0,1000]\",,,,,,,\"[null,200]\",,
";
    assert_eq!(text, expected);
}

#[tokio::test]
async fn own_files_are_replaced_and_foreign_ones_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let session = two_tables().await;
    let both = names(&["laps", "streams"]);
    for _ in 0..2 {
        export(&session, &both, FACTS, &into(folder.path()), Format::Csv)
            .await
            .unwrap();
    }
    let foreign = folder.path().join("laps.parquet");
    fs::write(&foreign, "mine").unwrap();
    let before = files(folder.path());
    let tables = names(&["streams", "laps"]);
    let refused = export(
        &session,
        &tables,
        FACTS,
        &into(folder.path()),
        Format::Parquet,
    )
    .await;
    assert!(matches!(refused, Err(Error::ForeignFile { file }) if foreign == Path::new(&file)));
    assert_eq!(fs::read_to_string(&foreign).unwrap(), "mine");
    assert_eq!(files(folder.path()), before, "nothing else was begun");
}

#[tokio::test]
async fn a_failed_export_leaves_nothing_behind() {
    let failing = [("bad", "SELECT 1 / (activity_id - 1) AS x FROM streams")];
    let streams = json!([{"activity_id": 1}]);
    let session = session(&[(&STREAMS, streams)], &failing).await;
    let folder = tempfile::tempdir().unwrap();
    let tables = names(&["bad"]);
    let failed = export(&session, &tables, FACTS, &into(folder.path()), Format::Csv).await;
    assert!(failed.is_err());
    assert_eq!(files(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn what_cannot_be_exported_is_told_before_anything_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("none");
    let session = two_tables().await;
    for (table, format, code) in [
        ("laps", Format::Json, Code::InvalidArgument),
        ("nothing", Format::Csv, Code::NotFound),
        ("../laps", Format::Csv, Code::InvalidArgument),
    ] {
        let tables = names(&["streams", table]);
        let error = export(&session, &tables, FACTS, &into(&to), format)
            .await
            .unwrap_err();
        assert_eq!(error.code(), code, "{table}");
        assert!(!to.exists());
    }
}
