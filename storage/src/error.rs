//! What can go wrong in storage.

use crate::catalog::{AccountTrouble, CatalogTrouble};
use crate::code::{Code, Failure};
use crate::id::{ActivityId, AthleteId};
use crate::lake::past::{Kept, Missing};
use crate::moment::Moment;
use crate::objects::Trouble;

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
    /// PostgreSQL lets nobody in.
    #[error("the PostgreSQL server of the catalog: {trouble}")]
    CatalogRefused {
        /// What is wrong, as far as the server says.
        trouble: CatalogTrouble,
        /// What the server or the connection said.
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
    /// Our tables in the catalog were made by a newer build.
    #[error("the catalog has version {found}; this build knows versions up to {known}")]
    UnknownCatalog {
        /// The version of the catalog.
        found: i64,
        /// The newest that this build knows.
        known: i64,
    },
    /// Another process reads the catalog's file all the time.
    #[error("another process reads the catalog, so that its journal cannot be emptied")]
    CatalogInUse,
    /// An athlete that there is not.
    #[error("athlete {athlete_id} does not exist")]
    NoAthlete {
        /// Who was asked for.
        athlete_id: AthleteId,
    },
    /// An activity that there is not, or that is another athlete's.
    #[error("activity {activity_id} does not exist")]
    NoActivity {
        /// What was asked for.
        activity_id: ActivityId,
    },
    /// A job that there is not, or not any more.
    #[error("job {job_id} does not exist")]
    NoJob {
        /// What was asked for.
        job_id: i64,
    },
    /// A job that is to run again and was done.
    #[error("job {job_id} is done")]
    JobIsDone {
        /// The job.
        job_id: i64,
    },
    /// An account, a token or a link that cannot be made, found or used.
    #[error("{0}")]
    Account(AccountTrouble),
    /// A recording that holds more activities than are to be purged.
    #[error("a recording of it also holds {}", listed(others))]
    SharedRecording {
        /// The other activities.
        others: Vec<ActivityId>,
    },
    /// Someone else wrote the same thing first; nothing was written.
    #[error("{what} changed meanwhile")]
    Conflict {
        /// What it is about, such as `an activity`.
        what: &'static str,
    },
    /// Bytes that are not in the raw store.
    #[error("the raw store has no {sha256} of athlete {athlete_id}")]
    NoRaw {
        /// Whose they would be.
        athlete_id: AthleteId,
        /// What was asked for.
        sha256: String,
    },
    /// More bytes than the raw store keeps in one piece.
    #[error("{bytes} bytes are more than the {limit} that are kept in one piece")]
    TooLarge {
        /// How many there are.
        bytes: u64,
        /// How many there may be.
        limit: u64,
    },
    /// The lake's catalog is of a format version that this build cannot read.
    #[error("the lake has format version {found}; this build reads {known}")]
    UnknownVersion {
        /// The version that the catalog names.
        found: String,
        /// The one that this build reads and writes.
        known: &'static str,
    },
    /// The object store refused or cannot be reached.
    #[error("could not {attempt} {path}")]
    Store {
        /// What was attempted, as a verb.
        attempt: &'static str,
        /// The object concerned.
        path: String,
        /// The store's answer.
        source: object_store::Error,
    },
    /// The object store does not serve us at all.
    #[error("{place}: {trouble}")]
    StoreRefused {
        /// The bucket and its server.
        place: String,
        /// What is wrong, as far as the store says.
        trouble: Trouble,
        /// The store's answer.
        source: object_store::Error,
    },
    /// An option of the object store that means nothing.
    #[error("{what}: {reason}")]
    StoreOption {
        /// What was given.
        what: String,
        /// Why it cannot be used.
        reason: &'static str,
        /// What can be.
        try_next: &'static str,
    },
    /// A folder of this machine cannot be used.
    #[error("could not {attempt} {path}")]
    Disk {
        /// What was attempted, as a verb.
        attempt: &'static str,
        /// The file or folder.
        path: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// A Parquet file cannot be written or read.
    #[error("could not {attempt} {path}")]
    Parquet {
        /// What was attempted, as a verb.
        attempt: &'static str,
        /// The file concerned.
        path: String,
        /// The Parquet library's answer.
        source: parquet::errors::ParquetError,
    },
    /// Rows that cannot be brought into the shape of their table.
    #[error("could not {attempt}")]
    Rows {
        /// What was attempted, as the rest of a sentence.
        attempt: &'static str,
        /// Arrow's answer.
        source: arrow::error::ArrowError,
    },
    /// A plan that cannot be made.
    #[error("could not {attempt}")]
    Plan {
        /// What was attempted, as the rest of a sentence.
        attempt: &'static str,
        /// DataFusion's answer.
        source: datafusion::error::DataFusionError,
    },
    /// The lake, its catalog and its files do not agree.
    #[error("{what}")]
    Inconsistent {
        /// The disagreement, as a sentence.
        what: String,
    },
    /// A text that names neither a snapshot nor an instant.
    #[error("{text:?} is neither a snapshot nor a time")]
    Moment {
        /// The text.
        text: String,
    },
    /// A snapshot that is not there, or has expired.
    #[error("{}; {}", not_kept(*asked, *why), kept(oldest, newest))]
    NoSnapshot {
        /// The snapshot, or the instant, that was asked for.
        asked: Moment,
        /// Why there is none.
        why: Missing,
        /// The oldest that is kept.
        oldest: Kept,
        /// The newest.
        newest: Kept,
    },
    /// A table that the lake does not have.
    #[error("the lake has no table {table}")]
    NoTable {
        /// The table that was asked for.
        table: String,
    },
    /// A column that a table does not have.
    #[error("table {table} has no column {column}")]
    NoColumn {
        /// The table.
        table: String,
        /// The column that was asked for.
        column: String,
    },
    /// A program of PostgreSQL that is not installed.
    #[error("the program {program} is not there")]
    NoTool {
        /// Its name.
        program: &'static str,
    },
    /// A program of PostgreSQL that failed.
    #[error("{program} failed: {said}")]
    Tool {
        /// Its name.
        program: &'static str,
        /// What it said.
        said: String,
    },
    /// A place that must be empty and is not.
    #[error("{what} at the target is not empty")]
    NotEmpty {
        /// What is there already.
        what: String,
    },
    /// A backup that is not there or not whole.
    #[error("{what}")]
    Backup {
        /// What is wrong, as a sentence.
        what: String,
    },
    /// A column type that another writer made and this build cannot read.
    #[error("column {column} has the type {found}, which this build does not read")]
    UnknownType {
        /// The column.
        column: String,
        /// Its type, as the lake's catalog has it.
        found: String,
    },
}

impl Error {
    /// The catalog failed to do what `attempt`, a verb, says.
    pub(crate) fn database(attempt: &'static str, source: sqlx::Error) -> Self {
        Self::Database { attempt, source }
    }

    /// Whether the same transaction may succeed when it is tried again from
    /// its beginning: another one was in its way.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Database { source, .. } => is_retryable(source),
            Self::CatalogUrl(_)
            | Self::CatalogRefused { .. }
            | Self::Value(_)
            | Self::Column { .. }
            | Self::UnknownCatalog { .. }
            | Self::CatalogInUse
            | Self::NoAthlete { .. }
            | Self::NoActivity { .. }
            | Self::NoJob { .. }
            | Self::JobIsDone { .. }
            | Self::Account(_)
            | Self::SharedRecording { .. }
            | Self::Conflict { .. }
            | Self::NoRaw { .. }
            | Self::TooLarge { .. }
            | Self::UnknownVersion { .. }
            | Self::Store { .. }
            | Self::StoreRefused { .. }
            | Self::StoreOption { .. }
            | Self::Disk { .. }
            | Self::Parquet { .. }
            | Self::Rows { .. }
            | Self::Plan { .. }
            | Self::Inconsistent { .. }
            | Self::Moment { .. }
            | Self::NoSnapshot { .. }
            | Self::NoTable { .. }
            | Self::NoColumn { .. }
            | Self::NoTool { .. }
            | Self::Tool { .. }
            | Self::NotEmpty { .. }
            | Self::Backup { .. }
            | Self::UnknownType { .. } => false,
        }
    }
}

