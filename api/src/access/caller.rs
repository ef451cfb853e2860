//! Who sends a request: by a token, by a session's cookie, or, while there are
//! no accounts, whoever is on this machine.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use storage::catalog::{Account, Role, Scope, Scopes, SecretHash, Session, Token};
use storage::objects::Secret;
use storage::{AccountId, AthleteId, Code};
use subtle::ConstantTimeEq;

use super::cookie;
use crate::problem::Problem;
use crate::state::State;

/// The header in which a page proves that its request is one of ours.
pub const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-csrf-token");
/// Where browsers say which site a request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whoever signed in; while there are no accounts, whoever asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account; `None` while there are none.
    pub account: Option<Account>,
    /// What it may do.
    pub role: Role,
    /// Whom it acts for; `None` while there are no accounts: the first athlete.
    pub athlete_id: Option<AthleteId>,
    /// What this request may do: all that the role allows, or what the token
    /// was made for.
    pub scopes: Scopes,
    /// How it was let in.
    pub means: Means,
}

/// How a request was let in.
#[derive(Clone, Debug)]
pub enum Means {
    /// By being on this machine, while there are no accounts.
    Open,
    /// By a browser's session.
    Session {
        /// The session.
        session: Session,
        /// What its pages send in [`CSRF_TOKEN`].
        csrf_token: Secret,
    },
    /// By a program's token.
    Token {
        /// The token.
        token: Token,
    },
}

impl Caller {
    /// Who sends this request, found once.
    ///
    /// # Errors
    /// `unauthenticated` where nobody did who may; `csrf` where a browser sends
    /// a change that is not from a page of ours.
    pub(super) async fn of(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        if let Some(caller) = parts.extensions.get::<Self>() {
            return Ok(caller.clone());
        }
        let now_us = Timestamp::now().as_microsecond();
        let caller = if parts.headers.contains_key(AUTHORIZATION) {
            by_token(&parts.headers, state, now_us).await?
        } else if let Some(caller) = by_session(parts, state, now_us).await? {
            caller
        } else if state.is_open().await? {
            Self::anyone(state)
        } else {
            return Err(unauthenticated("nobody is signed in"));
        };
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }

    /// Who sends this request, found anew: an answer that goes on for long may
    /// outlast what let its caller in.
    ///
    /// # Errors
    /// As for a request that comes now.
    pub(crate) async fn again(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        parts.extensions.remove::<Self>();
        Self::from_request_parts(parts, state).await
    }

    fn anyone(state: &State) -> Self {
        Self {
            account: None,
            role: Role::Admin,
            athlete_id: state.athlete_id,
            scopes: Role::Admin.scopes(),
            means: Means::Open,
        }
    }

    /// Whether it may do this.
    ///
    /// # Errors
    /// `forbidden`, with the reason.
    pub fn may(&self, scope: Scope) -> Result<(), Problem> {
        if self.scopes.has(scope) {
            return Ok(());
        }
        let (name, role) = (scope.name(), self.role);
        Err(if role.scopes().has(scope) {
            Problem::new(
                Code::Forbidden,
                format!("this token is not for `{name}`"),
                format!("make a token with the scope `{name}`"),
            )
        } else {
            Problem::new(
                Code::Forbidden,
                format!("the role `{role}` does not allow `{name}`"),
                "sign in with an account that may",
            )
        })
    }

    /// The account's id, for the audit.
    pub fn account_id(&self) -> Option<AccountId> {
        self.account.as_ref().map(|account| account.account_id)
    }

    /// The account; while there are none, why there is nothing of it.
    ///
    /// # Errors
    /// `forbidden`.
    pub fn signed_in(&self) -> Result<&Account, Problem> {
        self.account.as_ref().ok_or_else(|| {
            Problem::new(
                Code::Forbidden,
                "there are no accounts yet",
                "make the first one by the link that `pacelake serve` prints",
            )
        })
    }
}

impl FromRequestParts<State> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Problem> {
        let caller = Self::of(parts, state).await?;
        // A person sees and ends what is theirs in any role.
        if matches!(caller.means, Means::Token { .. }) {
            caller.may(match parts.method.is_safe() {
                true => Scope::Read,
                false => Scope::Write,
            })?;
        }
        Ok(caller)
    }
}

/// A problem that signing in solves.
pub(crate) fn unauthenticated(message: &str) -> Problem {
    Problem::new(
        Code::Unauthenticated,
        message,
        "sign in at /signin, or send a token: `authorization: Bearer pl_…`",
    )
}

