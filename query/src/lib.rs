//! Derived definitions and reading; it never writes to the lake.
//!
//! For definitions begin at [`activity`]: what the kernels read; [`derived`]
//! lists the definitions, [`derive`](mod@derive) applies them. For reading
//! begin at [`session`], DataFusion at one snapshot; [`read`] has the reads
//! of handlers and commands, [`sql`] those of analysts.

pub mod activity;
pub mod agreement;
pub mod athlete_growth;
pub mod athlete_tables;
mod bounded;
pub mod cells;
pub mod derive;
pub mod derived;
pub mod destination;
pub mod dictionary;
pub mod difference;
pub mod downsample;
pub mod encode;
pub mod error;
pub mod exact;
pub mod explain;
pub mod export;
pub mod exported;
pub mod ledger;
pub mod local;
pub mod measured;
#[cfg(test)]
mod memory_tests;
pub mod output;
mod own_rows;
mod point;
pub mod read;
pub mod selection;
pub mod session;
#[cfg(test)]
mod sketched;
pub mod sql;
pub mod stale;
mod unread_lists;

pub use error::Error;
pub use output::Format;
pub use session::{Limits, Rows, Session};
