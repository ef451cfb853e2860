//! One era: an empty lake, several processes at it, and the proof.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pacelake_e2e::Random;

use crate::disk::{self, SmallDisk};
use crate::journal::{Era, Faults, Kill};
use crate::material::{self, Unit};
use crate::model::Model;
use crate::place::{Pair, Place};
use crate::postgres::Postgres;
use crate::process::{self, End, Ended, tail};
use crate::proof;
use crate::work::{Phase, Work};

/// What an era is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Counts from 1.
    pub era: u32,
    /// What its chances are drawn from.
    pub seed: u64,
    /// Catalog and store.
    pub pair: Pair,
    /// How many single recordings of the log are imported, beside the hard ones.
    pub ones: usize,
    /// How many sets of several.
    pub manys: usize,
    /// How many processes run at once.
    pub workers: usize,
    /// The binary, and what it is known by.
    pub binary: (PathBuf, String),
    /// Where the era may write; what is left there when it fails is kept.
    pub folder: PathBuf,
}

/// Of so many processes one is to be killed.
const KILLED: f64 = 0.8;
/// How far into its usual time a process may be killed, and a little more, so
/// that some are just through.
const REACH: f64 = 1.15;
/// How long a command usually takes, before it is known.
const FIRST_GUESS: Duration = Duration::from_millis(400);
/// How often one unit may be refused before something is wrong.
const REFUSALS: u32 = 200;
/// Errors that say to try again: what a fault may end a process by.
const TRY_AGAIN: &[&str] = &[
    "conflict",
    "catalog_unavailable",
    "store_unavailable",
    "interrupted",
];

/// What the workers of an era share.
struct Shared {
    queue: VecDeque<Unit>,
    model: Model,
    kills: Vec<Kill>,
    ended: u32,
    refused: BTreeMap<String, u32>,
    took: BTreeMap<Work, Vec<Duration>>,
    failure: Option<String>,
}

