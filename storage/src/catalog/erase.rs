//! Makes deleted rows leave the database's files too.

use super::db::{Db, Engine};
use crate::error::Error;

/// The tables that a purge takes rows from.
const POSTGRES: &str = "vacuum pacelake.athletes, pacelake.activities, pacelake.sources, \
     pacelake.audit, pacelake.purge_targets, public.ducklake_data_file, \
     public.ducklake_delete_file, public.ducklake_file_column_stats, \
     public.ducklake_table_column_stats, public.ducklake_files_scheduled_for_deletion";

impl Db {
    /// Writes the database's files anew, as far as that can be done from here,
    /// so that what was deleted is not in them any more.
    ///
    /// SQLite's file is rebuilt and its journal emptied. PostgreSQL frees dead
    /// rows for others; its own journal and its backups keep them until they
    /// expire.
    ///
    /// # Errors
    /// [`Error::CatalogInUse`] where another process reads the SQLite file all the
    /// time, so that the journal could not be emptied; [`Error::Database`].
    pub async fn erase_deleted(&self) -> Result<(), Error> {
        let failed = |source| Error::database("erase deleted rows", source);
        match &self.engine {
            Engine::Sqlite { writer, .. } => {
                let mut connection = writer.acquire().await.map_err(failed)?;
                sqlx::raw_sql("vacuum")
                    .execute(&mut *connection)
                    .await
                    .map_err(failed)?;
                let (busy, _, _): (i64, i64, i64) =
                    sqlx::query_as("pragma wal_checkpoint(truncate)")
                        .fetch_one(&mut *connection)
                        .await
                        .map_err(failed)?;
                if busy == 0 {
                    Ok(())
                } else {
                    Err(Error::CatalogInUse)
                }
            }
            Engine::Postgres { pool, .. } => {
                sqlx::raw_sql(POSTGRES)
                    .execute(pool)
                    .await
                    .map_err(failed)?;
                Ok(())
            }
        }
    }
}
