//! No statement gives or betrays another athlete's rows.

use serde_json::{Value, json};
use storage::tables::{LAPS, STREAMS};

use super::*;
use crate::memory_tests::session_of;
use crate::output::{Format, write_rows};
use crate::sql::query;

const ME: AthleteId = AthleteId(1);

async fn answer(text: &str) -> Result<Value, crate::Error> {
    let lap = |athlete: i64, lap: i32, distance_m: f64| json!({"athlete_id": athlete, "activity_id": athlete, "kind": "lap", "lap": lap, "distance_m": distance_m});
    let laps = json!([
        lap(1, 1, 10.0),
        lap(2, 1, 0.0),
        lap(1, 2, 30.0),
        lap(2, 2, 7.0)
    ]);
    let streams = json!([
        {"athlete_id": 1, "activity_id": 1, "t_ms": [0, 1000]},
        {"athlete_id": 2, "activity_id": 2, "t_ms": [5, 6, 7]},
    ]);
    let views = [(
        "samples",
        "SELECT activity_id, unnest(t_ms) AS t_ms FROM streams",
    )];
    let session = session_of(
        &[(&LAPS, laps), (&STREAMS, streams)],
        &views,
        Some((ME, Nobodys::Hidden)),
    )
    .await;
    let rows = query(&session, text).await?;
    let text = write_rows(&rows, Format::Json, Vec::new()).unwrap();
    Ok(serde_json::from_slice(&text).unwrap())
}

#[tokio::test]
async fn every_way_to_a_table_leads_to_own_rows() {
    for (text, expected) in [
        ("SELECT count(*) AS n FROM laps", json!([{"n": 2}])),
        (
            "SELECT sum(distance_m) AS n FROM laps",
            json!([{"n": 40.0}]),
        ),
        ("SELECT max(athlete_id) AS n FROM laps", json!([{"n": 1}])),
        ("SELECT lap FROM laps WHERE athlete_id = 2", json!([])),
        (
            "SELECT lap FROM laps WHERE athlete_id = 2 OR true ORDER BY lap LIMIT 1",
            json!([{"lap": 1}]),
        ),
        (
            "SELECT count(*) AS n FROM laps a CROSS JOIN laps b",
            json!([{"n": 4}]),
        ),
        (
            "WITH l AS (SELECT * FROM laps) SELECT min(distance_m) AS n FROM l",
            json!([{"n": 10.0}]),
        ),
        ("SELECT count(t_ms) AS n FROM samples", json!([{"n": 2}])),
        (
            "SELECT lap FROM pacelake.lake.laps LIMIT 1 OFFSET 2",
            json!([]),
        ),
        ("SELECT (SELECT count(*) FROM laps) AS n", json!([{"n": 2}])),
    ] {
        assert_eq!(answer(text).await.unwrap(), expected, "{text}");
    }
}

#[tokio::test]
async fn a_condition_never_meets_anothers_row() {
    // Athlete 2 has a lap of no length: dividing by it would be an error.
    let text = "SELECT lap FROM laps WHERE 1 / CAST(distance_m AS BIGINT) >= 0 ORDER BY lap";
    let rows = answer(text).await.unwrap();
    assert_eq!(rows, json!([{"lap": 1}, {"lap": 2}]));
    let text = "SELECT lap FROM laps ORDER BY 1 / CAST(distance_m AS BIGINT), lap";
    let rows = answer(text).await.unwrap();
    assert_eq!(rows, json!([{"lap": 1}, {"lap": 2}]));
}

#[tokio::test]
async fn a_table_of_nobody_is_no_athletes_and_is_there_for_admins() {
    let schema = Arc::new(arrow::datatypes::Schema::empty());
    let nobodys = datafusion::datasource::MemTable::try_new(schema, vec![vec![]]).unwrap();
    let nobodys: Arc<dyn TableProvider> = Arc::new(nobodys);
    let tables = || vec![("weather".to_owned(), Arc::clone(&nobodys))];
    let seen = |reader| seen_by(Some((ME, reader)), tables()).len();
    assert_eq!(seen(Nobodys::Hidden), 0);
    assert_eq!(seen(Nobodys::Shown), 1);
    // Others' rows of other tables stay hidden from admins, too.
    let laps = crate::memory_tests::rows(&LAPS, json!([{"athlete_id": 2}]));
    let laps = datafusion::datasource::MemTable::try_new(laps.schema(), vec![vec![laps]]).unwrap();
    let tables = vec![("laps".to_owned(), Arc::new(laps) as Arc<dyn TableProvider>)];
    let (_, laps) = seen_by(Some((ME, Nobodys::Shown)), tables).remove(0);
    let context = datafusion::prelude::SessionContext::new();
    let rows = context.read_table(laps).unwrap().collect().await.unwrap();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 0);
}
