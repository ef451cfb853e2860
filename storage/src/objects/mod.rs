//! Where objects lie: a folder of a disk or a bucket of an S3 store, behind
//! `object_store`'s trait, so that lake and raw store are the same on either.
//!
//! Below the root the lake has `lake/` and the raw store `raw/`. Objects are
//! created once and never changed; what has its name is whole and survives a
//! loss of power.

mod abandoned;
mod disk;
mod outlet;
mod s3;
mod s3_options;
mod trouble;
mod uploads;

use std::path::{Path as DiskPath, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt};

pub use abandoned::Abandoned;
pub use disk::open_disk;
pub use outlet::{Outgoing, Outlet};
pub use s3_options::{Credentials, S3Limits, S3Options, Secret};
pub use trouble::Trouble;

use crate::error::Error;
use crate::id::AthleteId;
use s3::S3Store;

/// The lake's folder below the root.
const LAKE_FOLDER: &str = "lake";
/// The raw store's folder below the root.
const RAW_FOLDER: &str = "raw";

/// Where the objects of an installation lie.
#[expect(
    clippy::large_enum_variant,
    reason = "a process has one, and its builder reads better without a box"
)]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Store {
    /// In the data directory.
    #[default]
    DataDir,
    /// In a bucket of an S3 store.
    S3(S3Options),
}

/// The objects of one installation. Clones share connections.
#[derive(Clone, Debug)]
pub struct Objects {
    /// The root of the lake's files.
    pub lake: Arc<dyn ObjectStore>,
    /// The root of the raw inputs.
    pub raw: Arc<dyn ObjectStore>,
    /// Where the lake's files lie, as any engine names it: an absolute folder
    /// or an `s3://` URL, with a slash at the end.
    pub data_path: String,
    root: Root,
}

#[derive(Clone, Debug)]
enum Root {
    Disk(PathBuf),
    S3(S3Store),
}

impl Objects {
    /// Opens the place where objects lie: makes the folders of a disk, asks an
    /// S3 store whether it would serve us.
    ///
    /// # Errors
    /// [`Error::Disk`] and [`Error::Store`] for a folder that cannot be used;
    /// [`Error::StoreRefused`] where the S3 store does not answer, or refuses;
    /// [`Error::StoreOption`] for options that mean nothing.
    pub async fn open(store: &Store, data_dir: &DiskPath) -> Result<Self, Error> {
        match store {
            Store::DataDir => Self::on_disk(data_dir),
            Store::S3(options) => Self::on_s3(options).await,
        }
    }

    fn on_disk(root: &DiskPath) -> Result<Self, Error> {
        let lake = root.join(LAKE_FOLDER);
        let objects = |folder: &DiskPath| open_disk(folder);
        let (lake_objects, raw) = (objects(&lake)?, objects(&root.join(RAW_FOLDER))?);
        let find = |path: &DiskPath| {
            path.canonicalize().map_err(|source| Error::Disk {
                attempt: "find",
                path: path.display().to_string(),
                source,
            })
        };
        Ok(Self {
            lake: lake_objects,
            raw,
            // DuckDB compares the path as text, slash included.
            data_path: format!("{}/", find(&lake)?.display()),
            root: Root::Disk(find(root)?),
        })
    }

    async fn on_s3(options: &S3Options) -> Result<Self, Error> {
        let store = S3Store::open(options).await?;
        let below = |folder: &str| -> Arc<dyn ObjectStore> {
            Arc::new(PrefixStore::new(store.clone(), options.below(folder)))
        };
        Ok(Self {
            lake: below(LAKE_FOLDER),
            raw: below(RAW_FOLDER),
            data_path: format!("s3://{}/{}/", options.bucket, options.below(LAKE_FOLDER)),
            root: Root::S3(store),
        })
    }

    /// Whether the objects lie in the data directory, beside an embedded
    /// catalog, and so move with it.
    pub fn is_on_disk(&self) -> bool {
        match &self.root {
            Root::Disk(_) => true,
            Root::S3(_) => false,
        }
    }

    /// Looks whether the store is there: the folders of a disk, which a volume
    /// that is not mounted lacks, or an S3 server that answers and lets us in.
    /// That it takes new objects only a put can tell.
    ///
    /// # Errors
    /// [`Error::Disk`], [`Error::Store`].
    pub async fn probe(&self) -> Result<(), Error> {
        match &self.root {
            Root::Disk(root) => {
                for folder in [LAKE_FOLDER, RAW_FOLDER] {
                    let path = root.join(folder);
                    let found = tokio::fs::read_dir(&path).await;
                    found.map(drop).map_err(|source| Error::Disk {
                        attempt: "look into",
                        path: path.display().to_string(),
                        source,
                    })?;
                }
                Ok(())
            }
            // That there is no such object is what it says if all is well.
            Root::S3(_) => match self.raw.head(&Path::from("probe")).await {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(source) => Err(Error::Store {
                    attempt: "ask",
                    path: "the store".to_owned(),
                    source,
                }),
            },
        }
    }

    /// What puts that were cut off left behind and that was not touched since
    /// `before`, by the store's clock: hidden files on disk, uploads without
    /// end on S3. It costs space and does no harm; no list of objects shows
    /// it. A put that is under way looks the same, so leave it a day.
    ///
    /// # Errors
    /// [`Error::Disk`], [`Error::Store`].
    pub async fn abandoned(&self, before: Timestamp) -> Result<Vec<Abandoned>, Error> {
        let mut found = self.left_in(LAKE_FOLDER, before).await?;
        found.extend(self.left_in(RAW_FOLDER, before).await?);
        Ok(found)
    }

    /// The same among the lake's files alone, however young: whoever looks for
    /// what must go tells of what cannot be read.
    ///
    /// # Errors
    /// As [`abandoned`](Self::abandoned).
    pub async fn abandoned_in_lake(&self) -> Result<Vec<Abandoned>, Error> {
        self.left_in(LAKE_FOLDER, Timestamp::MAX).await
    }

    /// The same among an athlete's recordings alone, however young: a put of
    /// one that is under way fails where it is removed.
    ///
    /// # Errors
    /// As [`abandoned`](Self::abandoned).
    pub async fn abandoned_recordings(
        &self,
        athlete_id: AthleteId,
    ) -> Result<Vec<Abandoned>, Error> {
        let folder = format!("{RAW_FOLDER}/{athlete_id}");
        self.left_in(&folder, Timestamp::MAX).await
    }

    async fn left_in(&self, folder: &str, before: Timestamp) -> Result<Vec<Abandoned>, Error> {
        match &self.root {
            Root::Disk(root) => disk::abandoned(&root.join(folder), before.into()),
            Root::S3(store) => store.uploads_before(folder, before).await,
        }
    }

    /// Removes what [`abandoned`](Self::abandoned) found. What is gone by now
    /// is no error.
    ///
    /// # Errors
    /// [`Error::Disk`], [`Error::Store`].
    pub async fn remove_abandoned(&self, abandoned: &Abandoned) -> Result<(), Error> {
        match (&self.root, abandoned) {
            (_, Abandoned::File { path, .. }) => match std::fs::remove_file(path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(Error::Disk {
                    attempt: "remove",
                    path: path.display().to_string(),
                    source,
                }),
                _ => Ok(()),
            },
            (Root::S3(store), Abandoned::Upload { key, id, .. }) => store.abort(key, id).await,
            (Root::Disk(_), Abandoned::Upload { .. }) => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "s3_tests.rs"]
mod s3_tests;
