//! Everything of one installation, opened together.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::{Catalog, Db};
use crate::error::Error;
use crate::lake::Lake;
use crate::objects::{Objects, Store};
use crate::raw::RawStore;
use crate::table::Table;

/// The SQLite catalog in the data directory.
pub(crate) const SQLITE_CATALOG: &str = "catalog.sqlite";

/// Where an installation lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The folder of this machine that holds what lies nowhere else.
    pub data_dir: PathBuf,
    /// The catalog, such as `postgres://user@host/database`; `None` means
    /// SQLite in `data_dir`.
    pub catalog: Option<String>,
    /// Where objects lie: the lake's under `lake/`, raw inputs under `raw/`.
    pub store: Store,
}

impl Options {
    /// Everything in one folder of this machine.
    pub fn in_folder(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            catalog: None,
            store: Store::DataDir,
        }
    }
}

/// Lake, raw store and catalog of one installation. Clones share connections
/// and memory.
#[derive(Clone, Debug)]
pub struct Storage {
    /// The tables.
    pub lake: Lake,
    /// The inputs, unchanged.
    pub raw: RawStore,
    /// Who and what there is.
    pub catalog: Catalog,
    /// What lake and raw store lie in.
    pub objects: Objects,
}

impl Storage {
    /// Opens an installation, making what is missing: folders, both catalogs,
    /// and of `tables` and `views` (name and SQL) those that the lake lacks.
    ///
    /// # Errors
    /// [`Error::UnknownVersion`] and [`Error::UnknownCatalog`] for catalogs of
    /// other versions; [`Error::Database`], [`Error::Disk`], [`Error::Store`];
    /// [`Error::StoreRefused`] and [`Error::StoreOption`] for an object store
    /// that does not serve us.
    pub async fn open(
        options: &Options,
        tables: &[&'static Table],
        views: &[(&'static str, &'static str)],
    ) -> Result<Self, Error> {
        let objects = Objects::open(&options.store, &options.data_dir).await?;
        Self::open_on(options, objects, tables, views).await
    }

    /// [`open`](Self::open) with the objects that were opened before.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_on(
        options: &Options,
        objects: Objects,
        tables: &[&'static Table],
        views: &[(&'static str, &'static str)],
    ) -> Result<Self, Error> {
        let db = open_catalog(options).await?;
        let lake = Lake::open(db.clone(), &objects, tables, views).await?;
        let raw = RawStore::new(Arc::clone(&objects.raw)).named_by(db.clone());
        let catalog = Catalog::open(db).await?;
        Ok(Self {
            lake,
            raw,
            catalog,
            objects,
        })
    }

    /// Drops the lake's tables in the catalog, with those that other programs
    /// made in the lake, so that the next [`open`](Self::open) makes an empty
    /// one. Our own catalog, raw bytes and all files stay.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn drop_lake(options: &Options) -> Result<(), Error> {
        let db = open_catalog(options).await?;
        let dropped = Lake::drop_tables(&db).await;
        db.close().await;
        dropped
    }
}

async fn open_catalog(options: &Options) -> Result<Db, Error> {
    match &options.catalog {
        None => {
            make_folder(&options.data_dir)?;
            Db::open_sqlite(&options.data_dir.join(SQLITE_CATALOG)).await
        }
        Some(url) => Db::open_postgres(url).await,
    }
}

fn make_folder(folder: &Path) -> Result<(), Error> {
    std::fs::create_dir_all(folder).map_err(|source| Error::Disk {
        attempt: "make",
        path: folder.display().to_string(),
        source,
    })
}
