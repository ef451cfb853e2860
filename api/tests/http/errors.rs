//! Every refusal has one shape, and each bad request is one.

use axum::body::Body;
use axum::http::{Request, StatusCode};

use crate::app::{Answered, RUN, TestApp};

pub fn check(answered: &Answered, status: u16, code: &str) {
    let body = answered.json();
    assert_eq!(
        (answered.status.as_u16(), body["code"].as_str()),
        (status, Some(code)),
        "{body}"
    );
    let fields: Vec<_> = body.as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["code", "message", "request_id", "try_next"]);
    for field in fields {
        assert!(
            body[&field].as_str().is_some_and(|text| !text.is_empty()),
            "{field}: {body}"
        );
    }
    assert_eq!(body["request_id"], answered.header("x-request-id"));
    assert_eq!(answered.header("content-type"), "application/json");
}

#[tokio::test]
async fn bad_parameters_are_refused_not_changed() {
    let app = TestApp::new().await;
    for path in [
        "/api/activities?limit=0",
        "/api/activities?limit=501",
        "/api/activities?limit=-1",
        "/api/activities?limit=ten",
        "/api/activities?limit=1&limit=2",
        "/api/activities?sport=jog",
        "/api/activities?sports=run",
        "/api/activities?from=yesterday",
        "/api/activities?from=2024-02-30",
        "/api/activities?from=20240101",
        "/api/activities?min_distance=NaN",
        "/api/activities?after=zz",
        "/api/activities/abc",
        "/api/activities/-1",
        "/api/activities/+7",
        "/api/activities/7.0",
        "/api/activities/99999999999999999999",
        "/api/activities/7?x=1",
        "/api/activities/7/splits?unit=furlong",
        "/api/activities/7/climbs?x=1",
        "/api/activities/7/streams?channels=athlete_id",
        "/api/activities/7/streams?channels=",
        "/api/activities/7/streams?resolution=best",
        "/api/activities/7/streams?resolution=",
        "/api/activities/7/streams?format=csv",
        "/api/activities/7/map?resolution=1000",
        "/api/activities/7/map?x=1",
        "/api/runs?limit=501",
        "/api/stats?by=decade",
        "/api/stats?sport=jog",
        "/api/analytics/peak?measure=joy",
        "/api/analytics/best-efforts-cached?window=5y",
        "/api/analytics/best-efforts-cached?limit=101",
        "/api/analytics/best-efforts-cached?distance=far",
        "/api/health?x=1",
        "/api/export/splits?format=table",
        "/api/export/splits?from=2024",
        "/api/export/splits?sport=jog",
        "/api/export/splits?activity_id=x",
        "/api/export/stats?activity_id=7",
        "/api/export/a%20b",
        "/api/export/%ff",
        "/api/jobs/abc",
        "/api/jobs/%ff",
        "/api/jobs/abc/events",
    ] {
        let answered = app.get(path).await;
        assert_eq!(
            answered.status,
            StatusCode::BAD_REQUEST,
            "{path}: {}",
            answered.text()
        );
        check(&answered, 400, "invalid_argument");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let app = TestApp::new().await;
    for path in [
        "/api/activities/12345",
        "/api/activities/12345/map",
        "/api/activities/12345/splits",
        "/api/activities/12345/climbs",
        "/api/activities/12345/streams",
        "/api/activities/7/nothing",
        "/api/export/secrets",
        "/api/export/splits?activity_id=12345",
        "/api/nothing",
        "/favicon.ico",
    ] {
        check(&app.get(path).await, 404, "not_found");
    }
}

#[tokio::test]
async fn other_methods_are_refused_and_head_is_not() {
    let app = TestApp::new().await;
    let request = |method: &str| {
        let request = Request::builder().method(method).uri("/api/activities");
        request
            .header("host", "localhost")
            .body(Body::empty())
            .unwrap()
    };
    let answered = app.send(request("DELETE")).await;
    check(&answered, 405, "method_not_allowed");
    assert!(answered.header("allow").contains("GET"));
    let answered = app.get("/api/sql").await;
    check(&answered, 405, "method_not_allowed");
    assert_eq!(answered.header("allow"), "POST");
    let body = answered.json();
    let try_next = body["try_next"].as_str().unwrap();
    assert!(try_next.contains("allow") && !try_next.contains("GET"));
    let head = app.send(request("HEAD")).await;
    assert_eq!((head.status, head.bytes.len()), (StatusCode::OK, 0));
}

#[tokio::test]
async fn strangers_are_refused_everywhere() {
    let app = TestApp::new().await;
    for path in ["/", "/api/activities", "/api/health", "/api/nothing"] {
        let foreign = Request::get(path).header("host", "evil.example");
        let answered = app.send(foreign.body(Body::empty()).unwrap()).await;
        check(&answered, 403, "forbidden_origin");
        let answered = app
            .get_with(path, &[("origin", "http://evil.example")])
            .await;
        check(&answered, 403, "forbidden_origin");
    }
}

#[tokio::test]
async fn a_long_body_is_refused() {
    let app = TestApp::new().await;
    let request = Request::post("/api/activities")
        .header("host", "localhost")
        .header("content-length", "100000")
        .body(Body::from(vec![b' '; 100_000]))
        .unwrap();
    check(&app.send(request).await, 413, "input_too_large");
}

#[tokio::test]
async fn a_plain_request_id_is_kept_and_another_replaced() {
    let app = TestApp::new().await;
    let path = format!("/api/activities/{RUN}");
    let kept = app.get_with(&path, &[("x-request-id", "my-Id_1")]).await;
    assert_eq!(kept.header("x-request-id"), "my-Id_1");
    for bad in ["", "a b", "x\"y", &"x".repeat(65)] {
        let replaced = app.get_with(&path, &[("x-request-id", bad)]).await;
        let id = replaced.header("x-request-id");
        assert!(uuid::Uuid::parse_str(id).is_ok(), "{bad}: {id}");
    }
}
