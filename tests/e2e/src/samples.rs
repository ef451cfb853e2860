//! A choice of the sample recordings.

use std::fs;
use std::path::{Path, PathBuf};

use crate::home::root;

/// Recordings that a plain log does not show: several sessions in one file,
/// one outing recorded four times over, a file whose end is cut off, and one
/// without time, which must fail.
const OTHERS: &[&str] = &[
    "20140622_swim_garmin_fr910xt.fit",
    "4801048867.fit",
    "4801048867_strava.gpx",
    "activity_4801048867.gpx",
    "activity_4801048867.tcx",
    "strava-android-app-201.10-b1218918.fit",
    "gpx_sample.gpx",
    "multiple_running_activities.tcx",
];

/// Copies about 350 recordings into `folder`: two of three of the log, and the
/// hard ones. An import commits them in more than one batch.
///
/// # Panics
/// If the samples are not where they should be.
pub fn copy_samples(folder: &Path) {
    let mut log = Vec::new();
    find(&root().join("data/log"), &mut log);
    log.retain(|path| path.extension().is_some_and(|end| end == "gz"));
    let mut recordings = Vec::new();
    find(&root().join("data/recordings"), &mut recordings);
    recordings.retain(|path| {
        path.file_name()
            .is_some_and(|name| OTHERS.iter().any(|o| name == *o))
    });
    assert_eq!(recordings.len(), OTHERS.len(), "{recordings:?}");
    let of_log = log.iter().enumerate().filter(|(at, _)| at % 3 != 0);
    for path in of_log.map(|(_, path)| path).chain(&recordings) {
        let name = path.file_name().expect("a found file has a name");
        fs::copy(path, folder.join(name)).expect("a sample can be copied");
    }
}

/// The `count` smallest recordings of the log, each an activity of its own.
///
/// # Panics
/// If there are fewer.
pub fn small_samples(count: usize) -> Vec<PathBuf> {
    let mut log = Vec::new();
    find(&root().join("data/log"), &mut log);
    log.retain(|path| path.extension().is_some_and(|end| end == "gz"));
    log.sort_by_cached_key(|path| fs::metadata(path).expect("it was found").len());
    assert!(log.len() >= count, "{} recordings", log.len());
    log.truncate(count);
    log
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("a listed entry can be read").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            find(&path, found);
        } else {
            found.push(path);
        }
    }
}
