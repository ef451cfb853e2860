//! The list, an activity, its streams.

use pacelake_strava::{List, STREAM_KEYS, Secret, Summary, Usage, Verdict, Visibility, Window};

use crate::captured::captured;
use crate::player::{Player, Reply};

const MARATHON: i64 = 1_946_417_534;

fn access() -> Secret {
    Secret::from("the-token")
}

#[tokio::test]
async fn a_page_is_read_with_what_it_cost() {
    let player = Player::start([captured("activities_page_34")]).await;
    let list = List {
        before: Some("2026-11-28T08:00:00Z".parse().unwrap()),
        page: 34,
        per_page: 30,
        ..List::default()
    };
    let answer = player.strava().activities(&access(), &list).await;
    let page = answer.outcome.unwrap();
    assert_eq!(page.len(), 30);
    let marathon = page.iter().find(|summary| summary.id == MARATHON).unwrap();
    assert_eq!(marathon.name, "TCS NYC Marathon 2018");
    assert_eq!(marathon.athlete_id, Some(26_462_176));
    assert_eq!(marathon.sport_type, "Run");
    assert_eq!(marathon.start_date.to_string(), "2018-11-04T14:53:46Z");
    assert_eq!(
        marathon.start_date_local.unwrap().to_string(),
        "2018-11-04T09:53:46"
    );
    assert_eq!(marathon.distance_m, Some(42_268.1));
    assert_eq!(
        (marathon.elapsed_time_s, marathon.moving_time_s),
        (Some(13_333), Some(13_085))
    );
    assert_eq!(marathon.visibility, Visibility::Everyone);
    assert_eq!(marathon.upload_id, Some(2_082_412_856));
    let window = |quarter_limit, day_limit| Window {
        quarter_limit,
        quarter_used: 3,
        day_limit,
        day_used: 339,
    };
    let expected = Usage {
        overall: window(200, 2_000),
        read: window(100, 1_000),
    };
    assert_eq!(answer.usage, Some(expected));
    assert_eq!(answer.date.unwrap().to_string(), "2025-10-20T21:30:33Z");
    let seen = player.only();
    assert_eq!(seen.line, "GET /api/v3/athlete/activities");
    assert_eq!(seen.headers["authorization"], "Bearer the-token");
    assert_eq!(seen.headers["accept-encoding"], "gzip");
    let query: Vec<_> = seen.query.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(query, ["before=1795852800", "page=34", "per_page=30"]);
}

#[tokio::test]
async fn a_page_has_the_odd_ones_and_the_last_is_empty() {
    let pages = [
        captured("activities_page_35"),
        captured("activities_page_39"),
    ];
    let player = Player::start(pages).await;
    let strava = player.strava();
    let page = strava.activities(&access(), &List::default()).await;
    let page = page.outcome.unwrap();
    assert_eq!(page.len(), 30);
    let by_hand: Vec<_> = page.iter().filter(|summary| summary.manual).collect();
    assert_eq!(by_hand.len(), 4);
    assert!(by_hand.iter().all(|summary| summary.upload_id.is_none()));
    let hidden = |summary: &&Summary| summary.visibility == Visibility::OnlyMe;
    assert!(page.iter().any(|summary| hidden(&summary)));
    let mut fingerprints: Vec<_> = page.iter().map(Summary::fingerprint).collect();
    fingerprints.sort();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), 30);
    let end = strava.activities(&access(), &List::default()).await;
    assert_eq!(end.outcome.unwrap(), []);
    assert!(end.usage.is_some());
}

#[tokio::test]
async fn an_activity_comes_as_it_is_and_agrees_with_the_list() {
    let replies = [captured("activity"), captured("activities_page_34")];
    let body = replies[0].body();
    let player = Player::start(replies).await;
    let strava = player.strava();
    let answer = strava.activity(&access(), MARATHON).await;
    let activity = answer.outcome.unwrap();
    assert_eq!(activity, body);
    assert_eq!(answer.usage.unwrap().read.day_used, 148);
    let seen = player.only();
    assert_eq!(seen.line, "GET /api/v3/activities/1946417534");
    assert_eq!(seen.headers["authorization"], "Bearer the-token");
    let page = strava.activities(&access(), &List::default()).await;
    let page = page.outcome.unwrap();
    let listed = page.into_iter().find(|summary| summary.id == MARATHON);
    let in_full = Summary::parse(&activity).unwrap();
    assert_eq!(in_full.fingerprint(), listed.unwrap().fingerprint());
}

