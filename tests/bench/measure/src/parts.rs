//! An import taken apart: each part alone, on all cores, with what it needs in
//! memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow::record_batch::RecordBatch;
use jobs::build::activity_rows;
use jobs::replay::Rows;
use jobs::source::read;
use pipeline::clean::Clean;
use pipeline::decode::Limits;
use pipeline::decode::archive::gunzip;
use pipeline::merge::{Candidate, merge};
use pipeline::rows::RowContext;
use query::derived::{Scope, tables_of};
use rayon::prelude::*;
use serde_json::{Value, json};
use storage::raw::sha256_hex;
use storage::table::Table;
use storage::tables::DERIVATIONS;
use storage::{ActivityId, ActivityKey, AthleteId};
use walkdir::WalkDir;

use crate::{Failed, seconds};

/// Recordings of a commit: about as many of an hour as an import takes at once.
const COMMIT: usize = 128;
/// Recordings that are in memory at once: commits enough to keep all cores busy
/// with encoding, which is done by one core a table.
const BATCH: usize = 8 * COMMIT;

pub fn parts(folder: &Path) -> Result<Value, Failed> {
    let paths = files(folder)?;
    let limits = Limits::default();
    let (mut unpack, mut decode, mut derive, mut compress) = (0.0, 0.0, 0.0, 0.0);
    let (mut samples, mut bytes) = (0, 0);
    let mut tables = tables_of(Scope::Activity);
    tables.push(&DERIVATIONS);
    for batch in paths.chunks(BATCH) {
        let packed: Vec<Vec<u8>> = batch.iter().map(std::fs::read).collect::<Result<_, _>>()?;
        let start = Instant::now();
        // Kept as they came in, by their hash.
        let raw: Vec<(Vec<u8>, String, usize)> = packed
            .into_par_iter()
            .map(|packed| {
                let bytes = gunzip(packed, &limits)?;
                let sha256 = sha256_hex(&bytes);
                let kept = storage::raw::compressed(&bytes)?.len();
                Ok((bytes, sha256, kept))
            })
            .collect::<Result<_, Failed>>()?;
        unpack += seconds(start);

        let start = Instant::now();
        let clean: Vec<(String, Clean)> = raw
            .par_iter()
            .flat_map_iter(|(bytes, sha256, _)| {
                let recordings = read(bytes, &limits).unwrap_or_default();
                recordings
                    .into_iter()
                    .map(|(_, clean)| (sha256.clone(), clean))
            })
            .collect();
        decode += seconds(start);
        samples += clean
            .iter()
            .map(|(_, clean)| clean.t_ms.len())
            .sum::<usize>();

        let candidates: Vec<Candidate> = clean
            .into_iter()
            .map(|(sha256, clean)| Candidate {
                sha256,
                part: 0,
                clean: Arc::new(clean),
            })
            .collect();
        let start = Instant::now();
        let rows = candidates
            .par_iter()
            .map(|candidate| {
                let merged = merge(std::slice::from_ref(candidate));
                let key = ActivityKey {
                    athlete_id: AthleteId(1),
                    start_time_us: merged.clean.start_time_us,
                    activity_id: ActivityId(merged.clean.start_time_us / 1_000_000),
                };
                let context = RowContext {
                    key,
                    revision: 1,
                    retain_until_us: None,
                };
                Ok(activity_rows(&merged, &context, &[])?)
            })
            .collect::<Result<Vec<_>, Failed>>()?;
        derive += seconds(start);

        let start = Instant::now();
        let encoded = |commit: &[Rows], table: &&'static Table| {
            let of_table = commit.iter().filter_map(|rows| rows.get(table.name));
            let of_table: Vec<RecordBatch> = of_table.cloned().collect();
            Ok(storage::layout::encoded(table, &of_table)?.len())
        };
        let sizes = rows
            .par_chunks(COMMIT)
            .flat_map(|commit| tables.par_iter().map(move |table| encoded(commit, table)))
            .collect::<Result<Vec<_>, Failed>>()?;
        compress += seconds(start);
        bytes += sizes.iter().sum::<usize>();
    }
    Ok(json!({
        "unpack_hash_keep_s": unpack,
        "decode_clean_s": decode,
        "derive_s": derive,
        "compress_s": compress,
        "samples": samples,
        "parquet_bytes": bytes,
    }))
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, walkdir::Error> {
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter();
    let files = entries.filter(|entry| !matches!(entry, Ok(entry) if entry.file_type().is_dir()));
    files.map(|entry| Ok(entry?.into_path())).collect()
}
