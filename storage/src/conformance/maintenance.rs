//! What maintenance promises: fewer files, the same rows, at every snapshot.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use object_store::ObjectStoreExt;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value as Json;

use super::rows::{
    EFFORTS, TRACKS, Use, all, commit, duckdb, efforts, in_order, key, open, replace, sorted,
    tracks,
};
use crate::lake::{KeySet, Lake, TableChange, TableSize};
use crate::maintain::plan::Mode;
use crate::maintain::{Rewritten, Why};
use crate::table::Table;
use crate::testing::Place;

/// Rewrites all there is; answers how many steps were done and how many were
/// overtaken.
pub(super) async fn rewrite_all(lake: &Lake, mode: Mode) -> (u32, u32) {
    let (mut done, mut overtaken) = (0, 0);
    for table in lake.maintained() {
        loop {
            let steps = lake.rewrites(table, mode).await.unwrap();
            if steps.is_empty() {
                break;
            }
            for step in steps {
                match lake.rewrite(&step).await.unwrap() {
                    Rewritten::Done(_) => done += 1,
                    Rewritten::Overtaken => overtaken += 1,
                }
            }
        }
    }
    (done, overtaken)
}

/// The rows of both tables at every snapshot from `first` to the newest.
async fn history(lake: &Lake, first: i64) -> BTreeMap<i64, [Vec<Json>; 2]> {
    let newest = lake.latest().await.unwrap().snapshot_id();
    let mut history = BTreeMap::new();
    for snapshot in first..=newest {
        let view = lake.at(snapshot).await.unwrap();
        let rows = [all(&view, "efforts").await, all(&view, "tracks").await];
        history.insert(snapshot, rows);
    }
    history
}

/// Panics unless every snapshot reads as it did, in DuckDB too.
async fn check_history(place: &Place, lake: &Lake, before: &BTreeMap<i64, [Vec<Json>; 2]>) {
    for (snapshot, [efforts, tracks]) in before {
        let view = lake.at(*snapshot).await.unwrap();
        assert_eq!(&all(&view, "efforts").await, efforts, "at {snapshot}");
        assert_eq!(&all(&view, "tracks").await, tracks, "at {snapshot}");
    }
    // DuckDB takes its time to start: a few of them, the newest included.
    let sampled = before.keys().rev().step_by(7);
    for snapshot in sampled {
        let how = Use::At(*snapshot);
        let results = duckdb(place, how, &["from efforts", "from tracks"]);
        let results = results.into_iter().map(in_order);
        assert!(
            results.eq(before[snapshot].iter().cloned()),
            "at {snapshot}"
        );
    }
}

/// Panics unless the rows of each file of the table are sorted.
async fn check_order(lake: &Lake, table: &'static Table) {
    let view = lake.latest().await.unwrap();
    let state = lake.inner.newest().await.unwrap();
    let columns: Vec<usize> = table
        .sort
        .iter()
        .map(|name| state.tables[table.name].schema.index_of(name).unwrap())
        .collect();
    let (_, store) = view.object_store();
    for file in state.tables[table.name].files.iter() {
        let bytes = store.get(&file.object.path).await.unwrap();
        let bytes = bytes.bytes().await.unwrap();
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap();
        let batches: Vec<_> = reader.build().unwrap().map(Result::unwrap).collect();
        let rows = arrow::compute::concat_batches(batches[0].schema_ref(), &batches).unwrap();
        let keys = rows.project(&columns).unwrap();
        let fields = keys
            .columns()
            .iter()
            .map(|column| arrow::row::SortField::new(column.data_type().clone()));
        let converter = arrow::row::RowConverter::new(fields.collect()).unwrap();
        let keys = converter.convert_columns(keys.columns()).unwrap();
        let order: Vec<_> = keys.iter().collect();
        assert!(order.is_sorted(), "{}", file.object.path);
    }
}

fn append(table: &'static Table, rows: arrow::array::RecordBatch) -> TableChange {
    TableChange {
        table,
        delete: None,
        append: vec![rows],
    }
}

