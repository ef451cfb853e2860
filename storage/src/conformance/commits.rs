//! What a commit promises.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arrow::array::{ArrayRef, Float64Array, RecordBatch};
use futures::TryStreamExt;
use jiff::Timestamp;
use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::json;

use super::rows::{
    EFFORTS, TRACKS, Use, all, commit, duckdb, efforts, in_order, key, open, query, replace,
    sorted, tracks,
};
use crate::catalog::{ActivityWrite, CatalogChange};
use crate::ducklake::commit::find;
use crate::lake::{Commit, KeySet, Lake, Problem, TableChange};
use crate::table::{Kind, Table, Unit, column};
use crate::testing::Place;
use crate::{Code, Failure, Moment, Storage, Store};

fn change(table: &'static Table, delete: Option<KeySet>, append: Vec<RecordBatch>) -> TableChange {
    TableChange {
        table,
        delete,
        append,
    }
}

/// A replace is one snapshot; older snapshots keep what they had, and so does
/// a view that was taken before.
pub async fn a_replace_is_one_snapshot_and_the_past_stays(place: &Place) {
    let lake = open(place).await.lake;
    let first = lake.commit(replace(0..30, 1)).await.unwrap().snapshot_id;
    let old = lake.latest().await.unwrap();
    assert_eq!(old.snapshot_id(), first);
    let second = lake.commit(replace(5..9, 2)).await.unwrap().snapshot_id;
    let third = lake.commit(replace(8..12, 3)).await.unwrap().snapshot_id;
    assert_eq!((second, third), (first + 1, first + 2));

    let at_first = sorted(&[efforts(0..30, 1)]);
    let at_second = sorted(&[efforts(0..5, 1), efforts(9..30, 1), efforts(5..9, 2)]);
    let at_third = sorted(&[
        efforts(0..5, 1),
        efforts(5..8, 2),
        efforts(8..12, 3),
        efforts(12..30, 1),
    ]);
    assert_eq!(all(&old, "efforts").await, at_first);
    for (snapshot, expected) in [(first, at_first), (second, at_second), (third, at_third)] {
        let view = lake.at(snapshot).await.unwrap();
        assert_eq!(all(&view, "efforts").await, expected, "at {snapshot}");
    }
    // Another process, which reads the state anew, sees the same as this one,
    // which brought it up to date.
    let newest = lake.latest().await.unwrap();
    let other = open(place).await.lake.latest().await.unwrap();
    for table in ["efforts", "tracks"] {
        assert_eq!(all(&newest, table).await, all(&other, table).await);
    }
    assert!(lake.verify().await.unwrap().is_empty());
    let missing = lake.at(third + 1).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
}

/// A file whose rows are all deleted ends; no rows, no file.
pub async fn a_file_without_rows_ends(place: &Place) {
    let lake = open(place).await.lake;
    lake.commit(replace(0..10, 1)).await.unwrap();
    let keys: Vec<_> = (0..10).map(key).collect();
    let delete = |keys: &[_]| {
        commit(vec![
            change(&EFFORTS, Some(KeySet::activities(keys)), vec![]),
            change(&TRACKS, Some(KeySet::activities(keys)), vec![]),
        ])
    };
    lake.commit(delete(&keys[..4])).await.unwrap();
    lake.commit(delete(&keys)).await.unwrap();
    let view = lake.latest().await.unwrap();
    for table in ["efforts", "tracks"] {
        assert!(all(&view, table).await.is_empty());
        assert_eq!(view.size(table).unwrap().files, 0);
    }
    let before = lake.at(view.snapshot_id() - 1).await.unwrap();
    assert_eq!(all(&before, "efforts").await, sorted(&[efforts(4..10, 1)]));
    assert!(lake.verify().await.unwrap().is_empty());
}

/// Null equals null where rows are found by key.
pub async fn null_is_a_key_too(place: &Place) {
    let lake = open(place).await.lake;
    let rows = efforts(0..20, 1);
    let append = change(&EFFORTS, None, vec![rows.clone()]);
    lake.commit(commit(vec![append])).await.unwrap();
    let keys = rows.project(&[5]).unwrap();
    let null = (0..rows.num_rows())
        .find(|row| keys.column(0).is_null(*row))
        .unwrap();
    let nulls = KeySet::new(keys.slice(null, 1));
    let view = lake.latest().await.unwrap();
    let found = view.rows("efforts", None, &nulls).await.unwrap();
    let expected: Vec<i64> = (0..20).filter(|n| n % 5 == 4).collect();
    assert_eq!(
        sorted(&found),
        sorted(&[efforts(expected.iter().copied(), 1)])
    );
    lake.commit(commit(vec![change(&EFFORTS, Some(nulls), vec![])]))
        .await
        .unwrap();
    let view = lake.latest().await.unwrap();
    let kept: Vec<i64> = (0..20).filter(|n| n % 5 != 4).collect();
    assert_eq!(
        all(&view, "efforts").await,
        sorted(&[efforts(kept.iter().copied(), 1)])
    );
}

