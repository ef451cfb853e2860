//! What reading promises.

use datafusion::physical_plan::displayable;

use super::rows::{
    EFFORTS, TRACKS, all, commit, efforts, key, open, query, replace, session, sorted, tracks,
};
use crate::lake::{KeySet, TableChange};
use crate::testing::Place;
use crate::{AthleteId, Code, Failure};

/// Rows come back as they were written, by key and by query, in whatever order
/// and number of commits they came.
pub async fn rows_come_back_as_they_were(place: &Place) {
    let lake = open(place).await.lake;
    for activities in [20..25, 0..20, 25..40] {
        let changes = vec![
            TableChange {
                table: &EFFORTS,
                delete: None,
                append: vec![efforts(activities.clone().rev(), 1)],
            },
            TableChange {
                table: &TRACKS,
                delete: None,
                append: activities.map(|n| tracks(n..n + 1, n, 1)).collect(),
            },
        ];
        lake.commit(commit(changes)).await.unwrap();
    }
    let view = lake.latest().await.unwrap();
    let all_tracks: Vec<_> = (0..40).map(|n| tracks(n..n + 1, n, 1)).collect();
    assert_eq!(all(&view, "efforts").await, sorted(&[efforts(0..40, 1)]));
    assert_eq!(all(&view, "tracks").await, sorted(&all_tracks));

    let keys = KeySet::activities(&[key(3), key(33), key(99)]);
    let found = view.rows("tracks", None, &keys).await.unwrap();
    let expected = [&all_tracks[3], &all_tracks[33]].map(Clone::clone);
    assert_eq!(sorted(&found), sorted(&expected));
    let columns = ["elapsed_s", "activity_id"];
    let found = view.rows("efforts", Some(&columns), &keys).await.unwrap();
    let expected =
        [efforts(3..4, 1), efforts(33..34, 1)].map(|rows| rows.project(&[4, 2]).unwrap());
    assert_eq!(sorted(&found), sorted(&expected));
    let athlete = KeySet::athletes(&[AthleteId(2)]);
    let found = view.rows("efforts", None, &athlete).await.unwrap();
    let theirs = (0..40).filter(|n| n % 3 == 1);
    assert_eq!(sorted(&found), sorted(&[efforts(theirs, 1)]));

    let unknown = view.rows("efforts", Some(&["pace"]), &keys).await;
    assert_eq!(unknown.unwrap_err().code(), Code::InvalidArgument);
    let unknown = view.rows("nothing", None, &keys).await;
    assert_eq!(unknown.unwrap_err().code(), Code::NotFound);
}

/// Filters choose files by their ranges, and rows exactly, deleted ones left
/// out; a count needs no file at all.
pub async fn filters_choose_files_and_rows(place: &Place) {
    let lake = open(place).await.lake;
    for first in (0..60).step_by(10) {
        lake.commit(replace(first..first + 10, 1)).await.unwrap();
    }
    lake.commit(replace(12..14, 2)).await.unwrap();
    let view = lake.latest().await.unwrap();
    for (filter, wanted, most_files) in [
        (
            format!("activity_id = {}", key(31).activity_id),
            vec![31],
            1,
        ),
        (
            format!("activity_id = {} and athlete_id = 1", key(12).activity_id),
            vec![12],
            2,
        ),
        ("start_time < timestamp '2021-02-10'".to_owned(), vec![0], 1),
        ("activity_id = 7".to_owned(), vec![], 0),
    ] {
        let sql = format!("select * from tracks where {filter}");
        let found = query(&view, &sql).await;
        let version = |n: &i64| if (12..14).contains(n) { 2 } else { 1 };
        let expected: Vec<_> = wanted
            .iter()
            .map(|n| tracks(*n..n + 1, 20, version(n)))
            .collect();
        assert_eq!(sorted(&found), sorted(&expected), "{filter}");
        let context = session(&view);
        let plan = context.sql(&sql).await.unwrap();
        let plan = plan.create_physical_plan().await.unwrap();
        let text = displayable(plan.as_ref()).indent(false).to_string();
        let files = text.matches(".parquet").count();
        assert!(files <= most_files, "{filter} reads {files} files: {text}");
    }
    let count = query(&view, "select count(*) as n from efforts").await;
    assert_eq!(sorted(&count), [serde_json::json!([120])]);
}
