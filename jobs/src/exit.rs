//! Leaving with everything, and proof that it is everything.
//!
//! An exit is a folder with the originals as their owner gave them, every
//! table as Parquet, and a manifest: what rows depend on besides the bytes
//! (which recordings are one activity, ids, revisions, what owners say, the day
//! on which windows end), definitions with their versions, and the SHA-256 of every file.
//!
//! ```text
//! manifest.json                     files, tables, definitions, athletes
//! activities.jsonl                  an activity a line: key, revision, recordings
//! originals.jsonl                   a file a line: name, hash, length
//! originals/{athlete_id}/{name}     as they came, after zip and gz were removed
//! {table}.parquet                   every table
//! ```
//!
//! [`verify`](verify::verify) reads nothing but that folder, derives every
//! number again and compares.

pub mod manifest;
mod names;
pub mod verify;
pub mod write;
