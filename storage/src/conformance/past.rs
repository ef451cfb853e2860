//! What reading the past promises.

use std::time::Duration;

use super::maintenance::rewrite_all;
use super::rows::{EFFORTS, all, commit, in_order, key, open, replace, sorted};
use crate::catalog::{Dialect, Value};
use crate::ducklake::sweep::store_time_us;
use crate::lake::{KeySet, Lake, LakeView, TableChange};
use crate::maintain::plan::Mode;
use crate::maintain::{Cleaning, GRACE};
use crate::moment::Moment;
use crate::testing::Place;
use crate::{Code, Error, Failure};

const MINUTE_US: i64 = 60_000_000;
/// 2026-03-01T12:00:00Z.
const NOON_US: i64 = 1_772_366_400_000_000;

/// Says that a snapshot was committed then.
async fn set_time(lake: &Lake, snapshot_id: i64, time: Value) {
    let statement = "update ducklake_snapshot set snapshot_time = $1 where snapshot_id = $2";
    let values = [time, Value::Int(snapshot_id)];
    let mut tx = lake.inner.db.begin().await.unwrap();
    assert_eq!(tx.execute(statement, &values).await.unwrap(), 1);
    tx.commit().await.unwrap();
}

/// The snapshot of an instant, and what is said where there is none.
async fn found(lake: &Lake, us: i64) -> Result<i64, String> {
    let found = lake.snapshot_at(&Moment::Instant(us)).await;
    found.map_err(|error| {
        assert!(matches!(error, Error::NoSnapshot { .. }), "{error}");
        assert_eq!(error.code(), Code::NotFound);
        error.to_string()
    })
}

/// A moment means one snapshot, the newest that there was then; where it was
/// never made, was not yet or has expired, that is said with what is kept.
pub async fn a_moment_means_one_snapshot(place: &Place) {
    let lake = open(place).await.lake;
    let first = lake.commit(replace(0..3, 1)).await.unwrap().snapshot_id;
    let mut rows = vec![all(&lake.latest().await.unwrap(), "efforts").await];
    for n in 1..6 {
        lake.commit(replace(n..n + 2, n)).await.unwrap();
        rows.push(all(&lake.latest().await.unwrap(), "efforts").await);
    }
    let newest = first + 5;
    for id in 0..=newest {
        set_time(&lake, id, Value::Time(NOON_US + id * MINUTE_US)).await;
    }
    let at = |id: i64| NOON_US + id * MINUTE_US;

    for (snapshot, rows) in (first..).zip(&rows) {
        for moment in [
            Moment::Snapshot(snapshot),
            Moment::Instant(at(snapshot)),
            Moment::Instant(at(snapshot) + MINUTE_US - 1),
        ] {
            let view = lake.at_moment(&moment).await.unwrap();
            assert_eq!(view.snapshot_id(), snapshot, "{moment}");
            assert_eq!(&all(&view, "efforts").await, rows, "{moment}");
        }
    }
    assert_eq!(found(&lake, i64::MAX).await.unwrap(), newest);
    let kept = |oldest: i64| {
        let time = |id| Moment::Instant(at(id));
        format!(
            "kept are snapshots {oldest} of {} to {newest} of {}",
            time(oldest),
            time(newest)
        )
    };
    let before = format!(
        "2026-03-01T11:59:59Z is before the first snapshot; {}",
        kept(0)
    );
    assert_eq!(found(&lake, NOON_US - 1_000_000).await.unwrap_err(), before);
    found(&lake, i64::MIN).await.unwrap_err();
    let next = Moment::Snapshot(newest + 1);
    let error = lake.at_moment(&next).await.unwrap_err();
    let never = format!("snapshot {next} has not been made; {}", kept(0));
    assert_eq!((error.code(), error.to_string()), (Code::NotFound, never));

    // Another writer's clock may be behind, and its times have another offset.
    set_time(&lake, first + 2, Value::Time(at(first) + 1)).await;
    assert_eq!(found(&lake, at(first)).await.unwrap(), first);
    assert_eq!(found(&lake, at(first) + 1).await.unwrap(), first + 2);
    assert_eq!(found(&lake, at(first + 1)).await.unwrap(), first + 2);
    if lake.inner.db.dialect() == Dialect::Sqlite {
        for text in ["2026-03-02 02:00:00+14", "2026-02-28 23:59:59.5-12:00"] {
            set_time(&lake, newest, Value::from(text)).await;
            let noon = NOON_US + i64::from(text.ends_with("00")) * -500_000;
            assert_eq!(found(&lake, noon).await.unwrap(), newest, "{text}");
            assert!(found(&lake, noon - 1).await.is_err(), "{text}");
        }
        set_time(&lake, newest, Value::Time(at(newest))).await;
    }

    let leased = lake.at(first + 1).await.unwrap();
    let lease = leased.lease().await.unwrap();
    let (_, store) = leased.object_store();
    let cleaning = Cleaning {
        keep_snapshots: Duration::from_secs(3600),
        grace: GRACE,
        now_us: Some(store_time_us(&*store).await.unwrap()),
        dry_run: false,
    };
    lake.clean(&cleaning).await.unwrap();
    let kept = kept(first + 1);
    for (us, what) in [
        (at(first), "the snapshot of"),
        // Of those between the leased and the newest one, some were then.
        (at(first + 2), "the snapshot of"),
        (at(newest) - 1, "the snapshot of"),
    ] {
        let gone = format!("{what} {} has expired; {kept}", Moment::Instant(us));
        assert_eq!(found(&lake, us).await.unwrap_err(), gone);
    }
    for gone in [0, first, first + 3] {
        let error = lake.at_moment(&Moment::Snapshot(gone)).await.unwrap_err();
        let said = format!("snapshot {gone} has expired; {kept}");
        assert_eq!((error.code(), error.to_string()), (Code::NotFound, said));
    }
    assert_eq!(found(&lake, at(first + 1)).await.unwrap(), first + 1);
    assert_eq!(found(&lake, at(newest)).await.unwrap(), newest);
    lake.commit(commit(Vec::new())).await.unwrap();
    assert_eq!(found(&lake, i64::MAX).await.unwrap(), newest);
    lease.release().await.unwrap();
}

