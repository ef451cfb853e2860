//! The handlers, one file a resource.

pub mod activities;
pub mod analytics;
pub mod documents;
pub mod health;
pub mod runs;
pub mod start;
pub mod stats;
