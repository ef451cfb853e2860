//! A simulator, an app that calls it, and a callback that listens.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use pacelake_strava_sim::{Clock, Control, Details, Generated, NewAthlete, Options, Simulator};
use reqwest::{Client, RequestBuilder, Response};
use serde_json::{Value, json};

/// When every trial begins.
pub const START: &str = "2026-06-01T08:00:00Z";

/// A simulator and an app.
pub struct Trial {
    pub simulator: Simulator,
    pub control: Control,
    pub athlete: i64,
    pub http: Client,
}

/// Status and body of an answer.
pub type Answer = (u16, Value);

impl Trial {
    /// A simulator with one athlete and no activities.
    pub async fn begin() -> Self {
        let simulator = Simulator::start(Options {
            listen: "127.0.0.1:0",
            clock: Clock::Controlled(START.parse().unwrap()),
            deadline: Duration::from_millis(500),
            between_attempts: Duration::from_millis(5),
            ..Options::default()
        })
        .await
        .unwrap();
        let control = simulator.control();
        let athlete = control.add_athlete(NewAthlete {
            shoes: vec!["Grey Shoes".to_owned()],
            ..NewAthlete::default()
        });
        let http = Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .unwrap();
        Self {
            simulator,
            control,
            athlete,
            http,
        }
    }

    pub fn url(&self, path: &str) -> String {
        self.simulator.url() + path
    }

    /// The authorization page's redirect, with these scopes; at once, for the
    /// athlete.
    pub async fn authorize(&self, scope: &str) -> Response {
        let id = self.simulator.app().client_id.to_string();
        let auto = self.athlete.to_string();
        let query = [
            ("client_id", id.as_str()),
            ("redirect_uri", "http://localhost/back"),
            ("response_type", "code"),
            ("scope", scope),
            ("state", "a b"),
            ("_auto", &auto),
        ];
        let request = self.http.get(self.url("/oauth/authorize")).query(&query);
        request.send().await.unwrap()
    }

    /// What the redirect says.
    pub async fn redirected(&self, scope: &str) -> BTreeMap<String, String> {
        let answer = self.authorize(scope).await;
        assert_eq!(answer.status(), 302);
        said(&answer)
    }

    /// The token endpoint's answer.
    pub async fn token(&self, pairs: &[(&str, &str)]) -> Answer {
        let app = self.simulator.app();
        let id = app.client_id.to_string();
        let mut form = vec![
            ("client_id", id.as_str()),
            ("client_secret", &app.client_secret),
        ];
        form.extend(pairs);
        answered(self.http.post(self.url("/oauth/token")).form(&form)).await
    }

    pub async fn exchange(&self, code: &str) -> Answer {
        self.token(&[("grant_type", "authorization_code"), ("code", code)])
            .await
    }

    pub async fn refresh(&self, token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", token)])
            .await
    }

    /// Connects the athlete; the token endpoint's answer.
    pub async fn connect(&self, scope: &str) -> Value {
        let said = self.redirected(scope).await;
        let (status, tokens) = self.exchange(&said["code"]).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    /// Connects the athlete; an access token.
    pub async fn access(&self, scope: &str) -> String {
        text(&self.connect(scope).await, "access_token")
    }

    /// A read of the API.
    pub async fn get(&self, access: &str, path: &str) -> Answer {
        answered(self.read(access, path)).await
    }

    pub fn read(&self, access: &str, path: &str) -> RequestBuilder {
        let url = self.simulator.api_url() + path;
        self.http.get(url).bearer_auth(access)
    }

    /// Adds a generated run of ten minutes at this start; silently.
    pub fn add(&self, number: u64, start: &str) -> i64 {
        self.add_with(
            number,
            Details {
                start: Some(start.parse().unwrap()),
                silent: true,
                ..Details::default()
            },
        )
    }

    pub fn add_with(&self, number: u64, details: Details) -> i64 {
        let generated = Generated {
            number,
            minutes: 10,
            ..Generated::default()
        };
        let details = Details {
            sport_type: details.sport_type.clone().or(Some("Run".to_owned())),
            ..details
        };
        self.control
            .add_generated(self.athlete, generated, &details)
            .unwrap()
    }

    /// Subscribes a callback.
    pub async fn subscribe(&self, callback: &Callback) -> Answer {
        self.subscribe_at(&callback.url).await
    }

    pub async fn subscribe_at(&self, url: &str) -> Answer {
        let app = self.simulator.app();
        let id = app.client_id.to_string();
        let form = [
            ("client_id", id.as_str()),
            ("client_secret", &app.client_secret),
            ("callback_url", url),
            ("verify_token", "ours"),
        ];
        let url = self.simulator.api_url() + "/push_subscriptions";
        answered(self.http.post(url).form(&form)).await
    }
}

/// The parameters of a redirect.
pub fn said(answer: &Response) -> BTreeMap<String, String> {
    let location = answer.headers()["location"].to_str().unwrap();
    let url = url::Url::parse(location).unwrap();
    url.query_pairs().into_owned().collect()
}

/// Sends; a body that is no JSON comes as text.
pub async fn answered(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.text().await.unwrap();
    let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
    (status, body)
}

pub fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap().to_owned()
}

/// The one error of a body: resource, field, code.
pub fn error(body: &Value) -> [&str; 3] {
    ["resource", "field", "code"].map(|key| body["errors"][0][key].as_str().unwrap())
}

pub fn ids(list: &Value) -> Vec<i64> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| one["id"].as_i64().unwrap()).collect()
}

/// What a callback heard, and how it answers.
#[derive(Default)]
pub struct Heard {
    pub events: Vec<Value>,
    pub challenges: u32,
    /// Statuses of the next answers; then 200.
    pub statuses: Vec<u16>,
    /// Whether it echoes challenges.
    pub is_mute: bool,
}

/// A webhook's callback.
pub struct Callback {
    pub url: String,
    heard: Arc<Mutex<Heard>>,
}

impl Callback {
    pub async fn listen() -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let router = Router::new()
            .route("/hook", get(challenged).post(told))
            .with_state(Arc::clone(&heard));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, heard }
    }

    pub fn change<T>(&self, change: impl FnOnce(&mut Heard) -> T) -> T {
        change(&mut self.heard.lock().unwrap())
    }

    /// The events that were heard since the last time.
    pub fn take(&self) -> Vec<Value> {
        self.change(|heard| std::mem::take(&mut heard.events))
    }
}

async fn challenged(
    State(heard): State<Arc<Mutex<Heard>>>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Json<Value> {
    let mut heard = heard.lock().unwrap();
    heard.challenges += 1;
    assert_eq!(query["hub.mode"], "subscribe");
    assert_eq!(query["hub.verify_token"], "ours");
    Json(match heard.is_mute {
        true => json!({}),
        false => json!({"hub.challenge": query["hub.challenge"]}),
    })
}

async fn told(State(heard): State<Arc<Mutex<Heard>>>, Json(event): Json<Value>) -> StatusCode {
    let mut heard = heard.lock().unwrap();
    heard.events.push(event);
    let status = match heard.statuses.is_empty() {
        true => 200,
        false => heard.statuses.remove(0),
    };
    StatusCode::from_u16(status).unwrap()
}
