//! A disk that fills: a small file system in memory where this process may
//! mount one, else a limit on the size of files, so that writes are refused.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::undo::Undo;

/// Enough for the lake of one era, and quick to fill.
const SIZE: &str = "size=192m";
/// Bytes written at a time when the disk is filled.
const CHUNK: usize = 1 << 20;

/// Unmounts $1, if need be once nobody has a file of it open.
const UNMOUNT: &str = r#"umount "$1" || umount --lazy "$1""#;

/// A folder on a file system of its own, gone when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    folder: PathBuf,
    _undo: Undo,
}

impl SmallDisk {
    /// Mounts one at `folder`, an absolute path; `None` where this process may
    /// not.
    pub fn mount(folder: &Path) -> Option<Self> {
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", SIZE, "pacelake-campaign"])
            .arg(folder)
            .output();
        if !done.is_ok_and(|done| done.status.success()) {
            return None;
        }
        let undo = Undo::by(&mut Command::new("/bin/sh"), UNMOUNT, &[folder]);
        Some(Self {
            folder: folder.to_owned(),
            _undo: undo.expect("the shell can be started, as mount could"),
        })
    }

    /// Fills it but for `leave` bytes.
    pub fn fill(&self, leave: u64) {
        let Ok(mut ballast) = File::create(self.ballast()) else {
            // Full already.
            return;
        };
        let zeros = vec![0; CHUNK];
        while ballast.write_all(&zeros).is_ok() {}
        let length = ballast.metadata().map_or(0, |meta| meta.len());
        let _ = ballast.set_len(length.saturating_sub(leave));
    }

    /// Gives the room back.
    pub fn free(&self) {
        let _ = fs::remove_file(self.ballast());
    }

    fn ballast(&self) -> PathBuf {
        self.folder.join("ballast")
    }
}

/// The same command with no file of it above so many blocks of 512 bytes:
/// a write beyond them fails as on a full disk. `command` must have been made
/// with a clear environment.
pub fn limited(command: &Command, blocks: u64) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell
        .env_clear()
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        // Unless it is ignored, the signal ends the process.
        .args(["-c", r#"trap "" XFSZ; ulimit -f "$0"; exec "$@""#])
        .arg(blocks.to_string())
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(std::process::Stdio::null());
    shell
}
