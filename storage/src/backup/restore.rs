//! An installation out of a backup, in an empty place.

use std::path::Path as DiskPath;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::ObjectStore;
use object_store::path::Path;
use uuid::Uuid;

use super::catalog::{CatalogKind, Scratch};
use super::manifest::{self, Manifest};
use super::transfer::{Sum, copy, failed};
use super::{AT_ONCE, Tell};
use crate::catalog::{Db, tools};
use crate::error::Error;
use crate::lake::Lake;
use crate::objects::Objects;
use crate::storage::{Options, SQLITE_CATALOG};

/// What a restore made.
#[derive(Clone, Debug)]
pub struct Restored {
    /// What it was made of.
    pub manifest: Manifest,
    /// Objects that the backup does not have as they were, each with why.
    pub damaged: Vec<String>,
    /// Whether the installation is there. It is not where objects are damaged
    /// and that was not allowed.
    pub is_complete: bool,
}

/// As [`Backups::restore`](super::Backups::restore).
pub(super) async fn restore(
    place: &Arc<dyn ObjectStore>,
    backup: Option<Uuid>,
    options: &Options,
    despite_damage: bool,
    tell: Tell<'_>,
) -> Result<Restored, Error> {
    let all = Manifest::all(place).await?;
    let id = match backup {
        Some(id) => all.contains(&id).then_some(id),
        None => all.last().copied(),
    };
    let Some(id) = id else {
        return Err(Error::Backup {
            what: match backup {
                Some(id) => format!("there is no backup {id}"),
                None => "there is no backup".to_owned(),
            },
        });
    };
    let manifest = Manifest::read(place, id).await?;
    let kind = match options.catalog {
        None => CatalogKind::Sqlite,
        Some(_) => CatalogKind::Postgres,
    };
    if kind != manifest.catalog {
        return Err(Error::Backup {
            what: "the backup is of the other kind of catalog".to_owned(),
        });
    }
    let catalog = manifest.catalog_copy(place).await?;
    let target = Objects::open(&options.store, &options.data_dir).await?;
    refuse_unless_empty(&target, options).await?;
    let damaged = copy_objects(place, &manifest, &target, tell).await?;
    let is_complete = damaged.is_empty() || despite_damage;
    if is_complete {
        put_catalog(kind, &catalog, options, &target).await?;
    } else {
        take_back(&manifest, &target).await?;
    }
    Ok(Restored {
        manifest,
        damaged,
        is_complete,
    })
}

async fn refuse_unless_empty(target: &Objects, options: &Options) -> Result<(), Error> {
    for (what, store) in [("the lake", &target.lake), ("the raw store", &target.raw)] {
        let first = store.list(None).next().await;
        let first = first.transpose();
        let first = first.map_err(|source| failed("list", &Path::default(), source))?;
        if first.is_some() {
            return Err(Error::NotEmpty {
                what: what.to_owned(),
            });
        }
    }
    let is_absent = match &options.catalog {
        None => !options.data_dir.join(SQLITE_CATALOG).exists(),
        Some(url) => {
            let db = Db::open_postgres(url).await?;
            let is_absent = Lake::is_absent(&db).await;
            db.close().await;
            is_absent?
        }
    };
    if is_absent {
        return Ok(());
    }
    Err(Error::NotEmpty {
        what: "the catalog".to_owned(),
    })
}

fn target_of<'a>(target: &'a Objects, path: &str) -> (&'a Arc<dyn ObjectStore>, Path) {
    match path.strip_prefix(manifest::LAKE) {
        Some(below) => (&target.lake, Path::from(below)),
        None => {
            let below = path.strip_prefix(manifest::RAW).unwrap_or(path);
            (&target.raw, Path::from(below))
        }
    }
}

/// Copies all objects; answers which are not what they were.
async fn copy_objects(
    place: &Arc<dyn ObjectStore>,
    manifest: &Manifest,
    target: &Objects,
    tell: Tell<'_>,
) -> Result<Vec<String>, Error> {
    let total = manifest.objects.len() as u64;
    let mut copies = stream::iter(&manifest.objects)
        .map(|entry| async move {
            let (store, to) = target_of(target, &entry.path);
            let expected = Sum {
                sha256: entry.sha256.clone(),
                bytes: entry.bytes,
            };
            let from = manifest::object(&entry.path);
            match copy(place, &from, store, &to, Some(&expected)).await {
                Ok(_) => Ok(None),
                Err(Error::Backup { what }) => Ok(Some(what)),
                Err(Error::Store {
                    source: object_store::Error::NotFound { .. },
                    ..
                }) => Ok(Some(format!("{from} is missing"))),
                Err(error) => Err(error),
            }
        })
        .buffer_unordered(AT_ONCE);
    let mut damaged = Vec::new();
    let mut done = 0;
    while let Some(outcome) = copies.try_next().await? {
        damaged.extend(outcome);
        done += 1;
        tell(done, total);
    }
    damaged.sort();
    Ok(damaged)
}

/// Removes what was copied, so that the place is empty again.
async fn take_back(manifest: &Manifest, target: &Objects) -> Result<(), Error> {
    for entry in &manifest.objects {
        let (store, path) = target_of(target, &entry.path);
        match object_store::ObjectStoreExt::delete(store, &path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(source) => return Err(failed("remove", &path, source)),
        }
    }
    Ok(())
}

/// Puts the catalog in place, as the last thing: without it nothing is there.
async fn put_catalog(
    kind: CatalogKind,
    compressed: &[u8],
    options: &Options,
    target: &Objects,
) -> Result<(), Error> {
    let scratch = Scratch::new(&options.data_dir)?;
    scratch.unpack(compressed)?;
    let settle = async |db: Db| {
        let settled = Lake::settle(&db, &target.data_path).await;
        db.close().await;
        settled
    };
    match (kind, &options.catalog) {
        (CatalogKind::Postgres, Some(url)) => {
            tools::restore(url, &scratch.0).await?;
            settle(Db::open_postgres(url).await?).await
        }
        (CatalogKind::Sqlite | CatalogKind::Postgres, _) => {
            settle(Db::open_sqlite(&scratch.0).await?).await?;
            let catalog = options.data_dir.join(SQLITE_CATALOG);
            rename(&scratch.0, &catalog)
        }
    }
}

fn rename(from: &DiskPath, to: &DiskPath) -> Result<(), Error> {
    let renamed = std::fs::rename(from, to).and_then(|()| match to.parent() {
        Some(folder) => std::fs::File::open(folder)?.sync_all(),
        None => Ok(()),
    });
    renamed.map_err(|source| Error::Disk {
        attempt: "put in place",
        path: to.display().to_string(),
        source,
    })
}
