//! The page that signs in.

use axum::extract::State as Shared;
use axum::http::header::CACHE_CONTROL;
use axum::response::{Html, IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::access::Public;
use crate::html;
use crate::parameters::Parameters;
use crate::problem::{AnyProblem, Problem};
use crate::state::State;

/// Where to go afterwards.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SignInQuery {
    /// A path of this server; without it the start page.
    pub next: Option<String>,
}

/// The page that signs in.
#[utoipa::path(get, path = "/signin", tag = "accounts", params(SignInQuery),
    responses((status = 200, description = "The page.", body = String,
        content_type = "text/html"), AnyProblem))]
pub async fn get_sign_in(
    _: Public,
    Parameters(SignInQuery { next }): Parameters<SignInQuery>,
    Shared(state): Shared<State>,
) -> Result<Response, Problem> {
    let next = local(next.as_deref());
    let page = html::sign_in::sign_in(next, None, state.has_accounts().await?);
    Ok(([(CACHE_CONTROL, "no-store")], Html(page)).into_response())
}

/// The path to go on at: one of this server's, whatever was asked for.
pub(super) fn local(next: Option<&str>) -> &str {
    let next = next.unwrap_or("/");
    let second = next.chars().nth(1);
    // `//host` and `/\host` are other servers; what browsers drop or fold is
    // not let through at all.
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic());
    let is_path = next.starts_with('/') && !matches!(second, Some('/' | '\\'));
    match plain && is_path {
        true => next,
        false => "/",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_elsewhere() {
        assert_eq!(
            local(Some("/api/stats?by=year&x=%2F")),
            "/api/stats?by=year&x=%2F"
        );
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "evil",
            "/\t/evil.example",
            "/a\r\nset-cookie: x",
            "/å",
        ] {
            assert_eq!(local(Some(bad)), "/", "{bad:?}");
        }
        assert_eq!(local(None), "/");
    }
}