#[tokio::test]
async fn numbers_are_whole_to_the_last_digit() {
    let id = i64::MAX - 6;
    let player = Player::start([Reply::json(200, "{}"), Reply::json(200, "{}")]).await;
    player
        .strava()
        .activity(&access(), id)
        .await
        .outcome
        .unwrap();
    player
        .strava()
        .streams(&access(), id)
        .await
        .outcome
        .unwrap();
    let lines: Vec<_> = player.seen().into_iter().map(|seen| seen.line).collect();
    assert_eq!(
        lines,
        [
            "GET /api/v3/activities/9223372036854775801",
            "GET /api/v3/activities/9223372036854775801/streams"
        ]
    );
}

#[tokio::test]
async fn streams_come_as_they_are_of_the_kinds_that_are_kept() {
    let reply = captured("streams");
    let body = reply.body();
    let player = Player::start([reply]).await;
    let answer = player.strava().streams(&access(), MARATHON).await;
    assert_eq!(answer.outcome.unwrap().unwrap(), body);
    let seen = player.only();
    assert_eq!(seen.line, "GET /api/v3/activities/1946417534/streams");
    assert_eq!(seen.query["keys"], STREAM_KEYS.join(","));
    assert_eq!(
        seen.query["keys"],
        "time,distance,latlng,altitude,heartrate,cadence,watts,temp,moving"
    );
    assert_eq!(seen.query["key_by_type"], "true");
}

#[tokio::test]
async fn no_streams_are_no_error() {
    let limits = |reply: Reply| {
        reply
            .with("x-ratelimit-limit", "200,2000")
            .with("x-ratelimit-usage", "1,2")
    };
    let not_found = r#"{"message":"Record Not Found","errors":[
        {"resource":"Activity","field":"id","code":"invalid"}]}"#;
    for reply in [
        captured("not_found"),
        Reply::json(404, not_found),
        Reply::json(200, "{}"),
        Reply::json(200, "[]"),
        Reply::json(200, r#"{"distance":{"data":[],"original_size":0}}"#),
    ] {
        let player = Player::start([limits(reply)]).await;
        let answer = player.strava().streams(&access(), 1).await;
        assert_eq!(answer.outcome.unwrap(), None);
        assert_eq!(answer.usage.unwrap().overall.day_used, 2, "it was counted");
    }
    for (reply, expected) in [
        (captured("authorization_error"), Verdict::TokenDead),
        (Reply::new(500, ""), Verdict::Unavailable { status: 500 }),
        (Reply::json(200, r#"{"time":{"data":[0,1"#), Verdict::CutOff),
    ] {
        let player = Player::start([reply]).await;
        let answer = player.strava().streams(&access(), 1).await;
        assert_eq!(answer.outcome.unwrap_err().verdict(), expected);
    }
}

#[tokio::test]
async fn what_is_no_activity_is_malformed() {
    for body in [
        "[]",
        "null",
        "7",
        "<html>200</html>",
        r#"{"id":1,}"#,
        "{} {}",
    ] {
        let player = Player::start([Reply::json(200, body)]).await;
        let answer = player.strava().activity(&access(), 1).await;
        let error = answer.outcome.unwrap_err();
        assert!(
            matches!(error.verdict(), Verdict::Malformed { .. }),
            "{body}: {error:?}"
        );
        assert!(error.verdict().is_transient());
    }
    for body in ["", r#"{"id":1"#, r#"{"name":"Morn"#] {
        let player = Player::start([Reply::json(200, body)]).await;
        let answer = player.strava().activity(&access(), 1).await;
        assert_eq!(
            answer.outcome.unwrap_err().verdict(),
            Verdict::CutOff,
            "{body}"
        );
    }
}