/// Activities for people.
fn listed(activities: &[ActivityId]) -> String {
    let named = activities.iter().map(|id| format!("activity {id}"));
    named.collect::<Vec<_>>().join(", ")
}

/// Why there is no snapshot of this moment, for people.
fn not_kept(asked: Moment, why: Missing) -> String {
    let what = match asked {
        Moment::Snapshot(id) => format!("snapshot {id}"),
        Moment::Instant(_) => format!("the snapshot of {asked}"),
    };
    match why {
        Missing::NotYetMade => format!("{what} has not been made"),
        Missing::BeforeTheFirst => format!("{asked} is before the first snapshot"),
        Missing::Expired => format!("{what} has expired"),
    }
}

/// Which snapshots are kept, for people.
fn kept(oldest: &Kept, newest: &Kept) -> String {
    match oldest == newest {
        true => format!("kept is snapshot {newest}"),
        false => format!("kept are snapshots {oldest} to {newest}"),
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
            Self::Database { .. } | Self::CatalogRefused { .. } => Code::CatalogUnavailable,
            Self::CatalogUrl(_) => Code::InvalidArgument,
            Self::Value(_) => Code::Internal,
            Self::Column { .. } => Code::Inconsistent,
            Self::UnknownVersion { .. }
            | Self::UnknownCatalog { .. }
            | Self::UnknownType { .. } => Code::UnknownVersion,
            Self::NoAthlete { .. } | Self::NoActivity { .. } | Self::NoJob { .. } => Code::NotFound,
            Self::Account(trouble) => trouble.code(),
            Self::SharedRecording { .. } | Self::JobIsDone { .. } => Code::InvalidArgument,
            Self::CatalogInUse | Self::Conflict { .. } => Code::Conflict,
            Self::NoRaw { .. } => Code::NotFound,
            Self::TooLarge { .. } => Code::InputTooLarge,
            Self::Store { .. } | Self::StoreRefused { .. } | Self::Disk { .. } => {
                Code::StoreUnavailable
            }
            Self::StoreOption { .. } | Self::Moment { .. } => Code::InvalidArgument,
            Self::Parquet { source, .. } if Trouble::below(source).is_some() => {
                Code::StoreUnavailable
            }
            Self::Parquet { .. } | Self::Inconsistent { .. } => Code::Inconsistent,
            Self::Rows { .. } | Self::Plan { .. } => Code::Internal,
            Self::NoSnapshot { .. } | Self::NoTable { .. } => Code::NotFound,
            Self::NoColumn { .. } | Self::NotEmpty { .. } => Code::InvalidArgument,
            Self::NoTool { .. } | Self::Tool { .. } => Code::CatalogUnavailable,
            Self::Backup { .. } => Code::Inconsistent,
        }
    }

    fn try_next(&self) -> &'static str {
        match self {
            Self::Database { source, .. } if is_own_fault(source) => "report it with the log",
            Self::Database { .. } => "see that the catalog can be reached and try again",
            Self::CatalogRefused { trouble, .. } => trouble.try_next(),
            Self::CatalogUrl(_) => "give a URL such as postgres://user@host/database",
            Self::Value(_) => "report it with the log",
            Self::Parquet { source, .. } => {
                Trouble::below(source).map_or("run check", Trouble::try_next)
            }
            Self::Column { .. } | Self::Inconsistent { .. } => "run check",
            Self::CatalogInUse => "end long queries and servers and try again",
            Self::NoAthlete { .. } => "list them with `pacelake athlete ls`",
            Self::NoActivity { .. } => "list them with `pacelake ls`",
            Self::NoJob { .. } => "list them with `pacelake jobs ls`",
            Self::JobIsDone { .. } => "ask for the same work anew",
            Self::Account(trouble) => trouble.try_next(),
            Self::SharedRecording { .. } => "name those too, since the recording must go",
            Self::Conflict { .. } => "try again",
            Self::NoRaw { .. } => "import the recording again",
            Self::TooLarge { .. } => "split the recording",
            Self::UnknownVersion { .. } | Self::UnknownCatalog { .. } => {
                "use the build of pacelake that wrote it, or a newer one"
            }
            Self::UnknownType { .. } => "give the column a plain type",
            Self::Store { source, .. } => Trouble::of(source).try_next(),
            Self::StoreRefused { trouble, .. } => trouble.try_next(),
            Self::StoreOption { try_next, .. } => try_next,
            Self::Disk { .. } => "check the disk: space, rights, and that it is there",
            Self::Rows { .. } | Self::Plan { .. } => "report it with the log",
            Self::Moment { .. } => {
                "write a snapshot's number, a time such as 2026-03-01T12:00:00Z, \
                 or a day such as 2026-03-01"
            }
            Self::NoSnapshot { why, .. } => match why {
                Missing::NotYetMade => "ask for an older snapshot, or for none to read the newest",
                Missing::BeforeTheFirst | Missing::Expired => {
                    "ask for a newer snapshot or a later time, or for none to read the newest"
                }
            },
            Self::NoTable { .. } | Self::NoColumn { .. } => "look at the data dictionary",
            Self::NoTool { .. } => {
                "install PostgreSQL's client programs, as new as the server \
                 (on Debian and Ubuntu: apt-get install postgresql-client)"
            }
            Self::Tool { .. } => "mend what it names and try again",
            Self::NotEmpty { .. } => "name an empty folder and an empty database",
            Self::Backup { .. } => "use another backup; `pacelake restore --list` shows all",
        }
    }
}
