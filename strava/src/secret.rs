//! A text that no log, error or answer may show.

use std::fmt;

use zeroize::Zeroizing;

/// A token, a code or the app's secret.
///
/// Its `Debug` shows an ellipsis, it has no `Display`, and its memory is
/// overwritten when it is dropped. Copies that an HTTP request needs while it
/// is under way are outside this promise.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text in.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for a request or for encryption.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_never_shown() {
        let secret = Secret::from("deadbeef");
        assert_eq!(format!("{secret:?} {secret:#?}"), "… …");
        assert_eq!(secret.clone().expose(), "deadbeef");
    }
}
