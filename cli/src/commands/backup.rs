//! `pacelake backup`.

use std::process::ExitCode;

use super::{Ending, Rim, boxed};
use crate::args::TalkFormat;
use crate::args::backup::Backup;
use crate::output::say;

/// Where a copy of the catalog lies for a moment, in the data folder.
const SCRATCH: &str = "scratch";

/// Backs everything up.
pub async fn run(rim: &Rim, args: &Backup) -> Ending {
    let context = rim.context().await.map_err(boxed)?;
    let scratch = rim.settings.data_dir.join(SCRATCH);
    let report = jobs::backup::backup(&context, &args.to, &scratch)
        .await
        .map_err(boxed)?;
    match args.format {
        TalkFormat::Json => crate::output::json(&report),
        TalkFormat::Table => say!(
            "backup {} of snapshot {}: {} objects, {} bytes; {} of them new, {} bytes",
            report.backup_id,
            report.snapshot_id,
            report.objects,
            report.bytes,
            report.copied,
            report.copied_bytes
        ),
    }
    Ok(ExitCode::SUCCESS)
}
