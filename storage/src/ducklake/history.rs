//! Every file of every snapshot: what a purge looks through.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::RangeInclusive;

use super::footers::Object;
use super::inlined;
use super::load;
use crate::catalog::{Row, Tx, Value};
use crate::error::Error;

/// The columns by which rows are found.
const KEY_COLUMNS: [&str; 2] = ["athlete_id", "activity_id"];

/// All files that any snapshot names, and where rows lie in the catalog.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// The tables that have a key column, dropped ones too, by id.
    pub tables: BTreeMap<i64, PastTable>,
    /// Their data files, by id.
    pub files: BTreeMap<i64, PastFile>,
    /// Tables that have rows and no key column, by name.
    pub without_keys: BTreeSet<String>,
}

/// A table as it ever was.
#[derive(Clone, Debug, Default)]
pub(crate) struct PastTable {
    /// Its names.
    pub names: BTreeSet<String>,
    /// The field ids that `athlete_id` ever had in it.
    pub athlete: BTreeSet<i64>,
    /// The field ids that `activity_id` ever had in it.
    pub activity: BTreeSet<i64>,
    /// The catalog's own tables that hold rows of it, with their version.
    pub inlined: Vec<(String, i64)>,
    /// The catalog's own table of deletes of it.
    pub inlined_deletes: Option<String>,
}

/// A data file of any snapshot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PastFile {
    /// Its id.
    pub id: i64,
    /// Its table.
    pub table_id: i64,
    /// The snapshot in which it ended.
    pub end: Option<i64>,
    /// The id of its first row, where its rows' ids are counted.
    pub row_id_start: Option<i64>,
    /// Its path as the catalog has it.
    pub path: String,
    /// Where it lies.
    pub object: Object,
    /// Its delete files, by id.
    pub deletes: Vec<PastDeletes>,
    /// Positions that were deleted in the catalog itself, with the snapshot.
    pub inlined_deletes: Vec<(u64, i64)>,
    /// The athletes that it can hold; `None`: any.
    pub athletes: Option<RangeInclusive<i64>>,
    /// The activities that it can hold; `None`: any.
    pub activities: Option<RangeInclusive<i64>>,
}

/// A delete file of any snapshot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PastDeletes {
    /// Its id.
    pub id: i64,
    /// The snapshot in which it ended.
    pub end: Option<i64>,
    /// Its path as the catalog has it.
    pub path: String,
    /// Where it lies.
    pub object: Object,
}

/// Reads all of it.
///
/// # Errors
/// [`Error::Database`], [`Error::Inconsistent`].
pub(crate) async fn read(tx: &mut Tx, data_path: &str) -> Result<History, Error> {
    let mut folders: HashMap<i64, String> = HashMap::new();
    let mut names: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
    let tables = tx
        .fetch(
            "select t.table_id, t.table_name, s.path, s.path_is_relative, t.path, \
             t.path_is_relative from ducklake_table t \
             join ducklake_schema s on s.schema_id = t.schema_id",
            &[],
        )
        .await?;
    for row in &tables {
        let id = row.int(0)?;
        let schema = load::join("", row.opt_text(2)?, row.opt_bool(3)?);
        folders.insert(id, load::join(&schema, row.opt_text(4)?, row.opt_bool(5)?));
        names.entry(id).or_default().insert(row.text(1)?.to_owned());
    }
    let mut history = History::default();
    let columns = tx
        .fetch(
            "select distinct table_id, column_id, column_name from ducklake_column \
             where parent_column is null and column_name in ('athlete_id', 'activity_id')",
            &[],
        )
        .await?;
    for row in &columns {
        let table = history.tables.entry(row.int(0)?).or_default();
        let ids = match row.text(2)? == KEY_COLUMNS[0] {
            true => &mut table.athlete,
            false => &mut table.activity,
        };
        ids.insert(row.int(1)?);
    }
    for (id, names) in names {
        match history.tables.get_mut(&id) {
            Some(table) => table.names = names,
            None => history.without_keys.extend(names),
        }
    }
    let places = inlined::places(tx).await?;
    for (id, table) in &mut history.tables {
        table.inlined = places.rows_of(*id).to_vec();
        table.inlined_deletes = places.deletes_of(*id).map(str::to_owned);
    }
    read_files(tx, data_path, &folders, &mut history).await?;
    read_deletes(tx, data_path, &folders, &mut history).await?;
    read_ranges(tx, &mut history).await?;
    Ok(history)
}

