//! What can end a job. What goes wrong with one item is a row of its report
//! instead.

use std::path::PathBuf;

use storage::{AthleteId, Code, Failure};

/// Why a job as a whole stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Catalog, lake or raw store failed.
    #[error(transparent)]
    Storage(#[from] storage::Error),
    /// Reading or deriving failed.
    #[error(transparent)]
    Query(#[from] query::Error),
    /// No such athlete.
    #[error("athlete {0} does not exist")]
    NoSuchAthlete(AthleteId),
    /// A purge of the athlete has begun.
    #[error("athlete {0} is being purged, or was since this began")]
    Purged(AthleteId),
    /// A release of copies of the athlete has begun.
    #[error("copies of athlete {0} are being let go, or were since this began")]
    Released(AthleteId),
    /// A purge of nothing.
    #[error("nothing is named that is to be purged")]
    NothingToPurge,
    /// A purge that nobody confirmed.
    #[error("a purge cannot be undone, and nobody confirmed it")]
    NotConfirmed,
    /// More than one athlete, and none chosen.
    #[error("this catalog has {0} athletes, and none is named")]
    WhichAthlete(usize),
    /// More paths than one import may take.
    #[error("{path} and what is before it hold more than {limit} items")]
    TooManyItems {
        /// Where the count passed.
        path: PathBuf,
        /// The limit.
        limit: usize,
    },
    /// A definition that is not declared.
    #[error("no definition is named {name}; there are {known}")]
    NoSuchDefinition {
        /// What was asked for.
        name: String,
        /// All names.
        known: String,
    },
    /// Other writers kept winning.
    #[error("other writers changed the same activities {attempts} times in a row")]
    Contended {
        /// How often it was tried.
        attempts: u32,
        /// The last refusal.
        source: storage::Error,
    },
    /// Kept bytes that can no longer be read as they once were.
    #[error("part {part} of the kept recording {sha256} cannot be read: {reason}")]
    KeptUnreadable {
        /// The recording's hash.
        sha256: String,
        /// Which of its parts.
        part: u32,
        /// Why not.
        reason: String,
    },
    /// A kept recording that cannot be had any more.
    #[error("the recording {sha256} cannot be read: {reason}")]
    RecordingLost {
        /// The recording's hash.
        sha256: String,
        /// Why not.
        reason: String,
    },
    /// An activity that no recording stands behind.
    #[error("activity {0} has no source")]
    NoSources(storage::ActivityId),
    /// A file or folder of an exit.
    #[error("could not {attempt} {}", path.display())]
    Folder {
        /// What was attempted, as a verb.
        attempt: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// An exit's folder in a layout that this build does not know.
    #[error("the folder has layout {found}; this build knows 1")]
    ExitFormat {
        /// What its manifest says.
        found: String,
    },
    /// Activities changed whenever they were to be written out.
    #[error("activities changed {attempts} times while they were listed")]
    Busy {
        /// How often it was tried.
        attempts: u32,
    },
    /// A job that cannot be written down.
    #[error("a job of kind {kind} cannot be written as JSON")]
    Payload {
        /// What would do it.
        kind: &'static str,
        /// Why not.
        source: serde_json::Error,
    },
    /// A worker thread ended.
    #[error("a worker ended before its time")]
    Worker(#[from] tokio::task::JoinError),
    /// Clean samples that do not fit their tables.
    #[error(transparent)]
    Clean(#[from] pipeline::error::CleanError),
    /// Rows of our own that do not fit together.
    #[error("rows do not fit their table")]
    Rows(#[from] arrow::error::ArrowError),
}

impl Failure for Error {
    fn code(&self) -> Code {
        match self {
            Self::Storage(error) => error.code(),
            Self::Query(error) => error.code(),
            Self::Clean(error) => error.code(),
            Self::NoSuchAthlete(_) => Code::NotFound,
            Self::WhichAthlete(_) | Self::NoSuchDefinition { .. } => Code::InvalidArgument,
            Self::TooManyItems { .. } => Code::InputTooLarge,
            Self::Contended { .. } | Self::Busy { .. } | Self::Purged(_) | Self::Released(_) => {
                Code::Conflict
            }
            Self::NotConfirmed | Self::NothingToPurge => Code::InvalidArgument,
            Self::Folder { .. } => Code::UnreadablePath,
            Self::ExitFormat { .. } => Code::UnknownVersion,
            Self::KeptUnreadable { .. } | Self::RecordingLost { .. } | Self::NoSources(_) => {
                Code::Inconsistent
            }
            Self::Worker(_) | Self::Rows(_) | Self::Payload { .. } => Code::Internal,
        }
    }

    fn try_next(&self) -> &'static str {
        match self {
            Self::Storage(error) => error.try_next(),
            Self::Query(error) => error.try_next(),
            Self::Clean(error) => error.try_next(),
            Self::NoSuchAthlete(_) => "list them with `pacelake athlete ls`",
            Self::Purged(_) => "run `pacelake purge --unfinished`, then this again if it is wanted",
            Self::Released(_) => "fetch it again when that is over",
            Self::NothingToPurge => {
                "name an athlete with `--athlete ID`, or activities with `--activity ID`"
            }
            Self::NotConfirmed => "look at it with `--dry-run`, then confirm it with `--yes`",
            Self::WhichAthlete(_) => "choose one with `--athlete ID`",
            Self::TooManyItems { .. } => "import its folders one after the other",
            Self::NoSuchDefinition { .. } => "name one of those",
            Self::Contended { .. } | Self::Busy { .. } => {
                "run it again when the other import has ended"
            }
            Self::Folder { .. } => "check the path, its permissions and the free space",
            Self::ExitFormat { .. } => "use the build of pacelake that wrote it, or a newer one",
            Self::KeptUnreadable { .. } | Self::RecordingLost { .. } | Self::NoSources(_) => {
                "run `pacelake check`, and import the recording again if you have it"
            }
            Self::Worker(_) | Self::Rows(_) | Self::Payload { .. } => {
                "report it with the log; the lake is unchanged"
            }
        }
    }
}
