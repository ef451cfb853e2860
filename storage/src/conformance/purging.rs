//! What a purge promises of the lake.

use object_store::ObjectStoreExt;
use object_store::path::Path;
use serde_json::Value;

use super::rows::{EFFORTS, TRACKS, Use, all, commit, duckdb, key, open, replace, sorted};
use crate::catalog::{CatalogChange, Purge, PurgeOrder, Target};
use crate::lake::{Commit, KeySet, Lake, TableChange};
use crate::purge::Erasure;
use crate::testing::Place;
use crate::{AthleteId, Storage};

/// The athlete who goes.
const GONE: AthleteId = AthleteId(2);

/// A lake of three athletes with replaced rows, merged and rewritten files,
/// and rows and deletes in the catalog; ids of the snapshots.
async fn filled(place: &Place) -> (Storage, Vec<i64>) {
    let storage = open(place).await;
    for _ in 0..3 {
        storage.catalog.create_athlete(None).await.unwrap();
    }
    let lake = &storage.lake;
    for activities in [0..9, 2..5, 9..12, 12..14, 4..7, 14..21] {
        lake.commit(replace(activities, 1)).await.unwrap();
    }
    for (inline, statements) in [
        (
            0,
            &["update efforts set elapsed_s = elapsed_s + 1 where distance_m = 400"][..],
        ),
        (
            100,
            &[
                // Kept in the catalog: rows, and deletes of rows in files.
                "insert into efforts select * replace (activity_id + 1 as activity_id) \
                 from efforts where distance_m > 400",
                "delete from efforts where distance_m > 400 and activity_id % 2 = 0",
            ][..],
        ),
        (
            0,
            &[
                "delete from tracks where len(t_ms) = 20 and hash(activity_id) % 5 = 0",
                "call ducklake_merge_adjacent_files('lake', 'tracks')",
                "call ducklake_rewrite_data_files('lake', 'efforts', delete_threshold => 0.5)",
            ][..],
        ),
    ] {
        duckdb(place, Use::Write(inline), statements);
    }
    lake.commit(replace(19..23, 3)).await.unwrap();
    let newest = lake.latest().await.unwrap().snapshot_id();
    let first = duckdb(
        place,
        Use::Newest,
        &["select min(snapshot_id) from ducklake_snapshots('lake')"],
    );
    let first = first[0][0][0].as_i64().unwrap();
    (storage, (first..=newest).collect())
}

async fn begin(storage: &Storage) -> Purge {
    let order = PurgeOrder {
        athlete_id: GONE,
        activities: None,
        command: "a test".to_owned(),
        at_us: 7,
    };
    storage.catalog.begin_purge(&order).await.unwrap()
}

/// Takes the rows out of the newest snapshot, then out of all.
async fn purge(lake: &Lake, purge: &Purge) {
    let changes = [&EFFORTS, &TRACKS].map(|table| TableChange {
        table,
        delete: Some(KeySet::athletes(&[GONE])),
        append: vec![],
    });
    lake.commit(Commit {
        catalog: CatalogChange {
            purge: Some(purge.purge_id),
            ..CatalogChange::default()
        },
        ..commit(changes.to_vec())
    })
    .await
    .unwrap();
    let erased = lake
        .erase(&Erasure::of(purge, vec![]), false)
        .await
        .unwrap();
    assert!(erased.rows > 0 && erased.files_rewritten > 0, "{erased:?}");
}

/// Rows of the athletes who stay, with their ids, and how many the one has who
/// goes, as DuckDB has them at each snapshot: four answers a snapshot.
fn by_duckdb(place: &Place, snapshots: &[i64]) -> Vec<Vec<Value>> {
    let statements: Vec<String> = snapshots
        .iter()
        .flat_map(|snapshot| ["efforts", "tracks"].map(|table| (snapshot, table)))
        .flat_map(|(snapshot, table)| {
            let table = format!("{table} at (version => {snapshot})");
            [
                format!("select rowid, * from {table} where athlete_id <> 2 order by all"),
                format!("select count(*) from {table} where athlete_id = 2"),
            ]
        })
        .collect();
    let statements: Vec<&str> = statements.iter().map(String::as_str).collect();
    duckdb(place, Use::Newest, &statements)
}

