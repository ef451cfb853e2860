//! How runs end, and what becomes of their jobs.

use std::time::Duration;

use super::{
    LONG, NOW, claim, claim_one, enqueue, job, keys, of, open, order, read, settle, trouble,
};
use crate::catalog::conformance::ONE;
use crate::catalog::{Beat, ClaimOrder, End, JobFilter, JobRow, JobState, NewJob};
use crate::code::{Code, Failure};
use crate::error::Error;
use crate::testing::Place;

/// Who does not renew a lease loses the job, which is an attempt; what they
/// say of it later counts for nothing.
///
/// # Panics
/// Where the promise is broken.
pub async fn dead_workers_lose_their_jobs(place: &Place) {
    let catalog = open(place).await;
    enqueue(&catalog, job("fetch", "a")).await;
    let short = ClaimOrder {
        lease: Duration::ZERO,
        worker: "mortal",
        ..order(1, NOW)
    };
    let mut lost = Vec::new();
    for attempt in 1..=3 {
        // Until the lease before is over by the database's clock.
        let job = loop {
            if let Some(job) = catalog.claim(&short).await.unwrap().pop() {
                break job;
            }
        };
        assert_eq!((job.attempts, job.claims), (attempt, attempt));
        assert_eq!(job.worker.as_deref(), Some("mortal"));
        if attempt > 1 {
            assert_eq!(job.reason.as_deref(), Some("its worker died"));
        }
        lost.push(job);
    }
    let failed = loop {
        assert_eq!(claim(&catalog, 1, NOW).await, []);
        let job = read(&catalog, lost[0].job_id).await;
        if job.state != JobState::Running {
            break job;
        }
    };
    assert_eq!(failed.state, JobState::Failed);
    assert_eq!(failed.code.as_deref(), Some("interrupted"));
    assert_eq!(failed.reason.as_deref(), Some("its worker died"));
    assert!(failed.try_next.is_some());

    // Run again, it is held by the newest claim only.
    let retried = catalog.retry_job(failed.job_id).await.unwrap();
    assert_eq!((retried.state, retried.attempts), (JobState::Waiting, 0));
    let held = claim_one(&catalog, NOW).await;
    for old in &lost {
        for end in [End::Done, End::GivenBack, End::Failed(trouble())] {
            let settled = catalog.settle(old.held(), &end, Some("1"), NOW).await;
            assert_eq!(settled.unwrap(), None);
        }
    }
    assert_eq!(read(&catalog, held.job_id).await, held);
    let beat = |job: &JobRow, progress: Option<&str>| Beat {
        held: job.held(),
        progress: progress.map(str::to_owned),
    };
    let beats = [
        beat(&lost[2], Some("lost")),
        beat(&held, Some("half")),
        beat(&lost[0], None),
    ];
    let renewed = catalog.renew(&beats, LONG).await.unwrap();
    assert_eq!(renewed, [(held.held(), false)]);
    let row = read(&catalog, held.job_id).await;
    assert_eq!(row.progress.as_deref(), Some("half"));
    catalog.renew(&[beat(&held, None)], LONG).await.unwrap();
    let settled = catalog.settle(held.held(), &End::Done, None, NOW).await;
    let settled = settled.unwrap().unwrap();
    assert_eq!(settled.progress.as_deref(), Some("half"));
    assert_eq!(catalog.renew(&beats, LONG).await.unwrap(), []);
    assert_eq!(catalog.renew(&[], LONG).await.unwrap(), []);
}

