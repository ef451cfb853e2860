//! Why an input gave no recording, and a recording no rows.

use std::error::Error as StdError;

use storage::{Code, Failure};

use crate::recording::Format;

/// What decoding can fail by. What still yields samples is a
/// [finding](crate::finding::Finding), not an error.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// Neither by its first bytes nor by its root element a recording.
    #[error("not a FIT, GPX or TCX recording")]
    UnknownFormat,
    /// A limit of [`Limits`](crate::decode::Limits) was passed.
    #[error("over {limit} {what}")]
    TooLarge {
        /// What there is too much of, in the plural.
        what: &'static str,
        /// How much is allowed.
        limit: u64,
    },
    /// A file of the right format that holds something else.
    #[error("a {} file without an activity: {holds}", .format.name())]
    NoActivity {
        /// The format.
        format: Format,
        /// What it holds instead.
        holds: String,
    },
    /// Positions without time are a route, not a recording.
    #[error("no point of the {} file has a time", .format.name())]
    NoTime {
        /// The format.
        format: Format,
    },
    /// Nothing of the recording could be read.
    #[error("no sample could be read from the {} file", .format.name())]
    Damaged {
        /// The format.
        format: Format,
        /// What the reader said, where it said something.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// A zip or gz container that cannot be opened or unpacked.
    #[error("the archive cannot be read")]
    DamagedArchive {
        /// What the reader said.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A row of Strava's table of activities that says nothing of an activity.
    #[error("line {line} of activities.csv: {reason}")]
    DamagedRow {
        /// Its first line, from 1.
        line: u64,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Strava's table of activities has no columns that are known.
    #[error("activities.csv has no columns that are known: {reason}")]
    UnknownTable {
        /// What was missing.
        reason: String,
    },
}

impl DecodeError {
    /// A [`DecodeError::DamagedArchive`] from whatever the container's reader said.
    pub(crate) fn archive(source: impl StdError + Send + Sync + 'static) -> Self {
        Self::DamagedArchive {
            source: Box::new(source),
        }
    }
}

impl Failure for DecodeError {
    fn code(&self) -> Code {
        match self {
            Self::UnknownFormat => Code::UnsupportedFormat,
            Self::TooLarge { .. } => Code::InputTooLarge,
            Self::NoActivity { .. } => Code::NoActivity,
            Self::NoTime { .. } => Code::NoTime,
            Self::Damaged { .. } | Self::DamagedRow { .. } => Code::DamagedRecording,
            Self::DamagedArchive { .. } | Self::UnknownTable { .. } => Code::DamagedArchive,
        }
    }

    fn try_next(&self) -> &'static str {
        match self {
            Self::UnknownFormat => "export the original file from where it was recorded",
            Self::TooLarge { .. } => "split the file, or leave out what is not a recording",
            Self::NoActivity { .. } => "choose the file of the activity itself",
            Self::NoTime { .. } => "export it again with time, or keep it as a route elsewhere",
            Self::Damaged { .. } => "copy the file from the device again",
            Self::DamagedRow { .. } => "import the file of the activity by itself",
            Self::DamagedArchive { .. } => "download the archive again",
            Self::UnknownTable { .. } => "import the folder activities of the archive by itself",
        }
    }
}

/// Why a recording cannot become clean rows. What still yields rows is a
/// finding, not an error.
#[derive(Debug, thiserror::Error)]
pub enum CleanError {
    /// No sample has a time and the source names no start.
    #[error("no sample has a time and the {format} source names no start")]
    NoTime {
        /// What the recording was read from.
        format: &'static str,
    },
    /// The rows do not have the declared shape: a fault of pacelake.
    #[error("rows of {table} do not have its declared shape")]
    Shape {
        /// The table whose rows were built.
        table: &'static str,
        /// What Arrow says.
        source: arrow::error::ArrowError,
    },
}

impl Failure for CleanError {
    fn code(&self) -> Code {
        match self {
            Self::NoTime { .. } => Code::NoTime,
            Self::Shape { .. } => Code::Internal,
        }
    }

    fn try_next(&self) -> &'static str {
        match self {
            Self::NoTime { .. } => "export the recording with the time of each point",
            Self::Shape { .. } => "report it with the file that caused it",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_names_what_there_is_too_much_of() {
        let error = DecodeError::TooLarge {
            what: "samples in one recording",
            limit: 5,
        };
        assert_eq!(error.to_string(), "over 5 samples in one recording");
        assert_eq!(error.code(), Code::InputTooLarge);
    }
}
