//! Brings our own tables to the version of this build.

use super::db::{Db, Dialect};
use super::tx::Tx;
use crate::error::Error;

/// One step, in the words of either database. Steps are never changed once
/// released; a new one is added at the end.
struct Migration {
    version: i64,
    what: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

/// The step of this file name, embedded from both folders.
macro_rules! migration {
    ($version:literal, $what:literal, $file:literal) => {
        Migration {
            version: $version,
            what: $what,
            sqlite: include_str!(concat!("../../migrations/sqlite/", $file)),
            postgres: include_str!(concat!("../../migrations/postgres/", $file)),
        }
    };
}

/// All steps, by rising version.
const MIGRATIONS: &[Migration] = &[
    migration!(
        1,
        "athletes, activities, sources, audit",
        "0001_athletes_activities_sources_audit.sql"
    ),
    migration!(2, "leases", "0002_leases.sql"),
    migration!(3, "purges", "0003_purges.sql"),
    migration!(4, "corrections", "0004_corrections.sql"),
    migration!(5, "jobs", "0005_jobs.sql"),
    migration!(6, "strava", "0006_strava.sql"),
    migration!(7, "accounts", "0007_accounts.sql"),
    migration!(8, "retention", "0008_retention.sql"),
    migration!(9, "workers", "0009_workers.sql"),
    migration!(10, "sweeps", "0010_sweeps.sql"),
];

/// The version of our tables that this build makes and reads.
pub(super) const VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].version;

/// Any number that nothing else in the database locks.
const ADVISORY_LOCK: i64 = 0x7061_6365_6c61_6b65;

/// Runs the steps that `db` lacks, all in one transaction.
///
/// Processes that start at once wait for each other.
///
/// # Errors
/// [`Error::UnknownCatalog`] where a newer build made the tables;
/// [`Error::Database`].
pub(super) async fn migrate(db: &Db) -> Result<(), Error> {
    // A look first: opening an up-to-date catalog waits for no writer.
    let mut tx = db.begin_read().await?;
    let found = version(&mut tx).await?;
    tx.rollback().await?;
    if found == VERSION {
        return Ok(());
    }

    let mut tx = db.begin().await?;
    if db.dialect() == Dialect::Postgres {
        tx.execute("select pg_advisory_xact_lock($1)", &[ADVISORY_LOCK.into()])
            .await?;
    }
    let found = version(&mut tx).await?;
    if found > VERSION {
        return Err(Error::UnknownCatalog {
            found,
            known: VERSION,
        });
    }
    if found == 0 {
        tx.execute_script(match db.dialect() {
            Dialect::Sqlite => {
                "create table pacelake_migrations (
                    version integer primary key,
                    what text not null
                )"
            }
            Dialect::Postgres => {
                "create schema if not exists pacelake;
                create table pacelake.pacelake_migrations (
                    version bigint primary key,
                    what text not null
                )"
            }
        })
        .await?;
    }
    for step in MIGRATIONS.iter().filter(|step| step.version > found) {
        tx.execute_script(match db.dialect() {
            Dialect::Sqlite => step.sqlite,
            Dialect::Postgres => step.postgres,
        })
        .await?;
        tx.execute(
            "insert into pacelake_migrations (version, what) values ($1, $2)",
            &[step.version.into(), step.what.into()],
        )
        .await?;
    }
    tx.commit().await
}

/// The version of our tables; 0 where there are none.
async fn version(tx: &mut Tx) -> Result<i64, Error> {
    let exists = match tx.dialect() {
        Dialect::Sqlite => {
            "select count(*) from sqlite_master
            where type = 'table' and name = 'pacelake_migrations'"
        }
        Dialect::Postgres => {
            "select count(*) from information_schema.tables
            where table_schema = 'pacelake' and table_name = 'pacelake_migrations'"
        }
    };
    if first_int(tx, exists).await? == 0 {
        return Ok(0);
    }
    first_int(
        tx,
        "select coalesce(max(version), 0) from pacelake_migrations",
    )
    .await
}

/// The one number that `sql` answers with.
async fn first_int(tx: &mut Tx, sql: &'static str) -> Result<i64, Error> {
    let rows = tx.fetch(sql, &[]).await?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_rise() {
        // A number may be left out, never taken twice.
        let versions: Vec<_> = MIGRATIONS.iter().map(|step| step.version).collect();
        assert!(versions.is_sorted_by(|a, b| a < b), "{versions:?}");
        assert_eq!(versions.first(), Some(&1));
    }
}
