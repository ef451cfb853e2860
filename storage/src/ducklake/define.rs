//! Makes tables, columns and views in a lake.

use uuid::Uuid;

use super::changes::quoted;
use super::create::VERSION;
use super::snapshot::{self, Claim, Claimed};
use super::state::{State, TableState};
use super::types::declared_type;
use crate::catalog::{Tx, Value};
use crate::error::Error;
use crate::table::{Column, Partition, Table};

/// The one schema that pacelake uses.
pub(crate) const SCHEMA: &str = "main";

/// What a lake lacks of what is declared.
struct Missing<'a> {
    tables: Vec<&'static Table>,
    /// Columns that a table got since it was made.
    columns: Vec<(&'a TableState, Vec<&'static Column>)>,
    /// Views that are not there or have other SQL: name and SQL.
    views: Vec<(&'a str, &'a str)>,
}

impl<'a> Missing<'a> {
    fn find(
        state: &'a State,
        tables: &[&'static Table],
        views: &[(&'a str, &'a str)],
    ) -> Result<Self, Error> {
        let mut missing = Self {
            tables: Vec::new(),
            columns: Vec::new(),
            views: Vec::new(),
        };
        for table in tables {
            match state.table(table.name) {
                Err(Error::NoTable { .. }) => missing.tables.push(table),
                Err(unread) => return Err(unread),
                Ok(existing) => {
                    let columns = missing_columns(table, existing)?;
                    if !columns.is_empty() {
                        missing.columns.push((existing, columns));
                    }
                }
            }
        }
        missing.views.extend(views.iter().filter(|(name, sql)| {
            let same = |(n, s): &(String, String)| n == name && s == sql;
            !state.views.iter().any(same)
        }));
        Ok(missing)
    }

    fn is_empty(&self) -> bool {
        self.tables.is_empty() && self.columns.is_empty() && self.views.is_empty()
    }

    /// How many catalog ids it takes to make it.
    fn catalog_ids(&self) -> i64 {
        let of_table = |table: &&Table| {
            1 + i64::from(table.partition != Partition::None) + i64::from(!table.sort.is_empty())
        };
        self.tables.iter().map(of_table).sum::<i64>() + self.views.len() as i64
    }
}

/// The declared columns that the table lacks. Older rows have nulls there.
fn missing_columns(declared: &Table, existing: &TableState) -> Result<Vec<&'static Column>, Error> {
    let mut missing = Vec::new();
    for column in declared.columns {
        match existing.schema.field_with_name(column.name) {
            Ok(found) if *found.data_type() == column.kind.data_type() => {}
            Err(_) if column.nullable => missing.push(column),
            Ok(_) | Err(_) => {
                return Err(Error::UnknownVersion {
                    found: format!("without {}.{} as declared", declared.name, column.name),
                    known: VERSION,
                });
            }
        }
    }
    Ok(missing)
}

/// Makes the tables, columns and views that are missing, as one snapshot.
///
/// # Errors
/// [`Error::UnknownVersion`] where a table is defined otherwise than declared,
/// [`Error::Database`].
pub(crate) async fn define(
    tx: &mut Tx,
    state: &State,
    tables: &[&'static Table],
    views: &[(&str, &str)],
) -> Result<(), Error> {
    let missing = Missing::find(state, tables, views)?;
    if missing.is_empty() {
        return Ok(());
    }
    let claim = snapshot::claim(
        tx,
        &Claim {
            definitions: true,
            catalog_ids: missing.catalog_ids(),
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
    for table in missing.tables {
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
    for (table, columns) in missing.columns {
        add_columns(tx, table.id, &columns, &claim).await?;
        made.push(format!("altered_table:{}", table.id));
    }
    for (name, sql) in missing.views {
        create_view(tx, id(), name, sql, claim.snapshot_id).await?;
        made.push(format!("created_view:{}.{}", quoted(SCHEMA), quoted(name)));
    }
    snapshot::record(tx, claim.snapshot_id, &made.join(","), None, None).await
}

async fn create_view(
    tx: &mut Tx,
    id: i64,
    name: &str,
    sql: &str,
    snapshot_id: i64,
) -> Result<(), Error> {
    tx.execute(
        "update ducklake_view set end_snapshot = $1 \
         where view_name = $2 and end_snapshot is null",
        &[Value::Int(snapshot_id), Value::from(name)],
    )
    .await?;
    tx.execute(
        "insert into ducklake_view values ($1, $2, $3, null, 0, $4, 'duckdb', $5, '')",
        &[
            Value::Int(id),
            Value::Uuid(Uuid::now_v7()),
            Value::Int(snapshot_id),
            Value::from(name),
            Value::from(sql),
        ],
    )
    .await?;
    Ok(())
}

async fn record_version(tx: &mut Tx, table_id: i64, claim: &Claimed) -> Result<(), Error> {
    tx.execute(
        "insert into ducklake_schema_versions values ($1, $2, $3)",
        &[
            Value::Int(claim.snapshot_id),
            Value::Int(claim.schema_version),
            Value::Int(table_id),
        ],
    )
    .await?;
    Ok(())
}

/// Ids count on from all that the table ever had: they are field ids in files.
async fn add_columns(
    tx: &mut Tx,
    table_id: i64,
    columns: &[&Column],
    claim: &Claimed,
) -> Result<(), Error> {
    let last = tx
        .fetch(
            "select max(column_id) from ducklake_column where table_id = $1",
            &[Value::Int(table_id)],
        )
        .await?;
    let last = last
        .first()
        .map(|row| row.opt_int(0))
        .transpose()?
        .flatten();
    let first = last.unwrap_or(0) + 1;
    create_columns(tx, columns, table_id, first, claim.snapshot_id).await?;
    record_version(tx, table_id, claim).await
}

struct Ids {
    table: i64,
    partition: Option<i64>,
    sort: Option<i64>,
}

async fn create_table(tx: &mut Tx, table: &Table, ids: &Ids, claim: &Claimed) -> Result<(), Error> {
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
    record_version(tx, ids.table, claim).await?;
    let columns: Vec<&Column> = table.columns.iter().collect();
    create_columns(tx, &columns, ids.table, 1, claim.snapshot_id).await?;
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

/// Makes columns whose ids count on from `first`; a list is followed by its
/// element.
async fn create_columns(
    tx: &mut Tx,
    columns: &[&Column],
    table_id: i64,
    first: i64,
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
    let mut rows = Vec::new();
    let mut comments = Vec::new();
    let mut id = first;
    for column in columns {
        let (kind, element) = declared_type(column);
        rows.push(row(id, column.name, kind, column.nullable, None));
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
            rows.push(row(id, "element", element, true, Some(list)));
        }
        id += 1;
    }
    tx.execute_rows("insert into ducklake_column", &rows, "")
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
