//! `pacelake verify`.

use std::process::ExitCode;

use jobs::exit::verify::{Verified, verify};

use super::{Ending, boxed};
use crate::args::TalkFormat;
use crate::args::verify::Verify;
use crate::output::{Talk, say};

/// How many differences are printed; `--format json` has more.
const LISTED: usize = 50;

/// Derives everything in a folder again and compares.
pub async fn run(args: &Verify) -> Ending {
    let verified = verify(&args.folder, &Talk::default()).await;
    let verified = verified.map_err(boxed)?;
    match args.format {
        TalkFormat::Json => crate::output::json(&verified),
        TalkFormat::Table => print(&verified),
    }
    Ok(if verified.is_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(verified: &Verified) {
    for problem in &verified.problems {
        say!("problem {problem}");
    }
    for cell in verified.differences.iter().take(LISTED) {
        let none = || "nothing".to_owned();
        say!(
            "differs {}.{} of {}: {}, the originals give {}",
            cell.table,
            cell.column.unwrap_or("*"),
            cell.key,
            cell.found.clone().unwrap_or_else(none),
            cell.expected.clone().unwrap_or_else(none)
        );
    }
    for table in &verified.tables {
        say!(
            "{:<18} {:>9} rows, {} differences",
            table.table,
            table.rows,
            table.differences
        );
    }
    say!(
        "{} activities derived again from {} originals; {} problems, {} differences",
        verified.activities,
        verified.originals,
        verified.problems.len(),
        verified.tables.iter().map(|t| t.differences).sum::<u64>()
    );
}
