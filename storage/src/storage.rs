//! Everything of one installation, opened together.

use std::path::PathBuf;

use crate::catalog::{Catalog, Db};
use crate::error::Error;
use crate::lake::Lake;
use crate::objects::open_disk;
use crate::raw::RawStore;
use crate::table::Table;

/// The SQLite catalog in the data directory.
const SQLITE_CATALOG: &str = "catalog.sqlite";
/// The lake's folder in the data directory.
const LAKE_FOLDER: &str = "lake";
/// The raw store's folder in the data directory.
const RAW_FOLDER: &str = "raw";

/// Where an installation lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The folder that holds all objects: the lake's under `lake/`, raw inputs
    /// under `raw/`.
    pub data_dir: PathBuf,
    /// The catalog, such as `postgres://user@host/database`; `None` means
    /// SQLite in `data_dir`.
    pub catalog: Option<String>,
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
}

impl Storage {
    /// Opens an installation, making what is missing: folders, both catalogs,
    /// and of `tables` and `views` (name and SQL) those that the lake lacks.
    ///
    /// # Errors
    /// [`Error::UnknownVersion`] and [`Error::UnknownCatalog`] for catalogs of
    /// other versions; [`Error::Database`], [`Error::Disk`], [`Error::Store`].
    pub async fn open(
        options: &Options,
        tables: &[&'static Table],
        views: &[(&'static str, &'static str)],
    ) -> Result<Self, Error> {
        // The raw store's folder lies in the data directory and is made with it.
        let raw = RawStore::new(open_disk(&options.data_dir.join(RAW_FOLDER))?);
        let db = match &options.catalog {
            None => Db::open_sqlite(&options.data_dir.join(SQLITE_CATALOG)).await?,
            Some(url) => Db::open_postgres(url).await?,
        };
        let files = options.data_dir.join(LAKE_FOLDER);
        let raw = raw.named_by(db.clone());
        let lake = Lake::open(db.clone(), &files, tables, views).await?;
        let catalog = Catalog::open(db).await?;
        Ok(Self { lake, raw, catalog })
    }
}
