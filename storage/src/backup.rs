//! Copies of an installation, taken while it is in use, and installations made
//! of copies.
//!
//! A place for backups is one object store. Objects lie in it once, however
//! many backups name them, since an object never changes under its name:
//!
//! ```text
//! backups/{backup_id}/manifest.json   every object by path, length and SHA-256; written last
//! backups/{backup_id}/catalog         the database, by SQLite or pg_dump
//! objects/lake/…  objects/raw/…       as in the installation
//! ```
//!
//! The catalog is copied first, as it is at one instant, then the objects that
//! it names. Where one of them has been cleaned up meanwhile, it begins again
//! with a new copy of the catalog.

mod catalog;
mod manifest;
mod restore;
mod transfer;

use std::collections::HashMap;
use std::path::Path as DiskPath;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;
use object_store::path::Path;
use uuid::Uuid;

use self::catalog::CatalogCopy;
pub use self::catalog::CatalogKind;
pub use self::manifest::{Entry, Manifest};
pub use self::restore::Restored;
use self::restore::restore;
use self::transfer::{Sum, copy, hash};
use crate::error::Error;
use crate::objects::open_disk;
use crate::{Options, Storage};

/// How many objects are copied at once.
const AT_ONCE: usize = 16;
/// How often it begins again because an object was cleaned up.
const ATTEMPTS: u32 = 5;

/// Hears how far it is: objects that are done, and all.
pub type Tell<'a> = &'a (dyn Fn(u64, u64) + Sync);

/// A place for backups.
#[derive(Clone, Debug)]
pub struct Backups {
    place: Arc<dyn ObjectStore>,
}

/// What a backup copied.
#[derive(Clone, Debug)]
pub struct BackedUp {
    /// What it names.
    pub manifest: Manifest,
    /// Objects that were not in the place before.
    pub copied: u64,
    /// Their length in bytes.
    pub copied_bytes: u64,
}

impl Backups {
    /// Opens a folder of this machine as a place for backups, making it where
    /// it is missing.
    ///
    /// # Errors
    /// [`Error::Disk`], [`Error::Store`].
    pub fn open(folder: &DiskPath) -> Result<Self, Error> {
        let place = open_disk(folder)?;
        Ok(Self { place })
    }

    /// All backups, the last one last.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Backup`] where one cannot be understood.
    pub async fn list(&self) -> Result<Vec<Manifest>, Error> {
        let mut manifests = Vec::new();
        for id in Manifest::all(&self.place).await? {
            manifests.push(Manifest::read(&self.place, id).await?);
        }
        Ok(manifests)
    }

    /// Backs an installation up. `scratch` is a folder on this machine for a
    /// copy of the catalog.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Database`]; [`Error::NoTool`] and
    /// [`Error::Tool`] where PostgreSQL's own tools are missing or fail. What
    /// was copied stays for the next backup; there is no manifest then.
    pub async fn take(
        &self,
        storage: &Storage,
        scratch: &DiskPath,
        tell: Tell<'_>,
    ) -> Result<BackedUp, Error> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match backup_once(storage, &self.place, scratch, tell).await {
                Err(Error::Store { source, path, .. })
                    if matches!(source, object_store::Error::NotFound { .. })
                        && attempt < ATTEMPTS =>
                {
                    tracing::info!(path, "an object was cleaned up; beginning again");
                }
                other => return other,
            }
        }
    }

    /// Makes an installation at `options` out of a backup: the one of this id,
    /// or the last. Each object is compared with its hash on its way; with
    /// `despite_damage` what is damaged is left out, for a repair to mend.
    ///
    /// # Errors
    /// [`Error::NotEmpty`] where something is there already; [`Error::Backup`]
    /// where there is no such backup or its catalog is damaged;
    /// [`Error::Store`], [`Error::Database`], [`Error::NoTool`],
    /// [`Error::Tool`].
    pub async fn restore(
        &self,
        backup: Option<Uuid>,
        options: &Options,
        despite_damage: bool,
        tell: Tell<'_>,
    ) -> Result<Restored, Error> {
        restore(&self.place, backup, options, despite_damage, tell).await
    }
}

