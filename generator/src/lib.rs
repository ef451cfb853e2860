//! Makes recordings of athletes who never were: real FIT files, as many as
//! asked for, the same bytes for the same seed on every machine.
//!
//! Lakes made of them are what speed and size are measured on. Nothing here
//! knows a table or a definition, and nothing but [`files`] does I/O. Each
//! recording follows from the plan and its number alone, so memory does not
//! grow with their count and all cores work at once. Begin at [`Plan`].

mod athlete;
mod error;
mod files;
mod fit;
mod memory;
mod motion;
mod outing;
mod plan;
mod random;

pub use error::Error;
pub use files::generate;
pub use plan::{Format, Plan, Recording};
