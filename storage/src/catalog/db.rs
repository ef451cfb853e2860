//! The catalog database: one set of statements for SQLite and PostgreSQL.
//!
//! Statements are constants with `$1` placeholders, written for PostgreSQL;
//! values are always bound. Our own tables lie in the schema `pacelake` on
//! PostgreSQL and DuckLake's in `public`; both are on the search path, ours
//! first, so that unqualified names work on either database.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, Postgres};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection, Transaction};
use tokio::sync::watch;

use super::journal::{Counts, Journal};
use super::statement::{Statement, fetch_postgres, fetch_sqlite};
use super::trouble::CatalogTrouble;
use super::tx::{Tx, TxInner};
use super::value::{Row, Value};
use crate::error::Error;

/// How long a SQLite connection waits for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);
/// The pause before a file that another process is making is opened again.
const OPEN_PAUSE: Duration = Duration::from_millis(10);
/// How long a task waits for a connection, which on SQLite includes the
/// commits of this process that are queued before it.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(300);
/// How many connections read a SQLite catalog at once.
const SQLITE_READERS: u32 = 4;
/// How many connections a process holds to PostgreSQL at most.
const POSTGRES_CONNECTIONS: u32 = 16;
/// A connection that lay idle so long is asked whether it still works before it
/// is used: each time would double the round trips of short reads.
const TRUSTED_FOR: Duration = Duration::from_secs(1);
/// How many prepared statements a connection keeps.
const STATEMENTS_KEPT: usize = 512;

/// Which database holds the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The embedded default.
    Sqlite,
    /// The server for production.
    Postgres,
}

/// The catalog database. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Db {
    pub(super) engine: Engine,
    journal: Arc<Journal>,
    /// Rises with each commit of this process that enqueued something.
    bell: Arc<watch::Sender<u64>>,
}

#[derive(Clone, Debug)]
pub(super) enum Engine {
    Sqlite {
        /// Holds one connection: SQLite has one writer at a time, and tasks of
        /// one process queue better here than inside SQLite.
        writer: SqlitePool,
        readers: SqlitePool,
    },
    Postgres {
        pool: PgPool,
        /// As it was given, for programs that connect themselves.
        url: Arc<str>,
    },
}

