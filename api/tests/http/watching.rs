//! How long a job's events go on: until the job is over, the server ends, or
//! what let the caller in does.

use std::time::Duration;

use pacelake_api::{ServeError, serve};
use reqwest::{Client, Response, StatusCode};
use storage::AthleteId;
use storage::catalog::{Account, Catalog, LinkWish, NewJob, NewToken, Scope, SecretHash};
use storage::objects::Secret;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use uuid::Uuid;

use crate::app::TestApp;

/// How long a stream may go on that should end: less than a server waits for
/// what it cuts off.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server, and a job of athlete 1 that nobody does.
struct Watched {
    /// Keeps the folder.
    _app: TestApp,
    catalog: Catalog,
    job_id: i64,
    url: String,
    http: Client,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), ServeError>>,
}

fn now_us() -> i64 {
    jiff::Timestamp::now().as_microsecond()
}

impl Watched {
    async fn begin() -> Self {
        let app = TestApp::new().await;
        let state = app.state();
        let catalog = state.storage.catalog.clone();
        let job = NewJob {
            kind: "nothing".to_owned(),
            key: "1".to_owned(),
            athlete_id: Some(AthleteId(1)),
            ..NewJob::default()
        };
        let job_id = catalog.enqueue(&[job]).await.unwrap()[0].job_id;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async move {
            let _ = stopped.await;
        };
        Self {
            _app: app,
            catalog,
            job_id,
            url: format!("http://{address}/api/jobs/{job_id}/events"),
            http: Client::builder().no_proxy().build().unwrap(),
            stop,
            server: tokio::spawn(serve(listener, state, stopped)),
        }
    }

    /// The first account, which acts for athlete 1.
    async fn account(&self) -> Account {
        let athlete_id = Some(AthleteId(1));
        let wish = LinkWish::FirstAccount { athlete_id };
        let link = self.catalog.make_link(wish, None, now_us()).await;
        let link = SecretHash::of(link.unwrap().0.reveal());
        let password = Secret::new("$argon2id$none");
        let made = self.catalog.use_link(&link, "kari", &password, now_us());
        made.await.unwrap()
    }

    /// A new token's id and secret.
    async fn token(&self, of: &Account) -> (Uuid, Secret) {
        let new = NewToken {
            account_id: of.account_id,
            name: "test".to_owned(),
            scopes: [Scope::Read].into_iter().collect(),
            expires_at_us: None,
        };
        let made = self.catalog.make_token(&new, None, now_us()).await;
        let (token, secret) = made.unwrap();
        (token.token_id, secret)
    }

    /// The job's events, of which the first was read.
    async fn watch(&self, token: Option<&Secret>) -> Response {
        let mut request = self.http.get(&self.url);
        if let Some(token) = token {
            request = request.bearer_auth(token.reveal());
        }
        let mut answer = request.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let first = answer.chunk().await.unwrap().unwrap();
        let first = String::from_utf8_lossy(&first);
        assert!(first.contains("event: waiting"), "{first}");
        answer
    }
}

/// What is told until a stream ends.
async fn rest(stream: Response) -> String {
    let text = timeout(PATIENCE, stream.text()).await;
    text.expect("it ends in time").unwrap()
}

#[tokio::test]
async fn a_stream_ends_with_its_server() {
    let watched = Watched::begin().await;
    let stream = watched.watch(None).await;
    watched.stop.send(()).unwrap();
    let ended = timeout(PATIENCE, watched.server).await;
    ended.expect("it ends in time").unwrap().unwrap();
    assert_eq!(rest(stream).await, "");
}

#[tokio::test]
async fn a_stream_ends_with_what_let_its_caller_in() {
    let watched = Watched::begin().await;
    let account = watched.account().await;
    let (_, lasting) = watched.token(&account).await;
    let (token_id, short_lived) = watched.token(&account).await;
    let stays = watched.watch(Some(&lasting)).await;
    let ends = watched.watch(Some(&short_lived)).await;
    let catalog = &watched.catalog;
    let revoked = catalog.revoke_token(token_id, None, None, now_us());
    revoked.await.unwrap();
    let told = rest(ends).await;
    assert!(!told.contains("event:"), "{told}");
    // The other was asked again, too.
    catalog.cancel_job(watched.job_id).await.unwrap();
    let told = rest(stays).await;
    assert!(told.contains("event: cancelled"), "{told}");
}
