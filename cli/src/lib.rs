//! The command `pacelake`: the only place that reads the environment and
//! configuration files. It holds no logic.
//!
//! It is a library beside its binary for one reason: a test runs all of it by
//! the clock of a simulated Strava (`tests/day`), which no setting can say.

mod args;
mod commands;
mod memory;
mod metrics;
mod output;
mod settings;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use jiff::Timestamp;
use tracing_subscriber::EnvFilter;

use crate::args::Cli;
use crate::settings::{Flags, LogFormat, Settings};

/// Gives memory back to the system some seconds after it is freed: a server
/// refuses statements while its process holds more than it may, and the C
/// library's allocator keeps what one heavy statement took. Of those that were
/// tried this one also keeps least while an import runs, and takes least time.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Exit code of wrong usage, as clap has it.
const WRONG_USAGE: u8 = 2;

/// Runs the command that `arguments` say, the program's name first, by the clock
/// `now`: what is due, how old something is, and until when it may be kept go by
/// it. Sessions, tokens and links of accounts go by the machine's.
pub fn run<I>(arguments: I, now: fn() -> Timestamp) -> ExitCode
where
    I: IntoIterator<Item = OsString>,
{
    let cli = Cli::parse_from(arguments);
    let flags = Flags {
        data_dir: cli.common.data_dir.clone(),
        catalog: cli.common.catalog.clone(),
        store: cli.common.store.clone(),
        listen: None,
    };
    let settings = match Settings::gather(cli.common.config.as_deref(), &flags) {
        Ok(settings) => settings,
        Err(error) => {
            eprintln!("error[invalid_argument]: {error}\n  try: correct the setting it names");
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let filter = match EnvFilter::try_new(&settings.log) {
        Ok(filter) => filter,
        Err(error) => {
            eprintln!(
                "error[invalid_argument]: log: {error}\n  try: `info` or `info,pacelake_jobs=debug`"
            );
            return ExitCode::from(WRONG_USAGE);
        }
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Pretty => log.init(),
        LogFormat::Json => log
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .init(),
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error[internal]: threads cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(commands::run(cli, settings, now))
}
