//! Answers that come late, in part, too long, packed, or not at all.

use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use pacelake_strava::{Answer, Limits, Secret, Strava, Usage, Verdict};
use url::Url;

use crate::captured::captured;
use crate::player::{Player, Reply, app_at, limits, literal, nobody, strava_at};

async fn fetch(strava: &Strava) -> Answer<Vec<u8>> {
    let answer = strava.activity(&Secret::from("the-token"), 1).await;
    Answer {
        usage: answer.usage,
        date: answer.date,
        outcome: answer.outcome.map(|body| body.to_vec()),
    }
}

async fn verdict(strava: &Strava) -> Verdict {
    fetch(strava).await.outcome.unwrap_err().verdict()
}

fn within(url: &Url, change: impl FnOnce(&mut Limits)) -> Strava {
    let mut limits = limits();
    change(&mut limits);
    Strava::with_limits(app_at(url), limits).unwrap()
}

fn packed(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn an_answer_that_does_not_come_times_out() {
    let counted = Reply::json(200, r#"{"id":1"#)
        .with("x-ratelimit-limit", "200,2000")
        .with("x-ratelimit-usage", "1,2");
    for (reply, is_counted) in [(Reply::never(), false), (counted.stalling(), true)] {
        let player = Player::start([reply]).await;
        let strava = within(&player.url, |limits| {
            limits.whole = Duration::from_millis(200)
        });
        let answer = fetch(&strava).await;
        let error = answer.outcome.unwrap_err();
        assert_eq!(error.verdict(), Verdict::TimedOut, "{error:?}");
        assert!(error.may_have_happened());
        assert_eq!(
            answer.usage.is_some(),
            is_counted,
            "what its headers said is kept"
        );
    }
}

#[tokio::test]
async fn an_answer_that_ends_early_is_cut_off() {
    let activity = captured("activity");
    let in_pieces = Player::start([activity.clone().cut_off()]).await;
    assert_eq!(verdict(&in_pieces.strava()).await, Verdict::CutOff);
    let announced = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"id\":1}";
    assert_eq!(
        verdict(&strava_at(&literal(announced).await)).await,
        Verdict::CutOff
    );
    assert_eq!(
        verdict(&strava_at(&literal(b"").await)).await,
        Verdict::CutOff
    );
    assert_eq!(
        verdict(&strava_at(&literal(b"HTTP/1.1 20").await)).await,
        Verdict::CutOff
    );
    let mut gzip = packed(&activity.body());
    gzip.truncate(gzip.len() / 2);
    let half = Reply::new(200, gzip).with("content-encoding", "gzip");
    let player = Player::start([half]).await;
    assert_eq!(verdict(&player.strava()).await, Verdict::CutOff);
}

#[tokio::test]
async fn nobody_there_is_unreachable() {
    let strava = strava_at(&nobody().await);
    assert_eq!(verdict(&strava).await, Verdict::Unreachable);
    // A handshake that is never answered: nothing was sent either.
    let no_tls = literal(b"").await;
    let as_if = no_tls.as_str().replace("http:", "https:").parse().unwrap();
    let strava = within(&as_if, |limits| limits.connect = Duration::from_millis(100));
    assert_eq!(verdict(&strava).await, Verdict::Unreachable);
}

#[tokio::test]
async fn a_token_that_no_header_can_hold_is_not_sent() {
    let player = Player::start([]).await;
    let answer = player.strava().activity(&Secret::from("a\nb-K"), 1).await;
    let error = answer.outcome.unwrap_err();
    assert_eq!(error.verdict(), Verdict::Misconfigured, "{error:?}");
    assert!(!error.may_have_happened() && !format!("{error:?}").contains("b-K"));
    assert!(player.seen().is_empty());
}

#[tokio::test]
async fn what_speaks_no_http_is_lost() {
    let strava = strava_at(&literal(b"220 mail ready\r\n\r\n").await);
    let error = fetch(&strava).await.outcome.unwrap_err();
    assert!(
        error.may_have_happened() && error.verdict().is_transient(),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_packed_answer_is_unpacked() {
    let activity = captured("activity");
    let body = activity.body();
    let gzip = Reply::new(200, packed(&body)).with("content-encoding", "gzip");
    for reply in [gzip.clone(), gzip.in_pieces(), activity.in_pieces()] {
        let player = Player::start([reply]).await;
        assert_eq!(fetch(&player.strava()).await.outcome.unwrap(), body);
    }
}

#[tokio::test]
async fn a_refusal_may_be_packed_too() {
    let missing = r#"{"errors":[{"resource":"AccessToken",
        "field":"activity:read_permission","code":"missing"}]}"#;
    let reply = Reply::new(401, packed(missing.as_bytes())).with("content-encoding", "gzip");
    let player = Player::start([reply]).await;
    let verdict = verdict(&player.strava()).await;
    assert!(
        matches!(verdict, Verdict::ScopeMissing { .. }),
        "{verdict:?}"
    );
}

#[tokio::test]
async fn a_packed_answer_of_wrong_bytes_is_malformed() {
    let mut gzip = packed(&captured("activity").body());
    for byte in &mut gzip[200..400] {
        *byte ^= 0x55;
    }
    for bytes in [gzip, b"{\"id\":1}".to_vec()] {
        let reply = Reply::new(200, bytes).with("content-encoding", "gzip");
        let player = Player::start([reply]).await;
        let verdict = verdict(&player.strava()).await;
        assert!(matches!(verdict, Verdict::Malformed { .. }), "{verdict:?}");
    }
}

#[tokio::test]
async fn an_answer_beyond_the_limit_is_left_unread() {
    let body = format!("{{\"name\":\"{}\"}}", "x".repeat(10_000));
    let whole = Reply::json(200, &body);
    let gzip = Reply::new(200, packed(body.as_bytes())).with("content-encoding", "gzip");
    assert!(
        gzip.body().len() < 1_000,
        "it is small until it is unpacked"
    );
    // Announced and without end: the limit is known before the first byte.
    let announced = Reply::json(200, "{")
        .with("content-length", "99999999999")
        .stalling();
    for reply in [whole.clone(), whole.clone().in_pieces(), gzip, announced] {
        let player = Player::start([reply]).await;
        let strava = within(&player.url, |limits| limits.body_bytes = body.len() - 1);
        let error = fetch(&strava).await.outcome.unwrap_err();
        assert_eq!(error.verdict(), Verdict::TooLarge, "{error:?}");
        assert!(!error.verdict().is_transient());
    }
    for reply in [whole.clone(), whole.in_pieces()] {
        let player = Player::start([reply]).await;
        let strava = within(&player.url, |limits| limits.body_bytes = body.len());
        assert_eq!(fetch(&strava).await.outcome.unwrap().len(), body.len());
    }
}

#[tokio::test]
async fn headers_are_read_in_every_spelling() {
    let as_documented = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nX-RateLimit-Limit: 200,2000\r\n\
        X-RateLimit-Usage: 79,222\r\nX-ReadRateLimit-Limit: 100,1000\r\n\
        X-ReadRateLimit-Usage: 78,221\r\n\r\n{}";
    let as_captured = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nX-Ratelimit-Limit: 200,2000\r\n\
        X-Ratelimit-Usage: 79,222\r\nX-Readratelimit-Limit: 100,1000\r\n\
        X-Readratelimit-Usage: 78,221\r\n\r\n{}";
    let lower = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nx-ratelimit-limit: 200,2000\r\n\
        x-ratelimit-usage: 79,222\r\nx-readratelimit-limit: 100,1000\r\n\
        x-readratelimit-usage: 78,221\r\n\r\n{}";
    let mut seen: Vec<Usage> = Vec::new();
    for answer in [&as_documented[..], &as_captured[..], &lower[..]] {
        let strava = strava_at(&literal(answer).await);
        seen.push(fetch(&strava).await.usage.unwrap());
    }
    assert_eq!(
        (seen[0].overall.quarter_used, seen[0].read.day_used),
        (79, 221)
    );
    assert_eq!((seen[0], seen[0]), (seen[1], seen[2]));
}

#[tokio::test]
async fn clones_share_and_outlive_each_other() {
    let replies = vec![Reply::json(200, "{}"); 8];
    let player = Player::start(replies).await;
    let strava = player.strava();
    let calls: Vec<_> = (0..8)
        .map(|_| {
            let strava = strava.clone();
            tokio::spawn(async move { fetch(&strava).await.outcome })
        })
        .collect();
    drop(strava);
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap(), b"{}");
    }
}
