//! `pacelake jobs`.

use clap::{Args, Subcommand};
use storage::catalog::JobState;

use super::Format;

/// `pacelake jobs`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pacelake jobs ls --state failed               what failed, why, and what to try
  pacelake jobs retry 12                        let job 12 run again
  pacelake jobs cancel 12                       call it off")]
pub struct Jobs {
    /// What to do.
    #[command(subcommand)]
    pub command: JobsCommand,
}

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub enum JobsCommand {
    /// List jobs, newest first
    Ls(JobsLs),
    /// Let a job run again that failed or was cancelled, or one now that waits
    Retry(JobsOne),
    /// Call a job off: one that runs is told to stop
    Cancel(JobsOne),
}

/// `pacelake jobs ls`.
#[derive(Debug, Args)]
pub struct JobsLs {
    /// Only these: waiting, running, done, failed or cancelled
    #[arg(long, value_name = "STATE", value_parser = state)]
    pub state: Option<JobState>,
    /// Only jobs of this kind
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub limit: u32,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// One job.
#[derive(Debug, Args)]
pub struct JobsOne {
    /// Its number, as `pacelake jobs ls` shows it
    #[arg(value_name = "ID")]
    pub job_id: i64,
}

fn state(text: &str) -> Result<JobState, String> {
    JobState::parse(text).ok_or_else(|| {
        let names = JobState::ALL.map(JobState::name);
        format!("there are {}", names.join(", "))
    })
}
