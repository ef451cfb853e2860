//! DataFusion over one snapshot of the lake, within limits.
//!
//! A [`Session`] sees the tables and views of its snapshot and nothing else:
//! no other object store, no file format, no table factory is registered, so
//! that no statement can name a file. What it runs is bounded in memory, spill
//! space, time and rows.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::datasource::ViewTable;
use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryPool, MemoryReservation, TrackConsumersPool,
};
use datafusion::execution::object_store::{DefaultObjectStoreRegistry, ObjectStoreRegistry};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::{SendableRecordBatchStream, SessionState, SessionStateBuilder};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::{DataFrame, SessionConfig, SessionContext};
use futures::StreamExt;
use storage::{AthleteId, LakeView, is_missing_file};

use crate::bounded;
use crate::error::Error;
use crate::own_rows::{Nobodys, seen_by};
use crate::sql;
use crate::unread_lists::UnreadLists;

/// The catalog and schema that hold the lake's tables.
const CATALOG: &str = "pacelake";
const SCHEMA: &str = "lake";

/// How much one session may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Memory of all its running queries and their results, in bytes.
    pub memory_bytes: usize,
    /// Disk space for sorts and joins that do not fit, in bytes.
    pub spill_bytes: u64,
    /// Rows that one query may give.
    pub rows: usize,
    /// How long one query may run.
    pub time: Duration,
}

impl Default for Limits {
    /// 1 GiB of memory, 10 GiB of spill space, 100,000 rows, 60 s.
    fn default() -> Self {
        Self {
            memory_bytes: 1 << 30,
            spill_bytes: 10 << 30,
            rows: 100_000,
            time: Duration::from_secs(60),
        }
    }
}

impl Limits {
    /// For work of our own, whose results may be as many as they are: an hour,
    /// and any number of rows.
    pub fn jobs() -> Self {
        Self {
            rows: usize::MAX,
            time: Duration::from_secs(3_600),
            ..Self::default()
        }
    }
}

/// Rows that a query gave, with their columns even where there are none.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The columns.
    pub schema: SchemaRef,
    /// The rows, in order.
    pub batches: Vec<RecordBatch>,
}

impl Rows {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Rows that count as memory in use of their session.
#[derive(Debug)]
pub struct Held {
    /// The rows.
    pub rows: Rows,
    /// Given back when it is dropped.
    pub(crate) reservation: MemoryReservation,
}

/// DataFusion at one snapshot. Cheap to clone; clones share their limits.
#[derive(Clone)]
pub struct Session {
    context: SessionContext,
    /// The snapshot, where all of its rows may be read.
    view: Option<LakeView>,
    /// The snapshot, whose list of files may be read anew.
    origin: Option<LakeView>,
    tables: Arc<Vec<String>>,
    limits: Limits,
}

impl Session {
    /// A session at one snapshot of the lake.
    ///
    /// # Errors
    /// As [`Session::over`].
    pub async fn open(view: &LakeView, limits: Limits) -> Result<Self, Error> {
        let mut session = Self::open_as(view, None, limits).await?;
        session.view = Some(view.clone());
        Ok(session)
    }

    /// A session at one snapshot of the lake in which every table holds one
    /// athlete's rows only, and tables that are nobody's are not there.
    ///
    /// # Errors
    /// As [`Session::over`].
    pub async fn open_for(
        view: &LakeView,
        athlete: AthleteId,
        limits: Limits,
    ) -> Result<Self, Error> {
        Self::open_as(view, Some((athlete, Nobodys::Hidden)), limits).await
    }

    /// The same for whoever runs the installation: tables that are nobody's are
    /// there, too.
    ///
    /// # Errors
    /// As [`Session::over`].
    pub async fn open_for_admin(
        view: &LakeView,
        athlete: AthleteId,
        limits: Limits,
    ) -> Result<Self, Error> {
        Self::open_as(view, Some((athlete, Nobodys::Shown)), limits).await
    }

    async fn open_as(
        view: &LakeView,
        reader: Option<(AthleteId, Nobodys)>,
        limits: Limits,
    ) -> Result<Self, Error> {
        let runtime = runtime(&limits)?;
        let (url, store) = view.object_store();
        runtime.register_object_store(&url, store);
        let names = view.table_names().into_iter();
        let tables = names.filter_map(|name| Some((name.clone(), view.provider(&name)?)));
        let tables = seen_by(reader, tables.collect());
        let mut session = Self::over(tables, &view.views(), runtime, limits).await?;
        session.origin = Some(view.clone());
        Ok(session)
    }

