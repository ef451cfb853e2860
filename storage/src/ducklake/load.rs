//! Reads a snapshot from the catalog, whole or as the difference to an older
//! one.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use object_store::path::Path;

use super::bound::{Bound, Range};
use super::changes;
use super::footers::Object;
use super::inlined;
use super::keys::Known;
use super::snapshot;
use super::state::{DataFile, DeleteFile, Delta, Partitioning, State, TableState};
use super::types::{self, ColumnRow, LakeColumn, Unread};
use crate::catalog::{Row, Tx, Value};
use crate::error::Error;
use crate::moment::Moment;

/// Reads the whole state at a snapshot. `data_path` is the lake's folder as
/// the catalog has it.
///
/// # Errors
/// [`Error::NoSnapshot`]; [`Error::Inconsistent`] for what another writer made
/// and this build cannot read.
pub(crate) async fn load(tx: &mut Tx, data_path: &str, snapshot_id: i64) -> Result<State, Error> {
    let at = [Value::Int(snapshot_id)];
    let snapshot = tx
        .fetch(
            "select schema_version from ducklake_snapshot where snapshot_id = $1",
            &at,
        )
        .await?;
    let Some(snapshot) = snapshot.first() else {
        return Err(snapshot::missing(tx, Moment::Snapshot(snapshot_id)).await?);
    };
    let schema_version = snapshot.int(0)?;
    let (tables, mut unread) = load_tables(tx, data_path, &at).await?;
    let mut delta = load_delta(tx, data_path, &tables, Part::All, &at).await?;
    let places = inlined::places(tx).await?;
    let mut read = BTreeMap::new();
    for mut table in tables {
        let mut files = delta.begun.remove(&table.id).unwrap_or_default();
        let mut deletes = delta.deletes.remove(&table.id).unwrap_or_default();
        for file in &mut files {
            file.deletes = deletes.remove(&file.id);
        }
        match inlined::load(tx, &places, &mut table, &mut files, snapshot_id).await {
            Err(Error::UnknownType { column, found }) => {
                unread.insert(table.name, Unread { column, found });
            }
            other => {
                other?;
                table.files = Arc::new(files.into_iter().map(Arc::new).collect());
                read.insert(table.name.clone(), Arc::new(table));
            }
        }
    }
    let views = tx
        .fetch(
            "select view_name, sql from ducklake_view \
             where begin_snapshot <= $1 and (end_snapshot is null or end_snapshot > $1) \
             and dialect = 'duckdb' order by view_id",
            &at,
        )
        .await?
        .iter()
        .map(|row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned())))
        .collect::<Result<_, Error>>()?;
    Ok(State {
        snapshot_id,
        schema_version,
        tables: read,
        unread: Arc::new(unread),
        views,
    })
}

/// Brings `state` up to a newer snapshot, reading only what is new where only
/// rows came and went, else everything.
///
/// # Errors
/// As [`load`].
pub(crate) async fn advance(
    tx: &mut Tx,
    data_path: &str,
    state: &State,
    snapshot_id: i64,
) -> Result<State, Error> {
    let between = [Value::Int(state.snapshot_id), Value::Int(snapshot_id)];
    let made = tx
        .fetch(
            "select changes_made from ducklake_snapshot_changes \
             where snapshot_id >= $1 and snapshot_id <= $2 order by snapshot_id",
            &between,
        )
        .await?;
    let texts = made
        .iter()
        .map(|row| Ok(row.opt_text(0)?.unwrap_or_default()))
        .collect::<Result<Vec<_>, Error>>()?;
    // A snapshot without a line, or one that has expired: read anew. So too
    // where the one to begin from has: files that ended after it are forgotten.
    let all_told = texts.len() as i64 == snapshot_id - state.snapshot_id + 1;
    // Rows that lie in the catalog end there without a word of their own.
    let only_files = state.tables.values().all(|table| table.inlined.is_none());
    if !all_told || !only_files || !changes::only_rows(texts.into_iter().skip(1)) {
        return load(tx, data_path, snapshot_id).await;
    }
    let tables: Vec<TableState> = state
        .tables
        .values()
        .map(|table| TableState {
            files: Arc::default(),
            ..table.as_ref().clone()
        })
        .collect();
    let mut delta = load_delta(tx, data_path, &tables, Part::New, &between).await?;
    let ended = tx
        .fetch(
            "select table_id, data_file_id from ducklake_data_file \
             where end_snapshot > $1 and end_snapshot <= $2",
            &between,
        )
        .await?;
    for row in &ended {
        let files: &mut HashSet<i64> = delta.ended.entry(row.int(0)?).or_default();
        files.insert(row.int(1)?);
    }
    Ok(state.advanced(snapshot_id, delta))
}

