//! The lake's format: DuckLake 1.0, read and written.
//!
//! Metadata are rows in the catalog database, data are Parquet files. A
//! snapshot is a filter over both: rows live from their `begin_snapshot`,
//! included, to their `end_snapshot`, excluded.
//!
//! - [`create`] makes the catalog's tables, [`define`] lake tables and views;
//! - [`load`] reads a snapshot into a [`state::State`], [`io`] the rows of its
//!   files, [`scan`] offers it to DataFusion;
//! - [`write`] writes files, [`removal`] finds rows by key, [`commit`] makes
//!   both part of the lake;
//!   [`draft`] and [`replace`] do so with whole tables and in the place of damaged files;
//! - [`merge`] and [`relay`] write rows again that lie in small, foreign or
//!   half-deleted files, which [`candidates`] lists; [`expire`] lets old
//!   snapshots go, [`sweep`] removes the files that nothing names;
//! - [`purge`] takes rows out of every snapshot: [`history`] reads all files
//!   there are, [`traces`] finds the rows, [`refile`] writes files without
//!   them, [`strays`] looks through files that nothing names.
//!
//! Nothing outside of `lake.rs`, `maintain.rs` and `purge.rs` knows this room.

pub(crate) mod adapter;
pub(crate) mod bound;
pub(crate) mod candidates;
pub(crate) mod changes;
pub(crate) mod commit;
pub(crate) mod commit_first;
pub(crate) mod create;
pub(crate) mod define;
pub(crate) mod deletes;
pub(crate) mod draft;
pub(crate) mod entries;
pub(crate) mod exchange;
pub(crate) mod expire;
pub(crate) mod footers;
pub(crate) mod forget;
pub(crate) mod history;
pub(crate) mod inlined;
pub(crate) mod io;
pub(crate) mod keys;
pub(crate) mod load;
pub(crate) mod merge;
pub(crate) mod named;
pub(crate) mod output;
pub(crate) mod purge;
pub(crate) mod refile;
pub(crate) mod relay;
pub(crate) mod removal;
pub(crate) mod replace;
pub(crate) mod runs;
pub(crate) mod scan;
pub(crate) mod snapshot;
pub(crate) mod state;
pub(crate) mod statistics;
pub(crate) mod strays;
pub(crate) mod sweep;
pub(crate) mod table_ranges;
pub(crate) mod table_stats;
pub(crate) mod traces;
pub(crate) mod types;
pub(crate) mod verify;
pub(crate) mod write;
