//! `pacelake diff`.

use std::process::ExitCode;

use jobs::diff::{ActivityDiff, Because, Change, End, Options, RowDiff, TableDiff, diff};
use storage::Code;

use super::explain::{text, words};
use super::{Ending, Rim, boxed};
use crate::args::TalkFormat;
use crate::args::diff::Diff;
use crate::output::{self, say};

/// How many cells of each column, and rows of each table, people see.
const SAMPLES: usize = 3;
/// How many activities they see, unless they say otherwise.
const ACTIVITIES: u32 = 20;

/// Prints which numbers changed between two snapshots, and why.
pub async fn run(rim: &Rim, args: &Diff) -> Ending {
    let limit = match (args.limit, args.format) {
        (Some(limit), _) => limit as usize,
        (None, TalkFormat::Table) => ACTIVITIES as usize,
        (None, TalkFormat::Json) => usize::MAX,
    };
    let options = Options {
        table: args.table.clone(),
        activity: args.activity,
        samples: match args.format {
            TalkFormat::Table => SAMPLES,
            TalkFormat::Json => limit,
        },
        activities: limit,
    };
    let context = rim.context().await.map_err(boxed)?;
    let athlete = context.athlete(rim.athlete).await.map_err(boxed)?;
    let found = diff(&context, &athlete, &args.from, args.to.as_ref(), &options);
    let found = found.await.map_err(boxed)?;
    match args.format {
        TalkFormat::Json => output::json(&found),
        TalkFormat::Table => print(&found),
    }
    Ok(if found.interrupted {
        ExitCode::from(Code::Interrupted.row().exit_code)
    } else {
        ExitCode::SUCCESS
    })
}

fn print(diff: &jobs::diff::Diff) {
    let end = |end: &End| format!("snapshot {} of {}", end.snapshot, end.time);
    say!("{} -> {}", end(&diff.from), end(&diff.to));
    if diff.tables.is_empty() {
        say!("\nnothing changed");
    }
    for table in &diff.tables {
        print_table(table);
    }
    if diff.activities_changed > 0 {
        say!("\nactivities that changed: {}", diff.activities_changed);
    }
    for activity in &diff.activities {
        print_activity(activity);
    }
    let left = diff.activities_changed - diff.activities.len() as u64;
    if left > 0 {
        say!("and {left} more; raise --limit, or --format json has all");
    }
}

fn print_table(table: &TableDiff) {
    let counts = counts(&[
        (table.rows_added, "rows added"),
        (table.rows_removed, "rows removed"),
        (table.rows_changed, "rows changed"),
    ]);
    say!("\n{}: {counts}", table.table);
    for RowDiff {
        key,
        change,
        because,
    } in &table.rows
    {
        let sign = match change {
            Change::Added => '+',
            Change::Removed => '-',
            Change::Changed => ' ',
        };
        say!("  {sign} {}{}", words(key), why(because));
    }
    for column in &table.columns {
        say!("  {}: {} cells", column.column, column.cells);
        for cell in &column.sample {
            let (was, is) = (text(&cell.before), text(&cell.after));
            let because = why(&cell.because);
            say!("    {}: {was} -> {is}{because}", words(&cell.key));
        }
    }
}

fn print_activity(activity: &ActivityDiff) {
    let counts = counts(&[
        (activity.rows_added, "rows added"),
        (activity.rows_removed, "rows removed"),
        (activity.cells_changed, "cells changed"),
    ]);
    let name = activity.name.as_deref().unwrap_or_default();
    let ActivityDiff {
        activity_id,
        start_time,
        sport,
        ..
    } = activity;
    say!("  {activity_id} {start_time} {sport} {name}: {counts}");
    for reason in &activity.because {
        say!("    {}", reason.sentence);
    }
}

fn counts(counts: &[(u64, &str)]) -> String {
    let some = counts.iter().filter(|(count, _)| *count > 0);
    let some: Vec<_> = some
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    some.join(", ")
}

/// What a change follows from, in parentheses.
fn why(because: &Because) -> String {
    let activities = because.activities.iter().take(SAMPLES);
    let mut parts: Vec<_> = activities.map(|id| format!("activity {id}")).collect();
    let named = because.activities.len().min(SAMPLES);
    let more = (because.activities.len() - named) as u64 + because.more_activities;
    if more > 0 {
        parts.push(format!("{more} more activities"));
    }
    let reasons = because.reasons.iter().take(SAMPLES);
    parts.extend(reasons.map(|reason| reason.sentence.clone()));
    match parts.as_slice() {
        [] => String::new(),
        parts => format!("  ({})", parts.join("; ")),
    }
}
