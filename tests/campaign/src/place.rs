//! Where an era's lake is, and commands that use it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// A pair of catalog and store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pair {
    /// SQLite and disk, on a small file system that fills.
    SqliteDisk,
    /// PostgreSQL that restarts, and disk.
    PostgresDisk,
}

impl Pair {
    /// Every pair, in the order in which eras take turns.
    pub const ALL: [Self; 2] = [Self::SqliteDisk, Self::PostgresDisk];

    /// As the report has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SqliteDisk => "SQLite + disk",
            Self::PostgresDisk => "PostgreSQL + disk",
        }
    }
}

/// One lake: its folder, and its catalog where that is not in the folder.
#[derive(Clone, Debug)]
pub struct Place {
    /// The binary that works on it.
    pub binary: PathBuf,
    /// The data directory.
    pub data_dir: PathBuf,
    /// The catalog's URL; `None` means SQLite in the folder.
    pub catalog: Option<String>,
}

impl Place {
    /// A command that works on the lake, deaf to the settings of whoever runs
    /// the campaign.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.data_dir)
            .env("PACELAKE_DATA_DIR", &self.data_dir)
            .env(
                "PACELAKE_LOG",
                "warn,pacelake_storage=debug,pacelake_jobs=debug",
            )
            .stdin(Stdio::null());
        if let Some(url) = &self.catalog {
            command.env("PACELAKE_CATALOG", url);
        }
        command
    }

    /// The lake, as it stands after `ducklake:` in DuckDB's ATTACH.
    pub fn lake(&self) -> String {
        match &self.catalog {
            Some(url) => format!("postgres:{url}"),
            None => format!("sqlite:{}", self.data_dir.join("catalog.sqlite").display()),
        }
    }

    /// A lake of its own in `folder`, with SQLite and disk, for the same
    /// binary.
    pub fn twin(&self, folder: &Path) -> Self {
        Self {
            binary: self.binary.clone(),
            data_dir: folder.to_owned(),
            catalog: None,
        }
    }
}
