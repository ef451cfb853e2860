//! The cookie of a session.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use storage::catalog::Session;
use storage::objects::Secret;

/// Its name where it travels in the clear, on this machine or at home.
const PLAIN: &str = "pacelake_session";
/// Its name over HTTPS. Browsers take one of this prefix from nobody else: not
/// from another host of the domain, not over plain HTTP.
const SECURE: &str = "__Host-pacelake_session";

fn name(secure: bool) -> &'static str {
    match secure {
        true => SECURE,
        false => PLAIN,
    }
}

/// The secret in a request's cookie; `None` where there is none, or several,
/// of which one was slipped in.
pub(crate) fn secret(headers: &HeaderMap, secure: bool) -> Option<Secret> {
    let lines = headers.get_all(COOKIE).iter();
    let mut found = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| Cookie::split_parse(line).filter_map(Result::ok))
        .filter(|cookie| cookie.name() == name(secure))
        .map(|cookie| cookie.value().to_owned());
    match (found.next(), found.next()) {
        (Some(secret), None) => Some(Secret::new(secret)),
        _ => None,
    }
}

/// The header `set-cookie` of a session that begins.
pub(crate) fn set(secret: &Secret, secure: bool) -> HeaderValue {
    let mut cookie = blank(secret.reveal(), secure);
    // Sessions end earlier by themselves where nobody uses them.
    cookie.set_max_age(Duration::seconds(Session::MOST_S));
    header(&cookie)
}

/// The header `set-cookie` of a session that ended.
pub(crate) fn clear(secure: bool) -> HeaderValue {
    let mut cookie = blank("", secure);
    cookie.make_removal();
    header(&cookie)
}

fn blank(value: &str, secure: bool) -> Cookie<'_> {
    let mut cookie = Cookie::new(name(secure), value);
    cookie.set_path("/");
    cookie.set_http_only(true);
    // Not `Strict`: whoever comes back from a sign-in elsewhere is known.
    cookie.set_same_site(SameSite::Lax);
    cookie.set_secure(secure);
    cookie
}

fn header(cookie: &Cookie<'_>) -> HeaderValue {
    HeaderValue::from_str(&cookie.to_string()).expect("names, dates and hex digits are ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[&str], secure: bool) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, line.parse().unwrap());
        }
        secret(&headers, secure).map(|secret| secret.reveal().to_owned())
    }

    #[test]
    fn a_cookie_says_where_it_goes() {
        let plain = set(&Secret::new("ab12"), false);
        assert_eq!(
            plain,
            "pacelake_session=ab12; HttpOnly; SameSite=Lax; Path=/; Max-Age=7776000"
        );
        let secure = set(&Secret::new("ab12"), true);
        let secure = secure.to_str().unwrap();
        assert!(secure.starts_with("__Host-pacelake_session=ab12; "));
        assert!(secure.contains("; Secure") && !secure.contains("Domain"));
        let gone = clear(false);
        assert!(gone.to_str().unwrap().contains("Max-Age=0"));
    }

    #[test]
    fn one_cookie_of_the_right_name_is_read() {
        let one = |line| read(&[line], false);
        assert_eq!(one("a=b; pacelake_session=12").as_deref(), Some("12"));
        assert_eq!(one("pacelake_session=1; pacelake_session=2"), None);
        assert_eq!(
            read(&["pacelake_session=1", "pacelake_session=2"], false),
            None
        );
        assert_eq!(one("a=b"), None);
        // What came in the clear counts for nothing over HTTPS.
        assert_eq!(read(&["pacelake_session=1"], true), None);
        let both = "pacelake_session=1; __Host-pacelake_session=2";
        assert_eq!(read(&[both], true).as_deref(), Some("2"));
    }
}
