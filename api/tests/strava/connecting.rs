//! Signing in at Strava, and every way in which that fails.

use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use jobs::strava::Retention;
use pacelake_strava_sim::{AthleteLimit, NextAuthorization};
use reqwest::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Response, StatusCode};
use storage::AthleteId;
use storage::catalog::{AuditFilter, JobFilter, LinkWish};
use storage::testing::Place;

use crate::log::Log;
use crate::world::{CAME_BACK, Setup, World};

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

/// By how many seconds the clock is ahead of the one test that moves it.
static AHEAD_S: AtomicI64 = AtomicI64::new(0);

fn ahead() -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(AHEAD_S.load(Ordering::SeqCst))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_failure_says_what_to_try() {
    let setup = Setup {
        now: ahead,
        ..Setup::new(Place::sqlite(), Retention::Policy).await
    };
    let world = World::of(setup).await;
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

    // A code that is too old there, of a sign-in that is not too old here.
    let (sent, cookie) = world.sent().await;
    let back = world.back(&sent, athlete).await;
    control.switch(|switches| switches.skew_s = 601);
    let late = world.shown(&back, &cookie).await;
    refused(&world, late, "the code is too old").await;
    control.switch(|switches| switches.skew_s = 0);

    // An app that Strava serves no more.
    let inactive = |is: bool| {
        control.switch(|switches| {
            switches.inactive = is;
            switches.inactive_exchange = is;
        });
    };
    inactive(true);
    let unserved = world.connect(athlete).await;
    refused(&world, unserved, "calls the app inactive").await;
    inactive(false);

    // By a page of ours that hands it over: a no, and another browser.
    next(NextAuthorization {
        deny: true,
        ..NextAuthorization::default()
    });
    let (sent, cookie) = world.sent().await;
    let back = world.back(&sent, athlete).await;
    let other = world.handed_over(&back, "a=b").await;
    refused(&world, other, "another browser").await;
    let denied = world.handed_over(&back, &cookie).await;
    refused(&world, denied, "access was denied").await;
    let again = world.handed_over(&back, &cookie).await;
    refused(&world, again, "used before").await;

    // A sign-in that is too old here; from here on it is later.
    let (sent, cookie) = world.sent().await;
    let back = world.back(&sent, athlete).await;
    AHEAD_S.store(601, Ordering::SeqCst);
    let late = world.shown(&back, &cookie).await;
    refused(&world, late, "longer than 10 minutes").await;

    // A code that Strava takes the second time only is no failure.
    next(NextAuthorization {
        too_early: true,
        ..NextAuthorization::default()
    });
    let (status, page) = world.connect(athlete).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    // Nor is what is handed over.
    let (sent, cookie) = world.sent().await;
    let back = world.back(&sent, athlete).await;
    let (status, page) = world.handed_over(&back, &cookie).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("Connected to Strava"), "{page}");
    world.end().await;
}

/// The answer to a page's form.
async fn form(world: &World, path: &str, body: String) -> Response {
    let request = world.http.post(format!("{}{path}", world.base));
    let request = request
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header(ORIGIN, &world.base);
    request.body(body).send().await.unwrap()
}

/// The answer to a browser with this cookie that opens a page.
async fn opened(world: &World, path: &str, cookie: &str) -> Response {
    let request = world.http.get(format!("{}{path}", world.base));
    let request = request.header(ACCEPT, "text/html").header(COOKIE, cookie);
    request.send().await.unwrap()
}

