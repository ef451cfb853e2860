//! Everything between Strava and the lake: sign-in, tokens, limits, events,
//! and the jobs that fetch.
//!
//! An event, a poll and the back-fill all come to the same: a job that fetches
//! one activity ([`fetch`]) and takes in what it finds. What an event says is
//! never taken for data. So doubled, late and lost events end in the same
//! state, and a deletion is one that Strava confirms.
//!
//! [`Service`] holds what these share; [`call`] is the one way by which reads
//! are made: it sees to tokens and limits, and reads a refusal before it acts on
//! it.

pub mod backfill;
pub mod budget;
pub mod call;
pub mod connect;
pub mod events;
pub mod fetch;
pub mod leave;
pub mod live;
pub mod poll;
pub mod service;
pub mod status;
pub mod subscription;
pub mod tokens;
pub mod trouble;
pub mod upkeep;
pub mod worker;

pub use ::strava::{App, RevokeStyle, Scope, Secret};
pub use service::{Config, Retention, Service};
pub use trouble::Halt;
