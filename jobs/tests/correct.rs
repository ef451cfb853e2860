//! What owners say of their activities: exactly the rows that depend on it
//! change, as many as the answer says, and none once it is taken back.

mod diff;
mod home;

use std::collections::BTreeMap;

use home::{
    Place, SEVERAL, Tables, assert_equal, assert_sound, imported, on_both, parquet_files,
    recordings, rows,
};
use pacelake_jobs::changes::Changes;
use pacelake_jobs::correct::{Corrected, Said, Wish, correct, remerge, said, unmerge};
use pacelake_jobs::exit::{verify, write};
use pacelake_jobs::{Context, import, purge, rebuild};
use query::cells::differing;
use query::output::values;
use query::session::{Limits, Session};
use storage::catalog::{Athlete, AuditFilter, PurgeOrder};
use storage::{ActivityId, AthleteId, Code, Failure};

async fn athlete(context: &Context) -> Athlete {
    context.athlete(None).await.unwrap()
}

async fn sql(context: &Context, text: &str) -> Vec<serde_json::Value> {
    let view = context.storage.lake.latest().await.unwrap();
    let session = Session::open(&view, Limits::jobs()).await.unwrap();
    let rows = query::sql::query(&session, text).await.unwrap();
    values(&rows).unwrap()
}

async fn activity(context: &Context, which: &str) -> ActivityId {
    let text = format!("select activity_id from activities where {which}");
    let found = sql(context, &text).await;
    assert_eq!(found.len(), 1, "{which}: {found:?}");
    ActivityId(found[0]["activity_id"].as_i64().unwrap())
}

async fn wish(context: &Context, id: ActivityId, wish: &Wish) -> Corrected {
    let done = correct(context, &athlete(context).await, id, wish).await;
    done.unwrap_or_else(|error| panic!("{wish:?}: {error}"))
}

async fn refusal(context: &Context, id: ActivityId, wish: &Wish) -> (Code, String) {
    let done = correct(context, &athlete(context).await, id, wish).await;
    let error = done.expect_err("it is refused");
    (error.code(), error.to_string())
}

/// What is said of an activity now.
async fn holding(context: &Context, id: ActivityId) -> Vec<Said> {
    let athlete = AthleteId(1);
    let catalog = &context.storage.catalog;
    let pointer = catalog.find_activity(id).await.unwrap().unwrap();
    let mut holding = catalog.corrections_of(athlete, &[id]).await.unwrap();
    holding.retain(|one| one.holds_in(pointer.revision));
    let view = context.storage.lake.latest().await.unwrap();
    let session = Session::open(&view, Limits::jobs()).await.unwrap();
    said(&session, pointer.key, &holding).await.unwrap()
}

fn mask(from: &str, to: &str) -> Wish {
    let point = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
    Wish::Mask {
        from: point(from),
        to: point(to),
        reason: "under a bridge".to_owned(),
    }
}

/// Columns that tell how often an activity was written, and nothing else.
const REVISIONS: [&str; 2] = ["revision", "input_revision"];

/// What differs, by table and key: whether the row was there, and is.
fn changed(before: &Tables, after: &Tables) -> BTreeMap<(&'static str, String), (bool, bool)> {
    let mut rows = BTreeMap::new();
    for table in query::derived::tables() {
        for cell in differing(table, &before[table.name], &after[table.name]).unwrap() {
            let there = match cell.column {
                Some(_) => (true, true),
                None => (cell.found.is_some(), cell.expected.is_some()),
            };
            rows.insert((table.name, cell.key), there);
        }
    }
    rows
}

/// Asserts that what differs are rows of these activities, and of what follows
/// from them, as many as were counted.
fn assert_changed(before: &Tables, after: &Tables, ids: &[ActivityId], counted: &Changes) {
    let mut counts: BTreeMap<&str, [u64; 3]> = BTreeMap::new();
    for ((table, key), there) in changed(before, after) {
        let of_them = ids
            .iter()
            .any(|id| key.contains(&format!("activity_id={id}")));
        let follows = ["best_effort_ranks", "stats", "derivations"].contains(&table);
        assert!(of_them || follows, "{table} {key}");
        if table != "derivations" {
            let at = match there {
                (true, true) => 0,
                (false, true) => 1,
                (true | false, false) => 2,
            };
            counts.entry(table).or_default()[at] += 1;
        }
    }
    let told = counted.by_table();
    let told = told.map(|(table, rows)| (table, [rows.changed, rows.added, rows.removed]));
    assert_eq!(told.collect::<BTreeMap<_, _>>(), counts);
}

