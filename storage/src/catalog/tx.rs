//! Transactions of the catalog database.

use std::sync::Arc;

use sqlx::Transaction;
use sqlx::postgres::Postgres;
use sqlx::sqlite::Sqlite;
use tokio::sync::watch;

use super::db::Dialect;
use super::journal::Journal;
use super::statement::{Statement, execute_postgres, execute_sqlite, fetch_postgres, fetch_sqlite};
use super::value::{Row, Value};
use crate::error::Error;

/// How many values a statement binds at most. SQLite takes 32,766 and
/// PostgreSQL 65,535.
const MAX_VALUES: usize = 32_000;

/// An open transaction. Dropping it without [`commit`](Self::commit) rolls
/// back.
#[derive(Debug)]
pub struct Tx {
    inner: TxInner,
    journal: Arc<Journal>,
    bell: Arc<watch::Sender<u64>>,
    /// Whether the commit rings.
    rings: bool,
}

#[derive(Debug)]
pub(super) enum TxInner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    pub(super) fn new(
        inner: TxInner,
        journal: Arc<Journal>,
        bell: Arc<watch::Sender<u64>>,
    ) -> Self {
        Self {
            inner,
            journal,
            bell,
            rings: false,
        }
    }

    /// Tells the workers of this process, once this is committed, that there
    /// is something to do.
    pub(super) fn ring(&mut self) {
        self.rings = true;
    }

    /// Which database it is.
    pub fn dialect(&self) -> Dialect {
        match self.inner {
            TxInner::Sqlite(_) => Dialect::Sqlite,
            TxInner::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Runs a statement and answers how many rows it wrote.
    ///
    /// # Errors
    /// [`Error::Database`]; the transaction is then of no more use.
    pub async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64, Error> {
        self.execute_statement(Statement::constant(sql), values)
            .await
    }

    /// Runs a statement with a row of values for each row of `rows`:
    /// `before`, `values ($1, $2), ($3, $4), …`, `after`.
    ///
    /// `before` ends where the values begin, for example
    /// `insert into t (a, b)`, or `with v (a, b) as (` with an `after` that
    /// begins with `)`. All rows have the same width. One statement holds
    /// thousands of rows; more are cut into several, all in this transaction.
    /// No row, no statement.
    ///
    /// Answers how many rows were written.
    ///
    /// # Errors
    /// [`Error::Database`]; the transaction is then of no more use.
    pub async fn execute_rows(
        &mut self,
        before: &'static str,
        rows: &[Vec<Value>],
        after: &'static str,
    ) -> Result<u64, Error> {
        let mut written = 0;
        for (statement, values) in statements(self.dialect(), before, rows, after) {
            written += self.execute_statement(statement, &values).await?;
        }
        Ok(written)
    }

    /// [`execute_rows`](Self::execute_rows) for a statement that answers with
    /// rows.
    ///
    /// # Errors
    /// [`Error::Database`]; the transaction is then of no more use.
    pub(super) async fn fetch_rows(
        &mut self,
        before: &'static str,
        rows: &[Vec<Value>],
        after: &'static str,
    ) -> Result<Vec<Row>, Error> {
        let mut answered = Vec::new();
        for (statement, values) in statements(self.dialect(), before, rows, after) {
            answered.extend(self.fetch_statement(statement, &values).await?);
        }
        Ok(answered)
    }

    async fn execute_statement(
        &mut self,
        statement: Statement,
        values: &[Value],
    ) -> Result<u64, Error> {
        self.journal.statement(statement.text());
        match &mut self.inner {
            TxInner::Sqlite(tx) => execute_sqlite(&mut **tx, statement, values).await,
            TxInner::Postgres(tx) => execute_postgres(&mut **tx, statement, values).await,
        }
    }

    /// Runs a statement and answers its rows.
    ///
    /// # Errors
    /// [`Error::Database`]; the transaction is then of no more use.
    pub async fn fetch(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>, Error> {
        self.fetch_statement(Statement::constant(sql), values).await
    }

    /// [`fetch`](Self::fetch) with a plan for the tables as they are now.
    pub(super) async fn fetch_planned_anew(
        &mut self,
        sql: &'static str,
        values: &[Value],
    ) -> Result<Vec<Row>, Error> {
        self.fetch_statement(Statement::planned_anew(sql), values)
            .await
    }

    async fn fetch_statement(
        &mut self,
        statement: Statement,
        values: &[Value],
    ) -> Result<Vec<Row>, Error> {
        self.journal.statement(statement.text());
        let rows = match &mut self.inner {
            TxInner::Sqlite(tx) => fetch_sqlite(&mut **tx, statement, values).await,
            TxInner::Postgres(tx) => fetch_postgres(&mut **tx, statement, values).await,
        }?;
        self.journal.rows(rows.len());
        Ok(rows)
    }

    /// [`fetch`](Self::fetch) from a table that another writer named; the
    /// text quotes its name.
    ///
    /// # Errors
    /// [`Error::Database`]; the transaction is then of no more use.
    pub(crate) async fn fetch_named(
        &mut self,
        sql: String,
        values: &[Value],
    ) -> Result<Vec<Row>, Error> {
        self.fetch_statement(Statement::named(sql), values).await
    }

    /// [`execute`](Self::execute) on a table that another writer named; the
    /// text quotes its name.
    ///
    /// # Errors
    /// [`Error::Database`]; the transaction is then of no more use.
    pub(crate) async fn execute_named(
        &mut self,
        sql: String,
        values: &[Value],
    ) -> Result<u64, Error> {
        self.execute_statement(Statement::named(sql), values).await
    }

    /// Runs several statements, separated by semicolons, without values: a
    /// migration, for example.
    ///
    /// # Errors
    /// [`Error::Database`]; the transaction is then of no more use.
    pub async fn execute_script(&mut self, sql: &'static str) -> Result<(), Error> {
        self.journal.statement(sql);
        match &mut self.inner {
            TxInner::Sqlite(tx) => sqlx::raw_sql(sql).execute(&mut **tx).await.map(|_| ()),
            TxInner::Postgres(tx) => sqlx::raw_sql(sql).execute(&mut **tx).await.map(|_| ()),
        }
        .map_err(|source| Error::database("define its tables", source))?;
        Ok(())
    }

    /// Commits.
    ///
    /// # Errors
    /// [`Error::Database`]. Where the connection broke, whether the commit
    /// took place is unknown: look it up by what it wrote.
    pub async fn commit(self) -> Result<(), Error> {
        match self.inner {
            TxInner::Sqlite(tx) => tx.commit().await,
            TxInner::Postgres(tx) => tx.commit().await,
        }
        .map_err(|source| Error::database("commit", source))?;
        if self.rings {
            self.bell.send_modify(|rung| *rung += 1);
        }
        Ok(())
    }

    /// Rolls back and waits for it.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn rollback(self) -> Result<(), Error> {
        match self.inner {
            TxInner::Sqlite(tx) => tx.rollback().await,
            TxInner::Postgres(tx) => tx.rollback().await,
        }
        .map_err(|source| Error::database("roll back", source))
    }
}

/// The statements that bind these rows, each with as many as it can hold.
fn statements<'a>(
    dialect: Dialect,
    before: &'static str,
    rows: &'a [Vec<Value>],
    after: &'static str,
) -> impl Iterator<Item = (Statement, Vec<Value>)> + use<'a> {
    let width = rows.first().map_or(1, Vec::len).max(1);
    rows.chunks(MAX_VALUES / width).map(move |chunk| {
        let values: Vec<Value> = chunk.iter().flatten().cloned().collect();
        debug_assert_eq!(values.len(), chunk.len() * width, "rows differ in width");
        let statement = Statement::with_rows(dialect, before, chunk.len(), width, after);
        (statement, values)
    })
}
