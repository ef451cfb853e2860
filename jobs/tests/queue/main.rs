//! Workers: what they run, when again, and what becomes of jobs whose worker
//! stops or dies.

mod world;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use pacelake_jobs::progress::Stop;
use pacelake_jobs::queue::{JobProgress, JobState, enqueue};
use storage::AthleteId;
use storage::catalog::{JobFilter, NewJob};
use storage::testing::Place;

use world::{
    Act, Chore, Clock, Haul, START, Seen, THINGS, Witness, World, in_time, open, read, until,
    waits, worker,
};

async fn jobs_run_follow_and_end(place: &Place, clock: Clock) {
    let (catalog, world) = (open(place).await, World::default());
    let job_id = Chore::new("leads", Act::Follow).enqueue(&catalog).await;
    in_time(worker(&catalog, &world, clock).drain(2)).await;
    assert_eq!(world.begun(), ["leads", "follows"]);
    let done = read(&catalog, job_id).await;
    assert_eq!((done.state, done.attempts), (JobState::Done, 1));
    let all = catalog.jobs(&JobFilter::default(), 9).await.unwrap();
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].request_id.as_deref(), Some("request 7"));
    assert!(all.iter().all(|job| job.state == JobState::Done));
}

async fn what_goes_wrong_is_tried_again_later(place: &Place, clock: Clock) {
    let (catalog, world) = (open(place).await, World::default());
    let worker = worker(&catalog, &world, clock);
    let again = Chore::new("again", Act::Fail(Seen::Once));
    let panics = Chore::new("panics", Act::Panic);
    let (again, panics) = (
        again.enqueue(&catalog).await,
        panics.enqueue(&catalog).await,
    );
    // Each wait is longer than the one before: 5 to 10 s, then 10 to 20 s.
    let mut begun = 0;
    for (seconds, attempts) in [(0, 1), (4, 1), (10, 2), (19, 2), (30, 3)] {
        clock.set(seconds);
        in_time(worker.drain(4)).await;
        for (job_id, code) in [(again, "store_unavailable"), (panics, "internal")] {
            let job = read(&catalog, job_id).await;
            assert_eq!(job.attempts, attempts, "at {seconds} s: {}", job.key);
            let failed = attempts == 3;
            assert_eq!(job.state == JobState::Failed, failed);
            assert_eq!(job.code.as_deref(), Some(code));
            assert!(job.reason.is_some() && job.try_next.is_some());
        }
        begun = world.begun().len();
    }
    assert_eq!(begun, 6);
    // Failed is the end, until somebody asks for it.
    clock.set(100_000);
    in_time(worker.drain(4)).await;
    assert_eq!(world.begun().len(), 6);
    catalog.retry_job(again).await.unwrap();
    in_time(worker.drain(4)).await;
    assert_eq!(world.begun().len(), 7);

    let never = Chore::new("never", Act::Fail(Seen::ForEver));
    let never = never.enqueue(&catalog).await;
    in_time(worker.drain(4)).await;
    let failed = read(&catalog, never).await;
    assert_eq!((failed.state, failed.attempts), (JobState::Failed, 1));
    assert_eq!(failed.code.as_deref(), Some("not_found"));
    assert_eq!(failed.reason.as_deref(), Some("job 7 does not exist"));
}

async fn waits_are_not_failures(place: &Place, clock: Clock) {
    let (catalog, world) = (open(place).await, World::default());
    let worker = worker(&catalog, &world, clock);
    let limited = Chore::new("limited", Act::WaitFor(900));
    let job_id = limited.enqueue(&catalog).await;
    for _ in 0..5 {
        in_time(worker.drain(1)).await;
        let job = read(&catalog, job_id).await;
        assert_eq!((job.state, job.attempts), (JobState::Waiting, 0));
        assert_eq!(job.due_at_us, (START + 900) * 1_000_000);
        assert_eq!(job.reason.as_deref(), Some("the window is used up"));
    }
    assert_eq!(world.begun().len(), 1);
    clock.set(900);
    in_time(worker.drain(1)).await;
    let job = read(&catalog, job_id).await;
    assert_eq!((job.state, job.attempts), (JobState::Done, 1));
}

