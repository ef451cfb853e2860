//! What can be read of jobs, and what goes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{NOW, claim, claim_one, enqueue, keys, of, open, settle, trouble};
use crate::catalog::conformance::{ONE, commit, open_with_athletes};
use crate::catalog::{
    CatalogChange, End, JobFilter, JobRow, JobState, Keep, NewJob, PurgeOrder, WorkerRow,
};
use crate::testing::Place;

/// What is seen to leaves a live job of the key as it is, in its wait, and comes in
/// where there is none; what failed for good is told by its key.
///
/// # Panics
/// Where the promise is broken.
pub async fn what_is_seen_to_undoes_no_wait(place: &Place) {
    let catalog = open(place).await;
    enqueue(&catalog, of(1, "waits")).await;
    let job = claim_one(&catalog, NOW).await;
    let wait = End::Wait {
        until_us: NOW + 500,
        reason: "a limit".to_owned(),
    };
    let waits = settle(&catalog, &job, wait).await;
    enqueue(&catalog, of(1, "fails")).await;
    let job = claim_one(&catalog, NOW).await;
    let failed = settle(&catalog, &job, End::Failed(trouble())).await;
    let seen_to = vec![of(1, "waits"), of(1, "fails"), of(1, "new")];
    assert_eq!(catalog.enqueue_absent(seen_to.clone()).await.unwrap(), 2);
    assert_eq!(catalog.enqueue_absent(seen_to).await.unwrap(), 0);
    assert_eq!(catalog.enqueue_absent(Vec::new()).await.unwrap(), 0);
    assert_eq!(catalog.job(waits.job_id).await.unwrap(), Some(waits));
    assert_eq!(claim(&catalog, 9, NOW).await.len(), 2);

    let asked: Vec<String> = ["waits", "fails", "new"].map(str::to_owned).into();
    let ended_us = failed.finished_at_us.unwrap();
    let since = catalog.failed_since("fetch", &asked, ended_us).await;
    assert_eq!(since.unwrap(), ["fails".to_owned()].into());
    for (kind, since_us) in [("fetch", ended_us + 1), ("derive", ended_us)] {
        let none = catalog.failed_since(kind, &asked, since_us).await;
        assert_eq!(none.unwrap(), [].into(), "{kind}");
    }
}

/// Lists and counts answer as a filter over all jobs would; the history is
/// bounded by number and by age, and what is live stays.
///
/// # Panics
/// Where the promise is broken.
pub async fn the_history_is_bounded(place: &Place) {
    let catalog = open(place).await;
    for n in 0..24_i64 {
        let kind = if n % 3 == 0 { "derive" } else { "fetch" };
        let new = NewJob {
            kind: kind.to_owned(),
            ..of(1 + n % 2, &n.to_string())
        };
        enqueue(&catalog, new).await;
        let job = claim_one(&catalog, NOW).await;
        match n % 4 {
            0 | 1 => settle(&catalog, &job, End::Done).await,
            2 => settle(&catalog, &job, End::Failed(trouble())).await,
            _ => settle(&catalog, &job, End::Cancelled).await,
        };
    }
    enqueue(&catalog, of(1, "waiting")).await;
    let later = NewJob {
        due_at_us: Some(NOW + 1),
        ..of(2, "later")
    };
    enqueue(&catalog, later).await;
    let mut all = catalog.jobs(&JobFilter::default(), 99).await.unwrap();
    assert_eq!(all.len(), 26);
    assert!(all.is_sorted_by(|a, b| a.job_id > b.job_id));
    for combination in 0..16_u32 {
        let wants = |bit: u32| combination & (1 << bit) != 0;
        let filter = JobFilter {
            kinds: wants(0).then(|| vec!["derive".to_owned(), "other".to_owned()]),
            state: wants(1).then_some(JobState::Failed),
            athlete_id: wants(2).then_some(ONE),
            key: None,
            before: wants(3).then_some(all[9].job_id),
        };
        let kinds = filter.kinds.as_ref();
        let expected: Vec<_> = all
            .iter()
            .filter(|job| kinds.is_none_or(|kinds| kinds.contains(&job.kind)))
            .filter(|job| filter.state.is_none_or(|state| job.state == state))
            .filter(|job| !wants(2) || job.athlete_id == Some(ONE))
            .filter(|job| filter.before.is_none_or(|before| job.job_id < before))
            .cloned()
            .collect();
        let found = catalog.jobs(&filter, 99).await.unwrap();
        assert_eq!(found, expected, "{filter:?}");
        let some = catalog.jobs(&filter, 2).await.unwrap();
        assert_eq!(some, expected[..expected.len().min(2)]);
    }
    let stats = catalog.job_stats(NOW).await.unwrap();
    for line in &stats {
        let same = |job: &&JobRow| job.kind == line.kind && job.state == line.state;
        assert_eq!(line.jobs, all.iter().filter(same).count() as i64);
    }
    let waiting = stats.iter().find(|line| line.state == JobState::Waiting);
    let waiting = waiting.unwrap();
    assert_eq!((waiting.jobs, waiting.due), (2, 1));
    let due = all.iter().find(|job| job.key == "waiting").unwrap();
    assert_eq!(waiting.oldest_due_at_us, Some(due.due_at_us));

    let keep = Keep {
        done: 5,
        failed: 1,
        ..Keep::DECLARED
    };
    let pruned = catalog.prune_jobs(&keep).await.unwrap();
    let mut places = BTreeMap::new();
    all.retain(|job| {
        let (group, most) = match job.state {
            JobState::Waiting | JobState::Running => return true,
            JobState::Done | JobState::Cancelled => ("done", 5),
            JobState::Failed => ("failed", 1),
        };
        let place = places.entry((job.kind.clone(), group)).or_insert(0);
        *place += 1;
        *place <= most
    });
    assert_eq!(pruned as usize, 26 - all.len());
    let left = catalog.jobs(&JobFilter::default(), 99).await.unwrap();
    assert_eq!(keys(&left), keys(&all));
    let too_old = Keep {
        done_for: Duration::ZERO,
        ..Keep::DECLARED
    };
    // Until the last one is older than nothing by the database's clock.
    loop {
        catalog.prune_jobs(&too_old).await.unwrap();
        let left = catalog.jobs(&JobFilter::default(), 99).await.unwrap();
        let over = |job: &JobRow| matches!(job.state, JobState::Done | JobState::Cancelled);
        if !left.iter().any(over) {
            break;
        }
    }
    let derive = ["derive".to_owned()];
    assert_eq!(catalog.clear_jobs(Some(&derive)).await.unwrap(), 1);
    assert_eq!(catalog.clear_jobs(None).await.unwrap(), 1);
    let left = catalog.jobs(&JobFilter::default(), 99).await.unwrap();
    assert_eq!(keys(&left), ["later", "waiting"]);
}

