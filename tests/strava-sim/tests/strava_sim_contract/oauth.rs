//! Signing in, tokens, and their end.

use std::time::Duration;

use pacelake_strava_sim::AthleteLimit;
use serde_json::json;

use crate::trial::{Callback, Trial, answered, error, said, text};

const ALL: &str = "activity:read_all";

fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours * 3_600)
}

#[tokio::test]
async fn a_code_gives_tokens_once_and_the_redirect_says_what_was_granted() {
    let trial = Trial::begin().await;
    let back = trial.authorize("activity:read_all,profile:read_all").await;
    let location = back.headers()["location"].to_str().unwrap().to_owned();
    assert!(
        location.starts_with("http://localhost/back?state=a+b&code="),
        "{location}"
    );
    assert!(
        location.ends_with("&scope=read,profile:read_all,activity:read_all"),
        "{location}"
    );
    let code = &said(&back)["code"];
    let (status, tokens) = trial.exchange(code).await;
    assert_eq!(status, 200);
    assert_eq!(tokens["athlete"]["id"], trial.athlete);
    assert_eq!(tokens["expires_in"], 21_600);
    assert_eq!(tokens.get("scope"), None);
    let (status, body) = trial.exchange(code).await;
    assert_eq!(
        (status, error(&body)),
        (400, ["AuthorizationCode", "code", "invalid"])
    );
}

#[tokio::test]
async fn a_code_may_be_too_early_once_and_grows_old() {
    let trial = Trial::begin().await;
    trial
        .control
        .switch(|switches| switches.next_authorization.too_early = true);
    let code = trial.redirected(ALL).await["code"].clone();
    assert_eq!(trial.exchange(&code).await.0, 400);
    assert_eq!(trial.exchange(&code).await.0, 200);
    let code = trial.redirected(ALL).await["code"].clone();
    trial.control.advance(hours(1)).unwrap();
    let (status, body) = trial.exchange(&code).await;
    assert_eq!(
        (status, error(&body)),
        (400, ["AuthorizationCode", "", "expired"])
    );
}

#[tokio::test]
async fn an_athlete_may_say_no_or_take_scopes_out() {
    let trial = Trial::begin().await;
    trial
        .control
        .switch(|switches| switches.next_authorization.deny = true);
    let back = trial.redirected(ALL).await;
    assert_eq!(back["error"], "access_denied");
    assert_eq!(back["state"], "a b");
    assert!(!back.contains_key("code"));
    trial.control.switch(|switches| {
        switches.next_authorization.untick = [ALL.to_owned()].into();
    });
    let back = trial.redirected(ALL).await;
    assert_eq!(back["scope"], "read");
    let (_, tokens) = trial.exchange(&back["code"]).await;
    let access = text(&tokens, "access_token");
    let (status, body) = trial.get(&access, "/athlete/activities").await;
    let missing = ["AccessToken", "activity:read_permission", "missing"];
    assert_eq!((status, error(&body)), (401, missing));
    assert_eq!(trial.get(&access, "/athlete").await.0, 200);
}

#[tokio::test]
async fn a_person_clicks_through_the_page() {
    let trial = Trial::begin().await;
    let id = trial.simulator.app().client_id.to_string();
    let asked = [
        ("client_id", id.as_str()),
        ("redirect_uri", "http://localhost/back"),
        ("response_type", "code"),
        ("scope", "activity:read,activity:read_all"),
        ("state", "\"<x>"),
    ];
    let page = trial.http.get(trial.url("/oauth/authorize")).query(&asked);
    let page = page.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("value=\"&quot;&lt;x&gt;\""), "{page}");
    assert!(page.contains("Authorize</button>") && page.contains("Deny</button>"));
    let athlete = trial.athlete.to_string();
    let click = |answer: &'static str| {
        let mut form = asked.to_vec();
        form.extend([("athlete", athlete.as_str()), ("answer", answer)]);
        form.push(("ticked", "activity:read"));
        trial
            .http
            .post(trial.url("/oauth/authorize"))
            .form(&form)
            .send()
    };
    let yes = said(&click("authorize").await.unwrap());
    assert_eq!(yes["scope"], "read,activity:read");
    assert_eq!(yes["state"], "\"<x>");
    assert_eq!(trial.exchange(&yes["code"]).await.0, 200);
    assert_eq!(
        said(&click("deny").await.unwrap())["error"],
        "access_denied"
    );
}