impl Db {
    /// Opens the SQLite catalog at `path`, making the file where it is absent.
    ///
    /// The journal is a WAL with `synchronous=FULL`: what was committed
    /// survives a loss of power, and readers never wait for the writer.
    ///
    /// # Errors
    /// [`Error::Database`] where the file cannot be opened.
    pub async fn open_sqlite(path: &Path) -> Result<Self, Error> {
        let opening = |source| Error::database("open the SQLite catalog", source);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .busy_timeout(BUSY_TIMEOUT)
            .statement_cache_capacity(STATEMENTS_KEPT)
            .disable_statement_logging();
        let pool = || {
            SqlitePoolOptions::new()
                .acquire_timeout(ACQUIRE_TIMEOUT)
                // Waiting for the writer's turn is nothing to warn of.
                .acquire_slow_threshold(ACQUIRE_TIMEOUT)
                .idle_timeout(None)
                .max_lifetime(None)
                .test_before_acquire(false)
        };
        let begun = Instant::now();
        let writer = loop {
            let writing = options
                .clone()
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full);
            let opened = pool().max_connections(1).connect_with(writing).await;
            match opened.map_err(opening) {
                Ok(writer) => break writer,
                // SQLite's own wait does not cover the change of a new file's
                // journal, which several processes may be at.
                Err(error) if error.is_retryable() && begun.elapsed() < BUSY_TIMEOUT => {
                    tokio::time::sleep(OPEN_PAUSE).await;
                }
                Err(error) => return Err(error),
            }
        };
        let readers = pool()
            .max_connections(SQLITE_READERS)
            .connect_lazy_with(options.pragma("query_only", "on"));
        Ok(Self::new(Engine::Sqlite { writer, readers }))
    }

    /// Opens the PostgreSQL catalog at a URL such as
    /// `postgres://user@host/database`.
    ///
    /// # Errors
    /// [`Error::CatalogUrl`] where the URL means nothing,
    /// [`Error::CatalogRefused`] where the server does not answer or refuses.
    pub async fn open_postgres(url: &str) -> Result<Self, Error> {
        let options: PgConnectOptions = url.parse().map_err(Error::CatalogUrl)?;
        let options = options
            .application_name("pacelake")
            .statement_cache_capacity(STATEMENTS_KEPT)
            .options([("search_path", "pacelake,public"), ("timezone", "UTC")])
            .disable_statement_logging();
        // A pool would go on trying: a server that does not answer now is an
        // error now.
        let connecting = |source| Error::CatalogRefused {
            trouble: CatalogTrouble::of(&source),
            source,
        };
        let first = PgConnection::connect_with(&options)
            .await
            .map_err(connecting)?;
        first.close().await.map_err(connecting)?;
        let pool = PgPoolOptions::new()
            .max_connections(POSTGRES_CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .acquire_slow_threshold(ACQUIRE_TIMEOUT)
            .test_before_acquire(false)
            .before_acquire(|connection, lain| {
                Box::pin(async move {
                    if lain.idle_for >= TRUSTED_FOR {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        Ok(Self::new(Engine::Postgres {
            pool,
            url: url.into(),
        }))
    }

    fn new(engine: Engine) -> Self {
        Self {
            engine,
            journal: Arc::default(),
            bell: Arc::default(),
        }
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        match self.engine {
            Engine::Sqlite { .. } => Dialect::Sqlite,
            Engine::Postgres { .. } => Dialect::Postgres,
        }
    }

    /// The URL of a PostgreSQL catalog.
    pub(crate) fn url(&self) -> Option<&str> {
        match &self.engine {
            Engine::Sqlite { .. } => None,
            Engine::Postgres { url, .. } => Some(url),
        }
    }

    /// The connection that writes to a SQLite catalog.
    pub(super) fn sqlite_writer(&self) -> Option<&SqlitePool> {
        match &self.engine {
            Engine::Sqlite { writer, .. } => Some(writer),
            Engine::Postgres { .. } => None,
        }
    }

    /// What was asked of this database by it and its clones.
    pub fn counts(&self) -> Counts {
        self.journal.counts()
    }

    /// Begins a transaction that writes: BEGIN IMMEDIATE on SQLite, READ
    /// COMMITTED on PostgreSQL. Dropping it rolls back.
    ///
    /// # Errors
    /// [`Error::Database`]; retryable where another process held the lock too
    /// long.
    pub async fn begin(&self) -> Result<Tx, Error> {
        let attempt = "begin a transaction";
        let inner = match &self.engine {
            Engine::Sqlite { writer, .. } => TxInner::Sqlite(
                writer
                    .begin_with("begin immediate")
                    .await
                    .map_err(|source| Error::database(attempt, source))?,
            ),
            Engine::Postgres { pool, .. } => TxInner::Postgres(
                begin_postgres(pool, "begin isolation level read committed")
                    .await
                    .map_err(|source| Error::database(attempt, source))?,
            ),
        };
        Ok(self.transaction(inner))
    }

    /// Begins a transaction that only reads and sees one state of the
    /// database throughout. Dropping it ends it.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn begin_read(&self) -> Result<Tx, Error> {
        let attempt = "begin a transaction";
        let inner = match &self.engine {
            Engine::Sqlite { readers, .. } => TxInner::Sqlite(
                readers
                    .begin()
                    .await
                    .map_err(|source| Error::database(attempt, source))?,
            ),
            Engine::Postgres { pool, .. } => TxInner::Postgres(
                begin_postgres(pool, "begin isolation level repeatable read read only")
                    .await
                    .map_err(|source| Error::database(attempt, source))?,
            ),
        };
        Ok(self.transaction(inner))
    }

    fn transaction(&self, inner: TxInner) -> Tx {
        Tx::new(inner, Arc::clone(&self.journal), Arc::clone(&self.bell))
    }

    /// Changes with each commit of this process that enqueued a job.
    pub fn enqueued(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }

    /// Reads rows outside of a transaction: one statement, one state.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn fetch(&self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, Error> {
        self.fetch_statement(Statement::constant(sql), values).await
    }

    /// [`fetch`](Self::fetch) with a plan for the tables as they are now.
    pub(super) async fn fetch_planned_anew(
        &self,
        sql: &'static str,
        values: &[Value],
    ) -> Result<Vec<Row>, Error> {
        self.fetch_statement(Statement::planned_anew(sql), values)
            .await
    }

    /// [`fetch`](Self::fetch) for a statement that is put together from
    /// constants.
    pub(super) async fn fetch_joined(
        &self,
        pieces: &[&'static str],
        values: &[Value],
    ) -> Result<Vec<Row>, Error> {
        self.fetch_statement(Statement::joined(pieces), values)
            .await
    }

    async fn fetch_statement(
        &self,
        statement: Statement,
        values: &[Value],
    ) -> Result<Vec<Row>, Error> {
        self.journal.statement(statement.text());
        let rows = match &self.engine {
            Engine::Sqlite { readers, .. } => fetch_sqlite(readers, statement, values).await,
            Engine::Postgres { pool, .. } => fetch_postgres(pool, statement, values).await,
        }?;
        self.journal.rows(rows.len());
        Ok(rows)
    }

    /// What was asked so far.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// The connections that read, for tests of SQLite's plans.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn sqlite_readers(&self) -> &SqlitePool {
        match &self.engine {
            Engine::Sqlite { readers, .. } => readers,
            Engine::Postgres { .. } => panic!("not a SQLite catalog"),
        }
    }

    /// Closes all connections; on SQLite this also folds the WAL into the
    /// file where no other process has it open.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Engine::Postgres { pool, .. } => pool.close().await,
        }
    }
}

/// Begins a transaction in a task of its own. A begin that is dropped half-way
/// would give its connection back within a transaction that nobody ends.
async fn begin_postgres(
    pool: &PgPool,
    statement: &'static str,
) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with(statement).await });
    begun.await.map_err(|_| sqlx::Error::WorkerCrashed)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::{Code, Failure};

    async fn refusal(url: &str) -> Code {
        Db::open_postgres(url).await.expect_err(url).code()
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_an_error_at_once() {
        assert_eq!(refusal("not a url").await, Code::InvalidArgument);
        // Port 9 is the discard service's, which nobody runs.
        let nobody = "postgres://nobody@127.0.0.1:9/nothing";
        assert_eq!(refusal(nobody).await, Code::CatalogUnavailable);
        let folder = tempfile::tempdir().unwrap();
        let opened = Db::open_sqlite(&folder.path().join("no/such/folder")).await;
        assert_eq!(opened.unwrap_err().code(), Code::CatalogUnavailable);
    }
}
