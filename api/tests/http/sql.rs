//! Analysts' SQL over HTTP, and what it refuses.

use std::time::Duration;

use arrow::ipc::reader::StreamReader;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use pacelake_api::ServerLimits;
use query::Limits;
use serde_json::json;

use crate::app::{Answered, RIDE, RUN, TestApp};
use crate::errors::check;

const JSON: &str = "application/json";

#[tokio::test]
async fn a_statement_is_answered_in_each_form() {
    let app = TestApp::new().await;
    let text = "SELECT activity_id AS id, sport FROM activities ORDER BY 1";
    let rows = app.sql(text, JSON).await;
    assert_eq!(rows.status, StatusCode::OK, "{}", rows.text());
    let expected = json!([{"id": RUN, "sport": "run"}, {"id": RIDE, "sport": "ride"}]);
    assert_eq!(rows.json(), expected);
    assert_eq!(rows.header("cache-control"), "no-store");
    let csv = app.sql(text, "text/csv").await.text();
    assert_eq!(csv, format!("id,sport\n{RUN},run\n{RIDE},ride\n"));
    let arrow = app.sql(text, "application/vnd.apache.arrow.stream").await;
    let reader = StreamReader::try_new(arrow.bytes.as_slice(), None).unwrap();
    assert_eq!(
        reader.map(|batch| batch.unwrap().num_rows()).sum::<usize>(),
        2
    );
    let parquet = app.sql(text, "application/vnd.apache.parquet").await;
    assert_eq!(&parquet.bytes[..4], b"PAR1");
    let none = app.sql("SELECT 1 AS one WHERE false", JSON).await;
    assert_eq!(none.json(), json!([]));
}

/// As browsers ask.
#[tokio::test]
async fn an_answer_may_be_packed() {
    let app = TestApp::new().await;
    let request = Request::post("/api/sql")
        .header("host", "localhost")
        .header("content-type", JSON)
        .header("accept", JSON)
        .header("accept-encoding", "gzip")
        .body(Body::from(
            json!({"query": "SELECT * FROM activities"}).to_string(),
        ));
    let packed = app.send(request.unwrap()).await;
    assert_eq!(packed.status, StatusCode::OK);
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(packed.bytes[..2], [0x1f, 0x8b]);
}

#[tokio::test]
async fn what_is_no_reading_statement_is_refused() {
    let app = TestApp::new().await;
    for (text, status, code) in [
        ("", 400, "invalid_query"),
        ("SELECT nothing FROM activities", 400, "invalid_query"),
        ("SELECT 1; SELECT 2", 400, "invalid_query"),
        ("SELECT 1 AS a, 2 AS a", 400, "invalid_query"),
        ("DELETE FROM activities", 403, "read_only"),
        ("COPY activities TO '/tmp/x'", 403, "read_only"),
        (
            "EXPLAIN ANALYZE COPY activities TO '/tmp/x'",
            403,
            "read_only",
        ),
        ("SET datafusion.execution.batch_size = 1", 403, "read_only"),
        (
            "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '/etc/passwd'",
            403,
            "read_only",
        ),
    ] {
        check(&app.sql(text, JSON).await, status, code);
    }
    for (kind, body) in [
        ("text/plain", "{\"query\":\"SELECT 1\"}"),
        (JSON, "SELECT 1"),
        (JSON, "{\"query\":\"SELECT 1\",\"more\":1}"),
        (JSON, "{}"),
    ] {
        let request = Request::post("/api/sql")
            .header("host", "localhost")
            .header("content-type", kind);
        let answered = app.send(request.body(Body::from(body)).unwrap()).await;
        check(&answered, 400, "invalid_argument");
    }
    let get = app.get("/api/sql").await;
    check(&get, 405, "method_not_allowed");
}

fn small() -> ServerLimits {
    ServerLimits {
        query: Limits {
            rows: 10,
            memory_bytes: 4 << 20,
            spill_bytes: 0,
            time: Duration::from_millis(300),
        },
        wait: Duration::from_millis(50),
        queries: 1,
        ..ServerLimits::default()
    }
}

/// Asks again until there is a turn: it comes back a moment after the answer.
async fn at_its_turn(app: &TestApp, query: &str) -> Answered {
    loop {
        let answered = app.sql(query, JSON).await;
        if answered.status != StatusCode::SERVICE_UNAVAILABLE {
            return answered;
        }
        check(&answered, 503, "too_busy");
    }
}

/// Runs for as long as it may.
const ENDLESS: &str = "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) \
    SELECT max(i) FROM n";

#[tokio::test]
async fn limits_of_rows_time_and_memory_are_told() {
    let app = TestApp::within(small()).await;
    let numbers = "SELECT * FROM (VALUES (1),(2),(3),(4)) a(x)";
    let many = format!("SELECT a.x FROM ({numbers}) a CROSS JOIN ({numbers}) b");
    check(&at_its_turn(&app, &many).await, 422, "query_limit");
    check(&at_its_turn(&app, ENDLESS).await, 422, "query_limit");
    let heavy = "SELECT count(DISTINCT value) FROM generate_series(1, 10000000)";
    check(&at_its_turn(&app, heavy).await, 422, "query_limit");
    // Nothing of it is left behind.
    let rows = at_its_turn(&app, numbers).await;
    assert_eq!(rows.status, StatusCode::OK, "{}", rows.text());
}

#[tokio::test]
async fn who_finds_no_turn_is_told_to_come_again_and_reads_go_on() {
    let mut limits = small();
    limits.query.time = Duration::from_secs(60);
    let app = TestApp::within(limits).await;
    // The first takes the turn before it waits for anything else.
    let endless = app.sql(ENDLESS, JSON);
    let meanwhile = async {
        let busy = loop {
            let answered = app.sql("SELECT 1 AS one", JSON).await;
            if answered.status != StatusCode::OK {
                break answered;
            }
        };
        check(&busy, 503, "too_busy");
        assert_eq!(busy.header("retry-after"), "1");
        for path in ["/api/health", "/api/activities"] {
            assert_eq!(app.get(path).await.status, StatusCode::OK, "{path}");
        }
    };
    // Dropping the first request ends its work, and gives the turn back.
    tokio::select! {
        answered = endless => panic!("it ended: {}", answered.text()),
        () = meanwhile => {}
    }
    let after = at_its_turn(&app, "SELECT 1 AS one").await;
    assert_eq!(after.status, StatusCode::OK, "{}", after.text());
}

#[tokio::test]
async fn a_long_statement_or_target_is_refused() {
    let app = TestApp::new().await;
    let text = format!("SELECT '{}' AS x", "x".repeat(100_000));
    check(&app.sql(&text, JSON).await, 413, "input_too_large");
    let path = format!("/api/activities?name={}", "x".repeat(10_000));
    check(&app.get(&path).await, 413, "input_too_large");
}
