//! Derived definitions and reading; it never writes.
//!
//! Begin at [`activity`]: what the kernels read.

pub mod activity;
