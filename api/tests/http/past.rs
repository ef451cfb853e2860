//! The lake as it was: `at` on every route that reads it.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use storage::catalog::{ActivityEnd, ActivityWrite, CatalogChange};
use storage::lake::KeySet;
use storage::table::Table;
use storage::tables::ACTIVITIES;
use storage::{ActivityId, ActivityKey, AthleteId, Commit, TableChange};
use tower::ServiceExt;
use uuid::Uuid;

use crate::app::{Answered, RIDE, RIDE_US, RUN, RUN_US, TestApp, batch, run, with_key};
use crate::documents::filled;
use crate::errors::check;

/// A run in the lake's first state, so that there are two.
const SECOND: i64 = 9;
const SECOND_US: i64 = 1_711_951_200_000_000;
/// A run that comes later.
const LATER: i64 = 10;
/// Routes that read no lake, or name the snapshots that they read themselves.
const OTHERS: [&str; 5] = [
    "/api/diff?from=1",
    "/api/docs",
    "/api/health",
    "/api/openapi.json",
    "/api/ready",
];

/// A question of an operation, as a reader of its document would put it.
#[derive(Debug)]
struct Question {
    path: String,
    is_statement: bool,
}

impl Question {
    fn of(path: &str, is_statement: bool) -> Self {
        let explained = path.starts_with("/api/explain");
        let path = filled(path);
        assert!(!path.contains('{'), "{path}: what is asked here?");
        Self {
            // The bytes of the fixture's recordings are not there.
            path: format!("{path}{}", if explained { "?recompute=false" } else { "" }),
            is_statement,
        }
    }

    async fn ask(&self, app: &TestApp, at: Option<&str>) -> Answered {
        let joined = if self.path.contains('?') { '&' } else { '?' };
        let path = match at {
            Some(at) => format!("{}{joined}at={at}", self.path),
            None => self.path.clone(),
        };
        if !self.is_statement {
            return app.get(&path).await;
        }
        let query = "SELECT activity_id, name, distance_m FROM activities ORDER BY activity_id";
        let request = Request::post(&path)
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Body::from(json!({ "query": query }).to_string()));
        app.send(request.unwrap()).await
    }
}

/// Every operation of the document under `/api`, with whether it documents
/// `at`.
async fn questions(app: &TestApp) -> Vec<(Question, bool)> {
    let document = app.json("/api/openapi.json").await;
    let mut questions = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let known = ["get", "post", "delete"];
            assert!(known.contains(&method.as_str()), "{path}");
            let parameters = operation["parameters"].as_array();
            let at = parameters.into_iter().flatten().find(|p| p["name"] == "at");
            let header = &operation["responses"]["200"]["headers"]["x-pacelake-snapshot"];
            assert_eq!(at.is_some(), header.is_object(), "{path}");
            // What writes reads no past, and who signs in has none.
            let tag = &operation["tags"][0];
            let has_none = ["accounts", "strava", "jobs", "admin"]
                .iter()
                .any(|one| tag == one);
            if has_none || (method == "post" && tag == "corrections") {
                assert!(at.is_none(), "{path}");
                continue;
            }
            if path.starts_with("/api/") {
                questions.push((Question::of(path, method == "post"), at.is_some()));
            }
        }
    }
    questions
}

fn key(id: i64, start_time_us: i64) -> ActivityKey {
    ActivityKey {
        athlete_id: AthleteId(1),
        start_time_us,
        activity_id: ActivityId(id),
    }
}

/// The rows that the first activity has of its own, with other numbers, as
/// those of an activity.
fn run_as(id: i64, start: &str) -> Vec<(&'static Table, Value)> {
    let mut tables = run();
    tables.retain(|(table, _)| table.key.contains(&"activity_id"));
    for (_, rows) in &mut tables {
        for row in rows.as_array_mut().unwrap() {
            *row = with_key(row.take(), start, id);
            for (column, value) in [
                ("name", json!("changed")),
                ("distance_m", json!(1500.0)),
                ("gain_m", json!(10.0)),
                ("lat_e7", json!([480_000_000, null, 480_200_000])),
                ("distance_cm", json!([0, 75_000, 150_000])),
            ] {
                if let Some(cell) = row.get_mut(column) {
                    *cell = value;
                }
            }
        }
    }
    tables
}