fn object(
    data_path: &str,
    folders: &HashMap<i64, String>,
    row: &Row,
    table_id: i64,
) -> Result<Object, Error> {
    let folder = folders.get(&table_id).map_or("", String::as_str);
    load::object(data_path, folder, row, 3, 5)
}

async fn read_files(
    tx: &mut Tx,
    data_path: &str,
    folders: &HashMap<i64, String>,
    history: &mut History,
) -> Result<(), Error> {
    let files = tx
        .fetch(
            "select data_file_id, table_id, end_snapshot, path, path_is_relative, \
             file_size_bytes, footer_size, row_id_start from ducklake_data_file \
             order by data_file_id",
            &[],
        )
        .await?;
    for row in &files {
        let (id, table_id) = (row.int(0)?, row.int(1)?);
        if !history.tables.contains_key(&table_id) {
            continue;
        }
        let file = PastFile {
            id,
            table_id,
            end: row.opt_int(2)?,
            row_id_start: row.opt_int(7)?,
            path: row.text(3)?.to_owned(),
            object: object(data_path, folders, row, table_id)?,
            deletes: Vec::new(),
            inlined_deletes: Vec::new(),
            athletes: None,
            activities: None,
        };
        history.files.insert(id, file);
    }
    Ok(())
}

async fn read_deletes(
    tx: &mut Tx,
    data_path: &str,
    folders: &HashMap<i64, String>,
    history: &mut History,
) -> Result<(), Error> {
    let deletes = tx
        .fetch(
            "select delete_file_id, table_id, end_snapshot, path, path_is_relative, \
             file_size_bytes, footer_size, data_file_id from ducklake_delete_file \
             order by delete_file_id",
            &[],
        )
        .await?;
    for row in &deletes {
        let Some(file) = history.files.get_mut(&row.int(7)?) else {
            continue;
        };
        file.deletes.push(PastDeletes {
            id: row.int(0)?,
            end: row.opt_int(2)?,
            path: row.text(3)?.to_owned(),
            object: object(data_path, folders, row, row.int(1)?)?,
        });
    }
    for table in history.tables.values() {
        let Some(name) = &table.inlined_deletes else {
            continue;
        };
        let sql = format!(
            "select file_id, row_id, begin_snapshot from {} order by file_id, row_id",
            inlined::quoted(name)
        );
        for row in tx.fetch_named(sql, &[]).await? {
            if let Some(file) = history.files.get_mut(&row.int(0)?) {
                let deleted = (row.int(1)?.unsigned_abs(), row.int(2)?);
                file.inlined_deletes.push(deleted);
            }
        }
    }
    Ok(())
}

async fn read_ranges(tx: &mut Tx, history: &mut History) -> Result<(), Error> {
    let ids: BTreeSet<i64> = history
        .tables
        .values()
        .flat_map(|table| table.athlete.iter().chain(&table.activity))
        .copied()
        .collect();
    let ranges = tx
        .fetch(
            "select data_file_id, column_id, min_value, max_value \
             from ducklake_file_column_stats where column_id = any($1)",
            &[Value::Ints(ids.into_iter().collect())],
        )
        .await?;
    for row in &ranges {
        let Some(file) = history.files.get_mut(&row.int(0)?) else {
            continue;
        };
        let Some(table) = history.tables.get(&file.table_id) else {
            continue;
        };
        let parse = |text: Option<&str>| text.and_then(|text| text.parse::<i64>().ok());
        let range = parse(row.opt_text(2)?)
            .zip(parse(row.opt_text(3)?))
            .map(|(least, greatest)| least..=greatest);
        // A column that was dropped and made again has two ids: then the
        // range of one of them says nothing.
        let id = row.int(1)?;
        if table.athlete.len() == 1 && table.athlete.contains(&id) {
            file.athletes = range;
        } else if table.activity.len() == 1 && table.activity.contains(&id) {
            file.activities = range;
        }
    }
    Ok(())
}
