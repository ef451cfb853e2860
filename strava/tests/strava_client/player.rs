//! A server that plays answers in order and remembers what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use futures::StreamExt;
use futures::stream;
use pacelake_strava::{App, Limits, RevokeStyle, Secret, Strava};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

/// How an answer's body comes.
#[derive(Clone)]
enum Play {
    /// Announced and whole.
    Whole(Vec<u8>),
    /// In pieces, its length not announced.
    Pieces(Vec<u8>),
    /// These bytes, then the connection breaks; often before they are out.
    CutOff(Vec<u8>),
    /// These bytes, then nothing, for ever.
    Stalls(Vec<u8>),
    /// Not even a status.
    Never,
}

/// An answer to play.
#[derive(Clone)]
pub struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    play: Play,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            play: Play::Whole(body.into()),
        }
    }

    /// A JSON answer.
    pub fn json(status: u16, body: &str) -> Self {
        Self::new(status, body).with("content-type", "application/json; charset=utf-8")
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The body that it would play whole.
    pub fn body(&self) -> Vec<u8> {
        match &self.play {
            Play::Whole(body) | Play::Pieces(body) | Play::CutOff(body) | Play::Stalls(body) => {
                body.clone()
            }
            Play::Never => Vec::new(),
        }
    }

    pub fn in_pieces(mut self) -> Self {
        self.play = Play::Pieces(self.body());
        self
    }

    pub fn cut_off(mut self) -> Self {
        self.play = Play::CutOff(self.body());
        self
    }

    pub fn stalling(mut self) -> Self {
        self.play = Play::Stalls(self.body());
        self
    }

    pub fn never() -> Self {
        let mut reply = Self::new(200, "");
        reply.play = Play::Never;
        reply
    }

    async fn play(self) -> Response {
        let piece = |bytes: &[u8]| io::Result::Ok(Bytes::copy_from_slice(bytes));
        let body = match self.play {
            Play::Whole(body) => Body::from(body),
            Play::Pieces(body) => {
                let pieces: Vec<_> = body.chunks(1_000).map(piece).collect();
                Body::from_stream(stream::iter(pieces))
            }
            Play::CutOff(body) => {
                let broken = Err(io::Error::other("cut off"));
                Body::from_stream(stream::iter([piece(&body), broken]))
            }
            Play::Stalls(body) => {
                Body::from_stream(stream::iter([piece(&body)]).chain(stream::pending()))
            }
            Play::Never => std::future::pending().await,
        };
        let mut response = Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response.body(body).unwrap()
    }
}

/// What was asked.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Method and path.
    pub line: String,
    pub query: BTreeMap<String, String>,
    pub headers: BTreeMap<String, String>,
    pub form: BTreeMap<String, String>,
    /// All of it but the path as one text, what is secret first.
    pub text: String,
}

impl Seen {
    async fn of(request: Request) -> Self {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let pairs = |bytes: &[u8]| url::form_urlencoded::parse(bytes).into_owned().collect();
        let header = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        let headers: BTreeMap<_, _> = parts.headers.iter().map(header).collect();
        Self {
            line: format!("{} {}", parts.method, parts.uri.path()),
            query: pairs(parts.uri.query().unwrap_or_default().as_bytes()),
            text: format!(
                "{} {} {} {headers:?}",
                headers.get("authorization").map_or("", String::as_str),
                parts.uri.query().unwrap_or_default(),
                String::from_utf8_lossy(&body),
            ),
            headers,
            form: pairs(&body),
        }
    }
}

/// The server. It ends with the test's runtime.
pub struct Player {
    pub url: Url,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Player {
    /// Plays these, one after the other, whatever is asked.
    pub async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let left = Mutex::new(replies.into_iter().collect::<VecDeque<_>>());
        Self::answering(move |_| {
            let next = left.lock().unwrap().pop_front();
            next.unwrap_or_else(|| Reply::new(599, "no reply is left"))
        })
        .await
    }

    /// Answers each request by a function of it.
    pub async fn answering(answer: impl Fn(&Seen) -> Reply + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let answer = Arc::new(answer);
        let kept = seen.clone();
        let app = Router::new().fallback(move |request: Request| {
            let (kept, answer) = (kept.clone(), answer.clone());
            async move {
                let request = Seen::of(request).await;
                let reply = answer(&request);
                kept.lock().unwrap().push(request);
                reply.play().await
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = local(&listener);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, seen }
    }

    /// All that was asked so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// The one request that was made.
    pub fn only(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "{seen:?}");
        seen[0].clone()
    }

    /// A client that speaks to it.
    pub fn strava(&self) -> Strava {
        strava_at(&self.url)
    }
}

fn local(listener: &TcpListener) -> Url {
    let address = listener.local_addr().unwrap();
    format!("http://{address}").parse().unwrap()
}

/// A server that answers each connection with these bytes and closes it.
pub async fn literal(answer: impl AsRef<[u8]> + Send + 'static) -> Url {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = local(&listener);
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut request = Vec::new();
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                if socket.read_buf(&mut request).await.unwrap() == 0 {
                    break;
                }
            }
            socket.write_all(answer.as_ref()).await.unwrap();
        }
    });
    url
}

/// An address at which nobody listens.
pub async fn nobody() -> Url {
    local(&TcpListener::bind("127.0.0.1:0").await.unwrap())
}

/// An app that is at this address.
pub fn app_at(url: &Url) -> App {
    App {
        client_id: 12345,
        client_secret: Secret::from("client-secret"),
        oauth_url: url.join("oauth").unwrap(),
        api_url: url.join("api/v3").unwrap(),
        revoke: RevokeStyle::Revoke,
    }
}

/// Bounds that a test need not wait for.
pub fn limits() -> Limits {
    Limits {
        second_offer: Duration::from_millis(5),
        ..Limits::default()
    }
}

/// A client that speaks to this address.
pub fn strava_at(url: &Url) -> Strava {
    Strava::with_limits(app_at(url), limits()).unwrap()
}
