//! Limits, the view `samples`, and read-only SQL, over tables in memory.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{
    ArrayRef, Int32Builder, Int64Array, Int64Builder, ListBuilder, RecordBatch, RecordBatchOptions,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use storage::tables::{SAMPLES_VIEW, STREAMS};
use storage::{Code, Failure};

use super::*;
use crate::output::{Format, write_rows};

fn list64(values: &[i64]) -> ArrayRef {
    let field = Field::new("element", arrow::datatypes::DataType::Int64, true);
    let mut builder = ListBuilder::new(Int64Builder::new()).with_field(field);
    builder.append_value(values.iter().copied().map(Some));
    Arc::new(builder.finish())
}

fn list32(values: Option<&[Option<i32>]>) -> ArrayRef {
    let field = Field::new("element", arrow::datatypes::DataType::Int32, true);
    let mut builder = ListBuilder::new(Int32Builder::new()).with_field(field);
    builder.append_option(values.map(|values| values.iter().copied()));
    Arc::new(builder.finish())
}

/// One activity of three samples: 0, 1 and 2.5 s; a heart rate with a gap; no
/// altitude.
fn streams() -> RecordBatch {
    let silent = || list32(None);
    RecordBatch::try_new(
        STREAMS.schema(),
        vec![
            Arc::new(Int64Array::from(vec![1])),
            Arc::new(TimestampMicrosecondArray::from(vec![1_700_000_000_000_000])),
            Arc::new(Int64Array::from(vec![77])),
            list64(&[0, 1_000, 2_500]),
            list32(Some(&[Some(481_234_567), None, Some(481_234_569)])),
            list32(Some(&[Some(-10_000_001), None, Some(-10_000_003)])),
            list64(&[0, 333, 912]),
            silent(),
            list32(Some(&[Some(140), None, Some(142)])),
            silent(),
            silent(),
            silent(),
            silent(),
        ],
    )
    .unwrap()
}

fn memory(batch: RecordBatch) -> Arc<dyn TableProvider> {
    Arc::new(MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap())
}

async fn session(limits: Limits) -> Session {
    let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1_000));
    let numbers = RecordBatch::try_new_with_options(
        Arc::new(Schema::new(vec![Field::new(
            "n",
            arrow::datatypes::DataType::Int64,
            false,
        )])),
        vec![numbers],
        &RecordBatchOptions::new(),
    )
    .unwrap();
    let tables = vec![
        ("streams".to_owned(), memory(streams())),
        ("numbers".to_owned(), memory(numbers)),
    ];
    let views = vec![
        ("late".to_owned(), "SELECT sample FROM samples".to_owned()),
        ("samples".to_owned(), SAMPLES_VIEW.to_owned()),
        (
            "broken".to_owned(),
            "SELECT nothing FROM nowhere".to_owned(),
        ),
        (
            "writing".to_owned(),
            "COPY streams TO '/tmp/x.csv'".to_owned(),
        ),
    ];
    let runtime = runtime(&limits).unwrap();
    Session::over(tables, &views, runtime, limits)
        .await
        .unwrap()
}

async fn text(sql: &str, format: Format) -> String {
    let session = session(Limits::default()).await;
    let rows = sql::query(&session, sql).await.unwrap();
    String::from_utf8(write_rows(&rows, format, Vec::new()).unwrap()).unwrap()
}

async fn refusal(sql: &str, limits: Limits) -> Error {
    let session = session(limits).await;
    match sql::query(&session, sql).await {
        Ok(rows) => panic!("{sql} gave {} rows", rows.len()),
        Err(error) => error,
    }
}

