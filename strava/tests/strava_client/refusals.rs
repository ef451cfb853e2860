//! Refusals, as real as we have them and as odd as may be.

use pacelake_strava::{Error, Secret, Verdict};

use crate::captured::captured;
use crate::player::{Player, Reply, literal, strava_at};

/// How the fetch of an activity ends that is answered so.
async fn refused(reply: Reply) -> Error {
    let player = Player::start([reply]).await;
    let answer = player
        .strava()
        .activity(&Secret::from("the-token"), 1)
        .await;
    assert_eq!(player.seen().len(), 1, "nothing is retried here");
    answer.outcome.unwrap_err()
}

fn fault(resource: &str, field: &str, code: &str) -> String {
    serde_json::json!({"message": "Refused",
        "errors": [{"resource": resource, "field": field, "code": code}]})
    .to_string()
}

#[tokio::test]
async fn each_refusal_has_its_verdict() {
    let scope = "activity:read".to_owned();
    for (reply, expected) in [
        (captured("authorization_error"), Verdict::TokenDead),
        (captured("not_found"), Verdict::NotFound),
        (
            Reply::json(401, &fault("Athlete", "access_token", "invalid")),
            Verdict::TokenDead,
        ),
        (
            Reply::json(
                401,
                &fault("AccessToken", "activity:read_permission", "missing"),
            ),
            Verdict::ScopeMissing { scope },
        ),
        (
            Reply::json(403, &fault("Application", "Status", "Inactive")),
            Verdict::AppInactive,
        ),
        (
            Reply::json(
                403,
                &fault("Athlete", "", "limit of connected athletes exceeded"),
            ),
            Verdict::AthleteLimit,
        ),
        (
            Reply::json(403, &fault("Athlete", "", "forbidden")),
            Verdict::Forbidden,
        ),
        (
            Reply::json(404, &fault("resource", "path", "invalid")),
            Verdict::Misconfigured,
        ),
        (
            Reply::json(400, &fault("Activity", "id", "odd")),
            Verdict::Refused {
                status: 400,
                message: "Refused: Activity id odd".to_owned(),
            },
        ),
        (
            Reply::new(500, "<h1>Oops</h1>"),
            Verdict::Unavailable { status: 500 },
        ),
        (
            Reply::json(503, r#"{"message":"later"}"#),
            Verdict::Unavailable { status: 503 },
        ),
        (Reply::new(504, ""), Verdict::Unavailable { status: 504 }),
    ] {
        let error = refused(reply).await;
        assert_eq!(error.verdict(), expected, "{error}");
        let passing = matches!(expected, Verdict::Unavailable { .. });
        assert_eq!(expected.is_transient(), passing, "{error}");
        assert!(
            error
                .to_string()
                .starts_with("could not fetch an activity: "),
            "{error}"
        );
        assert!(!error.try_next().is_empty());
    }
}

#[tokio::test]
async fn the_status_decides_whatever_the_body_is() {
    let html = "<html>".repeat(200_000);
    for body in [
        "",
        "{",
        "[1,2]",
        "null",
        r#"{"errors":"Oops"}"#,
        r#"{"errors":7}"#,
        &html,
    ] {
        for (status, expected) in [
            (401, Verdict::TokenDead),
            (403, Verdict::Forbidden),
            (404, Verdict::NotFound),
            (502, Verdict::Unavailable { status: 502 }),
        ] {
            let error = refused(Reply::new(status, body)).await;
            assert_eq!(error.verdict(), expected, "{status} {error}");
            assert!(error.to_string().len() < 400, "{error}");
        }
    }
    let cut_off = b"HTTP/1.1 404 Not Found
content-length: 99

{\"message\":\"Rec";
    let strava = strava_at(&literal(cut_off).await);
    let answer = strava.activity(&Secret::from("the-token"), 1).await;
    assert_eq!(answer.outcome.unwrap_err().verdict(), Verdict::NotFound);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Player::start([Reply::json(200, "{}")]).await;
    let error = refused(Reply::new(302, "").with("location", elsewhere.url.as_str())).await;
    assert!(
        matches!(error.verdict(), Verdict::Refused { status: 302, .. }),
        "{error:?}"
    );
    assert!(
        elsewhere.seen().is_empty(),
        "the token stays where it belongs"
    );
}

#[tokio::test]
async fn a_reached_limit_says_until_when() {
    let reply = |quarter: &str, day: &str| {
        Reply::json(429, &fault("Application", "overall rate limit", "exceeded"))
            .with("date", "Sat, 28 Nov 2026 14:07:31 GMT")
            .with("X-RateLimit-Limit", "200,2000")
            .with("X-RateLimit-Usage", &format!("{quarter},{day}"))
            .with("X-ReadRateLimit-Limit", "100,1000")
            .with("X-ReadRateLimit-Usage", &format!("{quarter},{day}"))
    };
    for (reply, expected) in [
        (reply("101", "612"), Some("2026-11-28T14:15:00Z")),
        (reply("101", "1001"), Some("2026-11-29T00:00:00Z")),
        (
            reply("101", "612").with("retry-after", "30"),
            Some("2026-11-28T14:08:01Z"),
        ),
        // Captured: `errors` is a text, the day's 30,000 are spent.
        (
            captured("rate_limit_exceeded"),
            Some("2018-11-26T00:00:00Z"),
        ),
    ] {
        let player = Player::start([reply]).await;
        let answer = player
            .strava()
            .activity(&Secret::from("the-token"), 1)
            .await;
        let error = answer.outcome.unwrap_err();
        let until = expected.map(|until| until.parse().unwrap());
        assert_eq!(error.verdict(), Verdict::RateLimited { until }, "{error}");
        assert!(error.verdict().is_transient());
        let usage = answer.usage.expect("refused calls are counted, and say so");
        assert!(
            usage.read.quarter_used > 100 && usage.overall.day_used > 600,
            "{usage:?}"
        );
    }
}

#[tokio::test]
async fn a_limit_told_by_a_stranger_names_no_time() {
    // No `Date`: somebody in between that knows nothing of windows.
    let url = literal(b"HTTP/1.1 429 Slow\r\ncontent-length: 0\r\n\r\n").await;
    let strava = strava_at(&url);
    let answer = strava.activity(&Secret::from("the-token"), 1).await;
    let verdict = answer.outcome.unwrap_err().verdict();
    assert_eq!(verdict, Verdict::RateLimited { until: None });
    assert_eq!((answer.usage, answer.date), (None, None));
}
