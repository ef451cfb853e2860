//! One file a command; here, what they share.

mod account;
mod athlete;
mod audit;
mod backup;
mod best;
mod check;
mod correct;
mod diff;
mod document;
mod explain;
mod export;
mod generate;
mod import;
mod jobs;
mod ls;
mod maintain;
mod purge;
mod rebuild;
mod recompute;
mod restore;
mod serve;
mod show;
mod sql;
mod stats;
mod token;
mod verify;
mod worker;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use ::jobs::Context;
use ::jobs::progress::Stop;
use jiff::Timestamp;
use query::session::{Limits, Session};
use storage::catalog::Athlete;
use storage::{AthleteId, Code, Failure, LakeView, Options, Storage};

use crate::args::past::Past;
use crate::args::{Cli, Command, Format};
use crate::output::{self, Talk};
use crate::settings::Settings;

/// How a command ends: an exit code, or an error that the rim prints.
pub type Ending = Result<ExitCode, Box<dyn Failure + Send + Sync>>;

/// Runs one command to its exit code, by the clock `now`.
pub async fn run(cli: Cli, settings: Settings, now: fn() -> Timestamp) -> ExitCode {
    let rim = Rim {
        settings,
        now,
        athlete: cli.common.athlete,
    };
    let ending = match &cli.command {
        Command::Import(args) => import::run(&rim, args).await,
        Command::Ls(args) => ls::run(&rim, args).await,
        Command::Show(args) => show::run(&rim, args).await,
        Command::Best(args) => best::run(&rim, args).await,
        Command::Stats(args) => stats::run(&rim, args).await,
        Command::Explain(args) => explain::run(&rim, args).await,
        Command::Diff(args) => diff::run(&rim, args).await,
        Command::Mask(args) => correct::mask(&rim, args).await,
        Command::Unmask(args) => correct::unmask(&rim, args).await,
        Command::Include(args) => correct::include(&rim, args).await,
        Command::Exclude(args) => correct::exclude(&rim, args).await,
        Command::Unmerge(args) => correct::unmerge(&rim, args).await,
        Command::Remerge(args) => correct::remerge(&rim, args).await,
        Command::Sql(args) => sql::run(&rim, args).await,
        Command::Export(args) => export::run(&rim, args).await,
        Command::Verify(args) => verify::run(args).await,
        Command::Recompute(args) => recompute::run(&rim, args).await,
        Command::Rebuild(args) => rebuild::run(&rim, args).await,
        Command::Check(args) => check::run(&rim, args).await,
        Command::Maintain(args) => maintain::run(&rim, args).await,
        Command::Backup(args) => backup::run(&rim, args).await,
        Command::Restore(args) => restore::run(&rim, args).await,
        Command::Audit(args) => audit::run(&rim, args).await,
        Command::Jobs(args) => jobs::run(&rim, args).await,
        Command::Athlete(args) => athlete::run(&rim, args).await,
        Command::Account(args) => account::run(&rim, args).await,
        Command::Token(args) => token::run(&rim, args).await,
        Command::Purge(args) => purge::run(&rim, args).await,
        Command::Serve(args) => serve::run(&rim, args).await,
        Command::Worker(args) => worker::run(&rim, args).await,
        Command::Generate(args) => generate::run(args),
        Command::Document(args) => document::run(args),
    };
    ending.unwrap_or_else(|error| {
        output::failure(error.as_ref());
        log_chain(error.as_ref());
        ExitCode::from(error.code().row().exit_code)
    })
}

/// The causes below an error go to the log, once.
fn log_chain(error: &dyn std::error::Error) {
    let mut source = error.source();
    while let Some(cause) = source {
        tracing::error!(%cause, "caused by");
        source = cause.source();
    }
}

/// What commands take from the rim: settings, and whose activities.
pub struct Rim {
    /// Gathered settings.
    pub settings: Settings,
    /// The clock.
    pub now: fn() -> Timestamp,
    /// The athlete that was named.
    pub athlete: Option<AthleteId>,
}