/// Waiting is no attempt, however often; what an athlete's jobs wait for can
/// come early.
///
/// # Panics
/// Where the promise is broken.
pub async fn waits_are_no_attempts(place: &Place) {
    let catalog = open(place).await;
    enqueue(&catalog, of(1, "a")).await;
    for round in 0..10 {
        let job = claim_one(&catalog, NOW + round).await;
        assert_eq!(job.attempts, 1);
        let waiting = settle(
            &catalog,
            &job,
            End::Wait {
                until_us: NOW + round + 1,
                reason: "the window is used up".to_owned(),
            },
        )
        .await;
        assert_eq!((waiting.state, waiting.attempts), (JobState::Waiting, 0));
        assert_eq!(waiting.reason.as_deref(), Some("the window is used up"));
        assert_eq!(waiting.code, None);
        assert_eq!(claim(&catalog, 1, NOW + round).await, []);
    }
    // Given back is none either, and ready at once.
    let job = claim_one(&catalog, NOW + 10).await;
    let back = settle(&catalog, &job, End::GivenBack).await;
    assert_eq!((back.attempts, back.is_ready), (0, true));

    let far = NOW * 1_000;
    let paused = |job: JobRow| {
        let catalog = catalog.clone();
        async move {
            let end = End::Wait {
                until_us: far,
                reason: "the athlete must connect again".to_owned(),
            };
            settle(&catalog, &job, end).await
        }
    };
    let other = NewJob {
        kind: "derive".to_owned(),
        ..of(1, "a")
    };
    catalog.enqueue(&[of(2, "b"), other]).await.unwrap();
    for job in claim(&catalog, 9, NOW + 10).await {
        paused(job).await;
    }
    assert_eq!(claim(&catalog, 9, NOW + 10).await, []);
    let woken = catalog.wake_jobs(ONE, &["fetch"], NOW + 11).await.unwrap();
    assert_eq!(woken, 1);
    assert_eq!(keys(&claim(&catalog, 9, NOW + 11).await), ["a"]);
    let woken = catalog
        .wake_jobs(ONE, &["fetch", "derive"], NOW)
        .await
        .unwrap();
    assert_eq!(woken, 1);
}

/// What goes wrong is tried again, at its time, as often as it may; then it
/// has failed, says why, and may be run again.
///
/// # Panics
/// Where the promise is broken.
pub async fn failures_end_and_can_be_retried(place: &Place) {
    let catalog = open(place).await;
    let job_id = enqueue(&catalog, job("fetch", "a")).await.job_id;
    let retry = |at_us| End::Retry {
        at_us,
        trouble: trouble(),
    };
    for attempt in 1..=3 {
        let job = claim_one(&catalog, NOW + attempt).await;
        assert_eq!(job.attempts, attempt);
        let settled = settle(&catalog, &job, retry(NOW + attempt + 1)).await;
        assert_eq!(settled.state.is_live(), attempt < 3);
        assert_eq!(settled.code.as_deref(), Some("store_unavailable"));
        assert_eq!(settled.reason.as_deref(), Some("the store is away"));
        assert_eq!(settled.try_next.as_deref(), Some("wait"));
        assert_eq!(claim(&catalog, 1, NOW + attempt).await, []);
    }
    let failed = read(&catalog, job_id).await;
    assert_eq!(failed.state, JobState::Failed);
    assert_eq!(claim(&catalog, 1, NOW * 2).await, []);

    let retried = catalog.retry_job(job_id).await.unwrap();
    assert_eq!((retried.job_id, retried.attempts), (job_id, 0));
    assert_eq!(retried.reason.as_deref(), Some("the store is away"));
    let job = claim_one(&catalog, NOW).await;
    let running = catalog.retry_job(job_id).await.unwrap();
    assert_eq!(running.state, JobState::Running);
    // Tried in vain it waits; somebody may be sure that it goes well now.
    settle(&catalog, &job, retry(NOW * 2)).await;
    assert_eq!(claim(&catalog, 1, NOW).await, []);
    assert!(catalog.retry_job(job_id).await.unwrap().is_ready);
    let job = claim_one(&catalog, NOW).await;
    let done = settle(&catalog, &job, End::Done).await;
    assert_eq!((done.code, done.reason, done.try_next), (None, None, None));
    let error = catalog.retry_job(job_id).await.unwrap_err();
    assert!(matches!(error, Error::JobIsDone { .. }));
    let error = catalog.retry_job(job_id + 1).await.unwrap_err();
    assert_eq!(error.code(), Code::NotFound);

    // Another live one of the same key takes its place.
    enqueue(&catalog, self::job("fetch", "b")).await;
    let job = claim_one(&catalog, NOW).await;
    let failed = settle(&catalog, &job, End::Failed(trouble())).await;
    assert_eq!((failed.state, failed.attempts), (JobState::Failed, 1));
    let later = NewJob {
        due_at_us: Some(NOW * 2),
        ..self::job("fetch", "b")
    };
    let live = enqueue(&catalog, later).await;
    assert!(live.is_new);
    let instead = catalog.retry_job(failed.job_id).await.unwrap();
    assert_eq!((instead.job_id, instead.is_ready), (live.job_id, true));
}

