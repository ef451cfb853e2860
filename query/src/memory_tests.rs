//! Lake tables in memory, for tests: rows as JSON, with what is left out null,
//! 0 or empty.

use std::io::Cursor;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::json::ReaderBuilder;
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use serde_json::{Value, json};
use storage::AthleteId;
use storage::table::{Kind, Table};

use crate::own_rows::{Nobodys, seen_by};
use crate::session::{Limits, Session, runtime};

/// Rows of a declared table; `rows` is an array of objects.
pub fn rows(table: &Table, rows: Value) -> RecordBatch {
    let mut lines = Vec::new();
    for row in rows.as_array().unwrap() {
        for name in row.as_object().unwrap().keys() {
            assert!(table.column(name).is_some(), "{} has no {name}", table.name);
        }
        let mut whole = row.clone();
        for column in table.columns {
            if !column.nullable && whole.get(column.name).is_none() {
                whole[column.name] = match column.kind {
                    Kind::Int64 | Kind::Int32 | Kind::Float64 => json!(0),
                    Kind::Utf8 => json!(""),
                    Kind::Boolean => json!(false),
                    Kind::Timestamp => json!("1970-01-01T00:00:00"),
                    Kind::Date => json!("1970-01-01"),
                    Kind::Int32List | Kind::Int64List => json!([]),
                };
            }
        }
        lines.push(whole.to_string());
    }
    let reader = ReaderBuilder::new(table.schema()).build(Cursor::new(lines.join("\n")));
    let batches: Vec<_> = reader.unwrap().map(Result::unwrap).collect();
    arrow::compute::concat_batches(&table.schema(), &batches).unwrap()
}

/// A session over declared tables that hold these rows.
pub async fn session(tables: &[(&Table, Value)], views: &[(&str, &str)]) -> Session {
    session_of(tables, views, None).await
}

/// The same as one athlete sees it.
pub async fn session_of(
    tables: &[(&Table, Value)],
    views: &[(&str, &str)],
    reader: Option<(AthleteId, Nobodys)>,
) -> Session {
    let provider = |(table, values): &(&Table, Value)| {
        let batch = rows(table, values.clone());
        let table_in_memory = MemTable::try_new(batch.schema(), vec![vec![batch]]).unwrap();
        let provider: Arc<dyn TableProvider> = Arc::new(table_in_memory);
        (table.name.to_owned(), provider)
    };
    let tables = tables.iter().map(provider).collect();
    let views: Vec<_> = views
        .iter()
        .map(|(name, sql)| ((*name).to_owned(), (*sql).to_owned()))
        .collect();
    let limits = Limits::default();
    let runtime = runtime(&limits).unwrap();
    let tables = seen_by(reader, tables);
    Session::over(tables, &views, runtime, limits)
        .await
        .unwrap()
}