async fn backup_once(
    storage: &Storage,
    place: &Arc<dyn ObjectStore>,
    scratch: &DiskPath,
    tell: Tell<'_>,
) -> Result<BackedUp, Error> {
    let known = Known::read(place).await?;
    let copy_of = CatalogCopy::take(storage, scratch).await?;
    let wanted = wanted(storage, &copy_of).await?;
    let total = wanted.len() as u64;
    let mut done = 0;
    let mut copied = (0, 0);
    let mut entries: Vec<Entry> = Vec::with_capacity(wanted.len());
    let mut sums = stream::iter(wanted)
        .map(|object| take_in(storage, place, &known, object))
        .buffer_unordered(AT_ONCE);
    while let Some((entry, is_new)) = sums.try_next().await? {
        if is_new {
            copied = (copied.0 + 1, copied.1 + entry.bytes);
        }
        entries.push(entry);
        done += 1;
        tell(done, total);
    }
    drop(sums);
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    let mut manifest = Manifest::new(Uuid::now_v7(), &copy_of, storage.lake.uuid(), entries);
    let catalog = copy_of.bytes().await?;
    manifest.write(place, catalog).await?;
    Ok(BackedUp {
        manifest,
        copied: copied.0,
        copied_bytes: copied.1,
    })
}

/// An object that a backup is to have.
struct Wanted {
    /// Its path in a backup, below `objects/`.
    path: String,
    bytes: u64,
}

/// What the place has already.
struct Known {
    /// Sums of objects by path, from the manifests.
    sums: HashMap<String, Sum>,
    /// Lengths of objects that are there, by path.
    there: HashMap<String, u64>,
}

impl Known {
    async fn read(place: &Arc<dyn ObjectStore>) -> Result<Self, Error> {
        let mut sums = HashMap::new();
        if let Some(last) = Manifest::all(place).await?.pop() {
            let manifest = Manifest::read(place, last).await?;
            let entries = manifest.objects.into_iter();
            sums.extend(entries.map(|entry| {
                let sum = Sum {
                    sha256: entry.sha256,
                    bytes: entry.bytes,
                };
                (entry.path, sum)
            }));
        }
        let folder = Path::from(manifest::OBJECTS);
        let listed = place.list(Some(&folder)).map_ok(|meta| {
            let path = meta.location.to_string();
            let below = path.strip_prefix(manifest::OBJECTS);
            let below = below.and_then(|path| path.strip_prefix('/'));
            (below.unwrap_or(&path).to_owned(), meta.size)
        });
        let there = listed.try_collect().await;
        let there = there.map_err(|source| transfer::failed("list", &folder, source))?;
        Ok(Self { sums, there })
    }
}

/// Everything that the catalog's copy names, and all raw bytes.
async fn wanted(storage: &Storage, copy: &CatalogCopy) -> Result<Vec<Wanted>, Error> {
    let lake = copy.named.files.iter().map(|(path, bytes)| Wanted {
        path: format!("{}/{path}", manifest::LAKE),
        bytes: *bytes,
    });
    let mut wanted: Vec<Wanted> = lake.collect();
    // After the catalog: all that its rows name is there by now.
    for (path, bytes) in storage.raw.objects().await? {
        wanted.push(Wanted {
            path: format!("{}/{path}", manifest::RAW),
            bytes,
        });
    }
    Ok(wanted)
}

/// Sees to it that the place has an object; answers whether it is new there.
async fn take_in(
    storage: &Storage,
    place: &Arc<dyn ObjectStore>,
    known: &Known,
    wanted: Wanted,
) -> Result<(Entry, bool), Error> {
    let Wanted { path, bytes } = wanted;
    let there = known.there.get(&path) == Some(&bytes);
    let to = manifest::object(&path);
    let (from, store) = source_of(storage, &path);
    let (sum, is_new) = match known.sums.get(&path) {
        Some(sum) if there && sum.bytes == bytes => (sum.clone(), false),
        // An interrupted backup put it there and nobody knows its sum.
        Some(_) | None if there => (hash(place, &to).await?, false),
        Some(_) | None => (copy(&store, &from, place, &to, None).await?, true),
    };
    let entry = Entry {
        path,
        sha256: sum.sha256,
        bytes: sum.bytes,
    };
    Ok((entry, is_new))
}

/// Where the installation has the object of a backup's path.
fn source_of(storage: &Storage, path: &str) -> (Path, Arc<dyn ObjectStore>) {
    match path.strip_prefix(manifest::LAKE) {
        Some(below) => (Path::from(below), storage.lake.objects()),
        None => {
            let below = path.strip_prefix(manifest::RAW).unwrap_or(path);
            (Path::from(below), storage.raw.store())
        }
    }
}