async fn a_shared_limit_is_met_once(place: &Place, clock: Clock) {
    let (catalog, world) = (open(place).await, World::default());
    let worker = worker(&catalog, &world, clock);
    for number in 0..50 {
        let limited = Chore::new(&format!("limited {number}"), Act::Share(900));
        limited.enqueue(&catalog).await;
    }
    // Another kind goes on.
    enqueue(&catalog, &Haul(1), None, None).await.unwrap();
    world.0.open.notify_one();
    in_time(worker.drain(1)).await;
    let begun = world.begun();
    let of = |kind: &str| begun.iter().filter(|name| name.starts_with(kind)).count();
    assert_eq!((of("limited"), of("haul")), (1, 1), "{begun:?}");
    clock.set(900);
    in_time(worker.drain(1)).await;
    assert_eq!(world.begun().len(), 1 + 1 + 50);
    assert_eq!(waits(&catalog).await.len(), 0);
}

async fn recurring_jobs_come_back(place: &Place, clock: Clock) {
    let (catalog, world) = (open(place).await, World::default());
    let worker = worker(&catalog, &world, clock);
    let poll = Chore {
        every_s: Some(60),
        ..Chore::new("poll", Act::Succeed)
    };
    poll.enqueue(&catalog).await;
    for minute in 0..4 {
        clock.set(60 * minute);
        in_time(worker.drain(1)).await;
        in_time(worker.drain(1)).await;
        assert_eq!(world.begun().len() as i64, minute + 1);
        let waits = waits(&catalog).await;
        assert_eq!(waits.len(), 1);
        assert_eq!(waits[0].due_at_us, (START + 60 * minute + 60) * 1_000_000);
    }
    // Another process that starts enqueues it too: still one.
    poll.enqueue(&catalog).await;
    assert_eq!(waits(&catalog).await.len(), 1);
}

async fn progress_and_cancelling_pass_through_the_catalog(place: &Place, clock: Clock) {
    let (catalog, world) = (open(place).await, World::default());
    let worker = worker(&catalog, &world, clock).with_lease(Duration::from_secs(5));
    let stop = Stop::default();
    let hangs = Chore::new("hangs", Act::Hang).enqueue(&catalog).await;
    let obeys = Chore::new("obeys", Act::Obey).enqueue(&catalog).await;
    let progress = async |job_id| {
        let json = read(&catalog, job_id).await.progress?;
        Some(serde_json::from_str::<JobProgress>(&json).unwrap())
    };
    let outside = async {
        until("progress is written", async || {
            progress(hangs).await.is_some()
        })
        .await;
        let said = progress(hangs).await.unwrap();
        assert_eq!((said.done, said.total), (3, 10));
        assert_eq!(said.message, "hanging");
        world.begins(2).await;
        let told = catalog.cancel_job(obeys).await.unwrap();
        assert_eq!(told.state, JobState::Running);
        until("it is cancelled", async || {
            read(&catalog, obeys).await.state == JobState::Cancelled
        })
        .await;
        // The other one goes on.
        assert_eq!(read(&catalog, hangs).await.state, JobState::Running);
        world.0.open.notify_one();
        until("it is done", async || {
            read(&catalog, hangs).await.state == JobState::Done
        })
        .await;
        assert_eq!(progress(hangs).await.unwrap().done, 10);
        stop.ask();
    };
    in_time(async { tokio::join!(worker.run(2, stop.clone()), outside) }).await;
}

async fn a_worker_that_stops_gives_its_jobs_back(place: &Place, clock: Clock) {
    let (catalog, world) = (open(place).await, World::default());
    let worker = worker(&catalog, &world, clock).with_patience(Duration::from_millis(50));
    let stop = Stop::default();
    for (name, act) in [
        ("obeys", Act::Obey),
        ("defies", Act::Defy),
        ("never begins", Act::Succeed),
    ] {
        Chore::new(name, act).enqueue(&catalog).await;
    }
    let asking = async {
        world.begins(2).await;
        stop.ask();
    };
    in_time(async { tokio::join!(worker.run(2, stop.clone()), asking) }).await;
    assert_eq!(world.begun().len(), 2);
    let waits = waits(&catalog).await;
    assert_eq!(waits.len(), 3);
    for job in waits {
        assert!(job.is_ready, "{}", job.key);
        assert_eq!((job.attempts, job.worker), (0, None), "{}", job.key);
    }
}

