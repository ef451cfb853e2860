//! What letting go promises: nothing that anyone may still read goes.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::TryStreamExt;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::rows::{Use, all, duckdb, in_order, open, replace};
use crate::catalog::{ActivityWrite, CatalogChange, Source, Value};
use crate::ducklake::sweep::store_time_us;
use crate::lake::{Commit, Lake, LakeView};
use crate::maintain::plan::Mode;
use crate::maintain::{Cleaning, GRACE, Rewritten};
use crate::raw::Original;
use crate::testing::Place;
use crate::{AthleteId, Code, Failure};

const HOUR: Duration = Duration::from_secs(3600);
const HOUR_US: i64 = 3_600_000_000;

/// Lets go at the store's time and so many hours later.
fn cleaning(now_us: i64, hours: i64, keep_snapshots: Duration) -> Cleaning {
    Cleaning {
        keep_snapshots,
        grace: GRACE,
        now_us: Some(now_us + hours * HOUR_US),
        dry_run: false,
    }
}

async fn objects(view: &LakeView) -> BTreeSet<String> {
    let (_, store) = view.object_store();
    let objects = store
        .list(None)
        .map_ok(|object| object.location.to_string());
    objects.try_collect().await.unwrap()
}

async fn merge_all(lake: &Lake) {
    for table in lake.maintained() {
        for step in lake.rewrites(table, Mode::Whole).await.unwrap() {
            let done = lake.rewrite(&step).await.unwrap();
            assert!(matches!(done, Rewritten::Done(_)));
        }
    }
}

/// Old snapshots expire, but for the newest and those that someone leases; a
/// view goes on reading for as long as the grace lasts, then the files go.
pub async fn snapshots_expire_unless_someone_leases_them(place: &Place) {
    let lake = open(place).await.lake;
    let first = lake.commit(replace(0..6, 0)).await.unwrap().snapshot_id;
    for n in 1..6 {
        lake.commit(replace(n..n + 2, n)).await.unwrap();
    }
    merge_all(&lake).await;
    let view = lake.latest().await.unwrap();
    let newest = view.snapshot_id();
    let leased = lake.at(first + 2).await.unwrap();
    let unleased = lake.at(first + 3).await.unwrap();
    let mut rows = Vec::new();
    for view in [&leased, &unleased, &view] {
        rows.push([all(view, "efforts").await, all(view, "tracks").await]);
    }
    let (_, store) = view.object_store();
    let now_us = store_time_us(&*store).await.unwrap();
    let lease = leased.lease().await.unwrap();

    let kept = lake.clean(&cleaning(now_us, 0, HOUR)).await.unwrap().0;
    assert_eq!(kept.expired.snapshots, 0, "none is an hour old");
    let dry = Cleaning {
        dry_run: true,
        ..cleaning(now_us, 2, HOUR)
    };
    let would = lake.clean(&dry).await.unwrap().0;
    assert!(lake.at(first).await.is_ok());
    let before = objects(&view).await;
    let done = lake.clean(&cleaning(now_us, 2, HOUR)).await.unwrap().0;
    assert_eq!(done, would);
    // The lake's first snapshots, which made its tables, count too.
    assert_eq!(done.expired.snapshots as i64, newest - 1);
    assert_eq!((done.expired.leased, done.swept.scheduled), (1, 0));
    assert!(done.expired.files > 0 && done.expired.bytes > 0);
    assert_eq!(objects(&view).await, before);
    for gone in [first, first + 3, newest - 1] {
        let error = lake.at(gone).await.unwrap_err();
        assert_eq!(error.code(), Code::NotFound);
    }
    assert_eq!(unleased.lease().await.unwrap_err().code(), Code::NotFound);
    // Who looked before goes on reading; who leases, and DuckDB, at any time.
    assert_eq!(all(&unleased, "tracks").await, rows[1][1]);
    let again = lake.at(first + 2).await.unwrap();
    assert_eq!(all(&again, "efforts").await, rows[0][0]);
    for (how, rows) in [(Use::At(first + 2), &rows[0]), (Use::Newest, &rows[2])] {
        let results = duckdb(place, how, &["from efforts", "from tracks"]);
        let results: Vec<_> = results.into_iter().map(in_order).collect();
        assert_eq!(results, rows);
    }
    assert!(lake.verify().await.unwrap().is_empty());

    lease.release().await.unwrap();
    let done = lake.clean(&cleaning(now_us, 3, HOUR)).await.unwrap().0;
    assert_eq!((done.expired.snapshots, done.expired.leased), (1, 0));
    assert_eq!(objects(&view).await, before);
    let done = lake.clean(&cleaning(now_us, 2 + 25, HOUR)).await.unwrap().0;
    assert!(done.swept.scheduled > 0 && done.swept.bytes > 0);
    let done = lake.clean(&cleaning(now_us, 3 + 25, HOUR)).await.unwrap().0;
    assert!(done.swept.scheduled > 0);
    let view = lake.latest().await.unwrap();
    let files: usize = ["efforts", "tracks"]
        .iter()
        .map(|table| view.size(table).unwrap().files)
        .sum();
    assert_eq!(objects(&view).await.len(), files);
    assert_eq!(all(&view, "tracks").await, rows[2][1]);
    let results = duckdb(
        place,
        Use::Newest,
        &[
            "from efforts",
            "select count(*) from ducklake_snapshots('lake')",
        ],
    );
    let [efforts, snapshots] = results.try_into().unwrap();
    assert_eq!(in_order(efforts), rows[2][0]);
    assert_eq!(snapshots, [serde_json::json!([1])]);
    assert!(lake.verify().await.unwrap().is_empty());
    let nothing = lake.clean(&cleaning(now_us, 100, HOUR)).await.unwrap().0;
    assert_eq!(nothing, crate::maintain::Cleaned::default());
    // And it goes on.
    lake.commit(replace(0..2, 9)).await.unwrap();
    assert_eq!(
        all(&lake.latest().await.unwrap(), "efforts").await.len(),
        14
    );
}

