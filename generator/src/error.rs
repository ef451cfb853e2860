//! What can go wrong: a folder that cannot be written, a life that is too short.

use std::path::PathBuf;

use storage::{Code, Failure};

/// Why recordings were not made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be written.
    #[error("could not write {}", path.display())]
    Write {
        /// Which one.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// More activities than so many athletes have in a life.
    #[error("{athletes} athletes do not train {activities} times in a hundred years")]
    TooMany {
        /// How many were asked for.
        activities: u64,
        /// Of how many athletes.
        athletes: u64,
    },
    /// The encoder refused a message, which is a fault of ours.
    #[error("a message does not fit the format: {0}")]
    Encode(String),
}

impl Failure for Error {
    fn code(&self) -> Code {
        match self {
            Self::Write { .. } => Code::UnreadablePath,
            Self::TooMany { .. } => Code::InvalidArgument,
            Self::Encode(_) => Code::Internal,
        }
    }

    fn try_next(&self) -> &'static str {
        match self {
            Self::Write { .. } => "name a folder that can be written, with room on its disk",
            Self::TooMany { .. } => "ask for more athletes, or for fewer activities",
            Self::Encode(_) => "report it with the command that was run",
        }
    }
}