#[tokio::test]
async fn samples_are_streams_unnested_in_natural_units() {
    let rows = text("SELECT * FROM samples ORDER BY sample", Format::Csv).await;
    let expected = "\
athlete_id,activity_id,start_time,sample,elapsed_s,lat_deg,lng_deg,distance_m,altitude_m,\
heart_rate_bpm,cadence_rpm,power_w,temperature_c,speed_m_s
1,77,2023-11-14T22:13:20,0,0.0,48.1234567,-1.0000001,0.0,,140,,,,
1,77,2023-11-14T22:13:20,1,1.0,,,3.33,,,,,,
1,77,2023-11-14T22:13:20,2,2.5,48.1234569,-1.0000003,9.12,,142,,,,
";
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn views_may_use_views_and_bad_ones_are_left_out() {
    assert_eq!(
        text("SELECT count(*) AS n FROM late", Format::Json).await,
        "[{\"n\":3}]\n"
    );
    for view in ["broken", "writing"] {
        let error = refusal(&format!("SELECT * FROM {view}"), Limits::default()).await;
        assert_eq!(error.code(), Code::InvalidQuery, "{view}");
    }
}

#[tokio::test]
async fn passing_the_row_limit_is_an_error_and_reaching_it_is_not() {
    let limits = |rows| Limits {
        rows,
        ..Limits::default()
    };
    let all = "SELECT n FROM numbers";
    assert_eq!(
        sql::query(&session(limits(1_000)).await, all)
            .await
            .unwrap()
            .len(),
        1_000
    );
    let error = refusal(all, limits(999)).await;
    assert_eq!(error.code(), Code::QueryLimit);
    assert_eq!(error.to_string(), "the query gives more than 999 rows");
}

#[tokio::test]
async fn passing_the_time_limit_is_an_error() {
    let endless = "WITH RECURSIVE up AS (SELECT 1 AS n UNION ALL SELECT 1 FROM up) \
                   SELECT count(*) FROM up";
    let limits = Limits {
        time: Duration::from_millis(50),
        ..Limits::default()
    };
    assert!(matches!(
        refusal(endless, limits).await,
        Error::TooLong { .. }
    ));
}

#[tokio::test]
async fn passing_the_memory_limit_is_an_error() {
    let limits = Limits {
        memory_bytes: 1_000,
        spill_bytes: 0,
        ..Limits::default()
    };
    let error = refusal("SELECT n FROM numbers", limits).await;
    assert!(matches!(error, Error::TooMuchMemory { .. }), "{error}");
}

#[tokio::test]
async fn whatever_does_more_than_read_is_refused_at_any_depth() {
    for sql in [
        "COPY streams TO '/tmp/stolen.csv'",
        "COPY (SELECT 1) TO '/tmp/stolen.parquet' STORED AS PARQUET",
        "EXPLAIN COPY streams TO '/tmp/stolen.csv'",
        "EXPLAIN ANALYZE COPY streams TO '/tmp/stolen.csv' STORED AS CSV",
        "EXPLAIN ANALYZE INSERT INTO numbers VALUES (1)",
        "CREATE EXTERNAL TABLE passwd STORED AS CSV LOCATION '/etc/passwd'",
        "CREATE TABLE copy AS SELECT * FROM streams",
        "CREATE VIEW v AS SELECT 1",
        "INSERT INTO numbers VALUES (1)",
        "UPDATE numbers SET n = 1",
        "DELETE FROM numbers",
        "TRUNCATE TABLE numbers",
        "DROP TABLE numbers",
        "ALTER TABLE numbers ADD COLUMN m INT",
        "SELECT n INTO copy FROM numbers",
        "WITH x AS (SELECT 1 AS n) INSERT INTO numbers SELECT n FROM x",
        "SET datafusion.execution.batch_size = 1",
        "RESET datafusion.execution.batch_size",
        "PREPARE p AS SELECT 1",
        "EXECUTE p",
        "BEGIN",
        "CREATE FUNCTION f(x INT) RETURNS INT RETURN x",
    ] {
        let error = refusal(sql, Limits::default()).await;
        assert_eq!(error.code(), Code::ReadOnly, "{sql}: {error}");
    }
}

#[tokio::test]
async fn text_that_is_not_one_query_over_the_tables_is_invalid() {
    for (sql, part) in [
        ("", "there is no statement"),
        ("SELECT 1; SELECT 2", "only one statement"),
        ("SELEC 1", "SELEC"),
        ("SELECT m FROM numbers", "m"),
        ("SELECT * FROM nowhere", "nowhere"),
        ("SELECT * FROM '/etc/passwd'", "/etc/passwd"),
        ("SELECT * FROM 'file:///etc/passwd'", "passwd"),
        ("SELECT * FROM read_csv('/etc/passwd')", "read_csv"),
        ("SELECT * FROM read_parquet('x.parquet')", "read_parquet"),
        ("SELECT 1 / 0", "ivide by zero"),
    ] {
        let error = refusal(sql, Limits::default()).await;
        assert_eq!(error.code(), Code::InvalidQuery, "{sql}: {error}");
        assert!(error.to_string().contains(part), "{sql}: {error}");
    }
}

#[tokio::test]
async fn reading_statements_of_all_kinds_are_let_through() {
    for sql in [
        "SELECT n FROM numbers WHERE n IN (SELECT sample FROM samples)",
        "VALUES (1), (2)",
        "SHOW TABLES",
        "SHOW COLUMNS FROM streams",
        "DESCRIBE streams",
        "EXPLAIN SELECT * FROM samples",
        "EXPLAIN ANALYZE SELECT count(*) FROM samples",
        "SELECT table_name FROM information_schema.tables",
        "SELECT n FROM numbers UNION ALL SELECT 1 LIMIT 3",
        "SELECT * FROM range(1, 3)",
    ] {
        let session = session(Limits::default()).await;
        let rows = sql::query(&session, sql).await;
        assert!(rows.is_ok_and(|rows| !rows.is_empty()), "{sql}");
    }
}

#[tokio::test]
async fn parameters_are_bound_not_pasted() {
    let session = session(Limits::default()).await;
    let sql = "SELECT count(*) AS n FROM numbers WHERE $limit IS NULL OR n < $limit";
    for (limit, expected) in [(Some(10), 10), (None, 1_000)] {
        let rows = session.read("numbers", sql, [("limit", ScalarValue::Int64(limit))]);
        let rows = rows.await.unwrap();
        let counts = rows.batches[0]
            .column(0)
            .as_any()
            .downcast_ref::<Int64Array>();
        assert_eq!(counts.unwrap().value(0), expected);
    }
    let hostile = ScalarValue::from("0' OR '1' = '1");
    let rows = session
        .read("numbers", "SELECT $text AS t", [("text", hostile)])
        .await
        .unwrap();
    let json = write_rows(&rows, Format::Json, Vec::new()).unwrap();
    assert_eq!(json, b"[{\"t\":\"0' OR '1' = '1\"}]\n");
}