/// Asserts that all is as it was, but for how often activities were written.
fn assert_as_before(before: &Tables, after: &Tables) {
    for table in query::derived::tables() {
        let cells = differing(table, &before[table.name], &after[table.name]).unwrap();
        for cell in cells {
            let column = cell.column.unwrap_or("a row");
            assert!(REVISIONS.contains(&column), "{cell:?}");
        }
    }
}

/// Audit entries that are about no import: action and reason.
async fn audited(context: &Context) -> Vec<(String, String)> {
    let found = context.storage.catalog.audit(&AuditFilter::default()).await;
    let entries = found.unwrap().into_iter().rev();
    let entries = entries.filter(|entry| entry.action != "import");
    entries.map(|e| (e.action, e.reason)).collect()
}

async fn a_mask_changes_what_depends_on_it_and_can_be_lifted(place: &Place) {
    let context = imported(place, SEVERAL).await;
    let id = activity(&context, "raw_sha256 like '28259bfb%'").await;
    let before = rows(&context).await;
    let masked = wish(&context, id, &mask("15:42:06", "+1100")).await;
    assert_eq!(
        masked.sentence,
        "masked 15:42:06 to 15:43:46: under a bridge"
    );
    assert_eq!(masked.revision, 2);
    let with_mask = rows(&context).await;
    assert_changed(&before, &with_mask, &[id], &masked.rows);
    let text = format!("select cause from refused_efforts where activity_id = {id}");
    let refused = sql(&context, &text).await;
    assert_eq!(refused.len(), 4, "{refused:?}");
    assert!(
        refused.iter().all(|row| row["cause"] == "mask"),
        "{refused:?}"
    );
    assert_sound(&context).await;

    // The same again changes nothing.
    let again = wish(&context, id, &mask("15:42:06", "+1100")).await;
    assert!(again.rows.is_empty() && again.revision == 2, "{again:?}");
    assert_equal(&with_mask, &rows(&context).await);

    // A second one, of the whole: nothing is a record any more.
    let whole = wish(&context, id, &mask("", "")).await;
    assert_changed(&with_mask, &rows(&context).await, &[id], &whole.rows);
    for table in ["best_efforts", "peaks"] {
        let text = format!("select count(*) as n from {table} where activity_id = {id}");
        assert_eq!(sql(&context, &text).await[0]["n"], 0, "{table}");
    }
    let said = holding(&context, id).await;
    let kinds: Vec<_> = said
        .iter()
        .map(|one| (one.kind, one.sentence.as_str()))
        .collect();
    let expected = [
        ("mask", "15:42:06 to 15:43:46"),
        ("mask", "the whole activity"),
    ];
    assert_eq!(kinds, expected);
    let one = Wish::Unmask {
        correction_id: Some(said[1].correction_id.parse().unwrap()),
    };
    wish(&context, id, &one).await;
    assert_as_before(&with_mask, &rows(&context).await);

    let lifted = wish(
        &context,
        id,
        &Wish::Unmask {
            correction_id: None,
        },
    )
    .await;
    assert!(lifted.corrections.is_empty());
    assert_as_before(&before, &rows(&context).await);
    assert_sound(&context).await;
    let actions: Vec<String> = audited(&context)
        .await
        .into_iter()
        .map(|(a, _)| a)
        .collect();
    assert_eq!(actions, ["mask", "mask", "unmask", "unmask"]);
}

