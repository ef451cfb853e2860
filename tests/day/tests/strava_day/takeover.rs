//! A job whose worker was killed is done by the worker of another process.

use pacelake_strava_sim::{Details, FaultKind, FaultRule, Generated};
use storage::catalog::JobState;
use storage::testing::Place;

use crate::agreement;
use crate::world::World;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    taken_over(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql() {
    taken_over(Place::postgres()).await;
}

async fn taken_over(place: Place) {
    let start = "2026-06-01T08:05:00Z".parse().unwrap();
    // No worker in the server: two of their own.
    let mut world = World::begin(place, start, 0).await;
    let control = world.control.clone();
    control.set_clock_rate(1.0).unwrap();
    let who = world.add_person("kari", true).await;
    let details = Details {
        silent: true,
        ..Details::default()
    };
    let strava_id = world.people[who].strava_id;
    control
        .add_generated(strava_id, Generated::default(), &details)
        .unwrap();
    let never = FaultKind::Timeout { seconds: 3_600.0 };
    control.fault(FaultRule::new("*/streams", never).times(1));
    world.start_worker("worker-1");
    world.start_worker("worker-2");
    world.connect(who).await;

    // One of them waits for samples that never come.
    let holds = async || {
        let running = world.jobs(Some(JobState::Running)).await;
        let fetch = running.into_iter().find(|job| job.kind == "strava_fetch");
        fetch.filter(|_| control.tally().by_fault.contains_key("timeout"))
    };
    world
        .until("a job that hangs", async || holds().await.is_some())
        .await;
    let job = holds().await.unwrap();
    let holder = job.worker.unwrap();
    let process = world.processes.iter().position(|process| {
        let id = process.id().unwrap().to_string();
        holder.split('-').next() == Some(id.as_str())
    });
    let process = process.expect("a process of ours has it");
    assert!(process > 0, "it is the server's");
    world.processes[process].kill();

    // The other one does it, once the lease is over, and it is done once.
    world
        .until("the other worker's work", async || {
            agreement::differences(&world, who).await.is_empty()
        })
        .await;
    let done = async || world.catalog().job(job.job_id).await.unwrap().unwrap();
    world
        .until("its end", async || done().await.state == JobState::Done)
        .await;
    let done = done().await;
    assert_eq!((done.attempts, done.claims), (2, 2));
    assert_ne!(done.worker, Some(holder));
}
