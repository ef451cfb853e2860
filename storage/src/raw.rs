//! The raw store: every input unchanged, by athlete and SHA-256.
//!
//! An object is `{athlete_id}/{sha256}.zst`: the hash of the bytes as they
//! came in, after zip and gz were removed, and the bytes compressed by zstd,
//! which `zstd -d` undoes. Athletes share nothing, so that one can be
//! forgotten.

mod copies;

use std::collections::{BTreeMap, HashSet};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};
use sha2::{Digest, Sha256};

use crate::catalog::{Db, Dialect, Tx, Value};
use crate::error::Error;
use crate::id::AthleteId;

/// How many bytes one input may have.
pub const MAX_BYTES: u64 = 1 << 30;
/// zstd's own default: more costs time and saves little on recordings.
const LEVEL: i32 = 3;
/// What follows the hash in an object's name.
const EXTENSION: &str = ".zst";

/// Any number that nothing else in the database locks: held while unnamed
/// objects are removed, and while one is put again.
const REMOVAL_LOCK: i64 = 0x7061_6365_6c72_6177;
/// How many objects are removed under one lock.
const REMOVED_AT_ONCE: usize = 100;

/// An input, and the SHA-256 that names it.
#[derive(Clone, Debug)]
pub struct Original {
    bytes: Bytes,
    sha256: String,
}

impl Original {
    /// Hashes `bytes`, which keeps a core busy.
    pub fn new(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        let sha256 = sha256_hex(&bytes);
        Self { bytes, sha256 }
    }

    /// The bytes, after zip and gz were removed.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Their SHA-256 in lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// As the store keeps them.
    async fn packed(&self) -> Result<Vec<u8>, Error> {
        let bytes = self.bytes.clone();
        let packed = off_thread(move || compressed(&bytes)).await;
        packed.map_err(|source| Error::Disk {
            attempt: "compress",
            path: "an input".into(),
            source,
        })
    }
}

/// The raw store. Clones share the object store.
#[derive(Clone, Debug)]
pub struct RawStore {
    objects: Arc<dyn ObjectStore>,
    /// The catalog that names what is kept, where there is one.
    db: Option<Db>,
}

impl RawStore {
    /// A raw store at the root of `objects`.
    pub fn new(objects: Arc<dyn ObjectStore>) -> Self {
        Self { objects, db: None }
    }

    /// The same, whose objects the catalog in `db` names; what it does not
    /// name may be removed ([`sweep`](Self::sweep)).
    pub(crate) fn named_by(self, db: Db) -> Self {
        Self {
            db: Some(db),
            ..self
        }
    }

    /// Keeps an input. What is already there stays as it is, unless it is
    /// damaged.
    ///
    /// # Errors
    /// [`Error::TooLarge`] for more than [`MAX_BYTES`]; [`Error::Store`].
    pub async fn put(&self, athlete_id: AthleteId, original: &Original) -> Result<(), Error> {
        check_size(original.bytes.len() as u64)?;
        let packed = original.packed().await?;
        let path = path(athlete_id, &original.sha256);
        match self
            .objects
            .put_opts(&path, packed.clone().into(), PutMode::Create.into())
            .await
        {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => {
                if !self
                    .put_unnamed_again(athlete_id, &original.sha256, &path, packed)
                    .await?
                {
                    self.put_back(athlete_id, original).await?;
                }
                Ok(())
            }
            Err(source) => Err(failed("keep", &path, source)),
        }
    }

    /// Puts bytes that are there already, but that nothing names: an import
    /// that never came to its end left them, and they are about to be named
    /// now. Put again they are as young as any upload that is under way, so
    /// that nobody removes them before. Answers whether nothing named them.
    async fn put_unnamed_again(
        &self,
        athlete_id: AthleteId,
        sha256: &str,
        path: &Path,
        compressed: Vec<u8>,
    ) -> Result<bool, Error> {
        let Some(db) = &self.db else {
            return Ok(false);
        };
        let hashes = [sha256.to_owned()];
        if !named(db.begin_read().await?, athlete_id, &hashes)
            .await?
            .is_empty()
        {
            return Ok(false);
        }
        let lock = removal_lock(db).await?;
        let put = self.objects.put(path, compressed.into()).await;
        lock.rollback().await?;
        put.map_err(|source| failed("keep", path, source))?;
        Ok(true)
    }

