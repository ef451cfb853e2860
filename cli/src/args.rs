//! The command line.

pub mod account;
mod athlete;
pub mod backup;
pub mod check;
pub mod correct;
pub mod diff;
pub mod explain;
mod generate;
pub mod jobs;
pub mod maintain;
pub mod past;
mod purge;
pub mod rebuild;
pub mod token;
pub mod verify;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::civil::Date;
use storage::{ActivityId, AthleteId};

use self::past::Past;

pub use self::generate::{Generate, Layout, Packing};
pub use athlete::{Athlete, AthleteCommand};
pub use purge::Purge;

/// The open data engine for endurance sport.
///
/// Every activity in, open tables and checkable numbers out.
#[derive(Debug, Parser)]
#[command(
    name = "pacelake",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
#[command(after_help = "Examples:
  pacelake import export_12345.zip ~/garmin     take in an account archive and a folder
  pacelake best --sport run --distance 5000     the fastest 5 km there are
  pacelake sql \"select * from stats\"            ask the tables
  pacelake serve                                browse on http://127.0.0.1:8080")]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub common: Common,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Common {
    /// Folder of the embedded catalog, the lake and the raw recordings [env: PACELAKE_DATA_DIR]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// A PostgreSQL catalog instead of the embedded one [env: PACELAKE_CATALOG]
    #[arg(long, global = true, value_name = "URL")]
    pub catalog: Option<String>,
    /// A bucket for all objects, such as s3://bucket/prefix [env: PACELAKE_STORE]
    #[arg(long, global = true, value_name = "URL")]
    pub store: Option<String>,
    /// Configuration file [default: pacelake.toml in the data folder]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Whose activities, once there is more than one athlete
    #[arg(long, global = true, value_name = "ID")]
    pub athlete: Option<AthleteId>,
}

/// One command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take in recordings: files, folders, zip archives, gz, in any mix
    Import(Import),
    /// List activities, newest first
    Ls(Ls),
    /// Show one activity: totals, laps, splits, climbs, best efforts, findings, sources
    Show(Show),
    /// Show the fastest efforts over distances
    Best(Best),
    /// Show totals by year, month, week or day
    Stats(Stats),
    /// Take one number apart: definition, inputs, SQL, and the number computed anew
    Explain(explain::Explain),
    /// Show which numbers changed between two snapshots, and why
    Diff(diff::Diff),
    /// Keep a stretch of an activity, or all of it, out of records
    Mask(correct::Mask),
    /// Lift masks of an activity
    Unmask(correct::Unmask),
    /// Let an effort count that was refused
    Include(correct::Include),
    /// Let an included effort count no more
    Exclude(correct::Exclude),
    /// Take a recording out of an activity: it becomes one of its own
    Unmerge(correct::Unmerge),
    /// Let identity decide again on a recording that was taken out
    Remerge(correct::Remerge),
    /// Ask the lake's tables in SQL, read-only
    Sql(Sql),
    /// Write tables as Parquet or CSV files
    Export(Export),
    /// Derive every number of an export with originals again, and compare
    Verify(verify::Verify),
    /// Compute derived tables again where they are stale, or in full
    Recompute(Recompute),
    /// Make the whole lake anew from raw bytes and catalog
    Rebuild(rebuild::Rebuild),
    /// Check that catalog, lake, ledger and files agree
    Check(check::Check),
    /// Merge small files, expire old snapshots, remove what nothing names
    Maintain(maintain::Maintain),
    /// Copy catalog and objects to a folder, while in use
    Backup(backup::Backup),
    /// Make an installation of a backup, and check it
    Restore(backup::Restore),
    /// Show what imports did, newest first
    Audit(Audit),
    /// List jobs of the queue, let them run again, or call them off
    Jobs(jobs::Jobs),
    /// Make and list athletes
    Athlete(Athlete),
    /// Say who may sign in, and end it
    Account(account::Account),
    /// Make, list and revoke what programs sign in with
    Token(token::Token),
    /// Take an athlete, or activities, out of everything, for ever
    Purge(Purge),
    /// Serve the HTTP API and the start page
    Serve(Serve),
    /// Run jobs beside a server, in as many processes as are wanted
    Worker(Worker),
    /// Make recordings of athletes who never were, for trials and measurements
    Generate(Generate),
    /// Write documents that follow from declarations
    #[command(hide = true)]
    Document(Document),
}

