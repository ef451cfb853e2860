//! Copies that may not be kept for ever.

use super::{ONE, birth, commit, entry, key, open_with_athletes, source};
use crate::catalog::{
    AuditEntry, AuditFilter, Catalog, CatalogChange, Outcome, ReleaseOrder, ReleaseStep, Source,
    Target, Which, retain_until_us,
};
use crate::code::{Code, Failure};
use crate::id::{ActivityId, AthleteId};
use crate::testing::Place;
use uuid::Uuid;

fn copy(athlete: i64, activity: i64, sha256: &str, until_us: Option<i64>) -> Source {
    Source {
        format: "api".to_owned(),
        external_id: Some(format!("x:{activity}")),
        upload_id: Some(format!("{activity}77")),
        retain_until_us: until_us,
        fetched_at_us: Some(5),
        ..source(key(athlete, activity, activity), sha256, 0)
    }
}

/// A file and a copy of activity 1, copies of 2 and 3, and another athlete's.
async fn filled(place: &Place) -> Catalog {
    let catalog = open_with_athletes(place, 2).await;
    let change = CatalogChange {
        activities: vec![
            birth(key(1, 1, 1)),
            birth(key(1, 2, 2)),
            birth(key(1, 3, 3)),
            birth(key(2, 4, 4)),
        ],
        sources: vec![
            source(key(1, 1, 1), "f1", 0),
            copy(1, 1, "c1", Some(100)),
            copy(1, 2, "c2", Some(100)),
            copy(1, 3, "c3", Some(101)),
            copy(2, 4, "c4", None),
        ],
        audit: vec![AuditEntry {
            sha256: Some("c2".to_owned()),
            ..entry(1)
        }],
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    catalog
}

async fn hashes(catalog: &Catalog, athlete: i64) -> Vec<String> {
    let id = AthleteId(athlete);
    let found = catalog.sources_between(id, i64::MIN, i64::MAX).await;
    let mut hashes: Vec<_> = found.unwrap().into_iter().map(|one| one.sha256).collect();
    hashes.sort();
    hashes
}

fn order(which: Which) -> ReleaseOrder {
    ReleaseOrder {
        athlete_id: ONE,
        which,
        cause: "kept for 7 days".to_owned(),
        at_us: 100,
    }
}

/// Until when, when and by which upload are kept with a recording, and an
/// activity may be kept as long as one of its recordings.
///
/// # Panics
/// Where the promise is broken.
pub async fn recordings_know_how_long_they_stay(place: &Place) {
    let catalog = filled(place).await;
    let found = catalog.sources_by_upload_id(ONE, &["277".to_owned()]).await;
    assert_eq!(found.unwrap(), [copy(1, 2, "c2", Some(100))]);
    let of = |ids: &[i64]| ids.iter().map(|id| ActivityId(*id)).collect::<Vec<_>>();
    let until = |sources: &[Source]| retain_until_us(sources);
    let one = catalog.sources_of(ONE, &of(&[1])).await.unwrap();
    assert_eq!(until(&one), None);
    let two = catalog.sources_of(ONE, &of(&[2, 3])).await.unwrap();
    assert_eq!(until(&two), Some(101));
    assert_eq!(until(&[]), None);
    assert!(catalog.athletes_due(99).await.unwrap().is_empty());
    assert_eq!(catalog.athletes_due(100).await.unwrap(), [ONE]);
}

/// Copies that came in under no terms get their day; what has one keeps it, and
/// files have none.
///
/// # Panics
/// Where the promise is broken.
pub async fn copies_get_their_day(place: &Place) {
    let catalog = filled(place).await;
    assert_eq!(catalog.date_copies("other", 7).await.unwrap(), []);
    let theirs = AthleteId(2);
    assert_eq!(catalog.date_copies("api", 7).await.unwrap(), [theirs]);
    assert_eq!(catalog.date_copies("api", 7).await.unwrap(), []);
    let found = catalog.sources_of(theirs, &[ActivityId(4)]).await;
    assert_eq!(found.unwrap(), [copy(2, 4, "c4", Some(5 + 7))]);
    let file = catalog.sources_of(ONE, &[ActivityId(1)]).await.unwrap();
    assert_eq!(retain_until_us(&file), None);
    assert_eq!(catalog.athletes_due(99).await.unwrap(), [theirs]);
}

/// A copy gives its place to a newer one only as it was read.
///
/// # Panics
/// Where the promise is broken.
pub async fn a_copy_that_was_seen_again_is_not_replaced(place: &Place) {
    let catalog = filled(place).await;
    let old = copy(1, 2, "c2", Some(100));
    let change = CatalogChange {
        replaced: vec![old.clone(), copy(1, 3, "c3", Some(101))],
        sources: vec![copy(1, 2, "d2", Some(100)), copy(1, 3, "d3", Some(101))],
        ..CatalogChange::default()
    };
    catalog.seen_again(&old, 9).await.unwrap();
    catalog.seen_again(&old, 7).await.unwrap();
    let refused = commit(&catalog, &change).await.unwrap_err();
    assert_eq!(refused.code(), Code::Conflict);
    assert_eq!(hashes(&catalog, 1).await, ["c1", "c2", "c3", "f1"]);
    let mut change = change;
    change.replaced[0].fetched_at_us = Some(9);
    commit(&catalog, &change).await.unwrap();
    assert_eq!(hashes(&catalog, 1).await, ["c1", "d2", "d3", "f1"]);
    assert_eq!(hashes(&catalog, 2).await, ["c4"]);
}

/// A release takes the copies that it names, and activities of nothing else.
///
/// # Panics
/// Where the promise is broken.
pub async fn a_release_takes_what_it_names(place: &Place) {
    let catalog = filled(place).await;
    let none = catalog.begin_release(&order(Which::Due(99))).await;
    assert!(none.unwrap().is_none());
    let before = catalog.athlete(ONE).await.unwrap().unwrap();
    assert!(!before.is_being_released());

    let begun = catalog.begin_release(&order(Which::Due(100))).await;
    let begun = begun.unwrap().unwrap();
    assert!(begun.is_release && !begun.whole);
    let id = begun.purge_id;
    let named = catalog.purge_targets(id, Target::Recording).await.unwrap();
    assert_eq!(named, ["c1", "c2"]);
    let during = catalog.athlete(ONE).await.unwrap().unwrap();
    assert!(during.is_being_released() && !during.is_being_purged());
    assert!(during.revision > before.revision);
    let all = order(Which::All { format: "api" });
    let refused = catalog.begin_release(&all).await;
    assert_eq!(refused.unwrap_err().code(), Code::Conflict);

    let step = ReleaseStep {
        purge_id: id,
        recordings: named,
        names: vec![],
        gone: vec![ActivityId(2)],
        revised: vec![ActivityId(1)],
    };
    let change = CatalogChange {
        release: Some(step),
        ..CatalogChange::default()
    };
    // Either may run twice.
    for _ in 0..2 {
        commit(&catalog, &change).await.unwrap();
    }
    assert_eq!(hashes(&catalog, 1).await, ["c3", "f1"]);
    assert_eq!(hashes(&catalog, 2).await, ["c4"]);
    let left = catalog.taken(&[1, 2, 3, 4].map(ActivityId)).await.unwrap();
    assert_eq!(left, [1, 3, 4].map(ActivityId));
    let audit = catalog.audit(&AuditFilter::default()).await.unwrap();
    assert!(audit.is_empty(), "{audit:?}");
    let found = catalog.unfinished_purges().await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].activities, [ActivityId(2)]);
    assert_eq!(found[0].revised, [ActivityId(1)]);

    catalog.forget_targets(&found[0]).await.unwrap();
    let receipt = AuditEntry {
        action: "purge".to_owned(),
        outcome: Outcome::Purged,
        run_id: id,
        ..entry(2)
    };
    for is_first in [true, false] {
        let done = catalog
            .finish_purge(&found[0], 200, &receipt)
            .await
            .unwrap();
        assert_eq!(done, is_first);
    }
    let after = catalog.athlete(ONE).await.unwrap().unwrap();
    assert!(!after.is_being_released());
    assert_eq!(after.purges, before.purges);
    let done = catalog.purge(id).await.unwrap();
    assert_eq!((done.activities.len(), done.revised.len()), (1, 1));
    let unknown = CatalogChange {
        release: Some(ReleaseStep {
            purge_id: Uuid::from_u128(7),
            recordings: vec![],
            names: vec![],
            gone: vec![],
            revised: vec![],
        }),
        ..CatalogChange::default()
    };
    let refused = commit(&catalog, &unknown).await.unwrap_err();
    assert_eq!(refused.code(), Code::Conflict);
}
