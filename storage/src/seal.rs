//! Secrets at rest: what the catalog keeps of tokens is sealed with a key that
//! is mounted beside it.
//!
//! A sealed text is `KEY:DATA`: which key it was sealed with, and in
//! hexadecimal a nonce of 24 bytes and what XChaCha20-Poly1305 made of the
//! secret (RFC 8439, with the longer nonce, which may be random). What the
//! secret belongs to is authenticated with it, so that no row's text opens in
//! the place of another's.

use std::fmt;
use std::sync::Arc;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

use crate::raw::hex;

/// How many bytes a key has.
const KEY_BYTES: usize = 32;
/// How many bytes the nonce has.
const NONCE_BYTES: usize = 24;
/// How many keys a file may hold: the newest, and those that are on their way
/// out.
const MAX_KEYS: usize = 16;

/// Why something cannot be sealed or opened.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SealError {
    /// A line of the file of keys that is none.
    #[error("line {line} of the file of keys is not {KEY_BYTES} bytes in hexadecimal")]
    NoKey {
        /// The line, counted from 1.
        line: usize,
    },
    /// No key, or too many.
    #[error("the file of keys holds {found} keys; it may hold 1 to {MAX_KEYS}")]
    KeyCount {
        /// How many there are.
        found: usize,
    },
    /// It was sealed with a key that is not there.
    #[error("it was sealed with the key {key}, which the file of keys does not hold")]
    UnknownKey {
        /// The name of that key.
        key: String,
    },
    /// It was changed, or belongs to something else.
    #[error("what was sealed does not open: it was changed, or belongs elsewhere")]
    Spoilt,
    /// The system gives no random bytes.
    #[error("the system gives no random bytes")]
    NoRandom,
}

/// The keys that secrets are sealed with: the first seals, all open.
///
/// To change keys, put a new one before the others, let
/// [`needs_sealing`](Self::needs_sealing) find what is to be sealed anew, and
/// take the old one out afterwards.
#[derive(Clone)]
pub struct Keys {
    keys: Arc<[Key]>,
}

struct Key {
    name: String,
    cipher: XChaCha20Poly1305,
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.keys.iter().map(|key| key.name.as_str());
        f.debug_list().entries(names).finish()
    }
}

impl Keys {
    /// Reads keys: one a line, 32 bytes in hexadecimal; empty lines and those
    /// that begin with `#` are passed over.
    ///
    /// # Errors
    /// [`SealError::NoKey`], [`SealError::KeyCount`]. No error holds a key.
    pub fn parse(text: &str) -> Result<Self, SealError> {
        let mut keys = Vec::new();
        for (line, text) in text.lines().enumerate() {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let bytes = unhex(text).ok_or(SealError::NoKey { line: line + 1 })?;
            keys.push(Key::new(&bytes).ok_or(SealError::NoKey { line: line + 1 })?);
        }
        match keys.len() {
            1..=MAX_KEYS => Ok(Self { keys: keys.into() }),
            found => Err(SealError::KeyCount { found }),
        }
    }

    /// A new key as a line of a file of keys.
    ///
    /// # Errors
    /// [`SealError::NoRandom`].
    pub fn generate() -> Result<String, SealError> {
        random_hex::<KEY_BYTES>()
    }

    /// Seals a secret that belongs to what `owner` says.
    ///
    /// # Errors
    /// [`SealError::NoRandom`].
    pub fn seal(&self, owner: &str, secret: &str) -> Result<String, SealError> {
        let key = &self.keys[0];
        let nonce = XNonce::from(random::<NONCE_BYTES>()?);
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: owner.as_bytes(),
        };
        let sealed = key.cipher.encrypt(&nonce, payload);
        let sealed = sealed.map_err(|_| SealError::NoRandom)?;
        Ok(format!("{}:{}{}", key.name, hex(&nonce), hex(&sealed)))
    }

    /// Opens what was sealed for the same owner.
    ///
    /// # Errors
    /// [`SealError::UnknownKey`], [`SealError::Spoilt`].
    pub fn open(&self, owner: &str, sealed: &str) -> Result<String, SealError> {
        let (name, data) = sealed.split_once(':').ok_or(SealError::Spoilt)?;
        let key = self.keys.iter().find(|key| key.name == name);
        let key = key.ok_or_else(|| SealError::UnknownKey {
            key: name.to_owned(),
        })?;
        let bytes = unhex(data).filter(|bytes| bytes.len() > NONCE_BYTES);
        let bytes = bytes.ok_or(SealError::Spoilt)?;
        let (nonce, sealed) = bytes
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(SealError::Spoilt)?;
        let payload = Payload {
            msg: sealed,
            aad: owner.as_bytes(),
        };
        let secret = key.cipher.decrypt(&XNonce::from(*nonce), payload);
        let secret = secret.map_err(|_| SealError::Spoilt)?;
        String::from_utf8(secret).map_err(|_| SealError::Spoilt)
    }

    /// Whether a text was sealed with another key than the first.
    pub fn needs_sealing(&self, sealed: &str) -> bool {
        sealed.split_once(':').map(|(name, _)| name) != Some(self.keys[0].name.as_str())
    }
}