/// Jobs of an athlete and of some kinds are forgotten, whether they are over or
/// wait; what runs stays until it is over.
///
/// # Panics
/// Where the promise is broken.
pub async fn an_athlete_s_jobs_are_forgotten(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    let other = NewJob {
        kind: "derive".to_owned(),
        ..of(1, "of another kind")
    };
    enqueue(&catalog, of(1, "done")).await;
    let done = claim_one(&catalog, NOW).await;
    settle(&catalog, &done, End::Done).await;
    enqueue(&catalog, of(1, "runs")).await;
    let runs = claim_one(&catalog, NOW).await;
    let later = NewJob {
        due_at_us: Some(NOW + 1),
        ..of(1, "later")
    };
    let all = [of(1, "waits"), later, of(2, "another's"), other];
    catalog.enqueue(&all).await.unwrap();
    assert_eq!(catalog.forget_jobs(ONE, &["fetch"]).await.unwrap(), 1);
    let left = catalog.jobs(&JobFilter::default(), 99).await.unwrap();
    let mut left = keys(&left);
    left.sort_unstable();
    assert_eq!(left, ["another's", "of another kind", "runs"]);
    settle(&catalog, &runs, End::Done).await;
    assert_eq!(catalog.forget_jobs(ONE, &["fetch"]).await.unwrap(), 0);
    // Others are served as before.
    let mut served = [
        claim_one(&catalog, NOW).await.key,
        claim_one(&catalog, NOW).await.key,
    ];
    served.sort_unstable();
    assert_eq!(served, ["another's", "of another kind"]);
}

/// With all of an athlete their jobs go too.
///
/// # Panics
/// Where the promise is broken.
pub async fn jobs_go_with_their_athlete(place: &Place) {
    let catalog = open_with_athletes(place, 2).await;
    catalog
        .enqueue(&[of(1, "a"), of(1, "b"), of(2, "c")])
        .await
        .unwrap();
    claim_one(&catalog, NOW).await;
    let order = PurgeOrder {
        athlete_id: ONE,
        activities: None,
        command: "test".to_owned(),
        at_us: NOW,
    };
    let (_, rows, _) = catalog.preview_purge(&order).await.unwrap();
    let purge = catalog.begin_purge(&order).await.unwrap();
    let change = CatalogChange {
        purge: Some(purge.purge_id),
        ..CatalogChange::default()
    };
    commit(&catalog, &change).await.unwrap();
    let counts = catalog.purge(purge.purge_id).await.unwrap().counts;
    assert_eq!(counts.catalog_rows, rows);
    // What runs ends by itself.
    let left = catalog.jobs(&JobFilter::default(), 9).await.unwrap();
    assert_eq!(keys(&left), ["c", "a"]);
    assert_eq!(left[1].state, JobState::Running);
}

/// Workers that say something are there, until they stop or say nothing.
///
/// # Panics
/// Where the promise is broken.
pub async fn workers_are_known_while_they_live(place: &Place) {
    let catalog = open_with_athletes(place, 1).await;
    let minute = Duration::from_secs(60);
    let names = |workers: Vec<WorkerRow>| -> Vec<String> {
        workers.into_iter().map(|worker| worker.worker).collect()
    };
    assert!(catalog.workers(minute).await.unwrap().is_empty());
    catalog.see_worker("b", &["fetch"], 2).await.unwrap();
    catalog
        .see_worker("a", &["derive", "fetch"], 1)
        .await
        .unwrap();
    let seen = catalog.workers(minute).await.unwrap();
    assert_eq!(seen[0].kinds, ["derive", "fetch"]);
    assert_eq!(
        (seen[1].at_once, seen[1].started_at_us),
        (2, seen[1].seen_at_us)
    );
    let started = seen[1].started_at_us;
    assert_eq!(names(seen), ["a", "b"]);
    // Until the database's clock goes on.
    let again = loop {
        catalog.see_worker("b", &["fetch"], 2).await.unwrap();
        let seen = catalog.workers(minute).await.unwrap();
        if seen[1].seen_at_us > started {
            break seen;
        }
    };
    assert_eq!(again[1].started_at_us, started);
    assert!(catalog.workers(Duration::ZERO).await.unwrap().len() < 2);
    catalog.forget_worker("a").await.unwrap();
    assert_eq!(names(catalog.workers(minute).await.unwrap()), ["b"]);
}
