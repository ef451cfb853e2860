//! What a refusal means: the status decides, the body tells apart what shares
//! one.

use jiff::{SignedDuration, Timestamp};
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::error::{Attempt, Verdict, WhyCode};
use crate::fault::Fault;
use crate::usage::{Usage, next_window};

/// The longest wait that a `Retry-After` is believed.
const LONGEST_WAIT_S: i64 = 24 * 60 * 60;

/// Who speaks in a call, so whose fault a 401 is.
#[derive(PartialEq, Eq)]
enum Speaker {
    /// The app, with id and secret.
    App,
    /// An athlete, with an access token.
    Athlete,
}

fn speaker(attempt: Attempt) -> Speaker {
    match attempt {
        Attempt::ExchangeCode
        | Attempt::Refresh
        | Attempt::Revoke
        | Attempt::ListSubscriptions
        | Attempt::Subscribe
        | Attempt::Unsubscribe => Speaker::App,
        Attempt::Deauthorize
        | Attempt::ListActivities
        | Attempt::FetchActivity
        | Attempt::FetchStreams
        | Attempt::ReadEvent
        | Attempt::ReadSummary => Speaker::Athlete,
    }
}

/// What the status and body of a refused call mean. `until` is when calls are
/// counted anew, for a reached limit.
pub fn verdict(attempt: Attempt, status: u16, fault: &Fault, until: Option<Timestamp>) -> Verdict {
    match status {
        429 => Verdict::RateLimited { until },
        404 => missing(attempt, fault),
        // Too slow for a server in between; as good as its own trouble.
        408 | 500..=599 => Verdict::Unavailable { status },
        400 | 401 | 403 => named(attempt, fault).unwrap_or_else(|| unnamed(attempt, status, fault)),
        _ => Verdict::Refused {
            status,
            message: fault.to_string(),
        },
    }
}

/// What a 404 means: that one thing is not there only where one was asked for
/// and the path of it is known (Strava names an unknown one as field `path`).
/// Anything else is an address that is not Strava's.
fn missing(attempt: Attempt, fault: &Fault) -> Verdict {
    let one_is_asked_for = match attempt {
        Attempt::FetchActivity | Attempt::FetchStreams | Attempt::Unsubscribe => true,
        Attempt::ExchangeCode
        | Attempt::Refresh
        | Attempt::Revoke
        | Attempt::Deauthorize
        | Attempt::ListActivities
        | Attempt::ListSubscriptions
        | Attempt::Subscribe
        | Attempt::ReadEvent
        | Attempt::ReadSummary => false,
    };
    let is_path = |part: &crate::fault::Part| part.field.eq_ignore_ascii_case("path");
    match one_is_asked_for && !fault.has(is_path) {
        true => Verdict::NotFound,
        false => Verdict::Misconfigured,
    }
}

/// What the body names, whatever the status: the same fault came under
/// different ones over the years.
fn named(attempt: Attempt, fault: &Fault) -> Option<Verdict> {
    if fault.has(|part| part.is("Application", "Status") && part.says("Inactive")) {
        return Some(Verdict::AppInactive);
    }
    if fault.mentions("limit of connected athletes") {
        return Some(Verdict::AthleteLimit);
    }
    let scope = |part: &crate::fault::Part| {
        part.resource.eq_ignore_ascii_case("AccessToken") && part.says("missing")
    };
    if let Some(part) = fault.find(scope) {
        return Some(Verdict::ScopeMissing {
            scope: part.field.trim_end_matches("_permission").to_owned(),
        });
    }
    let client = |part: &crate::fault::Part| {
        part.is("Application", "client_id")
            || part.is("Application", "client_secret")
            || part.says("invalid_client")
    };
    if speaker(attempt) == Speaker::App && fault.has(client) {
        return Some(Verdict::ClientRefused);
    }
    match attempt {
        Attempt::ExchangeCode => {
            let about_code = |part: &crate::fault::Part| {
                ["AuthorizationCode", "RequestToken"]
                    .iter()
                    .any(|resource| part.resource.eq_ignore_ascii_case(resource))
                    || part.says("invalid_grant")
            };
            let part = fault.find(about_code)?;
            let why = if part.says("expired") {
                WhyCode::Expired
            } else {
                WhyCode::UsedOrUnknown
            };
            Some(Verdict::CodeRefused { why })
        }
        Attempt::Refresh => {
            let about_token = |part: &crate::fault::Part| {
                part.resource.eq_ignore_ascii_case("RefreshToken")
                    || part.field.eq_ignore_ascii_case("refresh_token")
                    || part.says("invalid_grant")
            };
            fault.has(about_token).then_some(Verdict::RefreshRefused)
        }
        Attempt::Subscribe => {
            if fault.has(|part| part.says("already exists")) {
                Some(Verdict::AlreadySubscribed)
            } else if fault.has(|part| part.is("PushSubscription", "callback url")) {
                Some(Verdict::CallbackUnreachable)
            } else {
                None
            }
        }
        Attempt::Revoke
        | Attempt::Deauthorize
        | Attempt::ListActivities
        | Attempt::FetchActivity
        | Attempt::FetchStreams
        | Attempt::ListSubscriptions
        | Attempt::Unsubscribe
        | Attempt::ReadEvent
        | Attempt::ReadSummary => None,
    }
}

