//! Where one-time links lead: making an account, or setting its password anew.

use axum::extract::State as Shared;
use axum::http::header::CACHE_CONTROL;
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use serde::Deserialize;
use storage::catalog::{AccountTrouble, Link, SecretHash};
use utoipa::{IntoParams, ToSchema};

use super::session::{Begun, WhoAmI};
use crate::access::Public;
use crate::html;
use crate::parameters::Parameters;
use crate::password::Password;
use crate::problem::{AnyProblem, Problem};
use crate::sent::Sent;
use crate::state::State;

/// Which link was followed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SetUpQuery {
    /// The link's secret; it is not used up by looking.
    pub link: Option<String>,
}

/// What makes an account, or sets its password anew.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUp {
    /// The link's secret, which works once.
    pub link: String,
    /// What the new account signs in with; nothing where the link is for an account that there is.
    #[serde(default)]
    pub name: String,
    /// The new password, of at least 10 characters.
    #[schema(value_type = String, format = Password)]
    pub password: Password,
}

/// The page that a one-time link leads to.
#[utoipa::path(get, path = "/setup", tag = "accounts", params(SetUpQuery),
    responses((status = 200, description = "The page.", body = String,
        content_type = "text/html"), AnyProblem))]
pub async fn get_set_up(
    _: Public,
    Parameters(SetUpQuery { link }): Parameters<SetUpQuery>,
    Shared(state): Shared<State>,
) -> Result<Response, Problem> {
    let link = link.unwrap_or_default();
    let page = match known(&state, &link).await? {
        Some(known) => html::set_up::set_up(&link, &known, None),
        None => html::set_up::void(),
    };
    Ok(([(CACHE_CONTROL, "no-store")], Html(page)).into_response())
}

/// Makes an account by a one-time link, or sets its password anew, and signs in.
///
/// As JSON it answers who is signed in; a form is answered with a page that leads
/// to the start page.
#[utoipa::path(post, path = "/api/setup", tag = "accounts",
    request_body(content((SetUp = "application/json"), (SetUp = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Who is signed in.", content(
            (WhoAmI = "application/json"),
            (String = "text/html"))),
        AnyProblem))]
pub async fn set_up(
    _: Public,
    Shared(state): Shared<State>,
    Sent { value, by_form }: Sent<SetUp>,
) -> Result<Response, Problem> {
    let SetUp {
        link,
        name,
        password,
    } = value;
    let done = used(&state, &link, &name, password).await;
    match done {
        Ok(begun) => begun.answer(by_form.then_some("/"), &state),
        Err(problem) if by_form => {
            let page = match known(&state, &link).await? {
                Some(known) => html::set_up::set_up(&link, &known, Some(problem.message())),
                None => html::set_up::void(),
            };
            let status = problem.status();
            Ok((status, [(CACHE_CONTROL, "no-store")], Html(page)).into_response())
        }
        Err(problem) => Err(problem),
    }
}

async fn known(state: &State, link: &str) -> Result<Option<Link>, Problem> {
    let now_us = Timestamp::now().as_microsecond();
    let catalog = &state.storage.catalog;
    Ok(catalog.link(&SecretHash::of(link), now_us).await?)
}

/// Uses a link up, and begins a session.
async fn used(state: &State, link: &str, name: &str, password: Password) -> Result<Begun, Problem> {
    // Without a link that holds nothing is hashed.
    if known(state, link).await?.is_none() {
        return Err(storage::Error::Account(AccountTrouble::NoLink).into());
    }
    let hash = state.passwords.hash(password.checked()?).await?;
    let now_us = Timestamp::now().as_microsecond();
    let catalog = &state.storage.catalog;
    let link = SecretHash::of(link);
    let account = catalog.use_link(&link, name, &hash, now_us).await?;
    Begun::now(state, account, None, now_us).await
}
