//! Imports of real recordings, on SQLite: what comes in, what is skipped,
//! what is one activity, and that the order of import does not matter.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use pacelake_jobs::again::from_lake;
use pacelake_jobs::progress::{Progress, Silent, Stop};
use pacelake_jobs::report::{Outcome, Report};
use pacelake_jobs::{Context, check, import, recompute};
use query::session::{Limits, Session};
use serde_json::Value;
use storage::{Options, Storage};
use tempfile::TempDir;

/// A data folder of its own.
struct Home {
    folder: TempDir,
    context: Context,
}

impl Home {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let context = open(folder.path(), Arc::new(Silent)).await;
        Self { folder, context }
    }

    async fn import(&self, paths: &[PathBuf]) -> Report {
        import::import(&self.context, None, paths).await.unwrap()
    }

    /// Rows of every table as JSON, by table, sorted; without ids and what
    /// counts writes, and with the activity told by its start and sport.
    async fn rows(&self) -> BTreeMap<String, Vec<String>> {
        let view = self.context.storage.lake.latest().await.unwrap();
        let limits = Limits {
            rows: usize::MAX,
            ..Limits::default()
        };
        let session = Session::open(&view, limits).await.unwrap();
        let mut tables = BTreeMap::new();
        for table in query::derived::tables() {
            let columns: Vec<&str> = table
                .columns
                .iter()
                .map(|column| column.name)
                .filter(|name| !["activity_id", "revision", "input_revision"].contains(name))
                .collect();
            let text = format!("select {} from {}", columns.join(", "), table.name);
            let rows = query::sql::query(&session, &text).await.unwrap();
            let json = query::output::Format::Json;
            let json = query::output::write_rows(&rows, json, Vec::new()).unwrap();
            let values: Vec<Value> = serde_json::from_slice(&json).unwrap();
            let mut lines: Vec<String> = values.iter().map(Value::to_string).collect();
            lines.sort();
            tables.insert(table.name.to_owned(), lines);
        }
        tables
    }

    async fn assert_sound(&self) {
        let checked = check::check(&self.context, true).await.unwrap();
        assert!(checked.is_sound(), "{:?}", checked.lines);
    }
}

async fn open(folder: &Path, progress: Arc<dyn Progress>) -> Context {
    let options = Options::in_folder(folder);
    let tables = query::derived::tables();
    Context {
        storage: Storage::open(&options, &tables, storage::tables::VIEWS)
            .await
            .unwrap(),
        now: || "2026-01-31T12:00:00Z".parse().unwrap(),
        progress,
        stop: Stop::default(),
    }
}

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../data/recordings")
        .join(name)
}

