//! `pacelake recompute`.

use std::process::ExitCode;

use jobs::recompute::{Column, Preview};
use storage::Code;

use super::{Ending, Rim, boxed};
use crate::args::{Recompute, TalkFormat};
use crate::output::{self, say};

/// Computes stale derived tables again, or all of them.
pub async fn run(rim: &Rim, args: &Recompute) -> Ending {
    let context = rim.context().await.map_err(boxed)?;
    let options = jobs::recompute::Options {
        full: args.full,
        only: args.only.clone(),
        since: args.since,
        athlete: rim.athlete,
        ranks: false,
    };
    if args.dry_run {
        return dry_run(&context, &options, args.format).await;
    }
    let done = jobs::recompute::recompute(&context, &options)
        .await
        .map_err(boxed)?;
    say!(
        "{} activities looked at, {} computed, {} changed; {} athletes changed",
        done.looked_at,
        done.computed,
        done.changed,
        done.athletes_changed
    );
    Ok(if done.interrupted {
        ExitCode::from(Code::Interrupted.row().exit_code)
    } else {
        ExitCode::SUCCESS
    })
}

async fn dry_run(
    context: &jobs::Context,
    options: &jobs::recompute::Options,
    format: TalkFormat,
) -> Ending {
    let preview = jobs::recompute::preview(context, options);
    let preview = preview.await.map_err(boxed)?;
    match format {
        TalkFormat::Json => output::json(&preview),
        TalkFormat::Table => print(&preview),
    }
    Ok(if preview.interrupted {
        ExitCode::from(Code::Interrupted.row().exit_code)
    } else {
        ExitCode::SUCCESS
    })
}

fn print(preview: &Preview) {
    say!(
        "{} activities looked at, {} to be computed, {} would change; {} athletes would change",
        preview.looked_at,
        preview.computed,
        preview.changed,
        preview.athletes_changed
    );
    for Column {
        table,
        column,
        cells,
        sample,
    } in &preview.columns
    {
        match column {
            Some(column) => say!("\n{table}.{column}: {cells} cells"),
            None => say!("\n{table}: {cells} rows"),
        }
        for cell in sample {
            let shown =
                |value: &Option<String>| value.clone().unwrap_or_else(|| "no row".to_owned());
            say!(
                "  {}: {} -> {}",
                cell.key,
                shown(&cell.found),
                shown(&cell.expected)
            );
        }
    }
}
