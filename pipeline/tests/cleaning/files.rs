//! The project's sample recordings.

use std::io::Read;
use std::path::{Path, PathBuf};

use pacelake_pipeline::clean::{Clean, clean};
use pacelake_pipeline::decode::{Limits, decode};
use pacelake_pipeline::recording::Recording;
use serde_json::Value;

/// A file of the sample data with what other readers say of it.
pub struct Said {
    /// Its name below the folder.
    pub name: String,
    /// Its line of `expected.json`.
    pub facts: Value,
    /// What our decoder makes of it; nothing where it is no recording.
    pub recordings: Vec<Recording>,
}

/// Every file that a folder of the sample data has facts of.
pub fn all(folder: &str) -> Vec<Said> {
    let expected = std::fs::read(path(folder, "expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    let files = expected["files"].as_array().unwrap().iter();
    files
        .map(|facts| {
            let name = facts["file"].as_str().unwrap().to_owned();
            Said {
                recordings: decode(&bytes(folder, &name), &Limits::default()).unwrap_or_default(),
                facts: facts.clone(),
                name,
            }
        })
        .collect()
}

/// The only recording of one file.
pub fn one(name: &str) -> Recording {
    let mut recordings = decode(&bytes("recordings", name), &Limits::default()).unwrap();
    assert_eq!(recordings.len(), 1, "{name}");
    recordings.remove(0)
}

/// A recording, cleaned.
pub fn cleaned(recording: &Recording) -> Clean {
    clean(recording.clone()).unwrap()
}

/// The bytes of a file, after gz is removed.
pub fn bytes(folder: &str, name: &str) -> Vec<u8> {
    let stored = std::fs::read(path(folder, name)).unwrap();
    if !name.ends_with(".gz") {
        return stored;
    }
    let mut bytes = Vec::new();
    let mut reader = flate2::read::GzDecoder::new(&stored[..]);
    reader.read_to_end(&mut bytes).unwrap();
    bytes
}

fn path(folder: &str, name: &str) -> PathBuf {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data");
    data.join(folder).join(name)
}