/// What commits that never came left behind goes after its grace; what is
/// younger, what any snapshot lists and what is not the lake's stay.
pub async fn orphans_go_after_their_grace(place: &Place) {
    let lake = open(place).await.lake;
    lake.commit(replace(0..4, 1)).await.unwrap();
    lake.commit(replace(1..3, 2)).await.unwrap();
    let view = lake.latest().await.unwrap();
    let before = objects(&view).await;
    let (_, store) = view.object_store();
    for orphan in [
        "main/efforts/pacelake-lost.parquet",
        "main/tracks/year=2021/ducklake-lost.parquet",
        "pacelake-clock-lost",
        "readme.txt",
    ] {
        store.put(&Path::from(orphan), "lost".into()).await.unwrap();
    }
    let now_us = store_time_us(&*store).await.unwrap();
    let keep = 1000 * HOUR;
    let young = lake.clean(&cleaning(now_us, 23, keep)).await.unwrap().0;
    assert_eq!(young.swept.orphans, 0);
    assert_eq!(objects(&view).await.len(), before.len() + 4);
    let old = lake.clean(&cleaning(now_us, 25, keep)).await.unwrap().0;
    assert_eq!((old.swept.orphans, old.swept.bytes), (3, 3 * 4));
    let mut left = objects(&view).await;
    assert!(left.remove("readme.txt"));
    assert_eq!(left, before);
}

/// One process at a time holds a claim; one that died loses it.
pub async fn a_claim_has_one_holder(place: &Place) {
    let storage = open(place).await;
    let (one, two) = (storage.lake.clone(), open(place).await.lake);
    let claim = one.claim("maintain efforts").await.unwrap().unwrap();
    assert!(two.claim("maintain efforts").await.unwrap().is_none());
    let other = two.claim("maintain tracks").await.unwrap();
    assert!(other.is_some());
    claim.release().await.unwrap();
    let claim = two.claim("maintain efforts").await.unwrap();
    assert!(claim.is_some());
    // Its process dies, and a minute goes by.
    std::mem::forget(claim);
    let mut tx = storage.catalog.db().begin().await.unwrap();
    tx.execute(
        "update leases set until_us = until_us - $1",
        &[Value::Int(60_000_000)],
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    assert!(one.claim("maintain efforts").await.unwrap().is_some());
}

/// Raw bytes that no source names go after their grace, the others stay.
pub async fn raw_bytes_without_a_source_go_after_their_grace(place: &Place) {
    let storage = open(place).await;
    let athlete_id = storage.catalog.first_athlete().await.unwrap().athlete_id;
    let (named, lost) = (Original::new("named"), Original::new("lost"));
    for original in [&named, &lost] {
        storage.raw.put(athlete_id, original).await.unwrap();
    }
    let (named, lost) = (named.sha256().to_owned(), lost.sha256().to_owned());
    let key = super::rows::key(0);
    let key = crate::ActivityKey { athlete_id, ..key };
    let commit = Commit {
        catalog: CatalogChange {
            activities: vec![ActivityWrite {
                key,
                previous_revision: None,
                revision: 1,
            }],
            sources: vec![Source {
                athlete_id,
                sha256: named.clone(),
                part: 0,
                format: "fit".to_owned(),
                external_id: None,
                start_time_us: key.start_time_us,
                elapsed_ms: 1,
                non_null_values: 1,
                file_name: "a.fit".to_owned(),
                activity_id: key.activity_id,
                parted_from: None,
                upload_id: None,
                retain_until_us: None,
                fetched_at_us: None,
            }],
            ..CatalogChange::default()
        },
        ..replace(0..1, 1)
    };
    storage.lake.commit(commit).await.unwrap();
    let view = storage.lake.latest().await.unwrap();
    let (_, store) = view.object_store();
    let now_us = store_time_us(&*store).await.unwrap();
    let raw = &storage.raw;
    let later = |hours: i64| now_us + hours * HOUR_US;
    assert_eq!(raw.sweep(later(23), GRACE, false).await.unwrap(), (0, 0));
    let (would, bytes) = raw.sweep(later(25), GRACE, true).await.unwrap();
    assert_eq!(raw.list(athlete_id).await.unwrap().len(), 2);
    let swept = raw.sweep(later(25), GRACE, false).await.unwrap();
    assert_eq!(swept, (would, bytes));
    assert_eq!(would, 1);
    assert_eq!(
        raw.list(athlete_id).await.unwrap(),
        std::slice::from_ref(&named)
    );
    assert!(!raw.exists(athlete_id, &lost).await.unwrap());
    assert_eq!(raw.get(athlete_id, &named).await.unwrap(), "named");
    // Another athlete's same bytes are another object.
    assert!(!raw.exists(AthleteId(77), &named).await.unwrap());
}
