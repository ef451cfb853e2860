//! Fuzz targets: functions that take any bytes and panic where a promise does
//! not hold.
//!
//! Begin at [`TARGETS`]. libFuzzer drives them (`make fuzz`), and the test
//! `corpus` runs each of them over the seeds, the kept corpus and all that was
//! ever found, so that what was mended stays mended.

mod activity;
mod archive;
mod choices;
mod decoders;
mod house;
mod sql;
mod statements;

/// The SQL door, and what knocks at it.
pub mod door {
    pub use crate::sql::Door;
    pub use crate::statements::{SHELLS, WRITERS};
}

use std::path::{Path, PathBuf};

/// One thing that takes bytes from outside.
pub struct Target {
    /// Its name, and that of its folders below `corpus/` and `found/`.
    pub name: &'static str,
    /// Panics where these bytes break a promise.
    pub run: fn(&[u8]),
    /// Folders of real recordings to start from, below the project's root.
    pub seeds: &'static [&'static str],
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "fit",
        run: decoders::recording,
        seeds: &["data/recordings/fit", "data/recordings/corrupt"],
    },
    Target {
        name: "gpx",
        run: decoders::recording,
        seeds: &["data/recordings/gpx", "data/recordings/corrupt"],
    },
    Target {
        name: "tcx",
        run: decoders::recording,
        seeds: &["data/recordings/tcx"],
    },
    Target {
        name: "strava_api",
        run: decoders::api,
        seeds: &["pipeline/tests/captured"],
    },
    Target {
        name: "strava_row",
        run: decoders::recording,
        seeds: &[],
    },
    Target {
        name: "strava_table",
        run: decoders::table,
        seeds: &["data/recordings/strava/sample-2024"],
    },
    Target {
        name: "archive",
        run: archive::archive,
        seeds: &["data/recordings/strava/sample-2024/activities"],
    },
    Target {
        name: "gz",
        run: archive::gz,
        seeds: &["data/recordings/strava/sample-2024/activities"],
    },
    Target {
        name: "activity",
        run: activity::activity,
        seeds: &[],
    },
    Target {
        name: "sql",
        run: sql::sql,
        seeds: &[],
    },
];

impl Target {
    /// The target of that name.
    pub fn named(name: &str) -> Option<&'static Self> {
        TARGETS.iter().find(|target| target.name == name)
    }

    /// Where inputs of this target are kept: its corpus, and what was found.
    pub fn folders(&self) -> [PathBuf; 2] {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        ["corpus", "found"].map(|kind| here.join(kind).join(self.name))
    }

    /// Its folders of real recordings.
    pub fn seed_folders(&self) -> Vec<PathBuf> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
        let root = root.expect("this crate lies two folders below the root");
        self.seeds.iter().map(|seed| root.join(seed)).collect()
    }
}
