//! Signing in, who is signed in, and signing out.

use axum::extract::State as Shared;
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{Html, IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use storage::catalog::{Account, AccountAction, AccountEntry, Scope, SecretHash, Session};
use storage::objects::Secret;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::sign_in::local;
use crate::access::{Caller, Means, Public, cookie, csrf_token};
use crate::answer::{self, Answer};
use crate::html;
use crate::parameters::{NoParameters, Parameters, optional_uuid};
use crate::password::Password;
use crate::problem::{AnyProblem, Problem};
use crate::sent::Sent;
use crate::state::State;

/// What somebody signs in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The account's name, in any case.
    #[schema(example = "kari")]
    pub name: String,
    /// Its password.
    #[schema(value_type = String, format = Password)]
    pub password: Password,
    /// The path that a form is led to.
    #[serde(default)]
    pub next: Option<String>,
}

/// Who is signed in, and what they may do.
#[derive(Debug, Serialize, ToSchema)]
pub struct WhoAmI {
    /// The account; null while there are none.
    account_id: Option<i64>,
    /// What it signs in with.
    name: Option<String>,
    /// `athlete`, `analyst` or `admin`.
    #[schema(example = "athlete")]
    role: &'static str,
    /// Whose rows it sees.
    athlete_id: Option<i64>,
    /// What this request may do: `read`, `write`, `sql`, `admin`.
    scopes: Vec<&'static str>,
    /// What pages send in the header `x-csrf-token` with what changes something; null for
    /// programs.
    csrf_token: Option<String>,
    /// The account's sessions, newest first.
    sessions: Vec<BrowserSession>,
}

/// A browser that is signed in.
#[derive(Debug, Serialize, ToSchema)]
pub struct BrowserSession {
    /// Names it.
    session_id: String,
    /// When it began.
    created_at: String,
    /// When it was used last, to the minute.
    seen_at: String,
    /// When it ends if it is not used.
    expires_at: String,
    /// Whether this request came by it.
    current: bool,
}

/// An instant as JSON has it, from microseconds since 1970.
pub(super) fn instant(us: i64) -> String {
    // Only what this program wrote comes here; anything else is shown as it is.
    Timestamp::from_microsecond(us).map_or_else(|_| us.to_string(), |at| at.to_string())
}

impl WhoAmI {
    fn of(caller: &Caller, sessions: &[Session]) -> Self {
        let account = caller.account.as_ref();
        let (current, csrf_token) = match &caller.means {
            Means::Session {
                session,
                csrf_token,
            } => (Some(session.session_id), Some(csrf_token)),
            Means::Open | Means::Token { .. } => (None, None),
        };
        let sessions = sessions.iter().map(|session| BrowserSession {
            session_id: session.session_id.to_string(),
            created_at: instant(session.created_at_us),
            seen_at: instant(session.seen_at_us),
            expires_at: instant(session.expires_at_us),
            current: current == Some(session.session_id),
        });
        Self {
            account_id: account.map(|account| account.account_id.0),
            name: account.map(|account| account.name.clone()),
            role: caller.role.name(),
            athlete_id: caller.athlete_id.map(|id| id.0),
            scopes: caller.scopes.iter().map(Scope::name).collect(),
            csrf_token: csrf_token.map(|token| token.reveal().to_owned()),
            sessions: sessions.collect(),
        }
    }
}

/// Who is signed in.
///
/// While there are no accounts, everyone on this machine is an admin.
#[utoipa::path(get, path = "/api/session", tag = "accounts",
    responses((status = 200, description = "Who it is.", body = WhoAmI), AnyProblem))]
pub async fn get_session(
    caller: Caller,
    _: Parameters<NoParameters>,
    Shared(state): Shared<State>,
) -> Result<Answer<WhoAmI>, Problem> {
    let now_us = Timestamp::now().as_microsecond();
    let sessions = match &caller.means {
        Means::Session { .. } => {
            let account_id = caller.signed_in()?.account_id;
            let catalog = &state.storage.catalog;
            catalog.sessions_of(account_id, now_us).await?
        }
        Means::Open | Means::Token { .. } => Vec::new(),
    };
    answer::not_kept(&WhoAmI::of(&caller, &sessions))
}

/// Signs in.
///
/// The answer sets the session's cookie; a session that the request came by
/// ends. As JSON it says who is signed in; a form is answered with a page that
/// leads to `next`. After ten failures with a name, or many with any,
/// `too_many_attempts` is answered for a while.
#[utoipa::path(post, path = "/api/session", tag = "accounts",
    request_body(content((Credentials = "application/json"),
        (Credentials = "application/x-www-form-urlencoded"))),
    responses(
        (status = 200, description = "Who it is.", content(
            (WhoAmI = "application/json"),
            (String = "text/html"))),
        AnyProblem))]
pub async fn begin_session(
    _: Public,
    Shared(state): Shared<State>,
    headers: HeaderMap,
    Sent { value, by_form }: Sent<Credentials>,
) -> Result<Response, Problem> {
    let Credentials {
        name,
        password,
        next,
    } = value;
    let next = local(next.as_deref());
    let previous = cookie::secret(&headers, state.is_secure());
    match signed_in(&state, &name, password, previous.as_ref()).await {
        Ok(begun) => begun.answer(by_form.then_some(next), &state),
        Err(problem) if by_form => {
            let closed = state.has_accounts().await?;
            let page = html::sign_in::sign_in(next, Some(problem.message()), closed);
            let headers = [(CACHE_CONTROL, "no-store")];
            Ok((problem.status(), headers, Html(page)).into_response())
        }
        Err(problem) => Err(problem),
    }
}

