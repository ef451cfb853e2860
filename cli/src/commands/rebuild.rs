//! `pacelake rebuild`.

use std::process::ExitCode;

use jobs::rebuild::{Fate, Options, Rebuilt};
use storage::Code;

use super::{Ending, Rim, boxed};
use crate::args::TalkFormat;
use crate::args::rebuild::Rebuild;
use crate::output::say;

/// Exit code where some activities could not be made from raw bytes.
const SOME_TROUBLED: u8 = 3;

/// Makes the whole lake anew.
pub async fn run(rim: &Rim, args: &Rebuild) -> Ending {
    if args.new_lake {
        rim.drop_lake().await.map_err(boxed)?;
    }
    let context = rim.context().await.map_err(boxed)?;
    let options = Options {
        forget_history: args.forget_history,
        restart: args.restart,
        ..Options::default()
    };
    let rebuilt = jobs::rebuild::rebuild(&context, options)
        .await
        .map_err(boxed)?;
    match args.format {
        TalkFormat::Json => crate::output::json(&rebuilt),
        TalkFormat::Table => print(&rebuilt),
    }
    Ok(if rebuilt.interrupted {
        ExitCode::from(Code::Interrupted.row().exit_code)
    } else if rebuilt.troubled.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(SOME_TROUBLED)
    })
}

fn print(rebuilt: &Rebuilt) {
    for problem in &rebuilt.problems {
        say!("the old lake: {problem}");
    }
    for troubled in &rebuilt.troubled {
        let fate = match troubled.fate {
            Fate::TakenOver => "taken over from the old lake",
            Fate::Reduced => "made from the recordings that are left",
            Fate::Lost => "lost",
        };
        let reasons = troubled.reasons.join("; ");
        say!("activity {}: {fate}: {reasons}", troubled.activity_id);
    }
    let taken_up = match rebuilt.taken_up {
        0 => String::new(),
        some => format!(", {some} of them taken up from an interrupted rebuild"),
    };
    if rebuilt.interrupted {
        say!(
            "interrupted after {} activities{taken_up}; the same command goes on",
            rebuilt.activities
        );
        return;
    }
    say!(
        "{} activities made from raw bytes{taken_up}; {} athletes; {} files, {} bytes",
        rebuilt.activities,
        rebuilt.athletes,
        rebuilt.files,
        rebuilt.bytes
    );
    if rebuilt.history_kept {
        say!("older snapshots can still be read");
    } else {
        say!("older snapshots are forgotten; `pacelake check` lists files that are left over");
    }
}
