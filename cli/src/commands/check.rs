//! `pacelake check`.

use std::process::ExitCode;

use jobs::check::{Checked, Grade};
use jobs::repair::Repaired;

use super::{Ending, Rim, boxed};
use crate::args::TalkFormat;
use crate::args::check::Check;
use crate::output::say;

/// Compares everything that must agree, and mends it where that is wished;
/// exits with 1 where something does not agree.
pub async fn run(rim: &Rim, args: &Check) -> Ending {
    let context = rim.context().await.map_err(boxed)?;
    let checked = if args.repair {
        let repaired = jobs::repair::repair(&context, args.full).await;
        let repaired = repaired.map_err(boxed)?;
        match args.format {
            TalkFormat::Json => crate::output::json(&repaired),
            TalkFormat::Table => print_repaired(&repaired),
        }
        repaired.checked
    } else {
        let checked = jobs::check::check(&context, args.full).await;
        let checked = checked.map_err(boxed)?;
        match args.format {
            TalkFormat::Json => crate::output::json(&checked),
            TalkFormat::Table => print(&checked),
        }
        checked
    };
    Ok(if checked.is_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print_repaired(repaired: &Repaired) {
    for mended in &repaired.mended {
        say!("mended  {mended}");
    }
    print(&repaired.checked);
    if !repaired.checked.is_sound() {
        say!("what is left cannot be mended from here: import the recordings again, or restore");
    }
}

/// Prints what a check found.
pub fn print(checked: &Checked) {
    for line in &checked.lines {
        let grade = match line.grade {
            Grade::Problem => "problem",
            Grade::Note => "note",
        };
        say!("{grade:<8}{}: {}", line.subject, line.message);
    }
    say!(
        "{} activities and {} recordings checked, {} problems",
        checked.activities,
        checked.sources,
        checked.problems()
    );
}
