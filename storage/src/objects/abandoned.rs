//! What a put that was cut off leaves behind.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;

/// The remains of a put whose process ended before it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Abandoned {
    /// A file on disk with a name that no list shows.
    File {
        /// Where it lies.
        path: PathBuf,
        /// Its length in bytes.
        bytes: u64,
    },
    /// An upload in parts to an S3 store, never completed; its parts are paid
    /// for and seen by nobody.
    Upload {
        /// What the object would have been.
        key: String,
        /// The store's name of the upload.
        id: String,
        /// When it began.
        begun: Timestamp,
    },
}

impl Abandoned {
    /// Its length in bytes; 0 for an upload, whose length no store lists.
    pub fn bytes(&self) -> u64 {
        match self {
            Self::File { bytes, .. } => *bytes,
            Self::Upload { .. } => 0,
        }
    }
}

impl fmt::Display for Abandoned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, bytes } => write!(f, "{} ({bytes} bytes)", path.display()),
            Self::Upload { key, begun, .. } => write!(f, "the upload of {key}, begun {begun}"),
        }
    }
}