/// How rows are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One array of objects.
    Json,
    /// With a header line.
    Csv,
    /// One Parquet file.
    Parquet,
    /// One Arrow IPC stream.
    Arrow,
}

/// How talk is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TalkFormat {
    /// For people.
    #[default]
    Table,
    /// One JSON object.
    Json,
}

/// `pacelake import`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 all went in, 3 some failed (they are listed), 130 interrupted.

Examples:
  pacelake import morning.fit evening.gpx.gz
  pacelake import export_12345.zip --format json
  pacelake import ~/garmin --athlete 2"
)]
pub struct Import {
    /// Files, folders and archives
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// How the report is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}

/// `pacelake ls`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pacelake ls --sport run --from 2022-01-01 --to 2022-12-31
  pacelake ls --name \"long run\" --format csv
  pacelake ls --at 2026-03-01                   as things were at the end of that day")]
pub struct Ls {
    /// Only this sport, such as run or ride_indoor
    #[arg(long)]
    pub sport: Option<String>,
    /// Only from this local day on
    #[arg(long, value_name = "DATE")]
    pub from: Option<Date>,
    /// Only up to this local day, included
    #[arg(long, value_name = "DATE")]
    pub to: Option<Date>,
    /// Only where the name contains this text
    #[arg(long, value_name = "TEXT")]
    pub name: Option<String>,
    /// Only this long or longer, in metres
    #[arg(long, value_name = "METRES")]
    pub min_distance: Option<f64>,
    /// Only this long or shorter, in metres
    #[arg(long, value_name = "METRES")]
    pub max_distance: Option<f64>,
    /// At most this many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// As it is, or as it was.
    #[command(flatten)]
    pub past: Past,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `pacelake show`.
#[derive(Debug, Args)]
#[command(
    after_help = "With --at the list of sources is today's: the catalog keeps no older one.

Examples:
  pacelake show 3418023466254336 --format json
  pacelake show 3418023466254336 --at 2026-03-01"
)]
pub struct Show {
    /// The activity, as `pacelake ls` lists it
    pub id: ActivityId,
    /// As it is, or as it was.
    #[command(flatten)]
    pub past: Past,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    pub format: TalkFormat,
}

/// `pacelake best`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pacelake best                                      the best run over every distance
  pacelake best --sport ride --distance 50000
  pacelake best --window 1y --as-of 2022-06-30")]
pub struct Best {
    /// The sport [default: all]
    #[arg(long)]
    pub sport: Option<String>,
    /// The distance in metres, one of those that are kept [default: all]
    #[arg(long, value_name = "METRES")]
    pub distance: Option<f64>,
    /// How far back efforts count: all, 2y, 1y or 3m
    #[arg(long, default_value = "all", value_parser = ["all", "2y", "1y", "3m"])]
    pub window: String,
    /// The local day on which the window ends [default: today; of the past, as the table had it]
    #[arg(long, value_name = "DATE")]
    pub as_of: Option<Date>,
    /// How many ranks of each distance [default: 1, or 10 where a distance is given]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub limit: Option<u32>,
    /// As it is, or as it was.
    #[command(flatten)]
    pub past: Past,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `pacelake stats`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  pacelake stats --by month --sport run --format csv")]
pub struct Stats {
    /// The period
    #[arg(long, value_enum, default_value_t)]
    pub by: Period,
    /// Only this sport; `all` for the sum [default: each]
    #[arg(long)]
    pub sport: Option<String>,
    /// As it is, or as it was.
    #[command(flatten)]
    pub past: Past,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// The kinds of period.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Period {
    /// Calendar years.
    #[default]
    Year,
    /// Calendar months.
    Month,
    /// ISO weeks, from Monday.
    Week,
    /// Days.
    Day,
}

/// `pacelake sql`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pacelake sql \"select sport, count(*) from activities group by sport\"
  pacelake sql \"select * from samples where activity_id = 1\" --format parquet > samples.parquet")]
