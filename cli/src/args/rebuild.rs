//! `pacelake rebuild`.

use clap::Args;

use super::TalkFormat;

/// `pacelake rebuild`.
#[derive(Debug, Args)]
#[command(
    after_help = "Readers see the old lake until the new one takes its place, in one snapshot. Stopped at
any moment, the same command goes on.

Exit code: 0 all was made from raw bytes, 3 some activities were not (they are listed),
130 interrupted.

Examples:
  pacelake rebuild                      files of the lake are damaged or missing
  pacelake rebuild --new-lake           the lake's tables in the catalog are, too"
)]
pub struct Rebuild {
    /// Forget older snapshots even where their files are sound
    #[arg(long)]
    pub forget_history: bool,
    /// Begin anew, not with what an interrupted rebuild left
    #[arg(long)]
    pub restart: bool,
    /// Drop the lake's own tables in the catalog first, with all that other programs keep in
    /// the lake: for a lake that cannot be opened
    #[arg(long)]
    pub new_lake: bool,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}