const SCHEMAS_AND_TABLES: &str = "select t.table_id, t.table_name, s.path, s.path_is_relative, \
     t.path, t.path_is_relative \
     from ducklake_table t join ducklake_schema s on s.schema_id = t.schema_id \
     where t.begin_snapshot <= $1 and (t.end_snapshot is null or t.end_snapshot > $1) \
     and s.begin_snapshot <= $1 and (s.end_snapshot is null or s.end_snapshot > $1) \
     and s.schema_name = 'main' order by t.table_id";

const COLUMNS: &str = "select table_id, column_id, column_name, column_type, nulls_allowed, \
     initial_default, parent_column from ducklake_column \
     where begin_snapshot <= $1 and (end_snapshot is null or end_snapshot > $1) \
     order by table_id, column_order, column_id";

const PARTITIONS: &str = "select i.table_id, i.partition_id, c.transform, c.column_id \
     from ducklake_partition_info i \
     join ducklake_partition_column c on c.partition_id = i.partition_id \
     where i.begin_snapshot <= $1 and (i.end_snapshot is null or i.end_snapshot > $1) \
     order by i.table_id, c.partition_key_index";

const SORT: &str = "select i.table_id, e.expression from ducklake_sort_info i \
     join ducklake_sort_expression e on e.sort_id = i.sort_id \
     where i.begin_snapshot <= $1 and (i.end_snapshot is null or i.end_snapshot > $1) \
     order by i.table_id, e.sort_key_index";

/// The tables, and those that another writer made of columns that are not
/// read: whoever does not ask for these is not hindered by them.
async fn load_tables(
    tx: &mut Tx,
    data_path: &str,
    at: &[Value],
) -> Result<(Vec<TableState>, BTreeMap<String, Unread>), Error> {
    let mut columns: HashMap<i64, Vec<ColumnRow>> = HashMap::new();
    for row in tx.fetch(COLUMNS, at).await? {
        columns.entry(row.int(0)?).or_default().push(ColumnRow {
            id: row.int(1)?,
            name: row.text(2)?.to_owned(),
            type_name: row.text(3)?.to_owned(),
            nullable: row.bool(4)?,
            initial_default: row.opt_text(5)?.map(str::to_owned),
            parent: row.opt_int(6)?,
        });
    }
    let mut partitions: BTreeMap<i64, Partitioning> = BTreeMap::new();
    for row in tx.fetch(PARTITIONS, at).await? {
        let id = row.int(1)?;
        let partition = partitions.entry(row.int(0)?).or_insert(Partitioning {
            id,
            keys: Vec::new(),
        });
        partition.keys.push((row.text(2)?.to_owned(), row.int(3)?));
    }
    let mut sort: HashMap<i64, Vec<String>> = HashMap::new();
    for row in tx.fetch(SORT, at).await? {
        let expressions = sort.entry(row.int(0)?).or_default();
        expressions.push(row.text(1)?.trim_matches('"').to_owned());
    }
    let mut tables = Vec::new();
    let mut unread = BTreeMap::new();
    for row in tx.fetch(SCHEMAS_AND_TABLES, at).await? {
        let (id, name) = (row.int(0)?, row.text(1)?.to_owned());
        let schema_folder = join("", row.opt_text(2)?, row.opt_bool(3)?);
        let folder = join(&schema_folder, row.opt_text(4)?, row.opt_bool(5)?);
        let columns = columns.get(&id).map_or(&[][..], Vec::as_slice);
        let columns: Arc<[LakeColumn]> = match types::columns_of(columns, None) {
            Ok(columns) => columns.into(),
            Err(refused) => {
                unread.insert(name, refused);
                continue;
            }
        };
        let partition = partitions.remove(&id);
        let sort = sort.remove(&id).unwrap_or_default();
        tables.push(TableState {
            id,
            name,
            folder: inside(data_path, &folder)?,
            schema: types::schema(&columns),
            ranged: ranged(&columns, &sort, partition.as_ref()),
            columns,
            partition,
            files: Arc::default(),
            inlined: None,
        });
    }
    Ok((tables, unread))
}

