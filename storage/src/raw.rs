//! The raw store: every input unchanged, by athlete and SHA-256.
//!
//! An object is `{athlete_id}/{sha256}.zst`: the hash of the bytes as they
//! came in, after zip and gz were removed, and the bytes compressed by zstd,
//! which `zstd -d` undoes. Athletes share nothing, so that one can be
//! forgotten.

use std::io::Read;
use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::id::AthleteId;

/// How many bytes one input may have.
pub const MAX_BYTES: u64 = 1 << 30;
/// zstd's own default: more costs time and saves little on recordings.
const LEVEL: i32 = 3;
/// What follows the hash in an object's name.
const EXTENSION: &str = ".zst";

/// The raw store. Clones share the object store.
#[derive(Clone, Debug)]
pub struct RawStore {
    objects: Arc<dyn ObjectStore>,
}

impl RawStore {
    /// A raw store at the root of `objects`.
    pub fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects }
    }

    /// Keeps `bytes` and answers their SHA-256 in lower-case hexadecimal. What
    /// is already there stays as it is.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for more than [`MAX_BYTES`]; [`Error::Store`].
    pub async fn put(&self, athlete_id: AthleteId, bytes: &[u8]) -> Result<String, Error> {
        check_size(bytes.len() as u64)?;
        let owned = Bytes::copy_from_slice(bytes);
        let (sha256, compressed) = off_thread(move || {
            let compressed = zstd::bulk::compress(&owned, LEVEL)?;
            Ok((hash(&owned), compressed))
        })
        .await
        .map_err(|source| Error::Disk {
            attempt: "compress",
            path: "an input".into(),
            source,
        })?;
        let path = path(athlete_id, &sha256);
        match self
            .objects
            .put_opts(&path, compressed.into(), PutMode::Create.into())
            .await
        {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(sha256),
            Err(source) => Err(failed("keep", &path, source)),
        }
    }

    /// The bytes whose SHA-256 this is, checked against it.
    ///
    /// # Errors
    /// [`Error::NoRaw`] where they are not there, [`Error::Inconsistent`] where
    /// they are not what they were; [`Error::Store`].
    pub async fn get(&self, athlete_id: AthleteId, sha256: &str) -> Result<Bytes, Error> {
        let path = path(athlete_id, sha256);
        let read = async { self.objects.get(&path).await?.bytes().await };
        let compressed = match read.await {
            Ok(compressed) => compressed,
            Err(object_store::Error::NotFound { .. }) => {
                return Err(Error::NoRaw {
                    athlete_id,
                    sha256: sha256.to_owned(),
                });
            }
            Err(source) => return Err(failed("read", &path, source)),
        };
        let unpacked = off_thread(move || {
            let mut bytes = Vec::new();
            zstd::Decoder::new(&compressed[..])?
                // One more than is kept, so that more is noticed.
                .take(MAX_BYTES + 1)
                .read_to_end(&mut bytes)?;
            Ok((hash(&bytes), bytes))
        })
        .await;
        match unpacked {
            Ok((found, bytes)) if found == sha256 => Ok(bytes.into()),
            Ok(_) | Err(_) => Err(Error::Inconsistent {
                what: format!("the raw object {path} is damaged"),
            }),
        }
    }

    /// Whether there are bytes of this SHA-256.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn exists(&self, athlete_id: AthleteId, sha256: &str) -> Result<bool, Error> {
        let path = path(athlete_id, sha256);
        match self.objects.head(&path).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(failed("look for", &path, source)),
        }
    }

    /// The hashes of all that is kept of one athlete, sorted.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn list(&self, athlete_id: AthleteId) -> Result<Vec<String>, Error> {
        let folder = Path::from(athlete_id.to_string());
        let mut hashes: Vec<String> = self
            .objects
            .list(Some(&folder))
            .try_filter_map(|object| async move {
                let name = object.location.filename();
                let hash = name.and_then(|name| name.strip_suffix(EXTENSION));
                Ok(hash.map(str::to_owned))
            })
            .try_collect()
            .await
            .map_err(|source| failed("list", &folder, source))?;
        hashes.sort_unstable();
        Ok(hashes)
    }
}