async fn a_refused_effort_can_be_included(place: &Place) {
    let context = imported(place, SEVERAL).await;
    let id = activity(&context, "raw_sha256 like '28259bfb%'").await;
    let include = |distance_m: f64| Wish::Include {
        distance_m,
        reason: "timed by hand".to_owned(),
    };
    let (code, _) = refusal(&context, id, &include(400.0)).await;
    assert_eq!(code, Code::InvalidArgument);
    let efforts =
        format!("select * from best_efforts where activity_id = {id} order by distance_m");
    let unmasked = sql(&context, &efforts).await;
    wish(&context, id, &mask("+1000", "+1100")).await;
    let before = rows(&context).await;

    let (code, told) = refusal(&context, id, &include(5_000.0)).await;
    assert_eq!(code, Code::InvalidArgument);
    assert!(told.contains("400, 800, 1000, 1609.344 m"), "{told}");
    let included = wish(&context, id, &include(400.0)).await;
    assert_changed(&before, &rows(&context).await, &[id], &included.rows);
    let now = sql(&context, &efforts).await;
    assert_eq!(now[0], unmasked[0]);
    assert!(now[1] != unmasked[1]);
    assert_sound(&context).await;

    let excluded = wish(&context, id, &Wish::Exclude { distance_m: 400.0 }).await;
    assert_eq!(excluded.corrections.len(), 1);
    assert_as_before(&before, &rows(&context).await);
}

async fn a_merge_is_undone_and_done_again(place: &Place) {
    let context = imported(place, &SEVERAL[..3]).await;
    let id = activity(&context, "true").await;
    let before = rows(&context).await;
    let owner = athlete(&context).await;
    let count = || async {
        let found = sql(&context, "select count(*) as n from activities").await;
        found[0]["n"].as_u64().unwrap()
    };
    assert_eq!(count().await, 1);

    let error = unmerge(&context, &owner, id, None).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert!(
        error
            .to_string()
            .contains("4801048867.fit, whose samples are used")
    );
    let undone = unmerge(&context, &owner, id, Some("4801048867.fit"))
        .await
        .unwrap();
    let parted = undone.activities[1];
    assert_eq!(undone.activities, [id, parted]);
    let with_both = rows(&context).await;
    assert_changed(&before, &with_both, &[id, parted], &undone.rows);
    assert_eq!(count().await, 2);
    assert_sound(&context).await;

    // Whatever comes in, it stays by itself, and is known by its bytes.
    for path in recordings(&[SEVERAL[3], SEVERAL[0]]) {
        import::import(&context, None, &[path]).await.unwrap();
    }
    assert_eq!(count().await, 2);
    let sources = context
        .storage
        .catalog
        .sources_of(AthleteId(1), &[parted])
        .await;
    assert_eq!(sources.unwrap().len(), 1);

    // What is said of it meanwhile goes with it.
    wish(&context, parted, &mask("", "")).await;
    let owner = athlete(&context).await;
    let wrong = remerge(&context, &owner, id).await.unwrap_err();
    assert_eq!(wrong.code(), Code::InvalidArgument);
    let again = remerge(&context, &owner, parted).await.unwrap();
    assert_eq!(again.activities, [id]);
    assert!(
        again.sentence.contains("start 0 s apart"),
        "{}",
        again.sentence
    );
    assert_eq!(count().await, 1);
    assert_sound(&context).await;
    let said = holding(&context, id).await;
    assert_eq!(said.len(), 1, "{said:?}");
    wish(
        &context,
        id,
        &Wish::Unmask {
            correction_id: None,
        },
    )
    .await;
    // The fourth recording that came meanwhile lost to the FIT file.
    assert_as_before(&before, &rows(&context).await);
    let actions: Vec<String> = audited(&context)
        .await
        .into_iter()
        .map(|(a, _)| a)
        .collect();
    let expected = ["unmerge", "unmerge", "mask", "remerge", "unmask"];
    assert_eq!(actions, expected);
}

