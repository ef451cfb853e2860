//! Why a PostgreSQL server does not serve us, and what to try.

use std::error::Error as StdError;
use std::fmt;
use std::io::ErrorKind;

/// Why a connection to the catalog failed, as far as the server says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatalogTrouble {
    /// Nobody answers there.
    Unreachable,
    /// The server's certificate is not one that we trust.
    Untrusted,
    /// The server has no TLS, and the URL asks for it.
    NoTls,
    /// User and password do not fit, or may not connect.
    Denied,
    /// There is no such database.
    NoDatabase,
    /// It has as many connections as it takes.
    Full,
    /// Anything else.
    Other,
}

impl CatalogTrouble {
    /// What an error of a connection means.
    pub(crate) fn of(error: &sqlx::Error) -> Self {
        if let Some(code) = error.as_database_error().and_then(|error| error.code()) {
            return match code.as_ref() {
                "28000" | "28P01" => Self::Denied,
                "3D000" => Self::NoDatabase,
                "53300" => Self::Full,
                _ => Self::Other,
            };
        }
        let first: &(dyn StdError + 'static) = error;
        let chain = std::iter::successors(Some(first), |error| (*error).source());
        let said: Vec<String> = chain.map(ToString::to_string).collect();
        let has = |words: &str| said.iter().any(|text| text.contains(words));
        if has("invalid peer certificate") || has("nvalid certificate") {
            return Self::Untrusted;
        }
        if has("does not support TLS") {
            return Self::NoTls;
        }
        match error {
            sqlx::Error::Io(error) => match error.kind() {
                // A certificate file that is not there.
                ErrorKind::NotFound if has("No such file") => Self::Untrusted,
                _ => Self::Unreachable,
            },
            sqlx::Error::Tls(_) => Self::Untrusted,
            _ => Self::Other,
        }
    }

    /// What a person may try next.
    pub fn try_next(self) -> &'static str {
        match self {
            Self::Unreachable => "see that the server runs, and that host and port are right",
            Self::Untrusted => {
                "give the root of the server's certificate in the catalog's URL: \
                 ?sslmode=verify-full&sslrootcert=/path/to/root.pem; its name must be the host's"
            }
            Self::NoTls => "turn TLS on at the server (ssl = on)",
            Self::Denied => "correct user and password in the catalog's URL, or the server's rules",
            Self::NoDatabase => "make the database (createdb), or correct its name in the URL",
            Self::Full => "raise the server's max_connections, or run fewer processes",
            Self::Other => "see that the catalog can be reached and try again",
        }
    }
}

impl fmt::Display for CatalogTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "nobody answers",
            Self::Untrusted => "its certificate is not trusted",
            Self::NoTls => "it has no TLS",
            Self::Denied => "this user may not connect",
            Self::NoDatabase => "there is no such database",
            Self::Full => "it takes no more connections",
            Self::Other => "it refuses",
        })
    }
}
