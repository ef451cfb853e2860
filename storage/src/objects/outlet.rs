//! Files for others, written to an S3 store by name: exports.

use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStoreExt, WriteMultipart};

use super::s3::S3Store;
use super::s3_options::S3Options;
use crate::error::Error;

/// The length of a part in bytes; S3 takes 10,000 of them.
const PART: usize = 8 << 20;
/// How many parts of one file may be on their way.
const PARTS_AT_ONCE: usize = 2;

/// A place in an S3 store that takes files. A file appears under its name
/// when it is whole, and replaces the one before.
#[derive(Clone, Debug)]
pub struct Outlet {
    store: S3Store,
    options: S3Options,
}

/// A file on its way. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct Outgoing {
    url: String,
    upload: WriteMultipart,
    bytes: u64,
}

impl Outlet {
    /// Opens the place and asks whether the store would serve us.
    ///
    /// # Errors
    /// [`Error::StoreRefused`], [`Error::StoreOption`], [`Error::Disk`].
    pub async fn open(options: &S3Options) -> Result<Self, Error> {
        Ok(Self {
            store: S3Store::open(options).await?,
            options: options.clone(),
        })
    }

    /// The URL of a file here.
    pub fn url(&self, name: &str) -> String {
        format!("s3://{}/{}", self.options.bucket, self.options.below(name))
    }

    /// Begins a file.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn begin(&self, name: &str) -> Result<Outgoing, Error> {
        let path = Path::from(self.options.below(name));
        let upload = self.store.put_multipart(&path).await;
        let upload = upload.map_err(failed("begin", self.url(name)))?;
        Ok(Outgoing {
            url: self.url(name),
            upload: WriteMultipart::new_with_chunk_size(upload, PART),
            bytes: 0,
        })
    }

    /// The bytes of a small file, or `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn read(&self, name: &str) -> Result<Option<Bytes>, Error> {
        let path = Path::from(self.options.below(name));
        let read = async { self.store.get(&path).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(failed("read", self.url(name))(source)),
        }
    }

    /// Whether there is a file of this name.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn exists(&self, name: &str) -> Result<bool, Error> {
        match self.store.head(&Path::from(self.options.below(name))).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(source) => Err(failed("look for", self.url(name))(source)),
        }
    }
}

impl Outgoing {
    /// Sends bytes, and waits while too many are on their way.
    ///
    /// # Errors
    /// [`Error::Store`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let free = self.upload.wait_for_capacity(PARTS_AT_ONCE).await;
        free.map_err(failed("write", self.url.clone()))?;
        self.upload.write(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Gives the file its name; answers its length in bytes.
    ///
    /// # Errors
    /// [`Error::Store`]; nothing is left then.
    pub async fn finish(self) -> Result<u64, Error> {
        let done = self.upload.finish().await;
        done.map_err(failed("finish", self.url))?;
        Ok(self.bytes)
    }
}

fn failed(attempt: &'static str, path: String) -> impl FnOnce(object_store::Error) -> Error {
    move |source| Error::Store {
        attempt,
        path,
        source,
    }
}
