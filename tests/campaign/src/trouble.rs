//! What goes wrong around the processes of an era, on purpose.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pacelake_e2e::Random;

use crate::bucket::{Bucket, Disturbance};
use crate::disk::SmallDisk;
use crate::journal::Faults;
use crate::postgres::Postgres;

/// Trouble of one era, and how much of it there was.
#[derive(Debug, Default)]
pub struct Trouble {
    over: AtomicBool,
    restarts: AtomicU32,
    full: AtomicU32,
    stalls: AtomicU32,
    refusals: AtomicU32,
    failure: Mutex<Option<String>>,
}

impl Trouble {
    /// Fills the disk and restarts PostgreSQL, again and again, until it is
    /// over; then there is room, and the server runs.
    ///
    /// # Panics
    /// Never.
    pub fn at_home(&self, seed: u64, disk: Option<&SmallDisk>, server: Option<&Postgres>) {
        let mut random = Random::new(seed);
        while self.rest(&mut random, 4_000, 12_000) {
            if let Some(disk) = disk {
                self.full.fetch_add(1, Ordering::Relaxed);
                disk.fill(random.below(300 << 10) as u64);
                self.rest(&mut random, 100, 800);
                disk.free();
            }
            if let Some(server) = server {
                self.restarts.fetch_add(1, Ordering::Relaxed);
                if let Err(error) = server.restart_at_once() {
                    let mut failure = self.failure.lock().expect("no one panics holding it");
                    *failure = Some(error);
                }
            }
        }
    }

    /// Disturbs the way to a bucket, again and again, until it is over; then
    /// everything passes.
    pub fn on_the_way(&self, seed: u64, bucket: &Bucket) {
        let mut random = Random::new(seed);
        while self.rest(&mut random, 300, 2_500) {
            let counter = match bucket.disturb(&mut random) {
                Disturbance::Cut => continue,
                Disturbance::Stall => &self.stalls,
                Disturbance::Refusal => &self.refusals,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        bucket.calm();
    }

    /// A process's files are limited, as on a full disk.
    pub fn limits_files(&self) {
        self.full.fetch_add(1, Ordering::Relaxed);
    }

    /// It is over.
    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// What was to be mended and could not.
    ///
    /// # Panics
    /// Never.
    pub fn failure(&self) -> Option<String> {
        let failure = self.failure.lock().expect("no one panics holding it");
        failure.clone()
    }

    /// How much of it there was.
    pub fn faults(&self, bucket: Option<&Bucket>) -> Faults {
        let count = |counter: &AtomicU32| counter.load(Ordering::Relaxed);
        Faults {
            restarts: count(&self.restarts),
            full: count(&self.full),
            cuts: bucket.map_or(0, |bucket| bucket.cuts() as u32),
            stalls: count(&self.stalls),
            refusals: count(&self.refusals),
        }
    }

    /// Waits for a while between the two, in ms; whether it goes on then.
    fn rest(&self, random: &mut Random, least_ms: usize, most_ms: usize) -> bool {
        let until = least_ms + random.below(most_ms - least_ms);
        let until = Instant::now() + Duration::from_millis(until as u64);
        while Instant::now() < until && !self.over.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(20));
        }
        !self.over.load(Ordering::Relaxed)
    }
}
