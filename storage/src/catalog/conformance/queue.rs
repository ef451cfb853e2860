//! What the queue promises: one live job a key; here, how jobs come in.

mod cost;
mod ends;
mod history;
mod order;

pub use cost::*;
pub use ends::*;
pub use history::*;
pub use order::*;

use std::time::Duration;

use super::{commit, open, open_with_athletes};
use crate::catalog::{
    ANY_PRIORITY, Catalog, CatalogChange, ClaimOrder, End, Enqueued, JobFilter, JobRow, JobState,
    NewJob, Trouble, enqueue_in,
};
use crate::code::Code;
use crate::id::AthleteId;
use crate::testing::Place;

/// The time of these tests; nothing in the queue asks what time it is but for
/// leases.
const NOW: i64 = 1_000_000_000;
const LONG: Duration = Duration::from_secs(600);

fn job(kind: &str, key: &str) -> NewJob {
    NewJob {
        kind: kind.to_owned(),
        key: key.to_owned(),
        max_attempts: 3,
        ..NewJob::default()
    }
}

fn of(athlete: i64, key: &str) -> NewJob {
    NewJob {
        athlete_id: Some(AthleteId(athlete)),
        ..job("fetch", key)
    }
}

fn order(limit: u32, now_us: i64) -> ClaimOrder<'static> {
    ClaimOrder {
        worker: "tester",
        kinds: &[("fetch", ANY_PRIORITY), ("derive", ANY_PRIORITY)],
        limit,
        now_us,
        lease: LONG,
    }
}

async fn claim(catalog: &Catalog, limit: u32, now_us: i64) -> Vec<JobRow> {
    catalog.claim(&order(limit, now_us)).await.unwrap()
}

async fn claim_one(catalog: &Catalog, now_us: i64) -> JobRow {
    let mut claimed = claim(catalog, 1, now_us).await;
    assert_eq!(claimed.len(), 1);
    claimed.remove(0)
}

async fn settle(catalog: &Catalog, job: &JobRow, end: End) -> JobRow {
    let settled = catalog.settle(job.held(), &end, None, NOW).await.unwrap();
    settled.expect("the claim holds")
}

async fn enqueue(catalog: &Catalog, job: NewJob) -> Enqueued {
    catalog.enqueue(&[job]).await.unwrap()[0]
}

async fn read(catalog: &Catalog, job_id: i64) -> JobRow {
    let job = catalog.job(job_id).await.unwrap();
    job.expect("the job is there")
}

fn keys(jobs: &[JobRow]) -> Vec<&str> {
    jobs.iter().map(|job| job.key.as_str()).collect()
}

fn trouble() -> Trouble {
    Trouble {
        code: Code::StoreUnavailable,
        reason: "the store is away".to_owned(),
        try_next: "wait".to_owned(),
    }
}

