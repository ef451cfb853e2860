//! Objects in a folder of a disk: `object_store`'s own, with writes that are
//! flushed.

use std::collections::HashSet;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::ops::Range;
use std::path::{Path as DiskPath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMode, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart,
};
use uuid::Uuid;

use super::abandoned::Abandoned;
use crate::error::Error;

/// How many folders are remembered as flushed. Forgetting them costs time,
/// nothing else.
const FOLDERS_REMEMBERED: usize = 10_000;

/// Opens a folder of this machine as an object store, making it where it is
/// absent.
///
/// An object that was put survives a loss of power: its bytes are flushed
/// before it gets its name, and the folders that lead to it before `put`
/// answers. Half-written objects are never seen.
///
/// # Errors
/// [`Error::Disk`] where the folder cannot be made, [`Error::Store`] where it
/// cannot be opened.
pub fn open_disk(folder: &DiskPath) -> Result<Arc<dyn ObjectStore>, Error> {
    Ok(Arc::new(DiskStore::open(folder)?))
}

/// The files below `folder` that a put which was cut off left behind and that
/// were not written to since `before`. No list of objects shows them.
///
/// # Errors
/// [`Error::Disk`].
pub(super) fn abandoned(folder: &DiskPath, before: SystemTime) -> Result<Vec<Abandoned>, Error> {
    let failed = |path: &DiskPath| {
        let path = path.display().to_string();
        move |source| Error::Disk {
            attempt: "list",
            path,
            source,
        }
    };
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            // Another process may have removed it an instant ago.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(failed(&folder)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed(&folder))?;
            let meta = match entry.metadata() {
                Ok(meta) => meta,
                // A put that ended meanwhile took its own file away.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(&entry.path())(error)),
            };
            if meta.is_dir() {
                folders.push(entry.path());
                continue;
            }
            let modified = meta.modified().map_err(failed(&entry.path()))?;
            if modified < before && is_staged(&entry.path()) {
                found.push(Abandoned::File {
                    path: entry.path(),
                    bytes: meta.len(),
                });
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether the name is one that [`staged_path`] or `LocalFileSystem` gives to
/// what is not yet an object.
fn is_staged(path: &DiskPath) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let digits = name.and_then(|name| name.rsplit_once('#'));
    digits.is_some_and(|(_, digits)| {
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// A folder of a disk. Reads and lists are `object_store`'s own; writes are
/// flushed.
#[derive(Debug)]
struct DiskStore {
    files: LocalFileSystem,
    folders: Arc<Folders>,
}

impl DiskStore {
    fn open(folder: &DiskPath) -> Result<Self, Error> {
        let failed = |attempt| {
            let path = folder.display().to_string();
            move |source| Error::Disk {
                attempt,
                path,
                source,
            }
        };
        fs::create_dir_all(folder).map_err(failed("make"))?;
        let root = fs::canonicalize(folder).map_err(failed("find"))?;
        // Each folder's name lies in its parent, up to the top; where the
        // parent may not be opened, somebody else made this one long ago.
        for ancestor in root.ancestors() {
            match sync_folder(ancestor) {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => break,
                synced => synced.map_err(failed("flush"))?,
            }
        }
        let files = LocalFileSystem::new_with_prefix(&root).map_err(|source| Error::Store {
            attempt: "open",
            path: root.display().to_string(),
            source,
        })?;
        Ok(Self {
            files,
            folders: Arc::new(Folders {
                root,
                flushed: Mutex::default(),
            }),
        })
    }

    /// Runs `work`, which waits for the disk, where it holds up no other task.
    async fn blocking<T, F>(&self, location: &Path, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&DiskPath, &Folders) -> io::Result<T> + Send + 'static,
    {
        let path = self.files.path_to_filesystem(location)?;
        let folders = Arc::clone(&self.folders);
        let name = location.to_string();
        tokio::task::spawn_blocking(move || {
            work(&path, &folders).map_err(|source| store_error(name, source))
        })
        .await?
    }
}

/// The disk's answer as `object_store` words it.
fn store_error(path: String, source: io::Error) -> object_store::Error {
    let kind = source.kind();
    let source = Box::new(source);
    match kind {
        ErrorKind::AlreadyExists => object_store::Error::AlreadyExists { path, source },
        ErrorKind::NotFound => object_store::Error::NotFound { path, source },
        ErrorKind::PermissionDenied => object_store::Error::PermissionDenied { path, source },
        _ => object_store::Error::Generic {
            store: "disk",
            source,
        },
    }
}

/// The folders below the root that are known to be flushed.
#[derive(Debug)]
struct Folders {
    root: PathBuf,
    flushed: Mutex<HashSet<PathBuf>>,
}

impl Folders {
    /// Makes the folder of `path`, so that it survives a loss of power.
    ///
    /// A folder that is there may have been made by another process an instant
    /// ago, so it counts as flushed only once this process has seen to it.
    fn make_for(&self, path: &DiskPath) -> io::Result<()> {
        let folder = parent(path)?;
        if self.lock().contains(folder) {
            return Ok(());
        }
        fs::create_dir_all(folder)?;
        for ancestor in folder.ancestors().skip(1) {
            if !ancestor.starts_with(&self.root) {
                break;
            }
            sync_folder(ancestor)?;
        }
        let mut flushed = self.lock();
        if flushed.len() >= FOLDERS_REMEMBERED {
            flushed.clear();
        }
        flushed.insert(folder.to_owned());
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<PathBuf>> {
        // Whoever panicked left a set of folders that are flushed.
        self.flushed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn parent(path: &DiskPath) -> io::Result<&DiskPath> {
    path.parent().ok_or(ErrorKind::InvalidInput.into())
}

/// Flushes the names in a folder.
fn sync_folder(folder: &DiskPath) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Flushes an object that is in place: its bytes and its name.
fn sync_object(path: &DiskPath) -> io::Result<()> {
    File::open(path)?.sync_all()?;
    sync_folder(parent(path)?)
}

/// Writes an object: all of it in a file beside it, flushed, before it gets
/// its name.
fn write(path: &DiskPath, folders: &Folders, payload: &PutPayload, create: bool) -> io::Result<()> {
    folders.make_for(path)?;
    if create && path.try_exists()? {
        // Another process may have named it an instant ago.
        sync_object(path)?;
        return Err(ErrorKind::AlreadyExists.into());
    }
    let staged = staged_path(path);
    let written = write_staged(&staged, payload).and_then(|()| {
        if create {
            // A link, unlike a rename, never replaces what is there.
            fs::hard_link(&staged, path)
        } else {
            fs::rename(&staged, path)
        }
    });
    if create || written.is_err() {
        // What stays behind has a name that no list shows.
        let _ = fs::remove_file(&staged);
    }
    sync_folder(parent(path)?)?;
    written
}

fn write_staged(staged: &DiskPath, payload: &PutPayload) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(staged)?;
    for bytes in payload {
        file.write_all(bytes)?;
    }
    file.sync_all()
}

/// A name beside `path` that `LocalFileSystem` leaves out of its lists, since
/// it ends in `#` and digits, and that no two writers share.
fn staged_path(path: &DiskPath) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!("#{}", Uuid::now_v7().as_u128()));
    name.into()
}

impl fmt::Display for DiskStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "disk({})", self.folders.root.display())
    }
}

#[async_trait]
impl ObjectStore for DiskStore {
    async fn put_opts(
        &self,
        location: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let create = match options.mode {
            PutMode::Create => true,
            PutMode::Overwrite => false,
            PutMode::Update(_) => {
                return Err(object_store::Error::NotImplemented {
                    operation: "an update by version".into(),
                    implementer: self.to_string(),
                });
            }
        };
        self.blocking(location, move |path, folders| {
            write(path, folders, &payload, create)
        })
        .await?;
        Ok(PutResult {
            e_tag: None,
            version: None,
        })
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.blocking(location, |path, folders| folders.make_for(path))
            .await?;
        Ok(Box::new(FlushedUpload {
            path: self.files.path_to_filesystem(location)?,
            upload: self.files.put_multipart_opts(location, options).await?,
        }))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.files.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.files.get_ranges(location, ranges).await
    }

    fn delete_stream(
        &self,
        locations: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.files.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.files.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.files.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.blocking(to, |path, folders| folders.make_for(path))
            .await?;
        self.files.copy_opts(from, to, options).await?;
        self.blocking(to, |path, _| sync_object(path)).await
    }
}

/// An upload in parts that is flushed when it is complete.
#[derive(Debug)]
struct FlushedUpload {
    path: PathBuf,
    upload: Box<dyn MultipartUpload>,
}

#[async_trait]
impl MultipartUpload for FlushedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let done = self.upload.complete().await?;
        let path = self.path.clone();
        tokio::task::spawn_blocking(move || {
            sync_object(&path).map_err(|source| store_error(path.display().to_string(), source))
        })
        .await??;
        Ok(done)
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}

