//! The app's webhook subscription.

use pacelake_strava::{Error, Verdict};
use url::Url;

use crate::captured::captured;
use crate::player::{Player, Reply, nobody, strava_at};

fn callback() -> Url {
    "https://me.example/api/strava/webhook/hidden?a=b"
        .parse()
        .unwrap()
}

#[tokio::test]
async fn subscriptions_are_listed() {
    let player = Player::start([captured("subscriptions"), captured("no_subscriptions")]).await;
    let answer = player.strava().subscriptions().await;
    let subscriptions = answer.outcome.unwrap();
    assert_eq!(subscriptions.len(), 1);
    let subscription = &subscriptions[0];
    assert_eq!(
        (subscription.id, subscription.application_id),
        (131_300, Some(24_523))
    );
    let url = subscription.callback_url.as_ref().unwrap();
    assert_eq!(url.as_str(), "http://35d43b4e.ngrok.io/");
    assert_eq!(
        subscription.created_at.unwrap().to_string(),
        "2018-11-29T21:46:22Z"
    );
    assert_eq!(answer.usage.unwrap().overall.day_limit, 30_000);
    let seen = player.only();
    assert_eq!(seen.line, "GET /api/v3/push_subscriptions");
    let query: Vec<_> = seen.query.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(query, ["client_id=12345", "client_secret=client-secret"]);
    assert!(!seen.headers.contains_key("authorization"), "{seen:?}");
    assert_eq!(player.strava().subscriptions().await.outcome.unwrap(), []);
}

#[tokio::test]
async fn a_subscription_is_made() {
    for (reply, created) in [
        (
            captured("subscription_created"),
            Some("2018-11-29T21:46:21.854786016Z"),
        ),
        (Reply::json(201, r#"{"id":131300}"#), None),
    ] {
        let player = Player::start([reply]).await;
        let answer = player.strava().subscribe(&callback(), "verify-me").await;
        let subscription = answer.outcome.unwrap();
        assert_eq!(subscription.id, 131_300);
        let at = subscription.created_at.map(|at| at.to_string());
        assert_eq!(at.as_deref(), created);
        let seen = player.only();
        assert_eq!(seen.line, "POST /api/v3/push_subscriptions");
        assert!(seen.query.is_empty(), "{seen:?}");
        let form: Vec<_> = seen.form.iter().map(|(k, v)| format!("{k}={v}")).collect();
        assert_eq!(
            form,
            [
                "callback_url=https://me.example/api/strava/webhook/hidden?a=b",
                "client_id=12345",
                "client_secret=client-secret",
                "verify_token=verify-me",
            ]
        );
    }
}

async fn refused(reply: Reply) -> Error {
    let player = Player::start([reply]).await;
    let answer = player.strava().subscribe(&callback(), "verify-me").await;
    answer.outcome.unwrap_err()
}

#[tokio::test]
async fn why_no_subscription_is_made_is_told() {
    let fault = |field: &str, code: &str| {
        let body = serde_json::json!({"message": "Bad Request",
            "errors": [{"resource": "PushSubscription", "field": field, "code": code}]});
        Reply::json(400, &body.to_string())
    };
    let no_200 = "GET to callback URL does not return 200";
    for (reply, expected) in [
        (fault("callback url", no_200), Verdict::CallbackUnreachable),
        (
            fault("callback url", "not verifiable"),
            Verdict::CallbackUnreachable,
        ),
        (fault("", "already exists"), Verdict::AlreadySubscribed),
        (captured("token_invalid_client"), Verdict::ClientRefused),
        (captured("authorization_error"), Verdict::ClientRefused),
    ] {
        let error = refused(reply).await;
        assert_eq!(error.verdict(), expected, "{error}");
        assert!(!error.verdict().is_transient() && !error.may_have_happened());
    }
    let lost = refused(Reply::json(201, r#"{"id":"#)).await;
    assert!(lost.may_have_happened(), "it may stand: {lost}");
    let empty = refused(Reply::json(201, "[]")).await;
    assert!(
        matches!(empty.verdict(), Verdict::Malformed { .. }),
        "{empty}"
    );
}

#[tokio::test]
async fn a_subscription_is_ended() {
    let player = Player::start([captured("subscription_deleted"), captured("not_found")]).await;
    let strava = player.strava();
    let answer = strava.unsubscribe(131_300).await;
    answer.outcome.unwrap();
    assert!(answer.usage.is_some());
    let seen = player.only();
    assert_eq!(seen.line, "DELETE /api/v3/push_subscriptions/131300");
    assert_eq!(seen.query["client_secret"], "client-secret");
    let again = strava.unsubscribe(131_300).await.outcome.unwrap_err();
    assert_eq!(again.verdict(), Verdict::NotFound);
    let offline = strava_at(&nobody().await).unsubscribe(1).await;
    assert_eq!(offline.outcome.unwrap_err().verdict(), Verdict::Unreachable);
}
