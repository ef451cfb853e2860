//! Sessions over a real lake: its tables and views, at the newest snapshot and
//! at older ones.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, ListArray, RecordBatch, TimestampMicrosecondArray, new_null_array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Field};
use pacelake_query::output::write_rows;
use pacelake_query::{Format, Limits, Session, sql};
use storage::catalog::{ActivityWrite, CatalogChange};
use storage::tables::{SAMPLES_VIEW, STREAMS};
use storage::{ActivityId, ActivityKey, AthleteId, Commit, Options, Storage, TableChange};
use uuid::Uuid;

/// Streams of one activity, with time and distance only.
fn streams(key: ActivityKey, t_ms: &[i64], distance_cm: &[i64]) -> RecordBatch {
    let list = |values: &[i64]| -> ArrayRef {
        let field = Arc::new(Field::new("element", DataType::Int64, true));
        let offsets = OffsetBuffer::from_lengths([values.len()]);
        let values = Arc::new(Int64Array::from(values.to_vec()));
        Arc::new(ListArray::new(field, offsets, values, None))
    };
    let columns = STREAMS.columns.iter().map(|column| -> ArrayRef {
        match column.name {
            "athlete_id" => Arc::new(Int64Array::from(vec![key.athlete_id.0])),
            "start_time" => Arc::new(TimestampMicrosecondArray::from(vec![key.start_time_us])),
            "activity_id" => Arc::new(Int64Array::from(vec![key.activity_id.0])),
            "t_ms" => list(t_ms),
            "distance_cm" => list(distance_cm),
            _ => new_null_array(&column.kind.data_type(), 1),
        }
    });
    RecordBatch::try_new(STREAMS.schema(), columns.collect()).unwrap()
}

async fn commit(storage: &Storage, id: i64, t_ms: &[i64], distance_cm: &[i64]) -> i64 {
    let key = ActivityKey {
        athlete_id: AthleteId(1),
        start_time_us: id * 1_000_000,
        activity_id: ActivityId(id),
    };
    let birth = ActivityWrite {
        key,
        previous_revision: None,
        revision: 1,
    };
    let change = TableChange {
        table: &STREAMS,
        delete: None,
        append: vec![streams(key, t_ms, distance_cm)],
    };
    let commit = Commit {
        attempt: Uuid::now_v7(),
        changes: vec![change],
        catalog: CatalogChange {
            activities: vec![birth],
            ..Default::default()
        },
        message: "test".to_owned(),
    };
    storage.lake.commit(commit).await.unwrap().snapshot_id
}

async fn csv(session: &Session, text: &str) -> String {
    let rows = sql::query(session, text).await.unwrap();
    String::from_utf8(write_rows(&rows, Format::Csv, Vec::new()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_session_sees_its_snapshot_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options::in_folder(folder.path());
    let views = [("samples", SAMPLES_VIEW)];
    let storage = Storage::open(&options, &[&STREAMS], &views).await.unwrap();
    storage.catalog.first_athlete().await.unwrap();
    let first = commit(&storage, 1, &[0, 1_500], &[0, 450]).await;
    commit(&storage, 2, &[0], &[0]).await;

    let all = "SELECT activity_id, sample, elapsed_s, distance_m, power_w FROM samples \
               ORDER BY activity_id, sample";
    let newest = storage.lake.latest().await.unwrap();
    let newest = Session::open(&newest, Limits::default()).await.unwrap();
    let expected = "\
activity_id,sample,elapsed_s,distance_m,power_w
1,0,0.0,0.0,
1,1,1.5,4.5,
2,0,0.0,0.0,
";
    assert_eq!(csv(&newest, all).await, expected);

    let older = storage.lake.at(first).await.unwrap();
    let older = Session::open(&older, Limits::default()).await.unwrap();
    assert_eq!(
        csv(&older, "SELECT count(*) AS n FROM samples").await,
        "n\n2\n"
    );
    assert_eq!(older.tables(), ["streams"]);

    // Where the files lie is known, and still they are no tables.
    let file = format!(
        "SELECT * FROM '{}'",
        folder.path().join("catalog.sqlite").display()
    );
    assert!(sql::query(&newest, &file).await.is_err());
}
