//! Sign-in and tokens.

use std::collections::BTreeMap;

use pacelake_strava::{App, RevokeStyle, Scope, Secret, Strava, Verdict, WhyCode};

use crate::captured::captured;
use crate::player::{Player, Reply, app_at, limits, literal, nobody, strava_at};

fn pairs(expected: &[(&str, &str)]) -> BTreeMap<String, String> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    expected.iter().map(owned).collect()
}

#[tokio::test]
async fn the_page_to_connect_has_all_parameters() {
    let strava = strava_at(&"https://strava.example".parse().unwrap());
    let redirect = "http://localhost:8080/api/strava/callback?from=web"
        .parse()
        .unwrap();
    let scopes = [Scope::Read, Scope::ActivityReadAll];
    let page = strava.authorize_url(&redirect, "a&b=c", &scopes, false);
    assert_eq!(page.path(), "/oauth/authorize");
    let expected = pairs(&[
        ("client_id", "12345"),
        ("redirect_uri", redirect.as_str()),
        ("response_type", "code"),
        ("approval_prompt", "auto"),
        ("scope", "read,activity:read_all"),
        ("state", "a&b=c"),
    ]);
    assert_eq!(
        page.query_pairs().into_owned().collect::<BTreeMap<_, _>>(),
        expected
    );
    assert!(!page.as_str().contains("client-secret"), "{page}");
    let forced = strava.authorize_url(&redirect, "s", &scopes, true);
    assert!(
        forced.as_str().contains("approval_prompt=force"),
        "{forced}"
    );
}

#[tokio::test]
async fn a_code_becomes_tokens_and_an_athlete() {
    let player = Player::start([captured("token_exchange")]).await;
    let grant = player.strava().exchange("the-code").await.unwrap();
    assert_eq!(grant.athlete.id, 12_342_176);
    let tokens = grant.tokens;
    assert_eq!(
        tokens.access.expose(),
        "deadbeefd7ab44704fb2a146bd98c7a349a2b43d"
    );
    assert_eq!(
        tokens.refresh.expose(),
        "deadbeef9d64b225d0c50db4854a8d6c8757702d"
    );
    assert_eq!(tokens.expires_at.as_second(), 1_542_940_199);
    let seen = player.only();
    assert_eq!(seen.line, "POST /oauth/token");
    let expected = pairs(&[
        ("client_id", "12345"),
        ("client_secret", "client-secret"),
        ("code", "the-code"),
        ("grant_type", "authorization_code"),
    ]);
    assert_eq!(seen.form, expected);
    assert!(
        seen.headers["user-agent"].starts_with("pacelake/"),
        "{seen:?}"
    );
    assert!(!seen.headers.contains_key("authorization"), "{seen:?}");
}

#[tokio::test]
async fn a_code_that_came_too_early_is_offered_once_more() {
    let replies = [captured("token_invalid_code"), captured("token_exchange")];
    let player = Player::start(replies).await;
    let grant = player.strava().exchange("the-code").await.unwrap();
    assert_eq!(grant.athlete.id, 12_342_176);
    let forms: Vec<_> = player.seen().into_iter().map(|seen| seen.form).collect();
    assert_eq!(forms.len(), 2);
    assert_eq!(forms[0], forms[1]);
}

#[tokio::test]
async fn a_code_that_is_refused_again_is_refused() {
    let player = Player::start(vec![captured("token_invalid_code"); 3]).await;
    let error = player.strava().exchange("the-code").await.unwrap_err();
    let why = WhyCode::UsedOrUnknown;
    assert_eq!(error.verdict(), Verdict::CodeRefused { why });
    assert!(!error.may_have_happened());
    assert_eq!(player.seen().len(), 2, "once more, not for ever");
}

#[tokio::test]
async fn what_waiting_does_not_mend_is_not_offered_again() {
    let expired = r#"{"message":"Bad Request","errors":[
        {"resource":"AuthorizationCode","field":"","code":"expired"}]}"#;
    let full = r#"{"message":"Limit of connected athletes exceeded","errors":[]}"#;
    let why = WhyCode::Expired;
    for (reply, verdict) in [
        (Reply::json(400, expired), Verdict::CodeRefused { why }),
        (Reply::json(403, full), Verdict::AthleteLimit),
        (captured("token_invalid_client"), Verdict::ClientRefused),
        (captured("authorization_error"), Verdict::ClientRefused),
        (
            Reply::new(503, "<html>"),
            Verdict::Unavailable { status: 503 },
        ),
    ] {
        let player = Player::start([reply]).await;
        let error = player.strava().exchange("the-code").await.unwrap_err();
        assert_eq!(error.verdict(), verdict, "{error}");
        assert_eq!(player.seen().len(), 1, "{error}");
    }
}

#[tokio::test]
async fn a_refresh_brings_the_tokens_that_count_from_now_on() {
    let player = Player::start([captured("token_refresh")]).await;
    let tokens = player
        .strava()
        .refresh(&"old-refresh".into())
        .await
        .unwrap();
    assert_eq!(tokens.access.expose(), "new-access-token");
    assert_eq!(tokens.refresh.expose(), "new-refresh-token");
    assert_eq!(tokens.expires_at.as_second(), 1_542_940_199);
    let seen = player.only();
    assert_eq!(seen.line, "POST /oauth/token");
    let expected = pairs(&[
        ("client_id", "12345"),
        ("client_secret", "client-secret"),
        ("grant_type", "refresh_token"),
        ("refresh_token", "old-refresh"),
    ]);
    assert_eq!(seen.form, expected);
}

