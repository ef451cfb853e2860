//! `pacelake generate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// `pacelake generate`.
#[derive(Debug, Args)]
#[command(
    after_help = "Without --years and --format: plain FIT files of runs and rides, to measure on, as
ATHLETE/YEAR/START-SPORT.fit.gz.

With one of them: weeks of training with races, holidays in other time zones and
illness, recorded by several devices as FIT, GPX and TCX, some twice, some with
flaws: smart recording, GPS noise, spikes, leaps of the distance, gaps. Beside
them truth.jsonl has a line an activity: its recordings, their flaws, and the
exact totals, splits and best efforts of the motion that was recorded.

The same numbers give the same bytes; memory does not grow with them.

Examples:
  pacelake generate --activities 2000 --seed 1 --to trial
  pacelake generate --activities 100000 --minutes 3 --athletes 10 --to trial
  pacelake generate --years 3 --athletes 2 --seed 7 --to years
  pacelake generate --activities 2000 --format archive --to world
  pacelake import world/1                    the unpacked archive of the first athlete"
)]
pub struct Generate {
    /// How many, of all athletes together [default: 1000; with --years: all of those years]
    #[arg(long, value_name = "N")]
    pub activities: Option<u64>,
    /// Chooses one of many worlds
    #[arg(long, default_value_t = 1, value_name = "N")]
    pub seed: u64,
    /// The folder; made where it is missing
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    /// How many athletes they are shared among
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub athletes: u64,
    /// Training of so many years, from 2016 on, with the truth beside it
    #[arg(long, value_name = "Y", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub years: Option<u32>,
    /// Training with the truth beside it, and how its files lie [default with --years: files]
    #[arg(long, value_enum)]
    pub format: Option<Layout>,
    /// About how long each lasts; training has lengths of its own [default: 30 to 90]
    #[arg(long, value_name = "MINUTES", value_parser = clap::value_parser!(u32).range(1..=600), conflicts_with_all = ["years", "format"])]
    pub minutes: Option<u32>,
    /// How files are packed
    #[arg(long, value_enum, default_value_t)]
    pub packing: Packing,
}

/// How the files of generated training lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// As devices hand them out: `ATHLETE/YEAR/START-SPORT.fit.gz`.
    Files,
    /// As an unpacked account archive of Strava's: `ATHLETE/activities.csv`.
    Archive,
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
