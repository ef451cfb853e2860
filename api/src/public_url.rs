//! Where others reach the server, which may be behind a proxy.

use url::{Host, Url};

use crate::serve::ServeError;

/// The address of the server as links and browsers have it, such as
/// `https://lake.example.org`: scheme, host and port, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl {
    origin: String,
    is_https: bool,
    is_loopback: bool,
}

impl PublicUrl {
    /// Reads one.
    ///
    /// # Errors
    /// [`ServeError::PublicUrl`] for anything but http or https with a host, and
    /// perhaps a port.
    pub fn parse(text: &str) -> Result<Self, ServeError> {
        let wrong = || ServeError::PublicUrl {
            text: text.to_owned(),
        };
        let url = Url::parse(text).map_err(|_| wrong())?;
        let bare = url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        let is_loopback = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(wrong()),
        };
        if !bare || !matches!(url.scheme(), "http" | "https") {
            return Err(wrong());
        }
        Ok(Self {
            origin: url.origin().ascii_serialization(),
            is_https: url.scheme() == "https",
            is_loopback,
        })
    }

    /// It as an origin, such as `https://lake.example.org`: without a slash at
    /// its end.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether what goes there is encrypted.
    pub fn is_https(&self) -> bool {
        self.is_https
    }

    /// Whether only this machine reaches it.
    pub fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// Whether a `Host` is this one.
    pub(crate) fn is_at(&self, host: &str) -> bool {
        let own = self.origin.split_once("://").map(|(_, own)| own);
        own.is_some_and(|own| own.eq_ignore_ascii_case(host))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_scheme_host_and_port() {
        let url = PublicUrl::parse("HTTPS://Lake.example.org/").unwrap();
        assert_eq!(url.origin(), "https://lake.example.org");
        assert!(url.is_https() && !url.is_loopback());
        assert!(url.is_at("LAKE.example.org") && !url.is_at("lake.example.org:8443"));
        let url = PublicUrl::parse("http://127.0.0.1:8080").unwrap();
        assert_eq!(url.origin(), "http://127.0.0.1:8080");
        assert!(!url.is_https() && url.is_loopback());
        assert!(PublicUrl::parse("http://[::1]").unwrap().is_loopback());
    }

    #[test]
    fn what_is_more_or_less_is_refused() {
        for text in [
            "lake.example.org",
            "ftp://lake.example.org",
            "https://lake.example.org/path",
            "https://lake.example.org?x",
            "https://user@lake.example.org",
            "https://",
            "",
        ] {
            assert!(PublicUrl::parse(text).is_err(), "{text}");
        }
    }
}
