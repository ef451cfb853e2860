//! What a statement over `samples` reads, and that leaving the rest out
//! changes no row.

use std::sync::Arc;

use datafusion::datasource::MemTable;
use datafusion::physical_plan::displayable;
use pacelake_sketch::{Sketch, rows, sketch};
use storage::tables::SAMPLES_VIEW;

use crate::output::{Format, write_rows};
use crate::session::{Limits, Session, runtime};
use crate::sql::query;

/// Activities with other channels each, and one without samples.
async fn session() -> Session {
    let first = sketch("run: 1km@5:00 hr150");
    let none = Sketch::empty(first.sport);
    let sketches = [
        first,
        none,
        sketch("ride: 2km@2:00"),
        sketch("run: 300m@4:00 hr170"),
    ];
    let streams = rows(&sketches).streams;
    let tables = MemTable::try_new(streams.schema(), vec![vec![streams]]).unwrap();
    let limits = Limits::default();
    let runtime = runtime(&limits).unwrap();
    let tables: Vec<(String, Arc<dyn datafusion::catalog::TableProvider>)> =
        vec![("streams".to_owned(), Arc::new(tables))];
    let views = [("samples".to_owned(), SAMPLES_VIEW.to_owned())];
    Session::over(tables, &views, runtime, limits)
        .await
        .unwrap()
}

/// The columns of `streams` that the engine reads for a statement.
async fn read(session: &Session, text: &str) -> Vec<String> {
    let state = session.state();
    let plan = state.create_logical_plan(text).await.unwrap();
    let plan = state.optimize(&plan).unwrap();
    let shown = plan.display_indent().to_string();
    let scan = shown
        .lines()
        .find(|line| line.contains("TableScan: streams"));
    let (_, columns) = scan.unwrap().split_once("projection=[").unwrap();
    let (columns, _) = columns.split_once(']').unwrap();
    // It can be run, too.
    let physical = state.create_physical_plan(&plan).await.unwrap();
    assert!(
        !displayable(physical.as_ref())
            .indent(false)
            .to_string()
            .is_empty()
    );
    columns.split(", ").map(str::to_owned).collect()
}

async fn csv(session: &Session, text: &str) -> String {
    let rows = query(session, text).await.unwrap();
    String::from_utf8(write_rows(&rows, Format::Csv, Vec::new()).unwrap()).unwrap()
}

#[tokio::test]
async fn only_the_channels_that_are_asked_for_are_read() {
    let session = session().await;
    for (text, expected) in [
        ("select heart_rate_bpm from samples", "t_ms heart_rate_bpm"),
        ("select count(*) from samples", "t_ms"),
        (
            "select activity_id, max(sample) from samples where speed_m_s > 2 group by 1",
            "activity_id t_ms speed_mm_s",
        ),
        (
            "select avg(elapsed_s) from samples where athlete_id = 1 and heart_rate_bpm > 100",
            "athlete_id t_ms heart_rate_bpm",
        ),
    ] {
        assert_eq!(read(&session, text).await.join(" "), expected, "{text}");
    }
    // All lists, where all are asked for; and those of other unnestings stay.
    assert!(read(&session, "select * from samples").await.len() > 12);
    let text = "select a from (select unnest(heart_rate_bpm) as a, unnest(t_ms) as t, \
         unnest(make_array(1, 2)) as b from streams) as own";
    assert_eq!(read(&session, text).await.join(" "), "t_ms heart_rate_bpm");
}

#[tokio::test]
async fn rows_are_the_same_as_where_everything_is_read() {
    let session = session().await;
    for columns in [
        "heart_rate_bpm",
        "sample, altitude_m",
        "activity_id, power_w",
        "elapsed_s",
        "activity_id, sample, speed_m_s",
    ] {
        for filter in ["", "where heart_rate_bpm is null or distance_m < 500"] {
            let some = format!("select {columns} from samples {filter}");
            // A sort by everything keeps every list in the plan.
            let all = format!(
                "select {columns} from (select *, row_number() over (order by activity_id, \
                 sample, lat_deg, lng_deg, distance_m, altitude_m, heart_rate_bpm, cadence_rpm, \
                 power_w, temperature_c, speed_m_s, elapsed_s, start_time, athlete_id) as place \
                 from samples) as everything {filter} order by place"
            );
            let (some, all) = (csv(&session, &some).await, csv(&session, &all).await);
            let (mut some, mut all): (Vec<_>, Vec<_>) =
                (some.lines().collect(), all.lines().collect());
            some.sort_unstable();
            all.sort_unstable();
            assert_eq!(some, all, "{columns} {filter}");
            assert!(some.len() > 300, "{columns} {filter}");
        }
    }
}