#[tokio::test]
async fn what_is_asked_wrongly_is_told_as_strava_tells_it() {
    let trial = Trial::begin().await;
    let id = trial.simulator.app().client_id.to_string();
    let ask = |id: &str, redirect: &str, scope: &str| {
        let query = [
            ("client_id", id),
            ("redirect_uri", redirect),
            ("response_type", "code"),
            ("scope", scope),
        ];
        answered(trial.http.get(trial.url("/oauth/authorize")).query(&query))
    };
    for (wrong, told) in [
        (
            ask("7", "http://localhost/", ALL).await,
            ["Application", "client_id", "invalid"],
        ),
        (
            ask(&id, "http://other.example/", ALL).await,
            ["Application", "redirect_uri", "invalid"],
        ),
        (
            ask(&id, "http://localhost/", "read activity:read").await,
            ["Authorize", "scope", "invalid"],
        ),
    ] {
        assert_eq!((wrong.0, error(&wrong.1)), (400, told));
    }
    let url = trial.url("/api/v3/oauth/token");
    let form = [
        ("client_id", id.as_str()),
        ("client_secret", "wrong"),
        ("code", "x"),
    ];
    let (status, body) = answered(trial.http.post(url).form(&form)).await;
    assert_eq!(
        (status, error(&body)),
        (401, ["Application", "", "invalid"])
    );
    let (status, body) = trial.refresh("unknown").await;
    assert_eq!(
        (status, error(&body)),
        (400, ["RefreshToken", "refresh_token", "invalid"])
    );
}

#[tokio::test]
async fn a_refresh_keeps_the_access_token_until_its_last_hour_and_rotates() {
    let trial = Trial::begin().await;
    let first = trial.connect(ALL).await;
    trial.control.advance(hours(2)).unwrap();
    let (_, second) = trial.refresh(&text(&first, "refresh_token")).await;
    assert_eq!(second["access_token"], first["access_token"]);
    assert_eq!(second["expires_in"], 14_400);
    assert_eq!(second.get("athlete"), None);
    assert_eq!(trial.refresh(&text(&first, "refresh_token")).await.0, 400);
    trial.control.advance(hours(3)).unwrap();
    let (_, third) = trial.refresh(&text(&second, "refresh_token")).await;
    assert_ne!(third["access_token"], first["access_token"]);
    // Both work until the first one's own end.
    let old = text(&first, "access_token");
    assert_eq!(trial.get(&old, "/athlete").await.0, 200);
    trial.control.advance(hours(1)).unwrap();
    let (status, body) = trial.get(&old, "/athlete").await;
    assert_eq!(
        (status, error(&body)),
        (401, ["Athlete", "access_token", "invalid"])
    );
    assert_eq!(
        trial.get(&text(&third, "access_token"), "/athlete").await.0,
        200
    );
    trial.control.switch(|switches| switches.rotation = false);
    let (_, fourth) = trial.refresh(&text(&third, "refresh_token")).await;
    assert_eq!(fourth["refresh_token"], third["refresh_token"]);
    assert_eq!(trial.control.connections()[0].refreshes, 3);
}

#[tokio::test]
async fn strava_s_clock_may_be_wrong() {
    let trial = Trial::begin().await;
    trial.control.switch(|switches| switches.skew_s = 600);
    let tokens = trial.connect(ALL).await;
    let now = trial.control.now().as_second();
    assert_eq!(tokens["expires_at"], now + 600 + 21_600);
    let answer = trial.read(&text(&tokens, "access_token"), "/athlete");
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.headers()["date"], "Mon, 01 Jun 2026 08:10:00 GMT");
}

