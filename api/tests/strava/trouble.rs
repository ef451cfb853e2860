//! What goes wrong, and must not take anything with it.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use jobs::Error;
use jobs::strava::connect::Refusal;
use jobs::strava::fetch::{Fetch, Why};
use jobs::strava::{Retention, RevokeStyle, Scope, Secret, worker};
use pacelake_strava_sim::{
    Clock, Details, Edit, FaultKind, FaultRule, Generated, Options, Simulator,
};
use reqwest::StatusCode;
use reqwest::header::COOKIE;
use serde_json::Value;
use storage::AthleteId;
use storage::catalog::{JobRow, JobState};
use storage::testing::Place;

use crate::world::{Setup, World};

mod both {
    crate::world::on_both!(
        a_refresh_that_fails_for_the_apps_sake_is_waited_out,
        an_event_waits_for_no_back_fill,
        copies_of_an_owner_go_under_the_terms,
    );
}

fn renamed(name: &str) -> Edit {
    Edit {
        name: Some(name.to_owned()),
        ..Edit::default()
    }
}

/// The job that fetches an activity.
async fn fetch_of(world: &World, strava_id: i64) -> Option<JobRow> {
    let key = format!("1/{strava_id}");
    let mut jobs = world.jobs().await.into_iter();
    jobs.find(|job| job.kind == "strava_fetch" && job.key == key)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hangs_up_at_the_callback_is_connected() {
    let world = World::begin(Place::sqlite(), Retention::Owner).await;
    let athlete = world.connected(1).await;
    let catalog = world.service.context.storage.catalog.clone();
    let version = async || {
        let connection = catalog.strava_connection(AthleteId(1)).await.unwrap();
        connection.unwrap().version
    };
    let before = version().await;
    let (sent, cookie) = world.sent().await;
    let back = world.back(&sent, athlete).await;
    let slowly = FaultRule::new("/oauth/token", FaultKind::SlowBody { seconds: 2.0 });
    world.control().fault(slowly.times(1));
    let hasty = world.http.get(back).header(COOKIE, cookie);
    let hasty = hasty.timeout(Duration::from_millis(500)).send().await;
    assert!(hasty.unwrap_err().is_timeout());
    world
        .until("the tokens", async || version().await > before)
        .await;
    world.control().expire_access(athlete);
    let strava_id = world.push(athlete, 1);
    world
        .until("what those tokens fetch", async || {
            world.id_of(strava_id).await.is_some()
        })
        .await;
    let status = world.get("/api/strava/status").await;
    assert_eq!(status["status"], "connected", "{status}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_account_takes_no_connection_over() {
    let world = World::begin(Place::sqlite(), Retention::Owner).await;
    let athlete = world.connected(2).await;
    let other = world.athlete(1);
    let (status, page) = world.connect(other).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{page}");
    assert!(
        page.contains("another Strava account is connected"),
        "{page}"
    );
    let known = world.get("/api/strava/status").await;
    assert_eq!(known["strava_athlete_id"], athlete, "{known}");
    let there: Vec<i64> = world
        .control()
        .connections()
        .iter()
        .map(|connection| connection.athlete_id)
        .collect();
    assert_eq!(there, [athlete], "the other is let go again");
    // Nor is anything of the first lost.
    let strava_id = world.push(athlete, 1);
    world
        .until("a new activity", async || {
            world.id_of(strava_id).await.is_some()
        })
        .await;
    assert_eq!(world.activities().await.len(), 3);
    world.end().await;
}

/// What is set for an owner's own activities takes nobody else's in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_is_alone() {
    let world = World::begin(Place::sqlite(), Retention::Owner).await;
    let catalog = world.service.context.storage.catalog.clone();
    let second = catalog.create_athlete(None).await.unwrap().athlete_id;
    let begin = async || {
        let scopes = [Scope::ActivityReadAll];
        world.service.begin(second, &scopes, "/").await
    };
    let early = begin().await.unwrap();
    let athlete = world.connected(1).await;
    let late = begin().await.err();
    assert!(
        matches!(late, Some(Error::StravaSignIn(Refusal::OwnerAlone))),
        "{late:?}"
    );
    // Nor does one come in that began before.
    let back = world.back(early.url.as_str(), world.athlete(1)).await;
    let cookie = format!("pacelake_strava={}", early.browser);
    let (status, page) = world.shown(&back, &cookie).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{page}");
    assert!(page.contains("PACELAKE_STRAVA_RETENTION=policy"), "{page}");
    assert_eq!(catalog.strava_connections().await.unwrap().len(), 1);
    let (status, page) = world.connect(athlete).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    world.end().await;
}

/// Nothing is deleted because an address is wrong, or something in between has
/// never heard of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_404_that_is_not_strava_s_takes_nothing_away() {
    let world = World::begin(Place::sqlite(), Retention::Policy).await;
    let athlete = world.connected(2).await;
    let control = world.control();
    let strava_id = control.activities(athlete)[0];
    control.fault(FaultRule::new("/api/v3/*", FaultKind::NotFound));
    control.edit(strava_id, renamed("Seen by nobody")).unwrap();
    world
        .until("the end of the fetch", async || {
            let job = fetch_of(&world, strava_id).await;
            job.is_some_and(|job| job.state == JobState::Failed)
        })
        .await;
    assert_eq!(world.activities().await.len(), 2);

    let setup = Setup {
        change: |config| config.app.api_url.set_path("/api/v4"),
        ..world.again().await
    };
    control.clear_faults();
    let world = World::of(setup).await;
    let strava_id = control.activities(athlete)[1];
    control.edit(strava_id, renamed("Not seen either")).unwrap();
    world
        .until("the end of the fetch", async || {
            let job = fetch_of(&world, strava_id).await;
            job.is_some_and(|job| job.state == JobState::Failed)
        })
        .await;
    let job = fetch_of(&world, strava_id).await.unwrap();
    assert_eq!(job.code.as_deref(), Some("strava_app"), "{job:?}");
    assert_eq!(world.activities().await.len(), 2);
    world.end().await;
}