/// The columns whose ranges are kept in memory: those that files are sorted
/// and cut by, since other columns' values lie everywhere; all plain columns
/// of a table without an order.
fn ranged(
    columns: &[LakeColumn],
    sort: &[String],
    partition: Option<&Partitioning>,
) -> Arc<[usize]> {
    let is_key = |column: &LakeColumn| {
        sort.contains(&column.name)
            || partition
                .is_some_and(|partition| partition.keys.iter().any(|(_, id)| *id == column.id))
    };
    columns
        .iter()
        .enumerate()
        .filter(|(_, column)| column.children.is_empty())
        .filter(|(_, column)| sort.is_empty() || is_key(column))
        .map(|(index, _)| index)
        .collect()
}

/// Which part of the files to read.
#[derive(Clone, Copy)]
enum Part {
    /// All that are live at the snapshot `$1`.
    All,
    /// Those that are live at `$2` and were not, or not so, at `$1`.
    New,
}

const ALL_FILES: &str = "select table_id, data_file_id, path, path_is_relative, record_count, \
     file_size_bytes, footer_size, partial_max, encryption_key from ducklake_data_file \
     where begin_snapshot <= $1 and (end_snapshot is null or end_snapshot > $1) \
     order by data_file_id";
const NEW_FILES: &str = "select table_id, data_file_id, path, path_is_relative, record_count, \
     file_size_bytes, footer_size, partial_max, encryption_key from ducklake_data_file \
     where begin_snapshot > $1 and begin_snapshot <= $2 \
     and (end_snapshot is null or end_snapshot > $2) order by data_file_id";

const ALL_DELETES: &str = "select table_id, data_file_id, delete_file_id, path, path_is_relative, \
     delete_count, file_size_bytes, footer_size, partial_max, encryption_key, format \
     from ducklake_delete_file \
     where begin_snapshot <= $1 and (end_snapshot is null or end_snapshot > $1) \
     order by delete_file_id";
// DuckDB replaces a delete file by one that began as early and reaches further.
const NEW_DELETES: &str = "select table_id, data_file_id, delete_file_id, path, path_is_relative, \
     delete_count, file_size_bytes, footer_size, partial_max, encryption_key, format \
     from ducklake_delete_file \
     where (begin_snapshot > $1 or partial_max > $1) and begin_snapshot <= $2 \
     and (end_snapshot is null or end_snapshot > $2) order by delete_file_id";

const ALL_STATS: &str = "select s.data_file_id, s.column_id, s.min_value, s.max_value, \
     s.null_count, s.value_count from ducklake_file_column_stats s \
     join ducklake_data_file f on f.data_file_id = s.data_file_id \
     where f.begin_snapshot <= $1 and (f.end_snapshot is null or f.end_snapshot > $1) \
     and s.column_id = any($2)";
const NEW_STATS: &str = "select s.data_file_id, s.column_id, s.min_value, s.max_value, \
     s.null_count, s.value_count from ducklake_data_file f \
     join ducklake_file_column_stats s on s.data_file_id = f.data_file_id \
     where f.begin_snapshot > $1 and f.begin_snapshot <= $2 \
     and (f.end_snapshot is null or f.end_snapshot > $2) and s.column_id = any($3)";

async fn load_delta(
    tx: &mut Tx,
    data_path: &str,
    tables: &[TableState],
    part: Part,
    snapshots: &[Value],
) -> Result<Delta, Error> {
    let (files, deletes, stats) = match part {
        Part::All => (ALL_FILES, ALL_DELETES, ALL_STATS),
        Part::New => (NEW_FILES, NEW_DELETES, NEW_STATS),
    };
    let by_id: HashMap<i64, &TableState> = tables.iter().map(|table| (table.id, table)).collect();
    let mut known = load_stats(tx, tables, stats, snapshots).await?;
    let mut delta = Delta::default();
    for row in tx.fetch(files, snapshots).await? {
        let Some(table) = by_id.get(&row.int(0)?) else {
            continue;
        };
        refuse_encryption(&row, 8)?;
        let id = row.int(1)?;
        let mut known = known.remove(&id).unwrap_or_default();
        let known = table.ranged.iter().map(|column| {
            let column = &table.columns[*column];
            known
                .remove(&column.id)
                .map(|texts| texts.typed(column))
                .unwrap_or_default()
        });
        let file = DataFile {
            id,
            object: object(data_path, &table.folder, &row, 2, 5)?,
            rows: row.int(4)?.unsigned_abs(),
            partial_max: row.opt_int(7)?,
            deletes: None,
            inlined_deletes: Arc::default(),
            known: known.collect(),
        };
        delta.begun.entry(table.id).or_default().push(file);
    }
    for row in tx.fetch(deletes, snapshots).await? {
        let Some(table) = by_id.get(&row.int(0)?) else {
            continue;
        };
        refuse_encryption(&row, 9)?;
        if !row.text(10)?.eq_ignore_ascii_case("parquet") {
            let what = format!("a delete file has the unknown format {}", row.text(10)?);
            return Err(Error::Inconsistent { what });
        }
        let file = DeleteFile {
            id: row.int(2)?,
            object: object(data_path, &table.folder, &row, 3, 6)?,
            rows: row.int(5)?.unsigned_abs(),
            partial_max: row.opt_int(8)?,
        };
        let files = delta.deletes.entry(table.id).or_default();
        files.insert(row.int(1)?, file);
    }
    Ok(delta)
}

