//! Where an era's lake is, and commands that use it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use pacelake_e2e::{COUNTS_OF_WRITES, Home, rows, rows_of};
use serde::{Deserialize, Serialize};
use storage::Store;
use storage::objects::S3Options;

/// A pair of catalog and store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pair {
    /// SQLite and disk, on a small file system that fills.
    SqliteDisk,
    /// PostgreSQL that restarts, and disk.
    PostgresDisk,
    /// PostgreSQL that restarts, and S3 on a way that breaks off.
    PostgresS3,
}

impl Pair {
    /// Every pair, in the order in which eras take turns.
    pub const ALL: [Self; 3] = [Self::SqliteDisk, Self::PostgresDisk, Self::PostgresS3];

    /// As the report has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SqliteDisk => "SQLite + disk",
            Self::PostgresDisk => "PostgreSQL + disk",
            Self::PostgresS3 => "PostgreSQL + S3",
        }
    }

    /// Whether the catalog is on PostgreSQL.
    pub fn is_on_postgres(self) -> bool {
        match self {
            Self::SqliteDisk => false,
            Self::PostgresDisk | Self::PostgresS3 => true,
        }
    }

    /// Whether the objects are in a bucket.
    pub fn is_on_s3(self) -> bool {
        match self {
            Self::SqliteDisk | Self::PostgresDisk => false,
            Self::PostgresS3 => true,
        }
    }
}

/// How long processes wait for the S3 store, so that a stall is noticed.
const S3_LIMITS: &[(&str, &str)] = &[
    ("PACELAKE_S3_CONNECT_TIMEOUT_S", "2"),
    ("PACELAKE_S3_REQUEST_TIMEOUT_S", "2"),
];

/// One lake: its folder, its catalog where that is not in the folder, and its
/// bucket where it has one.
#[derive(Clone, Debug)]
pub struct Place {
    /// The binary that works on it.
    pub binary: PathBuf,
    /// The data directory.
    pub data_dir: PathBuf,
    /// The catalog's URL; `None` means SQLite in the folder.
    pub catalog: Option<String>,
    /// Where its objects lie; `None` means in the folder.
    pub bucket: Option<S3Options>,
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
        if let Some(bucket) = &self.bucket {
            command
                .envs(S3_LIMITS.iter().copied())
                .env(
                    "PACELAKE_STORE",
                    format!("s3://{}/{}", bucket.bucket, bucket.prefix),
                )
                .env("PACELAKE_S3_ALLOW_HTTP", bucket.allow_http.to_string());
            if let Some(endpoint) = &bucket.endpoint {
                command.env("PACELAKE_S3_ENDPOINT", endpoint);
            }
            if let Some(keys) = &bucket.credentials {
                command.env("PACELAKE_S3_ACCESS_KEY_ID", &keys.access_key_id);
                command.env(
                    "PACELAKE_S3_SECRET_ACCESS_KEY",
                    keys.secret_access_key.reveal(),
                );
            }
        }
        command
    }

    /// Every row of the lake without the columns that count writes, as stock
    /// DuckDB reads it.
    ///
    /// # Panics
    /// If DuckDB is not there or cannot read the lake.
    pub fn rows(&self) -> Vec<String> {
        let Some(bucket) = &self.bucket else {
            let lake = match &self.catalog {
                Some(url) => format!("postgres:{url}"),
                None => format!("sqlite:{}", self.data_dir.join("catalog.sqlite").display()),
            };
            return rows_of(&lake, COUNTS_OF_WRITES);
        };
        let place = storage::testing::Place {
            store: Store::S3(bucket.clone()),
            ..storage::testing::Place::sqlite()
        };
        let home = Home::new(self.catalog.clone()).with_lake_on_s3(place.s3_for_duckdb());
        rows(&home, COUNTS_OF_WRITES)
    }

    /// A lake of its own in `folder`, with SQLite and disk, for the same
    /// binary.
    pub fn twin(&self, folder: &Path) -> Self {
        Self {
            binary: self.binary.clone(),
            data_dir: folder.to_owned(),
            catalog: None,
            bucket: None,
        }
    }
}
