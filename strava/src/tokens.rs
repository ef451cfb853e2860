//! Tokens, and the answer that brings them.

use std::time::Duration;

use jiff::Timestamp;
use oauth2::basic::BasicTokenType;
use oauth2::{AccessToken, RefreshToken, Scope, TokenResponse};
use serde::{Deserialize, Serialize};

use crate::secret::Secret;

/// What an athlete's connection lives by. The last refresh token is the only
/// one: store it before the access token is used.
#[derive(Clone, Debug)]
pub struct Tokens {
    /// For reading, until it expires (six hours, at Strava's choice).
    pub access: Secret,
    /// For the next tokens. A refresh may have changed it, and then the one
    /// before is dead.
    pub refresh: Secret,
    /// When the access token expires, by Strava's clock.
    pub expires_at: Timestamp,
}

/// What the exchange of a code gives. Which scopes were granted is not in it:
/// the redirect that brought the code says so, once.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The athlete's first tokens.
    pub tokens: Tokens,
    /// Who it is.
    pub athlete: AthleteSummary,
}

/// Who connected. Strava sends name, town and pictures too; they are not needed
/// here, so they are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AthleteSummary {
    /// Strava's number for the athlete.
    pub id: i64,
}

/// The body of a token answer. Beyond RFC 6749 it has the instant of expiry and
/// the athlete, and it has no scopes.
#[derive(Debug, Serialize, Deserialize)]
pub struct TokenAnswer {
    access_token: AccessToken,
    refresh_token: RefreshToken,
    /// Always `Bearer` at Strava, so it is not read.
    #[serde(skip, default = "bearer")]
    token_type: BasicTokenType,
    #[serde(default)]
    expires_at: Option<i64>,
    #[serde(default)]
    expires_in: Option<u64>,
    #[serde(default)]
    athlete: Option<AthleteSummary>,
}

fn bearer() -> BasicTokenType {
    BasicTokenType::Bearer
}

impl TokenResponse for TokenAnswer {
    type TokenType = BasicTokenType;

    fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    fn token_type(&self) -> &BasicTokenType {
        &self.token_type
    }

    fn expires_in(&self) -> Option<Duration> {
        self.expires_in.map(Duration::from_secs)
    }

    fn refresh_token(&self) -> Option<&RefreshToken> {
        Some(&self.refresh_token)
    }

    fn scopes(&self) -> Option<&Vec<Scope>> {
        None
    }
}

impl TokenAnswer {
    /// The tokens in it and, for an exchange, the athlete. `now` is when the
    /// answer came, for one that names no instant of expiry.
    ///
    /// # Errors
    /// What is missing.
    pub fn into_tokens(
        self,
        now: Timestamp,
    ) -> Result<(Tokens, Option<AthleteSummary>), &'static str> {
        let expires_at = match (self.expires_at, self.expires_in()) {
            (Some(second), _) => Timestamp::from_second(second).ok(),
            (None, Some(wait)) => now.checked_add(wait).ok(),
            (None, None) => None,
        };
        let tokens = Tokens {
            access: Secret::new(self.access_token.into_secret()),
            refresh: Secret::new(self.refresh_token.into_secret()),
            expires_at: expires_at.ok_or("the answer does not say when the token expires")?,
        };
        if tokens.access.expose().is_empty() || tokens.refresh.expose().is_empty() {
            return Err("the answer has an empty token");
        }
        Ok((tokens, self.athlete))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<(Tokens, Option<AthleteSummary>), &'static str> {
        let answer: TokenAnswer = serde_json::from_str(json).unwrap();
        answer.into_tokens("2026-11-28T08:00:00Z".parse().unwrap())
    }

    #[test]
    fn the_instant_of_expiry_goes_before_the_time_left() {
        let (tokens, athlete) = read(
            r#"{"token_type":"Bearer","access_token":"a","refresh_token":"r",
                "expires_at":1542940199,"expires_in":14282}"#,
        )
        .unwrap();
        assert_eq!(tokens.expires_at.as_second(), 1_542_940_199);
        assert_eq!(
            (tokens.access.expose(), tokens.refresh.expose()),
            ("a", "r")
        );
        assert_eq!(athlete, None);
        let (tokens, _) =
            read(r#"{"access_token":"a","refresh_token":"r","expires_in":3600}"#).unwrap();
        assert_eq!(tokens.expires_at.to_string(), "2026-11-28T09:00:00Z");
    }

    #[test]
    fn half_an_answer_is_told() {
        let without_expiry = r#"{"access_token":"a","refresh_token":"r"}"#;
        assert!(read(without_expiry).unwrap_err().contains("expires"));
        let beyond_time = r#"{"access_token":"a","refresh_token":"r","expires_at":9e18}"#;
        assert!(serde_json::from_str::<TokenAnswer>(beyond_time).is_err());
        let late = r#"{"access_token":"a","refresh_token":"r","expires_at":9000000000000000000}"#;
        assert!(read(late).unwrap_err().contains("expires"));
        let empty = r#"{"access_token":"","refresh_token":"r","expires_in":1}"#;
        assert!(read(empty).unwrap_err().contains("empty"));
    }

    #[test]
    fn no_token_is_in_a_debug_text() {
        let json = r#"{"access_token":"deadbeef","refresh_token":"cafebabe","expires_in":1,
            "athlete":{"id":7,"firstname":"Daniel"}}"#;
        let answer: TokenAnswer = serde_json::from_str(json).unwrap();
        let before = format!("{answer:?}");
        let (tokens, athlete) = answer.into_tokens(Timestamp::UNIX_EPOCH).unwrap();
        let grant = Grant {
            tokens,
            athlete: athlete.unwrap(),
        };
        let shown = format!("{before} {grant:?}");
        for secret in ["deadbeef", "cafebabe", "Daniel"] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
