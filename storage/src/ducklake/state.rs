//! One snapshot of the lake in memory: its tables with their live files, and
//! what is known of them for pruning.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;

use super::footers::Object;
use super::inlined::Inlined;
use super::keys::Known;
use super::types::{LakeColumn, Unread};
use crate::error::Error;
use crate::table::Table;

/// A snapshot. Parts that a later snapshot shares are shared in memory.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// Its number.
    pub snapshot_id: i64,
    /// Rises with every change of a table's definition.
    pub schema_version: i64,
    /// The tables, by name.
    pub tables: BTreeMap<String, Arc<TableState>>,
    /// Tables of other writers with columns that are not read, by name.
    pub unread: Arc<BTreeMap<String, Unread>>,
    /// The views that this engine can read: name and SQL.
    pub views: Vec<(String, String)>,
}

/// A table at one snapshot.
#[derive(Clone, Debug)]
pub(crate) struct TableState {
    /// Its id, which never changes.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its folder in the object store, with a slash at the end.
    pub folder: String,
    /// Its columns, in order.
    pub columns: Arc<[LakeColumn]>,
    /// The same as an Arrow schema.
    pub schema: SchemaRef,
    /// How its new files are cut.
    pub partition: Option<Partitioning>,
    /// Indices of the columns of which [`DataFile::known`] tells.
    pub ranged: Arc<[usize]>,
    /// The live data files, by id.
    pub files: Arc<Vec<Arc<DataFile>>>,
    /// Rows that another writer keeps in the catalog itself.
    pub inlined: Option<Inlined>,
}

/// How a table is partitioned.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Partitioning {
    /// The id of this way of partitioning.
    pub id: i64,
    /// The transforms and their columns' ids, in order.
    pub keys: Vec<(String, i64)>,
}

impl Partitioning {
    /// The column by whose year the table is cut, where that is all.
    pub fn year_column(&self) -> Option<i64> {
        match self.keys.as_slice() {
            [(transform, column)] if transform == "year" => Some(*column),
            _ => None,
        }
    }
}

/// A live data file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DataFile {
    /// Its id in the catalog.
    pub id: i64,
    /// Where it lies.
    pub object: Object,
    /// Its rows, deleted ones included.
    pub rows: u64,
    /// The newest snapshot whose rows it holds, where it holds rows of several.
    pub partial_max: Option<i64>,
    /// The rows that are gone, where some are.
    pub deletes: Option<DeleteFile>,
    /// Rows that another writer deleted in the catalog itself, rising.
    pub inlined_deletes: Arc<[u64]>,
    /// What is known of its values, one entry a column of
    /// [`TableState::ranged`].
    pub known: Box<[Known]>,
}

/// The live delete file of a data file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DeleteFile {
    /// Its id in the catalog.
    pub id: i64,
    /// Where it lies.
    pub object: Object,
    /// How many rows it says are gone.
    pub rows: u64,
    /// The newest snapshot whose deletes it holds, where it holds several.
    pub partial_max: Option<i64>,
}

/// What happened to the files of the lake between two snapshots.
#[derive(Debug, Default)]
pub(crate) struct Delta {
    /// New data files, by table.
    pub begun: HashMap<i64, Vec<DataFile>>,
    /// Data files that ended, by table.
    pub ended: HashMap<i64, HashSet<i64>>,
    /// New delete files, by table and data file.
    pub deletes: HashMap<i64, HashMap<i64, DeleteFile>>,
}

impl State {
    /// The table of that name.
    ///
    /// # Errors
    /// [`Error::NoTable`]; [`Error::UnknownType`] where it is not read.
    pub fn table(&self, name: &str) -> Result<&Arc<TableState>, Error> {
        self.tables
            .get(name)
            .ok_or_else(|| match self.unread.get(name) {
                Some(unread) => unread.clone().into(),
                None => Error::NoTable {
                    table: name.to_owned(),
                },
            })
    }

    /// The table with that id.
    pub fn table_by_id(&self, id: i64) -> Option<&Arc<TableState>> {
        self.tables.values().find(|table| table.id == id)
    }

    /// The same snapshot with these tables as `present`, a newer one, defines
    /// them: those that came later are there without rows, and columns that
    /// came later are null.
    pub fn in_shape_of(mut self, present: &Self, tables: &[&Table]) -> Self {
        for name in tables.iter().map(|table| table.name) {
            let Some(present) = present.tables.get(name) else {
                continue;
            };
            let shaped = match self.tables.get(name) {
                None if self.unread.contains_key(name) => continue,
                None => TableState {
                    files: Arc::default(),
                    inlined: None,
                    ..present.as_ref().clone()
                },
                Some(table) if present.only_adds_columns(table) => TableState {
                    columns: Arc::clone(&present.columns),
                    schema: Arc::clone(&present.schema),
                    ..table.as_ref().clone()
                },
                Some(_) => continue,
            };
            self.tables.insert(name.to_owned(), Arc::new(shaped));
        }
        self
    }

    /// The state at the newer snapshot `snapshot_id`, where `delta` is all
    /// that happened in between.
    pub fn advanced(&self, snapshot_id: i64, mut delta: Delta) -> Self {
        let tables = self
            .tables
            .iter()
            .map(|(name, table)| {
                let begun = delta.begun.remove(&table.id).unwrap_or_default();
                let ended = delta.ended.remove(&table.id).unwrap_or_default();
                let deletes = delta.deletes.remove(&table.id).unwrap_or_default();
                if begun.is_empty() && ended.is_empty() && deletes.is_empty() {
                    return (name.clone(), Arc::clone(table));
                }
                let table = table.advanced(begun, &ended, deletes);
                (name.clone(), Arc::new(table))
            })
            .collect();
        Self {
            snapshot_id,
            schema_version: self.schema_version,
            tables,
            unread: Arc::clone(&self.unread),
            views: self.views.clone(),
        }
    }
}

impl TableState {
    fn advanced(
        &self,
        begun: Vec<DataFile>,
        ended: &HashSet<i64>,
        mut deletes: HashMap<i64, DeleteFile>,
    ) -> Self {
        let kept = self.files.iter().filter(|file| !ended.contains(&file.id));
        let mut files: Vec<Arc<DataFile>> = kept
            .map(|file| match deletes.remove(&file.id) {
                Some(newer) => Arc::new(DataFile {
                    deletes: Some(newer),
                    ..file.as_ref().clone()
                }),
                None => Arc::clone(file),
            })
            .collect();
        files.extend(begun.into_iter().map(|mut file| {
            file.deletes = deletes.remove(&file.id).or(file.deletes);
            Arc::new(file)
        }));
        Self {
            files: Arc::new(files),
            ..self.clone()
        }
    }

    /// Whether it differs from an older state of the same table by columns at
    /// its end, and those only.
    fn only_adds_columns(&self, older: &Self) -> bool {
        self.id == older.id
            && older.inlined.is_none()
            && self.ranged == older.ranged
            && self.columns.len() > older.columns.len()
            && self.columns.starts_with(&older.columns)
    }

    /// What is known of the values that the columns, given as indices, have
    /// in the file.
    pub fn known(&self, file: &DataFile, columns: &[usize]) -> Vec<Known> {
        columns
            .iter()
            .map(|column| {
                let nth = self.ranged.iter().position(|ranged| ranged == column);
                nth.and_then(|nth| file.known.get(nth).cloned())
                    .unwrap_or_default()
            })
            .collect()
    }
}
