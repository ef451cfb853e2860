//! What lets someone in: 256 bits of chance, of which only the hash is kept.

use super::super::value::Value;
use super::trouble::AccountTrouble;
use crate::error::Error;
use crate::objects::Secret;
use crate::seal::{fingerprint, random_hex};

/// How many bytes of chance a secret has.
const BYTES: usize = 32;

/// The SHA-256 of a secret, as 64 hexadecimal digits. A secret has 256 bits of
/// chance, so that neither salt nor slowness would add anything.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretHash(String);

impl SecretHash {
    /// The hash of a secret, or of what someone says is one.
    pub fn of(secret: &str) -> Self {
        Self(fingerprint(secret))
    }
}

impl From<&SecretHash> for Value {
    fn from(hash: &SecretHash) -> Self {
        Self::Text(hash.0.clone())
    }
}

/// A new secret behind `prefix`, and its hash.
///
/// # Errors
/// [`AccountTrouble::NoChance`] where the system gives no random bytes.
pub(super) fn new(prefix: &str) -> Result<(Secret, SecretHash), Error> {
    let chance = random_hex::<BYTES>().map_err(|_| Error::Account(AccountTrouble::NoChance))?;
    let text = format!("{prefix}{chance}");
    let hash = SecretHash::of(&text);
    Ok((Secret::new(text), hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_differ_and_are_found_by_their_hash() {
        let (first, hash) = new("pl_").unwrap();
        let (second, _) = new("pl_").unwrap();
        assert_ne!(first.reveal(), second.reveal());
        assert_eq!(first.reveal().len(), 3 + 64);
        assert_eq!(SecretHash::of(first.reveal()), hash);
        assert!(!format!("{first:?}{hash:?}").contains(first.reveal()));
    }
}
