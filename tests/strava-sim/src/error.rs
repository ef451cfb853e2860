//! What can go wrong with the simulator itself; what it answers on purpose is
//! in [`crate::problem`].

use std::path::PathBuf;

/// What was attempted, and why it failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is taken, or none.
    #[error("could not listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The client that sends events could not be made.
    #[error("could not make the client that sends events")]
    Client {
        /// Why.
        source: reqwest::Error,
    },
    /// Nobody has this id.
    #[error("there is no athlete {0}")]
    UnknownAthlete(i64),
    /// Nothing has this id.
    #[error("there is no activity {0}")]
    UnknownActivity(i64),
    /// An id was given that is taken.
    #[error("there is an activity {0} already")]
    DoubledActivity(i64),
    /// The bytes are no recording.
    #[error("could not decode the recording")]
    Recording {
        /// Why.
        source: pipeline::error::DecodeError,
    },
    /// The recording holds no moment.
    #[error("the recording has no sample with a time")]
    NoSamples,
    /// An activity has nothing that could be cut off.
    #[error("activity {id} cannot be cropped to {from_s}..{to_s} s")]
    Crop {
        /// Which.
        id: i64,
        /// Seconds since its start.
        from_s: i64,
        /// Seconds since its start.
        to_s: i64,
    },
    /// A recording could not be generated.
    #[error("could not generate a recording")]
    Generate {
        /// Why.
        source: generator::Error,
    },
    /// The clock is the machine's.
    #[error("only a controlled clock can be moved")]
    RealClock,
    /// A folder or file of recordings cannot be read.
    #[error("could not read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What the control was told cannot be read.
    #[error("could not read {what}: {cause}")]
    Told {
        /// What was told.
        what: &'static str,
        /// Why.
        cause: String,
    },
    /// The server ended.
    #[error("the server ended")]
    Serve {
        /// Why.
        source: std::io::Error,
    },
}
