//! Keeps web pages of others out while there are no accounts.
//!
//! A page elsewhere may point its own name at 127.0.0.1 (DNS rebinding) or
//! send requests across origins; the first shows in `Host`, the second in
//! `Origin`.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use storage::Code;

use crate::problem::Problem;

/// The names that this machine has for itself.
const NAMES: &[&str] = &["localhost", "127.0.0.1", "[::1]"];

/// Lets a request through if it was meant for this machine by name, and comes
/// from no page but our own.
pub async fn check(request: Request, next: Next) -> Response {
    match refusal(&request) {
        None => next.run(request).await,
        Some(message) => Problem::new(
            Code::ForbiddenOrigin,
            message,
            "open it as http://127.0.0.1 or http://localhost, on this machine",
        )
        .into_response(),
    }
}

fn refusal(request: &Request) -> Option<String> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Some("one Host header is needed".to_owned());
    };
    let host = host.to_str().unwrap_or_default();
    // A target in absolute form names a host too.
    let target = request.uri().authority().map(Authority::as_str);
    if let Some(foreign) = [Some(host), target]
        .into_iter()
        .flatten()
        .find(|name| !is_ours(name))
    {
        return Some(format!("the host {foreign:?} is not this machine's"));
    }
    for origin in request.headers().get_all(ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        if origin != format!("http://{host}") {
            return Some(format!("the origin {origin:?} is not this server's"));
        }
    }
    None
}

/// Whether a host, with or without port, is one of [`NAMES`].
fn is_ours(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    let plain = !authority.as_str().contains('@');
    plain
        && NAMES
            .iter()
            .any(|name| authority.host().eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn told(uri: &str, headers: &[(&str, &str)]) -> Option<String> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        refusal(&request.body(Body::empty()).unwrap())
    }

    #[test]
    fn this_machine_may_be_named_in_each_way() {
        for host in [
            "localhost",
            "LOCALHOST:8080",
            "127.0.0.1:1",
            "[::1]:8080",
            "[::1]",
        ] {
            assert_eq!(told("/", &[("host", host)]), None, "{host}");
            let origin = format!("http://{host}");
            assert_eq!(
                told("/", &[("host", host), ("origin", &origin)]),
                None,
                "{host}"
            );
        }
        assert_eq!(told("http://localhost/", &[("host", "localhost")]), None);
    }

    #[test]
    fn other_hosts_are_refused() {
        for host in [
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "localhost@evil.example",
            "evil.example@localhost",
            "127.0.0.2",
            "0.0.0.0:8080",
            "",
            "a b",
        ] {
            assert!(told("/", &[("host", host)]).is_some(), "{host}");
        }
        assert!(told("/", &[]).is_some());
        assert!(told("/", &[("host", "localhost"), ("host", "evil.example")]).is_some());
        assert!(told("http://evil.example/", &[("host", "localhost")]).is_some());
    }

    #[test]
    fn other_origins_are_refused() {
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost:3000",
            "https://localhost:8080",
            "http://127.0.0.1:8080",
        ] {
            let headers = [("host", "localhost:8080"), ("origin", origin)];
            assert!(told("/", &headers).is_some(), "{origin}");
        }
    }
}