/// Of one kind and key one job is live; enqueuing it again makes the waiting
/// one more urgent, never less, and never two.
///
/// # Panics
/// Where the promise is broken.
pub async fn a_key_has_one_live_job(place: &Place) {
    let catalog = open(place).await;
    let late = NewJob {
        priority: 20,
        due_at_us: Some(NOW + 100),
        request_id: Some("first".to_owned()),
        ..job("fetch", "a")
    };
    let first = enqueue(&catalog, late.clone()).await;
    assert!(first.is_new);
    assert_eq!(claim(&catalog, 9, NOW).await, []);

    let sooner = NewJob {
        priority: 30,
        due_at_us: Some(NOW + 50),
        payload: r#"{"n":2}"#.to_owned(),
        request_id: None,
        ..late.clone()
    };
    let again = enqueue(&catalog, sooner).await;
    assert_eq!((again.job_id, again.is_new), (first.job_id, false));
    let row = read(&catalog, first.job_id).await;
    assert_eq!((row.priority, row.due_at_us), (20, NOW + 50));
    assert_eq!(row.payload, r#"{"n":2}"#);
    assert_eq!(row.request_id.as_deref(), Some("first"));
    assert_eq!(row.asked, 2);

    let at_once = NewJob {
        priority: 10,
        request_id: Some("third".to_owned()),
        ..job("fetch", "a")
    };
    enqueue(&catalog, at_once).await;
    // Neither of these takes anything back.
    enqueue(&catalog, late.clone()).await;
    let row = read(&catalog, first.job_id).await;
    assert!(row.is_ready);
    assert_eq!((row.priority, row.asked), (10, 4));

    // Another kind, another key, and the same once more in one go.
    let many = [
        job("derive", "a"),
        job("fetch", "b"),
        late.clone(),
        job("fetch", "b"),
    ];
    let enqueued = catalog.enqueue(&many).await.unwrap();
    let new: Vec<_> = enqueued.iter().map(|one| one.is_new).collect();
    assert_eq!(new, [true, true, false, true]);
    assert_eq!(enqueued[1], enqueued[3]);
    assert_eq!(enqueued[2].job_id, first.job_id);
    let all = catalog.jobs(&JobFilter::default(), 9).await.unwrap();
    assert_eq!(all.len(), 3);

    // One that is over stands in nobody's way.
    let claimed = claim(&catalog, 9, NOW).await;
    assert_eq!(claimed.len(), 3);
    for job in &claimed {
        let done = settle(&catalog, job, End::Done).await;
        assert_eq!(done.state, JobState::Done);
        assert!(done.finished_at_us.is_some());
    }
    assert!(enqueue(&catalog, late).await.is_new);
    assert_eq!(catalog.enqueue(&[]).await.unwrap(), []);
}

/// A job is enqueued with the transaction that asks for it, or not at all.
///
/// # Panics
/// Where the promise is broken.
pub async fn jobs_come_with_their_transaction(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    let mut bell = catalog.db().enqueued();
    let mut tx = catalog.db().begin().await.unwrap();
    enqueue_in(&mut tx, &[job("fetch", "a")]).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(claim(&catalog, 9, NOW).await, []);
    assert!(!bell.has_changed().unwrap());

    let change = CatalogChange {
        jobs: vec![job("fetch", "b")],
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    assert!(bell.has_changed().unwrap());
    bell.mark_unchanged();
    assert_eq!(keys(&claim(&catalog, 9, NOW).await), ["b"]);
}

/// What is asked for while a job runs makes it run once more, with what was
/// asked for last; how the first run ended does not matter.
///
/// # Panics
/// Where the promise is broken.
pub async fn what_is_asked_for_while_it_runs_runs_again(place: &Place) {
    let catalog = open(place).await;
    let again = |n: i64, due_at_us| NewJob {
        priority: n,
        payload: n.to_string(),
        due_at_us,
        request_id: Some(n.to_string()),
        ..job("fetch", "a")
    };
    let wait = End::Wait {
        until_us: NOW + 10,
        reason: "the window is used up".to_owned(),
    };
    for (end, ready) in [
        (End::Done, true),
        (End::Failed(trouble()), true),
        (End::GivenBack, true),
        (wait, false),
    ] {
        let first = enqueue(&catalog, again(5, None)).await;
        let running = claim_one(&catalog, NOW).await;
        assert_eq!(running.job_id, first.job_id);
        assert_eq!(running.payload, "5");
        let asked = enqueue(&catalog, again(9, None)).await;
        assert_eq!(asked.job_id, first.job_id);
        assert_eq!((asked.is_new, asked.state), (false, JobState::Running));
        enqueue(&catalog, again(7, Some(NOW + 99))).await;
        assert_eq!(claim(&catalog, 9, NOW).await, [], "it runs already");

        let settled = settle(&catalog, &running, end.clone()).await;
        assert_eq!(settled.state, JobState::Waiting, "{end:?}");
        assert_eq!((settled.is_ready, settled.attempts), (ready, 0), "{end:?}");
        assert_eq!(settled.payload, "7");
        assert_eq!(settled.request_id.as_deref(), Some("7"));
        let second = claim_one(&catalog, NOW + 10).await;
        assert_eq!(second.job_id, first.job_id);
        assert_eq!((second.attempts, second.again.clone()), (1, None));
        let done = settle(&catalog, &second, End::Done).await;
        assert_eq!(done.state, JobState::Done);
    }
    // Asked for at a time only, it waits for it.
    enqueue(&catalog, again(5, None)).await;
    let running = claim_one(&catalog, NOW).await;
    enqueue(&catalog, again(5, Some(NOW + 70))).await;
    enqueue(&catalog, again(5, Some(NOW + 60))).await;
    let settled = settle(&catalog, &running, End::Done).await;
    assert_eq!((settled.is_ready, settled.due_at_us), (false, NOW + 60));
}
