//! From the first account on: signing in, by browser and by program, and out.

use axum::Router;
use axum::http::Method;
use pacelake_api::{self as api, PublicUrl};
use serde_json::{Value, json};
use storage::AthleteId;
use storage::catalog::{AccountAction, LinkWish, Scope, SecretHash};

use crate::app::{Answered, TestApp};
use crate::world::{World, bearer, now_us, send};

const PASSWORD: &str = "a long way up";

/// The secret of a link to the first account.
async fn first_link(app: &TestApp) -> String {
    let wish = LinkWish::FirstAccount {
        athlete_id: Some(AthleteId(1)),
    };
    let catalog = &app.state().storage.catalog;
    let (secret, _) = catalog.make_link(wish, None, now_us()).await.unwrap();
    secret.reveal().to_owned()
}

async fn post(router: &Router, path: &str, body: &Value) -> Answered {
    send(router, Method::POST, path, &[], Some(body.to_string())).await
}

async fn form(router: &Router, path: &str, body: &str) -> Answered {
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let headers = [
        (kind.0.to_owned(), kind.1.to_owned()),
        ("origin".to_owned(), "http://127.0.0.1:8080".to_owned()),
        ("sec-fetch-site".to_owned(), "same-origin".to_owned()),
    ];
    send(router, Method::POST, path, &headers, Some(body.to_owned())).await
}

async fn get(router: &Router, path: &str, headers: &[(&str, &str)]) -> Answered {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let headers: Vec<_> = headers.iter().map(owned).collect();
    send(router, Method::GET, path, &headers, None).await
}

/// The path that a page leads on to; a form is not redirected.
fn led_to(answered: &Answered) -> String {
    assert_eq!(answered.status, 200, "{}", answered.text());
    let text = answered.text();
    let (_, led) = text.split_once("content=\"0;url=").unwrap();
    led.split('"').next().unwrap().to_owned()
}

