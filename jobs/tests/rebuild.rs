//! Rebuilding the lake from raw bytes: equal rows bit by bit, whatever was
//! lost, however it was interrupted, and whoever wrote meanwhile.

mod home;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use home::{
    Place, SEVERAL, assert_equal, assert_sound, imported, on_both, open, parquet_files, recordings,
    rows,
};
use pacelake_jobs::progress::{Progress, Silent, Stop};
use pacelake_jobs::rebuild::{Fate, Options, rebuild};
use pacelake_jobs::{Context, check, import};
use query::session::{Limits, Session};
use storage::lake::KeySet;
use storage::{AthleteId, Code, Failure, Storage};

/// Small chunks, so that a few activities fill several.
fn small() -> Options {
    Options {
        chunk: 2,
        ..Options::default()
    }
}

async fn a_sound_lake_comes_out_equal_and_keeps_its_history(place: &Place) {
    let context = imported(place, SEVERAL).await;
    let expected = rows(&context).await;
    let before = context.storage.lake.latest().await.unwrap().snapshot_id();
    let done = rebuild(&context, small()).await.unwrap();
    assert_eq!(done.activities as usize, expected["activities"].num_rows());
    assert!(done.activities > 5 && done.files > 0, "{done:#?}");
    assert!(done.history_kept && done.troubled.is_empty() && done.taken_up == 0);
    assert_equal(&expected, &rows(&context).await);
    assert_sound(&context).await;
    // A process that opens the lake anew sees the same as one that stayed.
    assert_equal(&expected, &rows(&open(place).await).await);
    let old = context.storage.lake.at(before).await.unwrap();
    let size = old.size("activities").unwrap();
    assert_eq!(size.rows, done.activities);
    // What comes next finds everything in place.
    let again = import::import(&context, None, &recordings(SEVERAL)).await;
    assert_eq!(again.unwrap().created, 0);
    let more = recordings(&["fit/event_timestamp.fit"]);
    assert_eq!(
        import::import(&context, None, &more).await.unwrap().created,
        1
    );
    assert_sound(&context).await;
}

async fn damaged_and_missing_files_are_made_good(place: &Place) {
    let context = imported(place, SEVERAL).await;
    let expected = rows(&context).await;
    let files = parquet_files(place);
    for (nth, file) in files.iter().enumerate() {
        let bytes = fs::read(file).unwrap();
        match nth % 4 {
            0 => fs::remove_file(file).unwrap(),
            1 => fs::write(file, &bytes[..bytes.len() / 2]).unwrap(),
            2 => fs::write(file, bytes.iter().map(|byte| !byte).collect::<Vec<_>>()).unwrap(),
            _ => {}
        }
    }
    // A process that has not read any of the files yet.
    let context = Context {
        storage: open(place).await.storage,
        ..context
    };
    assert!(!check::check(&context, false).await.unwrap().is_sound());
    let done = rebuild(&context, small()).await.unwrap();
    assert!(!done.history_kept && done.problems.len() > files.len() / 2);
    assert_equal(&expected, &rows(&context).await);
    assert_sound(&context).await;
}

async fn a_lake_without_files_or_tables_is_made_anew(place: &Place) {
    let context = imported(place, SEVERAL).await;
    let expected = rows(&context).await;
    drop(context);
    fs::remove_dir_all(place.data_dir.path().join("lake")).unwrap();
    let context = open(place).await;
    rebuild(&context, small()).await.unwrap();
    assert_equal(&expected, &rows(&context).await);
    assert_sound(&context).await;
    let uuid = context.storage.lake.uuid();
    drop(context);

    Storage::drop_lake(&place.options()).await.unwrap();
    let context = open(place).await;
    assert_ne!(context.storage.lake.uuid(), uuid);
    assert!(!check::check(&context, false).await.unwrap().is_sound());
    rebuild(&context, small()).await.unwrap();
    assert_equal(&expected, &rows(&context).await);
    assert_sound(&context).await;
}

/// Asks the job to stop once some activities are done.
struct StopAfter {
    stop: Stop,
    left: Mutex<u64>,
}

