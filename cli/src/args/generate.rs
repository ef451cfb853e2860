//! `pacelake generate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `pacelake generate`.
#[derive(Debug, Args)]
#[command(
    after_help = "The same numbers give the same bytes. Files lie as ATHLETE/YEAR/START-SPORT.fit.gz.

Examples:
  pacelake generate --activities 2000 --seed 1 --to trial
  pacelake generate --activities 100000 --minutes 3 --athletes 10 --to trial"
)]
pub struct Generate {
    /// How many, of all athletes together
    #[arg(long, default_value_t = 1000, value_name = "N")]
    pub activities: u64,
    /// Chooses one of many worlds
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// The folder; made where it is missing
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// How many athletes they are shared among
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub athletes: u64,
    /// About how long each lasts [default: 30 to 90]
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=600))]
    pub minutes: Option<u32>,
    /// How files are packed
    #[arg(long, value_enum, default_value_t)]
    pub packing: Packing,
}

/// How generated files are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Packing {
    /// As account archives hold them: `.fit.gz`.
    #[default]
    Gz,
    /// As watches hand them out: `.fit`.
    None,
}
