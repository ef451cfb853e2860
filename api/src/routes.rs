//! The handlers, one file a resource.

pub mod accounts;
pub mod activities;
pub mod admin;
pub mod analytics;
pub mod corrections;
pub mod diff;
pub mod documents;
pub mod explain;
pub mod export;
pub mod health;
pub mod metrics;
pub mod queue;
pub mod runs;
pub mod session;
pub mod set_up;
pub mod sign_in;
pub mod sql;
pub mod start;
pub mod stats;
pub mod strava;
pub mod tokens;
