//! Keys that tokens are sealed with: changed without a new sign-in.

use jobs::strava::{Retention, worker};
use storage::seal::Keys;
use storage::testing::Place;
use storage::{AthleteId, Code, Failure};

use crate::world::{Setup, World};

mod both {
    crate::world::on_both!(keys_change_without_a_new_sign_in);
}

fn keys(lines: &[&str]) -> Keys {
    Keys::parse(&lines.join("\n")).unwrap()
}

/// What the catalog holds sealed: both tokens, and the secret of the path.
async fn sealed(world: &World) -> [String; 3] {
    let catalog = &world.service.context.storage.catalog;
    let connection = catalog.strava_connection(AthleteId(1)).await.unwrap();
    let tokens = connection.unwrap().tokens;
    let app = catalog.known_strava_app().await.unwrap().unwrap();
    [tokens.access, tokens.refresh, app.webhook_secret]
}

/// A new activity comes in by an event, with a token that is refreshed for it:
/// so all that is sealed opens.
async fn everything_opens(world: &World, athlete: i64, number: u64) {
    world.control().expire_access(athlete);
    let strava_id = world.push(athlete, number);
    world
        .until("the new activity", async || {
            world.id_of(strava_id).await.is_some() && world.is_idle().await
        })
        .await;
    assert_eq!(world.get("/api/strava/status").await["status"], "connected");
}

/// The same place, Strava and address, with other keys.
async fn again(world: World, keys: Keys) -> Setup {
    Setup {
        keys,
        ..world.again().await
    }
}

async fn keys_change_without_a_new_sign_in(place: Place) {
    let (old, new) = (Keys::generate().unwrap(), Keys::generate().unwrap());
    let setup = Setup {
        keys: keys(&[&old]),
        ..Setup::new(place, Retention::Owner).await
    };
    let world = World::of(setup).await;
    let athlete = world.connected(1).await;
    let old_alone = keys(&[&old]);
    let before = sealed(&world).await;
    assert!(before.iter().all(|text| !old_alone.needs_sealing(text)));

    // The new one before the old one: what the old one sealed opens, and is
    // sealed anew at the start.
    let world = World::of(again(world, keys(&[&new, &old])).await).await;
    let new_alone = keys(&[&new]);
    world
        .until("tokens under the new key", async || {
            let sealed = sealed(&world).await;
            sealed.iter().all(|text| !new_alone.needs_sealing(text))
        })
        .await;
    everything_opens(&world, athlete, 1).await;

    // So the old one can go.
    let world = World::of(again(world, keys(&[&new])).await).await;
    everything_opens(&world, athlete, 2).await;
    assert_eq!(world.activities().await.len(), 3);

    // And is of no use any more: neither do workers begin with it, nor is a
    // token given.
    let setup = again(world, keys(&[&old])).await;
    let service = setup.service("http://127.0.0.1:1").await;
    let refused = worker::run(&service, 1, jobs::progress::Stop::default()).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::StravaApp);
    let said = format!("{refused} {}", refused.try_next());
    assert!(said.contains("PACELAKE_SECRET_KEY_FILE"), "{said}");
    assert!(!said.contains(&old) && !said.contains(&new), "{said}");
    assert!(service.access(AthleteId(1)).await.is_err());
    service.context.storage.catalog.db().close().await;
}
