//! The whole application over a real lake in a temporary folder.

mod app;
mod corrections;
mod documents;
mod errors;
mod explain;
mod exports;
mod freshness;
mod limits;
mod past;
mod reads;
mod sql;
mod watching;

#[path = "../schema/mod.rs"]
mod schema;
