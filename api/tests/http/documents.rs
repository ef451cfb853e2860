//! The document and its pages hold what the application does.

use axum::http::StatusCode;
use serde_json::Value;

use crate::app::{RUN, TestApp};
use crate::schema::conforms;

/// A path with the names of things that there are, and the parameters that it
/// does not answer without.
pub fn filled(path: &str) -> String {
    let needed = match path {
        "/api/diff" => "?from=1",
        _ => "",
    };
    let path = path
        .replace("{activity_id}", &RUN.to_string())
        .replace("{table}", "splits")
        .replace("{address}", &format!("{RUN}/km/1/distance_m"));
    format!("{path}{needed}")
}

/// What needs Strava, or a job: `tests/strava` asks it.
fn is_elsewhere(operation: &Value) -> bool {
    let tag = &operation["tags"][0];
    // They need a Strava.
    tag == "strava" || tag == "jobs" || operation["operationId"] == "list_webhooks"
}

/// Every path of the document that answers GET.
fn paths(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().unwrap().iter();
    paths
        .filter(|(_, item)| item["get"].is_object() && !is_elsewhere(&item["get"]))
        .map(|(path, _)| filled(path))
        .collect()
}

#[tokio::test]
async fn every_documented_path_answers_with_no_more_than_it_needs() {
    let app = TestApp::new().await;
    let document = app.json("/api/openapi.json").await;
    for path in paths(&document) {
        let answered = app.get(&path).await;
        assert_eq!(
            answered.status,
            StatusCode::OK,
            "{path}: {}",
            answered.text()
        );
        assert_ne!(answered.header("x-request-id"), "", "{path}");
    }
}

#[tokio::test]
async fn every_answer_is_as_its_schema_says() {
    let app = TestApp::new().await;
    let document = app.json("/api/openapi.json").await;
    let mut checked = 0;
    for (template, item) in document["paths"].as_object().unwrap() {
        let content = &item["get"]["responses"]["200"]["content"]["application/json"];
        let path = filled(template);
        let elsewhere = is_elsewhere(&item["get"]);
        if content.is_object() && path != "/api/openapi.json" && !elsewhere {
            conforms(&document, &content["schema"], &app.json(&path).await, &path);
            checked += 1;
        }
    }
    assert_eq!(checked, 25);
}

#[tokio::test]
async fn the_pages_ask_for_nothing_from_elsewhere() {
    let app = TestApp::new().await;
    for path in ["/", "/api/docs"] {
        let page = app.get(path).await;
        let text = page.text();
        for outside in ["<script", "src=", "http://", "https://", "@import", "url("] {
            assert!(!text.contains(outside), "{path} holds {outside}");
        }
        assert!(
            page.header("content-security-policy")
                .starts_with("default-src 'none'")
        );
    }
    let docs = app.get("/api/docs").await.text();
    let document = app.json("/api/openapi.json").await;
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            let name = format!("{} {path}<", method.to_uppercase());
            assert!(docs.contains(&name), "{name}");
        }
    }
    for name in document["components"]["schemas"]
        .as_object()
        .unwrap()
        .keys()
    {
        assert!(docs.contains(&format!("id=\"{name}\"")), "{name}");
    }
}
