//! Passwords: hashed slowly, with Argon2id, so that whoever has the hashes has
//! a long way to go. Of the passwords themselves nothing is kept or shown.

use std::fmt;
use std::sync::LazyLock;
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use serde::{Deserialize, Deserializer};
use storage::objects::Secret;

use crate::heavy::Turns;
use crate::problem::Problem;

/// The fewest characters of a new password.
const LEAST: usize = 10;
/// The most bytes of any.
const MOST: usize = 1_024;
/// How many are hashed at once; each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// How many bytes of chance a salt has.
const SALT: usize = 16;

/// A password that somebody gave.
#[derive(Clone)]
pub struct Password(Secret);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(password)")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        String::deserialize(input).map(|text| Self(Secret::new(text)))
    }
}

impl Password {
    /// Lets a new password through that is long enough.
    ///
    /// # Errors
    /// A 400 that says how long.
    pub fn checked(self) -> Result<Self, Problem> {
        let text = self.0.reveal();
        if text.chars().count() < LEAST || text.len() > MOST {
            return Err(Problem::argument(format!(
                "a password has at least {LEAST} characters, and at most {MOST} bytes"
            )));
        }
        Ok(self)
    }
}

/// Hashes and compares, a few at once, on threads that may block.
#[derive(Clone)]
pub struct Passwords {
    turns: Turns,
}

impl Passwords {
    /// A request waits for its turn no longer than `wait`.
    pub fn new(wait: Duration) -> Self {
        Self {
            turns: Turns::new("sign-ins", AT_ONCE, wait),
        }
    }

    /// The hash to keep of a new password, in PHC form.
    ///
    /// # Errors
    /// `too_busy` where no turn came; a fault of ours.
    pub async fn hash(&self, password: Password) -> Result<Secret, Problem> {
        self.work(move || {
            let mut salt = [0; SALT];
            getrandom::fill(&mut salt).map_err(|error| error.to_string())?;
            hash(password.0.reveal(), &salt).map(Secret::new)
        })
        .await
    }

    /// Whether a password is the one of this hash. Without a hash it takes as
    /// long, so that nobody learns who has an account.
    ///
    /// # Errors
    /// As [`hash`](Self::hash).
    pub async fn fits(&self, password: Password, kept: Option<Secret>) -> Result<bool, Problem> {
        self.work(move || {
            let known = kept.is_some();
            let kept = kept.as_ref().map_or(NOBODYS.as_str(), Secret::reveal);
            let kept = PasswordHash::new(kept).map_err(|error| error.to_string())?;
            let given = password.0.reveal();
            let fits = given.len() <= MOST
                && Argon2::default()
                    .verify_password(given.as_bytes(), &kept)
                    .is_ok();
            Ok(fits && known)
        })
        .await
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<T, Problem> {
        let turn = self.turns.take().await?;
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        let done = done
            .await
            .map_err(|error| Problem::fault(error.to_string()))?;
        done.map_err(Problem::fault)
    }
}

/// The hash of a password that nobody has: it is what names without an account
/// are compared with, and what comes of it is not looked at.
static NOBODYS: LazyLock<String> =
    LazyLock::new(|| hash("nobody's", &[0; SALT]).expect("the parameters are the library's own"));

fn hash(password: &str, salt: &[u8]) -> Result<String, String> {
    let hash = Argon2::default().hash_password_with_salt(password.as_bytes(), salt);
    let hash: PasswordHash = hash.map_err(|error| error.to_string())?;
    Ok(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Password {
        Password(Secret::new(text))
    }

    #[tokio::test]
    async fn a_password_fits_its_own_hash_and_no_other() {
        let passwords = Passwords::new(Duration::from_secs(60));
        let kept = passwords.hash(password("correct horse")).await.unwrap();
        let again = passwords.hash(password("correct horse")).await.unwrap();
        assert!(kept.reveal().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert_ne!(kept.reveal(), again.reveal());
        let fits = async |text: &str, kept| passwords.fits(password(text), kept).await.unwrap();
        assert!(fits("correct horse", Some(kept.clone())).await);
        assert!(!fits("correct horsf", Some(kept)).await);
        assert!(!fits("nobody's", None).await);
    }

    #[test]
    fn short_and_endless_ones_are_refused() {
        assert!(password("123456789").checked().is_err());
        assert!(password("1234567890").checked().is_ok());
        // Ten characters of several bytes each.
        assert!(password("ææææøøøøåå").checked().is_ok());
        assert!(password(&"x".repeat(MOST + 1)).checked().is_err());
        assert_eq!(format!("{:?}", password("1234567890")), "(password)");
    }
}
