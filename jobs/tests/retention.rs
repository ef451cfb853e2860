//! Copies that an API told: which one stays, what of an activity is theirs, and
//! that nothing of them is left once they are let go.

mod home;
mod told;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use home::{
    Place, SEVERAL, assert_equal, assert_sound, imported, on_both, open, parquet_files, recordings,
    rows,
};
use jiff::{Timestamp, ToSpan};
use pacelake_jobs::progress::Progress;
use pacelake_jobs::purge::{Receipt, finish_unfinished};
use pacelake_jobs::report::Outcome;
use pacelake_jobs::retention::{Release, release};
use pacelake_jobs::{Context, Error, import, rebuild};
use query::output::values;
use query::session::{Limits, Session};
use serde_json::Value;
use storage::catalog::{AuditFilter, ReleaseOrder, Source, Which};
use storage::{AthleteId, Code, Failure};
use told::{Told, taken, traces};

const ONE: AthleteId = AthleteId(1);
const RUN: &str = SEVERAL[0];
const OTHER: &str = "fit/garmin-fenix-5-run.fit";
const THIRD: &str = "fit/20210604_track_run_coros_pace_2.fit";

/// When copies of these tests are due, and the clock of those after.
fn due() -> Timestamp {
    "2026-02-07T12:00:00Z".parse().unwrap()
}

async fn sql(context: &Context, text: &str) -> Vec<Value> {
    let view = context.storage.lake.latest().await.unwrap();
    let session = Session::open(&view, Limits::jobs()).await.unwrap();
    let rows = query::sql::query(&session, text).await.unwrap();
    values(&rows).unwrap()
}

/// All activities, in order: id, name, source, retain_until, revision.
async fn activities(context: &Context) -> Vec<Value> {
    let text = "select activity_id, name, source, retain_until, revision, device, visibility \
                from activities order by start_time, activity_id";
    sql(context, text).await
}