    /// A session over named tables, and views over them as `(name, SQL)`.
    ///
    /// A view that DataFusion cannot plan is left out and logged: views may
    /// have been stored by other engines, in their dialect.
    ///
    /// # Errors
    /// [`Error::Read`] where the engine cannot be set up.
    pub async fn over(
        tables: Vec<(String, Arc<dyn TableProvider>)>,
        views: &[(String, String)],
        runtime: Arc<RuntimeEnv>,
        limits: Limits,
    ) -> Result<Self, Error> {
        let setup = |error| Error::of_read("the snapshot", error);
        let schema = Arc::new(MemorySchemaProvider::new());
        let names = tables.iter().map(|(name, _)| name.clone()).collect();
        for (name, table) in tables {
            schema.register_table(name, table).map_err(setup)?;
        }
        let context = SessionContext::new_with_state(state(runtime));
        bounded::register(&context);
        context
            .catalog(CATALOG)
            .expect("the default catalog is made with the state")
            .register_schema(SCHEMA, Arc::clone(&schema) as Arc<dyn SchemaProvider>)
            .map_err(setup)?;
        register_views(&context, &schema, views).await;
        Ok(Self {
            context,
            view: None,
            origin: None,
            tables: Arc::new(names),
            limits,
        })
    }

    /// The same, where each plan is cut into at most so many parts that run at
    /// once.
    pub fn on_threads(mut self, threads: usize) -> Self {
        let config = |config: SessionConfig| config.with_target_partitions(threads.max(1));
        let state = set(self.context.state(), config);
        self.context = SessionContext::new_with_state(state);
        self
    }

    /// The tables of the snapshot, without views.
    pub fn tables(&self) -> &[String] {
        &self.tables
    }

    /// The snapshot itself, for reads by key; `None` where the session does not
    /// see all of it.
    pub(crate) fn view(&self) -> Option<&LakeView> {
        self.view.as_ref()
    }

    /// The limits that it runs within.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The columns of a table or view.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none of that name.
    pub async fn schema(&self, table: &str) -> Result<SchemaRef, Error> {
        Ok(self.provider(table).await?.schema())
    }

    /// Runs SQL of ours, with values for its `$name` parameters.
    ///
    /// The parameters are bound, never pasted, and their types are those of
    /// the columns that they meet, so that files and pages are passed over.
    ///
    /// # Errors
    /// A limit that was passed, or [`Error::Read`] for `what`.
    pub async fn read<const N: usize>(
        &self,
        what: &'static str,
        sql: &str,
        parameters: [(&str, ScalarValue); N],
    ) -> Result<Rows, Error> {
        let of_read = |error| Error::of_read(what, error);
        let parameters: HashMap<String, ScalarValue> = parameters
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        let plan = async {
            let plan = self.context.state().create_logical_plan(sql).await?;
            plan.with_param_values(parameters)
        };
        self.collect(plan.await.map_err(of_read)?, of_read).await
    }

    /// Reads one table by a plan that `build` makes of it.
    ///
    /// # Errors
    /// A limit that was passed, or [`Error::Read`] for the table.
    pub(crate) async fn read_table(
        &self,
        table: &'static str,
        build: impl FnOnce(DataFrame) -> Result<DataFrame, DataFusionError>,
    ) -> Result<Rows, Error> {
        let of_read = |error| Error::of_read(table, error);
        let frame = self.context.table(table).await.and_then(build);
        let plan = frame.map_err(of_read)?.into_unoptimized_plan();
        self.collect(plan, of_read).await
    }

    /// All rows of a plan, within the limits of rows, memory and time.
    pub(crate) async fn collect(
        &self,
        plan: LogicalPlan,
        explain: impl Fn(DataFusionError) -> Error,
    ) -> Result<Rows, Error> {
        Ok(self.collect_held(plan, explain).await?.rows)
    }

    /// The same, where the rows count as memory in use as long as they are
    /// held.
    pub(crate) async fn collect_held(
        &self,
        plan: LogicalPlan,
        explain: impl Fn(DataFusionError) -> Error,
    ) -> Result<Held, Error> {
        let limit = self.limits.time;
        let collecting = async {
            let first = self.collect_unhurried(plan.clone(), &explain).await;
            match (first, &self.origin) {
                // Whoever removed the file wrote its rows elsewhere.
                (Err(error), Some(view)) if is_missing_file(&error) => {
                    view.renew().await?;
                    self.collect_unhurried(plan, &explain).await
                }
                (first, _) => first,
            }
        };
        match tokio::time::timeout(limit, collecting).await {
            Ok(rows) => rows,
            Err(_) => Err(Error::TooLong { limit }),
        }
    }

    async fn collect_unhurried(
        &self,
        plan: LogicalPlan,
        explain: impl Fn(DataFusionError) -> Error,
    ) -> Result<Held, Error> {
        // Results count as memory in use: many rows of long lists are as much
        // a danger as a large sort.
        let pool = &self.context.runtime_env().memory_pool;
        let reservation = MemoryConsumer::new("result").register(pool);
        let mut stream = self.stream(plan).await.map_err(&explain)?;
        let mut rows = Rows {
            schema: stream.schema(),
            batches: Vec::new(),
        };
        let mut count = 0;
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(&explain)?;
            count += batch.num_rows();
            if count > self.limits.rows {
                let limit = self.limits.rows;
                return Err(Error::TooManyRows { limit });
            }
            reservation
                .try_grow(memory_of(&batch))
                .map_err(|source| Error::TooMuchMemory { source })?;
            rows.batches.push(batch);
        }
        Ok(Held { rows, reservation })
    }