pub struct Sql {
    /// One statement that reads
    pub query: String,
    /// More rows than this are an error, never a silent cut
    #[arg(long, default_value_t = 100_000, value_name = "ROWS")]
    pub max_rows: usize,
    /// As it is, or as it was.
    #[command(flatten)]
    pub past: Past,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `pacelake export`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pacelake export --all --to backup --format parquet
  pacelake export --table splits --to csv --format csv
  pacelake export --all --to s3://bucket/prefix
  pacelake export --all --originals --to exit     everything, for `pacelake verify exit`")]
pub struct Export {
    /// One table
    #[arg(long, required_unless_present = "all", conflicts_with = "all")]
    pub table: Option<String>,
    /// Every table
    #[arg(long)]
    pub all: bool,
    /// With the recordings as they came, and a manifest from which every number can be derived
    /// again
    #[arg(long, requires = "all", conflicts_with_all = ["format", "at"])]
    pub originals: bool,
    /// The folder, made where it is missing; or s3://bucket/prefix, with the keys and the endpoint
    /// of the settings `s3_…`
    #[arg(long, value_name = "DIR|URL")]
    pub to: String,
    /// As it is, or as it was.
    #[command(flatten)]
    pub past: Past,
    /// The kind of file
    #[arg(long, value_enum, default_value_t = ExportFormat::Parquet)]
    pub format: ExportFormat,
}

/// Kinds of exported file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ExportFormat {
    /// Parquet.
    Parquet,
    /// CSV; lists as JSON.
    Csv,
}

/// `pacelake recompute`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  pacelake recompute                         only what is stale
  pacelake recompute --full                  everything, from the raw recordings
  pacelake recompute --full --since 2022-01-01
  pacelake recompute --dry-run               what that would change, and nothing else")]
pub struct Recompute {
    /// Everything, stale or not, from the raw recordings
    #[arg(long)]
    pub full: bool,
    /// Only this definition
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,
    /// Only activities that began on this day (UTC) or later
    #[arg(long, value_name = "DATE")]
    pub since: Option<Date>,
    /// Count the cells that would change, show some of them, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How what would change is printed
    #[arg(long, value_enum, default_value_t, requires = "dry_run")]
    pub format: TalkFormat,
}

/// `pacelake audit`.
#[derive(Debug, Args)]
#[command(after_help = "Example:
  pacelake audit --failed                    what did not go in, and what to try")]
pub struct Audit {
    /// Only what failed
    #[arg(long)]
    pub failed: bool,
    /// Only this activity
    #[arg(long, value_name = "ID")]
    pub activity: Option<ActivityId>,
    /// At most this many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub limit: u32,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

/// `pacelake serve`.
#[derive(Debug, Args)]
pub struct Serve {
    /// Where to listen; loopback only until accounts exist [env: PACELAKE_LISTEN]
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
}

/// `pacelake worker`.
#[derive(Debug, Args)]
#[command(
    after_help = "The server leaves jobs to workers with PACELAKE_WORKERS=0. Settings of Strava are those of
the server: see data/settings.md.

Example:
  pacelake worker --at-once 8"
)]
pub struct Worker {
    /// How many jobs to run at once [default: the setting `workers`, at least 1]
    #[arg(long, value_name = "JOBS")]
    pub at_once: Option<usize>,
    /// Address where it tells how it is: `/metrics`, `/api/health`, `/api/ready`
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
}

/// `pacelake document`.
#[derive(Debug, Args)]
pub struct Document {
    /// The project's folder
    #[arg(long, default_value = ".")]
    pub root: PathBuf,
}
