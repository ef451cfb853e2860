//! What tests need: places for a store that last as long as a test, a private
//! PostgreSQL server and a private S3 server. Only tests link this (feature
//! `testing`), so what goes wrong here panics with what to do about it.

mod certificates;
mod faults;
mod keeper;
mod postgres;
mod proxy;
mod s3;

use std::path::Path;

use tempfile::TempDir;

use crate::Options;
use crate::objects::{Objects, Store};

pub use certificates::Certificates;
pub use faults::{Faults, FaultyStore};
pub use postgres::{postgres_database, postgres_with_tls};
pub use proxy::{Direction, Proxy};
pub use s3::{S3Server, copy_objects, s3_server};

/// A data directory of its own and, where asked for, an empty database on
/// PostgreSQL and an empty bucket. The directory goes when it is dropped.
#[derive(Debug)]
pub struct Place {
    /// The data directory.
    pub data_dir: TempDir,
    /// The catalog's URL; `None` means SQLite in the data directory.
    pub catalog: Option<String>,
    /// Where objects lie.
    pub store: Store,
}

impl Place {
    /// A place with a SQLite catalog, its objects on disk.
    pub fn sqlite() -> Self {
        Self {
            data_dir: tempfile::tempdir().expect("a temporary folder can be made"),
            catalog: None,
            store: Store::DataDir,
        }
    }

    /// A place with a PostgreSQL catalog, its objects on disk.
    pub fn postgres() -> Self {
        Self {
            catalog: Some(postgres_database()),
            ..Self::sqlite()
        }
    }

    /// A place with a PostgreSQL catalog, its objects in an S3 bucket.
    pub fn postgres_s3() -> Self {
        Self {
            store: Store::S3(s3_server().bucket()),
            ..Self::postgres()
        }
    }

    /// What opens a store here.
    pub fn options(&self) -> Options {
        Options {
            data_dir: self.data_dir.path().to_owned(),
            catalog: self.catalog.clone(),
            store: self.store.clone(),
        }
    }

    /// The objects of the place.
    ///
    /// # Panics
    /// Where they cannot be opened.
    pub async fn objects(&self) -> Objects {
        Objects::open(&self.store, self.data_dir.path())
            .await
            .expect("the place's objects open")
    }

    /// The lake, as it stands after `ducklake:` in DuckDB's ATTACH.
    ///
    /// # Panics
    /// Where the place is gone.
    pub fn lake_for_duckdb(&self) -> String {
        match &self.catalog {
            None => format!("sqlite:{}", self.folder("catalog.sqlite")),
            Some(url) => format!("postgres:{url}"),
        }
    }

    /// Where the lake's files lie, as DuckDB names it.
    ///
    /// # Panics
    /// Where the place is gone.
    pub fn data_path(&self) -> String {
        match &self.store {
            Store::DataDir => format!("{}/", self.folder("lake")),
            Store::S3(options) => format!("s3://{}/{}/lake/", options.bucket, options.prefix),
        }
    }

    /// What the scripts of `tests/oracles` read from the variable `LAKE_S3`:
    /// how DuckDB reaches the bucket. `None` for a place on disk.
    pub fn s3_for_duckdb(&self) -> Option<String> {
        match &self.store {
            Store::DataDir => None,
            Store::S3(options) => Some(s3::for_duckdb(options)),
        }
    }

    fn folder(&self, name: &str) -> String {
        let root = self.data_dir.path().canonicalize();
        let root = root.expect("the place is there");
        root.join(name).display().to_string()
    }
}

/// The workspace's root folder.
fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Makes each promise, a function of the module around that takes a [`Place`],
/// a test of its own on either pair: SQLite with a disk, PostgreSQL with S3.
#[cfg(test)]
macro_rules! on_both {
    ($($promise:ident),+ $(,)?) => {
        mod sqlite_and_disk {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                super::$promise(&crate::testing::Place::sqlite()).await;
            })+
        }
        mod postgres_and_s3 {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $promise() {
                super::$promise(&crate::testing::Place::postgres_s3()).await;
            })+
        }
    };
}
#[cfg(test)]
pub(crate) use on_both;

#[cfg(test)]
#[path = "tls_tests.rs"]
mod tls_tests;
