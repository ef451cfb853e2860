//! What owners say of their activities, over HTTP.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use storage::AthleteId;
use tower::ServiceExt;

use crate::app::{Answered, RIDE, RUN, TestApp};
use crate::errors::check;
use crate::schema::conforms;

async fn post(app: &TestApp, path: &str, body: &Value) -> Answered {
    let request = Request::post(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Body::from(body.to_string()));
    app.send(request.unwrap()).await
}

async fn done(app: &TestApp, what: &str, body: &Value) -> Value {
    let answered = post(app, &format!("/api/activities/{RUN}/{what}"), body).await;
    assert_eq!(answered.status, 200, "{what}: {}", answered.text());
    assert_eq!(answered.header("cache-control"), "no-store");
    let document = app.json("/api/openapi.json").await;
    let operation = &document["paths"][format!("/api/activities/{{activity_id}}/{what}")]["post"];
    let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
    conforms(&document, schema, &answered.json(), what);
    answered.json()
}

#[tokio::test]
async fn a_mask_is_set_seen_and_lifted() {
    let app = TestApp::new().await;
    let efforts = format!("/api/activities/{RUN}/best_efforts");
    let corrections = format!("/api/activities/{RUN}/corrections");
    let refused = format!("/api/activities/{RUN}/refused_efforts");
    // The rows of this lake were written by hand: the first wish makes them
    // what the samples give.
    done(&app, "mask", &json!({"reason": "all of it"})).await;
    done(&app, "unmask", &json!({})).await;
    let before = app.get(&efforts).await;
    assert_eq!(before.json()["items"].as_array().unwrap().len(), 4);
    assert_eq!(app.json(&refused).await, json!({"items": []}));
    assert_eq!(app.json(&corrections).await, json!({"items": []}));

    let wish = json!({"from": "+0:10", "to": "00:31:00", "reason": "by car"});
    let masked = done(&app, "mask", &wish).await;
    assert_eq!(masked["sentence"], "masked 00:30:10 to 00:31:00: by car");
    assert_eq!(masked["rows"]["activities"]["changed"], 1);
    let said = app.json(&corrections).await;
    assert_eq!(said["items"], masked["corrections"]);
    assert_eq!(said["items"][0]["from"], "2023-12-31T23:30:10Z");
    let known = [("if-none-match", before.header("etag"))];
    let after = app.get_with(&efforts, &known).await;
    assert_eq!(after.status, 200);
    assert_ne!(after.json(), before.json());
    let refused = app.json(&refused).await;
    let first = &refused["items"][0];
    assert_eq!(
        first["because"],
        json!(["masked 00:30:10 to 00:31:00: by car"])
    );

    let which = json!({"correction_id": said["items"][0]["correction_id"]});
    let lifted = done(&app, "unmask", &which).await;
    assert_eq!(lifted["corrections"], json!([]));
    assert_eq!(app.json(&efforts).await, before.json());
}

#[tokio::test]
async fn a_refused_effort_is_included_and_excluded() {
    let app = TestApp::new().await;
    done(&app, "mask", &json!({"reason": "all of it"})).await;
    let efforts = format!("/api/activities/{RUN}/best_efforts");
    assert_eq!(app.json(&efforts).await, json!({"items": []}));
    let wish = json!({"distance_m": 1000.0, "reason": "on a track"});
    let included = done(&app, "include", &wish).await;
    let kinds = included["corrections"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds.map(|said| said["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["mask", "include"]);
    let items = app.json(&efforts).await;
    assert_eq!(items["items"].as_array().unwrap().len(), 1);
    assert_eq!(items["items"][0]["distance_m"], 1000.0);
    let path = format!("/api/explain/best_efforts/{RUN}/1000/elapsed_s?recompute=false");
    let explained = app.json(&path).await;
    let inputs = explained["inputs"].as_array().unwrap();
    let included = json!({"kind": "included", "distance_m": 1000.0, "reason": "on a track"});
    assert!(inputs.contains(&included), "{explained}");
    done(&app, "exclude", &json!({"distance_m": 1000.0})).await;
    assert_eq!(app.json(&efforts).await, json!({"items": []}));
}

#[tokio::test]
async fn what_means_nothing_is_refused() {
    let app = TestApp::new().await;
    for (what, body, status, code) in [
        ("7/mask", json!({}), 400, "invalid_argument"),
        ("7/mask", json!({"reason": " "}), 400, "invalid_argument"),
        (
            "7/mask",
            json!({"reason": "x", "form": "+1"}),
            400,
            "invalid_argument",
        ),
        (
            "7/mask",
            json!({"reason": "x", "from": "noon"}),
            400,
            "invalid_argument",
        ),
        (
            "7/mask",
            json!({"reason": "x", "from": "+9000"}),
            400,
            "invalid_argument",
        ),
        (
            "7/mask?x=1",
            json!({"reason": "x"}),
            400,
            "invalid_argument",
        ),
        ("7/unmask", json!({}), 404, "not_found"),
        (
            "7/unmask",
            json!({"correction_id": "7"}),
            400,
            "invalid_argument",
        ),
        (
            "7/include",
            json!({"distance_m": 400.0}),
            400,
            "invalid_argument",
        ),
        (
            "7/include",
            json!({"distance_m": -1.0, "reason": "x"}),
            400,
            "invalid_argument",
        ),
        ("7/exclude", json!({"distance_m": 400.0}), 404, "not_found"),
        ("7/unmerge", json!({}), 400, "invalid_argument"),
        ("7/remerge", json!({}), 400, "invalid_argument"),
        ("99/mask", json!({"reason": "x"}), 404, "not_found"),
    ] {
        let answered = post(&app, &format!("/api/activities/{what}"), &body).await;
        check(&answered, status, code);
    }
    // A form of another page cannot send JSON.
    let request = Request::post(format!("/api/activities/{RIDE}/mask"))
        .header("host", "localhost")
        .header("content-type", "text/plain")
        .body(Body::from(r#"{"reason": "x"}"#));
    check(&app.send(request.unwrap()).await, 400, "invalid_argument");
    let request = Request::post(format!("/api/activities/{RIDE}/mask"))
        .header("host", "localhost")
        .header("origin", "http://evil.example")
        .header("content-type", "application/json")
        .body(Body::from(r#"{"reason": "x"}"#));
    check(&app.send(request.unwrap()).await, 403, "forbidden_origin");
}

#[tokio::test]
async fn nobody_corrects_what_is_another_athletes() {
    let app = TestApp::new().await;
    let state = app.state();
    state.storage.catalog.create_athlete(None).await.unwrap();
    let router = pacelake_api::app(state.acting_as(AthleteId(2)));
    for (what, body) in [
        ("mask", json!({"reason": "x"})),
        ("unmask", json!({})),
        ("include", json!({"distance_m": 400.0, "reason": "x"})),
        ("exclude", json!({"distance_m": 400.0})),
        ("unmerge", json!({})),
        ("remerge", json!({})),
    ] {
        let request = Request::post(format!("/api/activities/{RUN}/{what}"))
            .header("host", "localhost")
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()));
        let response = router.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 404, "{what}");
    }
    for what in ["corrections", "refused_efforts", "best_efforts"] {
        let request = Request::get(format!("/api/activities/{RUN}/{what}"))
            .header("host", "localhost")
            .body(Body::empty());
        let response = router.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(response.status(), 404, "{what}");
    }
}
