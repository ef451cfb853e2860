//! What two snapshots differ by, where the clock stands still or runs ahead:
//! the days that pass, and merges undone and done again.

use std::collections::BTreeMap;

use crate::home::{Place, imported, on_both, open, recordings};
use pacelake_jobs::correct::{remerge, unmerge};
use pacelake_jobs::derive::reconcile;
use pacelake_jobs::diff::{Change, Diff, Kind, Options, diff};
use pacelake_jobs::{Context, import};
use storage::{ActivityId, AthleteId, Moment};

const ALL: Options = Options {
    table: None,
    activity: None,
    samples: usize::MAX,
    activities: usize::MAX,
};

async fn newest(context: &Context) -> i64 {
    let view = context.storage.lake.latest().await.unwrap();
    view.snapshot_id()
}

async fn between(context: &Context, from: i64, to: i64) -> Diff {
    let athlete = context.athlete(None).await.unwrap();
    let [from, to] = [from, to].map(Moment::Snapshot);
    diff(context, &athlete, &from, Some(&to), &ALL)
        .await
        .unwrap()
}

/// How each activity changed, and the sentences of its reasons.
fn told(diff: &Diff) -> BTreeMap<ActivityId, (Change, Vec<&str>)> {
    let activities = diff.activities.iter();
    let activities = activities.map(|one| {
        let sentences = one.because.iter().map(|reason| reason.sentence.as_str());
        (one.activity_id, (one.change, sentences.collect()))
    });
    activities.collect()
}

async fn an_effort_leaves_its_window_with_the_days(place: &Place) {
    let mut context = open(place).await;
    context.now = || "2020-12-01T12:00:00Z".parse().unwrap();
    let paths = recordings(&["fit/4801048867.fit"]);
    import::import(&context, None, &paths).await.unwrap();
    let old = newest(&context).await;
    context.now = || "2026-01-31T12:00:00Z".parse().unwrap();
    reconcile(&context, AthleteId(1), false).await.unwrap();
    let found = between(&context, old, newest(&context).await).await;
    assert!(found.activities.is_empty(), "{found:?}");
    let [table] = found.tables.as_slice() else {
        panic!("{found:?}");
    };
    assert_eq!(table.table, "best_effort_ranks");
    assert_eq!((table.rows_added, table.cells_changed), (0, 0));
    assert!(table.rows_removed > 0, "{table:?}");
    for row in &table.rows {
        let kinds = row.because.reasons.iter().map(|reason| &reason.kind);
        let days: Vec<_> = kinds
            .map(|kind| match kind {
                Kind::Day { day, .. } => day.as_str(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(days.iter().all(|day| day.starts_with("202")), "{days:?}");
        assert_eq!(days.len(), 1);
    }
}

async fn merges_are_told_on_both_sides(place: &Place) {
    let both = ["fit/4801048867.fit", "gpx/4801048867_strava.gpx"];
    let context = imported(place, &both).await;
    let athlete = context.athlete(None).await.unwrap();
    let whole = newest(&context).await;
    let page = context.storage.catalog.pointers_after(None, 10).await;
    let id = page.unwrap()[0].key.activity_id;
    let parted = unmerge(&context, &athlete, id, None).await.unwrap();
    let born = parted.activities.iter().find(|one| **one != id);
    let born = *born.expect("one was born");
    let apart = newest(&context).await;
    let found = between(&context, whole, apart).await;
    let told_apart = told(&found);
    let said = format!("unmerge: {}", parted.sentence);
    let expected = (Change::Changed, vec!["revision 2 -> 3", said.as_str()]);
    assert_eq!(told_apart[&id], expected);
    let expected = (Change::Added, vec!["new activity", said.as_str()]);
    assert_eq!(told_apart[&born], expected);
    assert_eq!(told_apart.len(), 2);

    let joined = remerge(&context, &athlete, born).await.unwrap();
    let again = newest(&context).await;
    let found = between(&context, apart, again).await;
    let told_again = told(&found);
    let said = format!("remerge: {}", joined.sentence);
    let expected = (Change::Changed, vec!["revision 3 -> 4", said.as_str()]);
    assert_eq!(told_again[&id], expected);
    let gone = format!("gone: activity {id} took it in");
    assert_eq!(told_again[&born], (Change::Removed, vec![gone.as_str()]));

    // Between the ends nothing but the revision changed, for two reasons.
    let found = between(&context, whole, again).await;
    let cells: u64 = found.tables.iter().map(|table| table.cells_changed).sum();
    assert_eq!((found.tables.len(), cells), (1, 1), "{found:?}");
    let reasons = &told(&found)[&id].1;
    assert_eq!((reasons[0], reasons.len()), ("revision 2 -> 4", 3));
}

on_both!(
    an_effort_leaves_its_window_with_the_days,
    merges_are_told_on_both_sides,
);
