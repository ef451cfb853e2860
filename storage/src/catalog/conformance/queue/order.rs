//! In which order jobs are claimed, and by whom.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;

use super::{NOW, claim, claim_one, enqueue, job, keys, of, open, order, settle};
use crate::catalog::conformance::ONE;
use crate::catalog::{ANY_PRIORITY, ClaimOrder, End, JobFilter, JobState, Keep, NewJob};
use crate::id::AthleteId;
use crate::testing::Place;

/// Due ones only; the least number first, then turns, then age.
///
/// # Panics
/// Where the promise is broken.
pub async fn jobs_go_by_time_priority_turn_and_age(place: &Place) {
    let catalog = open(place).await;
    let with = |priority, due_at_us, job: NewJob| NewJob {
        priority,
        due_at_us,
        ..job
    };
    let jobs = [
        with(5, None, of(1, "backfill 1")),
        with(5, None, of(1, "backfill 2")),
        with(5, None, of(1, "backfill 3")),
        with(5, None, of(2, "other 1")),
        with(0, Some(NOW + 5), of(1, "event later")),
        with(0, None, of(1, "event")),
        with(5, Some(NOW), of(3, "due")),
        with(5, None, job("derive", "nobody's 1")),
        with(5, None, job("derive", "nobody's 2")),
        with(0, None, job("unknown", "of another worker")),
    ];
    catalog.enqueue(&jobs).await.unwrap();
    let claimed = claim(&catalog, 99, NOW).await;
    assert_eq!(keys(&claimed)[0], "event");
    let rank = |key: &str| {
        let place = claimed.iter().position(|job| job.key == key);
        place.unwrap_or_else(|| panic!("{key} was not claimed"))
    };
    // The first round of everybody, then the second, then the third.
    for first in ["backfill 1", "other 1", "due", "nobody's 1"] {
        for second in ["backfill 2", "nobody's 2"] {
            assert!(rank(first) < rank(second), "{first}, {second}");
            assert!(rank(second) < rank("backfill 3"));
        }
    }
    assert_eq!(claimed.len(), 8);
    assert_eq!(claim(&catalog, 99, NOW).await, []);
    assert_eq!(keys(&claim(&catalog, 99, NOW + 5).await), ["event later"]);

    // Age decides last: what was enqueued first, in one go too.
    let many: Vec<_> = (0..9).map(|n| of(4, &format!("{}", 9 - n))).collect();
    catalog.enqueue(&many).await.unwrap();
    let claimed = claim(&catalog, 99, NOW).await;
    let expected = ["9", "8", "7", "6", "5", "4", "3", "2", "1"];
    assert_eq!(keys(&claimed), expected);
}

/// Whoever has a thousand jobs waits for whoever has one, also when those come
/// late, come back, or begin again after a pause.
///
/// # Panics
/// Where the promise is broken.
pub async fn athletes_take_turns(place: &Place) {
    let catalog = open(place).await;
    let many = |athlete: i64, n: usize| -> Vec<NewJob> {
        let keys = (0..n).map(|n| format!("{athlete}/{n}"));
        keys.map(|key| of(athlete, &key)).collect()
    };
    catalog.enqueue(&many(1, 50)).await.unwrap();
    for _ in 0..20 {
        let job = claim_one(&catalog, NOW).await;
        settle(&catalog, &job, End::Done).await;
    }
    catalog.enqueue(&many(2, 5)).await.unwrap();
    catalog.enqueue(&many(3, 5)).await.unwrap();
    let next = claim(&catalog, 15, NOW).await;
    let mut turns = BTreeMap::new();
    for job in &next {
        *turns.entry(job.athlete_id.unwrap().0).or_insert(0) += 1;
    }
    assert_eq!(turns, BTreeMap::from([(1, 5), (2, 5), (3, 5)]));
    for job in &next {
        settle(&catalog, job, End::Done).await;
    }
    // Nothing is left of 2 and 3. What they were served counts no more.
    let prunes = [false, true];
    for (round, prune) in prunes.into_iter().enumerate() {
        if prune {
            catalog.prune_jobs(&Keep::DECLARED).await.unwrap();
        }
        let mut late = of(2, &format!("late {round}"));
        late.payload = "1".to_owned();
        enqueue(&catalog, late).await;
        let next = claim(&catalog, 2, NOW).await;
        assert!(next.iter().any(|job| job.key == format!("late {round}")));
        for job in &next {
            settle(&catalog, job, End::Done).await;
        }
    }

    // One that waited has had its turn: it does not go behind all the others
    // of its athlete, and many of them do not go before everybody's.
    let waits = End::Wait {
        until_us: NOW + 7,
        reason: "the window is used up".to_owned(),
    };
    let waiting = claim(&catalog, 10, NOW).await;
    for job in &waiting {
        assert_eq!(job.athlete_id, Some(ONE));
        settle(&catalog, job, waits.clone()).await;
    }
    catalog.enqueue(&many(4, 3)).await.unwrap();
    let next = claim(&catalog, 9, NOW + 7).await;
    let of_4 = next
        .iter()
        .filter(|job| job.athlete_id == Some(AthleteId(4)));
    assert_eq!(of_4.count(), 3);
    let back = next
        .iter()
        .filter(|job| waiting.iter().any(|w| w.job_id == job.job_id));
    assert!(back.count() >= 3);
}

