//! A clock that runs faster than the machine's, and those who follow it.

use std::time::Duration;

use jiff::Timestamp;
use pacelake_strava_sim::{Clock, Course, FaultKind, FaultRule, Options, Simulator};
use serde_json::json;

use crate::trial::{START, Trial, answered};

/// Ten hours a second.
const FAST: f64 = 36_000.0;

#[tokio::test]
async fn limits_and_tokens_end_by_a_clock_that_runs() {
    let trial = Trial::begin().await;
    let access = trial.access("activity:read_all").await;
    assert_eq!(trial.get(&access, "/athlete").await.0, 200);
    assert_eq!(trial.control.tally().used.read_quarter, 1);
    let start: Timestamp = START.parse().unwrap();
    trial.control.set_clock_rate(FAST).unwrap();
    trial
        .control
        .reached(start + Duration::from_secs(900))
        .await;
    assert_eq!(trial.control.tally().used.read_quarter, 0);
    trial
        .control
        .reached(start + Duration::from_secs(6 * 3_600))
        .await;
    assert_eq!(trial.get(&access, "/athlete").await.0, 401);
    // The day ends by itself, and a clock that stands shows the same twice.
    trial
        .control
        .reached(start + Duration::from_secs(16 * 3_600))
        .await;
    assert_eq!(trial.control.tally().used.read_day, 0);
    trial.control.set_clock_rate(0.0).unwrap();
    assert_eq!(trial.control.now(), trial.control.now());
}

#[tokio::test]
async fn whoever_knows_the_course_shows_the_same_time() {
    let trial = Trial::begin().await;
    let url = trial.url("/_control/clock");
    let course = async |query: &str| -> Course {
        let (status, body) = answered(trial.http.get(format!("{url}{query}"))).await;
        assert_eq!(status, 200, "{body}");
        serde_json::from_value(body).unwrap()
    };
    let stands = course("").await;
    assert_eq!(stands.at(Timestamp::now()), trial.control.now());
    // Who waits for a change hears of it when there is one.
    let after = format!("?after={}", stands.version);
    let (changed, set) = tokio::join!(course(&after), async {
        let post = trial.http.post(&url).json(&json!({"rate": 60}));
        answered(post).await
    });
    assert_eq!(set.0, 200, "{}", set.1);
    assert_eq!((changed.rate, changed.version), (60.0, stands.version + 1));
    let machine = Timestamp::now();
    let shown = trial.control.now();
    let apart = shown.duration_since(changed.at(machine));
    assert!(apart.as_millis_f64() >= 0.0, "{apart:?}");
    assert!(shown <= changed.at(Timestamp::now()));
}

#[tokio::test]
async fn it_may_run_from_the_beginning() {
    let start: Timestamp = START.parse().unwrap();
    let simulator = Simulator::start(Options {
        clock: Clock::Running(start, FAST),
        ..Options::default()
    });
    let simulator = simulator.await.unwrap();
    let control = simulator.control();
    control.reached(start + Duration::from_secs(3_600)).await;
    assert!(control.now() >= start + Duration::from_secs(3_600));
    // The machine's own can be followed, and not be told how to go.
    let simulator = Simulator::start(Options::default()).await.unwrap();
    assert_eq!(simulator.control().course().rate, 1.0);
    assert!(simulator.control().set_clock_rate(96.0).is_err());
}

#[tokio::test]
async fn all_faults_are_swapped_at_once() {
    let trial = Trial::begin().await;
    let access = trial.access("activity:read_all").await;
    let first = FaultRule::new("*/athlete", FaultKind::ServerError).times(3);
    trial.control.fault(first.clone());
    assert_eq!(trial.get(&access, "/athlete").await.0, 500);
    let faults = trial.http.put(trial.url("/_control/faults"));
    let faults = faults.json(&json!([{"path": "*/athlete", "kind": "unavailable"}]));
    let (status, before) = answered(faults).await;
    let left = json!([FaultRule {
        count: Some(2),
        ..first
    }]);
    assert_eq!((status, before), (200, left));
    assert_eq!(trial.get(&access, "/athlete").await.0, 503);
}
