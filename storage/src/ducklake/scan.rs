//! A lake table for DataFusion: a plain scan of Parquet files.
//!
//! Files are chosen by the ranges in memory, row groups and pages by the
//! scan itself, and deleted rows are left out as row selections.

use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, BooleanArray, UInt64Array};
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::stats::Precision;
use datafusion::common::{Column, DataFusionError, Statistics, ToDFSchema};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::TableProvider;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::parquet::ParquetAccessPlan;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use futures::{StreamExt, TryStreamExt, stream};
use parquet::arrow::arrow_reader::RowSelection;

use super::adapter::AdapterFactory;
use super::bound::{self, Bound};
use super::deletes;
use super::footers::{self, Readers};
use super::io::{Io, parquet_error};
use super::state::{DataFile, State, TableState};
use crate::layout;

/// How many delete files are read at once.
const FILES_AT_ONCE: usize = 8;

/// A table at one snapshot.
#[derive(Debug)]
pub(crate) struct LakeTable {
    io: Arc<Io>,
    table: Arc<TableState>,
    snapshot_id: i64,
    renewed: Arc<Renewed>,
}

/// A snapshot whose list of files was read anew, where it was: shared by a
/// view, its clones and its tables.
#[derive(Debug, Default)]
pub(crate) struct Renewed(Mutex<Option<Arc<State>>>);

impl Renewed {
    pub fn set(&self, state: State) {
        // Nothing can fail half-way while it is held.
        let mut renewed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *renewed = Some(Arc::new(state));
    }

    pub fn get(&self) -> Option<Arc<State>> {
        let renewed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        renewed.clone()
    }
}

impl LakeTable {
    pub fn new(
        io: Arc<Io>,
        table: Arc<TableState>,
        snapshot_id: i64,
        renewed: Arc<Renewed>,
    ) -> Self {
        Self {
            io,
            table,
            snapshot_id,
            renewed,
        }
    }

    /// The same table with its files as they were read anew.
    fn fresh(&self) -> Option<Self> {
        let state = self.renewed.get()?;
        let table = Arc::clone(state.tables.get(&self.table.name)?);
        let io = Arc::clone(&self.io);
        Some(Self::new(io, table, self.snapshot_id, Arc::default()))
    }

    /// The file as DataFusion reads it, without its deleted rows.
    async fn partitioned_file(
        &self,
        file: Arc<DataFile>,
    ) -> Result<(PartitionedFile, u64), DataFusionError> {
        let object = &file.object;
        let mut scanned = PartitionedFile::new(String::new(), object.size);
        scanned.object_meta.location = object.path.clone();
        if let Some(footer_size) = object.footer_size {
            scanned = scanned.with_metadata_size_hint(footers::size_hint(footer_size));
        }
        let external = |error: crate::Error| DataFusionError::External(Box::new(error));
        let hidden = self
            .io
            .hidden(&file, self.snapshot_id)
            .await
            .map_err(external)?;
        if hidden.is_empty() {
            return Ok((scanned, file.rows));
        }
        let metadata = self
            .io
            .reader(object)
            .metadata()
            .await
            .map_err(|source| external(parquet_error("read", object)(source)))?;
        let selection = RowSelection::from(deletes::select_all_but(&hidden, file.rows));
        let rows = file.rows.saturating_sub(hidden.len() as u64);
        let plan = ParquetAccessPlan::try_new_from_overall_row_selection(
            selection,
            metadata.row_groups(),
        )?;
        Ok((scanned.with_extension(plan), rows))
    }

    /// The scan of files together with the rows that lie in the catalog.
    fn inlined(
        &self,
        projection: Option<&Vec<usize>>,
        files: Arc<dyn ExecutionPlan>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        let Some(inlined) = &self.table.inlined else {
            return Ok(files);
        };
        let inlined = MemorySourceConfig::try_new_exec(
            &[vec![inlined.rows.clone()]],
            Arc::clone(&self.table.schema),
            projection.cloned(),
        )?;
        UnionExec::try_new(vec![files, inlined])
    }

    /// The files that can hold rows for which the predicate is true.
    fn pruned(
        &self,
        predicate: Option<&Arc<dyn PhysicalExpr>>,
    ) -> Result<Vec<Arc<DataFile>>, DataFusionError> {
        let files = &self.table.files;
        let Some(predicate) = predicate else {
            return Ok(files.to_vec());
        };
        let pruning = PruningPredicateBuilder::new()
            .with_file_schema(Arc::clone(&self.table.schema))
            .build(Arc::clone(predicate));
        // A filter that ranges say nothing about.
        let Some(pruning) = pruning else {
            return Ok(files.to_vec());
        };
        let keep = pruning.prune(&FileStatistics(&self.table))?;
        Ok(files
            .iter()
            .zip(keep)
            .filter(|(_, keep)| *keep)
            .map(|(file, _)| Arc::clone(file))
            .collect())
    }
}

