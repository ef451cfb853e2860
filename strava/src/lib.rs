//! What speaks to Strava: sign-in, tokens, reads, webhooks, and what its
//! answers say of limits.
//!
//! It knows Strava's contract and nothing of a lake, a catalog or a queue: it
//! stores nothing, retries nothing (but a code that was offered too early) and
//! spends no budget. Each call is one request; what it cost and how it ended
//! come back in an [`Answer`], and an [`Error`] has a [`Verdict`] that a caller
//! can act on. Secrets stay in [`Secret`]; no error and no log line shows one.
//!
//! Begin at [`Strava`]. What Strava sends by itself is an [`Event`].

mod answer;
mod app;
mod call;
mod error;
mod event;
mod fault;
mod limits;
mod oauth;
mod reads;
mod refusal;
mod scope;
mod secret;
mod streams;
mod subscription;
mod summary;
mod tokens;
mod usage;
mod value;

pub use answer::Answer;
pub use app::{App, RevokeStyle, Strava};
pub use error::{Attempt, Error, Loss, Verdict, WhyCode};
pub use event::{Aspect, Event, Meaning, ObjectType};
pub use limits::Limits;
pub use reads::List;
pub use scope::Scope;
pub use secret::Secret;
pub use streams::STREAM_KEYS;
pub use subscription::Subscription;
pub use summary::{Summary, Visibility};
pub use tokens::{AthleteSummary, Grant, Tokens};
pub use usage::{Usage, Window, next_window};
