//! Decoding alone: what readers of other languages are compared with.

use std::io::Read;
use std::time::Instant;

use pipeline::decode::{Limits, decode};
use serde_json::{Value, json};

use crate::{Failed, seconds};

/// Decodes files that are in memory: how many samples they have, and the paths
/// of those that give no recording.
fn decode_all(paths: &[&str], files: &[Vec<u8>]) -> (usize, Vec<String>) {
    let limits = Limits::default();
    let (mut samples, mut failed) = (0, Vec::new());
    for (path, bytes) in paths.iter().zip(files) {
        match decode(bytes, &limits) {
            Ok(recordings) => samples += recordings.iter().map(|r| r.samples.len()).sum::<usize>(),
            Err(_) => failed.push((*path).to_owned()),
        }
    }
    (samples, failed)
}

pub fn decode_stdin(passes: usize) -> Result<Value, Failed> {
    let mut list = String::new();
    std::io::stdin().read_to_string(&mut list)?;
    let paths: Vec<&str> = list.lines().collect();
    let files = paths
        .iter()
        .map(std::fs::read)
        .collect::<Result<Vec<_>, _>>()?;
    let mut times = Vec::new();
    let mut last = (0, Vec::new());
    for _ in 0..passes {
        let start = Instant::now();
        last = decode_all(&paths, &files);
        times.push(seconds(start));
    }
    Ok(json!({ "seconds": times, "samples": last.0, "failed": last.1 }))
}
