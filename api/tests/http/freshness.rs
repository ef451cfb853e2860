//! Tags, what they depend on, and compression.

use axum::http::StatusCode;
use serde_json::json;
use storage::tables::ACTIVITIES;

use crate::app::{RUN, TestApp, with_key};

#[tokio::test]
async fn an_answer_that_still_holds_is_not_sent_again() {
    let app = TestApp::new().await;
    for path in [
        "/api/activities",
        "/api/activities/7",
        "/api/stats",
        "/api/runs",
    ] {
        let first = app.get(path).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with("W/\""), "{path}: {tag}");
        for known in [tag.as_str(), &format!("\"other\", {tag}"), &tag[2..], "*"] {
            let again = app.get_with(path, &[("if-none-match", known)]).await;
            assert_eq!(again.status, StatusCode::NOT_MODIFIED, "{path} {known}");
            assert_eq!((again.bytes.len(), again.header("etag")), (0, tag.as_str()));
            assert_ne!(again.header("x-request-id"), "");
        }
        let other = app.get_with(path, &[("if-none-match", "\"other\"")]).await;
        assert_eq!(other.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_commit_of_the_athlete_changes_tags_and_answers() {
    let app = TestApp::new().await;
    let before = app.get("/api/activities").await;
    let activity = with_key(
        json!({"sport": "run", "revision": 1}),
        "2024-04-01T06:00:00",
        9,
    );
    let start_us = 1_711_951_200_000_000;
    app.commit(vec![(&ACTIVITIES, json!([activity]))], 9, start_us)
        .await;
    let known = [("if-none-match", before.header("etag"))];
    let after = app.get_with("/api/activities", &known).await;
    assert_eq!(after.status, StatusCode::OK);
    assert_eq!(after.json()["items"].as_array().unwrap().len(), 3);
    assert_ne!(after.header("etag"), before.header("etag"));
}

#[tokio::test]
async fn a_kept_answer_is_the_same_and_none_outlives_a_commit() {
    let app = TestApp::new().await;
    let paths = [
        "/api/activities",
        "/api/runs?limit=1",
        "/api/activities/7/streams?format=arrow",
    ];
    for path in paths {
        let first = app.get(path).await;
        let second = app.get(path).await;
        assert_eq!(first.bytes, second.bytes, "{path}");
        for name in ["content-type", "etag", "cache-control", "link", "vary"] {
            assert_eq!(first.header(name), second.header(name), "{path}: {name}");
        }
        assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    }
    for id in 20..25 {
        let activity = with_key(
            json!({"sport": "run", "revision": 1}),
            "2024-04-01T06:00:00",
            id,
        );
        let start_us = 1_711_951_200_000_000;
        app.commit(vec![(&ACTIVITIES, json!([activity]))], id, start_us)
            .await;
        let listed = app.json("/api/activities").await;
        assert_eq!(listed["items"][0]["activity_id"], id);
    }
}

#[tokio::test]
async fn different_questions_have_different_tags() {
    let app = TestApp::new().await;
    let tag = |path: &'static str| {
        let app = &app;
        async move { app.get(path).await.header("etag").to_owned() }
    };
    assert_ne!(
        tag("/api/activities").await,
        tag("/api/activities?limit=2").await
    );
    assert_eq!(tag("/api/activities").await, tag("/api/activities").await);
}

#[tokio::test]
async fn answers_are_compressed_where_that_is_welcome() {
    let app = TestApp::new().await;
    let path = format!("/api/activities/{RUN}");
    let plain = app.get(&path).await;
    let packed = app.get_with(&path, &[("accept-encoding", "gzip")]).await;
    assert_eq!(plain.header("content-encoding"), "");
    assert_eq!(packed.header("content-encoding"), "gzip");
    assert_eq!(&packed.bytes[..2], [0x1f, 0x8b]);
    assert!(packed.bytes.len() < plain.bytes.len());
    assert_eq!(packed.header("etag"), plain.header("etag"));
}

#[tokio::test]
async fn only_this_machine_is_listened_to() {
    let listener = tokio::net::TcpListener::bind("0.0.0.0:0").await.unwrap();
    let app = TestApp::new().await;
    let refused = pacelake_api::serve(listener, app.state(), std::future::pending()).await;
    assert!(matches!(
        refused,
        Err(pacelake_api::ServeError::NotLoopback { .. })
    ));
}
