//! Maintenance of a lake of real recordings: fewer files, the same rows, and
//! a run that is stopped goes on later.

use std::path::Path;
use std::sync::Arc;

use pacelake_jobs::maintain::{Options, Report, maintain};
use pacelake_jobs::progress::{Progress, Silent, Stop};
use pacelake_jobs::{Context, check, import};
use query::session::{Limits, Session};
use storage::maintain::plan::Mode;
use tempfile::TempDir;

const WHOLE: Options = Options {
    mode: Mode::Whole,
    dry_run: false,
    keep_snapshots: None,
};

/// A data folder with a few recordings that came in one by one.
async fn small_imports() -> (TempDir, Context) {
    let folder = tempfile::tempdir().unwrap();
    let context = open(folder.path()).await;
    let recordings = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/recordings/gpx");
    let mut paths: Vec<_> = std::fs::read_dir(recordings)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    for path in paths.into_iter().take(8) {
        import::import(&context, None, &[path]).await.unwrap();
    }
    (folder, context)
}

async fn open(folder: &Path) -> Context {
    let options = storage::Options {
        data_dir: folder.to_owned(),
        catalog: None,
        store: storage::Store::DataDir,
    };
    let tables = query::derived::tables();
    let storage = storage::Storage::open(&options, &tables, storage::tables::VIEWS);
    Context {
        storage: storage.await.unwrap(),
        now: || "2026-01-31T12:00:00Z".parse().unwrap(),
        progress: Arc::new(Silent),
        stop: Stop::default(),
    }
}

/// All rows of all tables, sorted.
async fn rows(context: &Context) -> Vec<String> {
    let view = context.storage.lake.latest().await.unwrap();
    let limits = Limits {
        rows: usize::MAX,
        ..Limits::default()
    };
    let session = Session::open(&view, limits).await.unwrap();
    let mut lines = Vec::new();
    for table in query::derived::tables() {
        let text = format!("select * from {}", table.name);
        let rows = query::sql::query(&session, &text).await.unwrap();
        let json = query::output::Format::Json;
        let json = query::output::write_rows(&rows, json, Vec::new()).unwrap();
        let values: Vec<serde_json::Value> = serde_json::from_slice(&json).unwrap();
        lines.extend(values.iter().map(|row| format!("{}: {row}", table.name)));
    }
    lines.sort();
    lines
}

fn steps(report: &Report) -> u64 {
    report.tables.iter().map(|line| line.steps).sum()
}

fn files(report: &Report) -> (u64, u64) {
    let tables = report.tables.iter();
    tables.fold((0, 0), |(before, after), line| {
        (before + line.before.files, after + line.after.files)
    })
}

/// Asks to stop as soon as a step is done.
struct StopAfterOne(Stop);

impl Progress for StopAfterOne {
    fn begin(&self, _what: &'static str, _total: u64) {}
    fn advance(&self, _done: u64) {
        self.0.ask();
    }
    fn note(&self, _line: &str) {}
    fn end(&self) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_stopped_goes_on_later() {
    let (folder, context) = small_imports().await;
    let before = rows(&context).await;
    let snapshot = context.storage.lake.latest().await.unwrap().snapshot_id();

    let dry_run = Options {
        dry_run: true,
        ..WHOLE
    };
    let planned = maintain(&context, &dry_run).await.unwrap();
    let now = context.storage.lake.latest().await.unwrap().snapshot_id();
    assert_eq!(now, snapshot, "a dry run writes nothing");
    assert!(steps(&planned) > 5 && planned.dry_run);

    let mut done = 0;
    loop {
        let stop = Stop::default();
        let stopping = Context {
            progress: Arc::new(StopAfterOne(stop.clone())),
            stop,
            ..context.clone()
        };
        let report = maintain(&stopping, &WHOLE).await.unwrap();
        assert_eq!(rows(&context).await, before);
        done += steps(&report);
        if !report.interrupted {
            break;
        }
        assert_eq!(steps(&report), 1);
    }
    assert_eq!(done, steps(&planned), "one round was enough, cut or not");
    let report = maintain(&context, &WHOLE).await.unwrap();
    assert_eq!(steps(&report), 0);
    let (planned_files, _) = files(&planned);
    let (_, after) = files(&report);
    assert!(
        2 * after < planned_files,
        "{after} of {planned_files} files"
    );

    // Another process finds it so, and everything agrees.
    let other = open(folder.path()).await;
    assert_eq!(rows(&other).await, before);
    let checked = check::check(&other, false).await.unwrap();
    assert!(checked.is_sound(), "{:?}", checked.lines);
}

#[tokio::test(flavor = "multi_thread")]
async fn old_snapshots_go_and_the_newest_stays() {
    let (_folder, context) = small_imports().await;
    let before = rows(&context).await;
    let options = Options {
        keep_snapshots: Some(std::time::Duration::ZERO),
        ..WHOLE
    };
    let report = maintain(&context, &options).await.unwrap();
    let cleaned = report.cleaned.unwrap();
    assert!(cleaned.snapshots > 0 && cleaned.unlisted_files > 0);
    // Their day has only begun.
    assert_eq!(
        (cleaned.removed_files, cleaned.orphans, cleaned.raw),
        (0, 0, 0)
    );
    assert!(context.storage.lake.at(1).await.is_err());
    assert_eq!(rows(&context).await, before);
    let checked = check::check(&context, false).await.unwrap();
    assert!(checked.is_sound(), "{:?}", checked.lines);
}
