//! Subscriptions and events.

use std::time::Duration;

use pacelake_strava_sim::{Crop, Details, Edit, EventFaultKind, EventFaultRule, Fate, Visibility};
use serde_json::{Value, json};

use crate::trial::{Callback, Trial, answered, error};

const ALL: &str = "activity:read_all";

async fn subscribed(scope: &str) -> (Trial, Callback) {
    let trial = Trial::begin().await;
    let callback = Callback::listen().await;
    assert_eq!(trial.subscribe(&callback).await.0, 201);
    trial.connect(scope).await;
    (trial, callback)
}

fn rename(name: &str) -> Edit {
    Edit {
        name: Some(name.to_owned()),
        ..Edit::default()
    }
}

fn show(visibility: Visibility) -> Edit {
    Edit {
        visibility: Some(visibility),
        ..Edit::default()
    }
}

/// What happened to what, and what it updated.
fn told(events: &[Value]) -> Vec<(String, i64, Value)> {
    let told = events.iter().map(|event| {
        let aspect = event["aspect_type"].as_str().unwrap().to_owned();
        let updates = event.get("updates").cloned().unwrap_or(json!("absent"));
        (aspect, event["object_id"].as_i64().unwrap(), updates)
    });
    told.collect()
}

#[tokio::test]
async fn a_subscription_is_made_once_its_callback_answered() {
    let trial = Trial::begin().await;
    let callback = Callback::listen().await;
    let url = trial.simulator.api_url() + "/push_subscriptions";
    let app = trial.simulator.app();
    let client = [
        ("client_id", app.client_id.to_string()),
        ("client_secret", app.client_secret.clone()),
    ];
    let list = || answered(trial.http.get(&url).query(&client));
    assert_eq!(list().await, (200, json!([])));

    callback.change(|heard| heard.is_mute = true);
    let (status, body) = trial.subscribe(&callback).await;
    let mute = ["PushSubscription", "callback url", "not verifiable"];
    assert_eq!((status, error(&body)), (400, mute));
    callback.change(|heard| heard.is_mute = false);
    let nobody = trial.url("/oauth/nothing");
    let (status, body) = trial.subscribe_at(&nobody).await;
    assert_eq!(
        (status, error(&body)[2]),
        (400, "GET to callback URL does not return 200")
    );
    let long = format!("{}?{}", callback.url, "x".repeat(256));
    assert_eq!(trial.subscribe_at(&long).await.0, 400);

    let (status, made) = trial.subscribe(&callback).await;
    assert_eq!(status, 201);
    assert_eq!(callback.change(|heard| heard.challenges), 2);
    let (status, body) = trial.subscribe(&callback).await;
    assert_eq!(
        (status, error(&body)),
        (400, ["PushSubscription", "", "already exists"])
    );
    let (_, listed) = list().await;
    assert_eq!(listed[0]["id"], made["id"]);
    assert_eq!(answered(trial.http.get(&url)).await.0, 400);

    let delete = |id: &Value| {
        let url = format!("{url}/{id}");
        answered(trial.http.delete(url).query(&client))
    };
    assert_eq!(delete(&json!(7)).await.0, 404);
    assert_eq!(delete(&made["id"]).await, (204, json!("")));
    assert_eq!(list().await.1, json!([]));
}

#[tokio::test]
async fn a_callback_that_takes_too_long_is_none() {
    let trial = Trial::begin().await;
    // Nobody accepts here: the kernel does, and nothing is ever answered.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (status, body) = trial.subscribe_at(&url).await;
    assert_eq!(
        (status, error(&body)[2]),
        (400, "GET to callback URL does not return 200")
    );
}

#[tokio::test]
async fn what_happens_is_told_in_strings() {
    let (trial, callback) = subscribed(ALL).await;
    let heard = async || {
        trial.control.events_settled().await;
        told(&callback.take())
    };
    let id = trial.add_with(1, Details::default());
    assert_eq!(heard().await, [("create".to_owned(), id, json!({}))]);
    trial.control.edit(id, rename("Messy")).unwrap();
    let update = |updates| [("update".to_owned(), id, updates)];
    assert_eq!(heard().await, update(json!({"title": "Messy"})));
    trial
        .control
        .edit(
            id,
            Edit {
                sport_type: Some("TrailRun".to_owned()),
                visibility: Some(Visibility::OnlyMe),
                ..Edit::default()
            },
        )
        .unwrap();
    assert_eq!(
        heard().await,
        update(json!({"type": "Run", "private": "true"}))
    );
    trial
        .control
        .edit(id, show(Visibility::FollowersOnly))
        .unwrap();
    assert_eq!(heard().await, update(json!({"private": "false"})));
    trial.control.delete(id).unwrap();
    assert_eq!(heard().await, [("delete".to_owned(), id, json!("absent"))]);
}