/// Many small files become few, sorted ones; every snapshot reads as before,
/// and so does DuckDB, which then goes on with the lake.
pub async fn small_files_become_few_and_the_past_stays(place: &Place) {
    let lake = open(place).await.lake;
    let first = lake.commit(replace(0..3, 1)).await.unwrap().snapshot_id;
    for n in 0..36 {
        // Every third one replaces what is there, some of it twice.
        let activities = if n % 3 == 2 { n - 2..n } else { n + 3..n + 4 };
        lake.commit(replace(activities, n)).await.unwrap();
    }
    let before = history(&lake, first).await;
    let view = lake.latest().await.unwrap();
    assert!(view.size("efforts").unwrap().files > 8);
    let years: i64 = 4;

    let (done, overtaken) = rewrite_all(&lake, Mode::Whole).await;
    assert!(done > 0 && overtaken == 0, "{done} and {overtaken}");
    let view = lake.latest().await.unwrap();
    assert_eq!(view.size("efforts").unwrap().files, 1);
    assert!(view.size("tracks").unwrap().files <= years as usize + 1);
    check_history(place, &lake, &before).await;
    let newest = before.values().last().unwrap();
    assert_eq!(all(&view, "efforts").await, newest[0]);
    assert_eq!(all(&view, "tracks").await, newest[1]);
    check_order(&lake, &EFFORTS).await;
    check_order(&lake, &TRACKS).await;
    assert!(lake.verify().await.unwrap().is_empty());
    assert_eq!(rewrite_all(&lake, Mode::Whole).await, (0, 0));
    // Another process, which reads the state anew, sees the same.
    let other = open(place).await.lake.latest().await.unwrap();
    assert_eq!(all(&other, "tracks").await, newest[1]);

    // Reads by key, deletes and DuckDB's own maintenance go on.
    let keys = KeySet::activities(&[key(6), key(9)]);
    let found = view.rows("tracks", None, &keys).await.unwrap();
    assert_eq!(found.iter().map(|rows| rows.num_rows()).sum::<usize>(), 2);
    lake.commit(replace(5..6, 99)).await.unwrap();
    duckdb(
        place,
        Use::Write(0),
        &[
            "update efforts set elapsed_s = 1 where athlete_id = 2",
            "call ducklake_merge_adjacent_files('lake')",
            "call ducklake_rewrite_data_files('lake', delete_threshold => 0.0)",
            "select count(*) from ducklake_expire_snapshots('lake', older_than => now())",
            "call ducklake_cleanup_old_files('lake', cleanup_all => true)",
        ],
    );
    let view = lake.latest().await.unwrap();
    let results = duckdb(place, Use::Newest, &["from efforts", "from tracks"]);
    let [efforts, tracks] = results.try_into().unwrap();
    assert_eq!(in_order(efforts), all(&view, "efforts").await);
    assert_eq!(in_order(tracks), all(&view, "tracks").await);
}

/// What single commits became.
#[derive(Clone, Debug)]
pub struct Merged {
    /// The table.
    pub table: &'static str,
    /// After the commits.
    pub single: TableSize,
    /// After what a served lake does by itself.
    pub served: TableSize,
    /// After all there is to do.
    pub whole: TableSize,
    /// Of the same rows in one commit.
    pub bulk: TableSize,
}

/// Commits activities of so many samples one by one, and maintains the lake
/// in two steps. Panics where a row is not what it was.
pub async fn merge_single_commits(place: &Place, commits: i64, samples: i64) -> [Merged; 2] {
    let lake = open(place).await.lake;
    let changes = |activities: std::ops::Range<i64>| {
        // Twenty starts over again: three years, whatever the number.
        let activities = activities.map(|n| n % 20);
        vec![
            append(&EFFORTS, efforts(activities.clone(), 1)),
            append(&TRACKS, tracks(activities, samples, 1)),
        ]
    };
    for n in 0..commits {
        lake.commit(commit(changes(n..n + 1))).await.unwrap();
    }
    let view = lake.latest().await.unwrap();
    let rows = [all(&view, "efforts").await, all(&view, "tracks").await];
    let mut sizes = vec![view];
    for mode in [Mode::Served, Mode::Whole] {
        rewrite_all(&lake, mode).await;
        let view = lake.latest().await.unwrap();
        let after = [all(&view, "efforts").await, all(&view, "tracks").await];
        assert!(after == rows, "the rows are others");
        sizes.push(view);
    }
    let bulk = Place::sqlite();
    let lake = open(&bulk).await.lake;
    lake.commit(commit(changes(0..commits))).await.unwrap();
    sizes.push(lake.latest().await.unwrap());
    ["efforts", "tracks"].map(|table| {
        let mut sizes = sizes.iter().map(|view| view.size(table).unwrap());
        let mut next = || sizes.next().expect("there are four");
        Merged {
            table,
            single: next(),
            served: next(),
            whole: next(),
            bulk: next(),
        }
    })
}