fn check_size(bytes: u64) -> Result<(), Error> {
    if bytes > MAX_BYTES {
        return Err(Error::TooLarge {
            bytes,
            limit: MAX_BYTES,
        });
    }
    Ok(())
}

/// Where the bytes of this hash lie. A hash that is none names an object that
/// is not there: `Path` takes slashes and dots out of it.
fn path(athlete_id: AthleteId, sha256: &str) -> Path {
    Path::from_iter([athlete_id.to_string(), format!("{sha256}{EXTENSION}")])
}

fn hash(bytes: &[u8]) -> String {
    use std::fmt::Write;

    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a String takes all that is written");
            text
        })
}

fn failed(attempt: &'static str, path: &Path, source: object_store::Error) -> Error {
    Error::Store {
        attempt,
        path: path.to_string(),
        source,
    }
}

/// Runs work that keeps a core busy where it holds up no other task.
async fn off_thread<T, F>(work: F) -> std::io::Result<T>
where
    T: Send + 'static,
    F: FnOnce() -> std::io::Result<T> + Send + 'static,
{
    tokio::task::spawn_blocking(work)
        .await
        .map_err(std::io::Error::other)?
}

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;
    use crate::objects::open_disk;

    const ONE: AthleteId = AthleteId(1);
    const TWO: AthleteId = AthleteId(2);
    /// Of `abc`, from FIPS 180-2.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    async fn check_store(objects: Arc<dyn ObjectStore>) {
        let raw = RawStore::new(objects);
        assert!(raw.list(ONE).await.unwrap().is_empty());
        assert!(!raw.exists(ONE, ABC).await.unwrap());
        for _ in 0..2 {
            assert_eq!(raw.put(ONE, b"abc").await.unwrap(), ABC);
        }
        assert_eq!(raw.get(ONE, ABC).await.unwrap(), "abc");
        assert!(raw.exists(ONE, ABC).await.unwrap());
        assert_eq!(raw.list(ONE).await.unwrap(), [ABC]);

        assert!(matches!(raw.get(TWO, ABC).await, Err(Error::NoRaw { .. })));
        assert!(raw.list(TWO).await.unwrap().is_empty());
        assert!(raw.get(ONE, "../2/x").await.is_err());

        let empty = raw.put(TWO, b"").await.unwrap();
        assert_eq!(raw.get(TWO, &empty).await.unwrap(), "");
    }

    #[tokio::test]
    async fn bytes_come_back_as_they_were_from_memory() {
        check_store(Arc::new(InMemory::new())).await;
    }

    #[tokio::test]
    async fn bytes_come_back_as_they_were_from_disk() {
        let folder = tempfile::tempdir().unwrap();
        check_store(open_disk(folder.path()).unwrap()).await;
        let object = folder.path().join(format!("1/{ABC}.zst"));
        assert_eq!(
            zstd::decode_all(std::fs::File::open(object).unwrap()).unwrap(),
            b"abc"
        );
    }

    #[tokio::test]
    async fn damage_is_noticed() {
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let raw = RawStore::new(Arc::clone(&objects));
        let other = zstd::bulk::compress(b"abd", LEVEL).unwrap();
        for damaged in [other.clone(), other[..other.len() - 1].to_vec(), vec![7; 9]] {
            objects.put(&path(ONE, ABC), damaged.into()).await.unwrap();
            assert!(matches!(
                raw.get(ONE, ABC).await,
                Err(Error::Inconsistent { .. })
            ));
        }
    }

    #[test]
    fn too_much_is_refused() {
        assert!(check_size(MAX_BYTES).is_ok());
        assert!(matches!(
            check_size(MAX_BYTES + 1),
            Err(Error::TooLarge { .. })
        ));
    }
}
