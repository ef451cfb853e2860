//! `pacelake maintain`.

use std::process::ExitCode;
use std::time::Duration;

use jobs::maintain::{CleanReport, Options, Report};
use storage::Code;
use storage::maintain::plan::Mode;

use super::{Ending, Rim, boxed};
use crate::args::TalkFormat;
use crate::args::maintain::Maintain;
use crate::output::say;

/// Maintains the lake, all there is to do.
pub async fn run(rim: &Rim, args: &Maintain) -> Ending {
    let context = rim.context().await.map_err(boxed)?;
    let options = Options {
        mode: Mode::Whole,
        dry_run: args.dry_run,
        keep_snapshots: Some(Duration::from_secs(
            args.keep_snapshots_s
                .unwrap_or(rim.settings.keep_snapshots_s),
        )),
    };
    let report = jobs::maintain::maintain(&context, &options)
        .await
        .map_err(boxed)?;
    match args.format {
        TalkFormat::Json => crate::output::json(&report),
        TalkFormat::Table => print(&report),
    }
    Ok(if report.interrupted {
        ExitCode::from(Code::Interrupted.row().exit_code)
    } else {
        ExitCode::SUCCESS
    })
}

fn print(report: &Report) {
    say!(
        "{:<20}{:>8}{:>8}{:>14}{:>14}{:>12}{:>8}",
        "table",
        "files",
        "after",
        "bytes",
        "after",
        "rows",
        "steps"
    );
    for line in &report.tables {
        say!(
            "{:<20}{:>8}{:>8}{:>14}{:>14}{:>12}{:>8}",
            line.table,
            line.before.files,
            line.after.files,
            line.before.bytes,
            line.after.bytes,
            line.after.rows,
            line.steps
        );
    }
    let overtaken: u64 = report.tables.iter().map(|line| line.overtaken).sum();
    if overtaken > 0 {
        say!("{overtaken} steps were overtaken by other writers");
    }
    for line in report.tables.iter().filter(|line| line.busy) {
        say!("{}: another process maintains it", line.table);
    }
    match &report.cleaned {
        Some(cleaned) => print_cleaned(cleaned),
        None if report.interrupted => {}
        None => say!("another process removes files"),
    }
    if report.dry_run {
        say!("nothing was done: this is what would be");
    }
}

fn print_cleaned(cleaned: &CleanReport) {
    say!(
        "{} snapshots expired, {} old ones are leased; {} files ({} bytes) are of none any more",
        cleaned.snapshots,
        cleaned.leased,
        cleaned.unlisted_files,
        cleaned.unlisted_bytes
    );
    say!(
        "{} files and {} orphans removed ({} bytes), {} raw recordings without activity ({} bytes)",
        cleaned.removed_files,
        cleaned.orphans,
        cleaned.removed_bytes,
        cleaned.raw,
        cleaned.raw_bytes
    );
}
