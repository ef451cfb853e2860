//! What passes a limit of the server is told, and the server goes on.

use std::time::Duration;

use axum::http::StatusCode;
use pacelake_api::ServerLimits;
use query::Limits;

use crate::app::{RUN, TestApp};
use crate::errors::check;

/// A list that is planned, so that its limits are the session's.
const LIST: &str = "/api/stats?by=month";

async fn app(change: impl FnOnce(&mut ServerLimits)) -> TestApp {
    let mut limits = ServerLimits {
        wait: Duration::from_millis(20),
        ..ServerLimits::default()
    };
    change(&mut limits);
    TestApp::within(limits).await
}

#[tokio::test]
async fn reads_wait_for_their_turn_and_not_for_long() {
    let app = app(|limits| limits.reads = 0).await;
    for path in [LIST.to_owned(), format!("/api/activities/{RUN}")] {
        check(&app.get(&path).await, 503, "too_busy");
    }
    assert_eq!(app.get("/api/health").await.status, StatusCode::OK);
}

#[tokio::test]
async fn reads_have_so_much_memory_and_time() {
    let scarce = app(|limits| limits.read.memory_bytes = 1).await;
    check(&scarce.get(LIST).await, 422, "query_limit");
    let hurried = app(|limits| {
        limits.read = Limits {
            time: Duration::ZERO,
            ..limits.read.clone()
        };
    });
    check(&hurried.await.get(LIST).await, 422, "query_limit");
}

#[tokio::test]
async fn an_answer_and_an_export_have_so_much_time() {
    let hurried = app(|limits| limits.answer_time = Duration::ZERO).await;
    check(&hurried.get(LIST).await, 504, "timeout");
    let hurried = app(|limits| limits.export_time = Duration::ZERO).await;
    // Two rows may be out before a clock has ticked.
    for _ in 0..100 {
        let export = hurried.get("/api/export/activities").await;
        if export.status != StatusCode::OK {
            return check(&export, 422, "query_limit");
        }
    }
    panic!("exports without any time were all answered");
}
