//! Parts of pacelake alone, timed, for `make bench`: what the whole is
//! compared with. Prints one JSON object.
//!
//! Everything that is measured is the product's own code, called as the
//! product calls it; here are only clocks.

mod efforts;
mod parts;
mod questions;
mod readers;

use std::path::PathBuf;
use std::time::Instant;

use clap::{Parser, Subcommand};
use storage::{Options, Storage};

/// As the product has it.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Times a part of pacelake.
#[derive(Debug, Parser)]
struct Cli {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Decode the recordings whose paths stand on stdin, one after the other
    Decode {
        /// How often
        passes: usize,
    },
    /// Take the recordings below a folder apart: unpack, decode and clean,
    /// derive, compress, each alone on all cores
    Parts {
        /// The folder
        folder: PathBuf,
    },
    /// Derive the best efforts of a whole lake, and read their columns only
    Efforts {
        /// The data folder
        data_dir: PathBuf,
        /// How often
        passes: usize,
        /// Where the efforts go, as CSV
        result: PathBuf,
    },
    /// Ask each question of a folder of SQL files
    Questions {
        /// The data folder
        data_dir: PathBuf,
        /// The folder of SQL files
        folder: PathBuf,
        /// How often
        passes: usize,
    },
}

/// Any error, as text: this program has no user but the harness.
type Failed = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let answer = match Cli::parse().part {
        Part::Decode { passes } => readers::decode_stdin(passes)?,
        Part::Parts { folder } => parts::parts(&folder)?,
        Part::Efforts {
            data_dir,
            passes,
            result,
        } => efforts::efforts(&open(data_dir).await?, passes, &result).await?,
        Part::Questions {
            data_dir,
            folder,
            passes,
        } => questions::questions(&open(data_dir).await?, &folder, passes).await?,
    };
    println!("{answer}");
    Ok(())
}

async fn open(data_dir: PathBuf) -> Result<Storage, storage::Error> {
    let options = Options::in_folder(data_dir);
    Storage::open(&options, &query::derived::tables(), storage::tables::VIEWS).await
}

/// Seconds since.
fn seconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64()
}