async fn only(context: &Context) -> Value {
    let mut found = activities(context).await;
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

async fn sources(context: &Context) -> Vec<Source> {
    let catalog = &context.storage.catalog;
    let mut found = catalog
        .sources_between(ONE, i64::MIN, i64::MAX)
        .await
        .unwrap();
    found.sort_by(|a, b| a.format.cmp(&b.format));
    found
}

async fn streams(context: &Context) -> Vec<Value> {
    sql(
        context,
        "select t_ms, lat_e7, lng_e7 from streams order by activity_id",
    )
    .await
}

async fn raw(context: &Context) -> Vec<String> {
    context.storage.raw.list(ONE).await.unwrap()
}

async fn released(context: &Context, what: Release, cause: &str) -> Option<Receipt> {
    release(context, ONE, &what, cause).await.unwrap()
}

async fn a_copy_gives_a_file_its_words(place: &Place) {
    let context = imported(place, &[RUN]).await;
    let before = only(&context).await;
    let track = streams(&context).await;
    let told = Told::of(RUN, 77_001);
    let item = taken(&context, &told.copy(0)).await;
    assert_eq!(item.outcome, Outcome::Updated, "{item:?}");
    let after = only(&context).await;
    assert_eq!(after["activity_id"], before["activity_id"]);
    assert_eq!(after["name"], told.name.as_str());
    assert_eq!(after["source"], "fit");
    assert_eq!(after["retain_until"], Value::Null);
    assert_eq!(streams(&context).await, track);
    assert_sound(&context).await;

    // And the copy alone goes.
    let receipt = released(&context, Release::Due(due()), "kept for 7 days").await;
    let receipt = receipt.unwrap();
    assert!(receipt.activities.is_empty());
    assert_eq!(receipt.revised.len(), 1);
    assert_eq!(receipt.counts.recordings, 1);
    let left = only(&context).await;
    assert_eq!(left["activity_id"], before["activity_id"]);
    assert_eq!(left["name"], before["name"]);
    assert_eq!(left["revision"], 3);
    assert_eq!(streams(&context).await, track);
    assert_eq!(traces(place, &context, &told.marks()).await, [""; 0]);
    assert_sound(&context).await;
}

async fn a_file_takes_the_place_of_a_copys_streams(place: &Place) {
    let context = open(place).await;
    let told = Told::of(RUN, 77_001);
    let item = taken(&context, &told.copy(0)).await;
    assert_eq!(item.outcome, Outcome::Created, "{item:?}");
    let before = only(&context).await;
    assert_eq!(before["source"], "strava_api");
    assert_eq!(before["device"], told.device.as_str());
    assert_eq!(before["retain_until"], "2026-02-07T12:00:00");
    assert_sound(&context).await;
    assert!(traces(place, &context, &told.marks()).await.len() > 2);

    import::import(&context, None, &recordings(&[RUN]))
        .await
        .unwrap();
    let after = only(&context).await;
    assert_eq!(after["activity_id"], before["activity_id"]);
    assert_eq!(after["source"], "fit");
    assert_eq!(after["name"], told.name.as_str());
    assert_eq!(after["retain_until"], Value::Null);
    assert_sound(&context).await;

    let receipt = released(&context, Release::Due(due()), "kept for 7 days").await;
    assert_eq!(receipt.unwrap().revised.len(), 1);
    assert_eq!(only(&context).await["activity_id"], before["activity_id"]);
    // Older snapshots had its streams.
    assert_eq!(traces(place, &context, &told.marks()).await, [""; 0]);
    assert_sound(&context).await;
    let other = Place::sqlite();
    let never = imported(&other, &[RUN]).await;
    assert_eq!(streams(&context).await, streams(&never).await);
}

async fn the_newest_copy_stays_whatever_the_order(place: &Place) {
    let context = open(place).await;
    let first = Told::of(RUN, 77_001);
    let renamed = Told {
        name: "Quokka evening run".to_owned(),
        ..Told::of(RUN, 77_001)
    };
    taken(&context, &first.copy(0)).await;
    let id = only(&context).await["activity_id"].clone();
    let old = sources(&context).await;
    let item = taken(&context, &renamed.copy(2)).await;
    assert_eq!(item.outcome, Outcome::Updated, "{item:?}");
    assert!(item.reason.contains("newer copy"), "{}", item.reason);
    let now = only(&context).await;
    assert_eq!(
        (&now["activity_id"], &now["revision"]),
        (&id, &Value::from(2))
    );
    assert_eq!(now["name"], renamed.name.as_str());
    let new = sources(&context).await;
    assert_eq!(new.len(), 1);
    assert_ne!(new[0].sha256, old[0].sha256);
    assert_eq!(raw(&context).await, [new[0].sha256.clone()]);
    let audit = context
        .storage
        .catalog
        .audit(&AuditFilter::default())
        .await
        .unwrap();
    let replaced = audit
        .iter()
        .find(|entry| entry.action == "replace")
        .unwrap();
    assert_eq!(replaced.sha256.as_deref(), Some(old[0].sha256.as_str()));

    // Fetched between the two, and come late.
    let item = taken(&context, &first.copy(1)).await;
    assert_eq!(item.outcome, Outcome::Skipped, "{item:?}");
    assert_eq!(raw(&context).await, [new[0].sha256.clone()]);
    assert_eq!(only(&context).await, now);

    // The same bytes again: until when they may be kept has moved, or not.
    let item = taken(&context, &renamed.copy(3)).await;
    assert_eq!(item.outcome, Outcome::Updated, "{item:?}");
    let moved = only(&context).await;
    assert_eq!(moved["retain_until"], "2026-02-10T12:00:00");
    let mut same = renamed.copy(5);
    same.retain_until = Some("2026-02-10T12:00:00Z".parse().unwrap());
    let item = taken(&context, &same).await;
    assert_eq!(item.outcome, Outcome::Skipped, "{item:?}");
    assert_eq!(only(&context).await, moved);
    let item = taken(&context, &first.copy(4)).await;
    assert_eq!(item.outcome, Outcome::Skipped, "{item:?}");
    assert_sound(&context).await;

    let other = Place::sqlite();
    let reordered = open(&other).await;
    for copy in [same, renamed.copy(2), first.copy(0)] {
        taken(&reordered, &copy).await;
    }
    let words = |one: &Value| (one["name"].clone(), one["retain_until"].clone());
    let found = only(&reordered).await;
    assert_eq!(words(&found), words(&moved));
    assert_eq!(found["activity_id"], moved["activity_id"]);
    assert_eq!(streams(&reordered).await, streams(&context).await);
    let same = |sources: Vec<Source>| -> Vec<_> {
        let of = |one: Source| (one.sha256, one.fetched_at_us, one.retain_until_us);
        sources.into_iter().map(of).collect()
    };
    assert_eq!(
        same(sources(&reordered).await),
        same(sources(&context).await)
    );
    // The first copy's words were in the first snapshots.
    assert!(
        !traces(place, &context, std::slice::from_ref(&first.name))
            .await
            .is_empty()
    );
    released(&context, Release::Everything, "access withdrawn")
        .await
        .unwrap();
    assert_eq!(traces(place, &context, &first.marks()).await, [""; 0]);
    assert!(activities(&context).await.is_empty());
    assert!(raw(&context).await.is_empty());
}

async fn what_is_due_goes_and_the_rest_stays(place: &Place) {
    let context = open(place).await;
    let (alone, with_file) = (Told::of(RUN, 77_001), Told::of(OTHER, 77_002));
    let later = Told::of(THIRD, 77_003);
    let copies = [alone.copy(0), with_file.copy(0), later.copy(3)];
    told::all_taken(&context, &copies).await;
    let files = [OTHER, "tcx/treadmill_1.tcx"];
    for file in files {
        import::import(&context, None, &recordings(&[file]))
            .await
            .unwrap();
    }
    assert_eq!(activities(&context).await.len(), 4);
    assert_sound(&context).await;
    let catalog = &context.storage.catalog;
    let due_us = due().as_microsecond();
    assert_eq!(catalog.athletes_due(due_us - 1).await.unwrap(), []);
    assert_eq!(catalog.athletes_due(due_us).await.unwrap(), [ONE]);
    let nothing = due() - 1.second();
    assert!(
        released(&context, Release::Due(nothing), "kept for 7 days")
            .await
            .is_none()
    );

    // A copy that was cut off before it was named, and rows of commits that
    // never came.
    let unnamed = Told::of(RUN, 77_004);
    let bytes = storage::raw::Original::new(unnamed.copy(0).document);
    context.storage.raw.put(ONE, &bytes).await.unwrap();
    for (nth, file) in parquet_files(place).into_iter().enumerate() {
        let stray = file.with_file_name(format!("stray-{nth}.parquet"));
        std::fs::copy(&file, stray).unwrap();
    }
    assert!(traces(place, &context, &alone.marks()).await.len() > 4);
    assert!(traces(place, &context, &with_file.marks()).await.len() > 4);
    let kept = traces(place, &context, &later.marks()).await;
    assert!(kept.len() > 4);

    let receipt = released(&context, Release::Due(due()), "kept for 7 days").await;
    let receipt = receipt.unwrap();
    assert_eq!((receipt.activities.len(), receipt.revised.len()), (1, 1));
    assert_eq!(receipt.counts.recordings, 3);
    for told in [&alone, &with_file, &unnamed] {
        assert_eq!(traces(place, &context, &told.marks()).await, [""; 0]);
    }
    assert!(!traces(place, &context, &later.marks()).await.is_empty());
    let left = activities(&context).await;
    let kinds: Vec<_> = left
        .iter()
        .map(|one| one["source"].as_str().unwrap())
        .collect();
    assert_eq!(kinds.len(), 3);
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "strava_api").count(),
        1
    );
    assert_sound(&context).await;

    // Who reads older snapshots finds none of it, and no error.
    let newest = context.storage.lake.latest().await.unwrap().snapshot_id();
    for snapshot in 1..=newest {
        let view = context.storage.lake.at(snapshot).await.unwrap();
        let session = Session::open(&view, Limits::jobs()).await.unwrap();
        let text = "select name from activities";
        let Ok(found) = query::sql::query(&session, text).await else {
            continue; // before the tables were made
        };
        let names = format!("{:?}", values(&found).unwrap());
        assert!(!names.contains(&alone.name), "{snapshot}: {names}");
        assert!(!names.contains(&with_file.name), "{snapshot}: {names}");
    }
    let before = rows(&context).await;
    let options = rebuild::Options::default();
    rebuild::rebuild(&context, options).await.unwrap();
    assert_equal(&before, &rows(&context).await);

    // The receipt says what went, and stays; there is nothing more to do.
    let audit = catalog.audit(&AuditFilter::default()).await.unwrap();
    let receipts = audit
        .iter()
        .filter(|entry| entry.outcome == Outcome::Purged);
    let receipts: Vec<_> = receipts.map(|entry| entry.path.as_str()).collect();
    assert_eq!(receipts, ["kept for 7 days"]);
    assert!(
        released(&context, Release::Due(due()), "again")
            .await
            .is_none()
    );
    assert!(catalog.unfinished_purges().await.unwrap().is_empty());

    // Fetched again later it is the same activity as before.
    let gone = receipt.activities[0].0;
    taken(&context, &alone.copy(20)).await;
    let again = activities(&context).await;
    assert!(again.iter().any(|one| one["activity_id"] == gone));
    assert_sound(&context).await;
}

