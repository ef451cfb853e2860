//! `pacelake verify`.

use std::path::PathBuf;

use clap::Args;

use super::TalkFormat;

/// `pacelake verify`.
#[derive(Debug, Args)]
#[command(after_help = "Reads nothing but the folder: no catalog, no lake.

Exit code: 0 every number is what the originals give, 1 something differs (it is listed).

Example:
  pacelake export --all --originals --to exit && pacelake verify exit")]
pub struct Verify {
    /// The folder that `pacelake export --all --originals` wrote
    pub folder: PathBuf,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}
