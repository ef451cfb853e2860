//! `pacelake purge`.

use std::io::{self, BufRead, IsTerminal};
use std::process::ExitCode;

use jobs::Context;
use jobs::purge::Receipt;
use storage::catalog::PurgeOrder;
use storage::{AthleteId, Failure};

use super::{Ending, Rim, boxed, serve};
use crate::args::{Purge, TalkFormat};
use crate::output::say;

/// What a person types to confirm.
const WORD: &str = "purge";

/// Takes an athlete, or activities, out of everything.
pub async fn run(rim: &Rim, args: &Purge) -> Ending {
    let context = rim.context().await.map_err(boxed)?;
    if args.unfinished {
        let receipts = jobs::purge::finish_unfinished(&context).await;
        let receipts = receipts.map_err(boxed)?;
        match args.format {
            TalkFormat::Json => crate::output::json(&receipts),
            TalkFormat::Table if receipts.is_empty() => say!("nothing was left to finish"),
            TalkFormat::Table => receipts.iter().for_each(print),
        }
        return Ok(ExitCode::SUCCESS);
    }
    if args.activity.is_empty() && rim.athlete.is_none() {
        return Err(boxed(jobs::Error::NothingToPurge));
    }
    let athlete = context.athlete(rim.athlete).await.map_err(boxed)?;
    let order = PurgeOrder {
        athlete_id: athlete.athlete_id,
        activities: (!args.activity.is_empty()).then(|| args.activity.clone()),
        command: command(rim, args),
        at_us: (context.now)().as_microsecond(),
    };
    let is_confirmed = args.yes && !args.dry_run;
    if !is_confirmed {
        let preview = jobs::purge::preview(&context, &order).await;
        let preview = preview.map_err(boxed)?;
        if args.dry_run {
            tell(&preview, args.format);
            return Ok(ExitCode::SUCCESS);
        }
        if !is_typed(&preview) {
            return Err(boxed(jobs::Error::NotConfirmed));
        }
    }
    if order.activities.is_none() {
        give_back(rim, &context, order.athlete_id).await?;
    }
    let receipt = jobs::purge::purge(&context, &order).await;
    tell(&receipt.map_err(boxed)?, args.format);
    Ok(ExitCode::SUCCESS)
}

/// Gives access to an athlete's account at Strava back, while there are tokens to
/// do it with. Where that does not go well it is said, and the purge goes on.
async fn give_back(
    rim: &Rim,
    context: &Context,
    athlete: AthleteId,
) -> Result<(), Box<dyn Failure + Send + Sync>> {
    let catalog = &context.storage.catalog;
    let connection = catalog.strava_connection(athlete).await;
    if connection.map_err(boxed)?.is_none() {
        return Ok(());
    }
    let address = format!("http://{}", rim.settings.listen);
    let why_not = match rim.settings.strava(&address) {
        Ok(None) => Some("Strava is not set up here".to_owned()),
        Ok(Some(config)) => {
            let service = serve::strava(context, config)?;
            let ended = service.disconnect(athlete, "purged", false).await;
            ended.map_or_else(|error| Some(error.to_string()), |ended| ended.not_revoked)
        }
        Err(error) => Some(error.to_string()),
    };
    if let Some(why_not) = why_not {
        eprintln!(
            "access to the athlete's account at Strava is not given back: {why_not}. \
             They can end it at https://www.strava.com/settings/apps"
        );
    }
    Ok(())
}

/// The command as the receipt has it: ids only.
fn command(rim: &Rim, args: &Purge) -> String {
    let athlete = rim.athlete.iter().map(|id| format!(" --athlete {id}"));
    let activities = args.activity.iter().map(|id| format!(" --activity {id}"));
    let options: String = athlete.chain(activities).collect();
    format!("pacelake purge{options}")
}

/// Asks on a terminal; elsewhere nobody answers.
fn is_typed(preview: &Receipt) -> bool {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return false;
    }
    eprintln!(
        "This takes {} rows of the lake, {} rows of the catalog and {} recordings of athlete {} \
         out of everything, for ever.\nType `{WORD}` to go on:",
        preview.counts.lake_rows,
        preview.counts.catalog_rows,
        preview.counts.recordings,
        preview.athlete_id
    );
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line).is_ok() && line.trim() == WORD
}

fn tell(receipt: &Receipt, format: TalkFormat) {
    match format {
        TalkFormat::Json => crate::output::json(receipt),
        TalkFormat::Table => print(receipt),
    }
}

fn print(receipt: &Receipt) {
    let counts = &receipt.counts;
    match (&receipt.purge_id, receipt.whole) {
        (Some(id), true) => say!("athlete {} is purged ({id})", receipt.athlete_id),
        (Some(id), false) => say!("{} activities are purged ({id})", receipt.activities.len()),
        (None, true) => say!("this would go of athlete {}:", receipt.athlete_id),
        (None, false) => say!(
            "this would go with {} activities:",
            receipt.activities.len()
        ),
    }
    for (count, what) in [
        (counts.lake_rows, "rows of the lake, in all snapshots"),
        (counts.files_rewritten, "files of the lake written anew"),
        (counts.files_removed, "files of the lake removed"),
        (counts.catalog_rows, "rows of the catalog"),
        (counts.recordings, "recordings"),
        (counts.objects, "objects deleted from the store"),
        (counts.bytes, "bytes of them"),
    ] {
        say!("{count:>12} {what}");
    }
    for table in &receipt.not_searched {
        say!("not searched: table {table} has neither athlete_id nor activity_id");
    }
    for object in &receipt.unreadable {
        say!("not searched: {object} is no file of rows; `pacelake maintain` removes it in time");
    }
}
