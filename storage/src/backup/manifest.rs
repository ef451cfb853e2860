//! What a backup holds, by name, length and hash.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::catalog::{CatalogCopy, CatalogKind};
use super::transfer::failed;
use crate::error::Error;
use crate::raw::sha256_hex;

/// The version of the layout that this build writes and reads.
const FORMAT: u32 = 1;
/// Folders of a place for backups.
const BACKUPS: &str = "backups";
pub(super) const OBJECTS: &str = "objects";
/// Folders below `objects/`.
pub(super) const LAKE: &str = "lake";
pub(super) const RAW: &str = "raw";

/// One object of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Below `objects/`, such as `lake/main/stats/….parquet`.
    pub path: String,
    /// Of its bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
}

/// One backup.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the layout.
    pub format: u32,
    /// The pacelake that took it.
    pub pacelake: String,
    /// Its name; later ones sort after earlier ones.
    pub backup_id: String,
    /// When it was complete, in UTC.
    pub taken_at: String,
    /// Which database the catalog is a copy of.
    pub catalog: CatalogKind,
    /// The hash of that copy.
    pub catalog_sha256: String,
    /// Its length in bytes.
    pub catalog_bytes: u64,
    /// The lake.
    pub lake: String,
    /// Its newest snapshot.
    pub snapshot_id: i64,
    /// Every object, in order of path.
    pub objects: Vec<Entry>,
}

/// Where an object of a backup lies in its place.
pub(super) fn object(path: &str) -> Path {
    Path::from(format!("{OBJECTS}/{path}"))
}

fn file(id: &str, name: &str) -> Path {
    Path::from_iter([BACKUPS, id, name])
}

impl Manifest {
    pub(super) fn new(id: Uuid, copy: &CatalogCopy, lake: Uuid, objects: Vec<Entry>) -> Self {
        Self {
            format: FORMAT,
            pacelake: env!("CARGO_PKG_VERSION").to_owned(),
            backup_id: id.to_string(),
            taken_at: jiff::Timestamp::now().to_string(),
            catalog: copy.kind,
            catalog_sha256: String::new(),
            catalog_bytes: 0,
            lake: lake.to_string(),
            snapshot_id: copy.named.snapshot_id,
            objects,
        }
    }

    /// Puts the catalog's copy, then the manifest, in place.
    pub(super) async fn write(
        &mut self,
        place: &Arc<dyn ObjectStore>,
        catalog: Bytes,
    ) -> Result<(), Error> {
        self.catalog_sha256 = sha256_hex(&catalog);
        self.catalog_bytes = catalog.len() as u64;
        let text = serde_json::to_vec_pretty(self).expect("texts and numbers become JSON");
        for (name, bytes) in [("catalog", catalog), ("manifest.json", text.into())] {
            let path = file(&self.backup_id, name);
            let put = place.put_opts(&path, bytes.into(), PutMode::Create.into());
            put.await.map_err(|source| failed("write", &path, source))?;
        }
        Ok(())
    }

    /// The backups of a place, the last one last.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn all(place: &Arc<dyn ObjectStore>) -> Result<Vec<Uuid>, Error> {
        let folder = Path::from(BACKUPS);
        let listed = place.list(Some(&folder)).try_collect::<Vec<_>>().await;
        let listed = listed.map_err(|source| failed("list", &folder, source))?;
        let mut ids: Vec<Uuid> = listed
            .iter()
            .filter(|meta| meta.location.filename() == Some("manifest.json"))
            .filter_map(|meta| meta.location.parts().nth(1)?.as_ref().parse().ok())
            .collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Reads one.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Backup`] where it cannot be understood.
    pub async fn read(place: &Arc<dyn ObjectStore>, id: Uuid) -> Result<Self, Error> {
        let path = file(&id.to_string(), "manifest.json");
        let read = async { place.get(&path).await?.bytes().await };
        let text = read.await.map_err(|source| failed("read", &path, source))?;
        let manifest: Self = serde_json::from_slice(&text).map_err(|error| Error::Backup {
            what: format!("the manifest {path} cannot be read: {error}"),
        })?;
        if manifest.format != FORMAT {
            return Err(Error::UnknownVersion {
                found: format!("{} of a backup", manifest.format),
                known: "1",
            });
        }
        Ok(manifest)
    }

    /// The catalog's copy, checked against its hash.
    ///
    /// # Errors
    /// [`Error::Store`]; [`Error::Backup`] where it is damaged.
    pub(super) async fn catalog_copy(&self, place: &Arc<dyn ObjectStore>) -> Result<Bytes, Error> {
        let path = file(&self.backup_id, "catalog");
        let read = async { place.get(&path).await?.bytes().await };
        let bytes = read.await.map_err(|source| failed("read", &path, source))?;
        if sha256_hex(&bytes) == self.catalog_sha256 {
            return Ok(bytes);
        }
        Err(Error::Backup {
            what: format!("{path} is damaged"),
        })
    }
}
