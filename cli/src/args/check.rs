//! `pacelake check`.

use clap::Args;

use super::TalkFormat;

/// `pacelake check`.
#[derive(Debug, Args)]
#[command(after_help = "Exit code: 0 all agrees, 1 something does not.

Examples:
  pacelake check                        files, counts, ledger, sources
  pacelake check --full                 and every value, derived again from the raw bytes
  pacelake check --full --repair        and mend what the raw bytes can mend")]
pub struct Check {
    /// Also derive every value again and compare; takes as long as a rebuild
    #[arg(long)]
    pub full: bool,
    /// Mend what can be mended, then check again
    #[arg(long)]
    pub repair: bool,
    /// How the list is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}
