//! What is kept of Strava: connections, sign-ins, limits, the mirror, events.

use super::{ONE, entry, open_with_athletes};
use crate::catalog::{
    AuthState, BudgetLimits, BudgetWindow, ConnectionStatus, JobFilter, MirrorRow, NewAuthState,
    NewConnection, NewJob, StravaAudience, StravaEvent, StravaListed, StravaSweep, StravaTokens,
    Taken,
};
use crate::error::Error;
use crate::id::AthleteId;
use crate::testing::Place;

const TWO: AthleteId = AthleteId(2);
const SECOND_US: i64 = 1_000_000;
/// A midnight in UTC.
const MIDNIGHT_US: i64 = 1_764_288_000 * SECOND_US;

fn tokens(name: &str) -> StravaTokens {
    StravaTokens {
        access: format!("sealed access {name}"),
        refresh: format!("sealed refresh {name}"),
        expires_at_us: MIDNIGHT_US,
    }
}

fn connection(athlete_id: AthleteId, strava_athlete_id: i64) -> NewConnection {
    NewConnection {
        athlete_id,
        strava_athlete_id,
        scopes: "read,activity:read_all".to_owned(),
        tokens: tokens("1"),
        at_us: MIDNIGHT_US,
    }
}

/// Tokens are written over those they were made from, and over no others.
pub async fn a_refreshed_token_has_one_writer(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    catalog
        .connect_strava(&connection(ONE, 77), &entry(1))
        .await
        .unwrap();
    let before = catalog.strava_connection(ONE).await.unwrap().unwrap();
    assert_eq!(before.version, 1);
    let refreshed = |name: &'static str, number| {
        let catalog = catalog.clone();
        async move {
            catalog
                .refresh_strava(ONE, 1, &tokens(name), &entry(number))
                .await
                .unwrap()
        }
    };
    assert!(refreshed("2", 2).await);
    assert!(!refreshed("3", 3).await, "version 1 is gone");
    let after = catalog.strava_connection(ONE).await.unwrap().unwrap();
    assert_eq!((after.version, &after.tokens), (2, &tokens("2")));
    // Nor is a connection degraded over tokens that were not the refused ones.
    assert!(!catalog.degrade_strava(ONE, 1, &entry(4)).await.unwrap());
    assert!(catalog.degrade_strava(ONE, 2, &entry(5)).await.unwrap());
    let degraded = catalog.strava_connection(ONE).await.unwrap().unwrap();
    assert_eq!(degraded.status, ConnectionStatus::Degraded);
    // Connecting anew mends it, and keeps how far the history was listed.
    catalog.strava_backfilled(ONE, Some(5), None).await.unwrap();
    catalog
        .connect_strava(&connection(ONE, 77), &entry(6))
        .await
        .unwrap();
    let mended = catalog.strava_connection(ONE).await.unwrap().unwrap();
    assert_eq!(mended.status, ConnectionStatus::Connected);
    assert_eq!((mended.version, mended.backfill_before_us), (3, Some(5)));
}

/// How far a sweep came is kept until it comes to its end.
pub async fn a_sweep_goes_on_where_it_was_left(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    catalog
        .connect_strava(&connection(ONE, 77), &entry(1))
        .await
        .unwrap();
    let sweep = StravaSweep {
        begun_us: 10,
        before_us: 7,
    };
    let further = StravaSweep {
        before_us: 3,
        ..sweep
    };
    for (at_us, listed, known) in [
        (9, StravaListed::Newest, (None, None)),
        (10, StravaListed::So(sweep), (None, Some(sweep))),
        (11, StravaListed::Newest, (None, Some(sweep))),
        (12, StravaListed::So(further), (None, Some(further))),
        (13, StravaListed::All { begun_us: 10 }, (Some(10), None)),
        (14, StravaListed::Newest, (Some(10), None)),
    ] {
        catalog.strava_polled(ONE, at_us, listed).await.unwrap();
        let found = catalog.strava_connection(ONE).await.unwrap().unwrap();
        assert_eq!(found.polled_at_us, Some(at_us));
        assert_eq!((found.swept_at_us, found.sweep), known, "{listed:?}");
    }
}

