//! A day of Strava traffic in minutes: several athletes, every fault of the
//! simulator, a server and workers that are killed, on either catalog. At the
//! end simulator and lake agree on every activity.

mod agreement;
mod day;
mod plan;
mod processes;
mod takeover;
mod world;

use std::time::{Duration, Instant};

use jiff::Timestamp;
use pacelake_e2e::Random;
use pacelake_strava_sim::{Calls, Control};
use storage::catalog::JobState;
use storage::testing::Place;

use crate::day::Day;
use crate::plan::Plan;
use crate::world::World;

/// When the day begins: 20 hours before Strava counts the day's calls anew.
const START: &str = "2026-06-01T04:05:00Z";
/// How long the history comes in before anything happens, in hours, and how fast
/// the clock runs then: the limit of a quarter of an hour is what counts.
const MORNING: (f64, f64) = (1.0, 300.0);
/// The same of the rest of the day, beyond midnight in UTC.
const REST: (f64, f64) = (20.0, 1_500.0);
/// How fast the clock runs when all has happened. What an event did not tell is
/// found within a day: so often all pages of the list are looked at.
const CALM_RATE: f64 = 3_000.0;
/// So few calls that they are used up, in a quarter of an hour and in the day.
const LIMITS: Calls = Calls {
    quarter: 48,
    day: 400,
    read_quarter: 24,
    read_day: 200,
};
/// How long agreement may take after the last incident, by the machine's clock.
const PATIENCE: Duration = Duration::from_secs(300);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    a_day(Place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgresql() {
    a_day(Place::postgres()).await;
}

async fn a_day(place: Place) {
    let begun = Instant::now();
    let mut random = Random::seeded();
    let start: Timestamp = START.parse().unwrap();
    let noon = start + Duration::from_secs_f64(MORNING.0 * 3_600.0);
    let plan = Plan::draw(&mut random, noon, REST.0);
    let mut world = World::begin(place, start, 2).await;
    let control = world.control.clone();
    control.set_limits(LIMITS);
    world.start_worker("worker-1");
    world.start_worker("worker-2");
    for (name, shows_private) in [("kari", true), ("ola", true), ("liv", false)] {
        world.add_person(name, shows_private).await;
    }
    let mut day = Day::begin(world, random);
    for who in 0..3 {
        day.add_history(who, 8);
        day.world.connect(who).await;
    }
    control.set_clock_rate(MORNING.1).unwrap();
    control.reached(noon).await;
    let came_in_s = begun.elapsed().as_secs();
    let morning = control.tally();
    // The history alone comes to what it may use of a quarter of an hour, and waits.
    assert!(
        morning.highest.read_quarter * 4 >= LIMITS.read_quarter * 3,
        "{morning:?}"
    );
    for (at, incident) in plan.0 {
        day.world.pace(REST.1).await;
        control.reached(at).await;
        day.happens(incident).await;
    }
    control.clear_faults();
    let happened_s = begun.elapsed().as_secs();
    day.agree().await;
    println!(
        "morning after {came_in_s} s: {} reads; incidents after {happened_s} s, agreement at {} \
         after {} s; {} killed",
        morning.highest.read_day,
        control.now(),
        begun.elapsed().as_secs(),
        day.kills
    );
    day.proven(&control).await;
    println!("all after {} s", begun.elapsed().as_secs());
}

impl Day {
    /// Waits until all agree, without a word to anyone.
    async fn agree(&self) {
        // The last incident may have been the server's end.
        self.world.served().await;
        let begun = Instant::now();
        let mut said = String::new();
        loop {
            let mut differences = Vec::new();
            for who in 0..self.world.people.len() {
                let found = match self.left.contains(&who) {
                    true => self.rest_of(who).await,
                    false => agreement::differences(&self.world, who).await,
                };
                let name = self.world.people[who].name;
                differences.extend(found.into_iter().map(|one| format!("{name}: {one}")));
            }
            let left = self.world.work_left().await;
            if differences.is_empty() && left.is_empty() {
                return;
            }
            let kinds: Vec<&str> = left.iter().map(|job| job.kind.as_str()).collect();
            let say = format!("{} differences, jobs {kinds:?}", differences.len());
            if say != said {
                println!("at {}: {say}", self.world.control.now());
                said = say;
            }
            assert!(
                begun.elapsed() < PATIENCE,
                "no agreement: {differences:#?}; at {} jobs left: {left:#?}; others: {:#?}",
                self.world.control.now(),
                self.world.jobs(Some(JobState::Waiting)).await
            );
            self.world.pace(CALM_RATE).await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }

    /// What is here of somebody who left.
    async fn rest_of(&self, who: usize) -> Vec<String> {
        let here = self.world.activities(who).await.len();
        let mut rest = Vec::new();
        if here > 0 {
            rest.push(format!("{here} activities of somebody who left"));
        }
        if self.world.connection(who).await.is_some() {
            rest.push("a connection of somebody who left".to_owned());
        }
        rest
    }

    async fn proven(&mut self, control: &Control) {
        // Every fault struck, and no call was beyond a limit.
        let tally = control.tally();
        for fault in [
            "rate_limited",
            "server_error",
            "bad_gateway",
            "unavailable",
            "timeout",
            "reset",
            "cut_off",
            "truncated_json",
            "malformed_json",
            "slow_body",
        ] {
            assert!(tally.by_fault.contains_key(fault), "{fault}: {tally:?}");
        }
        assert_eq!(tally.refused, 0, "{tally:?}");
        let fates = control.fates();
        assert!(fates["lost"] > 0 && fates["delivered"] > 0, "{fates:?}");
        println!("{tally:?}\n{fates:?}");

        // No job failed for good.
        let failed = self.world.jobs(Some(JobState::Failed)).await;
        assert!(failed.is_empty(), "{failed:#?}");

        // What is derived of each activity is there.
        let (mut splits, mut efforts) = (0, 0);
        for who in 0..self.world.people.len() {
            let (more_splits, more_efforts) = agreement::derived(&self.world, who).await;
            splits += more_splits;
            efforts += more_efforts;
        }
        assert!(
            splits > 20 && efforts > 20,
            "{splits} splits, {efforts} efforts"
        );

        // No token was lost: each connection gets a new one, and goes on.
        for who in 0..self.world.people.len() {
            if self.left.contains(&who) {
                continue;
            }
            assert_eq!(self.world.lost_tokens(who).await, 0);
            control.expire_access(self.world.people[who].strava_id);
            let upload = plan::Incident::Upload {
                who,
                is_late: false,
                lag: None,
            };
            self.happens(upload).await;
        }
        self.agree().await;
        for who in 0..self.world.people.len() {
            if !self.left.contains(&who) {
                let status = self.world.get(who, "/api/strava/status").await;
                assert_eq!(status["status"], "connected", "{status}");
            }
        }
        let check = self.world.run(&["check"]);
        assert!(check.status.success(), "{check:?}");
    }
}
