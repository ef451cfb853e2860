//! Rows and deletes that another writer keeps in the catalog itself.
//!
//! pacelake never writes them (`data_inlining_row_limit` is 0), but a lake may
//! have other writers. They are read with the state; all values are cast to
//! text by the database, so that one parser serves both.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::{ArrayRef, ListArray, RecordBatch, StringArray, new_null_array};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::concat_batches;
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use super::adapter;
use super::keys::Matcher;
use super::state::{DataFile, TableState};
use super::types::LakeColumn;
use crate::catalog::{Dialect, Tx, Value};
use crate::error::Error;

/// Rows of a table that lie in the catalog.
#[derive(Clone, Debug)]
pub(crate) struct Inlined {
    /// The rows, with the table's columns.
    pub rows: RecordBatch,
    /// For each row the catalog table that holds it and its row id there.
    pub origins: Vec<(Arc<str>, i64)>,
}

impl Inlined {
    /// Where the rows lie that have one of the keys.
    ///
    /// # Errors
    /// [`Error::Rows`].
    pub fn matching(&self, matcher: &Matcher) -> Result<Vec<(Arc<str>, i64)>, Error> {
        let rows = self.matching_rows(matcher)?;
        Ok(rows
            .into_iter()
            .map(|row| self.origins[row].clone())
            .collect())
    }

    /// Which rows have one of the keys.
    ///
    /// # Errors
    /// [`Error::Rows`].
    pub fn matching_rows(&self, matcher: &Matcher) -> Result<Vec<usize>, Error> {
        let columns = matcher.columns().iter();
        let keys: Vec<ArrayRef> = columns
            .map(|column| Arc::clone(self.rows.column(*column)))
            .collect();
        matcher.matches(&keys)
    }
}

/// Ends rows that lie in the catalog at a snapshot.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn end(
    tx: &mut Tx,
    rows: &[(Arc<str>, i64)],
    snapshot_id: i64,
) -> Result<(), Error> {
    let mut by_table: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (name, row_id) in rows {
        by_table.entry(name).or_default().push(*row_id);
    }
    for (name, row_ids) in by_table {
        let sql = format!(
            "update {} set end_snapshot = $1 where row_id = any($2) and end_snapshot is null",
            quoted(name)
        );
        tx.execute_named(sql, &[Value::Int(snapshot_id), Value::Ints(row_ids)])
            .await?;
    }
    Ok(())
}

/// Removes rows that no snapshot has any more, and deletes of data files, a
/// list of ids, that are gone.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn forget(tx: &mut Tx, files: &Value) -> Result<(), Error> {
    let places = places(tx).await?;
    for (name, _) in places.rows.values().flatten() {
        let sql = format!(
            "delete from {} where end_snapshot is not null and not exists \
             (select 1 from ducklake_snapshot n where n.snapshot_id >= begin_snapshot \
             and n.snapshot_id < end_snapshot)",
            quoted(name)
        );
        tx.execute_named(sql, &[]).await?;
    }
    for name in places.deletes.values() {
        let sql = format!("delete from {} where file_id = any($1)", quoted(name));
        tx.execute_named(sql, std::slice::from_ref(files)).await?;
    }
    Ok(())
}

/// Which catalog tables hold rows and deletes, by lake table.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Catalog tables of rows and the version of the definitions when each
    /// was made.
    rows: HashMap<i64, Vec<(String, i64)>>,
    /// Catalog tables of deletes.
    deletes: HashMap<i64, String>,
}

impl Places {
    /// The catalog tables that hold rows of a lake table, each with the
    /// version of the definitions when it was made.
    pub fn rows_of(&self, table_id: i64) -> &[(String, i64)] {
        self.rows.get(&table_id).map_or(&[], Vec::as_slice)
    }

    /// The catalog table that holds deletes of a lake table.
    pub fn deletes_of(&self, table_id: i64) -> Option<&str> {
        self.deletes.get(&table_id).map(String::as_str)
    }
}

/// How the tables of deletes are named: this and the lake table's id.
const DELETES_PREFIX: &str = "ducklake_inlined_delete_";