async fn what_means_nothing_is_refused(place: &Place) {
    let context = imported(place, &SEVERAL[5..6]).await;
    let id = activity(&context, "true").await;
    let (before, files) = (rows(&context).await, parquet_files(place));
    let long = Wish::Mask {
        from: None,
        to: None,
        reason: "a".repeat(501),
    };
    for (asked, code, text) in [
        (
            mask("15:00:00", "15:10:00"),
            Code::InvalidArgument,
            "from 15:25:26 to 15:52:44",
        ),
        (
            mask("+200", "+100"),
            Code::InvalidArgument,
            "ends before it begins",
        ),
        (
            mask("+100", "+100"),
            Code::InvalidArgument,
            "ends before it begins",
        ),
        (long, Code::InvalidArgument, "up to 500 bytes"),
        (
            Wish::Unmask {
                correction_id: None,
            },
            Code::NotFound,
            "mask",
        ),
        (Wish::Exclude { distance_m: 400.0 }, Code::NotFound, "400"),
        (
            Wish::Exclude {
                distance_m: f64::NAN,
            },
            Code::InvalidArgument,
            "NaN",
        ),
    ] {
        let (found, told) = refusal(&context, id, &asked).await;
        assert_eq!(found, code, "{asked:?}: {told}");
        assert!(told.contains(text), "{asked:?}: {told}");
    }
    let (code, _) = refusal(&context, ActivityId(7), &mask("", "")).await;
    assert_eq!(code, Code::NotFound);
    // Another athlete has no such activity.
    let other = context.storage.catalog.create_athlete(None).await.unwrap();
    let done = correct(&context, &other, id, &mask("", "")).await;
    assert_eq!(done.unwrap_err().code(), Code::NotFound);
    assert_equal(&before, &rows(&context).await);
    assert_eq!(files, parquet_files(place));
    assert!(audited(&context).await.is_empty());
}

async fn what_is_said_outlives_the_rows(place: &Place) {
    let context = imported(place, SEVERAL).await;
    let run = activity(&context, "raw_sha256 like '28259bfb%'").await;
    let ride = activity(&context, "raw_sha256 like '9845c996%'").await;
    wish(&context, run, &mask("+1000", "+1100")).await;
    let include = Wish::Include {
        distance_m: 800.0,
        reason: "timed by hand".to_owned(),
    };
    wish(&context, run, &include).await;
    let owner = athlete(&context).await;
    unmerge(&context, &owner, ride, Some("4801048867.fit"))
        .await
        .unwrap();
    let before = rows(&context).await;

    // An exit proves itself with what was said.
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("exit");
    write::write(&context, &out).await.unwrap();
    let verified = verify::verify(&out, &*context.progress).await.unwrap();
    assert!(verified.is_sound(), "{verified:#?}");

    // A lake made anew has the same rows.
    rebuild::rebuild(&context, rebuild::Options::default())
        .await
        .unwrap();
    assert_equal(&before, &rows(&context).await);
    assert_sound(&context).await;
}

async fn a_purge_takes_what_was_said(place: &Place) {
    let context = imported(place, &SEVERAL[..3]).await;
    let id = activity(&context, "true").await;
    let owner = athlete(&context).await;
    let name = Some("4801048867.fit");
    let undone = unmerge(&context, &owner, id, name).await.unwrap();
    let parted = undone.activities[1];
    wish(&context, id, &mask("", "")).await;
    let order = PurgeOrder {
        athlete_id: owner.athlete_id,
        activities: Some(vec![id]),
        command: "test".to_owned(),
        at_us: 0,
    };
    let preview = purge::preview(&context, &order).await.unwrap();
    let receipt = purge::purge(&context, &order).await.unwrap();
    assert_eq!(preview.counts.catalog_rows, receipt.counts.catalog_rows);
    let catalog = &context.storage.catalog;
    let said = catalog.corrections_of(owner.athlete_id, &[id]).await;
    assert!(said.unwrap().is_empty());
    let sources = catalog.sources_of(owner.athlete_id, &[id, parted]).await;
    let sources = sources.unwrap();
    assert_eq!(sources.len(), 1);
    assert_eq!(sources[0].parted_from, None);
    assert_sound(&context).await;
}

on_both!(
    a_purge_takes_what_was_said,
    a_mask_changes_what_depends_on_it_and_can_be_lifted,
    a_refused_effort_can_be_included,
    a_merge_is_undone_and_done_again,
    what_means_nothing_is_refused,
    what_is_said_outlives_the_rows,
);
