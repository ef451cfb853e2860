//! A table of which one athlete sees the own rows.
//!
//! The filter is a plan node of its own above the scan, and lets no condition
//! of the statement through to the rows below it: a condition that fails on
//! another athlete's row, such as a division by zero, would tell of that row.
//! The statement's conditions still choose files, row groups and pages, by
//! their statistics.

use std::fmt;
use std::sync::Arc;

use arrow::array::{AsArray, Int64Array, RecordBatch, Scalar};
use arrow::compute::filter_record_batch;
use arrow::compute::kernels::cmp::eq;
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties,
};
use datafusion::prelude::{col, lit};
use futures::StreamExt;
use storage::AthleteId;

/// The column that says whose a row is.
const OWNER: &str = "athlete_id";

/// What a reader sees of tables that do not say whose their rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nobodys {
    /// Nothing.
    Hidden,
    /// All of it.
    Shown,
}

/// The tables as a reader of one athlete's rows sees them; as they are for `None`.
pub(crate) fn seen_by(
    reader: Option<(AthleteId, Nobodys)>,
    tables: Vec<(String, Arc<dyn TableProvider>)>,
) -> Vec<(String, Arc<dyn TableProvider>)> {
    let Some((athlete, nobodys)) = reader else {
        return tables;
    };
    let own = tables.into_iter().filter_map(|(name, table)| {
        let own = OwnRows::of(Arc::clone(&table), athlete);
        let own = own.map(|own| Arc::new(own) as Arc<dyn TableProvider>);
        let shown = own.or_else(|| (nobodys == Nobodys::Shown).then_some(table));
        shown.map(|table| (name, table))
    });
    own.collect()
}

/// A table without the rows of other athletes.
#[derive(Debug)]
pub(crate) struct OwnRows {
    table: Arc<dyn TableProvider>,
    athlete: AthleteId,
    owner: usize,
}

impl OwnRows {
    /// The athlete's rows of a table; `None` where the table does not say
    /// whose its rows are, so that no athlete may see it.
    pub fn of(table: Arc<dyn TableProvider>, athlete: AthleteId) -> Option<Self> {
        let schema = table.schema();
        let (owner, field) = schema.column_with_name(OWNER)?;
        (field.data_type() == &DataType::Int64).then_some(Self {
            table,
            athlete,
            owner,
        })
    }
}

#[async_trait]
impl TableProvider for OwnRows {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        // A limit below the filter would count rows that it takes away.
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut columns = match projection {
            Some(columns) => columns.clone(),
            None => (0..self.schema().fields().len()).collect(),
        };
        let wanted = columns.len();
        let owner = columns.iter().position(|column| *column == self.owner);
        let owner = owner.unwrap_or_else(|| {
            columns.push(self.owner);
            wanted
        });
        let mut filters = filters.to_vec();
        filters.push(col(OWNER).eq(lit(self.athlete.0)));
        let input = self
            .table
            .scan(session, Some(&columns), &filters, None)
            .await?;
        Ok(Arc::new(OwnRowsExec::new(
            input,
            owner,
            wanted,
            self.athlete,
        )?))
    }
}

/// Lets through the rows whose owner is the athlete.
#[derive(Debug)]
struct OwnRowsExec {
    input: Arc<dyn ExecutionPlan>,
    /// Which column of the input says whose a row is.
    owner: usize,
    /// How many of the input's columns go on.
    wanted: usize,
    athlete: AthleteId,
    properties: Arc<PlanProperties>,
}

impl OwnRowsExec {
    fn new(
        input: Arc<dyn ExecutionPlan>,
        owner: usize,
        wanted: usize,
        athlete: AthleteId,
    ) -> Result<Self> {
        let kept: Vec<usize> = (0..wanted).collect();
        let schema = Arc::new(input.schema().project(&kept)?);
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            input.output_partitioning().clone(),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Ok(Self {
            input,
            owner,
            wanted,
            athlete,
            properties: Arc::new(properties),
        })
    }
}

/// The rows of a batch that are the athlete's, with the first `wanted` columns.
fn own(
    batch: &RecordBatch,
    owner: usize,
    wanted: usize,
    athlete: AthleteId,
) -> Result<RecordBatch> {
    let owners = batch.column(owner);
    let owners = owners.as_primitive_opt::<Int64Type>().ok_or_else(|| {
        DataFusionError::Internal(format!("{OWNER} is {}, no number", owners.data_type()))
    })?;
    let kept: Vec<usize> = (0..wanted).collect();
    let mine = eq(owners, &Scalar::new(Int64Array::from(vec![athlete.0])))?;
    // The condition first: no column of others goes on, even for a moment.
    Ok(filter_record_batch(&batch.project(&kept)?, &mine)?)
}

impl DisplayAs for OwnRowsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnRowsExec: {OWNER}={}", self.athlete)
    }
}

impl ExecutionPlan for OwnRowsExec {
    fn name(&self) -> &'static str {
        "OwnRowsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    /// It does, and must not say so: the planner would sort below it, by values
    /// that a statement computes of rows that are not the athlete's.
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = children.as_slice() else {
            return Err(DataFusionError::Internal(
                "own rows are of one input".to_owned(),
            ));
        };
        Ok(Arc::new(Self::new(
            Arc::clone(input),
            self.owner,
            self.wanted,
            self.athlete,
        )?))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let (owner, wanted, athlete) = (self.owner, self.wanted, self.athlete);
        let input = self.input.execute(partition, context)?;
        let rows = input.map(move |batch| own(&batch?, owner, wanted, athlete));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

#[cfg(test)]
#[path = "own_rows_tests.rs"]
mod tests;
