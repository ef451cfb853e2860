//! `pacelake athlete`.

use clap::{Args, Subcommand};

use super::Format;

/// `pacelake athlete`.
#[derive(Debug, Args)]
pub struct Athlete {
    /// What to do.
    #[command(subcommand)]
    pub command: AthleteCommand,
}

/// What to do with athletes.
#[derive(Debug, Subcommand)]
pub enum AthleteCommand {
    /// Make an athlete and print their id
    Add(AthleteAdd),
    /// List athletes
    Ls(AthleteLs),
}

/// `pacelake athlete add`.
#[derive(Debug, Args)]
pub struct AthleteAdd {
    /// What they are called
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// `pacelake athlete ls`.
#[derive(Debug, Args)]
pub struct AthleteLs {
    /// How rows are printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}
