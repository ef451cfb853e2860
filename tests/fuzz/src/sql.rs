//! The SQL door: whatever is asked, nothing is written, defined or set, and
//! nothing breaks.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use arrow::array::{Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::datasource::MemTable;
use query::session::{Limits, Session, runtime};
use storage::tables::{SAMPLES_VIEW, STREAMS};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::choices::Choices;
use crate::statements::statement;

/// A session over small tables that can be written to, and what must stay as
/// it is.
pub struct Door {
    session: Session,
    runtime: Runtime,
    folder: TempDir,
    before: World,
}

/// What a statement could change.
#[derive(Debug, PartialEq)]
struct World {
    tables: Vec<String>,
    rows: BTreeMap<String, u64>,
    settings: BTreeMap<String, Option<String>>,
    files: Vec<PathBuf>,
}

/// The names of the tables.
const TABLES: &[&str] = &["numbers", "words", "streams"];

/// Any text.
pub fn sql(bytes: &[u8]) {
    static DOOR: OnceLock<Door> = OnceLock::new();
    let door = DOOR.get_or_init(Door::new);
    let text = statement(&mut Choices::new(bytes));
    let _ = door.ask(&text);
    door.assert_unchanged(&text);
}

impl Door {
    /// A new one.
    ///
    /// # Panics
    /// Where it cannot be set up.
    pub fn new() -> Self {
        let limits = Limits {
            memory_bytes: 64 << 20,
            spill_bytes: 1 << 20,
            rows: 1_000,
            time: Duration::from_secs(2),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime without threads can be made");
        let tables = vec![
            ("numbers".to_owned(), numbers()),
            ("words".to_owned(), words()),
            (
                "streams".to_owned(),
                memory(RecordBatch::new_empty(STREAMS.schema())),
            ),
        ];
        let views = [("samples".to_owned(), SAMPLES_VIEW.to_owned())];
        let engine = runtime_of(&limits);
        let session = runtime
            .block_on(Session::over(tables, &views, engine, limits))
            .expect("tables in memory can be opened");
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let mut door = Self {
            session,
            runtime,
            folder,
            before: World {
                tables: Vec::new(),
                rows: BTreeMap::new(),
                settings: BTreeMap::new(),
                files: Vec::new(),
            },
        };
        door.before = door.world();
        door
    }

    /// Asks; how many rows there were, or the error in words.
    ///
    /// # Errors
    /// What the door says.
    pub fn ask(&self, text: &str) -> Result<usize, query::Error> {
        let to = self.folder.path().join("written.csv");
        let text = text.replace("{to}", &to.display().to_string());
        let answer = query::sql::query(&self.session, &text);
        self.runtime.block_on(answer).map(|rows| rows.len())
    }

    /// That all is as it was.
    ///
    /// # Panics
    /// Where it is not.
    pub fn assert_unchanged(&self, text: &str) {
        assert_eq!(self.world(), self.before, "changed by {text}");
    }

    fn world(&self) -> World {
        let context = self.session.context();
        let catalog = context.catalog("pacelake").expect("it is the default");
        let mut tables = Vec::new();
        for schema in catalog.schema_names() {
            let names = catalog.schema(&schema).map(|schema| schema.table_names());
            let names = names.unwrap_or_default().into_iter();
            tables.extend(names.map(|name| format!("{schema}.{name}")));
        }
        tables.sort();
        let rows = TABLES.iter().map(|table| {
            let count = async { context.table(*table).await?.count().await };
            let count = self.runtime.block_on(count).expect("the table is there");
            ((*table).to_owned(), count as u64)
        });
        let rows = rows.collect();
        let state = context.state();
        let settings = state.config().options().entries().into_iter();
        let settings = settings.map(|entry| (entry.key, entry.value)).collect();
        let files = std::fs::read_dir(self.folder.path()).expect("it is ours");
        let files = files.flatten().map(|file| file.path()).collect();
        World {
            tables,
            rows,
            settings,
            files,
        }
    }
}

impl Default for Door {
    fn default() -> Self {
        Self::new()
    }
}

fn runtime_of(limits: &Limits) -> Arc<datafusion::execution::runtime_env::RuntimeEnv> {
    runtime(limits).expect("a folder for spilling can be made")
}

fn memory(batch: RecordBatch) -> Arc<dyn TableProvider> {
    let table = MemTable::try_new(batch.schema(), vec![vec![batch]]);
    Arc::new(table.expect("one batch has one schema"))
}

fn numbers() -> Arc<dyn TableProvider> {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, true)]);
    let values = Int64Array::from(vec![Some(0), Some(1), None, Some(i64::MAX), Some(-3)]);
    memory(
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(values)])
            .expect("one column of the declared type"),
    )
}

fn words() -> Arc<dyn TableProvider> {
    let schema = Schema::new(vec![
        Field::new("id", DataType::Int64, false),
        Field::new("word", DataType::Utf8, true),
    ]);
    let ids = Int64Array::from(vec![1, 2, 3]);
    let words = StringArray::from(vec![Some("a"), None, Some("Zürich 🏃")]);
    memory(
        RecordBatch::try_new(Arc::new(schema), vec![Arc::new(ids), Arc::new(words)])
            .expect("two columns of the declared types"),
    )
}