#[tokio::test]
async fn crops_gear_and_what_was_so_before_tell_nothing() {
    let (trial, callback) = subscribed(ALL).await;
    let id = trial.add(1, "2026-05-01T06:00:00Z");
    let before = trial.control.activity(id).unwrap();
    trial
        .control
        .edit(id, rename(before["name"].as_str().unwrap()))
        .unwrap();
    let crop = Edit {
        crop: Some(Crop {
            from_s: 60,
            to_s: 240,
        }),
        gear_id: Some("g1".to_owned()),
        ..Edit::default()
    };
    trial.control.edit(id, crop).unwrap();
    trial.control.events_settled().await;
    assert!(callback.take().is_empty());
    let after = trial.control.activity(id).unwrap();
    assert_eq!(after["start_date"], "2026-05-01T06:01:00Z");
    assert!(after["distance"].as_f64() < before["distance"].as_f64());
    let nothing_left = Edit {
        crop: Some(Crop {
            from_s: 5_000,
            to_s: 6_000,
        }),
        ..Edit::default()
    };
    assert!(trial.control.edit(id, nothing_left).is_err());
}

#[tokio::test]
async fn without_read_all_what_becomes_private_is_deleted_and_comes_back() {
    let (trial, callback) = subscribed("activity:read").await;
    let hidden = Details {
        visibility: Visibility::OnlyMe,
        ..Details::default()
    };
    trial.add_with(1, hidden);
    let id = trial.add_with(2, Details::default());
    trial.control.edit(id, show(Visibility::OnlyMe)).unwrap();
    trial.control.events_settled().await;
    trial.control.edit(id, rename("Nobody hears")).unwrap();
    trial.control.edit(id, show(Visibility::Everyone)).unwrap();
    trial.control.events_settled().await;
    let mut told: Vec<String> = told(&callback.take())
        .into_iter()
        .map(|(aspect, object, _)| {
            assert_eq!(object, id);
            aspect
        })
        .collect();
    told.sort();
    assert_eq!(told, ["create", "create", "delete"]);
}

#[tokio::test]
async fn an_event_is_sent_three_times_at_most() {
    let (trial, callback) = subscribed(ALL).await;
    callback.change(|heard| heard.statuses = vec![500, 503]);
    trial.add_with(1, Details::default());
    trial.control.events_settled().await;
    assert_eq!(callback.take().len(), 3);
    callback.change(|heard| heard.statuses = vec![500, 404, 201, 200]);
    trial.add_with(2, Details::default());
    trial.control.events_settled().await;
    assert_eq!(callback.take().len(), 3);
    let events = trial.control.events();
    assert_eq!(events[0].fate, Fate::Delivered);
    assert_eq!(events[0].attempts, [Some(500), Some(503), Some(200)]);
    assert_eq!(events[1].fate, Fate::GivenUp);
}

#[tokio::test]
async fn events_come_twice_late_behind_others_or_never() {
    let (trial, callback) = subscribed(ALL).await;
    let faulty = |kind| {
        trial
            .control
            .event_fault(EventFaultRule::new(kind).times(1))
    };
    let add = |number| trial.add_with(number, Details::default());
    let heard = async || {
        trial.control.events_settled().await;
        let told = told(&callback.take()).into_iter();
        told.map(|(_, object, _)| object).collect::<Vec<_>>()
    };
    faulty(EventFaultKind::Duplicate { copies: 2 });
    let id = add(1);
    assert_eq!(heard().await, [id; 3]);
    faulty(EventFaultKind::Lose);
    add(2);
    assert_eq!(heard().await, [0_i64; 0]);
    faulty(EventFaultKind::Reorder);
    let (first, second) = (add(3), add(4));
    assert_eq!(heard().await, [second, first]);
    faulty(EventFaultKind::Delay { seconds: 3_600 });
    let late = add(5);
    assert_eq!(trial.control.fates()["sending"], 1);
    trial.control.advance(Duration::from_secs(3_600)).unwrap();
    assert_eq!(heard().await, [late]);
    faulty(EventFaultKind::Reorder);
    let held = add(6);
    assert_eq!(trial.control.fates()["held"], 1);
    trial.control.release_events();
    assert_eq!(heard().await, [held]);
    assert_eq!(trial.control.fates()["lost"], 1);
}

#[tokio::test]
async fn who_is_not_connected_or_subscribed_hears_nothing() {
    let (trial, callback) = subscribed(ALL).await;
    trial.control.deauthorise(trial.athlete);
    trial.control.events_settled().await;
    assert_eq!(
        callback.take()[0]["updates"],
        json!({"authorized": "false"})
    );
    trial.add_with(1, Details::default());
    assert_eq!(trial.control.events().len(), 1);
}
