//! Stock DuckDB and pacelake on the same lake: one reads what the other
//! wrote.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int32Builder, ListBuilder, RecordBatch};
use arrow::datatypes::Int32Type;
use serde_json::json;

use super::rows::{
    self, EFFORTS, PAIRED, TRACKS, Use, all, commit, duckdb, in_order, key, open, query, replace,
    session, sorted,
};
use crate::Storage;
use crate::code::{Code, Failure};
use crate::lake::{KeySet, TableChange, is_missing_file};
use crate::tables::{FACTS, SAMPLES_VIEW, STREAMS};
use crate::testing::Place;

/// DuckDB reads every table, with lists, replaced and deleted rows, and the
/// view.
pub async fn duckdb_reads_every_table(place: &Place) {
    let lake = open(place).await.lake;
    lake.commit(replace(0..50, 1)).await.unwrap();
    lake.commit(replace(7..9, 2)).await.unwrap();
    lake.commit(replace(8..10, 3)).await.unwrap();
    let view = lake.latest().await.unwrap();
    let results = duckdb(
        place,
        Use::Newest,
        &[
            "from efforts",
            "from tracks",
            "select activity_id, elapsed_s, samples from paired",
            "select count(*) from tracks where year(start_time) = 2022",
            "select table_name, comment from duckdb_tables() where database_name = 'lake' \
             order by table_name",
        ],
    );
    let [efforts, tracks, paired, of_2022, comments] = results.try_into().unwrap();
    assert_eq!(in_order(efforts), all(&view, "efforts").await);
    assert_eq!(in_order(tracks), all(&view, "tracks").await);
    assert_eq!(view.views(), [(PAIRED.0.to_owned(), PAIRED.1.to_owned())]);
    let joined = query(&view, &PAIRED.1.replace("len(", "array_length(")).await;
    assert_eq!(in_order(paired), sorted(&joined));
    let ours = query(
        &view,
        "select count(*) from tracks \
         where start_time >= timestamp '2022-01-01' and start_time < timestamp '2023-01-01'",
    )
    .await;
    assert_eq!(of_2022, sorted(&ours));
    assert_eq!(
        comments,
        [
            json!(["efforts", EFFORTS.grain]),
            json!(["tracks", TRACKS.grain])
        ]
    );
}

/// DuckDB sees every older snapshot as we do.
pub async fn duckdb_sees_the_past(place: &Place) {
    let lake = open(place).await.lake;
    let first = lake.commit(replace(0..6, 1)).await.unwrap().snapshot_id;
    lake.commit(replace(2..4, 2)).await.unwrap();
    lake.commit(replace(3..5, 3)).await.unwrap();
    let keys: Vec<_> = (0..6).map(key).collect();
    let delete = TableChange {
        table: &EFFORTS,
        delete: Some(KeySet::activities(&keys)),
        append: vec![],
    };
    let last = lake.commit(commit(vec![delete])).await.unwrap().snapshot_id;
    assert_eq!(last, first + 3);
    for snapshot in first..=last {
        let view = lake.at(snapshot).await.unwrap();
        let [efforts] = duckdb(place, Use::At(snapshot), &["from efforts"])
            .try_into()
            .unwrap();
        assert_eq!(
            in_order(efforts),
            all(&view, "efforts").await,
            "at {snapshot}"
        );
    }
}

/// DuckDB changes and maintains a lake of ours; both read the same after each
/// step, and we go on.
pub async fn duckdb_goes_on_where_we_stop(place: &Place) {
    let storage = open(place).await;
    let lake = storage.lake;
    lake.commit(replace(0..20, 1)).await.unwrap();
    lake.commit(replace(3..6, 2)).await.unwrap();
    let steps: &[&[&str]] = &[
        &["update efforts set elapsed_s = elapsed_s + 1 where athlete_id = 1"],
        &[
            "delete from tracks where len(t_ms) > 3 and athlete_id = 2",
            "insert into efforts select * replace (activity_id + 1 as activity_id) \
             from efforts where athlete_id = 3",
        ],
        &["call ducklake_merge_adjacent_files('lake')"],
        &["call ducklake_rewrite_data_files('lake', delete_threshold => 0.0)"],
        &[
            "select count(*) from ducklake_expire_snapshots('lake', older_than => now())",
            "call ducklake_cleanup_old_files('lake', cleanup_all => true)",
        ],
    ];
    for (step, statements) in steps.iter().enumerate() {
        duckdb(place, Use::Write(0), statements);
        let results = duckdb(place, Use::Newest, &["from efforts", "from tracks"]);
        let [efforts, tracks] = results.try_into().unwrap();
        let view = lake.latest().await.unwrap();
        assert_eq!(
            in_order(efforts),
            all(&view, "efforts").await,
            "after step {step}"
        );
        assert_eq!(
            in_order(tracks),
            all(&view, "tracks").await,
            "after step {step}"
        );
        // Ours again, over files that DuckDB wrote.
        let n = step as i64;
        lake.commit(replace(n..n + 2, 10 + n)).await.unwrap();
        let view = lake.latest().await.unwrap();
        let found = view
            .rows("efforts", None, &KeySet::activities(&[key(n), key(n + 1)]))
            .await
            .unwrap();
        assert_eq!(sorted(&found), sorted(&[rows::efforts(n..n + 2, 10 + n)]));
        let [efforts] = duckdb(place, Use::Newest, &["from efforts"])
            .try_into()
            .unwrap();
        assert_eq!(in_order(efforts), all(&view, "efforts").await);
    }
}

