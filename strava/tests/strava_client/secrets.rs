//! No error and no log line shows a secret, whatever happens and whatever the
//! other side repeats.

use std::error::Error as _;
use std::io::{self, Write};
use std::sync::Mutex;
use std::time::Duration;

use pacelake_strava::{App, Error, Limits, List, RevokeStyle, Secret, Strava};
use url::Url;

use crate::player::{Player, Reply, Seen, app_at, limits, literal, nobody};

const SECRETS: &[&str] = &[
    "K-client-K",
    "K-access-K",
    "K-refresh-K",
    "K-code-K",
    "K-verify-K",
    "K-hook-K",
    "K-athlete-K",
];

/// All that was logged in this process.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOG.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Each call in turn; what went wrong, as all texts that it has.
async fn everything(url: &Url, revoke: RevokeStyle) -> Vec<String> {
    everything_within(url, revoke, Limits::default().whole).await
}

async fn everything_within(url: &Url, revoke: RevokeStyle, whole: Duration) -> Vec<String> {
    let app = App {
        client_secret: Secret::from("K-client-K"),
        revoke,
        ..app_at(url)
    };
    let mut limits = limits();
    limits.whole = whole;
    let strava = Strava::with_limits(app, limits).unwrap();
    let (access, refresh) = (Secret::from("K-access-K"), Secret::from("K-refresh-K"));
    let callback: Url = "https://me.example/K-hook-K".parse().unwrap();
    let mut texts = vec![format!("{strava:?}")];
    let mut tell = |error: Option<Error>| {
        let Some(error) = error else { return };
        texts.push(format!(
            "{error} {error:?} {error:#?} {:?}",
            error.verdict()
        ));
        let mut below = error.source();
        while let Some(source) = below {
            texts.push(format!("{source} {source:?}"));
            below = source.source();
        }
    };
    tell(strava.exchange("K-code-K").await.err());
    tell(strava.refresh(&refresh).await.err());
    tell(strava.revoke(&access, &refresh).await.err());
    tell(
        strava
            .activities(&access, &List::default())
            .await
            .outcome
            .err(),
    );
    tell(strava.activity(&access, 1).await.outcome.err());
    tell(strava.streams(&access, 1).await.outcome.err());
    tell(strava.subscriptions().await.outcome.err());
    tell(
        strava
            .subscribe(&callback, "K-verify-K")
            .await
            .outcome
            .err(),
    );
    tell(strava.unsubscribe(1).await.outcome.err());
    texts
}

/// Repeats all it got, and what an athlete wrote, in the shape of a fault.
fn repeated(seen: &Seen, status: u16) -> Reply {
    let all = &seen.text;
    let body = serde_json::json!({"message": all, "error": all, "errors": [
        {"resource": all, "field": all, "code": all}, all,
        {"resource": "AccessToken", "field": all, "code": "missing"}]});
    Reply::json(status, &body.to_string()).with("x-repeated", "K")
}

/// Answers that come as successes and are none, full of tokens and names.
const BROKEN: &[&str] = &[
    r#"{"access_token":"K-access-K","refresh_token":"K-refresh-K","expires_at":"K-access-K"}"#,
    r#"{"access_token":"K-access-K","refresh_token":"K-refresh-K","expires_at":-9e99}"#,
    r#"{"access_token":"K-access-K","K-refresh-K":1}"#,
    r#"{"access_token":["K-access-K"]}"#,
    r#"{"access_token":"K-access-K","refresh_token":"K-ref"#,
    r#""K-access-K""#,
    r#"[{"id":"K-athlete-K","name":"K-athlete-K"}]"#,
    r#"[{"id":1,"start_date":"K-athlete-K"}]"#,
    "<html>K-access-K K-client-K</html>",
    "K-access-K",
];

#[tokio::test]
async fn no_secret_is_in_an_error_or_a_log() {
    // The only subscriber of this process; it also takes what dependencies log.
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(|| Log)
        .init();
    let soon = Duration::from_millis(50);
    let mut texts = Vec::new();
    for revoke in [RevokeStyle::Revoke, RevokeStyle::Deauthorize] {
        for status in [302, 400, 401, 403, 404, 409, 429, 500, 503] {
            let player = Player::answering(move |seen| repeated(seen, status)).await;
            texts.extend(everything(&player.url, revoke).await);
        }
        for body in BROKEN {
            let player = Player::answering(|_| Reply::json(200, body)).await;
            texts.extend(everything(&player.url, revoke).await);
        }
        let half = Player::answering(|seen| repeated(seen, 200).cut_off()).await;
        texts.extend(everything(&half.url, revoke).await);
        let slow = Player::answering(|seen| repeated(seen, 200).stalling()).await;
        texts.extend(everything_within(&slow.url, revoke, soon).await);
        let silent = Player::answering(|_| Reply::never()).await;
        texts.extend(everything_within(&silent.url, revoke, soon).await);
        let packed = Player::answering(|seen| repeated(seen, 200).with("content-encoding", "gzip"));
        texts.extend(everything(&packed.await.url, revoke).await);
        texts.extend(everything(&literal(b"K-access-K\r\n\r\n").await, revoke).await);
        texts.extend(everything(&nobody().await, revoke).await);
        // What went out did hold them, so that the search below means something.
        let sent = Player::answering(|seen| repeated(seen, 400)).await;
        everything(&sent.url, revoke).await;
        let sent: String = sent.seen().into_iter().map(|seen| seen.text).collect();
        for secret in SECRETS.iter().filter(|secret| **secret != "K-athlete-K") {
            let by_other_means = *secret == "K-client-K" || *secret == "K-access-K";
            assert!(
                sent.contains(secret) || by_other_means,
                "{secret} was never sent"
            );
        }
    }
    assert!(texts.len() > 400, "{} errors were told", texts.len());
    texts.push(String::from_utf8(LOG.lock().unwrap().clone()).unwrap());
    let log = texts.last().unwrap();
    assert!(log.contains("answer from strava") && log.contains("no answer from strava"));
    assert!(
        log.contains("starting new connection"),
        "dependencies' lines are in it too"
    );
    for text in &texts {
        // `me.example` would come from the callback, `127.0.0.1:PORT/` from a URL.
        for secret in SECRETS.iter().chain(&["me.example/", "/api/v3", "/oauth/"]) {
            let shown = text.lines().find(|line| line.contains(secret));
            let own_debug = text.starts_with("Strava {");
            assert!(
                shown.is_none() || own_debug && !SECRETS.contains(secret),
                "{secret}: {shown:?}"
            );
        }
    }
}
