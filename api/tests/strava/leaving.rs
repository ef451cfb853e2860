//! Connections that end: by the athlete here, by the athlete there, by time.

use jobs::strava::Retention;
use reqwest::StatusCode;
use serde_json::Value;
use storage::AthleteId;
use storage::catalog::{JobRow, JobState, ReleaseOrder, Which};
use storage::testing::Place;

use crate::world::World;

mod both {
    crate::world::on_both!(
        who_disconnects_is_forgotten,
        who_withdraws_access_at_strava_is_forgotten,
        what_somebody_let_go_who_died_goes,
    );
}

/// A connected athlete with two activities.
async fn connected(place: Place, retention: Retention) -> (World, i64) {
    let world = World::begin(place, retention).await;
    let athlete = world.connected(2).await;
    (world, athlete)
}

async fn who_disconnects_is_forgotten(place: Place) {
    let (world, _) = connected(place, Retention::Policy).await;
    let answer = world.ask("DELETE", "/api/strava/disconnect").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let receipt: Value = answer.json().await.unwrap();
    assert_eq!(receipt["revoked"], true, "{receipt}");
    assert_eq!(receipt["subscription_ended"], true, "{receipt}");
    assert_eq!(receipt["purged"]["recordings"], 2, "{receipt}");
    assert_eq!(world.activities().await, [] as [Value; 0]);
    assert_eq!(world.control().connections().len(), 0);
    assert_eq!(world.control().subscription(), None);
    // Nor does any job name an activity there; one looks whether all is done.
    let jobs = world.jobs().await;
    let of_athlete = jobs.iter().filter(|job| job.athlete_id.is_some());
    let kinds: Vec<&str> = of_athlete.map(|job| job.kind.as_str()).collect();
    assert_eq!(kinds, ["strava_leave"]);
    assert_eq!(
        world.get("/api/strava/status").await["status"],
        "not_connected"
    );
    let again = world.ask("DELETE", "/api/strava/disconnect").await;
    assert_eq!(again.status(), StatusCode::CONFLICT);
    world.end().await;
}

async fn who_withdraws_access_at_strava_is_forgotten(place: Place) {
    let (world, athlete) = connected(place, Retention::Policy).await;
    world.control().deauthorise(athlete);
    world
        .until("the end of the connection", async || {
            world.get("/api/strava/status").await["status"] == "not_connected"
                && world.activities().await.is_empty()
        })
        .await;
    world.end().await;
}

/// Nothing comes in while copies are let go; where nobody is at it any more,
/// that is not for good.
async fn what_somebody_let_go_who_died_goes(place: Place) {
    let (world, athlete) = connected(place, Retention::Policy).await;
    let control = world.control();
    let first = control.activities(athlete)[0];
    let first_here = world.id_of(first).await.unwrap();
    let catalog = &world.service.context.storage.catalog;
    let order = ReleaseOrder {
        athlete_id: AthleteId(1),
        which: Which::Of {
            format: "strava_api",
            external_id: format!("strava:{first}"),
        },
        cause: "deleted at Strava".to_owned(),
        at_us: world.service.now().as_microsecond() - 120 * 1_000_000,
    };
    catalog.begin_release(&order).await.unwrap().unwrap();
    let more = world.push(athlete, 7);
    world
        .until("a fetch that waits", async || {
            let is_waiting = |job: &JobRow| {
                job.kind == "strava_fetch"
                    && job.state == JobState::Waiting
                    && job
                        .reason
                        .as_deref()
                        .is_some_and(|why| why.contains("let go"))
            };
            world.jobs().await.iter().any(is_waiting)
        })
        .await;
    world.service.upkeep().await.unwrap();
    world
        .until("what came meanwhile", async || {
            world.id_of(more).await.is_some()
        })
        .await;
    assert_eq!(catalog.unfinished_purges().await.unwrap(), []);
    let path = format!("/api/activities/{first_here}");
    let gone = world.ask("GET", &path).await.status();
    assert!(
        gone == StatusCode::NOT_FOUND || gone == StatusCode::GONE,
        "{gone}"
    );
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_keeps_what_came() {
    let (world, _) = connected(Place::sqlite(), Retention::Owner).await;
    let answer = world.ask("DELETE", "/api/strava/disconnect").await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(world.activities().await.len(), 2);
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_ended_early_is_refreshed_once() {
    let (world, athlete) = connected(Place::sqlite(), Retention::Owner).await;
    let control = world.control();
    control.expire_access(athlete);
    let refreshes = || {
        let requests = control.requests();
        let of_tokens = requests
            .iter()
            .filter(|request| request.path.ends_with("/oauth/token"));
        of_tokens.count()
    };
    let before = refreshes();
    for number in 0..6 {
        world.push(athlete, number);
    }
    world
        .until("six new activities", async || {
            world.activities().await.len() == 8
        })
        .await;
    assert_eq!(refreshes(), before + 1, "however many workers asked");
    let status = world.get("/api/strava/status").await;
    assert_eq!(status["status"], "connected");
    let audit = status["token_audit"].to_string();
    assert!(
        audit.contains("refused the token before its end"),
        "{audit}"
    );
    world.end().await;
}
