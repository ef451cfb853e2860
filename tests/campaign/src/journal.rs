//! What a campaign remembers: one JSON object a line, so that a campaign that
//! was cut off goes on where it was, and its reports add up.
//!
//! The kills of an era count once the era is proven; those of one that was cut
//! off do not, and its lake is gone.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::place::Pair;
use crate::work::{Phase, Work};

/// A process that was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kill {
    /// What it did.
    pub work: Work,
    /// How far it had come.
    pub phase: Phase,
    /// After so many ms.
    pub after_ms: u64,
    /// Whether its moment was that of a commit, and not any.
    #[serde(default)]
    pub at_commit: bool,
}

/// What went wrong in an era beside the kills, on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// How often PostgreSQL was shut down at once and started again.
    pub restarts: u32,
    /// How often the disk was filled, or a process's files limited.
    pub full: u32,
    /// How many connections to the object store were cut in the middle.
    #[serde(default)]
    pub cuts: u32,
    /// How often the object store let everyone wait.
    #[serde(default)]
    pub stalls: u32,
    /// How often the object store let nobody in for a while.
    #[serde(default)]
    pub refusals: u32,
}

/// What was compared at the end of an era.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proven {
    /// Recordings whose import was acknowledged: all of them are in.
    pub acknowledged: usize,
    /// Recordings in the lake.
    pub recordings: usize,
    /// Activities, each born once.
    pub births: usize,
    /// Rows of all tables, equal to those of an undisturbed import.
    pub rows: usize,
}

/// One era, from an empty lake to its proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Era {
    /// Counts from 1.
    pub era: u32,
    /// What its chances were drawn from.
    pub seed: u64,
    /// Catalog and store.
    pub pair: Pair,
    /// The build: the first digits of the binary's SHA-256.
    pub binary: String,
    /// Who was killed, in order.
    pub kills: Vec<Kill>,
    /// How many processes ended by themselves.
    pub ended: u32,
    /// How many of them ended by an error that says to try again, by code.
    pub refused: BTreeMap<String, u32>,
    /// What else went wrong.
    pub faults: Faults,
    /// What was compared.
    pub proven: Proven,
    /// How long it took.
    pub seconds: u64,
}

/// The file that holds a campaign's eras.
#[derive(Clone, Debug)]
pub struct Journal {
    path: PathBuf,
}

impl Journal {
    /// The journal in `folder`.
    pub fn new(folder: &Path) -> Self {
        Self {
            path: folder.join("eras.jsonl"),
        }
    }

    /// The eras that were proven.
    ///
    /// # Errors
    /// Where it cannot be read. A last line that was cut off counts as none.
    pub fn eras(&self) -> io::Result<Vec<Era>> {
        let text = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let era = |line: &str| serde_json::from_str(line).map_err(io::Error::other);
        whole.lines().map(era).collect()
    }

    /// Adds one.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn add(&self, era: &Era) -> io::Result<()> {
        let mut line = serde_json::to_string(era).map_err(io::Error::other)?;
        line.push('\n');
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path);
        file?.write_all(line.as_bytes())
    }
}
