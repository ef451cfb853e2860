//! `pacelake-campaign`: runs a crash campaign, or writes its report.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use pacelake_campaign::campaign::{self, Options};
use pacelake_campaign::interrupt;
use pacelake_campaign::journal::Journal;
use pacelake_campaign::place::Pair;
use pacelake_campaign::report;

/// Kills pacelake again and again, and proves what is left.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run eras until they add up to so many kills; a campaign that was cut off goes on
    Run {
        /// Where the campaign keeps its journal and its lakes
        #[arg(long)]
        folder: PathBuf,
        /// The binary to kill
        #[arg(long)]
        binary: PathBuf,
        /// How many processes are to be killed in all
        #[arg(long, default_value_t = 1_000)]
        kills: usize,
        /// What the campaign's chances are drawn from
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many processes run at once
        #[arg(long, default_value_t = 4)]
        workers: usize,
    },
    /// Write what a campaign's journal holds into a page, below its marker
    Report {
        /// Where the campaign keeps its journal
        #[arg(long)]
        folder: PathBuf,
        /// The page; what stands above its marker stays
        #[arg(long)]
        page: PathBuf,
    },
}

/// What the report stands below.
const MARKER: &str = "<!-- below: written by `make campaign` -->\n";

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Run {
            folder,
            binary,
            kills,
            seed,
            workers,
        } => run(&Options {
            folder,
            kills,
            seed,
            binary,
            pairs: Pair::ALL.to_vec(),
            ones: 24,
            manys: 4,
            workers,
        }),
        Command::Report { folder, page } => write(&Journal::new(&folder), &page),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    interrupt::listen().map_err(|error| error.to_string())?;
    let eras = campaign::run(options, |era, kills| {
        eprintln!(
            "era {} on {}: {} killed, {} ended, {:?}, {:?}, {:?} in {} s; {kills} of {} kills",
            era.era,
            era.pair.name(),
            era.kills.len(),
            era.ended,
            era.refused,
            era.faults,
            era.proven,
            era.seconds,
            options.kills
        );
    })?;
    println!("{}", report::page(&eras));
    Ok(())
}

fn write(journal: &Journal, page: &PathBuf) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", page.display());
    let eras = journal.eras().map_err(|error| error.to_string())?;
    let text = fs::read_to_string(page).map_err(failed)?;
    let above = text
        .split_once(MARKER)
        .map(|(above, _)| above)
        .ok_or_else(|| format!("{}: no line {MARKER}", page.display()))?;
    fs::write(page, format!("{above}{MARKER}\n{}", report::page(&eras))).map_err(failed)
}
