//! Signing in at Strava, and every way in which that fails.

use jobs::strava::Retention;
use pacelake_strava_sim::{AthleteLimit, NextAuthorization};
use reqwest::StatusCode;
use storage::AthleteId;
use storage::catalog::JobFilter;
use storage::testing::Place;

use crate::world::{CAME_BACK, World};

mod both {
    crate::world::on_both!(the_history_comes_in_newest_first);
}

/// The whole history is in, and tells what the files tell.
async fn the_history_comes_in_newest_first(place: Place) {
    let world = World::begin(place, Retention::Owner).await;
    let athlete = world.athlete(12);
    let (status, page) = world.connect(athlete).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("Connected to Strava"), "{page}");
    world.back_filled(12).await;
    let control = world.control();
    let here = world.activities().await;
    assert_eq!(here.len(), 12);
    for strava_id in control.activities(athlete) {
        let theirs = control.activity(strava_id).unwrap();
        let id = world.id_of(strava_id).await.expect("it is here");
        let ours = world.get(&format!("/api/activities/{id}")).await;
        assert_eq!(ours["name"], theirs["name"]);
        assert_eq!(ours["source"], "strava_api");
        let elapsed = theirs["elapsed_time"].as_f64().unwrap();
        assert!((ours["elapsed_s"].as_f64().unwrap() - elapsed).abs() <= 1.0);
        let distance = theirs["distance"].as_f64().unwrap();
        let difference = ours["distance_m"].as_f64().unwrap() - distance;
        assert!(
            difference.abs() <= 0.002 * distance,
            "{difference} of {distance}"
        );
    }
    // All of it follows from the browser's return.
    let jobs = &world.service.context.storage.catalog;
    let jobs = jobs.jobs(&JobFilter::default(), 100).await.unwrap();
    for kind in ["strava_backfill", "strava_fetch", "strava_subscribe"] {
        let of_kind: Vec<_> = jobs.iter().filter(|job| job.kind == kind).collect();
        assert!(!of_kind.is_empty(), "{kind}");
        for job in of_kind {
            assert_eq!(job.request_id.as_deref(), Some(CAME_BACK), "{job:?}");
        }
    }
    // The newest was fetched first.
    let details = |path: &str| {
        let id = path.strip_prefix("/api/v3/activities/")?;
        id.parse::<i64>().ok()
    };
    let fetched: Vec<i64> = control
        .requests()
        .iter()
        .filter_map(|request| details(&request.path))
        .collect();
    let newest = *control.activities(athlete).last().unwrap();
    assert!(fetched[..4].contains(&newest), "{newest} in {fetched:?}");
    // One read of details and one of streams each, and few lists.
    assert!(control.tally().used.read_quarter <= 12 * 2 + 3);
    world.end().await;
}

/// What a person reads where it does not work, and that nothing is connected.
async fn refused(world: &World, answer: (StatusCode, String), what: &str) {
    let (status, page) = answer;
    assert_ne!(status, StatusCode::OK, "{what}");
    assert!(page.contains(what), "{what} in {page}");
    assert!(page.contains("What to try"), "{page}");
    let state = world.get("/api/strava/status").await;
    assert_eq!(state["status"], "not_connected");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_failure_says_what_to_try() {
    let world = World::begin(Place::sqlite(), Retention::Policy).await;
    let athlete = world.athlete(1);
    let control = world.control();
    let next = |next: NextAuthorization| {
        control.switch(|switches| switches.next_authorization = next);
    };
    next(NextAuthorization {
        deny: true,
        ..NextAuthorization::default()
    });
    refused(&world, world.connect(athlete).await, "access was denied").await;
    next(NextAuthorization {
        untick: ["activity:read_all".to_owned()].into(),
        ..NextAuthorization::default()
    });
    let unticked = world.connect(athlete).await;
    refused(&world, unticked, "not allowed to show activities").await;
    control.switch(|switches| switches.athlete_limit = AthleteLimit::Exchange);
    refused(&world, world.connect(athlete).await, "as many athletes").await;
    control.switch(|switches| switches.athlete_limit = AthleteLimit::NotReached);

    // Another browser, a state that nobody gave, none.
    let (sent, cookie) = world.sent().await;
    let back = world.back(&sent, athlete).await;
    let other = format!("{}x", &cookie[..cookie.len() - 1]);
    refused(&world, world.shown(&back, &other).await, "another browser").await;
    refused(&world, world.shown(&back, "a=b").await, "another browser").await;
    let made_up = back.replace("state=", "state=0");
    refused(
        &world,
        world.shown(&made_up, &cookie).await,
        "did not begin here",
    )
    .await;
    let bare = format!("{}/api/strava/callback", world.base);
    refused(
        &world,
        world.shown(&bare, &cookie).await,
        "did not begin here",
    )
    .await;

    // A code that comes back changed, and then a state that was used.
    let wrong = back.replace("code=", "code=0");
    refused(
        &world,
        world.shown(&wrong, &cookie).await,
        "does not know the code",
    )
    .await;
    refused(&world, world.shown(&back, &cookie).await, "used before").await;

    // A code that Strava takes the second time only is no failure.
    next(NextAuthorization {
        too_early: true,
        ..NextAuthorization::default()
    });
    let (status, page) = world.connect(athlete).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_token_is_ever_shown() {
    let world = World::begin(Place::sqlite(), Retention::Owner).await;
    let athlete = world.athlete(2);
    world.connect(athlete).await;
    world.back_filled(2).await;
    let status = world.get("/api/strava/status").await.to_string();
    let audit = &world.service.context.storage.catalog;
    let audit = audit.audit(&storage::catalog::AuditFilter::default()).await;
    let audit = format!("{:?}", audit.unwrap());
    let secret = world.service.webhook_secret().await.unwrap();
    let access = world.service.access(AthleteId(1)).await;
    let Ok(access) = access else {
        panic!("the athlete is connected");
    };
    let secrets = [
        secret.expose().to_owned(),
        access.token.expose().to_owned(),
        world.sim.app().client_secret,
    ];
    let (_, place) = world.end().await;
    // Nor does any file on disk have one in clear.
    let mut files = 0;
    for file in walkdir::WalkDir::new(place.data_dir.path()) {
        let file = file.unwrap();
        if !file.file_type().is_file() {
            continue;
        }
        files += 1;
        let bytes = std::fs::read(file.path()).unwrap();
        for secret in &secrets {
            let found = bytes
                .windows(secret.len())
                .any(|part| part == secret.as_bytes());
            assert!(!found, "a secret is in {}", file.path().display());
        }
    }
    assert!(files > 3, "{files}");
    for secret in &secrets {
        assert!(!status.contains(secret) && !audit.contains(secret));
    }
}