    /// Removes objects that no source names and that are older than `grace`,
    /// where the store's time is `now_us`, in microseconds since 1970. Answers
    /// how many, and their length in bytes.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Database`]; what was removed before stays so.
    pub async fn sweep(
        &self,
        now_us: i64,
        grace: Duration,
        dry_run: bool,
    ) -> Result<(u64, u64), Error> {
        let Some(db) = &self.db else {
            return Ok((0, 0));
        };
        let before_us = now_us - grace.as_micros() as i64;
        let root = Path::default();
        let mut old: BTreeMap<AthleteId, Vec<(String, u64)>> = BTreeMap::new();
        let mut objects = self.objects.list(None);
        while let Some(object) = objects
            .try_next()
            .await
            .map_err(|source| failed("list", &root, source))?
        {
            if let Some((athlete_id, sha256)) = parse(&object.location)
                && object.last_modified.timestamp_micros() < before_us
            {
                let of_athlete = old.entry(athlete_id).or_default();
                of_athlete.push((sha256, object.size));
            }
        }
        let (mut count, mut bytes) = (0, 0);
        for (athlete_id, objects) in old {
            for objects in objects.chunks(REMOVED_AT_ONCE) {
                let hashes: Vec<String> = objects.iter().map(|(hash, _)| hash.clone()).collect();
                let kept = named(db.begin_read().await?, athlete_id, &hashes).await?;
                let unnamed: Vec<&(String, u64)> = objects
                    .iter()
                    .filter(|(hash, _)| !kept.contains(hash))
                    .collect();
                if dry_run {
                    count += unnamed.len() as u64;
                    bytes += unnamed.iter().map(|(_, size)| size).sum::<u64>();
                } else if !unnamed.is_empty() {
                    let removed = self.remove(db, athlete_id, &unnamed, before_us).await?;
                    count += removed.0;
                    bytes += removed.1;
                }
            }
        }
        Ok((count, bytes))
    }

    /// Removes objects that are still old and unnamed.
    async fn remove(
        &self,
        db: &Db,
        athlete_id: AthleteId,
        objects: &[&(String, u64)],
        before_us: i64,
    ) -> Result<(u64, u64), Error> {
        let hashes: Vec<String> = objects.iter().map(|(hash, _)| hash.clone()).collect();
        // Whoever puts one of them again waits for the end, or did so before.
        let lock = removal_lock(db).await?;
        let kept = named(db.begin_read().await?, athlete_id, &hashes).await?;
        let (mut count, mut bytes) = (0, 0);
        for (hash, size) in objects.iter().filter(|(hash, _)| !kept.contains(hash)) {
            let path = path(athlete_id, hash);
            let is_old = match self.objects.head(&path).await {
                Ok(found) => found.last_modified.timestamp_micros() < before_us,
                Err(object_store::Error::NotFound { .. }) => false,
                Err(source) => return Err(failed("look for", &path, source)),
            };
            if !is_old {
                continue;
            }
            match self.objects.delete(&path).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(source) => return Err(failed("remove", &path, source)),
            }
            count += 1;
            bytes += size;
        }
        lock.rollback().await?;
        Ok((count, bytes))
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
            Ok((sha256_hex(&bytes), bytes))
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

