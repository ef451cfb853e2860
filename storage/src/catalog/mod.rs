//! The catalog database, and our own tables in it.
//!
//! Two catalogs share one database: DuckLake's tables, which only
//! `ducklake/` knows, and ours beside them. [`Db`] speaks to both.

mod db;
mod dialect;
mod value;

pub use db::{Counts, Db, Dialect, Tx};
pub use value::{Row, Value};
