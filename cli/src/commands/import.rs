//! `pacelake import`.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use jobs::report::{Outcome, Report};

use super::{Ending, Rim, boxed};
use crate::args::{Import, TalkFormat};

/// Exit code where some items failed and the others are in.
const SOME_FAILED: u8 = 3;
/// Exit code of an interrupted import.
const INTERRUPTED: u8 = 130;
/// How many failures are listed; the audit has them all.
const LISTED: usize = 50;

/// Takes recordings in and prints what became of them.
pub async fn run(rim: &Rim, args: &Import) -> Ending {
    let context = rim.context().await.map_err(boxed)?;
    let began = Instant::now();
    let report = jobs::import::import(&context, rim.athlete, &args.paths)
        .await
        .map_err(boxed)?;
    match args.format {
        TalkFormat::Json => crate::output::json(&report),
        TalkFormat::Table => print_table(&report, began.elapsed().as_secs_f64()),
    }
    Ok(if report.interrupted {
        ExitCode::from(INTERRUPTED)
    } else if report.failed > 0 {
        ExitCode::from(SOME_FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

fn print_table(report: &Report, seconds: f64) {
    let failed = report
        .items
        .iter()
        .filter(|item| item.outcome == Outcome::Failed);
    for item in failed.take(LISTED) {
        eprintln!(
            "failed  {}\n        {}: {}\n        try: {}",
            item.path,
            item.code.unwrap_or_default(),
            item.reason,
            item.try_next.as_deref().unwrap_or_default()
        );
    }
    if report.failed > LISTED {
        eprintln!(
            "… and {} more; `pacelake audit --failed` lists all",
            report.failed - LISTED
        );
    }
    let mut stdout = std::io::stdout().lock();
    // A closed pipe is the reader's wish.
    let _ = writeln!(
        stdout,
        "{} created, {} updated, {} skipped, {} ignored, {} failed in {seconds:.1} s",
        report.created, report.updated, report.skipped, report.ignored, report.failed
    );
    if report.interrupted {
        let _ = writeln!(stdout, "interrupted; the same command goes on");
    }
}
