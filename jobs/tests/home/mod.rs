//! A place of its own for each test, real recordings in it, and all its rows
//! as they are in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::compute::{concat_batches, lexsort_to_indices, take_record_batch};
use pacelake_jobs::progress::{Silent, Stop};
use pacelake_jobs::{Context, check, import};
use query::session::{Limits, Session};
use storage::Storage;
pub use storage::testing::Place;
use walkdir::WalkDir;

/// All rows, by table.
pub type Tables = BTreeMap<&'static str, RecordBatch>;

/// One outing in four files, and four others, three of them in one file.
pub const SEVERAL: &[&str] = &[
    "fit/4801048867.fit",
    "gpx/4801048867_strava.gpx",
    "gpx/activity_4801048867.gpx",
    "tcx/activity_4801048867.tcx",
    "fit/20140622_swim_garmin_fr910xt.fit",
    "tcx/treadmill_1.tcx",
    "strava",
];

/// Paths of sample recordings.
pub fn recordings(names: &[&str]) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/recordings");
    names.iter().map(|name| folder.join(name)).collect()
}

/// Opens the place, at a fixed time.
pub async fn open(place: &Place) -> Context {
    let tables = query::derived::tables();
    let storage = Storage::open(&place.options(), &tables, storage::tables::VIEWS).await;
    Context {
        storage: storage.unwrap(),
        now: || "2026-01-31T12:00:00Z".parse().unwrap(),
        progress: Arc::new(Silent),
        stop: Stop::default(),
    }
}

/// Opens the place and takes recordings in, one import each.
pub async fn imported(place: &Place, names: &[&str]) -> Context {
    let context = open(place).await;
    for path in recordings(names) {
        let report = import::import(&context, None, &[path]).await.unwrap();
        assert_eq!(report.failed, 0, "{report:#?}");
    }
    context
}

/// All rows of every table in order of key, as they are in memory: doubles
/// are compared bit by bit.
pub async fn rows(context: &Context) -> Tables {
    let view = context.storage.lake.latest().await.unwrap();
    let session = Session::open(&view, Limits::jobs()).await.unwrap();
    let mut tables = BTreeMap::new();
    for table in query::derived::tables() {
        let text = format!("select * from {}", table.name);
        let rows = query::sql::query(&session, &text).await.unwrap();
        let rows = concat_batches(&rows.schema, &rows.batches).unwrap();
        let keys: Vec<_> = table
            .key
            .iter()
            .map(|name| arrow::compute::SortColumn {
                values: rows.column_by_name(name).unwrap().clone(),
                options: None,
            })
            .collect();
        let order = lexsort_to_indices(&keys, None).unwrap();
        tables.insert(table.name, take_record_batch(&rows, &order).unwrap());
    }
    tables
}

/// Panics with the name of a table that differs.
pub fn assert_equal(expected: &Tables, found: &Tables) {
    for (table, expected) in expected {
        assert!(expected == &found[table], "{table} differs");
    }
}

/// Panics with what a check in full finds.
pub async fn assert_sound(context: &Context) {
    let checked = check::check(context, true).await.unwrap();
    assert!(checked.is_sound(), "{:#?}", checked.lines);
}

/// All files of the lake.
pub fn parquet_files(place: &Place) -> Vec<PathBuf> {
    let lake = place.data_dir.path().join("lake");
    let entries = WalkDir::new(lake).sort_by_file_name().into_iter();
    let files = entries.map(Result::unwrap);
    let files = files.filter(|entry| !entry.file_type().is_dir());
    files.map(walkdir::DirEntry::into_path).collect()
}

/// Makes each promise a test of its own on either catalog.
macro_rules! on_both {
    ($($promise:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                super::$promise(&crate::home::Place::sqlite()).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                super::$promise(&crate::home::Place::postgres()).await;
            })+
        }
    };
}
pub(crate) use on_both;