/// Who calls a job off stops it, now or soon; what is asked for after that
/// counts.
///
/// # Panics
/// Where the promise is broken.
pub async fn jobs_can_be_called_off(place: &Place) {
    let catalog = open(place).await;
    let job_id = enqueue(&catalog, job("fetch", "a")).await.job_id;
    let cancelled = catalog.cancel_job(job_id).await.unwrap();
    assert_eq!(cancelled.state, JobState::Cancelled);
    assert!(cancelled.finished_at_us.is_some());
    assert_eq!(claim(&catalog, 1, NOW).await, []);
    assert_eq!(catalog.cancel_job(job_id).await.unwrap(), cancelled);
    let error = catalog.cancel_job(job_id + 1).await.unwrap_err();
    assert!(matches!(error, Error::NoJob { .. }));

    for (end, asked_after) in [
        (End::Cancelled, false),
        (End::GivenBack, false),
        (End::Failed(trouble()), false),
        (End::Cancelled, true),
    ] {
        let recurring = NewJob {
            every_us: Some(60),
            ..job("fetch", "b")
        };
        enqueue(&catalog, recurring).await;
        let running = claim_one(&catalog, NOW).await;
        enqueue(&catalog, job("fetch", "b")).await;
        let told = catalog.cancel_job(running.job_id).await.unwrap();
        assert_eq!((told.state, told.is_cancelled), (JobState::Running, true));
        assert_eq!(told.again, None);
        let beat = Beat {
            held: running.held(),
            progress: None,
        };
        let renewed = catalog.renew(&[beat], LONG).await.unwrap();
        assert_eq!(renewed, [(running.held(), true)]);
        if asked_after {
            enqueue(&catalog, job("fetch", "b")).await;
        }
        let settled = settle(&catalog, &running, end).await;
        if asked_after {
            assert_eq!(settled.state, JobState::Waiting);
        } else {
            assert_eq!(settled.state, JobState::Cancelled);
            let live = JobFilter {
                state: Some(JobState::Waiting),
                ..JobFilter::default()
            };
            assert_eq!(catalog.jobs(&live, 9).await.unwrap(), []);
        }
    }
}

/// A job that recurs is there again when it was done, and when it failed.
///
/// # Panics
/// Where the promise is broken.
pub async fn recurring_jobs_go_on(place: &Place) {
    let catalog = open(place).await;
    let poll = NewJob {
        every_us: Some(60),
        max_attempts: 1,
        payload: "7".to_owned(),
        ..of(1, "poll")
    };
    let mut job_id = enqueue(&catalog, poll).await.job_id;
    for (round, end) in [
        End::Done,
        End::Failed(trouble()),
        End::Retry {
            at_us: NOW,
            trouble: trouble(),
        },
        End::Done,
    ]
    .into_iter()
    .enumerate()
    {
        let now = NOW + 60 * round as i64;
        let job = claim_one(&catalog, now).await;
        assert_eq!(job.payload, "7");
        let settled = catalog.settle(job.held(), &end, None, now).await.unwrap();
        let settled = settled.unwrap();
        assert_eq!(settled.job_id, job_id);
        assert!(!settled.state.is_live(), "{end:?}");
        assert_eq!(claim(&catalog, 9, now + 59).await, []);
        let live = JobFilter {
            state: Some(JobState::Waiting),
            ..JobFilter::default()
        };
        let live = catalog.jobs(&live, 9).await.unwrap();
        assert_eq!(live.len(), 1);
        assert!(live[0].job_id > job_id);
        assert_eq!((live[0].due_at_us, live[0].asked), (now + 60, 1));
        job_id = live[0].job_id;
    }
}