/// After hundreds of single commits as many files stay as one commit of all
/// of it makes.
///
/// `PACELAKE_TEST_COMMITS` says how many. Two thousand, on SQLite:
///
/// ```text
/// PACELAKE_TEST_COMMITS=2000 cargo test -p pacelake-storage --lib -- --nocapture \
///     sqlite_and_disk::single_commits_become_what_one_commit_makes
/// ```
pub async fn single_commits_become_what_one_commit_makes(place: &Place) {
    const COMMITS: usize = 220;
    let commits = std::env::var("PACELAKE_TEST_COMMITS").map_or(COMMITS, |n| n.parse().unwrap());
    for merged in merge_single_commits(place, commits as i64, 20).await {
        println!(
            "{}: {} files of as many commits, {} once served, {} maintained; {} of one commit",
            merged.table,
            merged.single.files,
            merged.served.files,
            merged.whole.files,
            merged.bulk.files
        );
        assert_eq!(merged.single.files, commits);
        // A served lake has begun by itself: whatever stays, it is much less.
        assert!(merged.served.files < 80, "{merged:?}");
        assert!(merged.whole.files <= 2 * merged.bulk.files, "{merged:?}");
        assert_eq!(merged.whole.rows, merged.bulk.rows);
    }
}

/// A file that lost many rows is written again without them; one that lost a
/// few is not.
pub async fn deleted_rows_go_when_they_are_many(place: &Place) {
    let lake = open(place).await.lake;
    let rows = efforts(0..40, 1);
    lake.commit(commit(vec![append(&EFFORTS, rows)]))
        .await
        .unwrap();
    let delete = |activities: std::ops::Range<i64>| {
        let keys: Vec<_> = activities.map(key).collect();
        commit(vec![TableChange {
            table: &EFFORTS,
            delete: Some(KeySet::activities(&keys)),
            append: vec![],
        }])
    };
    lake.commit(delete(0..8)).await.unwrap();
    assert_eq!(rewrite_all(&lake, Mode::Whole).await, (0, 0));
    lake.commit(delete(8..14)).await.unwrap();
    let steps = lake.rewrites(&EFFORTS, Mode::Whole).await.unwrap();
    let [step] = steps.as_slice() else {
        panic!("one file shrinks: {steps:?}");
    };
    assert_eq!((step.why, step.before.rows), (Why::Deleted, 2 * 26));
    rewrite_all(&lake, Mode::Whole).await;
    let state = lake.inner.newest().await.unwrap();
    let files = &state.tables["efforts"].files;
    assert_eq!(files.len(), 1);
    assert_eq!((files[0].rows, &files[0].deletes), (2 * 26, &None));
    let view = lake.latest().await.unwrap();
    assert_eq!(all(&view, "efforts").await, sorted(&[efforts(14..40, 1)]));
}

/// What DuckDB left, be it unsorted, merged, half-deleted or in the catalog,
/// is laid as ours is.
pub async fn what_duckdb_left_is_laid_anew(place: &Place) {
    let lake = open(place).await.lake;
    let first = lake.commit(replace(0..12, 1)).await.unwrap().snapshot_id;
    duckdb(
        place,
        Use::Write(0),
        &[
            "insert into efforts select * replace (activity_id + 1 as activity_id) \
             from efforts order by activity_id desc",
            "insert into tracks select * replace (activity_id + 1 as activity_id) \
             from tracks order by activity_id desc",
            "insert into efforts select * replace (activity_id + 2 as activity_id) \
             from efforts where athlete_id = 1",
            "delete from efforts where athlete_id = 2 and distance_m = 400",
            "call ducklake_merge_adjacent_files('lake')",
            "delete from tracks where athlete_id = 3",
        ],
    );
    duckdb(
        place,
        Use::Write(10),
        &[
            "insert into efforts values (7, timestamp '2020-02-29 01:02:03.5', 9, 400, 60, 'run'), \
             (1, timestamp '2020-02-28 01:02:03.5', 8, 400, null, null)",
            "delete from efforts where athlete_id = 3 and distance_m = 400",
        ],
    );
    let before = history(&lake, first).await;
    let (done, _) = rewrite_all(&lake, Mode::Whole).await;
    assert!(done > 0);
    check_history(place, &lake, &before).await;
    let view = lake.latest().await.unwrap();
    let newest = before.values().last().unwrap();
    assert_eq!(all(&view, "efforts").await, newest[0]);
    assert_eq!(all(&view, "tracks").await, newest[1]);
    let state = lake.inner.newest().await.unwrap();
    for table in state.tables.values() {
        assert!(table.inlined.is_none());
        for file in table.files.iter() {
            let path = file.object.path.to_string();
            assert!(path.contains("/pacelake-"), "{path}");
        }
    }
    check_order(&lake, &EFFORTS).await;
    check_order(&lake, &TRACKS).await;
    let results = duckdb(place, Use::Newest, &["from efforts", "from tracks"]);
    let [efforts, tracks] = results.try_into().unwrap();
    assert_eq!([in_order(efforts), in_order(tracks)], *newest);
}

