//! `pacelake purge`.

use clap::Args;
use storage::ActivityId;

use super::TalkFormat;

/// `pacelake purge`.
#[derive(Debug, Args)]
#[command(
    after_help = "What goes is out of every snapshot, file and row, and cannot be had back. Backups
and exports that were made before are not reached. It may be cut off at any
moment: `pacelake purge --unfinished` goes on.

Examples:
  pacelake purge --athlete 3 --dry-run
  pacelake purge --athlete 3 --yes
  pacelake purge --activity 3418023466254336 --yes"
)]
pub struct Purge {
    /// This activity, with all its recordings; may be given several times
    #[arg(long, value_name = "ID")]
    pub activity: Vec<ActivityId>,
    /// Finish purges that were cut off
    #[arg(long, conflicts_with_all = ["activity", "athlete", "dry_run"])]
    pub unfinished: bool,
    /// Only say what would go
    #[arg(long)]
    pub dry_run: bool,
    /// Do it without asking
    #[arg(long)]
    pub yes: bool,
    /// How the receipt is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}
