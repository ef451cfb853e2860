//! Makes a lake in an empty database, and opens it.

use uuid::Uuid;

use super::changes::quoted;
use super::define::{self, SCHEMA};
use super::load;
use super::snapshot;
use crate::catalog::{Db, Dialect, Tx, Value};
use crate::error::Error;
use crate::table::Table;

/// The format version that this build reads and writes.
pub(crate) const VERSION: &str = "1.0";
/// Under which number processes that make the same lake wait for each other
/// on PostgreSQL; any constant does.
const LOCK: i64 = 0x7061_6365_6c61_6b65;

const TABLES_SQLITE: &str = include_str!("tables_sqlite.sql");
const TABLES_POSTGRES: &str = include_str!("tables_postgres.sql");
const INDEXES: &str = include_str!("indexes.sql");

/// The index that is made last.
const LAST_INDEX: &str = "pacelake_snapshot_changes_attempt";

/// Whether the files of a lake may have been moved since it was last open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// The catalog lies beside them: where it is found, they are.
    Allowed,
    /// Others find them by the path that the catalog has.
    Refused,
}

/// What the catalog says of the whole lake.
#[derive(Debug)]
pub(crate) struct LakeInfo {
    /// The lake's folder, with a slash at the end.
    pub data_path: String,
    /// The UUID of its schema, which no other lake has.
    pub uuid: Uuid,
}

/// Opens the lake in the database, making it and what it lacks of `tables`
/// and `views` (name and SQL). `data_path`, with a slash at the end, is where
/// its files lie; a lake whose catalog lies beside them on the same disk may
/// have been `moved` with it.
///
/// # Errors
/// [`Error::UnknownVersion`] for a lake of another format,
/// [`Error::Inconsistent`] where it lies elsewhere or a table is defined
/// otherwise, [`Error::Database`].
pub(crate) async fn open(
    db: &Db,
    data_path: &str,
    moved: Moved,
    tables: &[&'static Table],
    views: &[(&str, &str)],
) -> Result<LakeInfo, Error> {
    let mut tx = db.begin().await?;
    let exists = match tx.dialect() {
        Dialect::Sqlite => {
            tx.fetch(
                "select 1 from sqlite_master where type = 'table' and name = 'ducklake_metadata'",
                &[],
            )
            .await?
        }
        Dialect::Postgres => {
            tx.execute("select pg_advisory_xact_lock($1)", &[Value::Int(LOCK)])
                .await?;
            tx.execute("set local search_path to public", &[]).await?;
            tx.fetch(
                "select 1 from pg_tables \
                 where schemaname = 'public' and tablename = 'ducklake_metadata'",
                &[],
            )
            .await?
        }
    };
    if exists.is_empty() {
        create(&mut tx, data_path).await?;
    }
    if moved == Moved::Allowed {
        tx.execute(
            "update ducklake_metadata set value = $1 where key = 'data_path' and value <> $1",
            &[Value::from(data_path)],
        )
        .await?;
    }
    let info = read_info(&mut tx, data_path).await?;
    if !has_indexes(&mut tx).await? {
        tx.execute_script(INDEXES).await?;
    }
    let newest = snapshot::newest(&mut tx).await?;
    let state = load::load(&mut tx, data_path, newest).await?;
    define::define(&mut tx, &state, tables, views).await?;
    tx.commit().await?;
    Ok(info)
}

/// Whether our own indexes are there. Asking spares PostgreSQL the lock that
/// `create index if not exists` takes on a table that others write to.
async fn has_indexes(tx: &mut Tx) -> Result<bool, Error> {
    let rows = tx
        .fetch(
            match tx.dialect() {
                Dialect::Sqlite => "select 1 from sqlite_master where name = $1",
                Dialect::Postgres => {
                    "select 1 from pg_indexes where schemaname = 'public' and indexname = $1"
                }
            },
            &[Value::from(LAST_INDEX)],
        )
        .await?;
    Ok(!rows.is_empty())
}

async fn create(tx: &mut Tx, data_path: &str) -> Result<(), Error> {
    tx.execute_script(match tx.dialect() {
        Dialect::Sqlite => TABLES_SQLITE,
        Dialect::Postgres => TABLES_POSTGRES,
    })
    .await?;
    let metadata = |key: &str, value: &str| vec![Value::from(key), Value::from(value)];
    tx.execute_rows(
        "insert into ducklake_metadata (key, value)",
        &[
            metadata("version", VERSION),
            metadata(
                "created_by",
                concat!("pacelake ", env!("CARGO_PKG_VERSION")),
            ),
            metadata("data_path", data_path),
            metadata("encrypted", "false"),
            // Other writers must not keep rows in the catalog.
            metadata("data_inlining_row_limit", "0"),
        ],
        "",
    )
    .await?;
    tx.execute(
        "insert into ducklake_schema values (0, $1, 0, null, $2, $3, $4)",
        &[
            Value::Uuid(Uuid::now_v7()),
            Value::from(SCHEMA),
            Value::Text(format!("{SCHEMA}/")),
            Value::Bool(true),
        ],
    )
    .await?;
    tx.execute(
        "insert into ducklake_snapshot values (0, $1, 0, 1, 0)",
        &[Value::Time(snapshot::now_us())],
    )
    .await?;
    let made = format!("created_schema:{}", quoted(SCHEMA));
    snapshot::record(tx, 0, &made, None, None).await
}

/// Drops all tables of the lake's catalog, whoever made them.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn drop_tables(db: &Db) -> Result<(), Error> {
    let mut tx = db.begin().await?;
    let names = match tx.dialect() {
        Dialect::Sqlite => {
            tx.fetch(
                "select name from sqlite_master where type = 'table' and name like 'ducklake_%'",
                &[],
            )
            .await?
        }
        Dialect::Postgres => {
            tx.execute("select pg_advisory_xact_lock($1)", &[Value::Int(LOCK)])
                .await?;
            tx.fetch(
                "select 'public.' || tablename from pg_tables \
                 where schemaname = 'public' and tablename like 'ducklake_%'",
                &[],
            )
            .await?
        }
    };
    for row in &names {
        let name: Vec<String> = row.text(0)?.split('.').map(quoted).collect();
        tx.execute_named(format!("drop table {}", name.join(".")), &[])
            .await?;
    }
    tx.commit().await
}