/// A lake with three activities of athlete 1, and its snapshot.
async fn app() -> (TestApp, i64) {
    let app = TestApp::new().await;
    let second = with_key(
        json!({"sport": "run", "revision": 1}),
        "2024-04-01T06:00:00",
        SECOND,
    );
    app.commit(vec![(&ACTIVITIES, json!([second]))], SECOND, SECOND_US)
        .await;
    let snapshot = app.state().storage.lake.latest().await.unwrap();
    (app, snapshot.snapshot_id())
}

/// The run gets another start and other numbers and takes the ride in; another
/// run is born.
async fn change(app: &TestApp) {
    let moved_us = RUN_US + 60_000_000;
    let gone = [key(RUN, RUN_US), key(RIDE, RIDE_US)];
    let changes = run_as(RUN, "2023-12-31T23:31:00").into_iter();
    let changes = changes.map(|(table, rows)| TableChange {
        table,
        delete: Some(KeySet::activities(&gone)),
        append: vec![batch(table, &rows)],
    });
    let commit = Commit {
        attempt: Uuid::now_v7(),
        changes: changes.collect(),
        catalog: CatalogChange {
            activities: vec![ActivityWrite {
                key: key(RUN, moved_us),
                previous_revision: Some(1),
                revision: 2,
            }],
            ended: vec![ActivityEnd {
                athlete_id: AthleteId(1),
                activity_id: ActivityId(RIDE),
                previous_revision: 1,
                merged_into: ActivityId(RUN),
            }],
            ..CatalogChange::default()
        },
        message: "test".to_owned(),
    };
    app.state().storage.lake.commit(commit).await.unwrap();
    let born = run_as(LATER, "2024-05-01T06:00:00");
    app.commit(born, LATER, 1_714_543_200_000_000).await;
}

#[tokio::test]
async fn every_route_reads_an_older_snapshot_as_it_was() {
    let (app, snapshot) = app().await;
    let snapshot = snapshot.to_string();
    let questions = questions(&app).await;
    let mut before = BTreeMap::new();
    for (question, reads) in &questions {
        let answered = question.ask(&app, None).await;
        assert_eq!(answered.status, StatusCode::OK, "{question:?}");
        assert_eq!(OTHERS.contains(&question.path.as_str()), !reads);
        let named = answered.header("x-pacelake-snapshot");
        assert_eq!(named, if *reads { &snapshot } else { "" }, "{question:?}");
        before.insert(&question.path, answered.bytes);
    }
    let then = jiff::Timestamp::now().to_string();
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    change(&app).await;

    let mut changed = 0;
    for (question, reads) in &questions {
        if !reads {
            check(
                &question.ask(&app, Some(&snapshot)).await,
                400,
                "invalid_argument",
            );
            continue;
        }
        for at in [&snapshot, &then] {
            let answered = question.ask(&app, Some(at)).await;
            let text = answered.text();
            assert_eq!(answered.status, StatusCode::OK, "{question:?}: {text}");
            assert_eq!(answered.header("x-pacelake-snapshot"), snapshot);
            assert!(
                answered.bytes == before[&question.path],
                "{question:?}: {text}"
            );
        }
        let now = question.ask(&app, None).await;
        assert_ne!(now.header("x-pacelake-snapshot"), snapshot);
        changed += usize::from(now.bytes != before[&question.path]);
    }
    // All but laps and findings, of which there are none, peaks, which are
    // equal, and ranks and statistics, which nobody reconciled.
    assert!(changed >= 10, "{changed}");
}

