//! The recordings of one era.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use pacelake_e2e::{Random, root};

/// Recordings of the log up to this size (packed) are quick to import, so that
/// a campaign's time goes into kills.
const SMALL_BYTES: u64 = 12 << 10;

/// Small recordings that a plain log does not show: several sessions in one
/// file, one outing recorded twice, one without time, which must fail, and one
/// of the bytes of another.
const HARD: &[&str] = &[
    "fit/20140622_swim_garmin_fr910xt.fit",
    "fit/2022-05-29_laufen_landal.fit",
    "gpx/gpx_sample.gpx",
    "gpx/20180831_beach_run_runkeeper.gpx",
    "fit/2015-10-13-08-43-15.fit",
];

/// Strava's archive, unpacked; one of its outings is among the others.
const ARCHIVE: &str = "data/recordings/strava/sample-2024";

/// What is imported by one command.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The paths that the command gets.
    pub paths: Vec<PathBuf>,
}

impl Unit {
    /// Whether an item's path in a report or in the audit is of this unit.
    pub fn holds(&self, item: &str) -> bool {
        self.paths.iter().any(|path| {
            let rest = item.strip_prefix(&*path.to_string_lossy());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '#']))
        })
    }
}

/// Chooses `ones` single recordings of the log, `manys` sets of several, and
/// adds the hard ones; in the order in which they are imported.
///
/// # Panics
/// If the samples are not where they should be.
pub fn choose(ones: usize, manys: usize, random: &mut Random) -> VecDeque<Unit> {
    /// Recordings in each set.
    const IN_SET: usize = 6;
    let mut log = small(&root().join("data/log"));
    log.sort();
    let mut take = |count: usize| Unit {
        paths: (0..count)
            .map(|_| log.swap_remove(random.below(log.len())))
            .collect(),
    };
    let mut units: Vec<Unit> = Vec::new();
    units.extend((0..ones).map(|_| take(1)));
    units.extend((0..manys).map(|_| take(IN_SET)));
    let recordings = root().join("data/recordings");
    let hard = HARD.iter().map(|name| recordings.join(name));
    let hard = hard.chain([root().join(ARCHIVE)]);
    units.extend(hard.map(|path| Unit { paths: vec![path] }));
    // Shuffled (Fisher and Yates).
    for at in (1..units.len()).rev() {
        units.swap(at, random.below(at + 1));
    }
    units.into()
}

/// The recordings below `folder` that are small.
fn small(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(small(&path));
        } else if path.extension().is_some_and(|end| end == "gz")
            && fs::metadata(&path).is_ok_and(|meta| meta.len() <= SMALL_BYTES)
        {
            found.push(path);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_of_its_own_file_only() {
        let unit = |path: &str| Unit {
            paths: vec!["/b/c.fit".into(), path.into()],
        };
        let file = unit("/a/run.fit");
        assert!(file.holds("/a/run.fit") && file.holds("/a/run.fit#2"));
        assert!(!file.holds("/a/run.fit.gz") && !file.holds("/a"));
        let folder = unit("/a/many-1");
        assert!(folder.holds("/a/many-1/run.fit") && !folder.holds("/a/many-10/run.fit"));
    }
}
