//! Every look-up answers as a filter over all rows would.

use std::collections::BTreeSet;

use futures::future::join_all;
use uuid::Uuid;

use super::{ONE, birth, commit, entry, key, open, open_with_athletes, source};
use crate::catalog::{ActivityEnd, AuditEntry, AuditFilter, CatalogChange, Outcome, Source};
use crate::id::{ActivityId, AthleteId};
use crate::testing::Place;

/// Every look-up of recordings answers as a filter over all of them would.
///
/// # Panics
/// Where the promise is broken.
pub async fn sources_are_found_by_each_key(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    let mut all = Vec::new();
    let mut activities = Vec::new();
    for n in 0..60_i64 {
        let key = key(1 + n % 2, n / 3 * 1_000_000, 100 + n);
        activities.push(birth(key));
        let mut source = source(key, &format!("{:02x}", n % 20), (n % 3) as i32);
        source.external_id = (n % 4 == 0).then(|| format!("e{}", n % 8));
        all.push(source);
    }
    let change = CatalogChange {
        activities,
        sources: all.clone(),
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    // Writing it again refreshes it; of two in one change the last counts.
    let renamed = Source {
        file_name: "renamed.fit".to_owned(),
        ..all[7].clone()
    };
    let change = CatalogChange {
        sources: vec![all[7].clone(), renamed.clone()],
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    all[7] = renamed;

    let expect = |wanted: &dyn Fn(&Source) -> bool| {
        let mut found: Vec<_> = all.iter().filter(|s| wanted(s)).cloned().collect();
        found.sort_by(|a, b| (&a.sha256, a.part).cmp(&(&b.sha256, b.part)));
        found
    };
    for athlete in [ONE, AthleteId(2), AthleteId(3)] {
        let hashes = ["00", "07", "13", "zz"].map(str::to_owned);
        assert_eq!(
            catalog.sources_by_sha256(athlete, &hashes).await.unwrap(),
            expect(&|s| s.athlete_id == athlete && hashes.contains(&s.sha256))
        );
        let ids = ["e0", "e4", "e9"].map(str::to_owned);
        assert_eq!(
            catalog.sources_by_external_id(athlete, &ids).await.unwrap(),
            expect(&|s| s.athlete_id == athlete
                && s.external_id.as_ref().is_some_and(|id| ids.contains(id)))
        );
        let (from, to) = (3_000_000, 9_000_000);
        let mut between = catalog.sources_between(athlete, from, to).await.unwrap();
        assert!(between.is_sorted_by_key(|s| s.start_time_us));
        between.sort_by(|a, b| (&a.sha256, a.part).cmp(&(&b.sha256, b.part)));
        assert_eq!(
            between,
            expect(&|s| s.athlete_id == athlete && (from..=to).contains(&s.start_time_us))
        );
        let some = [ActivityId(104), ActivityId(107), ActivityId(1)];
        let mut of = catalog.sources_of(athlete, &some).await.unwrap();
        of.sort_by(|a, b| (&a.sha256, a.part).cmp(&(&b.sha256, b.part)));
        assert_eq!(
            of,
            expect(&|s| s.athlete_id == athlete && some.contains(&s.activity_id))
        );
    }
}

/// Pages of any size hold every activity once, in the order of their keys.
///
/// # Panics
/// Where the promise is broken.
pub async fn pages_hold_every_activity_once(place: &Place) {
    let catalog = open_with_athletes(place, 3).await;
    // Starts before 1970 and equal starts among them.
    let mut keys: Vec<_> = (0..50)
        .map(|n| key(1 + n % 3, (n * 7 % 11 - 5) * 1_000_000, 1 + n))
        .collect();
    let change = CatalogChange {
        activities: keys.iter().copied().map(birth).collect(),
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    keys.sort();
    for limit in [1, 7, 50, 1000] {
        let mut seen = Vec::new();
        loop {
            let page = catalog
                .pointers_after(seen.last().copied(), limit)
                .await
                .unwrap();
            if page.is_empty() {
                break;
            }
            assert!(page.len() <= limit as usize);
            seen.extend(page.iter().map(|pointer| pointer.key));
        }
        assert_eq!(seen, keys);
    }
}

/// Every combination of filters answers as a filter over all entries would.
///
/// # Panics
/// Where the promise is broken.
pub async fn the_audit_answers_every_filter(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    let mut all: Vec<_> = (1..=60_u128)
        .map(|n| AuditEntry {
            athlete_id: AthleteId(1 + (n % 2) as i64),
            activity_id: (n % 3 == 0).then_some(ActivityId(7)),
            outcome: Outcome::ALL[n as usize % 5],
            code: (n % 5 == 4).then(|| "no_time".to_owned()),
            try_next: (n % 5 == 4).then(|| "export it again".to_owned()),
            sha256: (n % 2 == 0).then(|| "ab".to_owned()),
            run_id: Uuid::from_u128(n / 20),
            ..entry(n)
        })
        .collect();
    catalog.write_audit(&all).await.unwrap();
    catalog.write_audit(&all[..3]).await.unwrap();
    catalog.write_audit(&[]).await.unwrap();
    all.reverse();
    for combination in 0..32_u32 {
        for limit in [3, 100] {
            let wants = |bit: u32| combination & (1 << bit) != 0;
            let filter = AuditFilter {
                athlete_id: wants(0).then_some(ONE),
                outcome: wants(1).then_some(Outcome::Failed),
                activity_id: wants(2).then_some(ActivityId(7)),
                run_id: wants(3).then_some(Uuid::from_u128(1)),
                before: wants(4).then_some(Uuid::from_u128(39)),
                limit,
            };
            let expected: Vec<_> = all
                .iter()
                .filter(|e| filter.athlete_id.is_none_or(|id| e.athlete_id == id))
                .filter(|e| filter.outcome.is_none_or(|outcome| e.outcome == outcome))
                .filter(|e| filter.activity_id.is_none() || e.activity_id == filter.activity_id)
                .filter(|e| filter.run_id.is_none_or(|run| e.run_id == run))
                .filter(|e| filter.before.is_none_or(|before| e.audit_id < before))
                .take(limit as usize)
                .cloned()
                .collect();
            assert_eq!(
                catalog.audit(&filter).await.unwrap(),
                expected,
                "{filter:?}"
            );
        }
    }
}

/// Of activities it is told which commits wrote them until an instant, and
/// which were taken in by which, of one athlete.
///
/// # Panics
/// Where the promise is broken.
pub async fn activities_tell_who_wrote_them(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    let all: Vec<_> = (1..=60_u128)
        .map(|n| AuditEntry {
            athlete_id: AthleteId(1 + (n % 2) as i64),
            activity_id: (n % 3 != 0).then_some(ActivityId((n % 4) as i64)),
            outcome: Outcome::ALL[n as usize % 6],
            // Not in the order in which they were written down.
            at_us: (n * 7 % 60) as i64,
            ..entry(n)
        })
        .collect();
    catalog.write_audit(&all).await.unwrap();
    for ids in [&[][..], &[1], &[0, 3, 9]] {
        let ids: Vec<_> = ids.iter().map(|id| ActivityId(*id)).collect();
        let mut expected = all.clone();
        expected.retain(|one| {
            let wrote = [Outcome::Created, Outcome::Updated].contains(&one.outcome);
            let of_them = one.activity_id.is_some_and(|id| ids.contains(&id));
            wrote && of_them && one.athlete_id == ONE && one.at_us <= 40
        });
        expected.sort_by_key(|one| (one.at_us, one.audit_id));
        let found = catalog.audit_of(ONE, &ids, 40).await.unwrap();
        assert_eq!(found, expected, "{ids:?}");
    }

    let keys = [key(1, 0, 5), key(1, 1, 6), key(1, 2, 7), key(2, 3, 8)];
    let change = CatalogChange {
        activities: keys.iter().copied().map(birth).collect(),
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    let change = CatalogChange {
        ended: vec![ActivityEnd {
            athlete_id: ONE,
            activity_id: ActivityId(6),
            previous_revision: 1,
            merged_into: ActivityId(5),
        }],
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    let ids = [5, 6, 7, 8].map(ActivityId);
    let found = catalog.merged_into(ONE, &ids).await.unwrap();
    assert_eq!(found, [(ActivityId(6), ActivityId(5))]);
    assert_eq!(catalog.merged_into(AthleteId(2), &ids).await.unwrap(), []);
}

/// The first athlete is 1, and each id is given once.
///
/// # Panics
/// Where the promise is broken.
pub async fn athletes_count_up_from_one(place: &Place) {
    let catalogs = [open(place).await, open(place).await];
    let first = catalogs[0].first_athlete().await.unwrap();
    assert_eq!(first.athlete_id, ONE);
    assert_eq!((first.revision, first.reconciled_revision), (0, 0));
    assert_eq!(catalogs[1].first_athlete().await.unwrap(), first);
    let made = join_all((0..10).map(|n| catalogs[n % 2].create_athlete(Some("Nils")))).await;
    let ids: BTreeSet<_> = made
        .iter()
        .map(|made| made.as_ref().unwrap().athlete_id.0)
        .collect();
    assert_eq!(ids, (2..=11).collect());
    let five = catalogs[0].athlete(AthleteId(5)).await.unwrap().unwrap();
    assert_eq!(five.name.as_deref(), Some("Nils"));
    assert_eq!(catalogs[0].athlete(AthleteId(12)).await.unwrap(), None);
    assert_eq!(catalogs[1].athletes().await.unwrap().len(), 11);
}
