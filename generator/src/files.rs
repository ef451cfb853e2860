//! Recordings as files: `ATHLETE/YEAR/START-SPORT.fit.gz` below a folder.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use flate2::{Compression, GzBuilder};
use jiff::Timestamp;
use rayon::prelude::*;

use crate::error::Error;
use crate::plan::{Format, Plan, Recording};

/// Writes the recordings of a plan below `folder`, on all cores, and calls
/// `written` after each.
///
/// # Errors
/// [`Error::Write`] where a file or folder cannot be written; files that were
/// written before stay.
pub fn generate(plan: &Plan, folder: &Path, written: &(dyn Fn() + Sync)) -> Result<(), Error> {
    (0..plan.activities).into_par_iter().try_for_each(|number| {
        let recording = plan.recording(number)?;
        let path = folder.join(path(&recording, plan.format));
        write(&path, &recording, plan.format).map_err(|source| Error::Write { path, source })?;
        written();
        Ok(())
    })
}

/// Where a recording lies below the folder.
fn path(recording: &Recording, format: Format) -> PathBuf {
    // The plan gives times within some decades of 2010.
    let start = Timestamp::from_second(recording.start_unix_s).unwrap_or(Timestamp::UNIX_EPOCH);
    let suffix = match format {
        Format::Fit => "fit",
        Format::FitGz => "fit.gz",
    };
    PathBuf::from(format!(
        "{}/{}-{}.{suffix}",
        recording.athlete,
        start.strftime("%Y/%Y%m%dT%H%M%SZ"),
        recording.sport,
    ))
}

fn write(path: &Path, recording: &Recording, format: Format) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match format {
        Format::Fit => fs::write(path, &recording.fit),
        Format::FitGz => {
            // No name and no time: the same bytes whenever it is run.
            let mut packed = GzBuilder::new().write(Vec::new(), Compression::default());
            packed.write_all(&recording.fit)?;
            fs::write(path, packed.finish()?)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::atomic::{AtomicU64, Ordering};

    use pipeline::decode::{Limits, decode};

    use super::*;

    const PLAN: Plan = Plan {
        activities: 12,
        seed: 7,
        athletes: 2,
        minutes: Some(20),
        format: Format::Fit,
    };

    #[test]
    fn the_same_seed_gives_the_same_bytes_and_another_others() {
        let other = Plan { seed: 8, ..PLAN };
        let again = PLAN.recording(5).unwrap();
        assert_eq!(again, PLAN.recording(5).unwrap());
        assert_ne!(again.fit, other.recording(5).unwrap().fit);
        assert_ne!(again.fit, PLAN.recording(7).unwrap().fit);
    }

    #[test]
    fn the_bytes_of_a_seed_are_those_of_the_first_version() {
        // FNV-1a of the first recording of each athlete, as commit ce00a69
        // wrote them.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for number in [0, 1] {
            for byte in PLAN.recording(number).unwrap().fit {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
            }
        }
        assert_eq!(hash, 0xe5c5_bfa1_df72_2b1b);
    }

    #[test]
    fn what_is_written_is_read_as_one_whole_activity() {
        for number in 0..PLAN.activities {
            let made = PLAN.recording(number).unwrap();
            let read = decode(&made.fit, &Limits::default()).unwrap();
            assert_eq!(read.len(), 1);
            let recording = &read[0];
            let claims = &recording.claims;
            let samples = &recording.samples;
            assert_eq!(recording.claimed_start_ms, Some(made.start_unix_s * 1_000));
            let last = samples.last().unwrap();
            let claimed = claims.distance_m.unwrap();
            assert!((last.distance_m.unwrap() - claimed).abs() < 0.02);
            assert!((600.0..=1_801.0).contains(&claims.elapsed_s.unwrap()));
            assert!(samples.len() as f64 <= claims.timer_s.unwrap() + 2.0);
            assert!(samples.len() as f64 >= claims.timer_s.unwrap() * 0.98);
            let lap_m: f64 = recording.laps.iter().filter_map(|lap| lap.distance_m).sum();
            assert!((lap_m - claimed).abs() < 0.02 * recording.laps.len() as f64);
        }
    }

    #[test]
    fn each_athlete_has_a_folder_and_no_recording_hides_another() {
        let folder = tempfile::tempdir().unwrap();
        let count = AtomicU64::new(0);
        let plan = Plan {
            activities: 40,
            minutes: Some(1),
            format: Format::FitGz,
            ..PLAN
        };
        let counting = || {
            count.fetch_add(1, Ordering::Relaxed);
        };
        generate(&plan, folder.path(), &counting).unwrap();
        assert_eq!(count.into_inner(), 40);
        let paths: BTreeSet<PathBuf> = (0..40)
            .map(|number| path(&plan.recording(number).unwrap(), plan.format))
            .collect();
        assert_eq!(paths.len(), 40);
        for path in &paths {
            assert!(folder.path().join(path).is_file(), "{}", path.display());
        }
        assert!(
            paths
                .iter()
                .all(|path| path.starts_with("1") || path.starts_with("2"))
        );
    }

    #[test]
    fn a_hundred_thousand_activities_keep_apart() {
        let plan = Plan {
            activities: 100_000,
            athletes: 1,
            minutes: Some(1),
            ..PLAN
        };
        let mut starts: Vec<i64> = (0..100_000)
            .step_by(997)
            .flat_map(|first| [first, first + 1])
            .map(|number| plan.recording(number).unwrap().start_unix_s)
            .collect();
        starts.sort_unstable();
        assert!(starts.windows(2).all(|pair| pair[1] - pair[0] > 60));
        assert!(*starts.last().unwrap() < 1_262_304_000 + 16 * 365 * 86_400);
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_named() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = generate(&PLAN, file.path(), &|| {}).unwrap_err();
        assert!(error.to_string().starts_with("could not write "), "{error}");
    }
}
