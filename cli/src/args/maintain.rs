//! `pacelake maintain`.

use clap::Args;

use super::TalkFormat;

/// `pacelake maintain`.
#[derive(Debug, Args)]
#[command(
    after_help = "It may run beside anything that reads or writes, and be stopped at any time: each
step is a commit of its own, and the next run goes on. No row changes.

Exit code: 0 done, 130 interrupted.

Examples:
  pacelake maintain
  pacelake maintain --dry-run --format json"
)]
pub struct Maintain {
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How many seconds snapshots are kept [default: setting keep_snapshots_s]
    #[arg(long, value_name = "SECONDS")]
    pub keep_snapshots_s: Option<u64>,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}