async fn dead_workers_jobs_are_taken_over(place: &Place, clock: Clock) {
    let (catalog, world) = (open(place).await, World::default());
    let lease = Duration::from_secs(3);
    let job_id = Chore::new("orphan", Act::Hang).enqueue(&catalog).await;
    // It never says goodbye: all of it is gone at once.
    let mortal = worker(&catalog, &world, clock).with_lease(Duration::from_millis(200));
    tokio::select! {
        () = mortal.run(1, Stop::default()) => unreachable!("nobody stops it"),
        _ = world.begins(1) => {}
    }
    let orphan = read(&catalog, job_id).await;
    assert_eq!(orphan.state, JobState::Running);

    // As long as somebody lives, nobody takes anything from them.
    let other = open(place).await;
    let heir = worker(&other, &world, clock).with_lease(lease);
    let rival = worker(&catalog, &world, clock).with_lease(lease);
    let stop = Stop::default();
    let outside = async {
        world.begins(2).await;
        let taken = read(&catalog, job_id).await;
        assert_eq!((taken.attempts, taken.claims), (2, 2));
        assert_eq!(taken.reason.as_deref(), Some("its worker died"));
        let first = taken.lease_until_us;
        let lived = lease.as_micros() as i64;
        until("the lease is renewed", async || {
            read(&catalog, job_id).await.lease_until_us > first.map(|first| first + lived)
        })
        .await;
        world.0.open.notify_waiters();
        until("it is done", async || {
            read(&catalog, job_id).await.state == JobState::Done
        })
        .await;
        stop.ask();
    };
    let (heir_stop, rival_stop) = (stop.clone(), stop.clone());
    in_time(async { tokio::join!(heir.run(1, heir_stop), rival.run(1, rival_stop), outside) })
        .await;
    assert_eq!(world.begun(), ["orphan", "orphan"]);
}

async fn a_worker_without_its_claim_is_cut_off(place: &Place, clock: Clock) {
    let (catalog, world) = (open(place).await, World::default());
    let job_id = Chore::new("taken", Act::Defy).enqueue(&catalog).await;
    let worker = worker(&catalog, &world, clock).with_lease(Duration::from_secs(1));
    let stop = Stop::default();
    let outside = async {
        world.begins(1).await;
        // As if the process had slept: another claim stands.
        let mut tx = catalog.db().begin().await.unwrap();
        tx.execute(
            "update jobs set claims = claims + 1, worker = 'another', lease_until_us = $2 \
             where job_id = $1",
            &[job_id.into(), i64::MAX.into()],
        )
        .await
        .unwrap();
        tx.commit().await.unwrap();
        // The one slot is free again: the other job can begin.
        Chore::new("next", Act::Succeed).enqueue(&catalog).await;
        world.begins(2).await;
        stop.ask();
    };
    in_time(async { tokio::join!(worker.run(1, stop.clone()), outside) }).await;
    let taken = read(&catalog, job_id).await;
    assert_eq!(taken.worker.as_deref(), Some("another"));
    assert_eq!(taken.state, JobState::Running);
}

async fn long_jobs_leave_room(place: &Place, clock: Clock) {
    let (catalog, world) = (open(place).await, World::default());
    let worker = worker(&catalog, &world, clock);
    let stop = Stop::default();
    for n in 0..3 {
        enqueue(&catalog, &Haul(n), None, None).await.unwrap();
    }
    let outside = async {
        world.begins(1).await;
        // Hauls go first, but one at a time; what comes then is not in their
        // way.
        let job_id = Chore::new("quick", Act::Succeed).enqueue(&catalog).await;
        until("it is done", async || {
            read(&catalog, job_id).await.state == JobState::Done
        })
        .await;
        assert_eq!(world.begun(), ["haul 0", "quick"]);
        for haul in 3..=4 {
            world.0.open.notify_one();
            world.begins(haul).await;
        }
        world.0.open.notify_one();
        until("all is done", async || {
            let stats = catalog.job_stats(0).await.unwrap();
            stats.iter().all(|line| line.state == JobState::Done)
        })
        .await;
        stop.ask();
    };
    in_time(async { tokio::join!(worker.run(3, stop.clone()), outside) }).await;
    assert_eq!(world.begun(), ["haul 0", "quick", "haul 1", "haul 2"]);
}

