//! `pacelake check`.

use std::process::ExitCode;

use jobs::check::{Checked, Grade};

use super::{Ending, Rim, boxed};
use crate::args::{Check, TalkFormat};
use crate::output::say;

/// Compares everything that must agree; exits with 1 where something does not.
pub async fn run(rim: &Rim, args: &Check) -> Ending {
    let context = rim.context().await.map_err(boxed)?;
    let checked = jobs::check::check(&context).await.map_err(boxed)?;
    match args.format {
        TalkFormat::Json => crate::output::json(&checked),
        TalkFormat::Table => print(&checked),
    }
    Ok(if checked.is_sound() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(checked: &Checked) {
    for line in &checked.lines {
        let grade = match line.grade {
            Grade::Problem => "problem",
            Grade::Note => "note",
        };
        say!("{grade:<8}{}: {}", line.subject, line.message);
    }
    let problems = checked
        .lines
        .iter()
        .filter(|line| line.grade == Grade::Problem)
        .count();
    say!(
        "{} activities and {} recordings checked, {problems} problems",
        checked.activities,
        checked.sources
    );
}