/// While two maintainers rewrite all there is, again and again, writers
/// replace rows: every commit of theirs succeeds, and the rows are theirs.
pub async fn writers_never_lose_against_maintenance(place: &Place) {
    const ROUNDS: i64 = 30;
    let stop = Arc::new(AtomicBool::new(false));
    let maintainer = |lake: Lake| {
        let stop = Arc::clone(&stop);
        tokio::spawn(async move {
            let mut done = 0;
            while !stop.load(Ordering::Relaxed) {
                for table in lake.maintained() {
                    for step in lake.rewrites(table, Mode::Whole).await.unwrap() {
                        let mut became = lake.rewrite(&step).await.unwrap();
                        if became == Rewritten::Overtaken {
                            became = lake.rewrite_first(&step).await.unwrap();
                        }
                        done += u32::from(became != Rewritten::Overtaken);
                    }
                }
                tokio::task::yield_now().await;
            }
            done
        })
    };
    let first = open(place).await.lake;
    first.commit(replace(0..12, 0)).await.unwrap();
    let maintainers = [
        maintainer(open(place).await.lake),
        maintainer(open(place).await.lake),
    ];
    let writer = |lake: Lake, activities: std::ops::Range<i64>| {
        tokio::spawn(async move {
            for round in 1..=ROUNDS {
                // Some of its rows, and all of them at the end.
                let some = activities.start + round % 3..activities.end;
                lake.commit(replace(some, round)).await.unwrap();
            }
            lake.commit(replace(activities, 100)).await.unwrap();
        })
    };
    let writers = [
        writer(first.clone(), 0..6),
        writer(open(place).await.lake, 6..12),
    ];
    for writer in writers {
        writer.await.unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let mut done = 0;
    for maintainer in maintainers {
        done += maintainer.await.unwrap();
    }
    assert!(done > 0, "no rewrite got through");
    rewrite_all(&first, Mode::Whole).await;
    let view = first.latest().await.unwrap();
    assert_eq!(all(&view, "efforts").await, sorted(&[efforts(0..12, 100)]));
    assert_eq!(
        all(&view, "tracks").await,
        sorted(&[tracks(0..12, 20, 100)])
    );
    assert!(first.verify().await.unwrap().is_empty());
    // No snapshot of all of them had a row twice or not at all.
    let newest = view.snapshot_id();
    for snapshot in (newest - 60..=newest).step_by(3) {
        let view = first.at(snapshot).await.unwrap();
        assert_eq!(all(&view, "efforts").await.len(), 24, "at {snapshot}");
    }
}

/// Polls a future so many times at most; `None` where it was not done by then
/// and is dropped.
async fn cut_off<F: Future>(future: F, polls: u32) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

/// Maintenance that is cut off anywhere leaves a sound lake with the same
/// rows, and goes on from there.
pub async fn maintenance_may_be_cut_off_anywhere(place: &Place) {
    let lake = open(place).await.lake;
    for n in 0..8 {
        lake.commit(replace(n..n + 2, n)).await.unwrap();
    }
    let view = lake.latest().await.unwrap();
    let rows = [all(&view, "efforts").await, all(&view, "tracks").await];
    let mut finished = 0;
    for polls in 1..120 {
        // Something to do, whatever was done.
        lake.commit(replace(9..10, polls.into())).await.unwrap();
        let done = cut_off(rewrite_all(&lake, Mode::Whole), polls).await;
        finished += u32::from(done.is_some());
        let view = lake.latest().await.unwrap();
        let keys = KeySet::activities(&(0..9).map(key).collect::<Vec<_>>());
        for (table, rows) in ["efforts", "tracks"].into_iter().zip(&rows) {
            let found = view.rows(table, None, &keys).await.unwrap();
            assert_eq!(&sorted(&found), rows, "cut off after {polls} polls");
        }
    }
    assert!(finished > 0, "no run came to its end");
    rewrite_all(&lake, Mode::Whole).await;
    assert!(lake.verify().await.unwrap().is_empty());
    let view = lake.latest().await.unwrap();
    assert_eq!(view.size("efforts").unwrap().files, 1);
}
