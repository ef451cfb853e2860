//! What a purge leaves to those who read beside it, and what it finds that was
//! never whole.

mod home;

use std::fs;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use home::{Place, SEVERAL, assert_sound, imported, on_both};
use pacelake_jobs::Context;
use pacelake_jobs::purge::{Receipt, purge};
use query::session::{Limits, Session};
use storage::AthleteId;
use storage::catalog::{Pointer, PurgeOrder};

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
    let context = imported(place, SEVERAL).await;
    let view = context.storage.lake.latest().await.unwrap();
    let all = Session::open(&view, Limits::default()).await.unwrap();
    let own = Session::open_for(&view, AthleteId(1), Limits::default());
    let own = own.await.unwrap();
    let before = pointers(&context).await;
    purged(&context, &before[0]).await;
    let mut left: Vec<i64> = before[1..].iter().map(|p| p.key.activity_id.0).collect();
    left.sort_unstable();
    assert_eq!(activities(&all).await, left);
    assert_eq!(activities(&own).await, left);
}

/// Recordings that a killed import wrote by half go; a file of the lake that
/// a killed commit wrote by half is told.
async fn what_was_left_half_written_goes_or_is_told(place: &Place) {
    let context = imported(place, SEVERAL).await;
    let root = place.data_dir.path();
    let hash = "0".repeat(64);
    let recording = root.join(format!("raw/1/{hash}.zst#7"));
    let others = root.join(format!("raw/2/{hash}.zst#7"));
    let file = root.join("lake/main/streams/half.parquet#12");
    for path in [&recording, &others, &file] {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, b"half").unwrap();
    }
    let receipt = purged(&context, &pointers(&context).await[0]).await;
    assert!(!recording.exists());
    assert!(others.exists() && file.exists());
    let told = receipt.unreadable.join("\n");
    assert!(told.contains("half.parquet#12"), "{told}");
    assert_sound(&context).await;
}

on_both!(
    a_query_goes_on_after_a_purge,
    what_was_left_half_written_goes_or_is_told,
);
