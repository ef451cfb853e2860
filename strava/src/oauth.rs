//! Sign-in and tokens, by the crate `oauth2` as far as Strava keeps to RFC
//! 6749, on our own HTTP client.
//!
//! Where it does not, and what is done about it:
//! - Scopes are separated by commas: they go to the crate as one.
//! - Refusals are 400 with bodies of Strava's own shape, or HTML. The crate
//!   parses bodies and forgets the status, which is what decides; so refusals
//!   are read below it, by the same code as those of the API, and it sees
//!   successes only.
//! - Answers to tokens have fields of their own ([`TokenAnswer`]).
//! - The crate revokes over https only, which no simulator has, and
//!   `deauthorize` is in no RFC: both are requests by hand.

use futures::future::BoxFuture;
use jiff::Timestamp;
use oauth2::basic::{BasicTokenIntrospectionResponse, BasicTokenType};
use oauth2::{
    AuthType, AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet,
    EndpointSet, HttpRequest, HttpResponse, RedirectUrl, RefreshToken, RequestTokenError,
    StandardRevocableToken, TokenResponse, TokenUrl,
};
use url::Url;

use crate::app::{RevokeStyle, Strava};
use crate::error::{Attempt, Error, Loss, Verdict, WhyCode};
use crate::fault::Fault;
use crate::scope::Scope;
use crate::secret::Secret;
use crate::tokens::{AthleteSummary, Grant, TokenAnswer, Tokens};

type OAuth = oauth2::Client<
    Fault,
    TokenAnswer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    Fault,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointSet,
>;

/// What the crate makes of a token request.
type TokenOutcome = Result<TokenAnswer, RequestTokenError<Error, Fault>>;

impl Strava {
    /// Made for each call, since it holds copies of what [`Secret`] keeps.
    fn oauth_client(&self) -> OAuth {
        let app = &self.inner.app;
        oauth2::Client::new(ClientId::new(app.client_id.to_string()))
            .set_client_secret(ClientSecret::new(app.client_secret.expose().to_owned()))
            .set_auth_uri(AuthUrl::from_url(self.oauth("authorize")))
            .set_token_uri(TokenUrl::from_url(self.oauth("token")))
            .set_auth_type(AuthType::RequestBody)
    }

    /// The page on which an athlete connects. Strava sends them back to
    /// `redirect`, which must lie within the app's callback domain, with `state`
    /// as it is here. `force` asks again although all was granted before.
    pub fn authorize_url(&self, redirect: &Url, state: &str, scopes: &[Scope], force: bool) -> Url {
        let prompt = if force { "force" } else { "auto" };
        let client = self
            .oauth_client()
            .set_redirect_uri(RedirectUrl::from_url(redirect.clone()));
        let state = CsrfToken::new(state.to_owned());
        let (url, _state) = client
            .authorize_url(|| state)
            .add_scope(oauth2::Scope::new(Scope::list(scopes)))
            .add_extra_param("approval_prompt", prompt)
            .url();
        url
    }

    /// Exchanges the code of a redirect for the athlete's first tokens.
    ///
    /// A code is refused as unknown in the moment that it is made (client
    /// authors saw it within the first second), so such a refusal is waited out
    /// once, [`Limits::second_offer`](crate::Limits::second_offer) long.
    ///
    /// # Errors
    /// [`Verdict::CodeRefused`], [`Verdict::ClientRefused`],
    /// [`Verdict::AthleteLimit`], [`Verdict::AppInactive`], and what can happen
    /// to any call. A code whose answer was lost may be used up: start anew.
    pub async fn exchange(&self, code: &str) -> Result<Grant, Error> {
        let early = Verdict::CodeRefused {
            why: WhyCode::UsedOrUnknown,
        };
        match self.offer(code).await {
            Err(error) if error.verdict() == early => {
                tracing::debug!("a code was refused; it is offered once more");
                tokio::time::sleep(self.inner.limits.second_offer).await;
                self.offer(code).await
            }
            outcome => outcome,
        }
    }

    async fn offer(&self, code: &str) -> Result<Grant, Error> {
        let attempt = Attempt::ExchangeCode;
        let client = self.oauth_client();
        let http = self.token_calls(attempt, Secret::from(code));
        let outcome = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .request_async(&http)
            .await;
        let (tokens, athlete) = read(attempt, outcome)?;
        let athlete =
            athlete.ok_or_else(|| Error::malformed(attempt, "the answer names no athlete"))?;
        Ok(Grant { tokens, athlete })
    }