/// Finds the catalog tables that hold rows and deletes.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn places(tx: &mut Tx) -> Result<Places, Error> {
    let mut places = Places::default();
    let rows = tx
        .fetch(
            "select table_id, table_name, schema_version from ducklake_inlined_data_tables",
            &[],
        )
        .await?;
    for row in &rows {
        let tables = places.rows.entry(row.int(0)?).or_default();
        tables.push((row.text(1)?.to_owned(), row.int(2)?));
    }
    let names = match tx.dialect() {
        Dialect::Sqlite => {
            "select name from sqlite_master \
             where type = 'table' and name like 'ducklake_inlined_delete_%'"
        }
        Dialect::Postgres => {
            "select tablename::text from pg_tables \
             where schemaname = 'public' and tablename like 'ducklake_inlined_delete_%'"
        }
    };
    for row in tx.fetch(names, &[]).await? {
        let name = row.text(0)?;
        let id = name.strip_prefix(DELETES_PREFIX).map(str::parse);
        if let Some(Ok(table_id)) = id {
            places.deletes.insert(table_id, name.to_owned());
        }
    }
    Ok(places)
}

/// Reads the rows of the table that are live at the snapshot, and adds to its
/// files the deletes of theirs.
///
/// # Errors
/// [`Error::Database`]; [`Error::UnknownType`] for values that are not read.
pub(crate) async fn load(
    tx: &mut Tx,
    places: &Places,
    table: &mut TableState,
    files: &mut [DataFile],
    snapshot_id: i64,
) -> Result<(), Error> {
    if let Some(name) = places.deletes.get(&table.id) {
        let sql = format!(
            "select file_id, row_id from {} where begin_snapshot <= $1 order by row_id",
            quoted(name)
        );
        let mut deletes: BTreeMap<i64, Vec<u64>> = BTreeMap::new();
        for row in tx.fetch_named(sql, &[Value::Int(snapshot_id)]).await? {
            let positions = deletes.entry(row.int(0)?).or_default();
            positions.push(row.int(1)?.unsigned_abs());
        }
        for file in files {
            if let Some(positions) = deletes.remove(&file.id) {
                file.inlined_deletes = positions.into();
            }
        }
    }
    let mut batches = Vec::new();
    let mut origins = Vec::new();
    for (name, version) in places.rows.get(&table.id).into_iter().flatten() {
        let (rows, ids) = load_rows(tx, table, name, *version, snapshot_id).await?;
        let name: Arc<str> = name.as_str().into();
        origins.extend(ids.into_iter().map(|id| (Arc::clone(&name), id)));
        batches.push(rows);
    }
    if !origins.is_empty() {
        let rows = concat_batches(&table.schema, &batches).map_err(unreadable)?;
        table.inlined = Some(Inlined { rows, origins });
    }
    Ok(())
}

fn unreadable(source: arrow::error::ArrowError) -> Error {
    Error::Rows {
        attempt: "read rows that lie in the catalog",
        source,
    }
}

/// The live rows of one catalog table, and their row ids.
async fn load_rows(
    tx: &mut Tx,
    table: &TableState,
    name: &str,
    version: i64,
    snapshot_id: i64,
) -> Result<(RecordBatch, Vec<i64>), Error> {
    let names = names_at(tx, table.id, version).await?;
    let mut columns: Vec<(&LakeColumn, Option<usize>)> = Vec::new();
    let mut selected = String::from("row_id");
    let mut count = 0;
    for column in table.columns.iter() {
        let Some(name) = names.get(&column.id) else {
            columns.push((column, None));
            continue;
        };
        count += 1;
        columns.push((column, Some(count)));
        selected.push_str(", ");
        selected.push_str(&as_text(tx.dialect(), column, name));
    }
    let sql = format!(
        "select {selected} from {} where begin_snapshot <= $1 \
         and (end_snapshot is null or end_snapshot > $1) order by row_id",
        quoted(name)
    );
    let rows = tx.fetch_named(sql, &[Value::Int(snapshot_id)]).await?;
    let ids = rows
        .iter()
        .map(|row| row.int(0))
        .collect::<Result<Vec<_>, _>>()?;
    let arrays = columns
        .iter()
        .map(|(column, place)| match place {
            None => missing(column, rows.len()),
            Some(place) => {
                let texts = rows
                    .iter()
                    .map(|row| row.opt_text(*place))
                    .collect::<Result<Vec<_>, Error>>()?;
                parse(column, &texts)
            }
        })
        .collect::<Result<Vec<_>, Error>>()?;
    let batch = RecordBatch::try_new(Arc::clone(&table.schema), arrays).map_err(unreadable)?;
    Ok((batch, ids))
}

/// The names that the table's columns had at a version of the definitions.
pub(crate) async fn names_at(
    tx: &mut Tx,
    table_id: i64,
    version: i64,
) -> Result<HashMap<i64, String>, Error> {
    let rows = tx
        .fetch(
            // Where the snapshots of that version have expired, the table's
            // own list of versions tells.
            "select column_id, column_name from ducklake_column c, \
             (select coalesce((select min(snapshot_id) from ducklake_snapshot \
             where schema_version = $2), (select max(begin_snapshot) from ducklake_schema_versions \
             where table_id = $1 and schema_version <= $2)) as at) s \
             where c.table_id = $1 and c.parent_column is null and c.begin_snapshot <= s.at \
             and (c.end_snapshot is null or c.end_snapshot > s.at)",
            &[Value::Int(table_id), Value::Int(version)],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.int(0)?, row.text(1)?.to_owned())))
        .collect()
}

