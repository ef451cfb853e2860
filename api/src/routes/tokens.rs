//! Tokens of programs.

use axum::extract::State as Shared;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use storage::Code;
use storage::catalog::{NewToken, Role, Scope, Token};
use utoipa::ToSchema;

use super::session::instant;
use crate::access::{Caller, Means};
use crate::answer::{self, Answer};
use crate::parameters::{JsonBody, NoParameters, Parameters, TokenPath};
use crate::problem::{AnyProblem, Problem};
use crate::state::State;

/// The longest name of a token, in characters.
const MAX_NAME: usize = 100;
/// The most days that a token lasts.
const MAX_DAYS: i64 = 3_650;
const DAY_US: i64 = 86_400_000_000;

/// A token, without what lets a program in.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiToken {
    /// Names it.
    token_id: String,
    /// What it is for.
    name: String,
    /// What it lets a program do: `read`, `write`, `sql`, `admin`.
    scopes: Vec<&'static str>,
    /// When it was made.
    created_at: String,
    /// When it ends.
    expires_at: Option<String>,
    /// When it was used last, to the minute.
    used_at: Option<String>,
    /// When it was revoked.
    revoked_at: Option<String>,
}

impl ApiToken {
    fn of(token: &Token) -> Self {
        Self {
            token_id: token.token_id.to_string(),
            name: token.name.clone(),
            scopes: token.scopes.iter().map(Scope::name).collect(),
            created_at: instant(token.created_at_us),
            expires_at: token.expires_at_us.map(instant),
            used_at: token.used_at_us.map(instant),
            revoked_at: token.revoked_at_us.map(instant),
        }
    }
}

/// Tokens of one account.
#[derive(Debug, Serialize, ToSchema)]
pub struct ApiTokenList {
    /// Oldest first, those that ended included.
    items: Vec<ApiToken>,
}

/// A token that is wanted.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTokenRequest {
    /// What it is for.
    #[schema(example = "notebook")]
    pub name: String,
    /// What it lets a program do: `read`, `write`, `sql`, `admin`; at most what the account may.
    #[schema(value_type = Vec<String>)]
    pub scopes: Vec<Scope>,
    /// After how many days it ends, from 1 to 3650.
    #[serde(default = "ninety")]
    #[schema(minimum = 1, maximum = 3650, default = 90)]
    pub days: i64,
}

fn ninety() -> i64 {
    90
}

/// A token that was made.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewTokenAnswer {
    /// What the program shows as `authorization: Bearer`; it is told this once.
    token: String,
    /// What is known of it.
    made: ApiToken,
}

/// A token that lets nobody in any more.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenRevoked {
    /// Which.
    token_id: String,
}

/// The account's tokens.
#[utoipa::path(get, path = "/api/tokens", tag = "accounts",
    responses((status = 200, description = "All of them.", body = ApiTokenList), AnyProblem))]
pub async fn list_tokens(
    caller: Caller,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Answer<ApiTokenList>, Problem> {
    let tokens = match caller.account_id() {
        None => Vec::new(),
        some => state.storage.catalog.tokens(some).await?,
    };
    let items = tokens.iter().map(ApiToken::of).collect();
    answer::not_kept(&ApiTokenList { items })
}

/// Makes a token for a program.
///
/// Whoever came by a token makes none: it would outlive the one that is
/// revoked.
#[utoipa::path(post, path = "/api/tokens", tag = "accounts", request_body = NewTokenRequest,
    responses((status = 200, description = "The token.", body = NewTokenAnswer), AnyProblem))]
pub async fn make_token(
    caller: Caller,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
    JsonBody(NewTokenRequest { name, scopes, days }): JsonBody<NewTokenRequest>,
) -> Result<Answer<NewTokenAnswer>, Problem> {
    let account_id = caller.signed_in()?.account_id;
    if matches!(caller.means, Means::Token { .. }) {
        return Err(Problem::new(
            Code::Forbidden,
            "a token makes no tokens",
            "sign in as a person, or use `pacelake token create`",
        ));
    }
    let name = name.trim().to_owned();
    let length = name.chars().count();
    if length == 0 || length > MAX_NAME || name.chars().any(char::is_control) {
        return Err(Problem::argument(format!(
            "a token's name has 1 to {MAX_NAME} characters"
        )));
    }
    if !(1..=MAX_DAYS).contains(&days) {
        return Err(Problem::argument(format!(
            "days is from 1 to {MAX_DAYS}, not {days}"
        )));
    }
    let now_us = Timestamp::now().as_microsecond();
    let new = NewToken {
        account_id,
        name,
        scopes: scopes.into_iter().collect(),
        expires_at_us: Some(now_us + days * DAY_US),
    };
    let catalog = &state.storage.catalog;
    let (token, secret) = catalog.make_token(&new, Some(account_id), now_us).await?;
    answer::not_kept(&NewTokenAnswer {
        token: secret.reveal().to_owned(),
        made: ApiToken::of(&token),
    })
}

/// Revokes a token, at once; admins revoke anyone's.
#[utoipa::path(delete, path = "/api/tokens/{token_id}", tag = "accounts", params(TokenPath),
    responses((status = 200, description = "It is revoked.", body = TokenRevoked), AnyProblem))]
pub async fn revoke_token(
    caller: Caller,
    TokenPath { token_id }: TokenPath,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Answer<TokenRevoked>, Problem> {
    let account_id = caller.signed_in()?.account_id;
    let is_admin = caller.role == Role::Admin && caller.scopes.has(Scope::Admin);
    let owner = (!is_admin).then_some(account_id);
    let now_us = Timestamp::now().as_microsecond();
    let catalog = &state.storage.catalog;
    catalog
        .revoke_token(token_id, owner, Some(account_id), now_us)
        .await?;
    answer::not_kept(&TokenRevoked {
        token_id: token_id.to_string(),
    })
}