#[tokio::test]
async fn both_ways_to_revoke_end_every_token_and_send_an_event() {
    let trial = Trial::begin().await;
    let callback = Callback::listen().await;
    assert_eq!(trial.subscribe(&callback).await.0, 201);
    let told = json!({
        "object_type": "athlete",
        "object_id": trial.athlete,
        "aspect_type": "update",
        "owner_id": trial.athlete,
        "subscription_id": trial.control.subscription().unwrap().id,
        "event_time": trial.control.now().as_second(),
        "updates": {"authorized": "false"},
    });

    let tokens = trial.connect(ALL).await;
    let access = text(&tokens, "access_token");
    let url = trial.url("/oauth/deauthorize");
    let (status, body) = answered(trial.http.post(url).bearer_auth(&access)).await;
    assert_eq!((status, &body["access_token"]), (200, &json!(access)));
    assert_eq!(trial.get(&access, "/athlete").await.0, 401);
    assert_eq!(trial.refresh(&text(&tokens, "refresh_token")).await.0, 400);
    trial.control.events_settled().await;
    assert_eq!(callback.take(), vec![told.clone()]);

    let tokens = trial.connect(ALL).await;
    let app = trial.simulator.app();
    let revoke = |secret: String, token: String| {
        let request = trial.http.post(trial.url("/oauth/revoke"));
        let request = request.basic_auth(app.client_id, Some(secret));
        answered(request.form(&[("token", token)]))
    };
    let refresh = text(&tokens, "refresh_token");
    assert_eq!(revoke("wrong".to_owned(), refresh.clone()).await.0, 401);
    assert_eq!(revoke(app.client_secret.clone(), refresh).await.0, 200);
    assert_eq!(
        trial
            .get(&text(&tokens, "access_token"), "/athlete")
            .await
            .0,
        401
    );
    assert_eq!(
        revoke(app.client_secret.clone(), "unknown".to_owned())
            .await
            .0,
        200
    );
    trial.control.events_settled().await;
    assert_eq!(callback.take(), [told]);
}

#[tokio::test]
async fn an_app_may_be_full_or_inactive() {
    let trial = Trial::begin().await;
    trial
        .control
        .switch(|switches| switches.athlete_limit = AthleteLimit::Page);
    let page = trial.authorize(ALL).await;
    assert_eq!(page.status(), 403);
    let page = page.text().await.unwrap();
    assert!(
        page.contains("Limit of connected athletes exceeded"),
        "{page}"
    );
    trial
        .control
        .switch(|switches| switches.athlete_limit = AthleteLimit::Exchange);
    let code = trial.redirected(ALL).await["code"].clone();
    let (status, body) = trial.exchange(&code).await;
    assert_eq!(
        (status, error(&body)[2]),
        (403, "limit of connected athletes exceeded")
    );

    trial.control.switch(|switches| {
        switches.athlete_limit = AthleteLimit::NotReached;
        switches.inactive = true;
    });
    let tokens = trial.connect(ALL).await;
    let (status, body) = trial.get(&text(&tokens, "access_token"), "/athlete").await;
    assert_eq!(
        (status, error(&body)),
        (403, ["Application", "Status", "Inactive"])
    );
    // Refreshing works, so that it tells nothing.
    assert_eq!(trial.refresh(&text(&tokens, "refresh_token")).await.0, 200);

    trial
        .control
        .switch(|switches| switches.inactive_exchange = true);
    let code = trial.redirected(ALL).await["code"].clone();
    let (status, body) = trial.exchange(&code).await;
    assert_eq!(
        (status, error(&body)),
        (403, ["Application", "Status", "Inactive"])
    );
    // The code is as good as before.
    trial.control.switch(|switches| switches.inactive = false);
    assert_eq!(trial.exchange(&code).await.0, 200);
}

#[tokio::test]
async fn the_contract_of_2027_has_another_base_and_tokens_in_the_header_only() {
    let trial = Trial::begin().await;
    let access = trial.access(ALL).await;
    let by_query = |base: &str| {
        let url = format!("{base}/athlete?access_token={access}");
        answered(trial.http.get(url))
    };
    assert_eq!(by_query(&trial.simulator.api_url()).await.0, 200);
    let old = trial.simulator.api_url();
    trial
        .control
        .switch(|switches| switches.contract_2027 = true);
    assert_ne!(trial.simulator.api_url(), old);
    let (status, body) = by_query(&old).await;
    assert_eq!(
        (status, error(&body)),
        (404, ["resource", "path", "invalid"])
    );
    assert_eq!(by_query(&trial.simulator.api_url()).await.0, 401);
    assert_eq!(trial.get(&access, "/athlete").await.0, 200);
    let url = trial.url("/oauth/deauthorize");
    assert_eq!(
        answered(trial.http.post(url).bearer_auth(&access)).await.0,
        404
    );
}
