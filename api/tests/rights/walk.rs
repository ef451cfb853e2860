//! Every route of the document with everyone who might ask.
//!
//! [`ROUTES`] declares who may.

use std::collections::BTreeSet;

use axum::http::Method;
use pacelake_api::openapi::openapi;
use serde_json::Value;
use storage::AthleteId;
use storage::catalog::{Account, Scope};

use crate::app::Answered;
use crate::declared::{ROUTES, Row, Who};
use crate::strava::THERE;
use crate::world::{DAY_US, World, bearer, cookie, now_us, send};

/// What is told of athlete 1 somewhere in the lake.
const IN_LAKE: &[&str] = &[
    "trail_run",
    "_p~iF",
    "Year",
    "2023-12-31",
    "\"distance_m\":2000",
];

/// What is told of one athlete, here or at Strava, and of no other.
struct Mark {
    of: AthleteId,
    text: String,
    /// How many answers have it.
    seen: usize,
}

fn marks() -> Vec<Mark> {
    let mark = |of: AthleteId, text: &str| Mark {
        of,
        text: text.to_owned(),
        seen: 0,
    };
    let in_lake = IN_LAKE.iter().map(|text| mark(AthleteId(1), text));
    let at_strava = THERE.iter().flat_map(|there| {
        let id = there.strava_athlete_id.to_string();
        [
            mark(there.athlete_id, &id),
            mark(there.athlete_id, there.activity),
        ]
    });
    in_lake.chain(at_strava).collect()
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asking {
    Nobody,
    Athlete,
    OtherAthlete,
    Analyst,
    Admin,
    /// An admin who acts for no athlete.
    Operator,
    /// A session that nobody used for 14 days.
    ExpiredSession,
    /// A session of an account that was disabled.
    DisabledAccount,
    /// An athlete's cookie, from a page that does not know the session's token.
    NoCsrfToken,
    /// The same with another session's token.
    OtherCsrfToken,
    /// The same with the right one, from another site.
    CrossSite,
    RevokedToken,
    ExpiredToken,
    NoSuchToken,
    /// A token of the admin's with one scope.
    TokenFor(Scope),
    /// A token of the analyst's with all that it may have.
    AnalystsToken,
}

const ASKING: &[Asking] = &[
    Asking::Nobody,
    Asking::Athlete,
    Asking::OtherAthlete,
    Asking::Analyst,
    Asking::Admin,
    Asking::Operator,
    Asking::ExpiredSession,
    Asking::DisabledAccount,
    Asking::NoCsrfToken,
    Asking::OtherCsrfToken,
    Asking::CrossSite,
    Asking::RevokedToken,
    Asking::ExpiredToken,
    Asking::NoSuchToken,
    Asking::TokenFor(Scope::Read),
    Asking::TokenFor(Scope::Write),
    Asking::TokenFor(Scope::Sql),
    Asking::TokenFor(Scope::Admin),
    Asking::AnalystsToken,
];

/// Whose rows are told, where the request is let in.
fn acts_for(asking: Asking) -> Option<AthleteId> {
    match asking {
        Asking::Nobody | Asking::Operator => None,
        Asking::OtherAthlete => Some(AthleteId(2)),
        _ => Some(AthleteId(1)),
    }
}

/// What becomes of a request: the code of its refusal, or none.
fn expected(row: &Row, asking: Asking) -> Option<&'static str> {
    let (changes, who) = (row.method != "GET", row.who);
    if who == Who::Public {
        return None;
    }
    let unless = |may: bool| (!may).then_some("forbidden");
    match asking {
        Asking::Nobody
        | Asking::ExpiredSession
        | Asking::DisabledAccount
        | Asking::RevokedToken
        | Asking::ExpiredToken
        | Asking::NoSuchToken => Some("unauthenticated"),
        Asking::NoCsrfToken | Asking::OtherCsrfToken | Asking::CrossSite if changes => Some("csrf"),
        Asking::OtherAthlete if row.named => Some("not_found"),
        Asking::Athlete
        | Asking::OtherAthlete
        | Asking::NoCsrfToken
        | Asking::OtherCsrfToken
        | Asking::CrossSite => unless(who != Who::Admin),
        Asking::Analyst => unless(!matches!(who, Who::Owner | Who::Admin)),
        Asking::Admin => None,
        Asking::Operator => unless(matches!(who, Who::SignedIn | Who::Person | Who::Admin)),
        Asking::TokenFor(scope) => unless(match who {
            Who::Public => true,
            Who::SignedIn if changes => scope == Scope::Write,
            Who::SignedIn | Who::Reader => scope == Scope::Read,
            Who::Person => false,
            Who::Owner => scope == Scope::Write,
            Who::Analyst => scope == Scope::Sql,
            Who::Admin => scope == Scope::Admin,
        }),
        Asking::AnalystsToken => unless(match who {
            Who::Public | Who::Reader | Who::Analyst => true,
            Who::SignedIn => !changes,
            Who::Person | Who::Owner | Who::Admin => false,
        }),
    }
}