async fn by_token(headers: &HeaderMap, state: &State, now_us: i64) -> Result<Caller, Problem> {
    let secret = bearer(headers).ok_or_else(|| unauthenticated("this is no bearer token"))?;
    let catalog = &state.storage.catalog;
    let found = catalog.token(&SecretHash::of(secret), now_us).await?;
    let Some((token, account)) = found else {
        return Err(unauthenticated(
            "this token is unknown, was revoked, or is too old",
        ));
    };
    if token.is_due(now_us) {
        let (catalog, token_id) = (catalog.clone(), token.token_id);
        // Nobody waits for it behind a commit.
        tokio::spawn(async move {
            if let Err(error) = catalog.touch_token(token_id, now_us).await {
                tracing::warn!(%error, "the use of a token was not written down");
            }
        });
    }
    Ok(Caller {
        role: account.role,
        athlete_id: account.athlete_id,
        scopes: token.scopes.and(account.role.scopes()),
        account: Some(account),
        means: Means::Token { token },
    })
}

/// What the one header `authorization` holds behind `Bearer`.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut lines = headers.get_all(AUTHORIZATION).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else {
        return None;
    };
    let (scheme, secret) = line.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(secret.trim())
}

/// Who sends the cookie of a session that holds.
async fn by_session(parts: &Parts, state: &State, now_us: i64) -> Result<Option<Caller>, Problem> {
    let Some(secret) = cookie::secret(&parts.headers, state.is_secure()) else {
        return Ok(None);
    };
    let catalog = &state.storage.catalog;
    let found = catalog
        .session(&SecretHash::of(secret.reveal()), now_us)
        .await?;
    let Some((session, account)) = found else {
        return Ok(None);
    };
    let csrf_token = csrf_token(&secret);
    if !parts.method.is_safe() {
        check_csrf(&parts.headers, &csrf_token)?;
    }
    if session.is_due(now_us) {
        let (catalog, session) = (catalog.clone(), session.clone());
        // Nobody waits for it behind a commit.
        tokio::spawn(async move {
            if let Err(error) = catalog.touch_session(&session, now_us).await {
                tracing::warn!(%error, "the use of a session was not written down");
            }
        });
    }
    Ok(Some(Caller {
        role: account.role,
        athlete_id: account.athlete_id,
        scopes: account.role.scopes(),
        account: Some(account),
        means: Means::Session {
            session,
            csrf_token,
        },
    }))
}

/// What the pages of a session prove themselves by. It follows from the
/// session's secret, which scripts cannot read, and does not lead back to it.
pub(crate) fn csrf_token(secret: &Secret) -> Secret {
    let digest = Sha256::new()
        .chain_update("pacelake csrf ")
        .chain_update(secret.reveal())
        .finalize();
    Secret::new(storage::raw::hex(&digest))
}

/// Lets a change through that a page of ours sent: the browser does not say
/// that another site did, [`crate::origin`] has compared `Origin`, and the
/// token is the session's.
fn check_csrf(headers: &HeaderMap, token: &Secret) -> Result<(), Problem> {
    let site = headers.get(FETCH_SITE);
    let ours = site.is_none_or(|site| site == "same-origin" || site == "none");
    let mut given = headers.get_all(CSRF_TOKEN).iter();
    let fits = match (given.next(), given.next()) {
        (Some(given), None) => bool::from(given.as_bytes().ct_eq(token.reveal().as_bytes())),
        _ => false,
    };
    if ours && fits {
        return Ok(());
    }
    Err(Problem::new(
        Code::Csrf,
        "this change does not come from a page of this session",
        "send the `csrf_token` that GET /api/session gives as the header `x-csrf-token`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bearer_token_is_read() {
        let read = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(AUTHORIZATION, line.parse().unwrap());
            }
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(read(&["Bearer pl_1"]).as_deref(), Some("pl_1"));
        assert_eq!(read(&["bearer  pl_1"]).as_deref(), Some("pl_1"));
        for bad in [
            &["pl_1"][..],
            &["Basic pl_1"],
            &["Bearer a", "Bearer b"],
            &[],
        ] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_change_needs_the_token_of_its_own_session() {
        let token = csrf_token(&Secret::new("s"));
        let told = |lines: &[(&'static str, &str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, value.parse().unwrap());
            }
            check_csrf(&headers, &token).is_ok()
        };
        let good = ("x-csrf-token", token.reveal());
        assert!(told(&[good]));
        assert!(told(&[good, ("sec-fetch-site", "same-origin")]));
        assert!(!told(&[good, ("sec-fetch-site", "same-site")]));
        assert!(!told(&[good, ("sec-fetch-site", "cross-site")]));
        assert!(!told(&[good, good]));
        assert!(!told(&[]));
        assert!(!told(&[("x-csrf-token", "")]));
        let other = csrf_token(&Secret::new("t"));
        assert!(!told(&[("x-csrf-token", other.reveal())]));
    }
}