/// The rows of either view that the other may not have, of all activities.
async fn apart(a: &LakeView, b: &LakeView, table: &str) -> [Vec<serde_json::Value>; 2] {
    let keys = KeySet::activities(&(0..40).map(key).collect::<Vec<_>>());
    let here = a.rows_apart(b, table, None, &keys).await.unwrap();
    let there = b.rows_apart(a, table, None, &keys).await.unwrap();
    [sorted(&here), sorted(&there)]
}

/// The rows of one list that the other lacks.
fn only(here: &[serde_json::Value], there: &[serde_json::Value]) -> Vec<serde_json::Value> {
    let only = here.iter().filter(|row| !there.contains(row));
    in_order(only.cloned().collect())
}

/// Of two snapshots the rows that only one has are read, and beside them only
/// those that a rewrite moved.
pub async fn what_two_snapshots_hold_apart_is_read_alone(place: &Place) {
    let lake = open(place).await.lake;
    lake.commit(replace(0..30, 1)).await.unwrap();
    let mut views = vec![lake.latest().await.unwrap()];
    let deleted = TableChange {
        table: &EFFORTS,
        delete: Some(KeySet::activities(&[key(5), key(33)])),
        append: Vec::new(),
    };
    for change in [
        replace(4..6, 2),
        replace(30..34, 1),
        replace(4..6, 3),
        commit(vec![deleted]),
    ] {
        lake.commit(change).await.unwrap();
        views.push(lake.latest().await.unwrap());
    }
    let newest = views.last().unwrap().clone();
    rewrite_all(&lake, Mode::Whole).await;
    let rewritten = lake.latest().await.unwrap();
    assert!(rewritten.snapshot_id() > newest.snapshot_id());

    for table in ["efforts", "tracks"] {
        for (nth, a) in views.iter().enumerate() {
            let rows = all(a, table).await;
            for b in &views[nth..] {
                let others = all(b, table).await;
                let expected = [only(&rows, &others), only(&others, &rows)];
                assert_eq!(
                    apart(a, b, table).await,
                    expected,
                    "{table}: {a:?} and {b:?}"
                );
            }
            // What a rewrite moved is told on both sides.
            let others = all(&rewritten, table).await;
            let [here, there] = apart(a, &rewritten, table).await;
            assert!(here.iter().all(|row| rows.contains(row)), "{table}: {a:?}");
            assert_eq!(only(&here, &there), only(&rows, &others), "{table}: {a:?}");
            assert_eq!(only(&there, &here), only(&others, &rows), "{table}: {a:?}");
        }
        let none: [Vec<serde_json::Value>; 2] = Default::default();
        assert_eq!(apart(&rewritten, &rewritten, table).await, none);
    }
    let some = KeySet::activities(&[key(4)]);
    let rows = newest.rows_apart(&views[0], "efforts", Some(&["activity_id"]), &some);
    assert_eq!(sorted(&rows.await.unwrap()).len(), 2);
    let kept = lake.kept(newest.snapshot_id()).await.unwrap();
    assert_eq!(kept.snapshot_id, newest.snapshot_id());
    assert!(lake.kept(1_000).await.is_err());
}
