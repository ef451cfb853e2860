//! Accounts, for whoever runs the installation.

use axum::extract::State as Shared;
use axum::http::HeaderMap;
use axum::http::header::HOST;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use storage::AthleteId;
use storage::catalog::{Account, LinkWish, Role};
use utoipa::ToSchema;

use super::session::instant;
use crate::access::Admin;
use crate::answer::{self, Answer};
use crate::parameters::{AccountPath, JsonBody, NoParameters, Parameters};
use crate::problem::{AnyProblem, Problem};
use crate::state::State;

/// Someone who signs in.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountInfo {
    /// Who it is.
    account_id: i64,
    /// What they sign in with.
    name: String,
    /// `athlete`, `analyst` or `admin`.
    role: &'static str,
    /// Whose rows they see.
    athlete_id: Option<i64>,
    /// When it was made.
    created_at: String,
    /// Since when nobody signs in with it.
    disabled_at: Option<String>,
}

impl AccountInfo {
    fn of(account: &Account) -> Self {
        Self {
            account_id: account.account_id.0,
            name: account.name.clone(),
            role: account.role.name(),
            athlete_id: account.athlete_id.map(|id| id.0),
            created_at: instant(account.created_at_us),
            disabled_at: account.disabled_at_us.map(instant),
        }
    }
}

/// All accounts.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountList {
    /// By id, disabled ones included.
    items: Vec<AccountInfo>,
}

/// Who is invited.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// `athlete`, `analyst` or `admin`.
    #[schema(value_type = String, example = "athlete")]
    pub role: Role,
    /// Whose rows they see; without it an athlete is a new one, and an admin sees nobody's. An
    /// analyst needs it.
    #[serde(default)]
    #[schema(value_type = Option<i64>)]
    pub athlete_id: Option<AthleteId>,
}

/// A link that makes an account, once.
#[derive(Debug, Serialize, ToSchema)]
pub struct InvitationLink {
    /// Where whoever is invited chooses name and password; it is told this once.
    link: String,
    /// When it is too old.
    expires_at: String,
}

/// All accounts.
#[utoipa::path(get, path = "/api/accounts", tag = "accounts",
    responses((status = 200, description = "All of them.", body = AccountList), AnyProblem))]
pub async fn list_accounts(
    _: Admin,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Answer<AccountList>, Problem> {
    let accounts = state.storage.catalog.accounts().await?;
    let items = accounts.iter().map(AccountInfo::of).collect();
    answer::not_kept(&AccountList { items })
}

/// Invites someone: answers a link that makes an account, once, within a week.
#[utoipa::path(post, path = "/api/accounts", tag = "accounts", request_body = Invitation,
    responses((status = 200, description = "The link.", body = InvitationLink), AnyProblem))]
pub async fn invite(
    Admin(caller): Admin,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
    headers: HeaderMap,
    JsonBody(Invitation { role, athlete_id }): JsonBody<Invitation>,
) -> Result<Answer<InvitationLink>, Problem> {
    let by = caller.signed_in()?.account_id;
    let now_us = Timestamp::now().as_microsecond();
    let wish = LinkWish::Invite { role, athlete_id };
    let made = state.storage.catalog.make_link(wish, Some(by), now_us);
    let (secret, expires_at_us) = made.await?;
    // The host was compared with our own names.
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let origin = match &state.public {
        Some(public) => public.origin().to_owned(),
        None => format!("http://{}", host.unwrap_or_default()),
    };
    answer::not_kept(&InvitationLink {
        link: format!("{origin}/setup?link={}", secret.reveal()),
        expires_at: instant(expires_at_us),
    })
}

/// Disables an account: its sessions end and its tokens are revoked, at once.
#[utoipa::path(post, path = "/api/accounts/{account_id}/disable", tag = "accounts",
    params(AccountPath),
    responses((status = 200, description = "The account.", body = AccountInfo), AnyProblem))]
pub async fn disable_account(
    Admin(caller): Admin,
    AccountPath { account_id }: AccountPath,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Answer<AccountInfo>, Problem> {
    let now_us = Timestamp::now().as_microsecond();
    let by = caller.account_id();
    let catalog = &state.storage.catalog;
    let account = catalog.disable_account(account_id, by, now_us).await?;
    answer::not_kept(&AccountInfo::of(&account))
}
