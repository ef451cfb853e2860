//! What whoever runs the installation begins and sees.

use std::collections::BTreeSet;

use jobs::strava::Retention;
use pacelake_strava_sim::Lag;
use reqwest::StatusCode;
use serde_json::{Value, json};
use storage::catalog::AccountAction;
use storage::testing::Place;

use crate::world::World;

mod both {
    crate::world::on_both!(
        a_subscription_is_listed_made_and_ended,
        best_efforts_are_removed_and_come_back,
        the_queue_is_seen_and_cleared,
    );
}

async fn with_history(place: Place, activities: u32) -> World {
    let mut world = World::begin(place, Retention::Owner).await;
    world.do_chores();
    world.connected(activities).await;
    world
}

impl World {
    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let method = method.parse().unwrap();
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap())
    }

    /// Begins work and waits for its end; answers the job.
    async fn done(&self, path: &str, body: Value) -> Value {
        let (status, job) = self.send("POST", path, Some(body)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{path}: {job}");
        let watch = format!("/api/jobs/{}", job["job_id"]);
        self.until(path, async || {
            let job = self.get(&watch).await;
            assert_ne!(job["state"], "failed", "{job}");
            job["state"] == "done"
        })
        .await;
        self.get(&watch).await
    }

    /// How often Strava was asked for its list of subscriptions.
    fn listings(&self) -> usize {
        let requests = self.control().requests();
        let of = requests
            .iter()
            .filter(|r| r.method == "GET" && r.path.ends_with("/push_subscriptions"));
        of.count()
    }

    /// Everything that is told of best efforts and the ranks among them.
    async fn efforts(&self) -> Vec<Value> {
        let mut told = Vec::new();
        for activity in self.activities().await {
            let id = &activity["activity_id"];
            let path = format!("/api/activities/{id}/best_efforts");
            told.push(self.get(&path).await["items"].clone());
        }
        told.push(self.get("/api/analytics/best-efforts-cached").await);
        told
    }

    async fn audited(&self) -> BTreeSet<&'static str> {
        let catalog = &self.service.context.storage.catalog;
        let entries = catalog.account_audit(100).await.unwrap();
        entries.iter().map(|entry| entry.action.name()).collect()
    }
}

async fn a_subscription_is_listed_made_and_ended(place: Place) {
    let world = with_history(place, 1).await;
    let listed = world.get("/api/admin/webhooks?refresh=true").await;
    let id = world.control().subscription().unwrap().id;
    assert_eq!(listed["app"], "active", "{listed}");
    assert_eq!(listed["is_fresh"], true);
    assert_eq!(listed["subscription_id"], id);
    assert_eq!(listed["items"][0]["is_ours"], true);
    let callback = listed["items"][0]["callback_url"].as_str().unwrap();
    assert!(callback.ends_with("/api/strava/webhook/…"), "{callback}");

    let asked = world.listings();
    let kept = world.get("/api/admin/webhooks").await;
    assert_eq!(kept["is_fresh"], false);
    assert_eq!(kept["items"], listed["items"]);
    assert_eq!(kept["listed_at"], listed["listed_at"]);
    assert_eq!(world.listings(), asked, "it is kept in the catalog");

    let (status, left) = world.send("DELETE", "/api/admin/webhooks", None).await;
    assert_eq!(status, StatusCode::OK, "{left}");
    assert_eq!(left["items"], json!([]));
    assert_eq!(world.control().subscription(), None);
    assert_eq!(
        world.get("/api/admin/webhooks").await["subscription_id"],
        Value::Null
    );
    let (status, problem) = world.send("DELETE", "/api/admin/webhooks", None).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::NOT_FOUND, &json!("not_found"))
    );

    let (status, made) = world.send("POST", "/api/admin/webhooks", None).await;
    assert_eq!(status, StatusCode::OK, "{made}");
    let now = world.control().subscription().unwrap().id;
    assert_eq!(made["subscription_id"], now);
    assert_eq!(
        world.get("/api/admin/webhooks").await["subscription_id"],
        now
    );
    let audited = world.audited().await;
    let expected = [AccountAction::Subscribed, AccountAction::Unsubscribed];
    assert!(
        expected.iter().all(|one| audited.contains(one.name())),
        "{audited:?}"
    );

    // An inactive app is said so, once, and what was listed stays.
    world.control().switch(|switches| switches.inactive = true);
    let inactive = world.get("/api/admin/webhooks?refresh=true").await;
    assert_eq!(inactive["app"], "inactive", "{inactive}");
    assert_eq!(inactive["items"], made["items"]);
    let asked = world.listings();
    assert_eq!(world.get("/api/admin/webhooks").await["app"], "inactive");
    assert_eq!(world.listings(), asked, "nobody asks in a loop");
    let (status, problem) = world.send("POST", "/api/admin/webhooks", None).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::CONFLICT, &json!("strava_app"))
    );
    world.control().switch(|switches| switches.inactive = false);
    let active = world.get("/api/admin/webhooks?refresh=true").await;
    assert_eq!(active["app"], "active");
    assert_eq!(world.get("/api/admin/webhooks").await["app"], "active");
    world.end().await;
}

