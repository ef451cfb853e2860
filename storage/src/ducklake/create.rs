//! Makes a lake in an empty database, and tables and views in a lake.

use uuid::Uuid;

use super::changes::quoted;
use super::load;
use super::snapshot::{self, Claim};
use super::state::{State, TableState};
use super::types::declared_type;
use crate::catalog::{Db, Dialect, Tx, Value};
use crate::error::Error;
use crate::table::{Partition, Table};

/// The format version that this build reads and writes.
pub(crate) const VERSION: &str = "1.0";
/// The one schema that pacelake uses.
const SCHEMA: &str = "main";
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
    define(&mut tx, &state, tables, views).await?;
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

/// Makes the tables and views that are missing, as one snapshot, and checks
/// the others.
async fn define(
    tx: &mut Tx,
    state: &State,
    tables: &[&'static Table],
    views: &[(&str, &str)],
) -> Result<(), Error> {
    let mut missing = Vec::new();
    for table in tables {
        match state.tables.get(table.name) {
            None => missing.push(*table),
            Some(existing) => check(table, existing)?,
        }
    }
    let stale_views: Vec<_> = views
        .iter()
        .filter(|(name, sql)| {
            let same = |(n, s): &(String, String)| n == name && s == sql;
            !state.views.iter().any(same)
        })
        .collect();
    if missing.is_empty() && stale_views.is_empty() {
        return Ok(());
    }
    let ids_of_table = |table: &&Table| {
        1 + i64::from(table.partition != Partition::None) + i64::from(!table.sort.is_empty())
    };
    let catalog_ids = missing.iter().map(ids_of_table).sum::<i64>() + stale_views.len() as i64;
    let claim = snapshot::claim(
        tx,
        &Claim {
            definitions: true,
            catalog_ids,
            file_ids: 0,
        },
    )
    .await?;
    let mut next_id = claim.first_catalog_id;
    let mut id = || {
        next_id += 1;
        next_id - 1
    };
    let mut made = Vec::new();
    for table in missing {
        let ids = Ids {
            table: id(),
            partition: (table.partition != Partition::None).then(&mut id),
            sort: (!table.sort.is_empty()).then(&mut id),
        };
        create_table(tx, table, &ids, &claim).await?;
        made.push(format!(
            "created_table:{}.{}",
            quoted(SCHEMA),
            quoted(table.name)
        ));
    }
    for (name, sql) in stale_views {
        tx.execute(
            "update ducklake_view set end_snapshot = $1 \
             where view_name = $2 and end_snapshot is null",
            &[Value::Int(claim.snapshot_id), Value::from(*name)],
        )
        .await?;
        tx.execute(
            "insert into ducklake_view values ($1, $2, $3, null, 0, $4, 'duckdb', $5, '')",
            &[
                Value::Int(id()),
                Value::Uuid(Uuid::now_v7()),
                Value::Int(claim.snapshot_id),
                Value::from(*name),
                Value::from(*sql),
            ],
        )
        .await?;
        made.push(format!("created_view:{}.{}", quoted(SCHEMA), quoted(name)));
    }
    snapshot::record(tx, claim.snapshot_id, &made.join(","), None, None).await
}

/// Refuses a table that is defined otherwise than declared.
fn check(declared: &Table, existing: &TableState) -> Result<(), Error> {
    let schema = declared.schema();
    for field in schema.fields() {
        let same = existing
            .schema
            .field_with_name(field.name())
            .is_ok_and(|found| found.data_type() == field.data_type());
        if !same {
            return Err(Error::UnknownVersion {
                found: format!("without {}.{}", declared.name, field.name()),
                known: VERSION,
            });
        }
    }
    Ok(())
}

struct Ids {
    table: i64,
    partition: Option<i64>,
    sort: Option<i64>,
}

async fn create_table(
    tx: &mut Tx,
    table: &Table,
    ids: &Ids,
    claim: &snapshot::Claimed,
) -> Result<(), Error> {
    let begin = Value::Int(claim.snapshot_id);
    let table_id = Value::Int(ids.table);
    tx.execute(
        "insert into ducklake_table values ($1, $2, $3, null, 0, $4, $5, $6)",
        &[
            table_id.clone(),
            Value::Uuid(Uuid::now_v7()),
            begin.clone(),
            Value::from(table.name),
            Value::Text(format!("{}/", table.name)),
            Value::Bool(true),
        ],
    )
    .await?;
    tx.execute(
        "insert into ducklake_schema_versions values ($1, $2, $3)",
        &[
            begin.clone(),
            Value::Int(claim.schema_version),
            table_id.clone(),
        ],
    )
    .await?;
    create_columns(tx, table, ids.table, claim.snapshot_id).await?;
    if let (Partition::Year(column), Some(partition_id)) = (table.partition, ids.partition) {
        let partition_id = Value::Int(partition_id);
        tx.execute(
            "insert into ducklake_partition_info values ($1, $2, $3, null)",
            &[partition_id.clone(), table_id.clone(), begin.clone()],
        )
        .await?;
        tx.execute(
            "insert into ducklake_partition_column values ($1, $2, 0, $3, 'year')",
            &[
                partition_id,
                table_id.clone(),
                Value::from(column_id(table, column)),
            ],
        )
        .await?;
    }
    if let Some(sort_id) = ids.sort {
        tx.execute(
            "insert into ducklake_sort_info values ($1, $2, $3, null)",
            &[Value::Int(sort_id), table_id.clone(), begin.clone()],
        )
        .await?;
        let expressions: Vec<Vec<Value>> = (0i64..)
            .zip(table.sort)
            .map(|(index, column)| {
                vec![
                    Value::Int(sort_id),
                    table_id.clone(),
                    Value::Int(index),
                    Value::from(*column),
                    Value::from("duckdb"),
                    Value::from("ASC"),
                    Value::from("NULLS_LAST"),
                ]
            })
            .collect();
        tx.execute_rows("insert into ducklake_sort_expression", &expressions, "")
            .await?;
    }
    tx.execute(
        "insert into ducklake_tag values ($1, $2, null, 'comment', $3)",
        &[table_id, begin, Value::from(table.grain)],
    )
    .await?;
    Ok(())
}

async fn create_columns(
    tx: &mut Tx,
    table: &Table,
    table_id: i64,
    begin: i64,
) -> Result<(), Error> {
    let row = |id: i64, name: &str, kind: &str, nullable: bool, parent: Option<i64>| {
        vec![
            Value::Int(id),
            Value::Int(begin),
            Value::Null,
            Value::Int(table_id),
            Value::Int(id),
            Value::from(name),
            Value::from(kind),
            Value::Null,
            Value::from("NULL"),
            Value::Bool(nullable),
            Value::from(parent),
            Value::from(if kind == "list" { "" } else { "literal" }),
            Value::from("duckdb"),
        ]
    };
    let mut columns = Vec::new();
    let mut comments = Vec::new();
    let mut id = 0;
    for column in table.columns {
        id += 1;
        let (kind, element) = declared_type(column);
        columns.push(row(id, column.name, kind, column.nullable, None));
        comments.push(vec![
            Value::Int(table_id),
            Value::Int(id),
            Value::Int(begin),
            Value::Null,
            Value::from("comment"),
            Value::from(column.doc),
        ]);
        if let Some(element) = element {
            let list = id;
            id += 1;
            columns.push(row(id, "element", element, true, Some(list)));
        }
    }
    tx.execute_rows("insert into ducklake_column", &columns, "")
        .await?;
    tx.execute_rows("insert into ducklake_column_tag", &comments, "")
        .await?;
    Ok(())
}

/// The id that a declared column gets: columns count from 1, and a list is
/// followed by its element.
fn column_id(table: &Table, name: &str) -> Option<i64> {
    let mut id = 0;
    for column in table.columns {
        id += 1;
        if column.name == name {
            return Some(id);
        }
        id += i64::from(declared_type(column).1.is_some());
    }
    None
}
