//! What an exit's folder says of itself.

use std::fs;
use std::path::{Path, PathBuf};

use query::derived::{DERIVED, Scope};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use storage::catalog::{Correct, Correction};
use storage::{ActivityId, ActivityKey, AthleteId};
use uuid::Uuid;

use crate::error::Error;

/// The version of the folder's layout.
pub const FORMAT: u32 = 1;
/// The manifest's name.
pub const MANIFEST: &str = "manifest.json";
/// The list of activities.
pub const ACTIVITIES: &str = "activities.jsonl";
/// The list of originals.
pub const ORIGINALS: &str = "originals.jsonl";

/// The manifest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the layout.
    pub format: u32,
    /// The pacelake that wrote it.
    pub pacelake: String,
    /// When, in UTC.
    pub exported_at: String,
    /// The lake that it is of.
    pub lake: String,
    /// The snapshot that it is of.
    pub snapshot_id: i64,
    /// Every definition.
    pub definitions: Vec<Definition>,
    /// Every athlete.
    pub athletes: Vec<AthleteLine>,
    /// Every table.
    pub tables: Vec<TableLine>,
    /// The lists beside it.
    pub lists: Vec<FileLine>,
    /// How many activities the list has.
    pub activities: u64,
    /// How many originals the list has.
    pub originals: u64,
}

/// A definition as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: u32,
    /// What is computed as a whole: `activity` or `athlete`.
    pub scope: String,
    /// What it means.
    pub sentence: String,
}

/// An athlete.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AthleteLine {
    /// Who.
    pub athlete_id: AthleteId,
    /// What they are called.
    pub name: Option<String>,
    /// Their time zone.
    pub time_zone: Option<String>,
    /// The revision that ranks and statistics are of.
    pub revision: i64,
    /// The local day on which the windows of their ranks end, such as
    /// `2026-01-31`.
    pub as_of: String,
}

/// A table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableLine {
    /// Its name.
    pub table: String,
    /// What one row is.
    pub grain: String,
    /// How many rows.
    pub rows: u64,
    /// Its file.
    #[serde(flatten)]
    pub file: FileLine,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLine {
    /// Its path below the folder.
    pub file: String,
    /// Of its bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

/// An activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityLine {
    /// Whose.
    pub athlete_id: AthleteId,
    /// Start in UTC, microseconds since 1970.
    pub start_time_us: i64,
    /// Which.
    pub activity_id: ActivityId,
    /// How often it was written.
    pub revision: i64,
    /// The recordings that it is made of.
    pub recordings: Vec<RecordingLine>,
    /// What its owner says of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<CorrectionLine>,
}

impl ActivityLine {
    /// What finds its rows.
    pub fn key(&self) -> ActivityKey {
        ActivityKey {
            athlete_id: self.athlete_id,
            start_time_us: self.start_time_us,
            activity_id: self.activity_id,
        }
    }
}

/// A recording of an activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingLine {
    /// Of its original's bytes.
    pub sha256: String,
    /// Which recording of that file, from 0.
    pub part: i32,
    /// The format.
    pub format: String,
    /// The id that an outside source has for it.
    pub external_id: Option<String>,
    /// How long the terms of its source let it be kept, in microseconds since
    /// 1970, UTC; absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retain_until_us: Option<i64>,
}

/// Something that its owner says of an activity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CorrectionLine {
    /// What it says.
    #[serde(flatten)]
    pub what: Correct,
    /// Why.
    pub reason: String,
    /// When it was said, in microseconds since 1970, UTC.
    pub made_at_us: i64,
}

impl CorrectionLine {
    /// The line of a correction that holds.
    pub(super) fn of(correction: Correction) -> Self {
        Self {
            what: correction.what,
            reason: correction.reason,
            made_at_us: correction.made_at_us,
        }
    }

    /// The correction again, of an activity in the revision of its line.
    pub(super) fn correction(self, line: &ActivityLine) -> Correction {
        Correction {
            // Nothing of its rows hangs on its name.
            correction_id: Uuid::nil(),
            athlete_id: line.athlete_id,
            activity_id: line.activity_id,
            what: self.what,
            reason: self.reason,
            made_at_us: self.made_at_us,
            begun_revision: line.revision,
            ended_revision: None,
        }
    }
}

/// An original.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginalLine {
    /// Whose.
    pub athlete_id: AthleteId,
    /// The file.
    #[serde(flatten)]
    pub file: FileLine,
}

/// The definitions of this build.
pub fn definitions() -> Vec<Definition> {
    let of = |derived: &&query::derived::Derived| Definition {
        name: derived.name.to_owned(),
        version: derived.version,
        scope: match derived.scope {
            Scope::Activity | Scope::Athlete => derived.scope.name().to_owned(),
        },
        sentence: derived.sentence.to_owned(),
    };
    DERIVED.iter().map(of).collect()
}

impl FileLine {
    /// Reads a file of the folder and says what it is.
    ///
    /// # Errors
    /// [`Error::Folder`] where it cannot be read.
    pub fn of(folder: &Path, file: &str) -> Result<Self, Error> {
        let path = folder.join(file);
        let sum = || {
            let mut hasher = Sha256::new();
            let bytes = std::io::copy(&mut fs::File::open(&path)?, &mut hasher)?;
            Ok((hasher.finalize(), bytes))
        };
        let (digest, bytes) = sum().map_err(failed("read", &path))?;
        Ok(Self {
            file: file.to_owned(),
            sha256: storage::raw::hex(&digest),
            bytes,
        })
    }
}

/// A file or folder of an exit failed at something.
pub(super) fn failed(
    attempt: &'static str,
    path: &Path,
) -> impl Fn(std::io::Error) -> Error + use<> {
    let path: PathBuf = path.to_owned();
    move |source| Error::Folder {
        attempt,
        path: path.clone(),
        source,
    }
}