    /// Deletes the bytes of this SHA-256; answers whether they were there.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn delete(&self, athlete_id: AthleteId, sha256: &str) -> Result<bool, Error> {
        if !self.exists(athlete_id, sha256).await? {
            return Ok(false);
        }
        let path = path(athlete_id, sha256);
        match self.objects.delete(&path).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(failed("delete", &path, source)),
        }
    }

    /// Deletes those of these bytes that no source names any more; answers how
    /// many were there. Without a catalog nothing is deleted.
    ///
    /// Whoever names such bytes meanwhile looks for them afterwards
    /// ([`ensure`](Self::ensure)).
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Database`].
    pub async fn forget(&self, athlete_id: AthleteId, hashes: &[String]) -> Result<u64, Error> {
        let Some(db) = self.db.as_ref().filter(|_| !hashes.is_empty()) else {
            return Ok(0);
        };
        let lock = removal_lock(db).await?;
        let kept = named(db.begin_read().await?, athlete_id, hashes).await?;
        let mut count = 0;
        for hash in hashes.iter().filter(|hash| !kept.contains(*hash)) {
            count += u64::from(self.delete(athlete_id, hash).await?);
        }
        lock.rollback().await?;
        Ok(count)
    }

    /// Puts bytes back that are named now, where they were deleted while nothing
    /// named them; answers whether they were.
    ///
    /// # Errors
    /// [`Error::Store`], [`Error::Database`].
    pub async fn ensure(&self, athlete_id: AthleteId, original: &Original) -> Result<bool, Error> {
        if let Some(db) = &self.db {
            // Who saw them unnamed has deleted them when this is over.
            removal_lock(db).await?.rollback().await?;
        }
        if self.exists(athlete_id, original.sha256()).await? {
            return Ok(false);
        }
        self.put(athlete_id, original).await?;
        Ok(true)
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

/// Waits until nobody removes objects or puts one again, and keeps others from
/// it until the transaction ends.
async fn removal_lock(db: &Db) -> Result<Tx, Error> {
    let mut tx = db.begin().await?;
    match tx.dialect() {
        // One transaction writes at a time anyway.
        Dialect::Sqlite => {}
        Dialect::Postgres => {
            tx.execute("select pg_advisory_xact_lock($1)", &[REMOVAL_LOCK.into()])
                .await?;
        }
    }
    Ok(tx)
}

/// Which of the hashes a source of the athlete names.
async fn named(
    mut tx: Tx,
    athlete_id: AthleteId,
    hashes: &[String],
) -> Result<HashSet<String>, Error> {
    let rows = tx
        .fetch(
            "select distinct sha256 from sources where athlete_id = $1 and sha256 = any($2)",
            &[athlete_id.into(), Value::Texts(hashes.to_vec())],
        )
        .await?;
    rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
}

/// Whose object it is, and its hash; `None` for what is none of ours.
fn parse(path: &Path) -> Option<(AthleteId, String)> {
    let mut parts = path.parts();
    let athlete_id = parts.next()?.as_ref().parse().ok()?;
    let hash = parts.next()?.as_ref().strip_suffix(EXTENSION)?.to_owned();
    parts
        .next()
        .is_none()
        .then_some((AthleteId(athlete_id), hash))
}

/// Bytes as the raw store keeps them.
///
/// # Errors
/// Where there is no memory for it.
pub fn compressed(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::bulk::compress(bytes, LEVEL)
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

/// SHA-256 of bytes, in lower-case hexadecimal.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// A digest in lower-case hexadecimal.
pub fn hex(digest: &[u8]) -> String {
    use std::fmt::Write;

    let text = String::with_capacity(2 * digest.len());
    digest.iter().fold(text, |mut text, byte| {
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

    fn abc() -> Original {
        let abc = Original::new("abc");
        assert_eq!(abc.sha256(), ABC);
        abc
    }

    async fn check_store(objects: Arc<dyn ObjectStore>) {
        let raw = RawStore::new(objects);
        assert!(raw.list(ONE).await.unwrap().is_empty());
        assert!(!raw.exists(ONE, ABC).await.unwrap());
        for _ in 0..2 {
            raw.put(ONE, &abc()).await.unwrap();
        }
        assert_eq!(raw.get(ONE, ABC).await.unwrap(), "abc");
        assert!(raw.exists(ONE, ABC).await.unwrap());
        assert_eq!(raw.list(ONE).await.unwrap(), [ABC]);

        assert!(matches!(raw.get(TWO, ABC).await, Err(Error::NoRaw { .. })));
        assert!(raw.list(TWO).await.unwrap().is_empty());
        assert!(raw.get(ONE, "../2/x").await.is_err());

        let empty = Original::new("");
        raw.put(TWO, &empty).await.unwrap();
        assert_eq!(raw.get(TWO, empty.sha256()).await.unwrap(), "");
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
    async fn damage_is_noticed_and_mended_by_the_same_bytes() {
        let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let raw = RawStore::new(Arc::clone(&objects));
        let other = zstd::bulk::compress(b"abd", LEVEL).unwrap();
        for damaged in [other.clone(), other[..other.len() - 1].to_vec(), vec![7; 9]] {
            objects.put(&path(ONE, ABC), damaged.into()).await.unwrap();
            assert!(matches!(
                raw.get(ONE, ABC).await,
                Err(Error::Inconsistent { .. })
            ));
            raw.put(ONE, &abc()).await.unwrap();
            assert_eq!(raw.get(ONE, ABC).await.unwrap(), "abc");
        }
    }

    #[tokio::test]
    async fn bytes_that_are_put_again_are_young_again() {
        let place = crate::testing::Place::sqlite();
        let storage = crate::Storage::open(&place.options(), &[], &[])
            .await
            .unwrap();
        let raw = storage.raw;
        raw.put(ONE, &abc()).await.unwrap();
        let object = place.data_dir.path().join(format!("raw/1/{ABC}.zst"));
        let old = || {
            let file = std::fs::File::options().write(true).open(&object).unwrap();
            let now = std::time::SystemTime::now();
            file.set_modified(now - 2 * crate::maintain::GRACE).unwrap();
        };
        let now_us = crate::ducklake::snapshot::now_us();
        let grace = crate::maintain::GRACE;
        old();
        assert_eq!(raw.sweep(now_us, grace, true).await.unwrap().0, 1);
        raw.put(ONE, &abc()).await.unwrap();
        assert_eq!(raw.sweep(now_us, grace, false).await.unwrap().0, 0);
        assert_eq!(raw.get(ONE, ABC).await.unwrap(), "abc");
        old();
        assert_eq!(raw.sweep(now_us, grace, false).await.unwrap().0, 1);
        assert!(!raw.exists(ONE, ABC).await.unwrap());
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
