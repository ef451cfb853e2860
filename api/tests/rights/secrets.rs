//! What lets somebody in is in no log, no table, and no answer but the one that
//! gives it.

use std::path::Path;

use axum::http::Method;
use pacelake_api as api;
use serde_json::json;
use storage::catalog::{LinkWish, SecretHash};
use storage::{AthleteId, Options, Storage};

use crate::log::Log;
use crate::world::{bearer, now_us, send};

const PASSWORD: &str = "never to be seen again";
const WRONG: &str = "typed in the wrong place";

/// All that the catalog has written to disk.
fn catalog_files(folder: &Path) -> Vec<u8> {
    let entries = std::fs::read_dir(folder).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.is_file());
    files
        .flat_map(|path| std::fs::read(path).unwrap())
        .collect()
}

#[tokio::test]
async fn no_secret_is_seen_twice() {
    let (log, _logging) = Log::of_this_thread();
    let folder = tempfile::tempdir().unwrap();
    let options = Options::in_folder(folder.path());
    let storage = Storage::open(&options, &query::derived::tables(), &[])
        .await
        .unwrap();
    let catalog = storage.catalog.clone();
    catalog.first_athlete().await.unwrap();
    let state = api::State::new(storage, api::ServerLimits::default());
    let router = api::app(state.unwrap());
    let wish = LinkWish::FirstAccount {
        athlete_id: Some(AthleteId(1)),
    };
    let (link, _) = catalog.make_link(wish, None, now_us()).await.unwrap();
    let mut answers = Vec::new();
    let ask =
        async |method: Method, path: &str, headers: &[(String, String)], body: Option<String>| {
            let answered = send(&router, method, path, headers, body).await;
            let set = answered.header("set-cookie").to_owned();
            (answered.text(), set)
        };
    // The page of a link holds the link that it was asked for with.
    let path = format!("/setup?link={}", link.reveal());
    ask(Method::GET, &path, &[], None).await;
    let body = json!({"link": link.reveal(), "name": "kari", "password": PASSWORD});
    let (made, set) = ask(Method::POST, "/api/setup", &[], Some(body.to_string())).await;
    let cookie = set.split(';').next().unwrap().to_owned();
    let session = cookie.split_once('=').unwrap().1.to_owned();
    let who: serde_json::Value = serde_json::from_str(&made).unwrap();
    let csrf = who["csrf_token"].as_str().unwrap().to_owned();
    answers.push(made);
    let page = [
        ("cookie".to_owned(), cookie),
        ("x-csrf-token".to_owned(), csrf.clone()),
    ];
    let body = json!({"name": "x", "scopes": ["read", "write", "sql", "admin"]});
    let (made, _) = ask(Method::POST, "/api/tokens", &page, Some(body.to_string())).await;
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let token = storage::objects::Secret::new(made["token"].as_str().unwrap());
    let (invited, _) = {
        let body = Some(json!({"role": "admin"}).to_string());
        ask(Method::POST, "/api/accounts", &page, body).await
    };
    let invited: serde_json::Value = serde_json::from_str(&invited).unwrap();
    let invitation = invited["link"].as_str().unwrap();
    let invitation = invitation.rsplit('=').next().unwrap().to_owned();

    // Everything that answers, and every way to be wrong.
    for headers in [&page[..], &[bearer(&token)]] {
        for path in [
            "/",
            "/api/tokens",
            "/api/accounts",
            "/api/session",
            "/api/activities",
        ] {
            let (text, set) = ask(Method::GET, path, headers, None).await;
            assert!(!set.contains(&session));
            // A page of the session is told how it proves itself.
            answers.push(text.replace(&csrf, ""));
        }
    }
    let wrong = [
        json!({"name": "kari", "password": WRONG}).to_string(),
        json!({"name": WRONG, "password": "x"}).to_string(),
        json!({"name": "kari", "password": WRONG, "more": PASSWORD}).to_string(),
        format!("{{\"name\": \"kari\", \"password\": [{WRONG:?}"),
    ];
    for body in wrong {
        for path in ["/api/session", "/api/setup"] {
            answers.push(ask(Method::POST, path, &[], Some(body.clone())).await.0);
        }
    }
    let body = json!({"link": link.reveal(), "name": "kari", "password": PASSWORD});
    answers.push(
        ask(Method::POST, "/api/setup", &[], Some(body.to_string()))
            .await
            .0,
    );
    let path = format!("/api/tokens/{}", token.reveal());
    answers.push(
        ask(Method::DELETE, &path[..path.len() - 3], &page, None)
            .await
            .0,
    );
    let again = json!({"name": "kari", "password": PASSWORD}).to_string();
    let (again, set) = ask(Method::POST, "/api/session", &[], Some(again)).await;
    answers.push(again);
    let second = set
        .split(';')
        .next()
        .unwrap()
        .split_once('=')
        .unwrap()
        .1
        .to_owned();

    let secrets = [
        ("a password", PASSWORD.to_owned()),
        ("a wrong password", WRONG.to_owned()),
        ("a session", session.clone()),
        ("a second session", second),
        (
            "a token",
            token.reveal().trim_start_matches("pl_").to_owned(),
        ),
        ("a link", link.reveal().to_owned()),
        ("an invitation", invitation.clone()),
    ];
    let logged = log.text();
    assert!(logged.contains("/api/session"), "the log is written");
    let files = catalog_files(folder.path());
    let holds = |bytes: &[u8], text: &str| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(holds(&files, "kari"), "the catalog is read");
    assert!(!catalog.account_audit(1).await.unwrap().is_empty());
    for (what, secret) in &secrets {
        assert!(!logged.contains(secret), "{what} is in the log");
        assert!(!holds(&files, secret), "{what} is in the catalog");
        for answer in &answers {
            assert!(!answer.contains(secret), "{what} is in {answer}");
        }
    }
    assert!(!logged.contains(&csrf), "a csrf token is in the log");
    assert!(!holds(&files, &csrf), "a csrf token is in the catalog");
    // What was asked for is there all the same.
    let hash = SecretHash::of(&invitation);
    assert!(catalog.link(&hash, now_us()).await.unwrap().is_some());
}