impl World {
    /// The headers of whoever asks, and their account.
    async fn headers(&self, asking: Asking) -> (Vec<(String, String)>, &Account) {
        let old = now_us() - 15 * DAY_US;
        let of_token = async |account: &Account, scopes: &[Scope], expires| {
            let (_, secret) = self.token(account.account_id, scopes, expires).await;
            vec![bearer(&secret)]
        };
        match asking {
            Asking::Nobody => (Vec::new(), &self.athlete),
            Asking::Athlete => (self.page_of(&self.athlete).await, &self.athlete),
            Asking::OtherAthlete => (self.page_of(&self.other).await, &self.other),
            Asking::Analyst => (self.page_of(&self.analyst).await, &self.analyst),
            Asking::Admin => (self.page_of(&self.admin).await, &self.admin),
            Asking::Operator => (self.page_of(&self.operator).await, &self.operator),
            Asking::ExpiredSession | Asking::DisabledAccount => {
                let mut headers = self.page_of(&self.athlete).await;
                let (account, at) = match asking {
                    Asking::DisabledAccount => (&self.victim, now_us()),
                    _ => (&self.athlete, old),
                };
                headers[0].1 = cookie(&self.session(account, at).await);
                (headers, &self.athlete)
            }
            Asking::NoCsrfToken => {
                let mut headers = self.page_of(&self.athlete).await;
                headers.truncate(1);
                (headers, &self.athlete)
            }
            Asking::OtherCsrfToken => {
                let mut headers = self.page_of(&self.athlete).await;
                headers[1] = self.page_of(&self.athlete).await.remove(1);
                (headers, &self.athlete)
            }
            Asking::CrossSite => {
                let mut headers = self.page_of(&self.athlete).await;
                headers.push(("sec-fetch-site".to_owned(), "cross-site".to_owned()));
                (headers, &self.athlete)
            }
            Asking::RevokedToken => {
                let of = self.athlete.account_id;
                let (id, secret) = self.token(of, &[Scope::Read, Scope::Write], None).await;
                let revoked = self.catalog.revoke_token(id, None, None, now_us());
                revoked.await.unwrap();
                (vec![bearer(&secret)], &self.athlete)
            }
            Asking::ExpiredToken => {
                let ended = Some(now_us() - 1);
                let headers = of_token(&self.athlete, &[Scope::Read, Scope::Write], ended).await;
                (headers, &self.athlete)
            }
            Asking::NoSuchToken => {
                let secret = storage::objects::Secret::new(format!("pl_{}", "0".repeat(64)));
                (vec![bearer(&secret)], &self.athlete)
            }
            Asking::TokenFor(scope) => (of_token(&self.admin, &[scope], None).await, &self.admin),
            Asking::AnalystsToken => {
                let headers = of_token(&self.analyst, &[Scope::Read, Scope::Sql], None).await;
                (headers, &self.analyst)
            }
        }
    }

    async fn answer(&self, row: &Row, asking: Asking) -> Answered {
        let (headers, account) = self.headers(asking).await;
        // Whoever is another asks for what is not theirs.
        let owner = match asking {
            Asking::OtherAthlete if row.named => &self.athlete,
            _ => account,
        };
        // A request before may have ended a connection.
        self.strava.connect().await;
        let mut ask = self.strava.filled(row.ask).await;
        if ask.contains("{token}") {
            let (id, _) = self.token(owner.account_id, &[Scope::Read], None).await;
            ask = ask.replace("{token}", &id.to_string());
        }
        let ask = ask
            .replace("{account}", &self.victim.account_id.to_string())
            .replace("{snapshot}", &self.snapshot.to_string());
        let body = match row.body {
            Some(body) => Some(self.strava.filled(body).await),
            None => None,
        };
        let method = Method::from_bytes(row.method.as_bytes()).unwrap();
        send(&self.router, method, &ask, &headers, body).await
    }
}

