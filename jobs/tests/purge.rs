//! What a purge leaves to those who read beside it, and what it finds that was
//! never whole.

mod home;

use std::fs;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use home::{
    Place, SEVERAL, assert_equal, assert_sound, imported, on_both, parquet_files, recordings, rows,
};
use pacelake_jobs::purge::{Receipt, purge};
use pacelake_jobs::{Context, import};
use query::session::{Limits, Session};
use storage::AthleteId;
use storage::catalog::{Pointer, PurgeOrder};

/// Two recordings of one outing, and what stays when it goes.
const GOES: &[&str] = &[SEVERAL[2], SEVERAL[0]];
const STAYS: &[&str] = &["fit/event_timestamp.fit", "tcx/treadmill_1.tcx"];

/// A lake with all of them, and the activity that goes.
async fn lake(place: &Place) -> (Context, Pointer) {
    let context = imported(place, GOES).await;
    let goes = pointers(&context).await.remove(0);
    let stays = recordings(STAYS);
    import::import(&context, None, &stays).await.unwrap();
    (context, goes)
}

async fn pointers(context: &Context) -> Vec<Pointer> {
    let catalog = &context.storage.catalog;
    catalog.pointers_after(None, 100).await.unwrap()
}

async fn purged(context: &Context, pointer: &Pointer) -> Receipt {
    let order = PurgeOrder {
        athlete_id: pointer.key.athlete_id,
        activities: Some(vec![pointer.key.activity_id]),
        command: "a test".to_owned(),
        at_us: 0,
    };
    purge(context, &order).await.unwrap()
}

async fn activities(session: &Session) -> Vec<i64> {
    let text = "select activity_id, distance_m from activities order by activity_id";
    let rows = query::sql::query(session, text).await.unwrap();
    let ids = rows.batches.iter();
    ids.flat_map(|batch| {
        batch
            .column(0)
            .as_primitive::<Int64Type>()
            .values()
            .to_vec()
    })
    .collect()
}

/// A session that was opened before it finds the files gone, and reads those
/// that took their place, for one athlete and for all.
async fn a_query_goes_on_after_a_purge(place: &Place) {
    let (context, goes) = lake(place).await;
    let view = context.storage.lake.latest().await.unwrap();
    let all = Session::open(&view, Limits::default()).await.unwrap();
    let own = Session::open_for(&view, AthleteId(1), Limits::default());
    let own = own.await.unwrap();
    purged(&context, &goes).await;
    let left = pointers(&context).await;
    let mut left: Vec<i64> = left.iter().map(|p| p.key.activity_id.0).collect();
    left.sort_unstable();
    assert_eq!(left.len(), STAYS.len());
    assert_eq!(activities(&all).await, left);
    assert_eq!(activities(&own).await, left);
}

/// What stays is what a lake holds that never had the rest; but the ledger
/// counts how often the athlete was written.
async fn a_purged_lake_is_as_if_it_never_was(place: &Place) {
    let (context, goes) = lake(place).await;
    purged(&context, &goes).await;
    let other = Place::sqlite();
    let never = imported(&other, STAYS).await;
    let (mut expected, mut found) = (rows(&never).await, rows(&context).await);
    for tables in [&mut expected, &mut found] {
        assert!(tables.remove("derivations").is_some());
    }
    assert_equal(&expected, &found);
}

/// Recordings that a killed import wrote by half go; a file of the lake that
/// a killed commit wrote by half is told.
async fn what_was_left_half_written_goes_or_is_told(place: &Place) {
    let (context, goes) = lake(place).await;
    let root = place.data_dir.path();
    let hash = "0".repeat(64);
    let recording = root.join(format!("raw/1/{hash}.zst#7"));
    let others = root.join(format!("raw/2/{hash}.zst#7"));
    let file = root.join("lake/main/streams/half.parquet#12");
    for path in [&recording, &others, &file] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"half").unwrap();
    }
    let receipt = purged(&context, &goes).await;
    assert!(!recording.exists() && others.exists());
    assert!(parquet_files(place).contains(&file));
    let told = receipt.unreadable.join("\n");
    assert!(told.contains("half.parquet#12"), "{told}");
    assert_sound(&context).await;
}

on_both!(
    a_query_goes_on_after_a_purge,
    a_purged_lake_is_as_if_it_never_was,
    what_was_left_half_written_goes_or_is_told,
);