/// An account at Strava is one athlete's, and an athlete has one.
pub async fn a_strava_account_is_one_athletes(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    catalog
        .connect_strava(&connection(ONE, 77), &entry(1))
        .await
        .unwrap();
    let stolen = catalog
        .connect_strava(&connection(TWO, 77), &entry(2))
        .await;
    assert!(matches!(stolen, Err(Error::Conflict { .. })), "{stolen:?}");
    let second = catalog
        .connect_strava(&connection(ONE, 79), &entry(2))
        .await;
    assert!(matches!(second, Err(Error::Conflict { .. })), "{second:?}");
    catalog
        .connect_strava(&connection(TWO, 78), &entry(3))
        .await
        .unwrap();
    let all = catalog.strava_connections().await.unwrap();
    let of: Vec<_> = all
        .iter()
        .map(|c| (c.athlete_id, c.strava_athlete_id))
        .collect();
    assert_eq!(of, [(ONE, 77), (TWO, 78)]);
    // Many are looked up at once, those who are nobody among them.
    let mut known = StravaAudience::default();
    for owners in [vec![79, 78, 77], vec![79], vec![]] {
        let looked = catalog.keep_strava_events(owners, vec![], |audience| {
            known.athletes.extend(&audience.athletes);
            Ok::<_, Error>((vec![], vec![]))
        });
        looked.await.unwrap();
        assert_eq!(known.athletes, [(77, ONE), (78, TWO)].into());
    }
    let follows = NewJob {
        kind: "leave".to_owned(),
        key: "1".to_owned(),
        athlete_id: Some(ONE),
        priority: 15,
        payload: "{}".to_owned(),
        due_at_us: Some(MIDNIGHT_US),
        max_attempts: 3,
        every_us: None,
        request_id: None,
    };
    let left = catalog
        .disconnect_strava(ONE, &entry(4), std::slice::from_ref(&follows))
        .await;
    assert_eq!(left.unwrap(), 1);
    assert_eq!(catalog.strava_connection(ONE).await.unwrap(), None);
    let jobs = catalog.jobs(&JobFilter::default(), 9).await.unwrap();
    assert_eq!((jobs.len(), jobs[0].kind.as_str()), (1, "leave"));
    let left = catalog.disconnect_strava(TWO, &entry(5), &[]).await;
    assert_eq!(left.unwrap(), 0);
}

/// A state is used once, in time, by the browser that it was given to.
pub async fn a_sign_in_is_used_once(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    let new = |hash: &str| NewAuthState {
        state_hash: hash.to_owned(),
        browser_hash: "browser".to_owned(),
        athlete_id: ONE,
        scopes: "activity:read_all".to_owned(),
        back: "/".to_owned(),
        expires_at_us: 1_000,
    };
    for hash in ["a", "b"] {
        catalog.begin_strava_auth(&new(hash), 0).await.unwrap();
    }
    let used = |hash: &'static str, browser: Option<&'static str>, now_us| {
        let catalog = catalog.clone();
        async move {
            catalog
                .use_strava_state(hash, browser, now_us)
                .await
                .unwrap()
        }
    };
    assert_eq!(used("c", Some("browser"), 1).await, AuthState::Unknown);
    assert_eq!(used("a", Some("other"), 1).await, AuthState::OtherBrowser);
    assert_eq!(used("a", None, 1).await, AuthState::OtherBrowser);
    let (first, second) =
        tokio::join!(used("a", Some("browser"), 1), used("a", Some("browser"), 1));
    let good = |state: &AuthState| {
        matches!(
            state,
            AuthState::Good {
                athlete_id: ONE,
                ..
            }
        )
    };
    assert!(good(&first) != good(&second), "{first:?} {second:?}");
    assert!([first, second].contains(&AuthState::Used));
    assert_eq!(used("b", Some("browser"), 1_001).await, AuthState::Stale);
}

/// No more is taken than a share of a window, by however many at once, and
/// the next window begins with nothing used.
pub async fn the_limits_are_one_account(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    let now_us = MIDNIGHT_US + 60 * SECOND_US;
    let mut takers = Vec::new();
    for _ in 0..4 {
        let catalog = catalog.clone();
        takers.push(tokio::spawn(async move {
            let mut taken = 0;
            while catalog.take_strava_read(now_us, 80).await.unwrap() == Taken::Yes {
                taken += 1;
            }
            taken
        }));
    }
    let mut taken = 0;
    for taker in takers {
        taken += taker.await.unwrap();
    }
    assert_eq!(taken, 80, "of 100 a quarter of an hour");
    // The rest is for those who ask with the greater share.
    assert_eq!(
        catalog.take_strava_read(now_us, 100).await.unwrap(),
        Taken::Yes
    );
    let Taken::NotBefore(next_us) = catalog.take_strava_read(now_us, 80).await.unwrap() else {
        panic!("80 of 100 are used");
    };
    let quarter_us = 900 * SECOND_US;
    assert_eq!(next_us, MIDNIGHT_US + quarter_us + 2 * SECOND_US);
    // Around the end of a window nothing is taken.
    let end_us = MIDNIGHT_US + quarter_us;
    for close_us in [end_us - SECOND_US, end_us + SECOND_US] {
        let taken = catalog.take_strava_read(close_us, 100).await.unwrap();
        assert_eq!(taken, Taken::NotBefore(next_us), "{close_us}");
    }
    assert_eq!(
        catalog.take_strava_read(next_us, 80).await.unwrap(),
        Taken::Yes
    );
    let windows = catalog.strava_windows(next_us).await.unwrap();
    assert_eq!((windows.quarter.used.read, windows.day.used.read), (1, 82));
}

