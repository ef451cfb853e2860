//! Keeps web pages of others out.
//!
//! A page elsewhere may point its own name at 127.0.0.1 (DNS rebinding) or
//! send requests across origins; the first shows in `Host`, the second in
//! `Origin`. So a request names this machine, or the address at which the server
//! is known to be; once there are accounts also any number of an address, which
//! nobody can point elsewhere.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::extract::{Request, State};
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use storage::Code;

use crate::problem::Problem;
use crate::public_url::PublicUrl;

/// The names that this machine has for itself.
const NAMES: &[&str] = &["localhost", "127.0.0.1", "[::1]"];

/// Lets a request through if it was meant for this server by name, and comes
/// from no page but our own.
pub async fn check(State(state): State<crate::State>, request: Request, next: Next) -> Response {
    let public = state.public.as_deref();
    let mut refused = refusal(&request, public, Addresses::Loopback);
    // Only whoever is refused asks the catalog.
    if refused.is_some() && state.has_accounts().await.unwrap_or(false) {
        refused = refusal(&request, public, Addresses::Any);
    }
    let Some(message) = refused else {
        return next.run(request).await;
    };
    let try_next = match public {
        Some(public) if !public.is_loopback() => format!("open it as {}", public.origin()),
        Some(_) | None => {
            "open it as http://127.0.0.1 or http://localhost, on this machine".to_owned()
        }
    };
    Problem::new(Code::ForbiddenOrigin, message, try_next).into_response()
}

/// Which addresses a request may name by their number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Addresses {
    Loopback,
    Any,
}

fn refusal(request: &Request, public: Option<&PublicUrl>, addresses: Addresses) -> Option<String> {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Some("one Host header is needed".to_owned());
    };
    let host = host.to_str().unwrap_or_default();
    // A target in absolute form names a host too.
    let target = request.uri().authority().map(Authority::as_str);
    let public_at = |host: &str| public.filter(|public| public.is_at(host));
    if let Some(foreign) = [Some(host), target]
        .into_iter()
        .flatten()
        .find(|name| !is_ours(name, addresses) && public_at(name).is_none())
    {
        return Some(format!("the host {foreign:?} is not this machine's"));
    }
    let expected = match public_at(host) {
        Some(public) => public.origin().to_owned(),
        None => format!("http://{host}"),
    };
    for origin in request.headers().get_all(ORIGIN) {
        let origin = origin.to_str().unwrap_or_default();
        if origin != expected {
            return Some(format!("the origin {origin:?} is not this server's"));
        }
    }
    None
}

/// Whether a host, with or without port, is one of [`NAMES`], or a number where
/// any will do.
fn is_ours(host: &str, addresses: Addresses) -> bool {
    let Ok(authority) = host.parse::<Authority>() else {
        return false;
    };
    if authority.as_str().contains('@') {
        return false;
    }
    let host = authority.host();
    let is_number = || {
        let within = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        within.map_or_else(
            || host.parse::<Ipv4Addr>().is_ok(),
            |host| host.parse::<Ipv6Addr>().is_ok(),
        )
    };
    NAMES.iter().any(|name| host.eq_ignore_ascii_case(name))
        || (addresses == Addresses::Any && is_number())
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn told(uri: &str, headers: &[(&str, &str)]) -> Option<String> {
        told_by(uri, headers, None, Addresses::Loopback)
    }

    fn told_by(
        uri: &str,
        headers: &[(&str, &str)],
        public: Option<&str>,
        addresses: Addresses,
    ) -> Option<String> {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let public = public.map(|url| PublicUrl::parse(url).unwrap());
        refusal(
            &request.body(Body::empty()).unwrap(),
            public.as_ref(),
            addresses,
        )
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

    #[test]
    fn the_public_address_is_its_own_origin() {
        let told = |host: &str, origin: &str| {
            let headers = [("host", host), ("origin", origin)];
            let public = Some("https://lake.example.org");
            told_by("/", &headers, public, Addresses::Loopback).is_none()
        };
        assert!(told("lake.example.org", "https://lake.example.org"));
        assert!(told("Lake.Example.org", "https://lake.example.org"));
        assert!(told("localhost:8080", "http://localhost:8080"));
        assert!(!told("lake.example.org", "http://lake.example.org"));
        assert!(!told("lake.example.org", "https://evil.example.org"));
        assert!(!told("evil.example.org", "https://lake.example.org"));
    }

    #[test]
    fn numbers_are_addresses_once_there_are_accounts() {
        let told =
            |host: &str, addresses| told_by("/", &[("host", host)], None, addresses).is_none();
        for host in ["192.0.2.1:8080", "[2001:db8::1]:80", "0.0.0.0"] {
            assert!(told(host, Addresses::Any), "{host}");
            assert!(!told(host, Addresses::Loopback), "{host}");
        }
        for host in [
            "evil.example",
            "1.2.3.4.evil.example",
            "localhost@192.0.2.1",
        ] {
            assert!(!told(host, Addresses::Any), "{host}");
        }
    }
}