    /// Makes new tokens. Within the last hour of an access token Strava makes a
    /// new one, before that it answers with the same.
    ///
    /// Let one caller at a time do this for an athlete, and store the answer
    /// before it is used: a new refresh token ends the one before.
    ///
    /// # Errors
    /// [`Verdict::RefreshRefused`], [`Verdict::ClientRefused`], and what can
    /// happen to any call. If [`Error::may_have_happened`], the refresh token
    /// may be dead and its successor lost: keep it and try once more; if that
    /// is refused, the athlete must connect again.
    pub async fn refresh(&self, refresh_token: &Secret) -> Result<Tokens, Error> {
        let attempt = Attempt::Refresh;
        let client = self.oauth_client();
        let http = self.token_calls(attempt, refresh_token.clone());
        let token = RefreshToken::new(refresh_token.expose().to_owned());
        let outcome = client
            .exchange_refresh_token(&token)
            .request_async(&http)
            .await;
        Ok(read(attempt, outcome)?.0)
    }

    /// Ends a connection at Strava: both tokens, and all others that this app
    /// has for the athlete. An event that says so follows.
    ///
    /// # Errors
    /// What can happen to any call. [`Verdict::TokenDead`] means that it was
    /// ended before, or that the access token has merely expired.
    pub async fn revoke(&self, access: &Secret, refresh: &Secret) -> Result<(), Error> {
        let app = &self.inner.app;
        let (attempt, request) = match app.revoke {
            RevokeStyle::Revoke => {
                let form = [
                    ("token", refresh.expose()),
                    ("token_type_hint", "refresh_token"),
                ];
                let request = self.inner.http.post(self.oauth("revoke"));
                let request = request.basic_auth(app.client_id, Some(app.client_secret.expose()));
                (Attempt::Revoke, request.form(&form))
            }
            RevokeStyle::Deauthorize => {
                let request = self.inner.http.post(self.oauth("deauthorize"));
                (Attempt::Deauthorize, request.bearer_auth(access.expose()))
            }
        };
        let secrets = [
            access.expose(),
            refresh.expose(),
            app.client_secret.expose(),
        ];
        self.send(attempt, request, &secrets).await.outcome?;
        Ok(())
    }

    /// The HTTP client that the crate calls. What it gives borrows nothing, so
    /// that the whole call may move between threads.
    fn token_calls(
        &self,
        attempt: Attempt,
        secret: Secret,
    ) -> impl Fn(HttpRequest) -> BoxFuture<'static, Result<HttpResponse, Error>> {
        let client = self.clone();
        move |request| {
            let (client, secret) = (client.clone(), secret.clone());
            Box::pin(async move {
                let secrets = [secret.expose()];
                client.token_call(attempt, request, &secrets).await
            })
        }
    }

    /// One such call: a refusal is an error here already.
    async fn token_call(
        &self,
        attempt: Attempt,
        request: HttpRequest,
        secrets: &[&str],
    ) -> Result<HttpResponse, Error> {
        let request = reqwest::Request::try_from(request)
            .map_err(|error| Error::unanswered(attempt, error))?;
        let request = reqwest::RequestBuilder::from_parts(self.inner.http.clone(), request);
        let mut secrets = secrets.to_vec();
        secrets.push(self.inner.app.client_secret.expose());
        let body = self.send(attempt, request, &secrets).await.outcome?;
        if body.is_empty() {
            return Err(Error::Lost {
                attempt,
                loss: Loss::CutOff,
                source: None,
            });
        }
        Ok(HttpResponse::new(body.to_vec()))
    }
}

/// The tokens of an outcome. What the crate says of an answer that it cannot
/// parse holds the answer itself, so nothing of that is kept but the place.
fn read(
    attempt: Attempt,
    outcome: TokenOutcome,
) -> Result<(Tokens, Option<AthleteSummary>), Error> {
    let answer = outcome.map_err(|error| match error {
        RequestTokenError::Request(error) => error,
        RequestTokenError::Parse(error, _body) => {
            let place = error.path().to_string();
            match Error::json(attempt, error.inner()) {
                Error::Malformed { attempt, what } if place != "." => {
                    Error::malformed(attempt, format!("{what}, at {place}"))
                }
                error => error,
            }
        }
        RequestTokenError::ServerResponse(_) | RequestTokenError::Other(_) => {
            Error::malformed(attempt, "the answer is no token answer")
        }
    })?;
    debug_assert_eq!(answer.token_type(), &BasicTokenType::Bearer);
    answer
        .into_tokens(Timestamp::now())
        .map_err(|what| Error::malformed(attempt, what))
}
