//! The app that pacelake is at Strava, and the client that speaks for it.

use std::sync::Arc;

use url::Url;

use crate::error::Error;
use crate::limits::Limits;
use crate::secret::Secret;

/// An app as it is registered at Strava, and where Strava is. OAuth and API are
/// apart, since the API moves to a host of its own in 2027.
#[derive(Clone, Debug)]
pub struct App {
    /// Its number.
    pub client_id: u64,
    /// Its secret.
    pub client_secret: Secret,
    /// Where sign-in is: `https://www.strava.com/oauth`.
    pub oauth_url: Url,
    /// Where the API is: `https://www.strava.com/api/v3`.
    pub api_url: Url,
    /// How a connection is ended.
    pub revoke: RevokeStyle,
}

/// How a connection is ended at Strava.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeStyle {
    /// `oauth/revoke`, in the app's name; there since 2026-06-01.
    Revoke,
    /// `oauth/deauthorize`, with the athlete's token; gone after 2027-06-01.
    Deauthorize,
}

/// The client. Cloning it is cheap; clones share their connections.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use pacelake_strava::{App, List, RevokeStyle, Scope, Secret, Strava};
///
/// let strava = Strava::new(App {
///     client_id: 12345,
///     client_secret: Secret::from("…"),
///     oauth_url: "https://www.strava.com/oauth".parse()?,
///     api_url: "https://www.strava.com/api/v3".parse()?,
///     revoke: RevokeStyle::Revoke,
/// })?;
/// let redirect = "http://localhost:8080/api/strava/callback".parse()?;
/// let page = strava.authorize_url(&redirect, "state", &[Scope::ActivityReadAll], false);
/// // … the athlete opens `page`, and the redirect brings a code …
/// let grant = strava.exchange("code").await?;
/// let answer = strava.activities(&grant.tokens.access, &List::default()).await;
/// println!("{:?} used; {} activities", answer.usage, answer.outcome?.len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Strava {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) app: App,
    pub(crate) limits: Limits,
    pub(crate) http: reqwest::Client,
}

impl Strava {
    /// A client with the default [`Limits`]. Nothing is asked yet.
    ///
    /// # Errors
    /// [`Error::Address`] if a URL is no HTTP address, [`Error::Setup`] if the
    /// system gives no TLS roots.
    pub fn new(app: App) -> Result<Self, Error> {
        Self::with_limits(app, Limits::default())
    }

    /// A client with other bounds.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_limits(app: App, limits: Limits) -> Result<Self, Error> {
        for (what, url) in [("OAuth", &app.oauth_url), ("API", &app.api_url)] {
            if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
                return Err(Error::Address { what });
            }
        }
        let http = reqwest::Client::builder()
            .user_agent(concat!("pacelake/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(limits.connect)
            .timeout(limits.whole)
            // Tokens go to the configured hosts and nowhere else.
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|source| Error::Setup { source })?;
        Ok(Self {
            inner: Arc::new(Inner { app, limits, http }),
        })
    }

    /// The app that it speaks for.
    pub fn app(&self) -> &App {
        &self.inner.app
    }

    /// `base` with further segments, which are encoded.
    pub(crate) fn below(base: &Url, segments: &[&str]) -> Url {
        let mut url = base.clone();
        url.path_segments_mut()
            .expect("`with_limits` takes HTTP addresses only, which have a path")
            .pop_if_empty()
            .extend(segments);
        url
    }

    pub(crate) fn api(&self, segments: &[&str]) -> Url {
        Self::below(&self.inner.app.api_url, segments)
    }

    pub(crate) fn oauth(&self, segment: &str) -> Url {
        Self::below(&self.inner.app.oauth_url, &[segment])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app(oauth_url: &str, api_url: &str) -> App {
        App {
            client_id: 1,
            client_secret: Secret::from("secret"),
            oauth_url: oauth_url.parse().unwrap(),
            api_url: api_url.parse().unwrap(),
            revoke: RevokeStyle::Revoke,
        }
    }

    #[test]
    fn a_slash_at_the_end_changes_nothing() {
        for base in ["http://h/api/v3", "http://h/api/v3/"] {
            let strava = Strava::new(app("http://h/oauth", base)).unwrap();
            assert_eq!(
                strava.api(&["athlete", "activities"]).as_str(),
                "http://h/api/v3/athlete/activities"
            );
        }
        let at_root = Strava::new(app("http://h/oauth", "https://api-v3.example")).unwrap();
        assert_eq!(
            at_root.api(&["athlete"]).as_str(),
            "https://api-v3.example/athlete"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let error = Strava::new(app("http://h/oauth", "mailto:a@b")).unwrap_err();
        assert!(matches!(error, Error::Address { what: "API" }), "{error}");
        let error = Strava::new(app("file:///oauth", "http://h")).unwrap_err();
        assert!(matches!(error, Error::Address { what: "OAuth" }), "{error}");
    }

    #[test]
    fn the_secret_is_in_no_debug_text() {
        let strava = Strava::new(app("http://h/oauth", "http://h/api/v3")).unwrap();
        assert!(!format!("{strava:?} {:?}", strava.app()).contains("\"secret\""));
    }
}