async fn read_info(tx: &mut Tx, data_path: &str) -> Result<LakeInfo, Error> {
    let metadata = tx
        .fetch(
            "select key, value from ducklake_metadata where scope is null",
            &[],
        )
        .await?;
    let value = |key: &str| -> Result<String, Error> {
        for row in &metadata {
            if row.text(0)? == key {
                return Ok(row.text(1)?.to_owned());
            }
        }
        Err(Error::Inconsistent {
            what: format!("the lake's catalog does not say its {key}"),
        })
    };
    let version = value("version")?;
    if version != VERSION {
        return Err(Error::UnknownVersion {
            found: version,
            known: VERSION,
        });
    }
    if value("encrypted")? != "false" {
        return Err(Error::Inconsistent {
            what: "the lake is encrypted, which this build does not read".to_owned(),
        });
    }
    let stored = value("data_path")?;
    if stored != data_path {
        return Err(Error::Inconsistent {
            what: format!("the lake's files lie in {stored}, not in {data_path}"),
        });
    }
    let schema = tx
        .fetch(
            "select schema_uuid from ducklake_schema \
             where schema_name = $1 and end_snapshot is null",
            &[Value::from(SCHEMA)],
        )
        .await?;
    let Some(schema) = schema.first() else {
        return Err(Error::Inconsistent {
            what: format!("the lake has no schema {SCHEMA}"),
        });
    };
    Ok(LakeInfo {
        data_path: stored,
        uuid: schema.uuid(0)?,
    })
}