    /// The batches of a plan, as they come; only memory and spill space are
    /// limited.
    async fn stream(
        &self,
        plan: LogicalPlan,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        self.stream_by(plan, None).await
    }

    /// The same with at most so many rows a batch; `None`: as many as usual.
    pub(crate) async fn stream_by(
        &self,
        plan: LogicalPlan,
        rows: Option<usize>,
    ) -> Result<SendableRecordBatchStream, DataFusionError> {
        let mut state = self.context.state();
        if let Some(rows) = rows {
            state = set(state, |config| config.with_batch_size(rows));
        }
        let physical = state.create_physical_plan(&plan).await?;
        execute_stream(physical, state.task_ctx())
    }

    /// The engine, for plans of ours: an analyst's statement goes through
    /// [`sql::query`] alone.
    pub fn context(&self) -> &SessionContext {
        &self.context
    }

    /// The engine's state, for planning.
    pub(crate) fn state(&self) -> SessionState {
        self.context.state()
    }

    /// A table or view.
    pub(crate) async fn provider(&self, table: &str) -> Result<Arc<dyn TableProvider>, Error> {
        let schema = self
            .context
            .catalog(CATALOG)
            .and_then(|catalog| catalog.schema(SCHEMA))
            .expect("the schema is registered when the session is made");
        let found = schema.table(table).await;
        found
            .map_err(|error| Error::of_read("a table", error))?
            .ok_or_else(|| Error::NotFound {
                what: format!("table {table}"),
            })
    }
}

/// A runtime that reaches no object store yet.
///
/// # Errors
/// [`Error::Read`] where no folder for spilling can be had.
pub fn runtime(limits: &Limits) -> Result<Arc<RuntimeEnv>, Error> {
    let five = std::num::NonZeroUsize::new(5).expect("5 is not 0");
    let pool: Arc<dyn MemoryPool> = Arc::new(TrackConsumersPool::new(
        FairSpillPool::new(limits.memory_bytes),
        five,
    ));
    RuntimeEnvBuilder::new()
        .with_memory_pool(pool)
        .with_max_temp_directory_size(limits.spill_bytes)
        .with_object_store_registry(empty_registry())
        .build_arc()
        .map_err(|error| Error::of_read("the engine", error))
}

/// A registry without the local disk, which DataFusion's own begins with.
fn empty_registry() -> Arc<dyn ObjectStoreRegistry> {
    let registry = DefaultObjectStoreRegistry::new();
    let disk = "file://".parse().expect("a constant URL is well formed");
    // An error says that there was none, which is what is wanted.
    let _ = registry.deregister_store(&disk);
    Arc::new(registry)
}

/// The engine's settings: the standard functions, and no way to a file.
fn state(runtime: Arc<RuntimeEnv>) -> SessionState {
    let config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(true)
        .with_information_schema(true);
    SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_default_features()
        .with_table_factories(HashMap::new())
        .with_file_formats(Vec::new())
        .with_optimizer_rule(Arc::new(UnreadLists))
        .build()
}

/// The same state with other settings.
fn set(state: SessionState, settings: impl FnOnce(SessionConfig) -> SessionConfig) -> SessionState {
    let config = settings(state.config().clone());
    SessionStateBuilder::new_from_existing(state)
        // The schema is there; another would take its place, without tables.
        .with_config(config.with_create_default_catalog_and_schema(false))
        .build()
}

/// Plans each view over what is registered so far, until no more can be: a
/// view may use another that stands later in the list.
async fn register_views(
    context: &SessionContext,
    schema: &MemorySchemaProvider,
    views: &[(String, String)],
) {
    let mut waiting: Vec<&(String, String)> = views.iter().collect();
    while !waiting.is_empty() {
        let mut next = Vec::new();
        for view in &waiting {
            match plan_view(context, &view.1).await {
                Ok(table) => {
                    // Only a name that is taken is refused; the table wins.
                    let _ = schema.register_table(view.0.clone(), table);
                }
                Err(error) => next.push((view, error)),
            }
        }
        if next.len() == waiting.len() {
            for ((name, _), error) in next {
                tracing::warn!(view = name, %error, "a view of the lake cannot be planned here");
            }
            return;
        }
        waiting = next.into_iter().map(|(view, _)| *view).collect();
    }
}

async fn plan_view(context: &SessionContext, text: &str) -> Result<Arc<dyn TableProvider>, Error> {
    let plan = sql::plan(&context.state(), text).await?;
    Ok(Arc::new(ViewTable::new(plan, Some(text.to_owned()))))
}

/// What a batch's own rows take, not the buffers that it shares with others.
pub(crate) fn memory_of(batch: &RecordBatch) -> usize {
    let column = |array: &arrow::array::ArrayRef| {
        let data = array.to_data();
        data.get_slice_memory_size()
            .unwrap_or_else(|_| data.get_buffer_memory_size())
    };
    batch.columns().iter().map(column).sum()
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