fn in_two_hours() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(2)
}

async fn a_refresh_that_fails_for_the_apps_sake_is_waited_out(place: Place) {
    let options = Options {
        clock: Clock::Running(Timestamp::now(), 1.0),
        ..Options::default()
    };
    let setup = Setup {
        sim: Simulator::start(options).await.unwrap(),
        ..Setup::new(place, Retention::Owner).await
    };
    let world = World::of(setup).await;
    let athlete = world.connected(1).await;
    let setup = Setup {
        change: |config| config.app.client_secret = Secret::new("mistyped".to_owned()),
        ..world.again().await
    };
    let world = World::of(setup).await;
    let control = world.control();
    control.expire_access(athlete);
    let strava_id = world.push(athlete, 1);
    world
        .until("a connection that says so", async || {
            world.get("/api/strava/status").await["status"] == "degraded"
        })
        .await;
    let status = world.get("/api/strava/status").await;
    assert_eq!(status["code"], "strava_app", "{status}");
    let advice = status["try_next"].as_str().unwrap();
    assert!(advice.contains("id and secret"), "{advice}");
    let waits = async |strava_id: i64| {
        world
            .until("a fetch that waits", async || {
                let job = fetch_of(&world, strava_id).await;
                job.is_some_and(|job| job.state == JobState::Waiting && job.reason.is_some())
            })
            .await;
    };
    waits(strava_id).await;
    // However much waits for it, it is not asked again.
    let asked = || {
        let requests = control.requests();
        let of_tokens = requests.iter().filter(|one| one.path == "/oauth/token");
        of_tokens.count()
    };
    let before = asked();
    for number in 2..5 {
        world.service.upkeep().await.unwrap();
        waits(world.push(athlete, number)).await;
    }
    assert_eq!(asked(), before);
    // Once it is mended all goes on, and nobody has to sign in.
    let setup = Setup {
        now: in_two_hours,
        ..world.again().await
    };
    control.advance(Duration::from_secs(2 * 3_600)).unwrap();
    let world = World::of(setup).await;
    world
        .until("the new activity", async || {
            world.id_of(strava_id).await.is_some()
        })
        .await;
    let status = world.get("/api/strava/status").await;
    assert_eq!(status["status"], "connected", "{status}");
    assert_eq!(status["code"], Value::Null, "{status}");
    world.end().await;
}

/// A copy that has samples keeps them where Strava does not show them just now.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn samples_that_are_not_shown_just_now_stay() {
    let world = World::begin(Place::sqlite(), Retention::Owner).await;
    let athlete = world.connected(1).await;
    let control = world.control();
    let strava_id = control.activities(athlete)[0];
    let id = world.id_of(strava_id).await.unwrap();
    let path = format!("/api/activities/{id}");
    let samples = world.get(&path).await["samples"].clone();
    assert!(samples.as_i64() > Some(100), "{samples}");
    let streams = || {
        let requests = control.requests();
        let of_streams = requests.iter().filter(|one| one.path.ends_with("/streams"));
        of_streams.count()
    };
    let before = streams();
    control.fault(FaultRule::new("*/streams", FaultKind::NotFound));
    control.edit(strava_id, renamed("Once more")).unwrap();
    world
        .until("a fetch without samples", async || {
            streams() > before && world.is_idle().await
        })
        .await;
    let now = world.get(&path).await;
    assert_eq!(now["samples"], samples, "{now}");
    control.clear_faults();
    world
        .until("the name, with the samples", async || {
            let now = world.get(&path).await;
            now["name"] == "Once more" && now["samples"] == samples
        })
        .await;
    world.end().await;
}