async fn athletes_are_served_in_turn(place: &Place, clock: Clock) {
    let (catalog, world) = (open(place).await, World::default());
    for (athlete, jobs) in [(1, 12), (2, 3), (3, 3)] {
        for n in 0..jobs {
            let chore = Chore {
                athlete: Some(AthleteId(athlete)),
                ..Chore::new(&format!("{athlete}/{n}"), Act::Succeed)
            };
            chore.enqueue(&catalog).await;
        }
    }
    in_time(worker(&catalog, &world, clock).drain(1)).await;
    let begun = world.begun();
    assert_eq!(begun.len(), 18);
    let mut served = BTreeMap::new();
    for name in &begun[..9] {
        let athlete = name.split('/').next().unwrap();
        *served.entry(athlete).or_insert(0) += 1;
    }
    assert_eq!(served, BTreeMap::from([("1", 3), ("2", 3), ("3", 3)]));
    assert!(begun[9..].iter().all(|name| name.starts_with("1/")));
}

async fn nothing_that_happens_is_missed(place: &Place, clock: Clock) {
    let world = World::default();
    let catalogs = [open(place).await, open(place).await];
    let workers: Vec<_> = catalogs
        .iter()
        .map(|catalog| worker(catalog, &world, clock).with_lease(Duration::from_secs(60)))
        .collect();
    let stop = Stop::default();
    let happens = async |n: usize| {
        let thing = n % THINGS;
        world.0.happened[thing].fetch_add(1, Ordering::SeqCst);
        let catalog = &catalogs[n % 2];
        enqueue(catalog, &Witness(thing), None, None).await.unwrap();
    };
    let events = async {
        for n in 0..60 {
            happens(n).await;
        }
        // One of the workers stops amid all this, and gives back what it has.
        stop.ask();
        for n in 0..60 {
            happens(n).await;
        }
    };
    in_time(async { tokio::join!(workers[0].run(3, stop.clone()), events) }).await;
    in_time(workers[1].drain(3)).await;
    for thing in 0..THINGS {
        let happened = world.0.happened[thing].load(Ordering::SeqCst);
        let seen = world.0.seen[thing].load(Ordering::SeqCst);
        assert_eq!((happened, seen), (24, 24), "thing {thing}");
    }
    let all = catalogs[0].jobs(&JobFilter::default(), 200).await.unwrap();
    assert!(all.iter().all(|job| job.state == JobState::Done));
    let asked: i64 = all.iter().map(|job| job.asked).sum();
    assert_eq!(asked, 120);
}

async fn an_unreadable_payload_is_told(place: &Place, clock: Clock) {
    let (catalog, world) = (open(place).await, World::default());
    let foreign = NewJob {
        kind: "chore".to_owned(),
        key: "foreign".to_owned(),
        payload: r#"{"name":7}"#.to_owned(),
        max_attempts: 3,
        ..NewJob::default()
    };
    let job_id = catalog.enqueue(&[foreign]).await.unwrap()[0].job_id;
    in_time(worker(&catalog, &world, clock).drain(1)).await;
    let failed = read(&catalog, job_id).await;
    assert_eq!((failed.state, failed.attempts), (JobState::Failed, 1));
    assert_eq!(failed.code.as_deref(), Some("inconsistent"));
}

/// Each test once on SQLite, once on PostgreSQL, with a clock of its own.
macro_rules! on_both {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(on_both! { sqlite $test })+
        }
        mod postgres {
            $(on_both! { postgres $test })+
        }
    };
    ($place:ident $test:ident) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            static SECONDS: super::AtomicI64 = super::AtomicI64::new(super::START);
            fn now() -> super::Timestamp {
                let seconds = SECONDS.load(super::Ordering::SeqCst);
                super::Timestamp::from_second(seconds).unwrap()
            }
            let seconds = &SECONDS;
            super::$test(&super::Place::$place(), super::Clock { now, seconds }).await;
        }
    };
}

on_both!(
    jobs_run_follow_and_end,
    what_goes_wrong_is_tried_again_later,
    waits_are_not_failures,
    a_shared_limit_is_met_once,
    recurring_jobs_come_back,
    progress_and_cancelling_pass_through_the_catalog,
    a_worker_that_stops_gives_its_jobs_back,
    dead_workers_jobs_are_taken_over,
    a_worker_without_its_claim_is_cut_off,
    long_jobs_leave_room,
    athletes_are_served_in_turn,
    nothing_that_happens_is_missed,
    an_unreadable_payload_is_told,
);