/// A name as it stands in a statement.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// An expression for the column's value as text.
fn as_text(dialect: Dialect, column: &LakeColumn, name: &str) -> String {
    let name = quoted(name);
    match (dialect, &column.data_type) {
        // DuckDB keeps text as bytes there, since PostgreSQL refuses U+0000.
        (Dialect::Postgres, DataType::Utf8) => format!("convert_from({name}, 'UTF8')"),
        (Dialect::Postgres | Dialect::Sqlite, _) => format!("cast({name} as varchar)"),
    }
}

/// Values of a column that is newer than the rows.
fn missing(column: &LakeColumn, rows: usize) -> Result<ArrayRef, Error> {
    match adapter::default_of(column) {
        None => Ok(new_null_array(&column.data_type, rows)),
        Some(value) => ScalarValue::to_array_of_size(&value, rows).map_err(|source| Error::Plan {
            attempt: "fill a column with its default",
            source,
        }),
    }
}

fn parse(column: &LakeColumn, texts: &[Option<&str>]) -> Result<ArrayRef, Error> {
    let unknown = || Error::UnknownType {
        column: column.name.clone(),
        found: format!("{} within the catalog", column.data_type),
    };
    match &column.data_type {
        DataType::Struct(_) | DataType::Binary => Err(unknown()),
        DataType::List(element) => {
            let [child] = column.children.as_slice() else {
                return Err(unknown());
            };
            let lists: Vec<Option<Vec<Option<String>>>> = texts
                .iter()
                .map(|text| text.map(|text| list(text).ok_or_else(unknown)).transpose())
                .collect::<Result<_, _>>()?;
            let lengths = lists.iter().map(|list| list.as_ref().map_or(0, Vec::len));
            let offsets = OffsetBuffer::from_lengths(lengths);
            let nulls = NullBuffer::from_iter(lists.iter().map(Option::is_some));
            let entries: Vec<Option<String>> = lists.into_iter().flatten().flatten().collect();
            let entries: Vec<Option<&str>> = entries.iter().map(Option::as_deref).collect();
            let values = parse(child, &entries)?;
            ListArray::try_new(Arc::clone(element), offsets, values, Some(nulls))
                .map(|list| Arc::new(list) as ArrayRef)
                .map_err(unreadable)
        }
        other => {
            let texts = StringArray::from_iter(texts.iter().copied());
            let options = arrow::compute::CastOptions {
                safe: false,
                ..Default::default()
            };
            arrow::compute::cast_with_options(&texts, other, &options).map_err(unreadable)
        }
    }
}

/// The entries of a list as DuckDB writes it, such as `[1, NULL, 'it\'s']`;
/// `None` where it is not one, or one of lists.
fn list(text: &str) -> Option<Vec<Option<String>>> {
    let mut rest = text.strip_prefix('[')?.strip_suffix(']')?;
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let mut entry = String::new();
        if let Some(quoted) = rest.strip_prefix('\'') {
            let mut characters = quoted.char_indices();
            let end = loop {
                match characters.next()? {
                    (end, '\'') => break end,
                    (_, '\\') => entry.push(characters.next()?.1),
                    (_, character) => entry.push(character),
                }
            };
            entries.push(Some(entry));
            rest = &quoted[end + 1..];
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            let plain = &rest[..end];
            if plain.contains(['[', '{']) {
                return None;
            }
            entries.push((plain != "NULL").then(|| plain.to_owned()));
            rest = &rest[end..];
        }
        rest = match rest.strip_prefix(", ") {
            Some(more) => more,
            None if rest.is_empty() => rest,
            None => return None,
        };
    }
    Some(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_duckdb_writes_them() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(list("[]"), Some(vec![]));
        assert_eq!(list("[1, NULL, 3]"), Some(vec![some("1"), None, some("3")]));
        // Seen in a catalog that DuckDB 1.5.5 wrote.
        assert_eq!(
            list(r"[a, 'it\'s', 'NULL', NULL, 'a, b']"),
            Some(vec![
                some("a"),
                some("it's"),
                some("NULL"),
                None,
                some("a, b")
            ])
        );
        assert_eq!(list("[[1], [2]]"), None);
        assert_eq!(list("1, 2"), None);
    }
}
