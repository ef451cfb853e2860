//! Statements: their text, and how they run on either database.

use std::borrow::Cow;

use sqlx::postgres::Postgres;
use sqlx::sqlite::Sqlite;
use sqlx::{AssertSqlSafe, Executor, SqlSafeStr, SqlStr};

use super::db::Dialect;
use super::dialect;
use super::value::{Row, Value};
use crate::error::Error;

/// A statement of so many rows stays prepared: small writes are frequent, and
/// to prepare one takes longer than to run it.
const ROWS_KEPT: usize = 16;

/// The text of a statement: a constant, or put together from constants and
/// numbered placeholders.
pub(super) struct Statement {
    sql: SqlStr,
    /// Whether the connection keeps it prepared.
    kept: bool,
    /// Whether PostgreSQL plans it each time.
    is_planned_anew: bool,
}

impl Statement {
    pub(super) fn constant(sql: &'static str) -> Self {
        Self {
            sql: sql.into_sql_str(),
            kept: true,
            is_planned_anew: false,
        }
    }

    /// A constant that PostgreSQL plans each time it runs.
    ///
    /// It keeps the plan of a prepared statement as long as nobody analyses the
    /// table: one that was made while there were a few rows reads all of them when
    /// there are thousands.
    pub(super) fn planned_anew(sql: &'static str) -> Self {
        Self {
            is_planned_anew: true,
            ..Self::constant(sql)
        }
    }

    /// Constants one after the other.
    pub(super) fn joined(pieces: &[&'static str]) -> Self {
        Self {
            sql: AssertSqlSafe(pieces.concat()).into_sql_str(),
            kept: true,
            is_planned_anew: false,
        }
    }

    /// A text that names, in quotes, tables that another writer made.
    pub(super) fn named(sql: String) -> Self {
        Self {
            sql: AssertSqlSafe(sql).into_sql_str(),
            kept: false,
            is_planned_anew: false,
        }
    }

    /// `before`, so many rows of placeholders, `after`.
    pub(super) fn with_rows(
        dialect: Dialect,
        before: &'static str,
        rows: usize,
        width: usize,
        after: &'static str,
    ) -> Self {
        use std::fmt::Write;

        let mut sql = String::with_capacity(before.len() + after.len() + rows * width * 8);
        sql.push_str(before);
        sql.push_str(" values ");
        for row in 0..rows {
            sql.push_str(if row == 0 { "(" } else { ", (" });
            for column in 0..width {
                sql.push_str(if column == 0 { "" } else { ", " });
                match dialect {
                    // SQLite looks a numbered placeholder up in a list of all
                    // before it: thousands of them would take seconds.
                    Dialect::Sqlite => sql.push('?'),
                    Dialect::Postgres => write!(sql, "${}", row * width + column + 1)
                        .expect("a String takes all that is written"),
                }
            }
            sql.push(')');
        }
        sql.push(' ');
        sql.push_str(after);
        Self {
            sql: AssertSqlSafe(sql).into_sql_str(),
            // Its text differs with each number of rows: of those that come
            // again and again only.
            kept: rows <= ROWS_KEPT,
            is_planned_anew: false,
        }
    }

    /// How SQLite would run a statement.
    #[cfg(any(test, feature = "testing"))]
    pub(super) fn explaining(text: &str) -> Self {
        Self {
            sql: AssertSqlSafe(format!("explain query plan {text}")).into_sql_str(),
            kept: false,
            is_planned_anew: false,
        }
    }

    pub(super) fn text(&self) -> &str {
        self.sql.as_str()
    }

    /// The same in the words of SQLite.
    fn for_sqlite(self) -> SqlStr {
        match dialect::sqlite_statement(self.sql.as_str()) {
            Cow::Borrowed(_) => self.sql,
            Cow::Owned(sql) => AssertSqlSafe(sql).into_sql_str(),
        }
    }
}

pub(super) async fn fetch_sqlite<'c, E>(
    executor: E,
    statement: Statement,
    values: &[Value],
) -> Result<Vec<Row>, Error>
where
    E: Executor<'c, Database = Sqlite>,
{
    let arguments = dialect::sqlite_arguments(values).map_err(Error::Value)?;
    let kept = statement.kept;
    sqlx::query_with(statement.for_sqlite(), arguments)
        .persistent(kept)
        .fetch_all(executor)
        .await
        .map_err(|source| Error::database("read", source))?
        .iter()
        .map(|row| dialect::sqlite_row(row).map_err(Error::Value))
        .collect()
}

pub(super) async fn fetch_postgres<'c, E>(
    executor: E,
    statement: Statement,
    values: &[Value],
) -> Result<Vec<Row>, Error>
where
    E: Executor<'c, Database = Postgres>,
{
    let arguments = dialect::postgres_arguments(values).map_err(Error::Value)?;
    let kept = statement.kept && !statement.is_planned_anew;
    sqlx::query_with(statement.sql, arguments)
        .persistent(kept)
        .fetch_all(executor)
        .await
        .map_err(|source| Error::database("read", source))?
        .iter()
        .map(|row| dialect::postgres_row(row).map_err(Error::Value))
        .collect()
}

pub(super) async fn execute_sqlite<'c, E>(
    executor: E,
    statement: Statement,
    values: &[Value],
) -> Result<u64, Error>
where
    E: Executor<'c, Database = Sqlite>,
{
    let arguments = dialect::sqlite_arguments(values).map_err(Error::Value)?;
    let kept = statement.kept;
    sqlx::query_with(statement.for_sqlite(), arguments)
        .persistent(kept)
        .execute(executor)
        .await
        .map(|done| done.rows_affected())
        .map_err(|source| Error::database("write", source))
}

pub(super) async fn execute_postgres<'c, E>(
    executor: E,
    statement: Statement,
    values: &[Value],
) -> Result<u64, Error>
where
    E: Executor<'c, Database = Postgres>,
{
    let arguments = dialect::postgres_arguments(values).map_err(Error::Value)?;
    let kept = statement.kept;
    sqlx::query_with(statement.sql, arguments)
        .persistent(kept)
        .execute(executor)
        .await
        .map(|done| done.rows_affected())
        .map_err(|source| Error::database("write", source))
}
