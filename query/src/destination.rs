//! Where an export goes: a folder of this machine, or a place in an S3 store.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use storage::objects::{Outgoing, Outlet};
use uuid::Uuid;

use crate::error::Error;

/// A place that takes files by name. A file appears under its name when it is
/// whole, and replaces the one before.
#[derive(Clone, Debug)]
pub enum Destination {
    /// A folder, which is made where it is missing.
    Folder(PathBuf),
    /// A place in an S3 store.
    Store(Box<Outlet>),
}

/// A file on its way; of one that is dropped before its end nothing is left.
#[derive(Debug)]
pub(crate) enum Outgo {
    /// To a folder.
    File(Hidden),
    /// To a store, in parts.
    Upload(Outgoing),
}

/// A file under a hidden name, which goes away unless it is given its own.
#[derive(Debug)]
pub(crate) struct Hidden {
    file: File,
    path: PathBuf,
    to: PathBuf,
    is_named: bool,
}

impl Destination {
    /// The place of a file here, for people.
    pub fn place(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => folder.join(name).display().to_string(),
            Self::Store(outlet) => outlet.url(name),
        }
    }

    /// Makes what must be there before the first file.
    pub(crate) fn prepare(&self) -> Result<(), Error> {
        match self {
            Self::Folder(folder) => {
                fs::create_dir_all(folder).map_err(|error| write_error(folder, error))
            }
            Self::Store(_) => Ok(()),
        }
    }

    /// Whether there is a file of this name.
    pub(crate) async fn exists(&self, name: &str) -> Result<bool, Error> {
        match self {
            Self::Folder(folder) => Ok(folder.join(name).exists()),
            Self::Store(outlet) => Ok(outlet.exists(name).await?),
        }
    }

    /// The bytes of a small file, or `None` where there is none.
    pub(crate) async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                match fs::read(&path) {
                    Ok(bytes) => Ok(Some(bytes)),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                    Err(error) => Err(write_error(&path, error)),
                }
            }
            Self::Store(outlet) => Ok(outlet.read(name).await?.map(Into::into)),
        }
    }

    /// Begins a file.
    pub(crate) async fn begin(&self, name: &str) -> Result<Outgo, Error> {
        match self {
            Self::Folder(folder) => Ok(Outgo::File(Hidden::create(folder, name)?)),
            Self::Store(outlet) => Ok(Outgo::Upload(outlet.begin(name).await?)),
        }
    }

    /// Writes a whole file.
    pub(crate) async fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let mut outgo = self.begin(name).await?;
        outgo.write(bytes).await?;
        outgo.sync()?;
        outgo.finish().await
    }
}

impl Outgo {
    /// Adds bytes.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        match self {
            Self::File(hidden) => {
                let written = hidden.file.write_all(bytes);
                hidden.told(written)
            }
            Self::Upload(upload) => Ok(upload.write(bytes).await?),
        }
    }

    /// Makes sure that all is kept, without the name yet.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        match self {
            Self::File(hidden) => hidden.told(hidden.file.sync_all()),
            Self::Upload(_) => Ok(()),
        }
    }

    /// Gives the file its name.
    pub(crate) async fn finish(self) -> Result<(), Error> {
        match self {
            Self::File(hidden) => hidden.give_name(),
            Self::Upload(upload) => {
                upload.finish().await?;
                Ok(())
            }
        }
    }
}

impl Hidden {
    fn create(folder: &Path, name: &str) -> Result<Self, Error> {
        let path = folder.join(format!(".{name}-{}.part", Uuid::now_v7()));
        Ok(Self {
            file: File::create_new(&path).map_err(|error| write_error(&path, error))?,
            path,
            to: folder.join(name),
            is_named: false,
        })
    }

    fn told(&self, done: io::Result<()>) -> Result<(), Error> {
        done.map_err(|error| write_error(&self.path, error))
    }

    fn give_name(mut self) -> Result<(), Error> {
        let named = fs::rename(&self.path, &self.to);
        named.map_err(|error| write_error(&self.to, error))?;
        self.is_named = true;
        Ok(())
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if !self.is_named {
            // The error that stopped the export is the one to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn write_error(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}