impl Rim {
    /// Opens the data folder or the named catalog, made where it is missing.
    pub async fn storage(&self) -> Result<Storage, storage::Error> {
        open(&self.options()?).await
    }

    /// Drops the lake's tables in the catalog, and nothing else.
    pub async fn drop_lake(&self) -> Result<(), storage::Error> {
        Storage::drop_lake(&self.options()?).await
    }

    /// Where the installation lies.
    ///
    /// # Errors
    /// Where the settings of the object store contradict each other.
    pub fn options(&self) -> Result<Options, storage::Error> {
        Ok(Options {
            data_dir: self.settings.data_dir.clone(),
            catalog: self.settings.catalog.clone(),
            store: self.settings.store()?,
        })
    }

    /// A job's context that talks to stderr and stops when the process is told
    /// to end: the first time asks, the second ends it.
    pub async fn context(&self) -> Result<Context, storage::Error> {
        self.context_at(&self.options()?).await
    }

    /// [`context`](Self::context) of an installation elsewhere.
    pub async fn context_at(&self, options: &Options) -> Result<Context, storage::Error> {
        let stop = Stop::default();
        let asked = stop.clone();
        tokio::spawn(async move {
            while told_to_end().await.is_ok() {
                if asked.asked() {
                    std::process::exit(i32::from(Code::Interrupted.row().exit_code));
                }
                eprintln!("stopping after the step at hand; told again, it stops at once");
                asked.ask();
            }
        });
        Ok(Context {
            storage: open(options).await?,
            now: self.now,
            progress: Arc::new(Talk::default()),
            stop,
        })
    }

    /// What a reading command needs: a session at the snapshot that it reads,
    /// and the athlete it is about.
    pub async fn reading(&self, past: Past) -> Result<Reading, Box<dyn Failure + Send + Sync>> {
        let context = self.context().await.map_err(boxed)?;
        let athlete = context.athlete(self.athlete).await.map_err(boxed)?;
        let view = view(&context, past).await.map_err(boxed)?;
        let session = Session::open(&view, Limits::default())
            .await
            .map_err(boxed)?;
        Ok(Reading {
            context,
            athlete,
            session,
            snapshot: view.snapshot_id(),
            past,
        })
    }
}

/// Waits until the process is told to end: by Ctrl-C, or by SIGTERM, as systemd
/// and containers do.
async fn told_to_end() -> io::Result<()> {
    tokio::select! {
        pressed = tokio::signal::ctrl_c() => pressed,
        told = terminated() => told,
    }
}

#[cfg(unix)]
async fn terminated() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    signal(SignalKind::terminate())?.recv().await;
    Ok(())
}

/// There is no such signal elsewhere.
#[cfg(not(unix))]
async fn terminated() -> io::Result<()> {
    std::future::pending().await
}

/// The snapshot that a command reads.
async fn view(context: &Context, past: Past) -> Result<LakeView, storage::Error> {
    match past.at {
        Some(moment) => context.storage.lake.at_moment(&moment).await,
        None => context.storage.lake.latest().await,
    }
}

async fn open(options: &Options) -> Result<Storage, storage::Error> {
    Storage::open(options, &query::derived::tables(), storage::tables::VIEWS).await
}

/// A session at one snapshot, for one athlete.
pub struct Reading {
    /// Where the catalog is.
    pub context: Context,
    /// Whose.
    pub athlete: Athlete,
    /// SQL on it.
    pub session: Session,
    /// Its id.
    pub snapshot: i64,
    /// Which one was asked for.
    pub past: Past,
}

/// An error on its way to the rim.
pub fn boxed<E: Failure + Send + Sync + 'static>(error: E) -> Box<dyn Failure + Send + Sync> {
    Box::new(error)
}

impl From<Format> for query::output::Format {
    fn from(format: Format) -> Self {
        match format {
            Format::Table => Self::Table,
            Format::Json => Self::Json,
            Format::Csv => Self::Csv,
            Format::Parquet => Self::Parquet,
            Format::Arrow => Self::Arrow,
        }
    }
}