/// A view outlives the files that it knew, where DuckDB merges them and removes
/// the old ones: rows by key are found at once, a query after a reload.
pub async fn a_view_outlives_its_files(place: &Place) {
    let lake = open(place).await.lake;
    for n in 0..4 {
        lake.commit(replace(n..n + 1, 1)).await.unwrap();
    }
    let view = lake.latest().await.unwrap();
    let expected = all(&view, "efforts").await;
    lake.commit(replace(9..10, 1)).await.unwrap();
    duckdb(
        place,
        Use::Write(0),
        &[
            "call ducklake_merge_adjacent_files('lake')",
            "call ducklake_cleanup_old_files('lake', cleanup_all => true)",
        ],
    );
    let plan = session(&view).sql("from efforts select *").await.unwrap();
    let error = plan.collect().await.unwrap_err();
    assert!(is_missing_file(&error), "{error}");
    view.renew().await.unwrap();
    assert_eq!(all(&view, "efforts").await, expected);
    let keys: Vec<_> = (0..10).map(key).collect();
    let found = view
        .rows("efforts", None, &KeySet::activities(&keys))
        .await
        .unwrap();
    assert_eq!(sorted(&found), expected);
}

/// Opens the place without tables of ours.
async fn open_foreign(place: &Place) -> Storage {
    Storage::open(&place.options(), &[], &[])
        .await
        .expect("a lake of DuckDB's opens")
}

/// We read lakes that DuckDB made and changed, at every snapshot: appends,
/// deletes, updates, merges, columns that are renamed, added and dropped.
pub async fn we_read_what_duckdb_made(place: &Place) {
    duckdb(
        place,
        Use::Write(0),
        &[
            "create table t(id bigint not null, x double, s varchar, l integer[], begun timestamp, \
             day date, ok boolean)",
            "alter table t set partitioned by (year(begun))",
            "insert into t select i, i / 7, 's' || i, [i, null], \
             timestamp '2023-05-01 10:00:00.25' + interval (i * 60) day, \
             date '2020-02-29', i % 2 = 0 from range(1, 20) r(i)",
            "insert into t values (50, 'nan', '', [], null, null, null)",
            "delete from t where id in (3, 4)",
            "delete from t where id in (5, 13)",
            "update t set s = 'changed' where id in (6, 7)",
            "insert into t select i, 1, 'more', null, timestamp '2023-07-01', null, true \
             from range(60, 64) r(i)",
            "insert into t select i, 1, 'more', null, timestamp '2023-07-01', null, true \
             from range(64, 66) r(i)",
            "call ducklake_merge_adjacent_files('lake')",
            "alter table t rename column s to name",
            "alter table t add column hr integer default 7",
            "alter table t add column s varchar",
            "insert into t values (70, 2.5, 'n', [1, 2], timestamp '2024-01-01', null, false, 8, 'x')",
            "delete from t where id = 61",
            "alter table t drop column x",
            "update t set hr = 9 where id < 10",
        ],
    );
    let lake = open_foreign(place).await.lake;
    let newest = lake.latest().await.unwrap().snapshot_id();
    let mut compared = 0;
    for snapshot in 2..=newest {
        let view = lake.at(snapshot).await.unwrap();
        let [rows] = duckdb(place, Use::At(snapshot), &["from t"])
            .try_into()
            .unwrap();
        compared += rows.len();
        assert_eq!(in_order(rows), all(&view, "t").await, "at {snapshot}");
    }
    assert!(compared > 200, "{compared} rows are too few to compare");
    let view = lake.latest().await.unwrap();
    let filtered = query(&view, "select id from t where hr = 7 and name = 'more'").await;
    let [rows] = duckdb(
        place,
        Use::Newest,
        &["select id from t where hr = 7 and name = 'more'"],
    )
    .try_into()
    .unwrap();
    assert_eq!(in_order(rows), sorted(&filtered));
    assert!(filtered.iter().any(|batch| batch.num_rows() > 0));
}