#[test]
fn every_route_is_declared_and_every_declared_route_is_there() {
    let mut documented = BTreeSet::new();
    for (path, item) in &openapi().paths.paths {
        let operations = [
            ("GET", item.get.is_some()),
            ("POST", item.post.is_some()),
            ("DELETE", item.delete.is_some()),
            ("PUT", item.put.is_some()),
            ("PATCH", item.patch.is_some()),
        ];
        for (method, is_there) in operations {
            if is_there {
                documented.insert(format!("{method} {path}"));
            }
        }
    }
    let declared: BTreeSet<_> = ROUTES
        .iter()
        .map(|row| format!("{} {}", row.method, row.route))
        .collect();
    assert_eq!(documented, declared, "ROUTES says who may, route by route");
}

#[tokio::test]
async fn everyone_may_do_what_is_declared_and_nothing_else() {
    let world = World::new().await;
    let mut wrong = Vec::new();
    let mut marks = marks();
    for row in ROUTES {
        for asking in ASKING {
            let answered = world.answer(row, *asking).await;
            let body = String::from_utf8_lossy(&answered.bytes);
            let told = match answered.status.is_client_error() {
                // Who comes back from Strava is told in a page.
                true => serde_json::from_slice(&answered.bytes).unwrap_or_default(),
                false => Value::Null,
            };
            let code = told["code"].as_str().unwrap_or_default();
            let refusals = ["unauthenticated", "forbidden", "csrf", "not_found"];
            let found = refusals.into_iter().find(|refusal| *refusal == code);
            // What is to be undone may not have been done.
            let undone = found == Some("not_found") && row.who == Who::Owner;
            let refusal = expected(row, *asking);
            let as_expected = match (refusal, row.status) {
                (Some(_), _) => found == refusal,
                (None, Some(status)) => answered.status == status,
                (None, None) => (found.is_none() || undone) && !answered.status.is_server_error(),
            };
            if !as_expected {
                let (method, ask) = (row.method, row.ask);
                wrong.push(format!(
                    "{asking:?}: {method} {ask}: {} {body}",
                    answered.status
                ));
            }
            for mark in &mut marks {
                if !body.contains(&mark.text) {
                    continue;
                }
                mark.seen += 1;
                let may_see = refusal.is_none() && acts_for(*asking) == Some(mark.of);
                if !may_see && row.who != Who::Public {
                    wrong.push(format!(
                        "{asking:?} sees {} at {}: {body}",
                        mark.text, row.ask
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The marks are in what may be seen, or they would show nothing.
    for Mark { of, text, seen } in &marks {
        assert!(*seen > 0, "no answer shows {text} of athlete {of}");
    }
    let seen: usize = marks.iter().map(|mark| mark.seen).sum();
    assert!(seen > 50, "{seen} times something is shown");
}

#[tokio::test]
async fn anothers_token_and_session_are_not_found() {
    let world = World::new().await;
    let (id, _) = world
        .token(world.athlete.account_id, &[Scope::Read], None)
        .await;
    let session = world.session(&world.athlete, now_us()).await;
    let sessions = world
        .catalog
        .sessions_of(world.athlete.account_id, now_us());
    let session_id = sessions.await.unwrap()[0].session_id;
    for account in [&world.other, &world.analyst] {
        let headers = world.page_of(account).await;
        let path = format!("/api/tokens/{id}");
        let answered = send(&world.router, Method::DELETE, &path, &headers, None).await;
        assert_eq!(answered.json()["code"], "not_found", "{}", account.name);
        let path = format!("/api/session?session_id={session_id}");
        let answered = send(&world.router, Method::DELETE, &path, &headers, None).await;
        assert_eq!(answered.json()["ended"], 0, "{}", account.name);
    }
    let headers = [("cookie".to_owned(), cookie(&session))];
    let answered = world.get("/api/tokens", &headers).await;
    assert_eq!(
        answered.json()["items"][0]["revoked_at"],
        serde_json::Value::Null
    );
    // An admin revokes anyone's.
    let headers = world.page_of(&world.admin).await;
    let path = format!("/api/tokens/{id}");
    let answered = send(&world.router, Method::DELETE, &path, &headers, None).await;
    assert_eq!(answered.status, 200, "{}", answered.text());
}
