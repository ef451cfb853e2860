//! Every target over its seeds, its corpus and all that was found: no fuzzer
//! is needed to see that what was mended stays mended.

use std::fs;
use std::path::{Path, PathBuf};

use pacelake_fuzz::{TARGETS, Target};

/// Real recordings above this size say nothing that smaller ones do not, and
/// take long.
const MAX_SEED_BYTES: u64 = 128 << 10;

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && path.file_name().is_some_and(|name| name != "README.md"))
        .collect();
    files.sort();
    files
}

/// Runs the target over all its inputs.
fn holds(name: &str) {
    let target = Target::named(name).unwrap();
    let kept: Vec<_> = target.folders().iter().flat_map(|f| files(f)).collect();
    assert!(!kept.is_empty(), "{name} has no corpus");
    let seeds = target.seed_folders();
    let seeds = seeds.iter().flat_map(|folder| {
        assert!(folder.is_dir(), "no {}", folder.display());
        files(folder)
    });
    let small = |path: &PathBuf| fs::metadata(path).unwrap().len() <= MAX_SEED_BYTES;
    let mut seen = 0;
    for path in kept.into_iter().chain(seeds.filter(small)) {
        // Shown where the target panics.
        println!("{}", path.display());
        (target.run)(&fs::read(&path).unwrap());
        seen += 1;
    }
    println!("{name}: {seen} inputs");
}

macro_rules! hold {
    ($($target:ident),+ $(,)?) => {
        $(#[test]
        fn $target() {
            holds(stringify!($target));
        })+

        #[test]
        fn every_target_is_run() {
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            assert_eq!(names, [$(stringify!($target)),+]);
        }
    };
}

hold!(
    fit,
    gpx,
    tcx,
    strava_api,
    strava_row,
    strava_table,
    archive,
    gz,
    activity,
    sql,
);
