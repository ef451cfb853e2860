//! One process and its end.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::interrupt;
use crate::work::Phase;

/// When a process is to be killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// After so long.
    After(Duration),
    /// So long after its log says that the files of its `nth` commit are
    /// written, so that the transaction is next.
    AtCommit {
        /// Counts from 1.
        nth: usize,
        /// How long after.
        wait: Duration,
    },
}

/// How a process ended.
#[derive(Debug)]
pub enum End {
    /// By itself, with this exit code.
    Exit(i32),
    /// We killed it.
    Killed,
    /// Another signal ended it.
    Signal,
}

/// What a process left.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub end: End,
    /// After how long.
    pub after: Duration,
    /// Data.
    pub stdout: String,
    /// Talk and log.
    pub stderr: String,
}

/// How often a process is looked at.
const LOOK: Duration = Duration::from_millis(2);

/// Longer than any command of a campaign takes on a busy machine: who takes
/// longer hangs.
pub const HANGS: Duration = Duration::from_secs(300);

/// Runs `command`; kills it when the moment has come, where one is given.
/// What it prints goes through files named after `name`, so that no full pipe
/// holds it back.
///
/// # Errors
/// Where it cannot be started, has not ended after [`HANGS`], or the campaign
/// itself is interrupted; it does not run any more then.
pub fn run(mut command: Command, name: &Path, kill: Option<Moment>) -> Result<Ended, String> {
    let (stdout, stderr) = (name.with_extension("out"), name.with_extension("err"));
    let create = |path: &Path| {
        File::create(path).map_err(|error| format!("cannot make {}: {error}", path.display()))
    };
    let began = Instant::now();
    let mut child = command
        .stdout(create(&stdout)?)
        .stderr(create(&stderr)?)
        // An interrupt from the terminal is for the campaign, which ends it.
        .process_group(0)
        .spawn()
        .map_err(|error| format!("{command:?} cannot be started: {error}"))?;
    let end =
        wait(&mut child, began, kill, &stderr).map_err(|error| format!("{command:?}: {error}"))?;
    let after = began.elapsed();
    let (said, log) = (read(&stdout), read(&stderr));
    let _ = (fs::remove_file(stdout), fs::remove_file(stderr));
    Ok(Ended {
        end,
        after,
        stdout: said,
        stderr: log,
    })
}

fn wait(
    child: &mut Child,
    began: Instant,
    kill: Option<Moment>,
    log: &Path,
) -> Result<End, String> {
    let lost = |error| format!("cannot be waited for: {error}");
    // On Unix this is SIGKILL: no destructor runs, nothing is flushed.
    let kill_it = |child: &mut Child| child.kill().and_then(|()| child.wait()).map_err(lost);
    let mut due = match kill {
        Some(Moment::After(time)) => Some(time),
        Some(Moment::AtCommit { .. }) | None => None,
    };
    loop {
        if let Some(status) = child.try_wait().map_err(lost)? {
            return Ok(status.code().map_or(End::Signal, End::Exit));
        }
        let elapsed = began.elapsed();
        if let (None, Some(Moment::AtCommit { nth, wait })) = (due, kill)
            && Phase::commits_of_log(&read(log)) >= nth
        {
            due = Some(elapsed + wait);
        }
        if due.is_some_and(|due| elapsed >= due) {
            // It may have been quicker than the signal.
            return Ok(kill_it(child)?.code().map_or(End::Killed, End::Exit));
        }
        if interrupt::came() {
            kill_it(child)?;
            return Err(interrupt::INTERRUPTED.to_owned());
        }
        if elapsed >= HANGS {
            kill_it(child)?;
            return Err(format!("hangs; it said: {}", tail(&read(log))));
        }
        let left = due.map_or(LOOK, |due| due.saturating_sub(elapsed));
        std::thread::sleep(LOOK.min(left));
    }
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

/// The last lines of a text.
pub fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().rev().take(12).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
