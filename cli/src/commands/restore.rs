//! `pacelake restore`.

use std::process::ExitCode;

use serde::Serialize;
use storage::Options;
use storage::backup::Backups;

use super::{Ending, Rim, boxed, check};
use crate::args::TalkFormat;
use crate::args::backup::Restore;
use crate::output::{Talk, say};

/// What was restored, and what a check says of it.
#[derive(Serialize)]
struct Report {
    restored: jobs::backup::RestoreReport,
    checked: Option<jobs::check::Checked>,
}

/// Makes an installation of a backup and checks it.
pub async fn run(rim: &Rim, args: &Restore) -> Ending {
    let Some(to) = args.to.as_ref().filter(|_| !args.list) else {
        return list(args).await;
    };
    let options = Options {
        data_dir: to.clone(),
        ..rim.options().map_err(boxed)?
    };
    let talk = Talk::default();
    let restored = jobs::backup::restore(
        &args.from,
        args.backup,
        &options,
        args.despite_damage,
        &talk,
    )
    .await
    .map_err(boxed)?;
    let checked = match restored.is_complete {
        false => None,
        true => {
            let context = rim.context_at(&options).await.map_err(boxed)?;
            Some(jobs::check::check(&context, false).await.map_err(boxed)?)
        }
    };
    let is_sound = checked.as_ref().is_some_and(jobs::check::Checked::is_sound);
    let report = Report { restored, checked };
    match args.format {
        TalkFormat::Json => crate::output::json(&report),
        TalkFormat::Table => print(&report),
    }
    Ok(if is_sound {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(report: &Report) {
    let restored = &report.restored;
    for damaged in &restored.damaged {
        say!("problem {damaged}");
    }
    if !restored.is_complete {
        say!(
            "nothing was restored: {} objects of backup {} are damaged; try another backup, or \
             `--despite-damage` and then `pacelake check --repair`",
            restored.damaged.len(),
            restored.backup_id
        );
        return;
    }
    say!(
        "restored backup {} of {}: {} objects, {} bytes",
        restored.backup_id,
        restored.taken_at,
        restored.objects,
        restored.bytes
    );
    if let Some(checked) = &report.checked {
        check::print(checked);
    }
}

async fn list(args: &Restore) -> Ending {
    let backups = Backups::open(&args.from).map_err(boxed)?;
    let manifests = backups.list().await.map_err(boxed)?;
    match args.format {
        TalkFormat::Json => crate::output::json(&manifests),
        TalkFormat::Table => {
            for manifest in manifests {
                say!(
                    "{}  {}  snapshot {}, {} objects, by pacelake {}",
                    manifest.backup_id,
                    manifest.taken_at,
                    manifest.snapshot_id,
                    manifest.objects.len(),
                    manifest.pacelake
                );
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
