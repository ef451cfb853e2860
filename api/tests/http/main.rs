//! The whole application over a real lake in a temporary folder.

mod app;
mod documents;
mod errors;
mod freshness;
mod reads;
