//! What happens at Strava happens here.

use jobs::queue::new_job;
use jobs::strava::poll::Poll;
use jobs::strava::{Retention, Service};
use pacelake_strava_sim::{Crop, Details, Edit, EventFaultKind, EventFaultRule, FaultKind};
use pacelake_strava_sim::{FaultRule, Generated, Lag, Visibility};
use reqwest::StatusCode;
use storage::AthleteId;
use storage::catalog::{StravaListed, StravaSweep};
use storage::testing::Place;

use crate::world::World;

mod both {
    crate::world::on_both!(an_activity_appears_changes_and_goes);
}

async fn connected(place: Place, activities: u32) -> (World, i64) {
    let world = World::begin(place, Retention::Owner).await;
    let athlete = world.connected(activities).await;
    (world, athlete)
}

async fn an_activity_appears_changes_and_goes(place: Place) {
    let (world, athlete) = connected(place, 2).await;
    let strava_id = world.push(athlete, 1);
    world
        .until("the new activity", async || {
            world.id_of(strava_id).await.is_some()
        })
        .await;
    let id = world.id_of(strava_id).await.unwrap();
    let splits = world.get(&format!("/api/activities/{id}/splits")).await;
    assert!(!splits["items"].as_array().unwrap().is_empty());
    // Its name and who may see it.
    let control = world.control();
    let edit = Edit {
        name: Some("Once round the lake".to_owned()),
        visibility: Some(Visibility::OnlyMe),
        ..Edit::default()
    };
    control.edit(strava_id, edit).unwrap();
    let path = format!("/api/activities/{id}");
    world
        .until("the new name", async || {
            let ours = world.get(&path).await;
            ours["name"] == "Once round the lake" && ours["visibility"] == "only_me"
        })
        .await;
    // A crop sends no event; a look at the list finds it.
    let before = world.get(&path).await["elapsed_s"].as_f64().unwrap();
    let crop = Crop {
        from_s: 60,
        to_s: 600,
    };
    let edit = Edit {
        crop: Some(crop),
        ..Edit::default()
    };
    control.edit(strava_id, edit).unwrap();
    let answer = world.ask("POST", "/api/strava/sync").await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let job: serde_json::Value = answer.json().await.unwrap();
    let events = job["events"].as_str().unwrap();
    let events = world.ask("GET", events).await.text().await.unwrap();
    assert!(
        events.trim_end().lines().any(|line| line == "event: done"),
        "{events}"
    );
    world
        .until("the crop", async || {
            let now = world.get(&path).await["elapsed_s"].as_f64().unwrap();
            now < before - 100.0 && (now - 540.0).abs() < 30.0
        })
        .await;
    assert_eq!(
        world.id_of(strava_id).await,
        Some(id),
        "it is the same activity"
    );
    // Deleted there, gone here.
    control.delete(strava_id).unwrap();
    world
        .until("the deletion", async || {
            world.ask("GET", &path).await.status() == StatusCode::NOT_FOUND
        })
        .await;
    assert_eq!(world.activities().await.len(), 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_doubled_and_late_events_end_in_the_same_state() {
    let (world, athlete) = connected(Place::sqlite(), 1).await;
    let control = world.control();
    for kind in [
        EventFaultKind::Duplicate { copies: 2 },
        EventFaultKind::Reorder,
        EventFaultKind::Lose,
    ] {
        control.event_fault(EventFaultRule::new(kind).likely(0.4));
    }
    let mut pushed = Vec::new();
    for number in 0..8 {
        let id = world.push(athlete, number);
        let edit = Edit {
            name: Some(format!("Number {number}")),
            ..Edit::default()
        };
        control.edit(id, edit).unwrap();
        pushed.push(id);
    }
    control.delete(pushed[3]).unwrap();
    control.clear_faults();
    control.events_settled().await;
    let answer = world.ask("POST", "/api/strava/sync").await;
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    world
        .until("agreement", async || {
            let here = world.activities().await;
            let mut names: Vec<_> = here.iter().map(|one| one["name"].clone()).collect();
            names.sort_by_key(ToString::to_string);
            let mut there: Vec<_> = control
                .activities(athlete)
                .into_iter()
                .map(|id| control.activity(id).unwrap()["name"].clone())
                .collect();
            there.sort_by_key(ToString::to_string);
            names == there && world.is_idle().await
        })
        .await;
    world.end().await;
}

/// Where reads ran out, the look at all pages goes on; who asks for it anew means
/// all as it is now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sweep_goes_on_where_it_was_left() {
    let (world, athlete) = connected(Place::sqlite(), 4).await;
    let control = world.control();
    control.event_fault(EventFaultRule::new(EventFaultKind::Lose).likely(1.0));
    let there = control.activities(athlete);
    control.delete(there[0]).unwrap();
    control.events_settled().await;
    let second = control.activity(there[2]).unwrap()["start_date"].clone();
    let second: jiff::Timestamp = second.as_str().unwrap().parse().unwrap();
    let catalog = &world.service.context.storage.catalog;
    let begun_us = world.service.now_us() - 60_000_000;
    let sweep = StravaSweep {
        begun_us,
        before_us: second.as_microsecond(),
    };
    let leave_off = async || {
        let left = StravaListed::So(sweep);
        catalog
            .strava_polled(AthleteId(1), begun_us, left)
            .await
            .unwrap();
    };
    let swept = async || {
        let found = catalog.strava_connection(AthleteId(1)).await.unwrap();
        let found = found.unwrap();
        found.swept_at_us.filter(|_| found.sweep.is_none())
    };
    leave_off().await;
    let poll = Poll {
        athlete_id: AthleteId(1),
        all: false,
    };
    let line = new_job::<Service, _>(&poll, None, None).unwrap();
    catalog.enqueue(&[line]).await.unwrap();
    world
        .until("what was deleted far back", async || {
            world.id_of(there[0]).await.is_none() && world.is_idle().await
        })
        .await;
    assert_eq!(swept().await, Some(begun_us));
    assert_eq!(world.activities().await.len(), 3);

    leave_off().await;
    world.ask("POST", "/api/strava/sync").await;
    world
        .until("a sweep of its own", async || {
            swept().await.is_some_and(|at_us| at_us > begun_us) && world.is_idle().await
        })
        .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samples_that_lag_behind_come_later() {
    let (world, athlete) = connected(Place::sqlite(), 1).await;
    let details = Details {
        streams_lag: Some(Lag {
            requests: 1,
            ..Lag::default()
        }),
        start: jiff::Timestamp::now()
            .checked_sub(jiff::Span::new().hours(1))
            .ok(),
        ..Details::default()
    };
    let generated = Generated {
        seed: 5,
        number: 1,
        minutes: 15,
    };
    let control = world.control();
    let strava_id = control.add_generated(athlete, generated, &details).unwrap();
    world
        .until("the activity with its samples", async || {
            let Some(id) = world.id_of(strava_id).await else {
                return false;
            };
            let ours = world.get(&format!("/api/activities/{id}")).await;
            ours["samples"].as_i64().unwrap_or_default() > 100
        })
        .await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_at_strava_only_takes_longer() {
    let world = World::begin(Place::sqlite(), Retention::Owner).await;
    let athlete = world.athlete(6);
    let control = world.control();
    // One for the list, and one for each activity or so: waits grow with each.
    control.fault(FaultRule::new("*/athlete/activities", FaultKind::BadGateway).times(1));
    for kind in [
        FaultKind::ServerError,
        FaultKind::Unavailable,
        FaultKind::Reset,
        FaultKind::CutOff,
        FaultKind::TruncatedJson,
        FaultKind::MalformedJson,
    ] {
        control.fault(FaultRule::new("/api/v3/activities/*", kind).times(1));
    }
    let (status, page) = world.connect(athlete).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    world.back_filled(6).await;
    let failed = world.jobs().await;
    assert!(
        failed.iter().all(|job| job.state.name() != "failed"),
        "{failed:?}"
    );
    assert!(
        failed.iter().any(|job| job.attempts > 1),
        "nothing was tried again"
    );
    world.end().await;
}