async fn a_release_that_was_cut_off_is_finished(place: &Place) {
    let context = imported(place, &[OTHER]).await;
    let (alone, with_file) = (Told::of(RUN, 77_001), Told::of(OTHER, 77_002));
    told::all_taken(&context, &[alone.copy(0), with_file.copy(0)]).await;
    let athlete = context.athlete(None).await.unwrap();
    let order = ReleaseOrder {
        athlete_id: ONE,
        which: Which::All {
            format: "strava_api",
        },
        cause: "access withdrawn".to_owned(),
        at_us: 0,
    };
    let catalog = &context.storage.catalog;
    catalog.begin_release(&order).await.unwrap().unwrap();
    let refused = catalog.begin_release(&order).await.unwrap_err();
    assert_eq!(refused.code(), Code::Conflict);

    // Copies wait, those that were fetched before too; files come in.
    let late = Told::of(THIRD, 77_003);
    for athlete in [athlete, context.athlete(None).await.unwrap()] {
        let refused = told::try_taken(&context, &athlete, vec![late.copy(0)]).await;
        assert!(matches!(refused, Err(Error::Released(_))), "{refused:?}");
    }
    assert_eq!(traces(place, &context, &late.marks()).await, [""; 0]);
    let files = recordings(&["tcx/treadmill_1.tcx"]);
    let report = import::import(&context, None, &files).await.unwrap();
    assert_eq!(report.created, 1);

    let receipts = finish_unfinished(&context).await.unwrap();
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].activities.len(), 1);
    assert_eq!(receipts[0].revised.len(), 1);
    for told in [&alone, &with_file] {
        assert_eq!(traces(place, &context, &told.marks()).await, [""; 0]);
    }
    assert_sound(&context).await;
    assert!(finish_unfinished(&context).await.unwrap().is_empty());
    let item = taken(&context, &late.copy(0)).await;
    assert_eq!(item.outcome, Outcome::Created);
}

