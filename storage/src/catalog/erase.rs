//! Makes deleted rows leave the database's files too.

use sqlx::AssertSqlSafe;

use super::db::{Db, Engine};
use crate::error::Error;

/// The tables that a purge takes rows from.
const POSTGRES: &str = "vacuum pacelake.athletes, pacelake.activities, pacelake.sources, \
     pacelake.corrections, pacelake.audit, pacelake.purge_targets, pacelake.jobs, \
     pacelake.job_turns, pacelake.accounts, pacelake.sessions, pacelake.api_tokens, \
     pacelake.account_links, pacelake.account_audit, pacelake.strava_connections, \
     pacelake.strava_activities, pacelake.strava_events, pacelake.strava_states, \
     public.ducklake_data_file, public.ducklake_delete_file, \
     public.ducklake_file_column_stats, public.ducklake_table_column_stats, \
     public.ducklake_files_scheduled_for_deletion";

/// The tables in which another writer keeps rows in the catalog itself, with
/// their schema, in quotes where they need them.
const INLINED: &str = "select quote_ident(schemaname) || '.' || quote_ident(tablename) \
     from pg_catalog.pg_tables where schemaname = 'public' \
     and starts_with(tablename, 'ducklake_inlined_')";

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
                let inlined: Vec<String> = sqlx::query_scalar(INLINED)
                    .fetch_all(pool)
                    .await
                    .map_err(failed)?;
                let mut vacuum = POSTGRES.to_owned();
                for name in inlined {
                    vacuum.push_str(", ");
                    vacuum.push_str(&name);
                }
                sqlx::raw_sql(AssertSqlSafe(vacuum))
                    .execute(pool)
                    .await
                    .map_err(failed)?;
                Ok(())
            }
        }
    }
}