/// One outing in four files, and two others.
fn several() -> Vec<PathBuf> {
    [
        "fit/4801048867.fit",
        "gpx/4801048867_strava.gpx",
        "gpx/activity_4801048867.gpx",
        "tcx/activity_4801048867.tcx",
        "fit/20140622_swim_garmin_fr910xt.fit",
        "tcx/treadmill_1.tcx",
    ]
    .map(recording)
    .to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_input_again_changes_nothing() {
    let home = Home::new().await;
    let first = home.import(&several()).await;
    assert_eq!(
        (first.created, first.updated, first.failed),
        (5, 3, 0),
        "{first:#?}"
    );
    let before = home
        .context
        .storage
        .lake
        .latest()
        .await
        .unwrap()
        .snapshot_id();
    let again = home.import(&several()).await;
    assert_eq!(
        (again.created, again.updated, again.skipped),
        (0, 0, 8),
        "{again:#?}"
    );
    let after = home
        .context
        .storage
        .lake
        .latest()
        .await
        .unwrap()
        .snapshot_id();
    assert_eq!(before, after, "skipping makes no snapshot");
    for (first, again) in first.items.iter().zip(&again.items) {
        assert_eq!(first.activity_id, again.activity_id, "{}", first.path);
    }
    home.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_outing_from_four_files_is_one_activity_of_the_fit() {
    let home = Home::new().await;
    let report = home.import(&several()[..4]).await;
    assert_eq!((report.created, report.updated), (1, 3), "{report:#?}");
    let tables = home.rows().await;
    let activity: Value = serde_json::from_str(&tables["activities"][0]).unwrap();
    assert_eq!(activity["source"], "fit");
    let id = report.items[0].activity_id.unwrap();
    let catalog = &home.context.storage.catalog;
    assert_eq!(
        catalog
            .sources_of(storage::AthleteId(1), &[id])
            .await
            .unwrap()
            .len(),
        4
    );
    home.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn any_order_and_any_batches_give_equal_rows() {
    // One with a climb, so that every table has rows.
    let mut paths = several();
    paths.push(recording("gpx/korita-zbevnica.gpx"));
    let together = Home::new().await;
    together.import(&paths).await;
    let apart = Home::new().await;
    for path in paths.into_iter().rev() {
        apart.import(&[path]).await;
    }
    let (expected, found) = (together.rows().await, apart.rows().await);
    for (table, rows) in expected {
        assert!(
            !rows.is_empty() || table == "refused_efforts",
            "{table} is empty"
        );
        assert_eq!(rows, found[&table], "{table}");
    }
    apart.assert_sound().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn computing_everything_again_changes_nothing() {
    let home = Home::new().await;
    home.import(&several()).await;
    let expected = home.rows().await;
    let options = recompute::Options {
        full: true,
        ..recompute::Options::default()
    };
    let done = recompute::recompute(&home.context, &options).await.unwrap();
    assert_eq!(
        (done.computed, done.changed, done.athletes_changed),
        (5, 0, 0)
    );
    assert_eq!(home.rows().await, expected);
}

/// Small inputs are decoded faster than batches are committed, and both read
/// the catalog; neither may keep the other waiting.
#[tokio::test(flavor = "multi_thread")]
async fn many_small_recordings_come_in_while_batches_are_committed() {
    const MANY: usize = 1_100;
    let home = Home::new().await;
    let folder = tempfile::tempdir().unwrap();
    for n in 0..MANY {
        let (day, hour) = (1 + n / 24 % 28, n % 24);
        let month = 1 + n / 24 / 28;
        let point = |second: usize| {
            format!(
                "<trkpt lat=\"47.0\" lon=\"8.{second:04}\">\
                 <time>2024-{month:02}-{day:02}T{hour:02}:00:{second:02}Z</time></trkpt>"
            )
        };
        let points: String = [0, 10, 20].map(point).concat();
        let text = format!(
            "<gpx xmlns=\"http://www.topografix.com/GPX/1/1\" version=\"1.1\" creator=\"x\">\
             <trk><trkseg>{points}</trkseg></trk></gpx>"
        );
        std::fs::write(folder.path().join(format!("{n:04}.gpx")), text).unwrap();
    }
    let report = home.import(&[folder.path().to_owned()]).await;
    assert_eq!((report.created, report.failed), (MANY, 0), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_imports_at_once_give_an_outing_one_birth() {
    let home = Home::new().await;
    let other = open(home.folder.path(), Arc::new(Silent)).await;
    let paths = several();
    let (left, right) = tokio::join!(
        import::import(&home.context, None, &paths[..2]),
        import::import(&other, None, &paths[2..4]),
    );
    let (left, right) = (left.unwrap(), right.unwrap());
    assert_eq!(left.created + right.created, 1, "{left:#?} {right:#?}");
    assert_eq!(left.updated + right.updated, 3);
    assert_eq!(home.rows().await["activities"].len(), 1);
    home.assert_sound().await;
}

/// The sample of an account archive as a zip, with a file that is never needed.
fn zipped(folder: &Path) -> PathBuf {
    let path = folder.join("export.zip");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    let options = zip::write::SimpleFileOptions::default();
    let sample = recording("strava/sample-2024");
    for name in ["activities.csv", "activities/12866632127.fit.gz"] {
        zip.start_file(name, options).unwrap();
        zip.write_all(&std::fs::read(sample.join(name)).unwrap())
            .unwrap();
    }
    zip.start_file("logins.csv", options).unwrap();
    zip.write_all(b"Login Date-Time,IP Address\n").unwrap();
    zip.finish().unwrap();
    path
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archive_is_the_same_packed_and_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let packed = Home::new().await;
    let report = packed.import(&[zipped(folder.path())]).await;
    let counts = (report.created, report.ignored, report.failed);
    assert_eq!(counts, (1, 1, 0), "{report:#?}");

    let unpacked = Home::new().await;
    let sample = [recording("strava/sample-2024")];
    let report = unpacked.import(&sample).await;
    assert_eq!(
        (report.created, report.updated, report.failed),
        (1, 0, 0),
        "{report:#?}"
    );
    let rows = unpacked.rows().await;
    assert_eq!(packed.rows().await, rows);

    let activity: Value = serde_json::from_str(&rows["activities"][0]).unwrap();
    assert_eq!(activity["source"], "fit");
    assert!(activity["name"].is_string(), "{activity}");
    let id = report
        .items
        .iter()
        .find_map(|item| item.activity_id)
        .unwrap();
    let catalog = &unpacked.context.storage.catalog;
    let sources = catalog
        .sources_of(storage::AthleteId(1), &[id])
        .await
        .unwrap();
    assert_eq!(sources.len(), 2, "the file, and its row");
    unpacked.assert_sound().await;
    let again = unpacked.import(&sample).await;
    assert_eq!(
        (again.created, again.updated, again.skipped),
        (0, 0, 1),
        "{again:#?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_named_is_tried_and_what_lies_beside_is_ignored() {
    let home = Home::new().await;
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("note.txt");
    std::fs::write(&note, "no recording").unwrap();
    std::os::unix::fs::symlink(recording("fit"), folder.path().join("link")).unwrap();
    let beside = home.import(&[folder.path().to_owned()]).await;
    assert_eq!((beside.ignored, beside.failed), (2, 0), "{beside:#?}");
    let missing = folder.path().join("missing.fit");
    let named = home.import(&[note, missing]).await;
    let codes: Vec<_> = named.items.iter().map(|item| item.code).collect();
    assert_eq!(codes, [Some("unsupported_format"), Some("unreadable_path")]);
    assert!(
        named
            .items
            .iter()
            .all(|item| item.outcome == Outcome::Failed)
    );
}

/// Asks to stop once so many items are done.
struct StopAfter(u64, Stop, std::sync::atomic::AtomicU64);

impl Progress for StopAfter {
    fn begin(&self, _what: &'static str, _total: u64) {}
    fn advance(&self, done: u64) {
        let before = self.2.fetch_add(done, std::sync::atomic::Ordering::Relaxed);
        if before + done >= self.0 {
            self.1.ask();
        }
    }
    fn note(&self, _line: &str) {}
    fn end(&self) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_that_was_stopped_goes_on() {
    let whole = Home::new().await;
    let folder = recording("fit");
    let expected = whole.import(std::slice::from_ref(&folder)).await;

    let home = Home::new().await;
    let stop = Stop::default();
    let progress = StopAfter(3, stop.clone(), Default::default());
    let mut stopped = open(home.folder.path(), Arc::new(progress)).await;
    stopped.stop = stop;
    let part = import::import(&stopped, None, std::slice::from_ref(&folder))
        .await
        .unwrap();
    assert!(part.interrupted);
    assert!(part.created > 0 && part.items.len() < expected.items.len());
    home.assert_sound().await;

    let rest = home.import(std::slice::from_ref(&folder)).await;
    assert_eq!(part.created + rest.created, expected.created);
    assert_eq!(home.rows().await, whole.rows().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_alone_gives_the_rows_that_all_together_give() {
    let home = Home::new().await;
    home.import(&[recording("fit")]).await;
    let storage = &home.context.storage;
    let view = storage.lake.latest().await.unwrap();
    let page = storage.catalog.pointers_after(None, 256).await.unwrap();
    assert!(page.len() > 20, "{} activities", page.len());
    let together = from_lake(&view, &page, &[].into(), None).await.unwrap();
    let kernels = query::derived::DERIVED
        .iter()
        .filter(|derived| matches!(derived.how, query::derived::How::Kernel(_)));
    let mut compared = 0;
    for derived in kernels {
        let name = derived.table.name;
        let alone = from_lake(&view, &page, &[].into(), Some(derived))
            .await
            .unwrap();
        assert_eq!(alone.len(), page.len());
        for ((pointer, together), (other, alone)) in together.iter().zip(&alone) {
            assert_eq!(pointer.key, other.key);
            let rows = |tables: &BTreeMap<_, RecordBatch>| tables.get(name).cloned();
            assert_eq!(rows(together), rows(alone), "{name} of {:?}", pointer.key);
            compared += rows(alone).map_or(0, |rows| rows.num_rows());
        }
    }
    assert!(compared > 200, "{compared} rows");
}
