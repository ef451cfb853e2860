//! A server with accounts of every role, and ways to ask it.

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request};
use pacelake_api as api;
use serde_json::Value;
use storage::catalog::{Account, Catalog, LinkWish, NewJob, NewToken, Role, Scope, SecretHash};
use storage::objects::Secret;
use storage::{AccountId, AthleteId};
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::app::{Answered, TestApp};
use crate::strava::Strava;

/// One day, in microseconds.
pub const DAY_US: i64 = 86_400_000_000;

/// A server with accounts over the lake of [`TestApp`], all of which is athlete
/// 1's, beside a simulated Strava. No worker runs.
pub struct World {
    /// Keeps the folder.
    _app: TestApp,
    pub router: Router,
    pub catalog: Catalog,
    /// Acts for athlete 1, as do the next two.
    pub athlete: Account,
    pub analyst: Account,
    pub admin: Account,
    /// Acts for athlete 2, who has nothing but an account at Strava.
    pub other: Account,
    /// Acts for nobody.
    pub operator: Account,
    /// Is disabled.
    pub victim: Account,
    /// A snapshot that has all activities.
    pub snapshot: i64,
    pub strava: Strava,
}

pub fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

impl World {
    pub async fn new() -> Self {
        let app = TestApp::new().await;
        let catalog = app.state().storage.catalog.clone();
        let one = Some(AthleteId(1));
        let first = LinkWish::FirstAccount { athlete_id: one };
        let invite = |role, athlete_id| LinkWish::Invite { role, athlete_id };
        let admin = account(&catalog, "admin", first).await;
        let athlete = account(&catalog, "athlete", invite(Role::Athlete, one)).await;
        let analyst = account(&catalog, "analyst", invite(Role::Analyst, one)).await;
        let other = account(&catalog, "other", invite(Role::Athlete, None)).await;
        let operator = account(&catalog, "operator", invite(Role::Admin, None)).await;
        let victim = account(&catalog, "victim", invite(Role::Athlete, one)).await;
        let disabled = catalog.disable_account(victim.account_id, None, now_us());
        let victim = disabled.await.unwrap();
        assert_eq!(other.athlete_id, Some(AthleteId(2)));
        // A job of athlete 1's that is over.
        let job = NewJob {
            kind: "nothing".to_owned(),
            key: "1".to_owned(),
            athlete_id: one,
            ..NewJob::default()
        };
        let job = catalog.enqueue(&[job]).await.unwrap();
        assert_eq!(job[0].job_id, 1);
        catalog.cancel_job(1).await.unwrap();
        let newest = app.state().storage.lake.latest().await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let strava = Strava::beside(&app.state().storage, &base).await;
        let state = app.state().with_strava(strava.service.clone());
        let router = api::app(state.clone());
        // Strava asks the callback before it subscribes, from outside.
        tokio::spawn(async move {
            let forever = std::future::pending();
            api::serve(listener, state, forever).await.unwrap();
        });
        Self {
            router,
            strava,
            snapshot: newest.snapshot_id(),
            _app: app,
            catalog,
            athlete,
            analyst,
            admin,
            other,
            operator,
            victim,
        }
    }

    /// A session's secret.
    pub async fn session(&self, of: &Account, begun_us: i64) -> Secret {
        let begun = self.catalog.begin_session(of.account_id, None, begun_us);
        begun.await.unwrap()
    }

    /// A token's id and secret.
    pub async fn token(
        &self,
        of: AccountId,
        scopes: &[Scope],
        expires_at_us: Option<i64>,
    ) -> (uuid::Uuid, Secret) {
        let new = NewToken {
            account_id: of,
            name: "test".to_owned(),
            scopes: scopes.iter().copied().collect(),
            expires_at_us,
        };
        let made = self.catalog.make_token(&new, None, now_us()).await;
        let (token, secret) = made.unwrap();
        (token.token_id, secret)
    }

    /// The headers of a page of a new session.
    pub async fn page_of(&self, of: &Account) -> Vec<(String, String)> {
        let secret = self.session(of, now_us()).await;
        let cookie = ("cookie".to_owned(), cookie(&secret));
        let who = self
            .get("/api/session", std::slice::from_ref(&cookie))
            .await;
        let csrf = who.json()["csrf_token"].as_str().unwrap().to_owned();
        vec![cookie, ("x-csrf-token".to_owned(), csrf)]
    }

    pub async fn get(&self, path: &str, headers: &[(String, String)]) -> Answered {
        send(&self.router, Method::GET, path, headers, None).await
    }

    pub async fn post(&self, path: &str, headers: &[(String, String)], body: &Value) -> Answered {
        let body = Some(body.to_string());
        send(&self.router, Method::POST, path, headers, body).await
    }
}

/// Makes an account by a link; its password is nobody's.
pub async fn account(catalog: &Catalog, name: &str, wish: LinkWish) -> Account {
    let (link, _) = catalog.make_link(wish, None, now_us()).await.unwrap();
    let link = SecretHash::of(link.reveal());
    let password = Secret::new("$argon2id$none");
    let made = catalog.use_link(&link, name, &password, now_us()).await;
    made.unwrap()
}

/// The header `cookie` of a session.
pub fn cookie(secret: &Secret) -> String {
    format!("pacelake_session={}", secret.reveal())
}

/// The header `authorization` of a token.
pub fn bearer(secret: &Secret) -> (String, String) {
    let value = format!("Bearer {}", secret.reveal());
    ("authorization".to_owned(), value)
}

/// The answer to a request; a body is JSON unless the headers say otherwise.
pub async fn send(
    router: &Router,
    method: Method,
    path: &str,
    headers: &[(String, String)],
    body: Option<String>,
) -> Answered {
    let mut request = Request::builder().method(method).uri(path);
    let says = |name: &str| headers.iter().any(|(given, _)| given == name);
    if !says("host") {
        request = request.header("host", "127.0.0.1:8080");
    }
    if body.is_some() && !says("content-type") {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let body = body.map_or_else(Body::empty, Body::from);
    let response = router.clone().oneshot(request.body(body).unwrap()).await;
    let (parts, body) = response.unwrap().into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    Answered {
        status: parts.status,
        headers: parts.headers,
        bytes,
    }
}
