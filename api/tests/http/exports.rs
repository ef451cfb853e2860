//! Whole tables as files.

use arrow::array::AsArray;
use arrow::datatypes::{Int32Type, Int64Type};
use arrow::ipc::reader::StreamReader;
use axum::http::StatusCode;
use bytes::Bytes;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::app::{RIDE, RUN, TestApp};

#[tokio::test]
async fn csv_has_the_columns_as_header_and_lists_as_json() {
    let app = TestApp::new().await;
    let export = app.get("/api/export/splits").await;
    assert_eq!(export.status, StatusCode::OK, "{}", export.text());
    assert_eq!(export.header("content-type"), "text/csv; charset=utf-8");
    let name = "attachment; filename=\"splits.csv\"";
    assert_eq!(export.header("content-disposition"), name);
    let text = export.text();
    let mut lines = text.lines();
    let columns = query::derived::splits::SPLITS_TABLE.columns;
    let columns: Vec<_> = columns.iter().map(|column| column.name).collect();
    assert_eq!(lines.next(), Some(columns.join(",").as_str()));
    assert_eq!(lines.count(), 3);

    let streams = app.get("/api/export/streams?sport=run").await.text();
    assert!(streams.contains("\"[120,150,null]\""), "{streams}");
    assert_eq!(streams.lines().count(), 2);
}

#[tokio::test]
async fn parquet_and_arrow_hold_the_same_rows() {
    let app = TestApp::new().await;
    let parquet = app.get("/api/export/splits?format=parquet").await;
    let kind = "application/vnd.apache.parquet";
    assert_eq!(parquet.header("content-type"), kind);
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(parquet.bytes)).unwrap();
    let from_parquet: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
    let arrow = [("accept", "application/vnd.apache.arrow.stream")];
    let arrow = app.get_with("/api/export/splits", &arrow).await;
    let reader = StreamReader::try_new(arrow.bytes.as_slice(), None).unwrap();
    let from_arrow: Vec<_> = reader.map(Result::unwrap).collect();
    for batches in [from_parquet, from_arrow] {
        let splits = batches[0]["split"].as_primitive::<Int32Type>();
        // In the table's order: by unit, then by number.
        assert_eq!(splits.values().to_vec(), [1, 2, 1]);
        let ids = batches[0]["activity_id"].as_primitive::<Int64Type>();
        assert_eq!(ids.values().to_vec(), [RUN; 3]);
    }
}

#[tokio::test]
async fn filters_choose_rows() {
    let app = TestApp::new().await;
    for (path, rows) in [
        ("/api/export/activities", 2),
        ("/api/export/activities?from=2024-01-01&to=2024-01-01", 1),
        ("/api/export/activities?from=2025-01-01", 0),
        ("/api/export/streams?sport=ride", 1),
        (&format!("/api/export/splits?activity_id={RUN}"), 3),
        (&format!("/api/export/splits?activity_id={RIDE}"), 0),
        ("/api/export/stats?sport=all", 2),
        ("/api/export/derivations", 0),
    ] {
        let text = app.get(path).await.text();
        assert_eq!(text.lines().count(), 1 + rows, "{path}: {text}");
    }
}

#[tokio::test]
async fn an_export_that_still_holds_is_not_sent_again() {
    let app = TestApp::new().await;
    let first = app.get("/api/export/splits").await;
    let known = [("if-none-match", first.header("etag"))];
    let again = app.get_with("/api/export/splits", &known).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    // What is fast to send is not made slow by packing it.
    let packed = [("accept-encoding", "gzip")];
    let plain = app.get_with("/api/export/activities", &packed).await;
    assert_eq!(plain.header("content-encoding"), "");
}
