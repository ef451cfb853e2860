//! Makes recordings of athletes who never were, as many as asked for, the same
//! bytes for the same seed on every machine.
//!
//! There are two kinds. A [`Plan`] gives plain FIT files, on which speed and
//! size are measured. A [`World`] gives years of training, with all that
//! happens to recordings, and beside them what is true of each activity, on
//! which the definitions are judged: that truth follows from the motion by a
//! solver of its own. Nothing here knows a table or a kernel, and nothing but
//! [`files`] and `world::writing` does I/O. Each recording follows from the seed
//! and its place alone, so memory does not grow with their count and all cores
//! work at once.

mod athlete;
mod error;
mod files;
mod fit;
mod memory;
mod motion;
mod outing;
mod plan;
mod random;
mod world;

pub use error::Error;
pub use files::generate;
pub use plan::{Format, Plan, Recording};
pub use world::{Layout, Outing, World, Written, write};
