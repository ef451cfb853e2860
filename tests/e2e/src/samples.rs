//! A choice of the sample recordings.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

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
    let mut log = files_below(&root().join("data/log"));
    log.retain(|path| path.extension().is_some_and(|end| end == "gz"));
    let mut recordings = files_below(&root().join("data/recordings"));
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
    let mut log = files_below(&root().join("data/log"));
    log.retain(|path| path.extension().is_some_and(|end| end == "gz"));
    log.sort_by_cached_key(|path| fs::metadata(path).expect("it was found").len());
    assert!(log.len() >= count, "{} recordings", log.len());
    log.truncate(count);
    log
}

/// Every file below a folder, in order of their paths.
///
/// # Panics
/// If a folder cannot be listed.
pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter();
    let entries = entries.map(|entry| entry.expect("a folder can be listed"));
    let files = entries.filter(|entry| !entry.file_type().is_dir());
    files.map(DirEntry::into_path).collect()
}
