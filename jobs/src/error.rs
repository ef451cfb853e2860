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
    /// Strava refused, or was not to be had.
    #[error(transparent)]
    Strava(#[from] ::strava::Error),
    /// Strava does not serve our app.
    #[error("{}", crate::strava::trouble::INACTIVE_REASON)]
    StravaAppInactive,
    /// Strava is not configured.
    #[error("pacelake is not set up for Strava: {missing}")]
    StravaNotConfigured {
        /// What is missing.
        missing: String,
    },
    /// An athlete who did not connect.
    #[error("athlete {0} is not connected to Strava")]
    StravaNotConnected(AthleteId),
    /// A connection that its athlete must mend.
    #[error("the connection to Strava does not work: {reason}")]
    StravaDegraded {
        /// What is wrong with it.
        reason: String,
    },
    /// Tokens that could not be refreshed, for a reason that is not the athlete's.
    #[error("the connection to Strava rests until {until}: {reason}")]
    StravaResting {
        /// When it is tried again.
        until: jiff::Timestamp,
        /// Why it failed.
        reason: String,
    },
    /// Strava's limits are used.
    #[error("Strava's limits are used until {until}")]
    StravaLimited {
        /// When there is room again.
        until: jiff::Timestamp,
    },
    /// An activity that Strava does not know.
    #[error("activity {0} did not come from Strava")]
    NotFromStrava(storage::ActivityId),
    /// What Strava answered cannot be read as an activity.
    #[error("Strava's answer cannot be read: {reason}")]
    StravaUnreadable {
        /// The code of what is wrong.
        code: Code,
        /// What is wrong.
        reason: String,
    },
    /// Events that could not be kept.
    #[error("events cannot be kept now: {0}")]
    StravaEvents(String),
    /// Another process holds an athlete's tokens for too long.
    #[error("another process has been refreshing the tokens of athlete {0} for a minute")]
    StravaTokensHeld(AthleteId),
    /// A sign-in at Strava that came to nothing.
    #[error(transparent)]
    StravaSignIn(#[from] crate::strava::connect::Refusal),
    /// A secret that cannot be sealed or opened.
    #[error(transparent)]
    Seal(#[from] storage::seal::SealError),
    /// A job's own data that are not what the job wants.
    #[error("a job's data cannot be read")]
    JobData(#[from] serde_json::Error),
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

impl Error {
    /// What an athlete does about a connection that does not work.
    pub const RECONNECT: &str = "connect to Strava again at /api/strava/auth";
    /// What an operator does about an app that Strava does not serve.
    pub const MEND_APP: &str = "as the app's owner compare its id and secret, and whether it is \
        active, with https://www.strava.com/settings/api; it is tried again every hour";
    /// What is to be done about what passes.
    pub const WAIT: &str = "wait: it is tried again by itself; if it stays so, look at the log";
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
            Self::Strava(error) => crate::strava::trouble::code(error),
            Self::StravaAppInactive | Self::StravaNotConfigured { .. } => Code::StravaApp,
            Self::StravaNotConnected(_) | Self::StravaDegraded { .. } => Code::StravaAccess,
            Self::StravaLimited { .. } => Code::StravaLimited,
            Self::StravaResting { .. } => Code::StravaUnavailable,
            Self::NotFromStrava(_) => Code::NotFound,
            Self::StravaUnreadable { code, .. } => *code,
            Self::StravaEvents(_) => Code::CatalogUnavailable,
            Self::StravaTokensHeld(_) => Code::StravaUnavailable,
            Self::StravaSignIn(_) => Code::StravaSignIn,
            Self::Seal(_) => Code::StravaApp,
            Self::Worker(_) | Self::Rows(_) | Self::JobData(_) | Self::Payload { .. } => {
                Code::Internal
            }
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
            Self::StravaNotConnected(_) | Self::StravaDegraded { .. } => Self::RECONNECT,
            Self::StravaAppInactive => {
                "look at https://www.strava.com/settings/api as the app's owner"
            }
            Self::StravaNotConfigured { .. } => "set what it names; data/settings.md has them all",
            Self::StravaLimited { .. } => {
                "wait until then; events and back-fill go on by themselves"
            }
            Self::StravaResting { .. } => Self::WAIT,
            Self::StravaTokensHeld(_) | Self::StravaEvents(_) => "try again",
            Self::NotFromStrava(_) => "ask for one that Strava's archive or API brought",
            Self::StravaUnreadable { .. } => {
                "look at the activity at Strava, and report it with the log"
            }
            Self::StravaSignIn(refusal) => refusal.try_next(),
            Self::Seal(_) => "see that PACELAKE_SECRET_KEY_FILE is the file that was used before",
            Self::Strava(error) => error.verdict().try_next(),
            Self::Worker(_) | Self::Rows(_) | Self::JobData(_) | Self::Payload { .. } => {
                "report it with the log; the lake is unchanged"
            }
        }
    }
}