/// Runs an era to its proof.
///
/// # Errors
/// What does not hold; the lake is kept in the plan's folder then.
///
/// # Panics
/// Where the campaign itself cannot work: no folder, no samples.
pub fn run(plan: &Plan, server: Option<&Postgres>) -> Result<Era, String> {
    let began = Instant::now();
    let mut random = Random::new(plan.seed);
    let data_dir = plan.folder.join("data");
    fs::create_dir_all(&data_dir).map_err(|error| error.to_string())?;
    let disk = match plan.pair {
        Pair::SqliteDisk => SmallDisk::mount(&data_dir),
        Pair::PostgresDisk => None,
    };
    let place = Place {
        binary: plan.binary.0.clone(),
        data_dir,
        catalog: match plan.pair {
            Pair::SqliteDisk => None,
            Pair::PostgresDisk => Some(server.ok_or("PostgreSQL is not running")?.database()?),
        },
    };
    let queue = material::choose(plan.ones, plan.manys, &mut random);
    let units: Vec<Unit> = queue.iter().cloned().collect();
    let shared = Mutex::new(Shared {
        queue,
        model: Model::default(),
        kills: Vec::new(),
        ended: 0,
        refused: BTreeMap::new(),
        took: BTreeMap::new(),
        failure: None,
    });
    let trouble = Trouble::default();
    thread::scope(|scope| {
        let causes = scope.spawn(|| trouble.make(plan, disk.as_ref(), server));
        let workers: Vec<_> = (0..plan.workers)
            .map(|nth| {
                let (place, shared, trouble) = (&place, &shared, &trouble);
                let limits_files = plan.pair == Pair::SqliteDisk && disk.is_none();
                let worker = Worker {
                    plan,
                    place,
                    shared,
                    trouble,
                    nth,
                    limits_files,
                    random: Random::new(plan.seed.wrapping_add(1 + nth as u64)),
                };
                scope.spawn(move || worker.work())
            })
            .collect();
        for worker in workers {
            worker.join().expect("a worker tells, it does not panic");
        }
        trouble.over.store(true, Ordering::Relaxed);
        causes.join().expect("trouble tells, it does not panic");
    });
    let shared = shared.into_inner().expect("no worker panicked");
    let trouble_failure = trouble.failure.lock().expect("no one panicked").take();
    let proven = match shared.failure.or(trouble_failure) {
        Some(failure) => Err(failure),
        None => proof::prove(&place, &shared.model, &units, &plan.folder),
    };
    let proven = proven.map_err(|failure| {
        // What lies in memory would be gone.
        if disk.is_some() {
            let _ = copy(&place.data_dir, &plan.folder.join("kept"));
        }
        format!(
            "era {} on {}, seed {}: {failure}\nit is kept in {}",
            plan.era,
            plan.pair.name(),
            plan.seed,
            plan.folder.display()
        )
    })?;
    Ok(Era {
        era: plan.era,
        seed: plan.seed,
        pair: plan.pair,
        binary: plan.binary.1.clone(),
        kills: shared.kills,
        ended: shared.ended,
        refused: shared.refused,
        faults: trouble.faults(),
        proven,
        seconds: began.elapsed().as_secs(),
    })
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// What goes wrong around the processes.
#[derive(Default)]
struct Trouble {
    over: AtomicBool,
    restarts: AtomicU32,
    full: AtomicU32,
    failure: Mutex<Option<String>>,
}

impl Trouble {
    /// Fills the disk and restarts PostgreSQL, again and again, until it is
    /// over; then there is room, and the server runs.
    fn make(&self, plan: &Plan, disk: Option<&SmallDisk>, server: Option<&Postgres>) {
        let mut random = Random::new(!plan.seed);
        while self.rest(&mut random, 4_000, 12_000) {
            if let Some(disk) = disk {
                self.full.fetch_add(1, Ordering::Relaxed);
                disk.fill(random.below(300 << 10) as u64);
                self.rest(&mut random, 100, 800);
                disk.free();
            }
            if let Some(server) = server.filter(|_| plan.pair == Pair::PostgresDisk) {
                self.restarts.fetch_add(1, Ordering::Relaxed);
                if let Err(error) = server.restart_at_once() {
                    let mut failure = self.failure.lock().expect("no one panics holding it");
                    *failure = Some(error);
                }
            }
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

    fn faults(&self) -> Faults {
        Faults {
            restarts: self.restarts.load(Ordering::Relaxed),
            full: self.full.load(Ordering::Relaxed),
        }
    }
}

/// One of the hands that run processes.
struct Worker<'a> {
    plan: &'a Plan,
    place: &'a Place,
    shared: &'a Mutex<Shared>,
    trouble: &'a Trouble,
    nth: usize,
    limits_files: bool,
    random: Random,
}

impl Worker<'_> {
    /// Runs one process after the other until all recordings are in, or
    /// something is wrong.
    fn work(mut self) {
        let mut refusals = 0;
        while let Some((work, unit)) = self.next() {
            let ended = self.run(work, unit.as_ref());
            let outcome = ended.and_then(|ended| self.judge(work, unit.as_ref(), &ended));
            let mut shared = self.shared();
            match outcome {
                Ok(Told::Done) => refusals = 0,
                Ok(Told::Again { refused }) => {
                    refusals = if refused { refusals + 1 } else { 0 };
                    shared.queue.extend(unit);
                    if refusals > REFUSALS {
                        shared.failure = Some(format!(
                            "refused {REFUSALS} times in a row: {:?}",
                            shared.refused
                        ));
                    }
                }
                Err(failure) => shared.failure = Some(failure),
            }
        }
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().expect("no worker panics holding it")
    }

    /// What comes next, and on what; `None` at the end.
    fn next(&mut self) -> Option<(Work, Option<Unit>)> {
        let chance = self.random.fraction();
        let mut shared = self.shared();
        if shared.failure.is_some() || shared.queue.is_empty() {
            return None;
        }
        Some(match chance {
            c if c < 0.06 => (Work::Recompute, None),
            c if c < 0.14 => (Work::RecomputeFull, None),
            c if c < 0.24 => (Work::Maintain, None),
            _ => {
                let unit = shared.queue.pop_front()?;
                let many = unit.paths.len() > 1 || unit.paths[0].is_dir();
                let work = if many {
                    Work::ImportMany
                } else {
                    Work::ImportOne
                };
                (work, Some(unit))
            }
        })
    }

    fn run(&mut self, work: Work, unit: Option<&Unit>) -> Result<Ended, String> {
        let paths = unit.into_iter().flat_map(|unit| &unit.paths);
        let paths: Vec<_> = paths.map(|path| path.to_string_lossy()).collect();
        let arguments = work.arguments().iter().copied();
        let arguments: Vec<&str> = arguments.chain(paths.iter().map(AsRef::as_ref)).collect();
        let mut command = self.place.command(&arguments);
        if self.limits_files && self.random.fraction() < 0.2 {
            self.trouble.full.fetch_add(1, Ordering::Relaxed);
            command = disk::limited(&command, self.random.below(2_000) as u64);
        }
        let kill_after = (self.random.fraction() < KILLED).then(|| {
            let reach = self.random.fraction() * REACH;
            self.usual(work).mul_f64(reach)
        });
        let name = self.plan.folder.join(format!("process-{}", self.nth));
        process::run(command, &name, kill_after)
    }

    /// The median of how long such commands took.
    fn usual(&self, work: Work) -> Duration {
        let shared = self.shared();
        let mut took = shared.took.get(&work).cloned().unwrap_or_default();
        took.sort_unstable();
        took.get(took.len() / 2).copied().unwrap_or(FIRST_GUESS)
    }

    /// What an end means.
    fn judge(&self, work: Work, unit: Option<&Unit>, ended: &Ended) -> Result<Told, String> {
        let what = || {
            let paths = unit
                .map(|unit| format!(" {:?}", unit.paths))
                .unwrap_or_default();
            format!(
                "{}{paths} ended by {:?} after {} ms:\n{}\n{}",
                work.name(),
                ended.end,
                ended.after.as_millis(),
                tail(&ended.stdout),
                tail(&ended.stderr)
            )
        };
        if ended.stderr.contains("panicked at") {
            return Err(what());
        }
        let mut shared = self.shared();
        let code = match ended.end {
            End::Signal => return Err(what()),
            End::Killed => {
                shared.kills.push(Kill {
                    work,
                    phase: Phase::of_log(&ended.stderr),
                    after_ms: ended.after.as_millis() as u64,
                });
                return Ok(Told::Again { refused: false });
            }
            End::Exit(code) => code,
        };
        shared.ended += 1;
        let is_import = matches!(work, Work::ImportOne | Work::ImportMany);
        // 3: an item failed by design, the others are in.
        if code == 0 || (code == 3 && is_import) {
            shared.took.entry(work).or_default().push(ended.after);
            if is_import {
                let told = shared.model.acknowledge(&ended.stdout);
                told.map_err(|error| format!("{error}\n{}", what()))?;
            }
            return Ok(Told::Done);
        }
        let error = ended
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix("error[")?.split_once(']'));
        match error {
            Some((code, _)) if TRY_AGAIN.contains(&code) => {
                *shared.refused.entry(code.to_owned()).or_default() += 1;
                Ok(Told::Again { refused: true })
            }
            Some(_) | None => Err(what()),
        }
    }
}

/// What a process's end asks for.
enum Told {
    /// It did what it was to do.
    Done,
    /// It did not, or nobody knows.
    Again { refused: bool },
}