/// What the status alone means. `Athlete`/`access_token` and the bare
/// "Authorization Error" end here.
fn unnamed(attempt: Attempt, status: u16, fault: &Fault) -> Verdict {
    match (status, speaker(attempt)) {
        (401, Speaker::Athlete) => Verdict::TokenDead,
        (401, Speaker::App) => Verdict::ClientRefused,
        (403, Speaker::Athlete | Speaker::App) => Verdict::Forbidden,
        (_, Speaker::Athlete | Speaker::App) => Verdict::Refused {
            status,
            message: fault.to_string(),
        },
    }
}

/// When calls are counted anew after a 429: as `Retry-After` says, which Strava
/// does not promise, or else at the end of the window. `None` where the answer
/// shows neither Strava's clock nor its count, so that it may be from somebody
/// in between.
pub fn counted_anew(
    headers: &HeaderMap,
    date: Option<Timestamp>,
    usage: Option<&Usage>,
) -> Option<Timestamp> {
    let now = date.unwrap_or_else(Timestamp::now);
    let wait = headers.get(RETRY_AFTER).and_then(|wait| wait.to_str().ok());
    let wait = wait.and_then(|wait| wait.trim().parse::<i64>().ok());
    if let Some(wait) = wait.filter(|wait| (1..=LONGEST_WAIT_S).contains(wait)) {
        return now.checked_add(SignedDuration::from_secs(wait)).ok();
    }
    (date.is_some() || usage.is_some()).then(|| next_window(now, usage))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict_of(
        attempt: Attempt,
        status: u16,
        resource: &str,
        field: &str,
        code: &str,
    ) -> Verdict {
        let body = serde_json::json!({"message": "m",
            "errors": [{"resource": resource, "field": field, "code": code}]});
        let fault = Fault::read(body.to_string().as_bytes(), &[]);
        verdict(attempt, status, &fault, None)
    }

    #[test]
    fn a_401_is_read_before_it_is_believed() {
        use Attempt::{Deauthorize, FetchActivity, ListSubscriptions, Refresh, Revoke};
        let of = |attempt, resource, field, code| verdict_of(attempt, 401, resource, field, code);
        let dead = Verdict::TokenDead;
        assert_eq!(
            of(FetchActivity, "Athlete", "access_token", "invalid"),
            dead
        );
        assert_eq!(of(FetchActivity, "Application", "", "invalid"), dead);
        assert_eq!(of(Deauthorize, "Application", "", "invalid"), dead);
        assert_eq!(
            of(
                FetchActivity,
                "AccessToken",
                "activity:read_permission",
                "missing"
            ),
            Verdict::ScopeMissing {
                scope: "activity:read".to_owned()
            }
        );
        assert_eq!(
            of(FetchActivity, "Application", "Status", "Inactive"),
            Verdict::AppInactive
        );
        for attempt in [ListSubscriptions, Refresh, Revoke] {
            let verdict = of(attempt, "Application", "", "invalid");
            assert_eq!(verdict, Verdict::ClientRefused, "{attempt}");
        }
        assert_eq!(
            of(Refresh, "RefreshToken", "refresh_token", "invalid"),
            Verdict::RefreshRefused
        );
    }

    #[test]
    fn an_unknown_path_is_no_missing_activity() {
        let of = |attempt, resource, field| verdict_of(attempt, 404, resource, field, "invalid");
        let activity = of(Attempt::FetchActivity, "Activity", "id");
        assert_eq!(activity, Verdict::NotFound);
        let path = of(Attempt::FetchActivity, "resource", "path");
        assert_eq!(path, Verdict::Misconfigured);
        for attempt in [Attempt::ListActivities, Attempt::Refresh] {
            let nothing = verdict(attempt, 404, &Fault::default(), None);
            assert_eq!(nothing, Verdict::Misconfigured, "{attempt}");
        }
    }

    #[test]
    fn a_code_of_either_decade_is_refused() {
        let of =
            |resource, field, code| verdict_of(Attempt::ExchangeCode, 400, resource, field, code);
        let used = Verdict::CodeRefused {
            why: WhyCode::UsedOrUnknown,
        };
        let expired = Verdict::CodeRefused {
            why: WhyCode::Expired,
        };
        assert_eq!(of("RequestToken", "code", "invalid"), used);
        assert_eq!(of("AuthorizationCode", "code", "invalid"), used);
        assert_eq!(of("AuthorizationCode", "", "expired"), expired);
        assert_eq!(of("", "", "invalid_grant"), used);
        assert_eq!(
            of("Application", "client_id", "invalid"),
            Verdict::ClientRefused
        );
        let scope = of("Authorize", "scope", "invalid");
        assert!(
            matches!(scope, Verdict::Refused { status: 400, .. }),
            "{scope:?}"
        );
    }

    #[test]
    fn without_a_body_the_status_decides() {
        let of = |attempt, status| verdict(attempt, status, &Fault::default(), None);
        assert_eq!(of(Attempt::FetchActivity, 401), Verdict::TokenDead);
        assert_eq!(of(Attempt::Subscribe, 401), Verdict::ClientRefused);
        assert_eq!(of(Attempt::FetchActivity, 403), Verdict::Forbidden);
        assert_eq!(of(Attempt::FetchActivity, 404), Verdict::NotFound);
        assert_eq!(
            of(Attempt::Refresh, 429),
            Verdict::RateLimited { until: None }
        );
        assert_eq!(
            of(Attempt::Refresh, 503),
            Verdict::Unavailable { status: 503 }
        );
        let odd = Verdict::Refused {
            status: 302,
            message: String::new(),
        };
        assert_eq!(of(Attempt::Refresh, 302), odd);
        assert!(matches!(of(Attempt::Refresh, 400), Verdict::Refused { .. }));
    }

    #[test]
    fn a_scope_is_never_taken_for_a_dead_token_nor_the_app_for_an_athlete() {
        let full = verdict_of(
            Attempt::ExchangeCode,
            403,
            "",
            "",
            "Limit of connected athletes exceeded",
        );
        assert_eq!(full, Verdict::AthleteLimit);
        let missing = verdict_of(
            Attempt::ListActivities,
            403,
            "AccessToken",
            "activity:read_all_permission",
            "missing",
        );
        assert!(matches!(missing, Verdict::ScopeMissing { scope } if scope == "activity:read_all"));
        let athletes_own = verdict_of(
            Attempt::FetchActivity,
            401,
            "Application",
            "client_id",
            "invalid",
        );
        assert_eq!(athletes_own, Verdict::TokenDead);
    }

    #[test]
    fn a_wait_is_believed_within_a_day() {
        let date: Timestamp = "2026-11-28T14:07:31Z".parse().unwrap();
        let until = |wait: &str, date| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, wait.parse().unwrap());
            counted_anew(&headers, date, None).map(|until| until.to_string())
        };
        assert_eq!(until("60", Some(date)).unwrap(), "2026-11-28T14:08:31Z");
        for odd in ["0", "-1", "99999999999999999999", "86401", "soon"] {
            assert_eq!(
                until(odd, Some(date)).unwrap(),
                "2026-11-28T14:15:00Z",
                "{odd}"
            );
        }
        assert_eq!(until("soon", None), None);
        assert!(until("60", None).is_some());
    }
}