/// The cookie that an answer sets, as a browser sends it back.
fn cookie_of(answered: &Answered) -> String {
    let set = answered.header("set-cookie");
    set.split(';').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn the_first_account_closes_the_door() {
    let app = TestApp::new().await;
    let router = api::app(app.state());
    let who = get(&router, "/api/session", &[]).await.json();
    assert_eq!(
        (&who["account_id"], &who["role"]),
        (&Value::Null, &json!("admin"))
    );
    assert_eq!(
        get(&router, "/api/accounts", &[]).await.json(),
        json!({"items": []})
    );
    // Nobody is there to have a token, or to be answered for.
    for (path, body) in [
        ("/api/tokens", json!({"name": "x", "scopes": ["read"]})),
        ("/api/accounts", json!({"role": "admin"})),
    ] {
        let refused = post(&router, path, &body).await;
        assert_eq!(refused.json()["code"], "forbidden", "{path}");
    }
    let link = first_link(&app).await;
    let page = get(&router, &format!("/setup?link={link}"), &[]).await;
    assert_eq!(
        (page.status.as_u16(), page.header("cache-control")),
        (200, "no-store")
    );
    assert!(
        page.text().contains("action=\"/api/setup\""),
        "{}",
        page.text()
    );
    let short = json!({"link": link, "name": "Kari", "password": "short"});
    let refused = post(&router, "/api/setup", &short).await;
    assert_eq!(refused.json()["code"], "invalid_argument");
    assert_eq!(get(&router, "/api/activities", &[]).await.status, 200);

    let good = json!({"link": link, "name": "Kari", "password": PASSWORD});
    let made = post(&router, "/api/setup", &good).await;
    let who = made.json();
    assert_eq!(made.status, 200, "{who}");
    assert_eq!(
        (&who["name"], &who["role"]),
        (&json!("kari"), &json!("admin"))
    );
    assert_eq!(who["athlete_id"], 1);
    for path in ["/", "/api/activities", "/api/session", "/api/accounts"] {
        let refused = get(&router, path, &[]).await;
        assert_eq!(refused.json()["code"], "unauthenticated", "{path}");
        assert!(
            refused.header("www-authenticate").starts_with("Bearer"),
            "{path}"
        );
        let cookie = cookie_of(&made);
        let answered = get(&router, path, &[("cookie", &cookie)]).await;
        assert_eq!(answered.status, 200, "{path}");
    }
    let again = post(&router, "/api/setup", &good).await;
    assert_eq!(again.json()["code"], "not_found");
    assert!(
        get(&router, &format!("/setup?link={link}"), &[])
            .await
            .text()
            .contains("Nothing")
    );
}

#[tokio::test]
async fn browsers_sign_in_by_a_form_and_are_led_back() {
    let app = TestApp::new().await;
    let router = api::app(app.state());
    let link = first_link(&app).await;
    let body = format!("link={link}&name=kari&password=a+long+way+up");
    let made = form(&router, "/api/setup", &body).await;
    assert_eq!(led_to(&made), "/");

    let html = [("accept", "text/html,application/xhtml+xml,*/*;q=0.8")];
    let led = get(&router, "/api/stats?by=year&sport=run", &html).await;
    assert_eq!(led.status, 303);
    let way = "/signin?next=%2Fapi%2Fstats%3Fby%3Dyear%26sport%3Drun";
    assert_eq!(led.header("location"), way);
    let page = get(&router, way, &[]).await.text();
    assert!(
        page.contains("value=\"/api/stats?by=year&amp;sport=run\""),
        "{page}"
    );
    // Programs are told, and so is whoever is signed in and may not.
    assert_eq!(
        get(&router, "/api/stats", &[("accept", "*/*")])
            .await
            .status,
        401
    );

    let wrong = form(&router, "/api/session", "name=kari&password=wrong&next=%2F").await;
    assert_eq!(wrong.status, 401);
    assert!(wrong.text().contains("do not fit") && !wrong.text().contains("wrong"));
    assert_eq!(cookie_of(&wrong), "");
    let right = "name=Kari&password=a+long+way+up&next=%2F%2Fevil.example";
    let right = form(&router, "/api/session", right).await;
    assert_eq!(led_to(&right), "/");
    let cookie = cookie_of(&right);
    assert_eq!(get(&router, "/", &[("cookie", &cookie)]).await.status, 200);
    let set = right.header("set-cookie");
    for part in ["HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(set.contains(part), "{set}");
    }
    assert!(!set.contains("Secure"), "{set}");

    // A page of another site cannot sign anybody in.
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("origin", "null"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let body = Some("name=kari&password=a+long+way+up".to_owned());
    let refused = send(&router, Method::POST, "/api/session", &headers, body).await;
    assert_eq!(refused.json()["code"], "forbidden_origin");
}

#[tokio::test]
async fn signing_in_begins_a_new_session_and_signing_out_ends_it() {
    let app = TestApp::new().await;
    let router = api::app(app.state());
    let link = first_link(&app).await;
    let good = json!({"link": link, "name": "kari", "password": PASSWORD});
    let first = post(&router, "/api/setup", &good).await;
    let first = cookie_of(&first);
    let credentials = json!({"name": "KARI", "password": PASSWORD});
    let headers = [("cookie".to_owned(), first.clone())];
    let body = Some(credentials.to_string());
    let second = send(&router, Method::POST, "/api/session", &headers, body).await;
    let csrf = second.json()["csrf_token"].as_str().unwrap().to_owned();
    let second = cookie_of(&second);
    assert_ne!(first, second);
    // Whoever slipped the first one in has nothing of the second.
    assert_eq!(
        get(&router, "/api/session", &[("cookie", &first)])
            .await
            .status,
        401
    );
    let third = post(&router, "/api/session", &credentials).await;
    assert_eq!(third.json()["sessions"].as_array().unwrap().len(), 2);
    let third = cookie_of(&third);

    let page = [
        ("cookie".to_owned(), second.clone()),
        ("x-csrf-token".to_owned(), csrf),
    ];
    let out = send(&router, Method::DELETE, "/api/session", &page[..1], None).await;
    assert_eq!(out.json()["code"], "csrf");
    let out = send(&router, Method::DELETE, "/api/session", &page, None).await;
    assert_eq!(out.json(), json!({"ended": 1}));
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(
        get(&router, "/api/session", &[("cookie", &second)])
            .await
            .status,
        401
    );
    let who = get(&router, "/api/session", &[("cookie", &third)]).await;
    assert_eq!(who.status, 200);
    let page = [
        ("cookie".to_owned(), third.clone()),
        (
            "x-csrf-token".to_owned(),
            who.json()["csrf_token"].as_str().unwrap().to_owned(),
        ),
    ];
    let path = "/api/session?everywhere=true";
    let out = send(&router, Method::DELETE, path, &page, None).await;
    assert_eq!(out.json(), json!({"ended": 1}));
    assert_eq!(
        get(&router, "/api/session", &[("cookie", &third)])
            .await
            .status,
        401
    );

    let audit = app
        .state()
        .storage
        .catalog
        .account_audit(100)
        .await
        .unwrap();
    let count = |action| audit.iter().filter(|entry| entry.action == action).count();
    assert_eq!(count(AccountAction::SignedIn), 3);
    assert_eq!(count(AccountAction::SignedOut), 2);
}

#[tokio::test]
async fn guessing_ends_after_ten_failures() {
    let app = TestApp::new().await;
    let router = api::app(app.state());
    let link = first_link(&app).await;
    let good = json!({"link": link, "name": "kari", "password": PASSWORD});
    assert_eq!(post(&router, "/api/setup", &good).await.status, 200);
    let guess = |name: &str, password: &str| json!({"name": name, "password": password});
    for number in 0..10 {
        let wrong = guess("kari", &format!("guess number {number}"));
        let answered = post(&router, "/api/session", &wrong).await;
        assert_eq!(answered.json()["code"], "unauthenticated", "{number}");
    }
    // In whatever case, and though it is the right one now.
    for name in ["kari", "Kari", " KARI "] {
        let answered = post(&router, "/api/session", &guess(name, PASSWORD)).await;
        assert_eq!(answered.status, 429, "{name}");
        assert_eq!(answered.json()["code"], "too_many_attempts", "{name}");
        assert_eq!(answered.header("retry-after"), "900");
    }
    // A name that nobody has is answered as one that somebody has.
    let unknown = post(&router, "/api/session", &guess("ola", "guess number 1")).await;
    assert_eq!(unknown.json()["code"], "unauthenticated");
    let audit = app
        .state()
        .storage
        .catalog
        .account_audit(100)
        .await
        .unwrap();
    let failed: Vec<_> = audit
        .iter()
        .filter(|entry| entry.action == AccountAction::SignInFailed)
        .map(|entry| entry.account_id.map(|id| id.0))
        .collect();
    assert_eq!(failed.len(), 11);
    assert_eq!(failed[0], None);
    assert_eq!(failed[1], Some(1));
}

#[tokio::test]
async fn an_account_is_invited_and_its_token_is_used_until_it_is_revoked() {
    let world = World::new().await;
    let admin = world.page_of(&world.admin).await;
    let invited = world
        .post("/api/accounts", &admin, &json!({"role": "athlete"}))
        .await;
    let link = invited.json()["link"].as_str().unwrap().to_owned();
    let (origin, secret) = link.split_once("/setup?link=").unwrap();
    assert_eq!(origin, "http://127.0.0.1:8080");
    let made = json!({"link": secret, "name": "new", "password": PASSWORD});
    let made = post(&world.router, "/api/setup", &made).await;
    let who = made.json();
    assert_eq!(
        (&who["role"], &who["athlete_id"]),
        (&json!("athlete"), &json!(3))
    );
    let page = [
        ("cookie".to_owned(), cookie_of(&made)),
        (
            "x-csrf-token".to_owned(),
            who["csrf_token"].as_str().unwrap().to_owned(),
        ),
    ];
    let wanted = json!({"name": "watch", "scopes": ["read", "admin"]});
    let refused = world.post("/api/tokens", &page, &wanted).await;
    assert_eq!(refused.json()["code"], "forbidden");
    for wrong in [
        json!({"name": "", "scopes": ["read"]}),
        json!({"name": "x", "scopes": ["all"]}),
        json!({"name": "x", "scopes": ["read"], "days": 0}),
    ] {
        let refused = world.post("/api/tokens", &page, &wrong).await;
        assert_eq!(refused.json()["code"], "invalid_argument", "{wrong}");
    }
    let wanted = json!({"name": "watch", "scopes": ["read", "write"], "days": 1});
    let made = world.post("/api/tokens", &page, &wanted).await.json();
    let token = storage::objects::Secret::new(made["token"].as_str().unwrap());
    let headers = [bearer(&token)];
    let listed = world.get("/api/tokens", &headers).await.json();
    let watch = &listed["items"][0];
    assert_eq!(
        (&watch["name"], &watch["scopes"]),
        (&json!("watch"), &json!(["read", "write"]))
    );
    assert_eq!(watch["token_id"], made["made"]["token_id"]);
    assert!(!listed.to_string().contains(token.reveal()));
    // That it was used is written down beside the answer.
    let hash = SecretHash::of(token.reveal());
    loop {
        let (token, _) = world.catalog.token(&hash, now_us()).await.unwrap().unwrap();
        if token.used_at_us.is_some() {
            break;
        }
        tokio::task::yield_now().await;
    }
    // A program needs no csrf token, and its cookie would not help it.
    let path = format!("/api/tokens/{}", watch["token_id"].as_str().unwrap());
    let revoked = send(&world.router, Method::DELETE, &path, &headers, None).await;
    assert_eq!(revoked.status, 200, "{}", revoked.text());
    let both = [headers[0].clone(), page[0].clone()];
    assert_eq!(world.get("/api/tokens", &both).await.status, 401);
    // A token written where its id belongs is not said again.
    let path = format!("/api/tokens/{}", token.reveal());
    let wrong = send(&world.router, Method::DELETE, &path, &page, None).await;
    assert_eq!(wrong.status, 400);
    assert!(!wrong.text().contains(token.reveal()));
}

#[tokio::test]
async fn what_is_meant_for_others_is_open_to_nobody() {
    let app = TestApp::new().await;
    let public = || PublicUrl::parse("https://lake.example.org").unwrap();
    let router = api::app(app.state().reached_at(public()));
    let at = [("host", "lake.example.org")];
    // Without any account, and by whatever name a proxy asks.
    for headers in [&at[..], &[("host", "127.0.0.1:8080")]] {
        let refused = get(&router, "/api/activities", headers).await;
        assert_eq!(refused.json()["code"], "unauthenticated");
        assert_eq!(get(&router, "/api/health", headers).await.status, 200);
    }
    let elsewhere = [("host", "192.0.2.1:8080")];
    let refused = get(&router, "/api/health", &elsewhere).await;
    assert_eq!(refused.json()["code"], "forbidden_origin");
    let link = first_link(&app).await;
    let body = json!({"link": link, "name": "kari", "password": PASSWORD}).to_string();
    let headers = [
        ("host".to_owned(), "lake.example.org".to_owned()),
        ("origin".to_owned(), "https://lake.example.org".to_owned()),
    ];
    let made = send(&router, Method::POST, "/api/setup", &headers, Some(body)).await;
    let set = made.header("set-cookie");
    assert!(set.starts_with("__Host-pacelake_session="), "{set}");
    assert!(
        set.contains("; Secure") && set.contains("; Path=/"),
        "{set}"
    );
    let cookie = cookie_of(&made);
    let signed_in = [("host", "lake.example.org"), ("cookie", cookie.as_str())];
    assert_eq!(
        get(&router, "/api/activities", &signed_in).await.status,
        200
    );
    // With accounts it is reached by its number, too.
    assert_eq!(get(&router, "/api/health", &elsewhere).await.status, 200);
}

#[tokio::test]
async fn signing_out_of_strava_ends_the_browsers_session() {
    let world = World::new().await;
    let headers = world.page_of(&world.athlete).await;
    let answered = world.get("/api/session", &headers).await;
    assert_eq!(answered.json()["account_id"], world.athlete.account_id.0);
    let post = |headers: Vec<(String, String)>| {
        let router = world.router.clone();
        async move { send(&router, Method::POST, "/api/strava/logout", &headers, None).await }
    };
    let answered = post(headers.clone()).await;
    assert_eq!(answered.status, 204);
    let answered = world.get("/api/session", &headers).await;
    assert_eq!(answered.json()["code"], "unauthenticated");
    // A program's token is no browser's session.
    let (_, secret) = world
        .token(world.athlete.account_id, &[Scope::Read, Scope::Write], None)
        .await;
    let headers = vec![bearer(&secret)];
    assert_eq!(post(headers.clone()).await.status, 204);
    let answered = world.get("/api/tokens", &headers).await;
    assert_eq!(answered.status, 200);
}