fn refuse_encryption(row: &Row, column: usize) -> Result<(), Error> {
    match row.opt_text(column)? {
        None | Some("") => Ok(()),
        Some(_) => Err(Error::Inconsistent {
            what: "the lake holds encrypted files, which this build does not read".to_owned(),
        }),
    }
}

/// The statistics of one column of one file, as the catalog has them.
struct Texts {
    min: Option<String>,
    max: Option<String>,
    nulls: Option<i64>,
    values: Option<i64>,
}

impl Texts {
    fn typed(&self, column: &LakeColumn) -> Known {
        let parse = |text: &Option<String>| Bound::parse(&column.data_type, text.as_deref()?);
        let range = parse(&self.min)
            .zip(parse(&self.max))
            .map(|(min, max)| Range { min, max });
        Known {
            range,
            has_nulls: self.nulls.map(|nulls| nulls > 0),
            only_nulls: self.values == Some(0),
        }
    }
}

/// The statistics of the ranged columns, by file and column.
async fn load_stats(
    tx: &mut Tx,
    tables: &[TableState],
    sql: &'static str,
    snapshots: &[Value],
) -> Result<HashMap<i64, HashMap<i64, Texts>>, Error> {
    let columns: HashSet<i64> = tables
        .iter()
        .flat_map(|table| table.ranged.iter().map(|column| table.columns[*column].id))
        .collect();
    let mut values = snapshots.to_vec();
    values.push(Value::Ints(columns.into_iter().collect()));
    let mut known: HashMap<i64, HashMap<i64, Texts>> = HashMap::new();
    for row in tx.fetch(sql, &values).await? {
        let texts = Texts {
            min: row.opt_text(2)?.map(str::to_owned),
            max: row.opt_text(3)?.map(str::to_owned),
            nulls: row.opt_int(4)?,
            values: row.opt_int(5)?,
        };
        known
            .entry(row.int(0)?)
            .or_default()
            .insert(row.int(1)?, texts);
    }
    Ok(known)
}

/// The file that a row describes: its path below `folder` and whether that is
/// relative at `path`, its size and its footer's at `size`.
pub(super) fn object(
    data_path: &str,
    folder: &str,
    row: &Row,
    path: usize,
    size: usize,
) -> Result<Object, Error> {
    let whole = join(folder, row.opt_text(path)?, row.opt_bool(path + 1)?);
    Ok(Object {
        path: location(data_path, &whole)?,
        size: row.int(size)?.unsigned_abs(),
        footer_size: row.opt_int(size + 1)?.map(i64::unsigned_abs),
    })
}

/// Where a path of the catalog lies in the object store.
pub(super) fn location(data_path: &str, path: &str) -> Result<Path, Error> {
    let below = inside(data_path, path)?;
    Path::parse(&below).map_err(|source| Error::Inconsistent {
        what: format!("the lake names the file {below:?}, which cannot be: {source}"),
    })
}

/// A path of the catalog, below `folder` where it is relative.
pub(super) fn join(folder: &str, path: Option<&str>, relative: Option<bool>) -> String {
    let path = path.unwrap_or_default();
    match relative {
        Some(false) => path.to_owned(),
        Some(true) | None => format!("{folder}{path}"),
    }
}

/// The path below the lake's folder.
fn inside(data_path: &str, path: &str) -> Result<String, Error> {
    if !path.starts_with('/') && !path.contains("://") {
        return Ok(path.to_owned());
    }
    match path.strip_prefix(data_path) {
        Some(below) => Ok(below.to_owned()),
        None => Err(Error::Inconsistent {
            what: format!("the lake names {path}, which lies outside of its folder"),
        }),
    }
}