/// A table of types that we do not read hinders nobody who does not ask for
/// it: ours are read, written and defined beside it.
pub async fn a_table_that_is_not_read_is_left_alone(place: &Place) {
    let lake = open(place).await.lake;
    lake.commit(replace(0..3, 1)).await.unwrap();
    let statements = [
        "create table visits(id uuid, efforts map(varchar, integer))",
        "insert into visits values (uuid(), map {'a': 1})",
    ];
    duckdb(place, Use::Write(0), &statements);
    lake.commit(replace(2..5, 2)).await.unwrap();
    let lake = open(place).await.lake;
    lake.commit(replace(4..6, 3)).await.unwrap();
    let view = lake.latest().await.unwrap();
    assert!(!view.table_names().contains(&"visits".to_owned()));
    let [rows, visits] = duckdb(place, Use::Newest, &["from efforts", "from visits"])
        .try_into()
        .unwrap();
    assert_eq!(in_order(rows), all(&view, "efforts").await);
    assert_eq!(visits.len(), 1);
    let keys = KeySet::activities(&[key(0)]);
    let error = view.rows("visits", None, &keys).await.unwrap_err();
    assert_eq!(error.code(), Code::UnknownVersion, "{error}");
}

/// We read rows and deletes that DuckDB keeps in the catalog, and end them.
pub async fn we_read_rows_in_the_catalog(place: &Place) {
    let storage = open(place).await;
    let lake = storage.lake;
    lake.commit(replace(0..6, 1)).await.unwrap();
    let steps: &[&[&str]] = &[
        &[
            "insert into efforts select * replace ('it''s, \"new\"' as sport) \
             from efforts where athlete_id = 1",
            "insert into tracks select * replace ([1, null, 3] as heart_rate_bpm) \
             from tracks where athlete_id = 2",
            "insert into efforts values (7, timestamp '2020-02-29 01:02:03.5', 9, 400, 'nan', null)",
        ],
        &["delete from efforts where athlete_id = 2 and distance_m = 400"],
        &["delete from efforts where athlete_id = 7"],
        &["call ducklake_flush_inlined_data('lake')"],
    ];
    for (step, statements) in steps.iter().enumerate() {
        duckdb(place, Use::Write(10), statements);
        let view = lake.latest().await.unwrap();
        let results = duckdb(place, Use::Newest, &["from efforts", "from tracks"]);
        let [efforts, tracks] = results.try_into().unwrap();
        assert_eq!(
            in_order(efforts),
            all(&view, "efforts").await,
            "step {step}"
        );
        assert_eq!(in_order(tracks), all(&view, "tracks").await, "step {step}");
        let n = step as i64;
        lake.commit(replace(n..n + 1, 20 + n)).await.unwrap();
        let view = lake.latest().await.unwrap();
        let found = view
            .rows("efforts", None, &KeySet::activities(&[key(n)]))
            .await
            .unwrap();
        assert_eq!(sorted(&found), sorted(&[rows::efforts(n..n + 1, 20 + n)]));
        let [efforts] = duckdb(place, Use::Newest, &["from efforts"])
            .try_into()
            .unwrap();
        assert_eq!(
            in_order(efforts),
            all(&view, "efforts").await,
            "step {step}"
        );
    }
}

/// The view `samples` over `streams` gives each sample in natural units.
pub async fn duckdb_has_the_view_of_samples(place: &Place) {
    let views = [("samples", SAMPLES_VIEW)];
    let lake = Storage::open(&place.options(), FACTS, &views)
        .await
        .expect("the place opens")
        .lake;
    let tracks = rows::tracks(0..3, 5, 1);
    let mut columns: Vec<(String, ArrayRef)> = tracks
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .zip(tracks.columns().to_vec())
        .collect();
    // Positions as large as they get, in the integers that are kept.
    let heart_rates = tracks.column(4).as_list::<i32>();
    let mut positions = ListBuilder::new(Int32Builder::new());
    for row in 0..heart_rates.len() {
        for sample in 0..5 {
            positions
                .values()
                .append_value(-1_800_000_000 + sample * 7 + row as i32);
        }
        positions.append(true);
    }
    columns.push(("lng_e7".to_owned(), Arc::new(positions.finish())));
    let append = TableChange {
        table: &STREAMS,
        delete: None,
        append: vec![RecordBatch::try_from_iter(columns).unwrap()],
    };
    lake.commit(commit(vec![append])).await.unwrap();
    let [found] = duckdb(
        place,
        Use::Newest,
        &["select activity_id, sample, elapsed_s, lng_deg, heart_rate_bpm, power_w from samples"],
    )
    .try_into()
    .unwrap();
    let double = |value: f64| format!("f:{:016x}", value.to_bits());
    let mut expected = Vec::new();
    for n in 0..3i64 {
        let rates = heart_rates
            .is_valid(n as usize)
            .then(|| heart_rates.value(n as usize));
        for sample in 0..5i64 {
            let rate = rates.as_ref().and_then(|rates| {
                let rates = rates.as_primitive::<Int32Type>();
                let sample = sample as usize;
                rates.is_valid(sample).then(|| rates.value(sample))
            });
            let lng_e7 = -1_800_000_000 + sample * 7 + n;
            expected.push(json!([
                key(n).activity_id.0,
                sample,
                double((sample * 1000 + n) as f64 / 1000.0),
                double(lng_e7 as f64 / 1e7),
                rate,
                null
            ]));
        }
    }
    assert_eq!(in_order(found), in_order(expected));
}
