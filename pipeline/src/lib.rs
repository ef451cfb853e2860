//! Bytes in, clean rows and findings out. No I/O, no clock, no async; of
//! storage it sees only declarations.
//!
//! Begin at [`recording`]: what decoders yield.

pub mod decode;
pub mod error;
pub mod finding;
pub mod recording;
