//! Derived definitions and reading; it never writes.
//!
//! Begin at [`activity`]: what the kernels read. [`derived`] lists the
//! definitions, [`derive`](mod@derive) applies them.

pub mod activity;
pub mod derive;
pub mod derived;
pub mod error;
pub mod exact;
pub mod measured;

pub use error::Error;
