//! What is posted to the webhook: kept, or refused.

use jobs::strava::Retention;
use reqwest::StatusCode;
use serde_json::{Value, json};
use storage::AthleteId;
use storage::catalog::{AuditEntry, Outcome};
use storage::testing::Place;

use crate::world::World;

async fn posted(world: &World, secret: &str, body: String) -> StatusCode {
    let url = format!("{}/api/strava/webhook/{secret}", world.base);
    let request = world
        .http
        .post(url)
        .header("content-type", "application/json");
    request.body(body).send().await.unwrap().status()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_ours_is_taken() {
    let world = World::begin(Place::sqlite(), Retention::Owner).await;
    let athlete = world.connected(1).await;
    let subscription = world.control().subscription().unwrap().id;
    let secret = world.service.webhook_secret().await.unwrap();
    let secret = secret.expose();
    let event = |owner: i64, subscription: i64, updates: Value| {
        json!({
            "object_type": "activity", "object_id": 5, "aspect_type": "update",
            "owner_id": owner, "subscription_id": subscription,
            "event_time": 1_764_288_000, "updates": updates,
        })
        .to_string()
    };
    let good = event(athlete, subscription, json!({"title": "x"}));
    let kept = async || {
        let catalog = &world.service.context.storage.catalog;
        catalog.strava_events(100).await.unwrap().len()
    };
    let before = kept().await;
    // Another path, another subscription, nobody we know, no event, too long.
    let (start, last) = secret.split_at(secret.len() - 1);
    let wrong = format!("{start}{}", if last == "0" { "1" } else { "0" });
    for (path, body, expected) in [
        (wrong.as_str(), good.clone(), StatusCode::NOT_FOUND),
        ("x", good.clone(), StatusCode::NOT_FOUND),
        ("%ff", good.clone(), StatusCode::NOT_FOUND),
        (
            secret,
            event(athlete, subscription + 1, json!({})),
            StatusCode::NOT_FOUND,
        ),
        (
            secret,
            event(athlete + 9, subscription, json!({})),
            StatusCode::NOT_FOUND,
        ),
        (secret, "{}".to_owned(), StatusCode::BAD_REQUEST),
        (secret, "not JSON".to_owned(), StatusCode::BAD_REQUEST),
        (secret, "x".repeat(1 << 20), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let status = posted(&world, path, body.clone()).await;
        assert_eq!(status, expected, "{}", &body[..body.len().min(80)]);
    }
    assert_eq!(kept().await, before);
    for _ in 0..3 {
        assert_eq!(posted(&world, secret, good.clone()).await, StatusCode::OK);
    }
    assert_eq!(
        kept().await,
        before + 1,
        "it is one event, however often it comes"
    );
    // A secret that is guessed wrongly does not validate either.
    let query = "hub.mode=subscribe&hub.challenge=abc&hub.verify_token=guess";
    let answer = world
        .ask("GET", &format!("/api/strava/webhook/{secret}?{query}"))
        .await;
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
    // What is no text is answered as any other guess is.
    let told = async |secret: &str| {
        let path = format!("/api/strava/webhook/{secret}?{query}");
        let answer = world.ask("GET", &path).await;
        let status = answer.status();
        let mut problem: Value = answer.json().await.unwrap();
        problem["request_id"] = Value::Null;
        (status, problem)
    };
    assert_eq!(told("%ff").await, told("x").await);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_is_a_hint_and_no_data() {
    let world = World::begin(Place::sqlite(), Retention::Owner).await;
    let athlete = world.connected(2).await;
    let control = world.control();
    let subscription = control.subscription().unwrap().id;
    let secret = world.service.webhook_secret().await.unwrap();
    let victim = control.activities(athlete)[0];
    // Someone who knows the path says that an activity was deleted, and that
    // the athlete went away. Neither is true.
    for (object_type, object_id, aspect, updates) in [
        ("activity", victim, "delete", json!({})),
        ("athlete", athlete, "update", json!({"authorized": "false"})),
    ] {
        let body = json!({
            "object_type": object_type, "object_id": object_id, "aspect_type": aspect,
            "owner_id": athlete, "subscription_id": subscription,
            "event_time": 1_764_288_000, "updates": updates,
        });
        let status = posted(&world, secret.expose(), body.to_string()).await;
        assert_eq!(status, StatusCode::OK);
    }
    world.until("rest", async || world.is_idle().await).await;
    assert_eq!(world.activities().await.len(), 2);
    assert_eq!(world.get("/api/strava/status").await["status"], "connected");
    world.end().await;
}

/// Of a connection that was given up a forged event says that its athlete went
/// away. Strava takes the refresh token still: what it gives for it is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_said_to_be_gone_and_is_not_stays() {
    let world = World::begin(Place::sqlite(), Retention::Policy).await;
    let athlete = world.connected(1).await;
    let catalog = &world.service.context.storage.catalog;
    let connection = catalog.strava_connection(AthleteId(1)).await.unwrap();
    let version = connection.unwrap().version;
    let entry = AuditEntry {
        audit_id: uuid::Uuid::now_v7(),
        at_us: world.service.now().as_microsecond(),
        athlete_id: AthleteId(1),
        activity_id: None,
        action: "strava_token".to_owned(),
        outcome: Outcome::Failed,
        path: "strava".to_owned(),
        sha256: None,
        code: Some("strava_access".to_owned()),
        reason: "a scope is missing".to_owned(),
        try_next: None,
        run_id: uuid::Uuid::now_v7(),
    };
    assert!(
        catalog
            .degrade_strava(AthleteId(1), version, &entry)
            .await
            .unwrap()
    );
    let secret = world.service.webhook_secret().await.unwrap();
    let body = json!({
        "object_type": "athlete", "object_id": athlete, "aspect_type": "update",
        "owner_id": athlete, "subscription_id": world.control().subscription().unwrap().id,
        "event_time": 1_764_288_000, "updates": {"authorized": "false"},
    });
    let status = posted(&world, secret.expose(), body.to_string()).await;
    assert_eq!(status, StatusCode::OK);
    world
        .until("a working connection", async || {
            world.get("/api/strava/status").await["status"] == "connected"
        })
        .await;
    // With the token that replaced the old one the next refresh works too.
    world.control().expire_access(athlete);
    world.push(athlete, 3);
    world
        .until("a new activity", async || {
            world.activities().await.len() == 2
        })
        .await;
    world.end().await;
}
