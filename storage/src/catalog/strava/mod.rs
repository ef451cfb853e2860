//! What our catalog knows of Strava: who is connected, which activities there
//! are, what was announced, and how much of the limits is used.
//!
//! Tokens are here only as they were sealed ([`crate::seal`]).

mod budget;
mod connections;
mod events;
mod mirror;
mod states;
mod subscription;

pub use budget::{BudgetLimits, BudgetUse, BudgetWindow, Taken, Windows};
pub(super) use connections::remove_of;
pub use connections::{
    ConnectionStatus, NewConnection, StravaConnection, StravaListed, StravaSweep, StravaTokens,
};
pub use events::{StoredEvent, StravaAudience, StravaEvent};
pub use mirror::{MirrorCounts, MirrorRow};
pub use states::{AuthState, NewAuthState};
pub use subscription::StravaApp;