async fn best_efforts_are_removed_and_come_back(place: Place) {
    let world = with_history(place, 3).await;
    let before = world.efforts().await;
    let is_empty = |told: &Value| *told == json!([]) || told["items"] == json!([]);
    assert!(!before.iter().any(is_empty), "{before:?}");

    let one = json!({ "athlete_id": 1 });
    let job = world.done("/api/admin/clear-best-efforts", one).await;
    assert_eq!(job["kind"], "clear_best_efforts");
    let message = job["progress"]["message"].as_str().unwrap();
    assert_eq!(message, "best efforts of 3 activities were removed");
    assert!(world.efforts().await.iter().all(is_empty));
    // There is nothing left to remove.
    let job = world.done("/api/admin/clear-best-efforts", json!({})).await;
    let message = job["progress"]["message"].as_str().unwrap();
    assert_eq!(message, "best efforts of 0 activities were removed");

    let path = "/api/admin/calculate-best-efforts";
    let job = world.done(path, json!({})).await;
    let message = job["progress"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("3 activities were computed, 3 of them changed"),
        "{message}"
    );
    assert_eq!(world.efforts().await, before);
    let job = world.done(path, json!({})).await;
    let message = job["progress"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("0 activities were computed"),
        "{message}"
    );
    let job = world.done(path, json!({ "full": true })).await;
    let message = job["progress"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("3 activities were computed, 0 of them changed"),
        "{message}"
    );

    // From the kept recordings all comes out as it is.
    let job = world.done("/api/admin/resync", json!({})).await;
    let message = job["progress"]["message"].as_str().unwrap();
    assert!(
        message.starts_with("3 activities were computed, 0 of them changed"),
        "{message}"
    );
    assert_eq!(world.efforts().await, before);

    let (status, problem) = world
        .send("POST", path, Some(json!({ "athlete_id": 99 })))
        .await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{problem}");
    assert!(
        world
            .audited()
            .await
            .contains(AccountAction::JobBegun.name())
    );
    world.end().await;
}

async fn the_queue_is_seen_and_cleared(place: Place) {
    let world = with_history(place, 2).await;
    let seen = world
        .get("/api/admin/activity-jobs?kind=strava_fetch")
        .await;
    let count = |seen: &Value, kind: &str, state: &str| {
        let counts = seen["counts"].as_array().unwrap().clone();
        let mut of = counts.into_iter();
        of.find(|one| one["kind"] == kind && one["state"] == state)
            .map_or(0, |one| one["jobs"].as_i64().unwrap())
    };
    assert_eq!(count(&seen, "strava_fetch", "done"), 2, "{seen}");
    let items = seen["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert!(items.iter().all(|job| job["kind"] == "strava_fetch"));

    let strava_id = world.control().activities(world.control().athletes()[0])[0];
    let asked = json!({ "athlete_id": 1, "strava_ids": [strava_id] });
    let (status, begun) = world
        .send("POST", "/api/admin/activity-jobs", Some(asked))
        .await;
    assert_eq!(status, StatusCode::ACCEPTED, "{begun}");
    assert_eq!(begun["items"].as_array().unwrap().len(), 1);
    assert_eq!(begun["items"][0]["key"], format!("1/{strava_id}"));
    let asked = json!({ "athlete_id": 1 });
    let (status, begun) = world
        .send("POST", "/api/admin/activity-jobs", Some(asked))
        .await;
    assert_eq!(status, StatusCode::ACCEPTED, "{begun}");
    assert_eq!(begun["items"][0]["kind"], "strava_poll");
    world
        .until("all of it", async || world.is_idle().await)
        .await;

    let job = world.done("/api/admin/thumbnails", json!({})).await;
    assert_eq!(job["progress"]["message"], "2 maps wait to be drawn");
    let maps = world.get("/api/admin/thumbnails").await;
    assert_eq!(maps["waiting"], 2, "{maps}");
    // Once more queues none twice.
    world.done("/api/admin/thumbnails", json!({})).await;
    assert_eq!(world.get("/api/admin/thumbnails").await["waiting"], 2);

    let (status, cleared) = world.send("DELETE", "/api/admin/activity-jobs", None).await;
    assert_eq!(status, StatusCode::OK);
    assert!(cleared["removed"].as_u64().unwrap() >= 4, "{cleared}");
    let seen = world.get("/api/admin/activity-jobs").await;
    assert_eq!(count(&seen, "strava_fetch", "done"), 0);
    assert_eq!(count(&seen, "thumbnail", "waiting"), 2, "what waits stays");
    let (status, _) = world
        .send("GET", "/api/admin/activity-jobs?state=lost", None)
        .await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samples_that_are_missing_are_asked_for_again() {
    let world = with_history(Place::sqlite(), 1).await;
    let lag = Lag {
        seconds: 0,
        requests: 1,
        empty: false,
    };
    world
        .control()
        .switch(|switches| switches.streams_lag = Some(lag));
    let athlete = world.control().athletes()[0];
    let strava_id = world.push(athlete, 5);
    let without = async || {
        let of = world.get("/api/admin/sync-streams").await;
        of["items"][0]["without_samples"].clone()
    };
    world
        .until("the activity", async || {
            world.id_of(strava_id).await.is_some() && without().await == 1
        })
        .await;
    let job = world.done("/api/admin/sync-streams", json!({})).await;
    assert_eq!(job["progress"]["message"], "1 activities are fetched again");
    world
        .until("its samples", async || without().await == 0)
        .await;
    world.end().await;
}
