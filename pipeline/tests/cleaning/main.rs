//! Real recordings, decoded and cleaned, against what other readers and the
//! devices themselves say of them.

mod files;
mod one_activity;
mod promises;
mod totals;
