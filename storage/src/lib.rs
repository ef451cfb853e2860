//! Keeps bytes, tables and metadata: the lake, the raw store and the catalog.
//!
//! It never knows what a split is. Begin at [`table`] (what a lake table is)
//! and [`tables`] (the ones that are not derived), then [`Storage`], which opens
//! an installation.

pub mod backup;
pub mod catalog;
pub mod code;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod ducklake;
pub mod error;
pub mod id;
pub mod lake;
pub mod layout;
pub mod maintain;
pub mod metric;
pub mod moment;
pub mod objects;
pub mod purge;
pub mod raw;
pub mod seal;
pub mod sport;
mod storage;
pub mod table;
pub mod tables;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use code::{Code, Failure, Verdict};
pub use error::Error;
pub use id::{AccountId, ActivityId, ActivityKey, AthleteId};
pub use lake::{
    Commit, Committed, KeySet, Lake, LakeView, Problem, TableChange, TableSize, is_missing_file,
};
pub use moment::Moment;
pub use objects::{Objects, Store};
pub use purge::{Erased, Erasure, Swept};
pub use storage::{Options, Storage};
