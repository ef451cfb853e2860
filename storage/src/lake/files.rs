//! Which files the lake's catalog names, for whoever copies them.

use std::sync::Arc;

use object_store::ObjectStore;

use super::Lake;
use crate::catalog::{Db, Dialect, Tx, Value};
use crate::ducklake::{named, snapshot};
use crate::error::Error;

/// What the lake's catalog says at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The newest snapshot.
    pub snapshot_id: i64,
    /// Every file that any snapshot names: its path in the lake's object
    /// store, and its length in bytes.
    pub files: Vec<(String, u64)>,
}

impl Lake {
    /// The tables of a lake's catalog on PostgreSQL, as its tools take them.
    pub(crate) const TABLES: &str = "public.ducklake_*";

    /// The object store of all files.
    pub(crate) fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(self.inner.io.footers.store())
    }

    /// The files that the catalog names as `tx` sees it, of this lake or of a
    /// copy of its catalog.
    ///
    /// # Errors
    /// [`Error::Database`], [`Error::Inconsistent`].
    pub(crate) async fn named_files(&self, tx: &mut Tx) -> Result<Named, Error> {
        let files = named::all_files(tx, &self.inner.io.data_path).await?;
        Ok(Named {
            snapshot_id: snapshot::newest(tx).await?,
            files: files
                .into_iter()
                .map(|file| (file.object.path.to_string(), file.object.size))
                .collect(),
        })
    }

    /// Makes a lake's catalog, which came from elsewhere, name `data_path` as
    /// its folder. Files that were to be removed there are not here.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub(crate) async fn settle(db: &Db, data_path: &str) -> Result<(), Error> {
        let mut tx = db.begin().await?;
        tx.execute(
            "update ducklake_metadata set value = $1 where key = 'data_path'",
            &[Value::from(data_path)],
        )
        .await?;
        tx.execute("delete from ducklake_files_scheduled_for_deletion", &[])
            .await?;
        tx.commit().await
    }

    /// Whether the database holds nothing of ours and nothing of a lake's.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub(crate) async fn is_absent(db: &Db) -> Result<bool, Error> {
        let found = match db.dialect() {
            Dialect::Sqlite => db.fetch("select 1 from sqlite_master limit 1", &[]).await?,
            Dialect::Postgres => {
                db.fetch(
                    "select 1 from pg_tables where schemaname = 'pacelake' \
                     or (schemaname = 'public' and tablename like 'ducklake_%') limit 1",
                    &[],
                )
                .await?
            }
        };
        Ok(found.is_empty())
    }
}
