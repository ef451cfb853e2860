//! How long a job waits before it is tried again.

use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

/// The wait after the first attempt, before jitter.
const FIRST: Duration = Duration::from_secs(5);
/// The longest wait before jitter, which at most doubles it: an hour.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// The wait after an attempt, counted from 1: twice that of the one before,
/// and up to as much again, so that jobs that failed together do not come back
/// together. The same for the same job and attempt.
pub(super) fn after_attempt(job_id: i64, attempt: i64) -> Duration {
    // Neighbouring jobs and attempts get seeds that are far apart.
    let seed = (job_id as u64)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add((attempt as u64).wrapping_mul(0xd1b5_4a32_d192_ed03));
    let before = usize::try_from(attempt.saturating_sub(1)).unwrap_or(0);
    ExponentialBuilder::new()
        .with_min_delay(FIRST)
        .with_max_delay(LONGEST)
        .with_factor(2.0)
        .without_max_times()
        .with_jitter()
        .with_jitter_seed(seed)
        .build()
        // It does not grow any more by then.
        .nth(before.min(64))
        .unwrap_or(LONGEST)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn waits_double_up_to_an_hour() {
        for attempt in 1..=9 {
            let base = FIRST * (1 << (attempt - 1));
            let wait = after_attempt(7, attempt);
            assert!(wait >= base && wait <= base * 2, "{attempt}: {wait:?}");
        }
        for attempt in [10, 64, 65, 1_000_000, i64::MAX] {
            let wait = after_attempt(7, attempt);
            assert!(wait >= LONGEST && wait <= LONGEST * 2, "{wait:?}");
        }
        assert!(after_attempt(7, 0) >= FIRST && after_attempt(7, -1) >= FIRST);
    }

    #[test]
    fn jobs_that_failed_together_come_back_apart() {
        let waits: BTreeSet<_> = (1..=100).map(|job_id| after_attempt(job_id, 1)).collect();
        assert!(waits.len() > 95, "{}", waits.len());
        assert_eq!(after_attempt(3, 2), after_attempt(3, 2));
        let shortest = waits.first().unwrap();
        let longest = waits.last().unwrap();
        assert!(*longest - *shortest > FIRST / 2);
    }
}
