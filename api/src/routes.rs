//! The handlers, one file a resource.

pub mod activities;
pub mod analytics;
pub mod corrections;
pub mod diff;
pub mod documents;
pub mod explain;
pub mod export;
pub mod health;
pub mod runs;
pub mod sql;
pub mod start;
pub mod stats;
