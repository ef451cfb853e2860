//! Births, revisions and ends of activities.

use super::{ONE, birth, commit, entry, key, open, open_with_athletes, source};
use crate::catalog::{
    ActivityEnd, ActivityWrite, Athlete, AuditFilter, CatalogChange, Correct, Correction, Pointer,
    Reconciled, Source,
};
use crate::code::{Code, Failure};
use crate::id::{ActivityId, ActivityKey, AthleteId};
use crate::testing::Place;
use uuid::Uuid;

/// An id that is taken, by whomever, is a conflict, and nothing is written.
///
/// # Panics
/// Where the promise is broken.
pub async fn an_activity_is_born_once(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    let first = key(1, 1_000_000, 10);
    let change = CatalogChange {
        activities: vec![birth(first)],
        sources: vec![source(first, "aa", 0)],
        audit: vec![entry(1)],
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    let pointer = Pointer {
        key: first,
        revision: 1,
    };
    assert_eq!(
        catalog.find_activity(first.activity_id).await.unwrap(),
        Some(pointer)
    );

    let (theirs, other) = (key(2, 5, 10), key(2, 5, 11));
    let change = CatalogChange {
        activities: vec![birth(other), birth(theirs)],
        sources: vec![source(other, "bb", 0)],
        audit: vec![entry(2)],
        ..CatalogChange::default()
    };
    let error = commit(&catalog, &change).await.unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    let asked = [ActivityId(9), ActivityId(10), ActivityId(11)];
    assert_eq!(catalog.taken(&asked).await.unwrap(), [ActivityId(10)]);
    assert_eq!(catalog.pointers(ONE, &asked).await.unwrap(), [pointer]);
    assert!(
        catalog
            .pointers(AthleteId(2), &asked)
            .await
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        catalog.audit(&AuditFilter::default()).await.unwrap(),
        [entry(1)]
    );
    let sources = catalog
        .sources_by_sha256(AthleteId(2), &["bb".to_owned()])
        .await;
    assert!(sources.unwrap().is_empty());
}

/// Two processes that give birth to the same id: one succeeds each time.
///
/// # Panics
/// Where the promise is broken.
pub async fn of_many_births_one_succeeds(place: &Place) {
    let catalogs = [open_with_athletes(place, 1).await, open(place).await];
    for id in 1..=20 {
        let change = CatalogChange {
            activities: vec![birth(key(1, id, id))],
            ..CatalogChange::default()
        };
        let (one, two) = tokio::join!(commit(&catalogs[0], &change), commit(&catalogs[1], &change));
        let failed: Vec<_> = [one, two].into_iter().filter_map(Result::err).collect();
        assert_eq!(failed.len(), 1, "birth {id}: {failed:?}");
        assert_eq!(failed[0].code(), Code::Conflict);
    }
    assert_eq!(catalogs[0].first_athlete().await.unwrap().revision, 20);
}

/// A revision moves by compare-and-set; start and source move with it.
///
/// # Panics
/// Where the promise is broken.
pub async fn a_revision_is_written_over_the_one_it_knew(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    let (before, after) = (key(1, 1_000_000, 10), key(1, 990_000, 10));
    let change = CatalogChange {
        activities: vec![birth(before), birth(key(1, 7, 11))],
        sources: vec![source(before, "aa", 0)],
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    let revise = |key, previous| CatalogChange {
        activities: vec![ActivityWrite {
            key,
            previous_revision: Some(previous),
            revision: previous + 1,
        }],
        ..CatalogChange::default()
    };
    commit(&catalog, &revise(after, 1)).await.unwrap();
    let found = catalog.find_activity(ActivityId(10)).await.unwrap();
    let expected = Pointer {
        key: after,
        revision: 2,
    };
    assert_eq!(found, Some(expected));
    for stale in [
        revise(before, 1),
        revise(after, 3),
        revise(key(2, 0, 10), 2),
        revise(key(1, 0, 12), 1),
    ] {
        let error = commit(&catalog, &stale).await.unwrap_err();
        assert_eq!(error.code(), Code::Conflict);
    }
    assert_eq!(
        catalog.find_activity(ActivityId(10)).await.unwrap(),
        Some(expected)
    );

    // Of two that knew the same revision, one wins.
    let other = open(place).await;
    let change = revise(after, 2);
    let (one, two) = tokio::join!(commit(&catalog, &change), commit(&other, &change));
    assert_eq!(one.is_ok() as u8 + two.is_ok() as u8, 1);
    assert_eq!(catalog.first_athlete().await.unwrap().revision, 3);
}

/// An activity that ends has no pointer, but its id is never given again.
///
/// # Panics
/// Where the promise is broken.
pub async fn an_ended_activity_keeps_its_id(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    let (stays, ends) = (key(1, 1_000_000, 10), key(1, 2_000_000, 11));
    let change = CatalogChange {
        activities: vec![birth(stays), birth(ends)],
        sources: vec![source(stays, "aa", 0), source(ends, "bb", 0)],
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    let merge = CatalogChange {
        activities: vec![ActivityWrite {
            key: stays,
            previous_revision: Some(1),
            revision: 2,
        }],
        ended: vec![ActivityEnd {
            athlete_id: ONE,
            activity_id: ends.activity_id,
            previous_revision: 1,
            merged_into: stays.activity_id,
        }],
        sources: vec![Source {
            activity_id: stays.activity_id,
            ..source(ends, "bb", 0)
        }],
        ..CatalogChange::default()
    };
    commit(&catalog, &merge).await.unwrap();
    assert_eq!(catalog.find_activity(ends.activity_id).await.unwrap(), None);
    let both = [stays.activity_id, ends.activity_id];
    assert_eq!(catalog.taken(&both).await.unwrap(), both);
    assert_eq!(catalog.pointers_after(None, 10).await.unwrap().len(), 1);
    let sources = catalog.sources_of(ONE, &both).await.unwrap();
    let hashes: Vec<_> = sources
        .iter()
        .map(|s| (s.activity_id.0, s.sha256.as_str()))
        .collect();
    assert_eq!(hashes, [(10, "aa"), (10, "bb")]);
    // Nothing ends into an activity that is not there.
    let nowhere = CatalogChange {
        ended: vec![ActivityEnd {
            athlete_id: ONE,
            activity_id: stays.activity_id,
            previous_revision: 2,
            merged_into: ActivityId(12),
        }],
        ..CatalogChange::default()
    };
    let error = commit(&catalog, &nowhere).await.unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    // What has ended does not end again.
    let error = commit(
        &catalog,
        &CatalogChange {
            activities: vec![],
            ..merge
        },
    )
    .await;
    assert_eq!(error.unwrap_err().code(), Code::Conflict);
}

/// Of two writers that decided at the same revision of an athlete which
/// recordings are one activity, one commits and the other decides again.
///
/// # Panics
/// Where the promise is broken.
pub async fn identity_has_one_writer(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    let decided = |id: i64, revision: i64| CatalogChange {
        activities: vec![birth(key(1, 0, id))],
        decided_at: vec![(AthleteId(1), revision)],
        ..CatalogChange::default()
    };
    commit(&catalog, &decided(1, 0)).await.unwrap();
    let error = commit(&catalog, &decided(2, 0)).await.unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    commit(&catalog, &decided(2, 1)).await.unwrap();
    let revision = catalog
        .athlete(AthleteId(1))
        .await
        .unwrap()
        .unwrap()
        .revision;
    assert_eq!(revision, 2);
    assert_eq!(catalog.count_activities().await.unwrap(), 2);
}

/// What was said comes back as it was, oldest first, and ends once.
///
/// # Panics
/// Where the promise is broken.
pub async fn corrections_hold_from_one_revision_to_another(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    let (ours, theirs) = (key(1, 1_000_000, 10), key(2, 1_000_000, 11));
    let said = |number: u128, key: ActivityKey, what: Correct| Correction {
        correction_id: Uuid::from_u128(number),
        athlete_id: key.athlete_id,
        activity_id: key.activity_id,
        what,
        reason: "Brücke \"Møre\"".to_owned(),
        made_at_us: 1_700_000_000_000_000,
        begun_revision: 2,
        ended_revision: None,
    };
    let stretch = Correct::Mask {
        from_us: Some(-5),
        to_us: None,
    };
    let include = Correct::Include {
        distance_mm: 1_609_344,
    };
    let all = [
        said(1, ours, stretch),
        said(2, ours, include),
        said(3, theirs, stretch),
    ];
    let change = CatalogChange {
        activities: vec![birth(ours), birth(theirs)],
        corrections: all.to_vec(),
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    let both = [ours.activity_id, theirs.activity_id];
    assert_eq!(catalog.corrections_of(ONE, &both).await.unwrap(), all[..2]);
    assert_eq!(catalog.corrections_of(ONE, &[]).await.unwrap(), []);

    let ended = Correction {
        ended_revision: Some(4),
        ..all[0].clone()
    };
    let change = CatalogChange {
        corrections: vec![ended.clone()],
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    let found = catalog.corrections_of(ONE, &both).await.unwrap();
    assert_eq!(found, [ended, all[1].clone()]);
    let holding = |revision| found.iter().filter(|one| one.holds_in(revision)).count();
    assert_eq!([1, 2, 3, 4].map(holding), [0, 2, 2, 1]);
}

/// An athlete's revision rises once with each commit that touches them, and
/// reconciling follows it but never goes back.
///
/// # Panics
/// Where the promise is broken.
pub async fn athletes_rise_and_are_reconciled(place: &Place) {
    let catalog = open_with_athletes(place, 3).await;
    let change = CatalogChange {
        activities: vec![
            birth(key(1, 0, 1)),
            birth(key(1, 0, 2)),
            birth(key(2, 0, 3)),
        ],
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    // Athlete, revision, and how often they were reconciled before.
    let reconcile = |to: &[(i64, i64, i64)]| CatalogChange {
        reconciled: to
            .iter()
            .map(|&(id, revision, previous)| Reconciled {
                athlete_id: AthleteId(id),
                revision,
                previous,
            })
            .collect(),
        ..CatalogChange::default()
    };
    commit(&catalog, &reconcile(&[(1, 1, 0), (3, 0, 0)]))
        .await
        .unwrap();
    let revisions = |athletes: Vec<Athlete>| -> Vec<_> {
        athletes
            .iter()
            .map(|a| (a.revision, a.reconciled_revision))
            .collect()
    };
    let all = catalog.athletes().await.unwrap();
    assert_eq!(revisions(all), [(1, 1), (1, 0), (0, 0)]);
    // The same revision again is no conflict: a definition may have been raised.
    commit(&catalog, &reconcile(&[(1, 1, 1), (2, 1, 0)]))
        .await
        .unwrap();
    // Two that read the same rows: the second must read again.
    for stale in [(1, 1, 1), (1, 0, 2)] {
        let error = commit(&catalog, &reconcile(&[stale, (2, 2, 1)]))
            .await
            .unwrap_err();
        assert_eq!(error.code(), Code::Conflict);
    }
    let all = catalog.athletes().await.unwrap();
    assert_eq!(revisions(all), [(1, 1), (1, 1), (0, 0)]);
}