/// Browsers stop a form that leads elsewhere, after however many redirects: who
/// signs in on the way to Strava goes on from a page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_to_a_form_redirects() {
    let world = World::begin(Place::sqlite(), Retention::Owner).await;
    let wish = LinkWish::FirstAccount {
        athlete_id: Some(AthleteId(1)),
    };
    let now_us = world.service.now().as_microsecond();
    let catalog = &world.service.context.storage.catalog;
    let (link, _) = catalog.make_link(wish, None, now_us).await.unwrap();
    let who = "name=kari&password=a+long+way+up";
    let body = format!("link={}&{who}", link.reveal());
    let made = form(&world, "/api/setup", body).await;
    assert_eq!(made.status(), StatusCode::OK);
    assert!(!made.headers().contains_key(LOCATION));

    let way = "/api/strava/auth";
    let led = opened(&world, way, "").await;
    assert_eq!(led.status(), StatusCode::SEE_OTHER);
    let next = "next=%2Fapi%2Fstrava%2Fauth";
    assert_eq!(led.headers()[LOCATION], format!("/signin?{next}"));
    let signed_in = form(&world, "/api/session", format!("{who}&{next}")).await;
    assert_eq!(signed_in.status(), StatusCode::OK);
    assert!(!signed_in.headers().contains_key(LOCATION));
    assert_eq!(signed_in.headers()[CACHE_CONTROL], "no-store");
    let cookie = signed_in.headers()[SET_COOKIE].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let page = signed_in.text().await.unwrap();
    for leading in [
        format!("content=\"0;url={way}\""),
        format!("href=\"{way}\""),
    ] {
        assert!(page.contains(&leading), "{page}");
    }
    let sent = opened(&world, way, &cookie).await;
    assert_eq!(sent.status(), StatusCode::SEE_OTHER);
    let strava = format!("{}/oauth/authorize?", world.sim.url());
    let sent = sent.headers()[LOCATION].to_str().unwrap();
    assert!(sent.starts_with(&strava), "{sent}");
    world.end().await;
}

/// An answer's head and body.
async fn whole(answer: Response) -> String {
    let head = format!("{} {:?}", answer.status(), answer.headers());
    format!("{head} {}", answer.text().await.unwrap())
}

/// On one thread, so that all of it is in the log.
#[tokio::test]
async fn no_token_is_ever_shown() {
    let (log, _logging) = Log::of_this_thread();
    let world = World::begin(Place::sqlite(), Retention::Owner).await;
    let control = world.control();
    let athlete = world.athlete(2);
    let (_, page) = world.connect(athlete).await;
    world.back_filled(2).await;
    world
        .until("the subscription", async || {
            control.subscription().is_some()
        })
        .await;
    // Both tokens are replaced: Strava refuses the one before its end.
    control.expire_access(athlete);
    world.push(athlete, 1);
    world
        .until("a new activity", async || {
            world.activities().await.len() == 3 && world.is_idle().await
        })
        .await;
    let secret = world.service.webhook_secret().await.unwrap();
    let access = world.service.access(AthleteId(1)).await;
    let Ok(access) = access else {
        panic!("the athlete is connected");
    };
    let mut secrets = control.given();
    assert!(secrets.len() >= 5, "a code, and two of either token");
    assert!(secrets.iter().any(|given| given == access.token.expose()));
    secrets.push(secret.expose().to_owned());
    secrets.push(world.sim.app().client_secret);

    let mut told = vec![page];
    let newest = world.activities().await[0]["activity_id"].clone();
    let splits = format!("/api/strava/splits/{newest}");
    for path in [
        "/api/strava/auth",
        "/api/strava/callback",
        "/api/strava/status",
        "/api/strava/activities",
        splits.as_str(),
        "/api/strava/export",
        "/api/admin/webhooks?refresh=true",
        "/api/admin/activity-jobs",
        "/metrics",
    ] {
        told.push(whole(world.ask("GET", path).await).await);
    }
    let audit = &world.service.context.storage.catalog;
    let audit = audit.audit(&AuditFilter::default()).await.unwrap();
    told.push(format!("{audit:?}"));
    let (_, place) = world.end().await;
    let logged = log.text();
    for line in ["/api/strava/callback", "answer from strava"] {
        assert!(logged.contains(line), "the log is written, with {line}");
    }
    for secret in &secrets {
        assert!(!logged.contains(secret), "a secret is in the log");
        for told in &told {
            assert!(!told.contains(secret), "a secret is in {told}");
        }
    }

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
}
