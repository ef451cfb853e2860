//! Makes things happen: import, derive, recompute, rebuild, check, repair.
//!
//! Every job may run twice; only the driver commits; no job serves HTTP.
//! Begin at [`import`], which walks one batch from paths to a commit.

pub mod again;
pub mod backup;
pub mod build;
pub mod changes;
pub mod check;
pub mod chores;
pub mod context;
pub mod copies;
pub mod correct;
pub mod derive;
pub mod diff;
mod error;
pub mod exit;
pub mod explain;
pub mod growth;
mod identify;
pub mod import;
pub mod ingest;
pub mod input;
pub mod maintain;
pub mod progress;
pub mod purge;
pub mod queue;
pub mod rebuild;
pub mod recompute;
pub mod repair;
pub mod replay;
pub mod report;
pub mod retention;
pub mod source;
pub mod strava;
mod task;

pub use context::Context;
pub use error::Error;
