//! One process and its end.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

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

/// Runs `command`; kills it once `kill_after` is over, where that is given.
/// What it prints goes through files named after `name`, so that no full pipe
/// holds it back.
///
/// # Errors
/// Where it cannot be started, or has not ended after [`HANGS`].
pub fn run(
    mut command: Command,
    name: &Path,
    kill_after: Option<Duration>,
) -> Result<Ended, String> {
    let (stdout, stderr) = (name.with_extension("out"), name.with_extension("err"));
    let create = |path: &Path| {
        File::create(path).map_err(|error| format!("cannot make {}: {error}", path.display()))
    };
    let began = Instant::now();
    let mut child = command
        .stdout(create(&stdout)?)
        .stderr(create(&stderr)?)
        .spawn()
        .map_err(|error| format!("{command:?} cannot be started: {error}"))?;
    let end = wait(&mut child, began, kill_after)?;
    let after = began.elapsed();
    let read = |path: &Path| {
        let bytes = fs::read(path).unwrap_or_default();
        let _ = fs::remove_file(path);
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let ended = Ended {
        end,
        after,
        stdout: read(&stdout),
        stderr: read(&stderr),
    };
    match ended.end {
        End::Killed if kill_after.is_none_or(|limit| limit >= HANGS) => Err(format!(
            "{command:?} hangs; it said: {}",
            tail(&ended.stderr)
        )),
        End::Killed | End::Exit(_) | End::Signal => Ok(ended),
    }
}

fn wait(child: &mut Child, began: Instant, kill_after: Option<Duration>) -> Result<End, String> {
    let limit = kill_after.unwrap_or(HANGS);
    let lost = |error| format!("a process cannot be waited for: {error}");
    loop {
        if let Some(status) = child.try_wait().map_err(lost)? {
            return Ok(status.code().map_or(End::Signal, End::Exit));
        }
        let elapsed = began.elapsed();
        if elapsed >= limit {
            // On Unix this is SIGKILL: no destructor runs, nothing is flushed.
            child.kill().map_err(lost)?;
            let status = child.wait().map_err(lost)?;
            // It may have been quicker than the signal.
            return Ok(status.code().map_or(End::Killed, End::Exit));
        }
        std::thread::sleep(LOOK.min(limit - elapsed));
    }
}

/// The last lines of a text.
pub fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().rev().take(12).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