/// Fetches of the history that hang take no place that an event needs, and an
/// activity that both ask for is an event's.
async fn an_event_waits_for_no_back_fill(place: Place) {
    let world = World::begin(place, Retention::Owner).await;
    let athlete = world.athlete(8);
    let control = world.control();
    let hanging = FaultKind::Timeout { seconds: 20.0 };
    control.fault(FaultRule::new("*/streams", hanging).times(3));
    let (status, page) = world.connect(athlete).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    world
        .until("fetches that hang", async || {
            let asked = control.requests();
            let streams = asked.iter().filter(|one| one.path.ends_with("/streams"));
            streams.count() == 3 && control.subscription().is_some()
        })
        .await;
    let begun = Instant::now();
    let strava_id = world.push(athlete, 1);
    world
        .until("the event's activity", async || {
            world.id_of(strava_id).await.is_some()
        })
        .await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    let waiting = world.jobs().await;
    let is_waiting = |job: &&JobRow| job.kind == "strava_fetch" && job.state.is_live();
    assert!(
        waiting.iter().filter(is_waiting).count() >= 7,
        "{waiting:?}"
    );
    world.end().await;
}

async fn copies_of_an_owner_go_under_the_terms(place: Place) {
    let world = World::begin(place, Retention::Owner).await;
    let athlete = world.connected(2).await;
    let control = world.control();
    let strava_id = control.activities(athlete)[0];
    let id = world.id_of(strava_id).await.unwrap();
    let path = format!("/api/activities/{id}");
    assert_eq!(world.get(&path).await["retain_until"], Value::Null);
    let setup = Setup {
        retention: Retention::Policy,
        ..world.again().await
    };
    let mut world = World::of(setup).await;
    world.do_chores();
    world
        .until("a day for each", async || {
            world.get(&path).await["retain_until"].is_string()
        })
        .await;
    let first = world.get(&path).await["retain_until"].clone();
    // A newer copy stays no longer: older snapshots tell of the first.
    control.edit(strava_id, renamed("Renamed later")).unwrap();
    world
        .until("the new name", async || {
            world.get(&path).await["name"] == "Renamed later"
        })
        .await;
    assert_eq!(world.get(&path).await["retain_until"], first);
    world.end().await;
}

/// A token that merely ended is no end of the connection at Strava.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_way_ends_a_connection_whose_token_ended() {
    let setup = Setup {
        revoke: RevokeStyle::Deauthorize,
        ..Setup::new(Place::sqlite(), Retention::Owner).await
    };
    let world = World::of(setup).await;
    let athlete = world.connected(1).await;
    world.control().expire_access(athlete);
    let answer = world.ask("DELETE", "/api/strava/disconnect").await;
    let receipt: Value = answer.json().await.unwrap();
    assert_eq!(receipt["revoked"], true, "{receipt}");
    assert_eq!(world.control().connections().len(), 0);
    world.end().await;
}

/// What an event waits for is fetched from the reserve of events, whoever asks for
/// it meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_stays_one_when_a_list_shows_the_same() {
    let world = World::begin(Place::sqlite(), Retention::Owner).await;
    let athlete = world.connected(1).await;
    let setup = world.again().await;
    let control = setup.sim.control();
    // With nobody at work: first the event, then the back-fill asks for it.
    let service = setup.service("http://127.0.0.1:9").await;
    let generated = Generated {
        seed: 99,
        number: 1,
        minutes: 20,
    };
    let silent = Details {
        silent: true,
        ..Details::default()
    };
    let strava_id = control.add_generated(athlete, generated, &silent).unwrap();
    let catalog = &service.context.storage.catalog;
    for why in [Why::Event, Why::Backfill] {
        let fetch = Fetch {
            athlete_id: AthleteId(1),
            strava_id,
            why,
        };
        let line = fetch.line(None).unwrap();
        catalog.enqueue(&[line]).await.unwrap();
    }
    // Beyond what back-fill may use, within what is kept for events.
    let now_us = service.now_us();
    for _ in 0..85 {
        catalog.take_strava_read(now_us, 100).await.unwrap();
    }
    worker::worker(&service).drain(1).await;
    let found = catalog
        .sources_by_external_id(AthleteId(1), &[format!("strava:{strava_id}")])
        .await;
    assert_eq!(found.unwrap().len(), 1);
    service.context.storage.catalog.db().close().await;
}
