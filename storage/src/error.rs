//! What can go wrong in storage.

use crate::code::{Code, Failure};

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The catalog database refused a statement or did not answer.
    #[error("the catalog database failed to {attempt}")]
    Database {
        /// What was attempted, as a verb.
        attempt: &'static str,
        /// What the database said.
        source: sqlx::Error,
    },
    /// A URL that names no PostgreSQL database.
    #[error("the catalog's URL is not understood")]
    CatalogUrl(#[source] sqlx::Error),
    /// A value that cannot be bound or read.
    #[error("a value does not fit the catalog")]
    Value(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A row of the catalog that holds something else than it must.
    #[error("column {column} of a row of the catalog is not {wanted}")]
    Column {
        /// The column, counted from 0.
        column: usize,
        /// What it must be.
        wanted: &'static str,
    },
}

impl Error {
    /// The catalog failed to do what `attempt`, a verb, says.
    pub(crate) fn database(attempt: &'static str, source: sqlx::Error) -> Self {
        Self::Database { attempt, source }
    }

    /// A value that cannot be bound or read.
    pub(crate) fn bind(source: Box<dyn std::error::Error + Send + Sync>) -> Self {
        Self::Value(source)
    }

    /// Whether the same transaction may succeed when it is tried again from
    /// its beginning: another one was in its way.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Database { source, .. } => is_retryable(source),
            Self::CatalogUrl(_) | Self::Value(_) | Self::Column { .. } => false,
        }
    }
}

/// Serialisation failure, deadlock, a snapshot number taken by someone else,
/// or SQLite busy or locked.
fn is_retryable(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else {
        return false;
    };
    let code = error.code().unwrap_or_default();
    if error.is_unique_violation() {
        // DuckLake's tables have names of their own; PostgreSQL names the
        // table, SQLite says `ducklake_snapshot.snapshot_id`.
        return error.table() == Some("ducklake_snapshot")
            || error.message().contains("ducklake_snapshot.snapshot_id");
    }
    match code.as_ref() {
        "40001" | "40P01" => true,
        // SQLite's extended codes have the primary code in the low byte:
        // 5 is SQLITE_BUSY, 6 SQLITE_LOCKED. PostgreSQL's have five digits.
        digits if digits.len() < 5 => digits
            .parse::<u32>()
            .is_ok_and(|code| matches!(code & 0xff, 5 | 6)),
        _ => false,
    }
}

/// Whether it is a fault of statement or data, not of connection or server.
fn is_own_fault(error: &sqlx::Error) -> bool {
    let Some(error) = error.as_database_error() else {
        return false;
    };
    let code = error.code().unwrap_or_default();
    if code.len() == 5 {
        // PostgreSQL: data exceptions, integrity, syntax.
        ["22", "23", "42"]
            .iter()
            .any(|class| code.starts_with(class))
    } else {
        // SQLite: SQLITE_ERROR, SQLITE_CONSTRAINT, SQLITE_MISMATCH.
        code.parse::<u32>()
            .is_ok_and(|code| matches!(code & 0xff, 1 | 19 | 20))
    }
}

impl Failure for Error {
    fn code(&self) -> Code {
        match self {
            Self::Database { source, .. } if is_own_fault(source) => Code::Internal,
            Self::Database { .. } => Code::CatalogUnavailable,
            Self::CatalogUrl(_) => Code::InvalidArgument,
            Self::Value(_) => Code::Internal,
            Self::Column { .. } => Code::Inconsistent,
        }
    }

    fn try_next(&self) -> &'static str {
        match self {
            Self::Database { source, .. } if is_own_fault(source) => "report it with the log",
            Self::Database { .. } => "see that the catalog can be reached and try again",
            Self::CatalogUrl(_) => "give a URL such as postgres://user@host/database",
            Self::Value(_) => "report it with the log",
            Self::Column { .. } => "run check",
        }
    }
}