#[tokio::test]
async fn a_dead_refresh_token_is_told_from_a_wrong_app() {
    let dead = r#"{"message":"Bad Request","errors":[
        {"resource":"RefreshToken","field":"refresh_token","code":"invalid"}]}"#;
    let unknown = "a 400 that says nothing is neither";
    for (reply, expected) in [
        (Reply::json(400, dead), Verdict::RefreshRefused),
        (
            Reply::json(400, r#"{"error":"invalid_grant"}"#),
            Verdict::RefreshRefused,
        ),
        (captured("token_invalid_client"), Verdict::ClientRefused),
        (
            Reply::new(400, unknown),
            Verdict::Refused {
                status: 400,
                message: String::new(),
            },
        ),
    ] {
        let player = Player::start([reply]).await;
        let error = player.strava().refresh(&"old".into()).await.unwrap_err();
        assert_eq!(error.verdict(), expected, "{error}");
        assert!(!error.may_have_happened(), "{error}");
        assert_eq!(player.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_refresh_says_whether_it_may_have_happened() {
    let refresh = async |strava: Strava| strava.refresh(&"old".into()).await.unwrap_err();
    let half = Reply::json(200, r#"{"access_token":"a","refr"#);
    for (reply, expected) in [
        (half.clone(), Verdict::CutOff),
        (half.cut_off(), Verdict::CutOff),
        (Reply::json(200, ""), Verdict::CutOff),
        (
            Reply::new(502, "<html>"),
            Verdict::Unavailable { status: 502 },
        ),
    ] {
        let error = refresh(Player::start([reply]).await.strava()).await;
        assert_eq!(error.verdict(), expected, "{error}");
        assert!(error.may_have_happened(), "{error}");
    }
    let error = refresh(strava_at(&literal(b"").await)).await;
    assert_eq!(error.verdict(), Verdict::CutOff, "{error:?}");
    assert!(error.may_have_happened());
    let error = refresh(strava_at(&nobody().await)).await;
    assert_eq!(error.verdict(), Verdict::Unreachable, "{error:?}");
    assert!(!error.may_have_happened());
}

#[tokio::test]
async fn odd_token_answers_are_malformed() {
    let no_athlete = r#"{"access_token":"a","refresh_token":"r","expires_at":1}"#;
    for (body, says) in [
        ("<html>", "no JSON"),
        ("[]", "another shape"),
        (r#"{"access_token":"a","expires_at":1}"#, "another shape"),
        (r#"{"access_token":7,"refresh_token":"r"}"#, "access_token"),
        (r#"{"access_token":"a","refresh_token":"r"}"#, "expires"),
        (no_athlete, "no athlete"),
    ] {
        let player = Player::start([Reply::json(200, body)]).await;
        let error = player.strava().exchange("the-code").await.unwrap_err();
        assert!(
            matches!(error.verdict(), Verdict::Malformed { .. }),
            "{error:?}"
        );
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.may_have_happened());
    }
    let player = Player::start([Reply::new(200, no_athlete).with("content-type", "text/plain")]);
    let tokens = player.await.strava().refresh(&"old".into()).await.unwrap();
    assert_eq!(
        tokens.access.expose(),
        "a",
        "the kind of content is not relied on"
    );
}

#[tokio::test]
async fn a_connection_is_ended_in_the_apps_name() {
    for empty in [Reply::new(200, ""), Reply::json(200, "{}")] {
        let player = Player::start([empty]).await;
        let (access, refresh) = (Secret::from("access"), Secret::from("refresh"));
        player.strava().revoke(&access, &refresh).await.unwrap();
        let seen = player.only();
        assert_eq!(seen.line, "POST /oauth/revoke");
        // 12345:client-secret
        assert_eq!(
            seen.headers["authorization"],
            "Basic MTIzNDU6Y2xpZW50LXNlY3JldA=="
        );
        let expected = pairs(&[("token", "refresh"), ("token_type_hint", "refresh_token")]);
        assert_eq!(seen.form, expected);
    }
}

#[tokio::test]
async fn a_connection_is_ended_with_the_athletes_token() {
    let player = Player::start([captured("deauthorize"), captured("authorization_error")]).await;
    let app = App {
        revoke: RevokeStyle::Deauthorize,
        ..app_at(&player.url)
    };
    let strava = Strava::with_limits(app, limits()).unwrap();
    let (access, refresh) = (Secret::from("access"), Secret::from("refresh"));
    strava.revoke(&access, &refresh).await.unwrap();
    let seen = player.only();
    assert_eq!(seen.line, "POST /oauth/deauthorize");
    assert_eq!(seen.headers["authorization"], "Bearer access");
    assert!(seen.query.is_empty() && seen.form.is_empty(), "{seen:?}");
    let again = strava.revoke(&access, &refresh).await.unwrap_err();
    assert_eq!(again.verdict(), Verdict::TokenDead);
}
