//! How far a job is, as server-sent events.

use jobs::strava::Retention;
use pacelake_strava_sim::Calls;
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use storage::testing::Place;

use crate::schema::conforms;
use crate::world::World;

/// Name and data of each event in a stream's text.
fn events(text: &str) -> Vec<(String, Value)> {
    let blocks = text.split("\n\n").filter(|block| !block.trim().is_empty());
    let event = |block: &str| {
        let field = |name: &str| {
            let mut lines = block.lines();
            lines.find_map(|line| line.strip_prefix(name).map(str::trim))
        };
        let data = serde_json::from_str(field("data:")?).unwrap();
        Some((field("event:")?.to_owned(), data))
    };
    // What has neither is a comment that keeps the line open.
    blocks.filter_map(event).collect()
}

async fn begun(world: &World) -> Value {
    let answer = world.ask("POST", "/api/strava/sync").await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    answer.json().await.unwrap()
}

async fn connected() -> World {
    let world = World::begin(Place::sqlite(), Retention::Owner).await;
    world.connected(1).await;
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_told_until_it_is_done() {
    let world = connected().await;
    let document = world.get("/api/openapi.json").await;
    let job = begun(&world).await;
    let path = job["events"].as_str().unwrap();
    assert_eq!(path, format!("/api/jobs/{}/events", job["job_id"]));
    let answer = world.ask("GET", path).await;
    assert_eq!(answer.headers()[CONTENT_TYPE], "text/event-stream");
    // It ends by itself.
    let told = events(&answer.text().await.unwrap());
    let schema = &document["components"]["schemas"]["Job"];
    for (name, told) in &told {
        conforms(&document, schema, told, path);
        assert_eq!(told["state"], name.as_str());
        assert_eq!(told["job_id"], job["job_id"]);
    }
    let (last, told) = told.last().unwrap();
    assert_eq!(last, "done");
    assert!(told["finished_at"].is_string(), "{told}");
    // Who looks at one that is over is told so at once.
    let answer = world.ask("GET", path).await;
    let again = events(&answer.text().await.unwrap());
    assert_eq!(again.len(), 1);
    assert_eq!(again[0].0, "done");

    let nobodys = world.ask("GET", "/api/jobs/4711/events").await;
    assert_eq!(nobodys.status(), StatusCode::NOT_FOUND);
    world.end().await;
}

/// A change is told when it comes: here that a job which waits for Strava's
/// limits is called off.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_changes_is_told_when_it_does() {
    let world = connected().await;
    world.control().set_used(Calls {
        quarter: 200,
        day: 200,
        read_quarter: 100,
        read_day: 100,
    });
    let job = begun(&world).await;
    let path = format!("/api/jobs/{}", job["job_id"]);
    world
        .until("the job to wait for the limit", async || {
            let job = world.get(&path).await;
            job["state"] == "waiting" && job["due_at"].is_string() && !job["reason"].is_null()
        })
        .await;
    let mut answer = world.ask("GET", &format!("{path}/events")).await;
    let first = answer.chunk().await.unwrap().unwrap();
    let told = events(std::str::from_utf8(&first).unwrap());
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, "waiting");
    let catalog = &world.service.context.storage.catalog;
    let job_id = job["job_id"].as_i64().unwrap();
    catalog.cancel_job(job_id).await.unwrap();
    let rest = answer.text().await.unwrap();
    let rest = events(&rest);
    assert_eq!(rest.len(), 1, "{rest:?}");
    assert_eq!(rest[0].0, "cancelled");
    world.end().await;
}
