//! How often somebody may try to sign in: per name, so that passwords cannot be
//! guessed, and in all, so that names cannot be tried out.
//!
//! Counted in the memory of each process: several of them allow as many times
//! as much, which guessing does not live on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::sync::Cache;
use storage::Code;

use crate::problem::Problem;

/// How many attempts may fail with one name in [`NAME_TIME`].
const PER_NAME: u32 = 10;
const NAME_TIME: Duration = Duration::from_secs(15 * 60);
/// How many may fail with any names in [`ALL_TIME`].
const IN_ALL: u32 = 200;
const ALL_TIME: Duration = Duration::from_secs(60);
/// How many names are counted at once: more than can fail in their time.
const NAMES: u64 = 10_000;

/// How often it was tried of late. Clones count together.
#[derive(Clone)]
pub struct Attempts {
    by_name: Cache<String, Arc<AtomicU32>>,
    in_all: Cache<(), Arc<AtomicU32>>,
}

/// One attempt, which counts as failed unless it [succeeded](Self::succeeded).
#[must_use]
pub struct Attempt([Arc<AtomicU32>; 2]);

impl Default for Attempts {
    fn default() -> Self {
        Self {
            by_name: Cache::builder()
                .time_to_live(NAME_TIME)
                .max_capacity(NAMES)
                .build(),
            in_all: Cache::builder().time_to_live(ALL_TIME).build(),
        }
    }
}

impl Attempts {
    /// Begins an attempt with this name, which counts from now on: of those
    /// that are made at once none slips through.
    ///
    /// # Errors
    /// `too_many_attempts`.
    pub fn begin(&self, name: &str) -> Result<Attempt, Problem> {
        let by_name = self.by_name.get_with(name.to_owned(), Arc::default);
        let in_all = self.in_all.get_with((), Arc::default);
        take(&by_name, PER_NAME)?;
        if let Err(problem) = take(&in_all, IN_ALL) {
            by_name.fetch_sub(1, Ordering::Relaxed);
            return Err(problem);
        }
        Ok(Attempt([by_name, in_all]))
    }
}

impl Attempt {
    /// It was the right password: it does not count.
    pub fn succeeded(self) {
        for count in self.0 {
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn take(count: &AtomicU32, most: u32) -> Result<(), Problem> {
    if count.fetch_add(1, Ordering::Relaxed) < most {
        return Ok(());
    }
    count.fetch_sub(1, Ordering::Relaxed);
    Err(Problem::new(
        Code::TooManyAttempts,
        "too many attempts to sign in failed",
        "wait a quarter of an hour, or have a new password set with `pacelake account link`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_count_by_name_and_successes_do_not() {
        let attempts = Attempts::default();
        for _ in 0..3 * PER_NAME {
            attempts.begin("kari").unwrap().succeeded();
        }
        for _ in 0..PER_NAME {
            let _failed = attempts.begin("kari").unwrap();
        }
        let refused = attempts.clone().begin("kari").err().unwrap();
        assert_eq!(refused.code(), Code::TooManyAttempts);
        attempts.begin("ola").unwrap().succeeded();
    }

    #[test]
    fn failures_count_in_all() {
        let attempts = Attempts::default();
        for name in 0..IN_ALL {
            let _failed = attempts.begin(&name.to_string()).unwrap();
        }
        let refused = attempts.begin("kari").err().unwrap();
        assert_eq!(refused.code(), Code::TooManyAttempts);
        // What was refused did not count against the name.
        let count = attempts.by_name.get("kari").unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 0);
    }
}