/// Other athletes' rows, and the ids of those rows, stay as they are at every
/// snapshot, for both engines; the athlete's are in none, and in no file.
pub async fn a_purge_leaves_others_as_they_were(place: &Place) {
    let (storage, snapshots) = filled(place).await;
    let lake = &storage.lake;
    let others = KeySet::athletes(&[AthleteId(1), AthleteId(3)]);
    let mut before = Vec::new();
    for snapshot in &snapshots[1..] {
        let view = lake.at(*snapshot).await.unwrap();
        let mut ours = Vec::new();
        for table in ["efforts", "tracks"] {
            ours.push(sorted(&view.rows(table, None, &others).await.unwrap()));
        }
        before.push((*snapshot, ours));
    }
    let theirs = by_duckdb(place, &snapshots[1..]);
    let old_view = lake.latest().await.unwrap();
    let begun = begin(&storage).await;
    purge(lake, &begun).await;
    let objects = storage
        .catalog
        .purge_targets(begun.purge_id, Target::Object)
        .await
        .unwrap();
    assert!(lake.remove_objects(&objects).await.unwrap() > 0);
    let problems = lake.verify().await.unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    for (snapshot, ours) in before {
        let view = lake.at(snapshot).await.unwrap();
        for (table, rows) in ["efforts", "tracks"].iter().zip(ours) {
            let found = view.rows(table, None, &others).await.unwrap();
            assert_eq!(sorted(&found), rows, "{table} at {snapshot}");
            let gone = KeySet::athletes(&[GONE]);
            let found = view.rows(table, None, &gone).await.unwrap();
            assert!(sorted(&found).is_empty(), "{table} at {snapshot}");
        }
    }
    let after = by_duckdb(place, &snapshots[1..]);
    for (nth, (before, after)) in theirs.chunks(2).zip(after.chunks(2)).enumerate() {
        assert_eq!(before[0], after[0], "DuckDB's, answer {nth}");
        assert_eq!(after[1][0][0], 0, "DuckDB's, answer {nth}");
    }
    // A view from before finds its files gone and others in their place.
    let found = old_view.rows("tracks", None, &others).await.unwrap();
    let newest = lake.latest().await.unwrap();
    assert_eq!(
        found.len(),
        newest.rows("tracks", None, &others).await.unwrap().len()
    );
    // Again there is nothing to do.
    let erasure = Erasure::of(&begun, vec![]);
    let again = lake.erase(&erasure, true).await.unwrap();
    assert_eq!((again.rows, again.snapshot_id), (0, None));
    // Both engines go on from here.
    lake.commit(replace(0..1, 9)).await.unwrap();
    duckdb(
        place,
        Use::Write(0),
        &[
            "update efforts set elapsed_s = 1 where athlete_id = 3",
            "call ducklake_merge_adjacent_files('lake')",
            "call ducklake_rewrite_data_files('lake', delete_threshold => 0.0)",
        ],
    );
    let view = lake.latest().await.unwrap();
    let results = duckdb(place, Use::Newest, &["from efforts", "from tracks"]);
    for (table, rows) in ["efforts", "tracks"].iter().zip(results) {
        assert_eq!(super::rows::in_order(rows), all(&view, table).await);
    }
}

/// A commit that knew the old files finds the rows that it deletes again, in
/// the new ones.
pub async fn a_commit_finds_its_rows_after_a_purge(place: &Place) {
    let (storage, _) = filled(place).await;
    let other = open(place).await.lake;
    // Its list of files is of before.
    let stale = other.latest().await.unwrap();
    let begun = begin(&storage).await;
    purge(&storage.lake, &begun).await;
    drop(stale);
    other.commit(replace(0..1, 50)).await.unwrap();
    let view = storage.lake.latest().await.unwrap();
    let found = view
        .rows("tracks", None, &KeySet::activities(&[key(0)]))
        .await
        .unwrap();
    assert_eq!(sorted(&found), sorted(&[super::rows::tracks(0..1, 20, 50)]));
    let problems = storage.lake.verify().await.unwrap();
    let real: Vec<_> = problems.iter().filter(|p| !p.is_harmless()).collect();
    assert!(real.is_empty(), "{real:?}");
}

/// What a commit that was cut off left in the store goes too, where it holds
/// such rows, and only then.
pub async fn strays_with_their_rows_are_swept(place: &Place) {
    let (storage, _) = filled(place).await;
    let objects = place.objects().await.lake;
    let folder = Path::from("main/efforts");
    let files = objects.list_with_delimiter(Some(&folder)).await.unwrap();
    for (nth, file) in files.objects.iter().enumerate() {
        let stray = Path::from(format!("main/efforts/stray-{nth}.parquet"));
        objects.copy(&file.location, &stray).await.unwrap();
    }
    let cut = Path::from("main/efforts/stray-cut.parquet");
    objects.put(&cut, "PAR1".into()).await.unwrap();
    let begun = begin(&storage).await;
    purge(&storage.lake, &begun).await;
    let erasure = Erasure::of(&begun, vec![]);
    let unnamed = storage.lake.unnamed().await.unwrap();
    let swept = storage.lake.sweep(&erasure).await.unwrap();
    assert!(swept.objects > 3, "{swept:?} of {unnamed:?}");
    assert_eq!(swept.unreadable, ["main/efforts/stray-cut.parquet"]);
    let again = storage.lake.sweep(&erasure).await.unwrap();
    assert_eq!(again.objects, 0);
    assert!(objects.head(&cut).await.is_ok());
}