/// A release that panics at one of its steps.
struct CutOff {
    step: u64,
    steps: AtomicU64,
}

impl Progress for CutOff {
    fn begin(&self, _: &'static str, _: u64) {}

    fn advance(&self, done: u64) {
        let steps = self.steps.fetch_add(done, Ordering::SeqCst) + done;
        assert!(steps < self.step, "cut off");
    }

    fn note(&self, _: &str) {}

    fn end(&self) {}
}

async fn a_release_may_be_cut_off_after_any_step(place: &Place) {
    let context = imported(place, &[OTHER]).await;
    let (alone, with_file) = (Told::of(RUN, 77_001), Told::of(OTHER, 77_002));
    let file = only(&context).await;
    for step in 1..=4 {
        told::all_taken(&context, &[alone.copy(0), with_file.copy(0)]).await;
        let cut = Context {
            progress: Arc::new(CutOff {
                step,
                steps: AtomicU64::new(0),
            }),
            ..context.clone()
        };
        let ended = tokio::spawn(async move {
            let what = Release::Everything;
            release(&cut, ONE, &what, "access withdrawn").await
        });
        let ended = ended.await.unwrap();
        assert!(matches!(ended, Err(Error::Worker(_))), "step {step}");
        let catalog = &context.storage.catalog;
        assert_eq!(catalog.unfinished_purges().await.unwrap().len(), 1);

        let more = released(&context, Release::Everything, "access withdrawn").await;
        assert!(more.is_none(), "the first one took all");
        for told in [&alone, &with_file] {
            let left = traces(place, &context, &told.marks()).await;
            assert_eq!(left, [""; 0], "step {step}");
        }
        let left = only(&context).await;
        assert_eq!(left["activity_id"], file["activity_id"]);
        assert_eq!(left["name"], file["name"]);
        assert!(catalog.unfinished_purges().await.unwrap().is_empty());
        assert_eq!(raw(&context).await.len(), 1);
        assert_sound(&context).await;
    }
    let filter = AuditFilter::default();
    let audit = context.storage.catalog.audit(&filter).await.unwrap();
    let receipts = audit.iter().filter(|e| e.outcome == Outcome::Purged);
    assert_eq!(receipts.count(), 4);
}

async fn one_activity_is_let_go_by_its_id(place: &Place) {
    let context = imported(place, &[RUN]).await;
    let (kept, gone) = (Told::of(OTHER, 77_001), Told::of(THIRD, 77_002));
    let mut owned = kept.copy(0);
    // Its owner keeps it: no day is due.
    owned.retain_until = None;
    told::all_taken(&context, &[owned, gone.copy(0)]).await;
    let file = Told::of(RUN, 77_003);
    taken(&context, &file.copy(0)).await;
    let mut until: Vec<_> = activities(&context).await;
    until.retain(|one| !one["retain_until"].is_null());
    assert_eq!(until.len(), 1);

    let what = Release::Activity("strava:77002".to_owned());
    let receipt = released(&context, what.clone(), "deleted at Strava")
        .await
        .unwrap();
    assert_eq!((receipt.activities.len(), receipt.revised.len()), (1, 0));
    assert!(
        released(&context, what, "deleted at Strava")
            .await
            .is_none()
    );
    assert_eq!(traces(place, &context, &gone.marks()).await, [""; 0]);
    assert!(!traces(place, &context, &kept.marks()).await.is_empty());
    let far: Timestamp = "2030-01-01T00:00:00Z".parse().unwrap();
    let receipt = released(&context, Release::Due(far), "kept for 7 days")
        .await
        .unwrap();
    assert_eq!((receipt.activities.len(), receipt.revised.len()), (0, 1));
    assert_eq!(activities(&context).await.len(), 2);
    let receipt = released(&context, Release::Everything, "access withdrawn")
        .await
        .unwrap();
    assert_eq!((receipt.activities.len(), receipt.revised.len()), (1, 0));
    assert_eq!(activities(&context).await.len(), 1);
    assert_eq!(traces(place, &context, &kept.marks()).await, [""; 0]);
    assert_sound(&context).await;
}

on_both!(
    a_copy_gives_a_file_its_words,
    a_file_takes_the_place_of_a_copys_streams,
    the_newest_copy_stays_whatever_the_order,
    what_is_due_goes_and_the_rest_stays,
    a_release_that_was_cut_off_is_finished,
    a_release_may_be_cut_off_after_any_step,
    one_activity_is_let_go_by_its_id,
);