#[cfg(test)]
mod tests {
    use futures::TryStreamExt;
    use object_store::ObjectStoreExt;

    use super::*;

    async fn names(store: &dyn ObjectStore) -> Vec<String> {
        let mut names: Vec<_> = store
            .list(None)
            .map_ok(|object| object.location.to_string())
            .try_collect()
            .await
            .unwrap();
        names.sort();
        names
    }

    #[tokio::test]
    async fn an_object_is_created_once_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = open_disk(&folder.path().join("a/b")).unwrap();
        let path = Path::from("x/y/object");
        let create = PutOptions::from(PutMode::Create);
        store
            .put_opts(&path, "first".into(), create.clone())
            .await
            .unwrap();
        let again = store.put_opts(&path, "second".into(), create).await;
        assert!(matches!(
            again,
            Err(object_store::Error::AlreadyExists { .. })
        ));
        let read = store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(read, "first");

        store.put(&path, "third".into()).await.unwrap();
        let read = store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(read, "third");

        assert_eq!(names(&*store).await, ["x/y/object"]);
        let on_disk = fs::read_dir(folder.path().join("a/b/x/y")).unwrap().count();
        assert_eq!(on_disk, 1);
    }

    #[tokio::test]
    async fn of_many_writers_one_creates() {
        let folder = tempfile::tempdir().unwrap();
        let store = open_disk(folder.path()).unwrap();
        let path = Path::from("object");
        let puts = (0..20).map(|writer| {
            let payload = PutPayload::from(vec![writer; 100_000]);
            store.put_opts(&path, payload, PutMode::Create.into())
        });
        let created: Vec<usize> = futures::future::join_all(puts)
            .await
            .into_iter()
            .enumerate()
            .filter_map(|(writer, put)| put.is_ok().then_some(writer))
            .collect();
        assert_eq!(created.len(), 1);
        let read = store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(read, vec![created[0] as u8; 100_000]);
        assert_eq!(names(&*store).await, ["object"]);
    }

    #[tokio::test]
    async fn an_upload_in_parts_is_seen_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let store = open_disk(folder.path()).unwrap();
        let path = Path::from("new/folder/object");
        let mut upload = store.put_multipart(&path).await.unwrap();
        upload.put_part("one ".into()).await.unwrap();
        upload.put_part("two".into()).await.unwrap();
        assert!(names(&*store).await.is_empty());
        upload.complete().await.unwrap();
        let read = store.get(&path).await.unwrap().bytes().await.unwrap();
        assert_eq!(read, "one two");
        store
            .copy(&path, &Path::from("other/object"))
            .await
            .unwrap();
        store.delete(&path).await.unwrap();
        assert_eq!(names(&*store).await, ["other/object"]);
    }
}
