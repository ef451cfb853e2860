//! Backups and restores, with progress and a check at the end.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;
use storage::Options;
use storage::backup::Backups;
use uuid::Uuid;

use crate::context::Context;
use crate::error::Error;
use crate::progress::Progress;

/// What a backup came to.
#[derive(Clone, Debug, Serialize)]
pub struct BackupReport {
    /// Its name.
    pub backup_id: String,
    /// The lake's newest snapshot in it.
    pub snapshot_id: i64,
    /// Objects that it names.
    pub objects: u64,
    /// Their length in bytes.
    pub bytes: u64,
    /// Objects that were not there from earlier backups.
    pub copied: u64,
    /// Their length in bytes.
    pub copied_bytes: u64,
}

/// What a restore came to.
#[derive(Clone, Debug, Serialize)]
pub struct RestoreReport {
    /// The backup that it was made of.
    pub backup_id: String,
    /// When that was taken, in UTC.
    pub taken_at: String,
    /// Objects that it names.
    pub objects: u64,
    /// Their length in bytes.
    pub bytes: u64,
    /// Objects that are missing from the backup or not what they were.
    pub damaged: Vec<String>,
    /// Whether the installation is there.
    pub is_complete: bool,
}

/// Backs everything up into a folder, while others read and write.
///
/// # Errors
/// Where catalog or a store fail, or PostgreSQL's tools are missing.
pub async fn backup(context: &Context, to: &Path, scratch: &Path) -> Result<BackupReport, Error> {
    let backups = Backups::open(to)?;
    let teller = Teller::new(&*context.progress, "backup");
    let tell = |done, total| teller.tell(done, total);
    let taken = backups.take(&context.storage, scratch, &tell).await?;
    context.progress.end();
    Ok(BackupReport {
        backup_id: taken.manifest.backup_id,
        snapshot_id: taken.manifest.snapshot_id,
        objects: taken.manifest.objects.len() as u64,
        bytes: taken.manifest.objects.iter().map(|entry| entry.bytes).sum(),
        copied: taken.copied,
        copied_bytes: taken.copied_bytes,
    })
}

/// Makes an installation at `options` of a backup: the one named, or the last.
/// A check of what is there then is the caller's.
///
/// # Errors
/// Where the target is not empty, the backup is not there or its catalog is
/// damaged; a failing store or catalog.
pub async fn restore(
    from: &Path,
    backup: Option<Uuid>,
    options: &Options,
    despite_damage: bool,
    progress: &dyn Progress,
) -> Result<RestoreReport, Error> {
    let backups = Backups::open(from)?;
    let teller = Teller::new(progress, "restore");
    let tell = |done, total| teller.tell(done, total);
    let restored = backups
        .restore(backup, options, despite_damage, &tell)
        .await?;
    progress.end();
    Ok(RestoreReport {
        backup_id: restored.manifest.backup_id,
        taken_at: restored.manifest.taken_at,
        objects: restored.manifest.objects.len() as u64,
        bytes: restored
            .manifest
            .objects
            .iter()
            .map(|entry| entry.bytes)
            .sum(),
        damaged: restored.damaged,
        is_complete: restored.is_complete,
    })
}

/// Turns "done of total" into steps.
struct Teller<'a> {
    progress: &'a dyn Progress,
    what: &'static str,
    done: AtomicU64,
}

impl<'a> Teller<'a> {
    fn new(progress: &'a dyn Progress, what: &'static str) -> Self {
        Self {
            progress,
            what,
            done: AtomicU64::new(0),
        }
    }

    fn tell(&self, done: u64, total: u64) {
        let before = self.done.swap(done, Ordering::Relaxed);
        if done <= 1 {
            self.progress.begin(self.what, total);
            self.progress.advance(done);
        } else {
            self.progress.advance(done.saturating_sub(before));
        }
    }
}
