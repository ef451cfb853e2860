//! Runs the real binary from outside, as a person or a program would, and
//! reads what it left behind with DuckDB, which shares no code with it.
//!
//! Begin at [`Home`]: one data directory, and commands that use it.

mod home;
mod random;
mod referee;
mod samples;
mod server;
mod traces;
mod transcript;

pub use home::{Answer, Home, binary, root};
pub use random::Random;
pub use referee::{COUNTS_OF_WRITES, difference, duckdb, duckdb_at, rows, rows_of};
pub use samples::{copy_samples, files_below, small_samples};
pub use server::{Server, unchunked};
pub use traces::{Past, Wanted, past, snapshots};