/// A commit that changes nothing in the lake makes no snapshot, but its part
/// of our catalog is written.
pub async fn nothing_to_change_makes_no_snapshot(place: &Place) {
    let storage = open(place).await;
    let before = storage.lake.latest().await.unwrap().snapshot_id();
    let athlete = storage.catalog.first_athlete().await.unwrap();
    let keys = KeySet::activities(&[key(0)]);
    let mut nothing = commit(vec![change(&EFFORTS, Some(keys), vec![])]);
    nothing.catalog = birth(0);
    let committed = storage.lake.commit(nothing).await.unwrap();
    assert_eq!(committed.snapshot_id, before);
    assert_eq!(storage.lake.latest().await.unwrap().snapshot_id(), before);
    let pointers = storage
        .catalog
        .pointers(athlete.athlete_id, &[key(0).activity_id])
        .await
        .unwrap();
    assert_eq!(pointers.len(), 1);
}

/// The birth of the `n`th activity, of athlete 1.
fn birth(n: i64) -> CatalogChange {
    CatalogChange {
        activities: vec![ActivityWrite {
            key: key(n),
            previous_revision: None,
            revision: 1,
        }],
        ..CatalogChange::default()
    }
}

/// Where our catalog refuses, the lake stays as it was and no file stays
/// behind.
pub async fn a_conflict_writes_nothing(place: &Place) {
    let storage = open(place).await;
    storage.catalog.first_athlete().await.unwrap();
    let mut first = replace(0..3, 1);
    first.catalog = birth(0);
    let first = storage.lake.commit(first).await.unwrap();
    let before = files(place).await;
    let mut second = replace(0..3, 2);
    second.catalog = birth(0);
    let error = storage.lake.commit(second).await.unwrap_err();
    assert_eq!(error.code(), Code::Conflict);
    let view = storage.lake.latest().await.unwrap();
    assert_eq!(view.snapshot_id(), first.snapshot_id);
    assert_eq!(all(&view, "efforts").await, sorted(&[efforts(0..3, 1)]));
    assert_eq!(files(place).await, before);
}

/// Every object of the lake, and what cut-off puts left, by path.
async fn files(place: &Place) -> BTreeSet<String> {
    let objects = place.objects().await;
    let listed: Vec<String> = objects
        .lake
        .list(None)
        .map_ok(|object| object.location.to_string())
        .try_collect()
        .await
        .unwrap();
    let abandoned = objects.abandoned(Timestamp::MAX).await.unwrap();
    let abandoned = abandoned.iter().map(ToString::to_string);
    listed.into_iter().chain(abandoned).collect()
}

/// A commit is found by its attempt, so that it need not be repeated.
pub async fn a_lost_answer_is_looked_up(place: &Place) {
    let storage = open(place).await;
    let commit = replace(0..3, 1);
    let attempt = commit.attempt;
    let db = storage.catalog.db();
    assert_eq!(find(db, attempt).await.unwrap(), None);
    let committed = storage.lake.commit(commit).await.unwrap();
    assert_eq!(
        find(db, attempt).await.unwrap(),
        Some(committed.snapshot_id)
    );
    storage.lake.commit(replace(5..6, 1)).await.unwrap();
    let before = files(place).await;
    let again = Commit {
        attempt,
        ..replace(0..3, 2)
    };
    assert_eq!(storage.lake.commit(again).await.unwrap(), committed);
    assert_eq!(files(place).await, before);
}

/// Two processes that append at once both succeed, and nothing is lost.
pub async fn writers_of_two_processes_all_commit(place: &Place) {
    const EACH: i64 = 8;
    let (one, two) = (open(place).await.lake, open(place).await.lake);
    let before = one.latest().await.unwrap().snapshot_id();
    let write = |lake: Lake, first: i64| async move {
        for n in first..first + EACH {
            lake.commit(replace(n..n + 1, 1)).await.unwrap();
        }
    };
    let (one_task, two_task) = (
        tokio::spawn(write(one.clone(), 0)),
        tokio::spawn(write(two, EACH)),
    );
    one_task.await.unwrap();
    two_task.await.unwrap();
    let view = one.latest().await.unwrap();
    assert_eq!(view.snapshot_id(), before + 2 * EACH);
    assert_eq!(
        all(&view, "efforts").await,
        sorted(&[efforts(0..2 * EACH, 1)])
    );
    assert!(one.verify().await.unwrap().is_empty());
}