/// Strava's own count corrects ours upwards, and a refusal ends the window.
pub async fn strava_says_how_much_is_used(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    let now_us = MIDNIGHT_US + 60 * SECOND_US;
    let limits = |read, overall| BudgetLimits { read, overall };
    assert_eq!(
        catalog.take_strava_read(now_us, 80).await.unwrap(),
        Taken::Yes
    );
    let said = [
        (BudgetWindow::Quarter, limits(300, 600), limits(20, 30)),
        (BudgetWindow::Day, limits(3_000, 6_000), limits(0, 0)),
    ];
    catalog.settle_strava(now_us, &said, false).await.unwrap();
    let windows = catalog.strava_windows(now_us).await.unwrap();
    assert_eq!(windows.quarter.limits, limits(300, 600));
    assert_eq!(windows.quarter.used, limits(20, 30));
    assert_eq!(windows.day.used, limits(1, 1), "never corrected downwards");
    // An answer to a call of an earlier window says nothing of this one.
    let earlier_us = now_us - 120 * SECOND_US;
    catalog
        .settle_strava(earlier_us, &said, true)
        .await
        .unwrap();
    let same = catalog.strava_windows(now_us).await.unwrap();
    assert_eq!(same.quarter.used, limits(20, 30));
    catalog.settle_strava(now_us, &[], true).await.unwrap();
    let Taken::NotBefore(next_us) = catalog.take_strava_read(now_us, 100).await.unwrap() else {
        panic!("Strava refused one");
    };
    assert_eq!(next_us, MIDNIGHT_US + 902 * SECOND_US);
    // The next window has the limits that were last heard of.
    let next = catalog.strava_windows(next_us).await.unwrap();
    assert_eq!(next.quarter.limits, limits(300, 600));
    assert_eq!(next.quarter.used, limits(0, 0));
}

/// The mirror knows what was listed and what of it was fetched.
pub async fn the_mirror_tells_what_changed(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    let listed = |strava_id, fingerprint: &str| MirrorRow {
        strava_id,
        start_time_us: strava_id % 1_000 * SECOND_US,
        fingerprint: fingerprint.to_owned(),
        fetched_fingerprint: None,
        is_durable: false,
    };
    let rows = [listed(1, "a"), listed(9_007_199_254_740_993, "b")];
    catalog.write_strava_listed(ONE, &rows, 5).await.unwrap();
    let theirs = [listed(1, "theirs")];
    catalog.write_strava_listed(TWO, &theirs, 5).await.unwrap();
    let fetched = MirrorRow {
        fetched_fingerprint: Some("a".to_owned()),
        ..listed(1, "a")
    };
    catalog
        .write_strava_fetched(ONE, &fetched, 6)
        .await
        .unwrap();
    catalog
        .write_strava_listed(ONE, &[listed(1, "a2")], 7)
        .await
        .unwrap();
    let found = catalog.strava_mirror(ONE, &[1, 2]).await.unwrap();
    let one = MirrorRow {
        fetched_fingerprint: Some("a".to_owned()),
        ..listed(1, "a2")
    };
    assert_eq!(found, [one]);
    let counts = catalog.strava_counts(ONE).await.unwrap();
    assert_eq!((counts.listed, counts.present), (2, 1));
    let between = catalog.strava_mirror_between(ONE, 0, SECOND_US).await;
    assert_eq!(between.unwrap().len(), 1);
    catalog.forget_strava(ONE, 1).await.unwrap();
    assert_eq!(catalog.strava_mirror(ONE, &[1]).await.unwrap(), []);
    assert_eq!(catalog.strava_mirror(TWO, &[1]).await.unwrap().len(), 1);
}

/// An event that comes again is one event.
pub async fn an_event_is_kept_once(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    let event = |object_id, updates: &str| StravaEvent {
        object_type: "activity".to_owned(),
        object_id,
        aspect_type: "update".to_owned(),
        strava_athlete_id: 77,
        event_at_s: 1_764_288_000,
        updates: updates.to_owned(),
        received_at_us: MIDNIGHT_US + object_id,
    };
    let twice = [event(2, "{}"), event(1, "{}"), event(2, "{}")];
    let other = event(2, "{\"title\":\"x\"}");
    for events in [twice.to_vec(), twice[..1].to_vec(), vec![other], vec![]] {
        let kept = catalog.keep_strava_events(vec![], vec![], |_| Ok::<_, Error>((events, vec![])));
        kept.await.unwrap();
    }
    let kept = catalog.strava_events(10).await.unwrap();
    let mut times: Vec<_> = kept
        .iter()
        .map(|kept| {
            (
                kept.event.object_id,
                kept.event.updates.as_str(),
                kept.times,
            )
        })
        .collect();
    times.sort_unstable();
    assert_eq!(
        times,
        [(1, "{}", 1), (2, "{\"title\":\"x\"}", 1), (2, "{}", 3)]
    );
    let month_us = 30 * 86_400 * SECOND_US;
    let gone = catalog
        .prune_strava_events(MIDNIGHT_US + 3 + month_us)
        .await;
    assert_eq!(gone.unwrap(), 3);
}
