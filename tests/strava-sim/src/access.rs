//! Who calls: parameters, tokens and client secrets.

use std::collections::HashMap;

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Uri};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use crate::grants::Caller;
use crate::problem::Problem;
use crate::world::World;

/// The parameters of a request, from its query and its form; the form's win.
pub(crate) fn parameters(uri: &Uri, form: &[u8]) -> HashMap<String, String> {
    let query = uri.query().unwrap_or("").as_bytes();
    let pairs = form_urlencoded::parse(query).chain(form_urlencoded::parse(form));
    pairs
        .map(|(key, value)| (key.into_owned(), value.into_owned()))
        .collect()
}

/// The access token of a request: in the header, or where `anywhere` also among
/// the parameters.
pub(crate) fn token_of(
    headers: &HeaderMap,
    uri: &Uri,
    form: &[u8],
    anywhere: bool,
) -> Option<String> {
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let bearer = header.and_then(|value| value.strip_prefix("Bearer "));
    let bearer = bearer.map(|token| token.trim().to_owned());
    bearer.or_else(|| {
        let mut parameters = parameters(uri, form);
        anywhere
            .then(|| parameters.remove("access_token"))
            .flatten()
    })
}

/// Who calls the API.
///
/// # Errors
/// 401 where the token is missing, unknown or dead.
pub(crate) fn caller(
    world: &World,
    headers: &HeaderMap,
    uri: &Uri,
    now_s: i64,
) -> Result<Caller, Problem> {
    let anywhere = !world.switches.contract_2027;
    token_of(headers, uri, &[], anywhere)
        .and_then(|token| world.grants.caller(&token, now_s))
        .ok_or(Problem::dead_token())
}

/// Checks a client's id and secret among parameters.
///
/// # Errors
/// 400 where there is no such client, 401 where the secret is another's.
pub(crate) fn client(world: &World, parameters: &HashMap<String, String>) -> Result<(), Problem> {
    client_id(world, parameters)?;
    match parameters.get("client_secret") {
        Some(secret) if *secret == world.app.client_secret => Ok(()),
        Some(_) | None => Err(Problem::wrong_client()),
    }
}

/// Checks a client's id among parameters.
///
/// # Errors
/// 400 where there is no such client.
pub(crate) fn client_id(
    world: &World,
    parameters: &HashMap<String, String>,
) -> Result<(), Problem> {
    match parameters.get("client_id") {
        Some(id) if *id == world.app.client_id.to_string() => Ok(()),
        Some(_) | None => Err(Problem::bad("Application", "client_id", "invalid")),
    }
}

/// Whether the header has the client's id and secret, the basic way.
pub(crate) fn is_basic(world: &World, headers: &HeaderMap) -> bool {
    let pair = format!("{}:{}", world.app.client_id, world.app.client_secret);
    let header = headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let sent = header.and_then(|value| value.strip_prefix("Basic "));
    sent.and_then(|sent| STANDARD.decode(sent).ok()) == Some(pair.into_bytes())
}
