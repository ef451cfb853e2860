//! Where an era takes place: the servers of a campaign, and what of them one
//! era has to itself.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::bucket::{Bucket, Buckets};
use crate::disk::SmallDisk;
use crate::era::Plan;
use crate::place::{Pair, Place};
use crate::postgres::Postgres;

/// The servers that a campaign's pairs need; they end when they are dropped.
#[derive(Debug)]
pub struct Servers {
    postgres: Option<Postgres>,
    buckets: Option<Buckets>,
}

impl Servers {
    /// Starts them.
    ///
    /// # Errors
    /// Where one does not start.
    ///
    /// # Panics
    /// Where SeaweedFS is needed and not installed.
    pub fn start(pairs: &[Pair]) -> Result<Self, String> {
        let postgres = pairs.iter().any(|pair| pair.is_on_postgres());
        let buckets = pairs.iter().any(|pair| pair.is_on_s3());
        Ok(Self {
            postgres: postgres.then(Postgres::start).transpose()?,
            buckets: buckets.then(Buckets::start).transpose()?,
        })
    }

    fn postgres(&self) -> Result<&Postgres, String> {
        let running = self.postgres.as_ref();
        running.ok_or_else(|| "PostgreSQL is not running".to_owned())
    }

    fn buckets(&self) -> Result<&Buckets, String> {
        let running = self.buckets.as_ref();
        running.ok_or_else(|| "the S3 server is not running".to_owned())
    }
}

/// An empty lake, and what it stands on.
#[derive(Debug)]
pub struct Site<'a> {
    /// The lake.
    pub place: Place,
    /// The file system that its folder is, where it has one of its own.
    pub disk: Option<SmallDisk>,
    /// The server of its catalog, where that is not in the folder.
    pub server: Option<&'a Postgres>,
    /// Its bucket, where its objects are not in the folder.
    pub bucket: Option<Bucket>,
}

impl<'a> Site<'a> {
    /// The site of an era.
    ///
    /// # Errors
    /// A folder that cannot be made, or what a server says.
    pub fn new(plan: &Plan, servers: &'a Servers) -> Result<Self, String> {
        let data_dir = plan.folder.join("data");
        let made = fs::create_dir_all(&data_dir).and_then(|()| data_dir.canonicalize());
        let data_dir = made.map_err(|error| error.to_string())?;
        let disk = match plan.pair {
            Pair::SqliteDisk => SmallDisk::mount(&data_dir),
            Pair::PostgresDisk | Pair::PostgresS3 => None,
        };
        let on_postgres = plan.pair.is_on_postgres().then(|| servers.postgres());
        let server = on_postgres.transpose()?;
        let on_s3 = plan.pair.is_on_s3().then(|| servers.buckets()?.bucket());
        let bucket = on_s3.transpose()?;
        let place = Place {
            binary: plan.binary.0.clone(),
            data_dir,
            catalog: server.map(Postgres::database).transpose()?,
            bucket: bucket.as_ref().map(|bucket| bucket.options.clone()),
        };
        Ok(Self {
            place,
            disk,
            server,
            bucket,
        })
    }

    /// Keeps in a folder what would be gone with the campaign: what lies in
    /// memory, the catalog as SQL, the bucket's objects.
    ///
    /// # Errors
    /// What could not be kept.
    pub fn keep(&self, folder: &Path, servers: &Servers) -> Result<(), String> {
        let text = |error: io::Error| error.to_string();
        fs::create_dir_all(folder).map_err(text)?;
        if self.disk.is_some() {
            copy(&self.place.data_dir, folder).map_err(text)?;
        }
        if let (Some(server), Some(url)) = (self.server, &self.place.catalog) {
            server.dump(url, &folder.join("catalog.sql"))?;
        }
        if let Some(bucket) = &self.bucket {
            servers.buckets()?.copy(bucket, folder)?;
        }
        Ok(())
    }
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target: PathBuf = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
