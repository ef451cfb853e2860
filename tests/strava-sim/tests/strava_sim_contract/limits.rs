//! Rate limits over a day that passes in a moment.

use std::time::Duration;

use pacelake_strava_sim::Calls;

use crate::trial::{Trial, error};

const QUARTER: Duration = Duration::from_secs(15 * 60);

#[tokio::test]
async fn a_day_of_limits() {
    let trial = Trial::begin().await;
    let access = trial.access("activity:read_all").await;
    trial.control.set_limits(Calls {
        quarter: 8,
        day: 50,
        read_quarter: 4,
        read_day: 10,
    });
    let get = || trial.get(&access, "/athlete");
    for _ in 0..4 {
        assert_eq!(get().await.0, 200);
    }
    let (status, body) = get().await;
    assert_eq!(
        (status, error(&body)),
        (429, ["Application", "read rate limit", "exceeded"])
    );
    assert_eq!(body["message"], "Rate Limit Exceeded");

    // The refused one counts, toward the day as well.
    trial.control.advance(QUARTER).unwrap();
    let answer = trial.read(&access, "/athlete").send().await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("x-ratelimit-limit"), "8,50");
    assert_eq!(header("x-ratelimit-usage"), "1,6");
    assert_eq!(header("x-readratelimit-limit"), "4,10");
    assert_eq!(header("x-readratelimit-usage"), "1,6");
    assert!(answer.headers().get("retry-after").is_none());

    // The day's limit is reached, and a new quarter does not help.
    for _ in 0..3 {
        assert_eq!(get().await.0, 200);
    }
    trial.control.advance(QUARTER).unwrap();
    assert_eq!(get().await.0, 200);
    assert_eq!(get().await.0, 429);
    trial.control.advance(QUARTER).unwrap();
    assert_eq!(get().await.0, 429);
    trial
        .control
        .set_clock("2026-06-01T23:59:59Z".parse().unwrap())
        .unwrap();
    let access = trial.access("activity:read_all").await;
    assert_eq!(trial.get(&access, "/athlete").await.0, 429);
    trial
        .control
        .set_clock("2026-06-02T00:00:00Z".parse().unwrap())
        .unwrap();
    assert_eq!(trial.get(&access, "/athlete").await.0, 200);

    let tally = trial.control.tally();
    assert_eq!(tally.refused, 4);
    assert_eq!(tally.by_status[&429], 4);
    assert_eq!(tally.highest.read_day, 13);
    assert_eq!(tally.used.read_day, 1);
}

#[tokio::test]
async fn what_is_no_read_counts_overall_and_tokens_do_not_count() {
    let trial = Trial::begin().await;
    let access = trial.access("activity:read_all").await;
    assert_eq!(trial.control.tally().used, Calls::default());
    let url = trial.url("/oauth/deauthorize");
    let answer = trial
        .http
        .post(url)
        .bearer_auth(&access)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.headers()["x-ratelimit-usage"], "1,1");
    assert_eq!(answer.headers()["x-readratelimit-usage"], "0,0");
    // Refused for another reason, and counted all the same.
    assert_eq!(trial.get(&access, "/athlete").await.0, 401);
    assert_eq!(trial.get(&access, "/no/such/path").await.0, 404);
    let tally = trial.control.tally();
    assert_eq!((tally.used.quarter, tally.used.read_quarter), (3, 2));
    assert_eq!(tally.refused, 0);
}

#[tokio::test]
async fn others_may_have_used_the_app() {
    let trial = Trial::begin().await;
    let access = trial.access("activity:read_all").await;
    trial.control.set_used(Calls {
        quarter: 199,
        day: 500,
        read_quarter: 0,
        read_day: 0,
    });
    assert_eq!(trial.get(&access, "/athlete").await.0, 200);
    let (status, body) = trial.get(&access, "/athlete").await;
    assert_eq!((status, error(&body)[1]), (429, "overall rate limit"));
    let log = trial.control.requests();
    let last = log.last().unwrap();
    assert_eq!((last.status, last.used.quarter), (Some(429), 201));
    assert_eq!(last.athlete_id, Some(trial.athlete));
}
