//! The catalog as it is at one instant, as bytes: by SQLite itself, or by
//! PostgreSQL's own tools.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Storage;
use crate::catalog::{Db, Dialect, tools};
use crate::error::Error;
use crate::lake::files::Named;

/// What a copy of the catalog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CatalogKind {
    /// A SQLite database.
    Sqlite,
    /// A dump in pg_dump's own format.
    Postgres,
}

impl From<Dialect> for CatalogKind {
    fn from(dialect: Dialect) -> Self {
        match dialect {
            Dialect::Sqlite => Self::Sqlite,
            Dialect::Postgres => Self::Postgres,
        }
    }
}

/// A copy of the catalog on this machine; it goes when it is dropped.
pub(super) struct CatalogCopy {
    pub kind: CatalogKind,
    /// What the copy names.
    pub named: Named,
    file: Scratch,
}

impl CatalogCopy {
    /// Copies the catalog into the folder `scratch`.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Disk`]; [`Error::NoTool`], [`Error::Tool`].
    pub async fn take(storage: &Storage, scratch: &Path) -> Result<Self, Error> {
        let db = storage.catalog.db();
        let file = Scratch::new(scratch)?;
        let named = match db.dialect() {
            Dialect::Sqlite => {
                tools::copy_sqlite(db, &file.0).await?;
                let copy = Db::open_sqlite(&file.0).await?;
                let mut tx = copy.begin_read().await?;
                let named = storage.lake.named_files(&mut tx).await?;
                drop(tx);
                // All of it is in the one file then.
                copy.close().await;
                named
            }
            Dialect::Postgres => {
                let mut tx = db.begin_read().await?;
                let snapshot = tx.fetch("select pg_export_snapshot()", &[]).await?;
                let named = storage.lake.named_files(&mut tx).await?;
                let snapshot = snapshot.first().map(|row| row.text(0)).transpose()?;
                // The transaction stays open: the tool reads what it sees.
                tools::dump(db, snapshot.unwrap_or_default(), &file.0).await?;
                named
            }
        };
        Ok(Self {
            kind: db.dialect().into(),
            named,
            file,
        })
    }

    /// The copy, compressed.
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub async fn bytes(&self) -> Result<Bytes, Error> {
        let path = self.file.0.clone();
        let read = move || zstd::encode_all(std::fs::File::open(path)?, 3);
        let read = tokio::task::spawn_blocking(read).await;
        let bytes = read.map_err(std::io::Error::other).and_then(|read| read);
        bytes
            .map(Bytes::from)
            .map_err(|source| self.file.failed("read", source))
    }
}

/// A file on this machine that goes when it is dropped.
pub(super) struct Scratch(pub PathBuf);

impl Scratch {
    /// A name that nobody has, in a folder that is made where it is missing.
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub fn new(folder: &Path) -> Result<Self, Error> {
        let scratch = Self(folder.join(format!("pacelake-catalog-{}", Uuid::now_v7())));
        std::fs::create_dir_all(folder).map_err(|source| scratch.failed("make", source))?;
        Ok(scratch)
    }

    /// Writes a compressed copy of a catalog there, as it was.
    ///
    /// # Errors
    /// [`Error::Disk`].
    pub fn unpack(&self, compressed: &[u8]) -> Result<(), Error> {
        let write = || {
            let mut file = std::fs::File::create_new(&self.0)?;
            zstd::stream::copy_decode(compressed, &mut file)?;
            file.sync_all()
        };
        write().map_err(|source| self.failed("write", source))
    }

    fn failed(&self, attempt: &'static str, source: std::io::Error) -> Error {
        Error::Disk {
            attempt,
            path: self.0.display().to_string(),
            source,
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(end);
            // What is not there need not go.
            let _ = std::fs::remove_file(path);
        }
    }
}
