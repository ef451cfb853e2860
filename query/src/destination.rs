//! Where an export goes: a folder of this machine, or a place in an S3 store.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use storage::objects::{Outgoing, Outlet};
use tempfile::NamedTempFile;

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
    /// To a folder: under a hidden name, and the path that it gets.
    File(NamedTempFile, PathBuf),
    /// To a store, in parts.
    Upload(Outgoing),
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
            Self::Folder(folder) => {
                let hidden = hidden(folder, name).map_err(|error| write_error(folder, error))?;
                Ok(Outgo::File(hidden, folder.join(name)))
            }
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
            Self::File(hidden, path) => hidden
                .write_all(bytes)
                .map_err(|error| write_error(path, error)),
            Self::Upload(upload) => Ok(upload.write(bytes).await?),
        }
    }

    /// Makes sure that all is kept, without the name yet.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        match self {
            Self::File(hidden, path) => {
                let kept = hidden.as_file().sync_all();
                kept.map_err(|error| write_error(path, error))
            }
            Self::Upload(_) => Ok(()),
        }
    }

    /// Gives the file its name.
    pub(crate) async fn finish(self) -> Result<(), Error> {
        match self {
            Self::File(hidden, path) => {
                let named = hidden.persist(&path);
                named.map_err(|error| write_error(&path, error.error))?;
                Ok(())
            }
            Self::Upload(upload) => {
                upload.finish().await?;
                Ok(())
            }
        }
    }
}

/// A file that goes away unless it is given its name; others may read it as
/// they may read any file that is made here.
fn hidden(folder: &Path, name: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    let prefix = format!(".{name}-");
    builder.prefix(&prefix).suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

fn write_error(path: &Path, source: io::Error) -> Error {
    Error::Write {
        path: path.to_owned(),
        source,
    }
}
