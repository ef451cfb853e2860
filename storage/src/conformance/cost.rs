//! What work costs: counted, not timed.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};

use super::rows::{EFFORTS, TRACKS, commit, key, open, query, replace, sorted, tracks};
use crate::catalog::{Counts, Tx, Value};
use crate::lake::{KeySet, Lake, TableChange, TableSize};
use crate::testing::Place;

/// A commit runs the same statements and reads the same number of rows at 10
/// and at 10,000 live files.
pub async fn a_commit_costs_the_same_at_ten_thousand_files(place: &Place) {
    let few = cost_at(place, 10).await;
    let many = cost_at(place, 10_000).await;
    assert!(few.statements > 0 && few.rows_read > 0);
    assert_eq!(few, many);
}

/// What a replace costs with so many files of other athletes in each table.
async fn cost_at(place: &Place, files: i64) -> Counts {
    let storage = open(place).await;
    let db = storage.catalog.db();
    // The first commit sets the ranges of the tables, so that the second,
    // which is counted, widens nothing.
    let changes = || replace(0..3, 1);
    storage.lake.commit(changes()).await.unwrap();
    let snapshot = storage.lake.latest().await.unwrap().snapshot_id();
    let mut tx = db.begin().await.unwrap();
    for table in ["efforts", "tracks"] {
        invent_files(&mut tx, table, files, snapshot).await;
    }
    tx.commit().await.unwrap();
    let storage = open(place).await;
    storage.lake.latest().await.unwrap();
    let before = storage.catalog.db().counts();
    storage.lake.commit(changes()).await.unwrap();
    let after = storage.catalog.db().counts();
    Counts {
        statements: after.statements - before.statements,
        rows_read: after.rows_read - before.rows_read,
    }
}

/// Puts rows of live files that are not there into the catalog, until the
/// table has `files`.
async fn invent_files(tx: &mut Tx, table: &str, files: i64, snapshot: i64) {
    let rows = tx
        .fetch(
            "select table_id from ducklake_table where table_name = $1",
            &[Value::from(table)],
        )
        .await
        .unwrap();
    let table_id = rows[0].int(0).unwrap();
    let first = 1_000_000 * (table_id + 1);
    let (mut data, mut stats) = (Vec::new(), Vec::new());
    for n in first..first + files {
        data.push(vec![
            Value::Int(n),
            Value::Int(table_id),
            Value::Int(snapshot),
            Value::Text(format!("invented-{n}.parquet")),
            Value::Bool(true),
            Value::from("parquet"),
            Value::Int(1),
            Value::Int(1000),
            Value::Int(500),
            Value::Int(n),
        ]);
        for column in 1..=3 {
            // Another athlete's, long ago.
            let value = match column {
                1 => "900".to_owned(),
                2 => "1990-01-01 00:00:00".to_owned(),
                _ => n.to_string(),
            };
            stats.push(vec![
                Value::Int(n),
                Value::Int(table_id),
                Value::Int(column),
                Value::Int(1),
                Value::Int(0),
                Value::from(value.clone()),
                Value::from(value),
            ]);
        }
    }
    tx.execute(
        "delete from ducklake_data_file where data_file_id >= $1 and table_id = $2",
        &[Value::Int(first), Value::Int(table_id)],
    )
    .await
    .unwrap();
    tx.execute_rows(
        "insert into ducklake_data_file (data_file_id, table_id, begin_snapshot, path, \
         path_is_relative, file_format, record_count, file_size_bytes, footer_size, row_id_start)",
        &data,
        "",
    )
    .await
    .unwrap();
    tx.execute_rows(
        "insert into ducklake_file_column_stats (data_file_id, table_id, column_id, value_count, \
         null_count, min_value, max_value)",
        &stats,
        "",
    )
    .await
    .unwrap();
}

/// One activity's streams out of a file of 10,000 activities cost a few pages.
pub async fn a_point_read_reads_a_few_pages(place: &Place) {
    const ACTIVITIES: i64 = 10_000;
    const SAMPLES: i64 = 100;
    let storage = open(place).await;
    // Ten days apart they lie in many years; one file needs one year.
    let near = |n: i64| {
        let mut near = key(n);
        near.start_time_us = 1_700_000_000_000_000 + n * 60_000_000;
        near
    };
    let rows = tracks(0..ACTIVITIES, SAMPLES, 1);
    let starts = (0..ACTIVITIES).map(|n| near(n).start_time_us);
    let starts = arrow::array::TimestampMicrosecondArray::from_iter_values(starts);
    let mut columns = rows.columns().to_vec();
    columns[1] = Arc::new(starts);
    let rows = arrow::array::RecordBatch::try_new(rows.schema(), columns).unwrap();
    let append = TableChange {
        table: &TRACKS,
        delete: None,
        append: vec![rows.clone()],
    };
    storage.lake.commit(commit(vec![append])).await.unwrap();

    let mut objects = place.objects().await;
    let counted = Arc::new(Counting::new(Arc::clone(&objects.lake)));
    objects.lake = Arc::clone(&counted) as Arc<dyn ObjectStore>;
    let lake = Lake::open(
        storage.catalog.db().clone(),
        &objects,
        &[&EFFORTS, &TRACKS],
        &[],
    )
    .await
    .unwrap();
    let view = lake.latest().await.unwrap();
    let TableSize {
        files, bytes: size, ..
    } = view.size("tracks").unwrap();
    assert_eq!(files, 1);
    let read = |n: i64| {
        let (view, counted) = (view.clone(), Arc::clone(&counted));
        async move {
            let before = counted.bytes.load(Ordering::Relaxed);
            let keys = KeySet::activities(&[near(n)]);
            let found = view.rows("tracks", None, &keys).await.unwrap();
            let read = counted.bytes.load(Ordering::Relaxed) - before;
            (sorted(&found), read)
        }
    };
    let (_, first) = read(17).await;
    let (found, second) = read(7_777).await;
    assert_eq!(found, sorted(&[rows.slice(7_777, 1)]));
    // A page of lists holds 16 activities; the three key columns and the two
    // lists have one page each to read, and twice as much is plenty.
    let activity = size / ACTIVITIES as u64;
    assert!(
        second < 2 * 16 * activity + 4096,
        "{second} bytes for an activity of {activity}"
    );
    // By SQL likewise, with footer and page index at hand.
    let wanted = near(5_555);
    let sql = format!(
        "select * from tracks where athlete_id = {} and activity_id = {} \
         and start_time = to_timestamp_micros({})",
        wanted.athlete_id, wanted.activity_id, wanted.start_time_us
    );
    let before = counted.bytes.load(Ordering::Relaxed);
    let found = query(&view, &sql).await;
    let by_sql = counted.bytes.load(Ordering::Relaxed) - before;
    assert_eq!(sorted(&found), sorted(&[rows.slice(5_555, 1)]));
    assert!(by_sql < 2 * 16 * activity + 4096, "{by_sql} bytes by SQL");
    // The first read also took footer and page index, once.
    assert!(first < size / 10, "{first} bytes of {size}");
}

/// An object store that counts the bytes that are read through it.
#[derive(Debug)]
struct Counting {
    inner: Arc<dyn ObjectStore>,
    bytes: AtomicU64,
}

impl Counting {
    fn new(inner: Arc<dyn ObjectStore>) -> Self {
        Self {
            inner,
            bytes: AtomicU64::new(0),
        }
    }
}

impl fmt::Display for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "counting({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for Counting {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let result = self.inner.get_opts(location, options).await?;
        let bytes = result.range.end - result.range.start;
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(result)
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.inner.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
