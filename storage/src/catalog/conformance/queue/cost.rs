//! What the queue costs while it grows.

use super::{NOW, job, open, order};
use crate::catalog::{ANY_PRIORITY, Catalog, Dialect, End, JobFilter, Keep, NewJob, Value};
use crate::id::AthleteId;
use crate::testing::Place;

/// How many jobs wait in a long queue.
const MANY: i64 = 100_000;

/// Fills the queue: a third due, a third for later, a third of a kind that
/// nobody here does, and ahead of all others.
async fn fill(catalog: &Catalog) {
    let mut tx = catalog.db().begin().await.unwrap();
    tx.execute(
        "with recursive n (i) as (select 1 union all select i + 1 from n where i < $1) \
         insert into jobs (kind, key, athlete_id, priority, round, payload, state, is_ready, \
         due_at_us, max_attempts, enqueued_at_us) \
         select case when i % 3 = 2 then 'unknown' else 'fetch' end, cast(i as text), \
         i % 1000, case when i % 3 = 2 then 0 else 5 end, i / 1000, '{}', 'waiting', \
         case when i % 3 = 1 then 0 else 1 end, \
         case when i % 3 = 1 then $2 + i else i end, 3, i from n",
        &[MANY.into(), (NOW * 2).into()],
    )
    .await
    .unwrap();
    tx.commit().await.unwrap();
}

/// What the connections keep prepared that are idle, of which there are few.
async fn prepared(catalog: &Catalog) -> Vec<String> {
    let (mut texts, mut held) = (Vec::new(), Vec::new());
    for _ in 0..4 {
        let mut tx = catalog.db().begin_read().await.unwrap();
        let sql = "select statement from pg_prepared_statements";
        let rows = tx.fetch(sql, &[]).await.unwrap();
        texts.extend(rows.iter().map(|row| row.text(0).unwrap().to_owned()));
        held.push(tx);
    }
    texts
}

/// One job through the queue; how many statements that takes, and how many
/// rows come back.
async fn cost(catalog: &Catalog, key: &str) -> (u64, u64) {
    let before = catalog.db().counts();
    let new = NewJob {
        athlete_id: Some(AthleteId(1)),
        priority: 1,
        ..job("fetch", key)
    };
    catalog.enqueue(&[new]).await.unwrap();
    let claimed = catalog.claim(&order(1, NOW)).await.unwrap();
    assert_eq!(claimed[0].key, key);
    let settled = catalog.settle(claimed[0].held(), &End::Done, None, NOW);
    settled.await.unwrap().unwrap();
    let after = catalog.db().counts();
    (
        after.statements - before.statements,
        after.rows_read - before.rows_read,
    )
}

/// A job costs as much in a queue of a hundred thousand as in an empty one, and
/// nothing that a worker says reads all of it.
///
/// # Panics
/// Where the promise is broken.
pub async fn the_cost_of_a_job_is_constant(place: &Place) {
    let catalog = open(place).await;
    cost(&catalog, "first").await;
    let short = cost(&catalog, "short").await;
    fill(&catalog).await;
    assert_eq!(cost(&catalog, "long").await, short);

    // Everything else that is asked often.
    let claimed = catalog.claim(&order(4, NOW)).await.unwrap();
    assert_eq!(claimed.len(), 4);
    catalog.retry_job(claimed[0].job_id).await.unwrap();
    catalog.cancel_job(claimed[0].job_id).await.unwrap();
    let wake = catalog.wake_jobs(AthleteId(1), &["fetch"], NOW);
    assert!(wake.await.unwrap() > 0);
    catalog.claim(&order(4, NOW)).await.unwrap();
    catalog.job(claimed[0].job_id).await.unwrap();
    let filter = JobFilter {
        athlete_id: Some(AthleteId(1)),
        ..JobFilter::default()
    };
    catalog.jobs(&filter, 9).await.unwrap();

    match catalog.db().dialect() {
        Dialect::Sqlite => {
            let mut scans = catalog.db().full_scans(&["jobs", "job_"]).await;
            // What filled it.
            scans.retain(|scan| !scan.contains("with recursive"));
            assert_eq!(scans, Vec::<String>::new());
            // Nor does it read all that share a state.
            let kinds = [Value::Texts(Vec::new()), Value::Ints(Vec::new())];
            let at = [NOW.into()];
            let once = [NOW.into(), 1.into()];
            for (part, values, indexes) in [
                (
                    "exists (select 1 from jobs",
                    &[&kinds[..], &at].concat()[..],
                    3,
                ),
                ("order by due_at_us limit", &once, 1),
                ("order by lease_until_us limit", &once, 1),
            ] {
                let plan = plan_of(&catalog, part, values).await;
                let searches = plan.matches("USING INDEX jobs_").count()
                    + plan.matches("USING COVERING INDEX jobs_").count();
                assert_eq!(searches, indexes, "{plan}");
                assert!(
                    !plan.contains("jobs_state") && !plan.contains("jobs_kind"),
                    "{plan}"
                );
                assert!(!plan.contains("TEMP B-TREE"), "{plan}");
            }
        }
        Dialect::Postgres => {
            // No plan is kept that was made for a queue of another length.
            let kept = prepared(&catalog).await;
            assert!(kept.iter().any(|text| text.starts_with("insert into jobs")));
            for text in &kept {
                assert!(!text.contains("k.below"), "{text}");
            }
            let kinds = [
                Value::Texts(vec!["fetch".to_owned(), "derive".to_owned()]),
                Value::Ints(vec![50, ANY_PRIORITY]),
            ];
            let at = [NOW.into()];
            let of_claim = [4.into(), "tester".into(), NOW.into(), NOW.into()];
            // Whether or not somebody has analysed it since it grew.
            for script in ["", "analyze jobs"] {
                let mut tx = catalog.db().begin().await.unwrap();
                tx.execute_script(script).await.unwrap();
                tx.commit().await.unwrap();
                for (part, more) in [
                    ("skip locked))", &of_claim[..]),
                    ("as best), coalesce", &at),
                ] {
                    let plan = plan_of(&catalog, part, &[&kinds, more].concat()).await;
                    let is_bounded = plan.contains("priority < k.below");
                    assert!(plan.contains("jobs_ready") && is_bounded, "{plan}");
                    for other in ["Seq Scan on jobs", "jobs_kind", "jobs_state", "jobs_live"] {
                        assert!(!plan.contains(other), "{script} {plan}");
                    }
                }
            }
        }
    }
    // The history is looked through at times; that reads what is over only.
    catalog.prune_jobs(&Keep::DECLARED).await.unwrap();
}

/// How the database runs the statement that has this part.
async fn plan_of(catalog: &Catalog, part: &str, values: &[Value]) -> String {
    let texts = catalog.db().journal().texts();
    let text = texts
        .iter()
        .find(|text| text.contains(part) && !text.starts_with("explain"));
    let text = text.expect("it was run").clone();
    let mut tx = catalog.db().begin().await.unwrap();
    let (explain, column) = match catalog.db().dialect() {
        Dialect::Sqlite => ("explain query plan", 3),
        Dialect::Postgres => ("explain", 0),
    };
    let plan = tx.fetch_named(format!("{explain} {text}"), values).await;
    let lines = plan.unwrap();
    let lines = lines
        .iter()
        .map(|line| line.text(column).unwrap().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}
