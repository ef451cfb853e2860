//! How long and how much a call may take.

use std::time::Duration;

/// Bounds on every call. The defaults are what pacelake runs with; tests make
/// them small.
#[derive(Clone, Debug)]
pub struct Limits {
    /// For a connection to stand.
    pub connect: Duration,
    /// For the whole call, from the connection to the answer's last byte.
    pub whole: Duration,
    /// Of an answer, in bytes, after decompression. The longest stream of a day
    /// (86,400 samples of nine kinds) takes about 6 MB.
    pub body_bytes: usize,
    /// Until a code that was refused is offered a second time: Strava sometimes
    /// does not know its own code in the first second.
    pub second_offer: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            whole: Duration::from_secs(30),
            body_bytes: 64 << 20,
            second_offer: Duration::from_secs(2),
        }
    }
}
