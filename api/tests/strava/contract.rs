//! The contract of 2027, and the way back from a connection before it: settings
//! alone tell them apart.

use jobs::strava::{Retention, RevokeStyle};
use reqwest::StatusCode;
use serde_json::Value;
use storage::testing::Place;

use crate::world::{Setup, World};

mod both {
    crate::world::on_both!(all_of_it_works_under_the_contract_of_2027);
}

/// Connected, with two activities and events, under one contract or the other.
async fn connected(place: Place, is_2027: bool, revoke: RevokeStyle) -> (World, i64) {
    let setup = Setup {
        revoke,
        ..Setup::new(place, Retention::Policy).await
    };
    let control = setup.sim.control();
    control.switch(|switches| switches.contract_2027 = is_2027);
    let world = World::of(setup).await;
    let athlete = world.connected(2).await;
    (world, athlete)
}

async fn disconnected(world: &World) -> Value {
    let answer = world.ask("DELETE", "/api/strava/disconnect").await;
    assert_eq!(answer.status(), StatusCode::OK);
    answer.json().await.unwrap()
}

/// The paths below `oauth` that were asked for, but for the page of consent.
fn ways_of_tokens(world: &World) -> Vec<String> {
    let requests = world.control().requests();
    let paths = requests.iter().filter_map(|request| {
        let path = request.path.strip_prefix("/oauth/")?;
        (path != "authorize").then(|| path.to_owned())
    });
    paths.collect()
}

/// Another base of the API, tokens in the header only, `oauth/revoke`: connect,
/// fetch, refresh, follow, give back.
async fn all_of_it_works_under_the_contract_of_2027(place: Place) {
    let (world, athlete) = connected(place, true, RevokeStyle::Revoke).await;
    world.control().expire_access(athlete);
    let strava_id = world.push(athlete, 1);
    world
        .until("a new activity, with a refreshed token", async || {
            world.id_of(strava_id).await.is_some()
        })
        .await;
    world.until("rest", async || world.is_idle().await).await;
    let receipt = disconnected(&world).await;
    assert_eq!(receipt["revoked"], true, "{receipt}");
    assert_eq!(receipt["subscription_ended"], true, "{receipt}");
    assert_eq!(receipt["purged"]["recordings"], 3, "{receipt}");
    let control = world.control();
    assert_eq!(control.connections().len(), 0);
    assert_eq!(control.subscription(), None);

    let ways = ways_of_tokens(&world);
    // The code, one refresh, and the end.
    assert_eq!(ways, ["token", "token", "revoke"]);
    for request in control.requests() {
        let is_where_it_belongs = ["/api-v3/", "/oauth/"]
            .iter()
            .any(|base| request.path.starts_with(base));
        assert!(is_where_it_belongs, "{request:?}");
        // Nothing went to a place that is no more.
        assert_ne!(request.status, Some(404), "{request:?}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn until_then_access_may_be_given_back_the_old_way() {
    let (world, _) = connected(Place::sqlite(), false, RevokeStyle::Deauthorize).await;
    let receipt = disconnected(&world).await;
    assert_eq!(receipt["revoked"], true, "{receipt}");
    assert_eq!(world.control().connections().len(), 0);
    assert_eq!(ways_of_tokens(&world), ["token", "deauthorize"]);
    world.end().await;
}

/// Who forgets the setting is told by the receipt that Strava did not hear of
/// it; here everything goes all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_way_in_2027_is_told_and_leaves_nothing_here() {
    let (world, _) = connected(Place::sqlite(), true, RevokeStyle::Deauthorize).await;
    let receipt = disconnected(&world).await;
    assert_eq!(receipt["revoked"], false, "{receipt}");
    assert!(receipt["not_revoked"].is_string(), "{receipt}");
    assert_eq!(receipt["tokens_removed"], true, "{receipt}");
    assert_eq!(receipt["purged"]["recordings"], 2, "{receipt}");
    assert_eq!(world.activities().await, [] as [Value; 0]);
    world.end().await;
}
