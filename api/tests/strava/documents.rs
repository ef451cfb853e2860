//! Answers about Strava and jobs are as the OpenAPI document says.

use std::collections::BTreeSet;

use jobs::strava::Retention;
use reqwest::StatusCode;
use serde_json::Value;
use storage::testing::Place;

use crate::schema::conforms;
use crate::world::World;

/// Asks, compares, and remembers what was compared.
struct Checked<'a> {
    world: &'a World,
    document: Value,
    seen: BTreeSet<String>,
}

impl Checked<'_> {
    /// The answer to a request, which is as the document says of `template`.
    async fn ask(&mut self, method: &str, template: &str, path: &str) -> Value {
        let answer = self.world.ask(method, path).await;
        let status = answer.status();
        let text = answer.text().await.unwrap();
        assert!(status.is_success(), "{method} {path}: {text}");
        let operation = &self.document["paths"][template][method.to_lowercase()];
        let content = &operation["responses"][status.as_str()]["content"];
        let schema = &content["application/json"]["schema"];
        assert!(schema.is_object(), "{method} {template} {status}");
        let value: Value = serde_json::from_str(&text).unwrap();
        conforms(&self.document, schema, &value, path);
        let status = status.as_str();
        self.seen.insert(format!("{method} {template} {status}"));
        value
    }
}

/// What the document says is answered in JSON about Strava and jobs.
fn described(document: &Value) -> BTreeSet<String> {
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        if !path.starts_with("/api/strava/") && !path.starts_with("/api/jobs/") {
            continue;
        }
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let is_json = response["content"]["application/json"].is_object();
                if status.starts_with('2') && is_json {
                    described.insert(format!("{} {path} {status}", method.to_uppercase()));
                }
            }
        }
    }
    described
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_as_its_schema_says() {
    const STATUS: &str = "/api/strava/status";
    let world = World::begin(Place::sqlite(), Retention::Policy).await;
    let document = world.get("/api/openapi.json").await;
    let mut checked = Checked {
        world: &world,
        document,
        seen: BTreeSet::new(),
    };
    // Nearly everything of it is null.
    checked.ask("GET", STATUS, STATUS).await;
    let athlete = world.athlete(2);
    let (status, page) = world.connect(athlete).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    world.back_filled(2).await;
    world
        .until("the subscription", async || {
            world.get(STATUS).await["subscribed"] == true
        })
        .await;
    checked.ask("GET", STATUS, STATUS).await;
    let live = "/api/strava/activities";
    let page = checked.ask("GET", live, live).await;
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    let id = page["items"][0]["activity_id"].as_i64().unwrap();
    let splits = "/api/strava/splits/{activity_id}";
    for unit in ["km", "mile"] {
        let path = format!("/api/strava/splits/{id}?unit={unit}");
        let both = checked.ask("GET", splits, &path).await;
        assert!(!both["splits"].as_array().unwrap().is_empty(), "{both}");
    }
    let sync = "/api/strava/sync";
    let job = checked.ask("POST", sync, sync).await;
    let path = format!("/api/jobs/{}", job["job_id"]);
    checked.ask("GET", "/api/jobs/{job_id}", &path).await;
    world.until("rest", async || world.is_idle().await).await;
    let over = checked.ask("GET", "/api/jobs/{job_id}", &path).await;
    assert_eq!(over["state"], "done");

    let secret = world.service.webhook_secret().await.unwrap();
    let callback = world.control().subscription().unwrap();
    assert!(callback.callback.path().ends_with(secret.expose()));
    let verify = storage::seal::fingerprint(&format!("verify {}", secret.expose()));
    let path = format!(
        "/api/strava/webhook/{}?hub.mode=subscribe&hub.challenge=abc&hub.verify_token={verify}",
        secret.expose()
    );
    let webhook = "/api/strava/webhook/{secret}";
    let repeated = checked.ask("GET", webhook, &path).await;
    assert_eq!(repeated["hub.challenge"], "abc");

    let disconnect = "/api/strava/disconnect";
    let receipt = checked.ask("DELETE", disconnect, disconnect).await;
    assert!(receipt["purged"].is_object(), "{receipt}");

    let described = described(&checked.document);
    assert_eq!(checked.seen, described);
    world.end().await;
}
