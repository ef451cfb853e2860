//! Explanations over HTTP: their shape, and who may have them.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use storage::AthleteId;
use tower::ServiceExt;

use crate::app::{RUN, TestApp};
use crate::errors::check;

#[tokio::test]
async fn an_explanation_has_the_documented_fields() {
    let app = TestApp::new().await;
    let path = format!("/api/explain/splits/{RUN}/km/1.0/pace_s_per_km?recompute=false");
    let answered = app.get(&path).await;
    assert_eq!(answered.header("cache-control"), "no-store");
    let explanation = answered.json();
    assert_eq!(explanation["table"], "splits");
    assert_eq!(explanation["key"], json!([RUN, "km", 1]));
    assert_eq!(explanation["column"], "pace_s_per_km");
    assert_eq!(explanation["unit"], "s/km");
    assert_eq!(explanation["clock"], "elapsed");
    assert_eq!(explanation["recomputed"], Value::Null);
    let document: Value = app.json("/api/openapi.json").await;
    let documented = &document["components"]["schemas"]["Explanation"]["properties"];
    let fields = |object: &Value| -> BTreeSet<String> {
        object.as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(fields(&explanation), fields(documented));
}

#[tokio::test]
async fn a_total_names_the_activities_it_sums() {
    let app = TestApp::new().await;
    let path = "/api/explain/stats/1/run/year/2024-01-01/distance_m?recompute=false";
    let explanation = app.json(path).await;
    assert_eq!(
        explanation["because"],
        json!([{"table": "activities", "key": [RUN], "column": "distance_m", "value": 2000.0}])
    );
    let sql = explanation["sql"].as_str().unwrap();
    let rows = app.sql(sql, "application/json").await.json();
    assert_eq!(rows, json!([{"distance_m": 2000.0}]), "{sql}");
}

#[tokio::test]
async fn what_there_is_not_is_told() {
    let app = TestApp::new().await;
    for (path, status, code) in [
        ("/api/explain/runs/7/distance_m", 400, "invalid_argument"),
        ("/api/explain/activities/7/length", 400, "invalid_argument"),
        (
            "/api/explain/activities/seven/distance_m",
            400,
            "invalid_argument",
        ),
        (
            "/api/explain/activities/distance_m",
            400,
            "invalid_argument",
        ),
        (
            "/api/explain/stats/1/run/year/today/distance_m",
            400,
            "invalid_argument",
        ),
        (
            "/api/explain/activities/7/distance_m?recompute=maybe",
            400,
            "invalid_argument",
        ),
        ("/api/explain/activities/99/distance_m", 404, "not_found"),
        (
            "/api/explain/splits/7/furlong/1/elapsed_s",
            404,
            "not_found",
        ),
        (
            "/api/explain/stats/2/run/year/2024-01-01/distance_m",
            404,
            "not_found",
        ),
    ] {
        check(&app.get(path).await, status, code);
    }
}

#[tokio::test]
async fn another_athletes_numbers_are_not_there() {
    let app = TestApp::new().await;
    let catalog = &app.state().storage.catalog;
    assert_eq!(
        catalog.create_athlete(None).await.unwrap().athlete_id,
        AthleteId(2)
    );
    let other = pacelake_api::app(app.state().acting_as(AthleteId(2)));
    for path in [
        format!("/api/explain/activities/{RUN}/distance_m"),
        format!("/api/explain/splits/{RUN}/km/1/elapsed_s"),
        "/api/explain/stats/1/run/year/2024-01-01/distance_m".to_owned(),
    ] {
        let request = Request::get(&path).header("host", "127.0.0.1");
        let request = request.body(Body::empty()).unwrap();
        let response = other.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
}