async fn signed_in(
    state: &State,
    name: &str,
    password: Password,
    previous: Option<&Secret>,
) -> Result<Begun, Problem> {
    let catalog = &state.storage.catalog;
    // A name that cannot be one is nobody's, and counts with its like.
    let name = storage::catalog::account_name(name).unwrap_or_default();
    let attempt = state.attempts.begin(&name)?;
    let found = catalog.account_named(&name).await?;
    let (account, kept) = match found {
        Some((account, kept)) => (Some(account), kept),
        None => (None, None),
    };
    let fits = state.passwords.fits(password, kept).await?;
    let now_us = Timestamp::now().as_microsecond();
    let enabled = |account: &Account| fits && account.disabled_at_us.is_none();
    match account {
        Some(account) if enabled(&account) => {
            attempt.succeeded();
            Begun::now(state, account, previous, now_us).await
        }
        unknown => {
            let account_id = unknown.map(|account| account.account_id);
            let entry = AccountEntry::new(AccountAction::SignInFailed, now_us).about(account_id);
            catalog.write_account_audit(&entry).await?;
            Err(crate::access::unauthenticated(
                "name and password do not fit",
            ))
        }
    }
}

/// A session that has just begun.
pub(super) struct Begun {
    who: WhoAmI,
    secret: Secret,
}

impl Begun {
    /// Begins a session of an account, and ends the previous one.
    pub(super) async fn now(
        state: &State,
        account: Account,
        previous: Option<&Secret>,
        now_us: i64,
    ) -> Result<Self, Problem> {
        let catalog = &state.storage.catalog;
        let previous = previous.map(|secret| SecretHash::of(secret.reveal()));
        let account_id = account.account_id;
        let secret = catalog
            .begin_session(account_id, previous.as_ref(), now_us)
            .await?;
        let found = catalog
            .session(&SecretHash::of(secret.reveal()), now_us)
            .await?;
        // Who was disabled this very moment is not in.
        let (session, account) = found
            .ok_or_else(|| crate::access::unauthenticated("the account was disabled meanwhile"))?;
        let sessions = catalog.sessions_of(account_id, now_us).await?;
        let caller = Caller {
            role: account.role,
            athlete_id: account.athlete_id,
            scopes: account.role.scopes(),
            account: Some(account),
            means: Means::Session {
                session,
                csrf_token: csrf_token(&secret),
            },
        };
        Ok(Self {
            who: WhoAmI::of(&caller, &sessions),
            secret,
        })
    }

    /// Who is signed in now; or, for a form, the way on: a page, since `next` may
    /// redirect to where forms may not lead.
    pub(super) fn answer(self, next: Option<&str>, state: &State) -> Result<Response, Problem> {
        let cookie = cookie::set(&self.secret, state.is_secure());
        let Some(next) = next else {
            let answer: Answer<WhoAmI> = answer::not_kept(&self.who)?;
            return Ok(answer.with(SET_COOKIE, cookie).into_response());
        };
        let headers = [
            (SET_COOKIE, cookie),
            (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        ];
        let page = html::sign_in::signed_in(next);
        Ok((headers, Html(page)).into_response())
    }
}

/// Which sessions end.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct EndQuery {
    /// Whether all sessions of the account end, on every device.
    #[serde(default)]
    #[param(default = false)]
    pub everywhere: bool,
    /// Another session of the account, as GET lists them; without it the one that the request
    /// comes by.
    #[serde(default, deserialize_with = "optional_uuid")]
    #[param(value_type = Option<String>)]
    pub session_id: Option<Uuid>,
}

/// What ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct SessionsEnded {
    /// How many sessions.
    ended: u64,
}

/// Signs out.
#[utoipa::path(delete, path = "/api/session", tag = "accounts", params(EndQuery),
    responses((status = 200, description = "How many sessions ended.", body = SessionsEnded),
        AnyProblem))]
pub async fn end_session(
    caller: Caller,
    Parameters(EndQuery {
        everywhere,
        session_id,
    }): Parameters<EndQuery>,
    Shared(state): Shared<State>,
) -> Result<Answer<SessionsEnded>, Problem> {
    let account_id = caller.signed_in()?.account_id;
    let current = match &caller.means {
        Means::Session { session, .. } => Some(session.session_id),
        Means::Open | Means::Token { .. } => None,
    };
    let which = match (everywhere, session_id.or(current)) {
        (true, _) => None,
        (false, Some(session_id)) => Some(session_id),
        (false, None) => {
            return Err(Problem::argument(
                "name the session, or end all with everywhere=true",
            ));
        }
    };
    let now_us = Timestamp::now().as_microsecond();
    let catalog = &state.storage.catalog;
    let ended = catalog.end_sessions(account_id, which, now_us).await?;
    let answer = answer::not_kept(&SessionsEnded { ended })?;
    let is_over = which.is_none() || which == current;
    Ok(match is_over {
        true => answer.with(SET_COOKIE, cookie::clear(state.is_secure())),
        false => answer,
    })
}