/// Of writers that replace the same row at once each takes away what the
/// other wrote: one row stays, and in every snapshot there is one.
pub async fn of_writers_that_replace_the_same_row_one_stays(place: &Place) {
    const EACH: i64 = 6;
    let (one, two) = (open(place).await.lake, open(place).await.lake);
    let first = one.commit(replace(0..3, 0)).await.unwrap().snapshot_id;
    let write = |lake: Lake, version: i64| async move {
        for round in 0..EACH {
            let version = version + 10 * round;
            lake.commit(replace(1..2, version)).await.unwrap();
        }
    };
    let (one_task, two_task) = (
        tokio::spawn(write(one.clone(), 1)),
        tokio::spawn(write(two, 2)),
    );
    one_task.await.unwrap();
    two_task.await.unwrap();
    let newest = one.latest().await.unwrap().snapshot_id();
    assert_eq!(newest, first + 2 * EACH);
    for snapshot in first..=newest {
        let view = one.at(snapshot).await.unwrap();
        let keys = KeySet::activities(&[key(1)]);
        let tracks = view.rows("tracks", None, &keys).await.unwrap();
        assert_eq!(sorted(&tracks).len(), 1, "at {snapshot}");
        assert_eq!(all(&view, "efforts").await.len(), 6, "at {snapshot}");
    }
}

