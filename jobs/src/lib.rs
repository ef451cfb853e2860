//! Makes things happen: import, derive, recompute, check.
//!
//! Every job may run twice; only the driver commits; no job serves HTTP.
//! Begin at [`import`], which walks one batch from paths to a commit.

pub mod again;
pub mod build;
pub mod check;
pub mod context;
pub mod derive;
mod error;
mod identify;
pub mod import;
pub mod ingest;
pub mod input;
pub mod maintain;
pub mod progress;
pub mod purge;
pub mod recompute;
pub mod report;
pub mod source;

pub use context::Context;
pub use error::Error;