impl Progress for StopAfter {
    fn begin(&self, _what: &'static str, _total: u64) {}
    fn advance(&self, done: u64) {
        let mut left = self.left.lock().unwrap();
        *left = left.saturating_sub(done);
        if *left == 0 {
            self.stop.ask();
        }
    }
    fn note(&self, _line: &str) {}
    fn end(&self) {}
}

async fn a_stopped_rebuild_goes_on(place: &Place) {
    let context = imported(place, SEVERAL).await;
    let expected = rows(&context).await;
    let stop = Stop::default();
    let stopping = Context {
        progress: Arc::new(StopAfter {
            stop: stop.clone(),
            left: Mutex::new(3),
        }),
        stop,
        ..context.clone()
    };
    let stopped = rebuild(&stopping, small()).await.unwrap();
    assert!(stopped.interrupted && stopped.snapshot_id.is_none());
    assert!(stopped.activities >= 3);
    assert_equal(&expected, &rows(&context).await);

    let done = rebuild(&context, small()).await.unwrap();
    assert_eq!(done.taken_up, stopped.activities);
    assert_equal(&expected, &rows(&context).await);
    assert_sound(&context).await;
    // Nothing of it is left to take up.
    let again = rebuild(&context, small()).await.unwrap();
    assert_eq!(again.taken_up, 0);
    assert_equal(&expected, &rows(&context).await);
}

/// Lets another process import when the chunks are written.
struct ImportAtTheEnd {
    place: storage::Options,
    paths: Vec<PathBuf>,
    done: AtomicBool,
}

impl Progress for ImportAtTheEnd {
    fn begin(&self, _what: &'static str, _total: u64) {}
    fn advance(&self, _done: u64) {}
    fn note(&self, _line: &str) {}
    fn end(&self) {
        if self.done.swap(true, Ordering::Relaxed) {
            return;
        }
        let (options, paths) = (self.place.clone(), self.paths.clone());
        let work = move || {
            tokio::runtime::Runtime::new().unwrap().block_on(async {
                let tables = query::derived::tables();
                let views = storage::tables::VIEWS;
                let context = Context {
                    storage: Storage::open(&options, &tables, views).await.unwrap(),
                    now: || "2026-01-31T12:00:00Z".parse().unwrap(),
                    progress: Arc::new(Silent),
                    stop: Stop::default(),
                };
                import::import(&context, None, &paths).await.unwrap();
            });
        };
        std::thread::spawn(work).join().unwrap();
    }
}

async fn what_others_import_meanwhile_is_in_it(place: &Place) {
    // The last of these joins an activity that is there, and its streams win.
    let (first, later) = (&SEVERAL[1..5], [SEVERAL[5], SEVERAL[0]]);
    let context = imported(place, first).await;
    let disturbed = Context {
        progress: Arc::new(ImportAtTheEnd {
            place: place.options(),
            paths: recordings(&later),
            done: AtomicBool::new(false),
        }),
        ..context.clone()
    };
    let done = rebuild(&disturbed, small()).await.unwrap();
    let found = rows(&context).await;
    assert_eq!(done.activities as usize, found["activities"].num_rows());
    assert_sound(&context).await;
    // The same as another rebuild makes of it in peace.
    rebuild(&context, small()).await.unwrap();
    assert_equal(&found, &rows(&context).await);
    let twin = Place::sqlite();
    let twin = imported(&twin, first).await;
    import::import(&twin, None, &recordings(&later))
        .await
        .unwrap();
    assert_equal(&rows(&twin).await, &found);
}

async fn rows_of_lost_bytes_are_taken_over(place: &Place) {
    let context = imported(place, SEVERAL).await;
    let expected = rows(&context).await;
    let raw = place.data_dir.path().join("raw/1");
    for entry in fs::read_dir(&raw).unwrap() {
        fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let done = rebuild(&context, small()).await.unwrap();
    assert_eq!(done.troubled.len(), expected["activities"].num_rows());
    assert!(done.troubled.iter().all(|one| one.fate == Fate::TakenOver));
    assert_equal(&expected, &rows(&context).await);

    fs::remove_dir_all(place.data_dir.path().join("lake")).unwrap();
    let context = open(place).await;
    let done = rebuild(&context, small()).await.unwrap();
    assert!(done.troubled.iter().all(|one| one.fate == Fate::Lost));
    assert_eq!(rows(&context).await["activities"].num_rows(), 0);
    assert!(!check::check(&context, false).await.unwrap().is_sound());
}

/// Where a file of the lake in the making is lost, the lake that is there must
/// not be read in its place.
async fn a_lost_part_is_told(place: &Place) {
    let context = imported(place, SEVERAL).await;
    let activities = rows(&context).await.remove("activities").unwrap();
    let old = parquet_files(place);
    let lake = &context.storage.lake;
    let (draft, _) = lake.draft(query::derived::tables()).await.unwrap();
    let written = BTreeMap::from([("activities", vec![activities])]);
    let part = draft.write("all".to_owned(), written, false).await.unwrap();
    let new = parquet_files(place)
        .into_iter()
        .filter(|file| !old.contains(file));
    new.for_each(|file| fs::remove_file(file).unwrap());

    let view = draft.view([&part].into_iter());
    let everyone = KeySet::athletes(&[AthleteId(1)]);
    let read = view.rows("activities", None, &everyone).await;
    assert_eq!(read.unwrap_err().code(), Code::Inconsistent);
    let session = Session::open(&view, Limits::default()).await.unwrap();
    let asked = query::sql::query(&session, "select distance_m from activities").await;
    assert_eq!(asked.unwrap_err().code(), Code::Inconsistent);
}

on_both!(
    a_lost_part_is_told,
    a_sound_lake_comes_out_equal_and_keeps_its_history,
    damaged_and_missing_files_are_made_good,
    a_lake_without_files_or_tables_is_made_anew,
    a_stopped_rebuild_goes_on,
    what_others_import_meanwhile_is_in_it,
    rows_of_lost_bytes_are_taken_over,
);