/// A lake of another version is refused.
pub async fn another_version_is_refused(place: &Place) {
    let storage = open(place).await;
    let mut tx = storage.catalog.db().begin().await.unwrap();
    tx.execute(
        "update ducklake_metadata set value = '2.7' where key = 'version'",
        &[],
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
    let error = Storage::open(&place.options(), &[&EFFORTS], &[])
        .await
        .unwrap_err();
    assert_eq!(error.code(), Code::UnknownVersion);
}

/// Missing and cut files are found, each by its path.
pub async fn what_is_wrong_is_found(place: &Place) {
    let lake = open(place).await.lake;
    let append = |rows| commit(vec![change(&EFFORTS, None, vec![rows])]);
    for n in 0..2 {
        lake.commit(append(efforts(n..n + 1, 1))).await.unwrap();
    }
    lake.commit(commit(vec![change(
        &TRACKS,
        None,
        vec![tracks(0..1, 9, 1)],
    )]))
    .await
    .unwrap();
    assert!(lake.verify().await.unwrap().is_empty());
    let files = files(place).await;
    let mut files = files.iter().filter(|path| path.contains("/efforts/"));
    let (Some(missing), Some(cut), None) = (files.next(), files.next(), files.next()) else {
        panic!("one file a commit");
    };
    let objects = place.objects().await.lake;
    let path = |name: &str| Path::from(name);
    objects.delete(&path(missing)).await.unwrap();
    objects.put(&path("young"), "junk".into()).await.unwrap();
    let mut wanted = BTreeSet::from(["cut", "missing"]);
    if let Store::DataDir = place.store {
        // Only a file's age can be set.
        let file = fs::File::create(place.data_dir.path().join("lake/old")).unwrap();
        let age = Duration::from_secs(25 * 3600);
        file.set_modified(SystemTime::now() - age).unwrap();
        wanted.insert("orphan");
    }
    let bytes = objects.get(&path(cut)).await.unwrap();
    let bytes = bytes.bytes().await.unwrap();
    let shorter = bytes.slice(..bytes.len() - 9);
    objects.put(&path(cut), shorter.into()).await.unwrap();
    let problems = lake.verify().await.unwrap();
    let found: BTreeSet<&str> = problems
        .iter()
        .map(|problem| match problem {
            Problem::Missing { path } if path == missing => "missing",
            Problem::Size { path, .. } if path == cut => "cut",
            Problem::Orphan { path, .. } if path == "old" && problem.is_harmless() => "orphan",
            other => panic!("{other}"),
        })
        .collect();
    assert_eq!(found, wanted);
}

/// The table as a later version declares it.
static WIDER: Table = Table {
    columns: &[
        EFFORTS.columns[0],
        EFFORTS.columns[1],
        EFFORTS.columns[2],
        EFFORTS.columns[3],
        column("climb_m", Kind::Float64, Unit::Metre, "How high.").nullable(),
        EFFORTS.columns[4],
        EFFORTS.columns[5],
    ],
    ..EFFORTS
};

/// The table with a column that its older rows cannot have.
static STRICTER: Table = Table {
    columns: &[column("laps", Kind::Int32, Unit::Count, "How often.")],
    ..EFFORTS
};

/// A column that a later version declares is added; older rows have nulls, in
/// DuckDB too, and the older version still reads and writes. One that may not
/// be null is refused.
pub async fn a_declared_column_is_added(place: &Place) {
    let old = open(place).await.lake;
    let first = old.commit(replace(0..4, 1)).await.unwrap().snapshot_id;
    let new = Storage::open(&place.options(), &[&WIDER, &TRACKS], &[])
        .await
        .unwrap()
        .lake;
    let mut rows = efforts(4..6, 1);
    let climb: ArrayRef = Arc::new(Float64Array::from(vec![1.5; rows.num_rows()]));
    let mut columns: Vec<_> = rows
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .zip(rows.columns().to_vec())
        .collect();
    columns.push(("climb_m".to_owned(), climb));
    rows = RecordBatch::try_from_iter(columns).unwrap();
    new.commit(commit(vec![change(&WIDER, None, vec![rows])]))
        .await
        .unwrap();
    old.commit(replace(0..1, 2)).await.unwrap();
    let view = old.latest().await.unwrap();
    let sql = "select activity_id, climb_m from efforts";
    let expected: Vec<_> = (0..6)
        .flat_map(|n| [n, n])
        .map(|n| {
            let climb = (n >= 4).then(|| format!("f:{:016x}", 1.5f64.to_bits()));
            json!([key(n).activity_id.0, climb])
        })
        .collect();
    let expected = in_order(expected);
    assert_eq!(sorted(&query(&view, sql).await), expected);
    let [rows] = duckdb(place, Use::Newest, &[sql]).try_into().unwrap();
    assert_eq!(in_order(rows), expected);
    let before = old.at(first).await.unwrap();
    assert_eq!(all(&before, "efforts").await, sorted(&[efforts(0..4, 1)]));
    let before = new.at_moment(&Moment::Snapshot(first)).await.unwrap();
    let nulls = (0..4)
        .flat_map(|n| [n, n])
        .map(|n| json!([key(n).activity_id.0, null]));
    assert_eq!(
        sorted(&query(&before, sql).await),
        in_order(nulls.collect())
    );
    let columns = ["activity_id", "climb_m"];
    let keys = KeySet::activities(&[key(0)]);
    let found = before.rows("efforts", Some(&columns), &keys).await.unwrap();
    assert_eq!(sorted(&found), vec![json!([key(0).activity_id.0, null]); 2]);
    let refused = Storage::open(&place.options(), &[&STRICTER], &[]).await;
    assert_eq!(refused.unwrap_err().code(), Code::UnknownVersion);
}

/// A table that a later version declares is made, without rows, when that
/// version first opens the lake; the older version still reads and writes, and
/// snapshots from before have no such table.
pub async fn a_declared_table_is_made(place: &Place) {
    let old = Storage::open(&place.options(), &[&EFFORTS], &[])
        .await
        .unwrap()
        .lake;
    let append = |activities| change(&EFFORTS, None, vec![efforts(activities, 1)]);
    let first = old.commit(commit(vec![append(0..4)])).await.unwrap();
    let new = open(place).await.lake;
    let view = new.latest().await.unwrap();
    assert_eq!(all(&view, "efforts").await, sorted(&[efforts(0..4, 1)]));
    assert!(all(&view, "tracks").await.is_empty());
    let counted = duckdb(place, Use::Newest, &["select count(*) from tracks"]);
    assert_eq!(counted, [[json!([0])]]);

    old.commit(commit(vec![append(4..6)])).await.unwrap();
    let rows = change(&TRACKS, None, vec![tracks(0..6, 20, 1)]);
    new.commit(commit(vec![rows])).await.unwrap();
    for (lake, who) in [(&old, "old"), (&new, "new")] {
        let view = lake.latest().await.unwrap();
        let efforts = sorted(&[efforts(0..6, 1)]);
        assert_eq!(all(&view, "efforts").await, efforts, "{who}");
        let tracks = sorted(&[tracks(0..6, 20, 1)]);
        assert_eq!(all(&view, "tracks").await, tracks, "{who}");
    }
    let before = new.at(first.snapshot_id).await.unwrap();
    assert_eq!(before.table_names(), ["efforts"]);
    let keys = KeySet::activities(&[key(0)]);
    let refused = before.rows("tracks", None, &keys).await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);
    let moment = Moment::Snapshot(first.snapshot_id);
    let before = new.at_moment(&moment).await.unwrap();
    assert_eq!(before.table_names(), ["efforts", "tracks"]);
    let none = before.rows("tracks", None, &keys).await.unwrap();
    assert!(none.is_empty() && all(&before, "tracks").await.is_empty());
    before.renew().await.unwrap();
    assert!(all(&before, "tracks").await.is_empty());
    let rows = sorted(&[efforts(0..4, 1)]);
    assert_eq!(all(&before, "efforts").await, rows);
}