#[tokio::test]
async fn an_activity_is_where_it_was_then() {
    let (app, snapshot) = app().await;
    let ride = app.json(&format!("/api/activities/{RIDE}")).await;
    change(&app).await;
    check(
        &app.get(&format!("/api/activities/{RIDE}")).await,
        404,
        "not_found",
    );
    let then = app
        .json(&format!("/api/activities/{RIDE}?at={snapshot}"))
        .await;
    assert_eq!(then, ride);
    let born_since = format!("/api/activities/{LATER}");
    assert_eq!(app.get(&born_since).await.status, StatusCode::OK);
    check(
        &app.get(&format!("{born_since}?at={snapshot}")).await,
        404,
        "not_found",
    );

    let explained = app
        .json(&format!(
            "/api/explain/activities/{RIDE}/elapsed_s?at={snapshot}"
        ))
        .await;
    assert_eq!(explained["value"], 60.0);
    assert_eq!(explained["snapshot"], snapshot);
    let anew = &explained["recomputed"];
    assert_eq!(
        (&anew["value"], &anew["equal"]),
        (&json!(null), &json!(false))
    );
    let remark = anew["remark"].as_str().unwrap();
    assert!(remark.contains("not there today"), "{remark}");

    let catalog = &app.state().storage.catalog;
    catalog.create_athlete(None).await.unwrap();
    let other = pacelake_api::app(app.state().acting_as(AthleteId(2)));
    for path in ["", "/splits", "/streams", "/map"] {
        let path = format!("/api/activities/{RUN}{path}?at={snapshot}");
        let request = Request::get(&path).header("host", "127.0.0.1");
        let request = request.body(Body::empty()).unwrap();
        let response = other.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn tags_of_the_past_hang_on_the_snapshot_alone() {
    let (app, snapshot) = app().await;
    let path = format!("/api/activities?at={snapshot}");
    let tag = app.get(&path).await.header("etag").to_owned();
    assert_ne!(tag, app.get("/api/activities").await.header("etag"));
    // Nothing came yet between the snapshot and an instant to come.
    let to_come = "/api/activities?at=2999-01-01";
    assert_eq!(app.get(to_come).await.header("etag"), tag);
    change(&app).await;
    let known = [("if-none-match", tag.as_str())];
    let again = app.get_with(&path, &known).await;
    assert_eq!(again.status, StatusCode::NOT_MODIFIED);
    let moved = app.get_with(to_come, &known).await;
    assert_eq!(moved.status, StatusCode::OK);
    assert_ne!(moved.header("etag"), tag);
}

#[tokio::test]
async fn the_next_page_is_of_the_same_snapshot() {
    let (app, snapshot) = app().await;
    change(&app).await;
    let first = app.get(&format!("/api/runs?at={snapshot}&limit=1")).await;
    assert_eq!(first.json()[0]["id"], SECOND);
    let link = first.header("link");
    let next = link.trim_start_matches('<').split('>').next().unwrap();
    let second = app.get(next).await;
    assert_eq!(second.header("x-pacelake-snapshot"), snapshot.to_string());
    assert_eq!(second.json()[0]["id"], RUN);
    assert_eq!(second.header("link"), "");
}

#[tokio::test]
async fn before_there_was_anything_there_is_nothing() {
    let (app, _) = app().await;
    for (question, _) in questions(&app).await.iter().filter(|(_, reads)| *reads) {
        // The lake's very first snapshot has no tables.
        let answered = question.ask(&app, Some("0")).await;
        match answered.status {
            StatusCode::OK => assert!(!answered.text().contains("\"activity_id\"")),
            _ => check(&answered, 404, "not_found"),
        }
    }
}

#[tokio::test]
async fn moments_without_a_snapshot_are_told() {
    let (app, snapshot) = app().await;
    for at in [
        "",
        "now",
        "-1",
        "2024-02-30",
        "2024-01-01T00:00:00",
        "1&at=1",
    ] {
        let path = format!("/api/activities?at={at}");
        check(&app.get(&path).await, 400, "invalid_argument");
    }
    for (question, _) in questions(&app).await.iter().filter(|(_, reads)| *reads) {
        for (at, said) in [
            (
                "999",
                "snapshot 999 has not been made; kept are snapshots 0 of ",
            ),
            (
                "2001-01-01",
                "is before the first snapshot; kept are snapshots 0 of ",
            ),
        ] {
            let answered = question.ask(&app, Some(at)).await;
            check(&answered, 404, "not_found");
            let message = answered.json()["message"].as_str().unwrap().to_owned();
            assert!(message.contains(said), "{message}");
            assert!(
                message.contains(&format!(" to {snapshot} of ")),
                "{message}"
            );
        }
    }
}
