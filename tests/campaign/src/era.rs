//! One era: an empty lake, several processes at it, and the proof.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use pacelake_e2e::Random;

use crate::disk;
use crate::interrupt;
use crate::journal::{Era, Kill};
use crate::material::{self, Unit};
use crate::model::Model;
use crate::place::{Pair, Place};
use crate::process::{self, End, Ended, Moment, tail};
use crate::proof;
use crate::site::{Servers, Site};
use crate::trouble::Trouble;
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
/// What a command usually takes, before it is known.
const FIRST_GUESS: Took = Took {
    time: Duration::from_millis(400),
    commits: 1,
};
/// Of the moments of kills so many are those of a commit.
const AT_COMMIT: f64 = 0.5;
/// Up to so long after a commit's files are written a process is killed then:
/// most transactions are through before.
const COMMIT_REACH: Duration = Duration::from_millis(60);
/// How often one unit may be refused before something is wrong.
const REFUSALS: u32 = 200;
/// Errors that say to try again: what a fault may end a process by.
const TRY_AGAIN: &[&str] = &[
    "conflict",
    "catalog_unavailable",
    "store_unavailable",
    "interrupted",
];

/// What a command took that ended well.
#[derive(Clone, Copy, Debug)]
struct Took {
    time: Duration,
    commits: usize,
}

/// What the workers of an era share.
struct Shared {
    queue: VecDeque<Unit>,
    model: Model,
    kills: Vec<Kill>,
    ended: u32,
    refused: BTreeMap<String, u32>,
    took: BTreeMap<Work, Vec<Took>>,
    failure: Option<String>,
}

/// Runs an era to its proof.
///
/// # Errors
/// What does not hold; the lake is kept in the plan's folder then. Where the
/// campaign is interrupted, nothing is kept.
///
/// # Panics
/// Where the campaign itself cannot work: no folder, no samples.
pub fn run(plan: &Plan, servers: &Servers) -> Result<Era, String> {
    let began = Instant::now();
    let mut random = Random::new(plan.seed);
    let site = Site::new(plan, servers)?;
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
        let (trouble, site) = (&trouble, &site);
        let at_home = scope.spawn(move || {
            trouble.at_home(!plan.seed, site.disk.as_ref(), site.server);
        });
        let on_the_way = site.bucket.as_ref().map(|bucket| {
            let seed = !plan.seed.rotate_left(32);
            scope.spawn(move || trouble.on_the_way(seed, bucket))
        });
        let workers: Vec<_> = (0..plan.workers)
            .map(|nth| {
                let worker = Worker {
                    plan,
                    place: &site.place,
                    shared: &shared,
                    trouble,
                    nth,
                    limits_files: plan.pair == Pair::SqliteDisk && site.disk.is_none(),
                    random: Random::new(plan.seed.wrapping_add(1 + nth as u64)),
                };
                scope.spawn(move || worker.work())
            })
            .collect();
        for worker in workers {
            worker.join().expect("a worker tells, it does not panic");
        }
        trouble.end();
        for causes in [Some(at_home), on_the_way].into_iter().flatten() {
            causes.join().expect("trouble tells, it does not panic");
        }
    });
    let shared = shared.into_inner().expect("no worker panicked");
    let proven = match shared.failure.or(trouble.failure()) {
        Some(failure) => Err(failure),
        None => proof::prove(&site.place, &shared.model, &units, &plan.folder),
    };
    if interrupt::came() {
        return Err(interrupt::INTERRUPTED.to_owned());
    }
    let proven = proven.map_err(|failure| {
        let kept = site.keep(&plan.folder.join("kept"), servers);
        format!(
            "era {} on {}, seed {}: {failure}\n{} in {}",
            plan.era,
            plan.pair.name(),
            plan.seed,
            kept.map_or_else(
                |error| format!("not all of it could be kept ({error})"),
                |()| "it is kept".to_owned()
            ),
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
        faults: trouble.faults(site.bucket.as_ref()),
        proven,
        seconds: began.elapsed().as_secs(),
    })
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
            let outcome =
                ended.and_then(|(ended, kill)| self.judge(work, unit.as_ref(), &ended, kill));
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

    /// Runs a command, and says when it was to be killed.
    fn run(&mut self, work: Work, unit: Option<&Unit>) -> Result<(Ended, Option<Moment>), String> {
        let paths = unit.into_iter().flat_map(|unit| &unit.paths);
        let paths: Vec<_> = paths.map(|path| path.to_string_lossy()).collect();
        let arguments = work.arguments().iter().copied();
        let arguments: Vec<&str> = arguments.chain(paths.iter().map(AsRef::as_ref)).collect();
        let mut command = self.place.command(&arguments);
        if self.limits_files && self.random.fraction() < 0.2 {
            self.trouble.limits_files();
            command = disk::limited(&command, self.random.below(2_000) as u64);
        }
        let kill = (self.random.fraction() < KILLED).then(|| self.moment(work));
        let name = self.plan.folder.join(format!("process-{}", self.nth));
        let ended = process::run(command, &name, kill)?;
        Ok((ended, kill))
    }

    /// A moment to kill a process at: near a commit, where such ones make any,
    /// or any.
    fn moment(&mut self, work: Work) -> Moment {
        let usual = self.usual(work);
        if usual.commits > 0 && self.random.fraction() < AT_COMMIT {
            Moment::AtCommit {
                nth: 1 + self.random.below(usual.commits),
                wait: COMMIT_REACH.mul_f64(self.random.fraction()),
            }
        } else {
            Moment::After(usual.time.mul_f64(self.random.fraction() * REACH))
        }
    }

    /// What such a command took that was neither quick nor slow.
    fn usual(&self, work: Work) -> Took {
        let shared = self.shared();
        let mut took = shared.took.get(&work).cloned().unwrap_or_default();
        took.sort_unstable_by_key(|took| took.time);
        took.get(took.len() / 2).copied().unwrap_or(FIRST_GUESS)
    }

    /// What an end means.
    fn judge(
        &self,
        work: Work,
        unit: Option<&Unit>,
        ended: &Ended,
        kill: Option<Moment>,
    ) -> Result<Told, String> {
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
                    at_commit: matches!(kill, Some(Moment::AtCommit { .. })),
                });
                return Ok(Told::Again { refused: false });
            }
            End::Exit(code) => code,
        };
        shared.ended += 1;
        let is_import = matches!(work, Work::ImportOne | Work::ImportMany);
        // 3: an item failed by design, the others are in.
        if code == 0 || (code == 3 && is_import) {
            shared.took.entry(work).or_default().push(Took {
                time: ended.after,
                commits: Phase::commits_of_log(&ended.stderr),
            });
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
