//! Answers that go wrong.

use std::time::Duration;

use pacelake_strava_sim::{FaultKind, FaultRule};

use crate::trial::{Trial, answered, text};

const ALL: &str = "activity:read_all";

#[tokio::test]
async fn statuses_and_bodies_of_a_broken_strava() {
    let trial = Trial::begin().await;
    let access = trial.access(ALL).await;
    for (kind, status, said) in [
        (FaultKind::RateLimited, 429, "Rate Limit Exceeded"),
        (FaultKind::ServerError, 500, "<html>"),
        (FaultKind::BadGateway, 502, "<html>"),
        (FaultKind::Unavailable, 503, "<html>"),
        (FaultKind::NotFound, 404, ""),
        (FaultKind::MalformedJson, 200, "undefined"),
    ] {
        trial
            .control
            .fault(FaultRule::new("*/athlete", kind).times(1));
        let (got, body) = trial.get(&access, "/athlete").await;
        assert_eq!(got, status, "{kind:?}");
        assert!(body.to_string().contains(said), "{kind:?}: {body}");
        assert_eq!(trial.get(&access, "/athlete").await.0, 200);
    }
    trial
        .control
        .fault(FaultRule::new("*/athlete", FaultKind::TruncatedJson).times(1));
    let (status, body) = trial.get(&access, "/athlete").await;
    assert_eq!(status, 200);
    assert!(body.as_str().unwrap().starts_with('{'), "{body}");
    assert_eq!(trial.control.tally().by_fault.len(), 7);
}

#[tokio::test]
async fn connections_end_before_or_within_an_answer() {
    let trial = Trial::begin().await;
    let access = trial.access(ALL).await;
    let fault = |kind| {
        trial
            .control
            .fault(FaultRule::new("*/athlete", kind).times(1))
    };
    fault(FaultKind::Reset);
    assert!(trial.read(&access, "/athlete").send().await.is_err());
    fault(FaultKind::CutOff);
    let answer = trial.read(&access, "/athlete").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.is_err());
    fault(FaultKind::Timeout { seconds: 30.0 });
    let hurried = trial
        .read(&access, "/athlete")
        .timeout(Duration::from_millis(50));
    assert!(hurried.send().await.unwrap_err().is_timeout());
    fault(FaultKind::SlowBody { seconds: 30.0 });
    let answer = trial
        .read(&access, "/athlete")
        .timeout(Duration::from_millis(200));
    let answer = answer.send().await.unwrap();
    assert!(answer.bytes().await.unwrap_err().is_timeout());
    fault(FaultKind::SlowBody { seconds: 0.01 });
    assert_eq!(trial.get(&access, "/athlete").await.0, 200);
    let log = trial.control.requests();
    let reset = log
        .iter()
        .find(|one| one.fault.as_deref() == Some("reset"))
        .unwrap();
    assert_eq!(reset.status, None);
}

#[tokio::test]
async fn a_refresh_may_take_effect_and_its_answer_be_lost() {
    let trial = Trial::begin().await;
    let tokens = trial.connect(ALL).await;
    let refresh = text(&tokens, "refresh_token");
    let lost = FaultRule::new("/oauth/token", FaultKind::Reset).times(1);
    trial.control.fault(lost.clone());
    let app = trial.simulator.app();
    let ask = || {
        let form = [
            ("client_id", app.client_id.to_string()),
            ("client_secret", app.client_secret.clone()),
            ("grant_type", "refresh_token".to_owned()),
            ("refresh_token", refresh.clone()),
        ];
        trial.http.post(trial.url("/oauth/token")).form(&form)
    };
    assert!(ask().send().await.is_err());
    assert_eq!(trial.control.connections()[0].refreshes, 0);
    trial.control.fault(lost.taking_effect());
    assert!(ask().send().await.is_err());
    assert_eq!(trial.control.connections()[0].refreshes, 1);
    // The rotated token went with the answer: the old one is dead.
    assert_eq!(answered(ask()).await.0, 400);
}

#[tokio::test]
async fn rules_meet_paths_methods_and_chance() {
    let trial = Trial::begin().await;
    let access = trial.access(ALL).await;
    let mut rule = FaultRule::new("*/activities*", FaultKind::ServerError).likely(0.5);
    rule.method = Some("GET".to_owned());
    trial.control.fault(rule);
    let mut failed = 0;
    for _ in 0..80 {
        let (status, _) = trial.get(&access, "/athlete/activities").await;
        failed += u32::from(status == 500);
    }
    assert!((20..60).contains(&failed), "{failed}");
    assert_eq!(trial.get(&access, "/athlete").await.0, 200);
    // What fails counts.
    assert_eq!(trial.control.tally().used.read_quarter, 81);
    trial.control.clear_faults();
    assert_eq!(trial.get(&access, "/athlete/activities").await.0, 200);
}