impl Key {
    /// `None` unless there are as many bytes as a key has.
    fn new(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            // Enough to tell keys apart, and nothing of the key.
            name: hex(&Sha256::digest(bytes)[..4]),
            cipher: XChaCha20Poly1305::new_from_slice(bytes).ok()?,
        })
    }
}

/// So many random bytes in hexadecimal, as nobody can guess them.
///
/// # Errors
/// [`SealError::NoRandom`].
pub fn random_hex<const BYTES: usize>() -> Result<String, SealError> {
    Ok(hex(&random::<BYTES>()?))
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES], SealError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|_| SealError::NoRandom)?;
    Ok(bytes)
}

/// What the catalog keeps of a secret that comes back to us: its SHA-256 in
/// hexadecimal. For secrets of at least 128 random bits only.
pub fn fingerprint(secret: &str) -> String {
    hex(&Sha256::digest(secret.as_bytes()))
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || !text.len().is_multiple_of(2) {
        return None;
    }
    let pairs = (0..text.len()).step_by(2);
    pairs
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(lines: &[&str]) -> Keys {
        Keys::parse(&lines.join("\n")).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_for_its_owner_alone() {
        let key = Keys::generate().unwrap();
        let keys = keys(&["# newest first", "", &key]);
        let sealed = keys.seal("athlete 1 access", "s3cret").unwrap();
        assert!(!sealed.contains("s3cret") && !sealed.contains(&key));
        assert_eq!(keys.open("athlete 1 access", &sealed).unwrap(), "s3cret");
        assert_eq!(
            keys.open("athlete 2 access", &sealed),
            Err(SealError::Spoilt)
        );
        let again = keys.seal("athlete 1 access", "s3cret").unwrap();
        assert_ne!(sealed, again, "a nonce is used once");
    }

    #[test]
    fn one_changed_character_spoils_it() {
        let keys = keys(&[&Keys::generate().unwrap()]);
        let sealed = keys.seal("a", "secret").unwrap();
        let at = sealed.len() - 1;
        let other = if sealed.ends_with('0') { "1" } else { "0" };
        let changed = format!("{}{other}", &sealed[..at]);
        assert_eq!(keys.open("a", &changed), Err(SealError::Spoilt));
        for broken in ["", ":", "0:0", "zz:zz"] {
            assert!(keys.open("a", broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn keys_are_changed_without_losing_what_was_sealed() {
        let (old, new) = (Keys::generate().unwrap(), Keys::generate().unwrap());
        let before = keys(&[&old]);
        let sealed = before.seal("a", "secret").unwrap();
        let both = keys(&[&new, &old]);
        assert!(both.needs_sealing(&sealed));
        let resealed = both.seal("a", &both.open("a", &sealed).unwrap()).unwrap();
        assert!(!both.needs_sealing(&resealed));
        assert_eq!(keys(&[&new]).open("a", &resealed).unwrap(), "secret");
        assert!(matches!(
            keys(&[&new]).open("a", &sealed),
            Err(SealError::UnknownKey { .. })
        ));
    }

    #[test]
    fn no_message_shows_a_key() {
        let key = Keys::generate().unwrap();
        let short = &key[..62];
        let error = Keys::parse(short).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(short));
        assert!(!format!("{:?}", keys(&[&key])).contains(&key[..16]));
        assert_eq!(
            Keys::parse("# none\n").unwrap_err(),
            SealError::KeyCount { found: 0 }
        );
    }
}
