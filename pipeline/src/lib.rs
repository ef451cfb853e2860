//! Bytes in, clean rows and findings out. No I/O, no clock, no async; of
//! storage it sees only declarations.
//!
//! Begin at [`recording`]: what decoders yield. [`mod@clean`] makes one
//! activity's samples of it, [`identity`] says which recordings are one
//! activity, [`mod@merge`] joins them, and [`mod@rows`] makes record batches.

pub mod clean;
pub mod decode;
pub mod distance;
pub mod error;
pub mod finding;
pub mod identity;
pub mod merge;
pub mod recording;
pub mod rows;
#[cfg(test)]
mod sample;
pub mod sport;
pub mod times;
pub mod track;