#[async_trait]
impl TableProvider for LakeTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.table.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> datafusion::error::Result<Vec<TableProviderFilterPushDown>> {
        // They choose files, row groups and pages; rows are filtered above.
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> datafusion::error::Result<Arc<dyn ExecutionPlan>> {
        if let Some(fresh) = self.fresh() {
            return fresh.scan(session, projection, filters, limit).await;
        }
        let schema = &self.table.schema;
        let predicate = conjunction(filters.to_vec())
            .map(|filter| {
                let df_schema = Arc::clone(schema).to_dfschema()?;
                session.create_physical_expr(filter, &df_schema)
            })
            .transpose()?;
        let projected = match projection {
            Some(columns) => Arc::new(schema.project(columns)?),
            None => Arc::clone(schema),
        };
        let files = self.pruned(predicate.as_ref())?;
        let opened: Vec<(PartitionedFile, u64)> = stream::iter(files)
            .map(|file| self.partitioned_file(file))
            .buffered(FILES_AT_ONCE)
            .try_collect()
            .await?;
        let rows = opened.iter().map(|(_, live)| *live as usize).sum();
        let scanned: Vec<_> = opened.into_iter().map(|(file, _)| file).collect();
        if scanned.is_empty() {
            return self.inlined(projection, Arc::new(EmptyExec::new(projected)));
        }
        let options = TableParquetOptions {
            global: session.config_options().execution.parquet.clone(),
            ..TableParquetOptions::default()
        };
        let mut source = ParquetSource::new(Arc::clone(schema))
            .with_table_parquet_options(options)
            .with_enable_page_index(true)
            .with_parquet_file_reader_factory(Arc::new(Readers(Arc::clone(&self.io.footers))));
        if let Some(predicate) = &predicate {
            source = source.with_predicate(Arc::clone(predicate));
        }
        let partitions = session.config().target_partitions().max(1);
        let groups = FileGroup::new(scanned).split_files(partitions);
        // Exact only where nothing above the files chooses among the rows.
        let num_rows = match &predicate {
            None => Precision::Exact(rows),
            Some(_) => Precision::Inexact(rows),
        };
        let statistics = Statistics {
            num_rows,
            ..Statistics::new_unknown(schema)
        };
        let adapter = AdapterFactory::new(Arc::clone(&self.table.columns));
        let config = FileScanConfigBuilder::new(self.io.url.clone(), Arc::new(source))
            .with_file_groups(groups)
            .with_statistics(statistics)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit.filter(|_| predicate.is_none()))
            .with_batch_size(layout::batch_rows(&projected))
            .with_expr_adapter(Some(Arc::new(adapter)))
            .build();
        self.inlined(projection, DataSourceExec::from_data_source(config))
    }
}

/// The ranges of a table's live files, as DataFusion asks for them.
struct FileStatistics<'a>(&'a TableState);

impl FileStatistics<'_> {
    /// Which entry of [`DataFile::known`] tells of the column.
    fn nth(&self, column: &Column) -> Option<usize> {
        let index = self.0.schema.index_of(&column.name).ok()?;
        self.0.ranged.iter().position(|ranged| *ranged == index)
    }

    fn ends(&self, column: &Column, end: fn(&bound::Range) -> &Bound) -> Option<ArrayRef> {
        let nth = self.nth(column)?;
        let data_type = &self.0.columns[self.0.ranged[nth]].data_type;
        let bounds = self
            .0
            .files
            .iter()
            .map(|file| file.known.get(nth)?.range.as_ref().map(end));
        bound::array_of(data_type, bounds)
    }
}

impl PruningStatistics for FileStatistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.ends(column, |range| &range.min)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.ends(column, |range| &range.max)
    }

    fn num_containers(&self) -> usize {
        self.0.files.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let nth = self.nth(column)?;
        let counts = self.0.files.iter().map(|file| {
            let known = file.known.get(nth)?;
            match known.has_nulls {
                // Only "none", "all" and "some" matter.
                Some(true) if known.only_nulls => Some(file.rows),
                Some(has_nulls) => Some(u64::from(has_nulls)),
                None => None,
            }
        });
        Some(Arc::new(counts.collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = self.0.files.iter().map(|file| Some(file.rows));
        Some(Arc::new(rows.collect::<UInt64Array>()))
    }

    fn contained(
        &self,
        _column: &Column,
        _values: &std::collections::HashSet<datafusion::common::ScalarValue>,
    ) -> Option<BooleanArray> {
        None
    }
}