/// Of many who claim at once each gets jobs of their own.
///
/// # Panics
/// Where the promise is broken.
pub async fn no_job_is_claimed_twice(place: &Place) {
    let processes = [open(place).await, open(place).await, open(place).await];
    let jobs: Vec<_> = (0..120).map(|n| of(n % 7, &n.to_string())).collect();
    processes[0].enqueue(&jobs).await.unwrap();
    let workers = (0..9).map(|n| {
        let catalog = processes[n % 3].clone();
        async move {
            let mut mine = Vec::new();
            loop {
                let claimed = catalog.claim(&order(1 + n as u32 % 3, NOW)).await.unwrap();
                if claimed.is_empty() {
                    return mine;
                }
                for job in claimed {
                    let done = catalog.settle(job.held(), &End::Done, None, NOW);
                    assert!(done.await.unwrap().is_some());
                    mine.push(job.job_id);
                }
            }
        }
    });
    let claimed: Vec<i64> = join_all(workers).await.concat();
    let different: BTreeSet<_> = claimed.iter().collect();
    assert_eq!((claimed.len(), different.len()), (120, 120));
    let left = JobFilter {
        state: Some(JobState::Waiting),
        ..JobFilter::default()
    };
    assert_eq!(processes[1].jobs(&left, 9).await.unwrap(), []);
}

/// Those who enqueue the same keys at once leave one job each.
///
/// # Panics
/// Where the promise is broken.
pub async fn many_may_enqueue_the_same_at_once(place: &Place) {
    let processes = [open(place).await, open(place).await];
    let enqueuing = (0..8).map(|n| {
        let catalog = processes[n % 2].clone();
        async move {
            // Each in another order.
            let mut jobs: Vec<_> = (0..20).map(|key| of(1, &key.to_string())).collect();
            jobs.rotate_left(n * 2);
            catalog.enqueue(&jobs).await.unwrap()
        }
    });
    let enqueued = join_all(enqueuing).await.concat();
    let new = enqueued.iter().filter(|one| one.is_new).count();
    let ids: BTreeSet<_> = enqueued.iter().map(|one| one.job_id).collect();
    assert_eq!((enqueued.len(), new, ids.len()), (160, 20, 20));
    assert_eq!(claim(&processes[0], 99, NOW).await.len(), 20);
}

/// A kind's ceiling leaves jobs alone that are less urgent, and nobody else's.
///
/// # Panics
/// Where the promise is broken.
pub async fn jobs_above_the_ceiling_stay(place: &Place) {
    let catalog = open(place).await;
    let with = |priority, job: NewJob| NewJob { priority, ..job };
    let jobs = [
        with(50, of(1, "history 1")),
        with(50, of(2, "history 2")),
        with(10, of(1, "event")),
        with(50, job("derive", "another kind")),
    ];
    catalog.enqueue(&jobs).await.unwrap();
    let kinds = [("derive", ANY_PRIORITY), ("fetch", 50)];
    let held = ClaimOrder {
        kinds: &kinds,
        ..order(99, NOW)
    };
    let claimed = catalog.claim(&held).await.unwrap();
    assert_eq!(keys(&claimed), ["event", "another kind"]);
    assert_eq!(catalog.claim(&held).await.unwrap(), []);
    let claimed = claim(&catalog, 99, NOW).await;
    assert_eq!(keys(&claimed), ["history 1", "history 2"]);
}
