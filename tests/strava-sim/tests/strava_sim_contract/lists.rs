//! The list of activities: order, pages, and what they hide.

use pacelake_strava_sim::{Details, Generated, Visibility, recording_of};
use serde_json::json;

use crate::trial::{Trial, ids};

const ALL: &str = "activity:read_all";

/// Five activities, the oldest first.
fn five(trial: &Trial) -> Vec<i64> {
    (1..=5)
        .map(|day| trial.add(day, &format!("2026-05-0{day}T06:00:00Z")))
        .collect()
}

#[tokio::test]
async fn newest_first_and_with_after_oldest_first() {
    let trial = Trial::begin().await;
    let five = five(&trial);
    let access = trial.access(ALL).await;
    let list = async |query: &str| {
        let path = format!("/athlete/activities{query}");
        ids(&trial.get(&access, &path).await.1)
    };
    let newest: Vec<i64> = five.iter().rev().copied().collect();
    assert_eq!(list("").await, newest);
    assert_eq!(list("?per_page=2").await, newest[..2]);
    assert_eq!(list("?per_page=2&page=3").await, newest[4..]);
    assert_eq!(list("?per_page=2&page=4").await, [0_i64; 0]);
    // Both bounds are left out: the second's start is 1777701600.
    let second = "2026-05-02T06:00:00Z"
        .parse::<jiff::Timestamp>()
        .unwrap()
        .as_second();
    assert_eq!(list(&format!("?after={second}")).await, five[2..]);
    assert_eq!(list(&format!("?before={second}")).await, five[..1]);
    // A late upload of an old outing is no news to who looks for new starts.
    let late = trial.add(9, "2026-04-01T06:00:00Z");
    assert!(!list(&format!("?after={second}")).await.contains(&late));
    assert_eq!(list("").await.last(), Some(&late));
    let (status, body) = trial.get(&access, "/athlete/activities?page=x").await;
    assert_eq!((status, &body["errors"][0]["field"]), (400, &json!("page")));
}

#[tokio::test]
async fn pages_are_cut_before_what_is_hidden_is_taken_out() {
    let trial = Trial::begin().await;
    let five = five(&trial);
    for hidden in [five[3], five[1]] {
        let edit = pacelake_strava_sim::Edit {
            visibility: Some(Visibility::OnlyMe),
            ..Default::default()
        };
        trial.control.edit(hidden, edit).unwrap();
    }
    let pages = async |access: String| {
        let mut pages = Vec::new();
        for page in 1..=4 {
            let path = format!("/athlete/activities?per_page=2&page={page}");
            pages.push(ids(&trial.get(&access, &path).await.1).len());
        }
        pages
    };
    assert_eq!(
        pages(trial.access("activity:read").await).await,
        [1, 1, 1, 0]
    );
    assert_eq!(pages(trial.access(ALL).await).await, [2, 2, 1, 0]);
    // By itself it is not there either, for whoever may not see it.
    let hidden = format!("/activities/{}", five[3]);
    for (scope, status) in [("activity:read", 404), (ALL, 200)] {
        let access = trial.access(scope).await;
        assert_eq!(trial.get(&access, &hidden).await.0, status, "{scope}");
    }
    trial.control.switch(|switches| switches.short_pages = true);
    trial.control.delete(five[4]).unwrap();
    assert_eq!(pages(trial.access(ALL).await).await, [1, 2, 1, 0]);
    trial
        .control
        .switch(|switches| switches.short_pages = false);
    assert_eq!(pages(trial.access(ALL).await).await, [2, 2, 0, 0]);
}

#[tokio::test]
async fn an_upload_between_two_pages_shifts_them() {
    let trial = Trial::begin().await;
    let five = five(&trial);
    let access = trial.access(ALL).await;
    let recording = recording_of(Generated::default()).unwrap();
    let details = Details {
        start: Some("2026-05-09T06:00:00Z".parse().unwrap()),
        ..Details::default()
    };
    let new = trial
        .control
        .add_after_next_page(trial.athlete, &recording, &details)
        .unwrap();
    let first = trial
        .get(&access, "/athlete/activities?per_page=2&page=1")
        .await
        .1;
    let second = trial
        .get(&access, "/athlete/activities?per_page=2&page=2")
        .await
        .1;
    assert_eq!(ids(&first), [five[4], five[3]]);
    assert_eq!(ids(&second), [five[3], five[2]]);
    let again = trial.get(&access, "/athlete/activities?per_page=2").await.1;
    assert_eq!(ids(&again), [new[0], five[4]]);
}

#[tokio::test]
async fn nobody_sees_another_athlete_s() {
    let trial = Trial::begin().await;
    let other = trial.control.add_athlete(Default::default());
    let theirs = trial
        .control
        .add_generated(other, Generated::default(), &Details::default())
        .unwrap();
    let access = trial.access(ALL).await;
    assert_eq!(
        ids(&trial.get(&access, "/athlete/activities").await.1).len(),
        0
    );
    for path in ["", "/streams?keys=time&key_by_type=true", "/laps"] {
        let path = format!("/activities/{theirs}{path}");
        assert_eq!(trial.get(&access, &path).await.0, 404, "{path}");
    }
    assert_eq!(
        trial
            .get(&access, &format!("/athletes/{other}/stats"))
            .await
            .0,
        403
    );
    assert_eq!(
        trial
            .get(&access, &format!("/athletes/{}/stats", trial.athlete))
            .await
            .0,
        200
    );
}
