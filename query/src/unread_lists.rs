//! Channels that a statement over `samples` does not read are not decoded.
//!
//! The engine prunes columns of tables, but not the lists of an unnesting: how
//! many rows come out hangs on the longest of them. In `streams` all lists of
//! a row are as long as `t_ms`, or absent, so that `t_ms` alone says how many
//! rows there are, and any other that nobody reads can go.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan, Projection, Unnest};
use datafusion::optimizer::{ApplyOrder, OptimizerConfig, OptimizerRule};
use storage::tables::STREAMS;

/// The list that no row is without.
const TIMES: &str = "t_ms";

/// Takes lists of `streams` that nobody reads out of what is unnested.
#[derive(Debug)]
pub(crate) struct UnreadLists;

impl OptimizerRule for UnreadLists {
    fn name(&self) -> &str {
        "unread_lists"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(
        &self,
        plan: LogicalPlan,
        _config: &dyn OptimizerConfig,
    ) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Projection(projection) = &plan else {
            return Ok(Transformed::no(plan));
        };
        let read = projection.expr.iter().flat_map(Expr::column_refs);
        let Some(input) = pruned(&projection.input, &read.collect())? else {
            return Ok(Transformed::no(plan));
        };
        let (expr, schema) = (projection.expr.clone(), Arc::clone(&projection.schema));
        let projection = Projection::try_new_with_schema(expr, Arc::new(input), schema)?;
        Ok(Transformed::yes(LogicalPlan::Projection(projection)))
    }
}

/// The plan without lists that are not among `read`; `None` where it unnests
/// nothing of `streams`, or all of it is read.
fn pruned(plan: &LogicalPlan, read: &HashSet<&Column>) -> Result<Option<LogicalPlan>> {
    match plan {
        LogicalPlan::Filter(filter) => {
            let also = filter.predicate.column_refs();
            let read = read.union(&also).copied().collect();
            let filtered = |input| {
                let filter = Filter::try_new(filter.predicate.clone(), Arc::new(input))?;
                Ok(LogicalPlan::Filter(filter))
            };
            pruned(&filter.input, &read)?.map(filtered).transpose()
        }
        LogicalPlan::Unnest(unnest) => pruned_unnest(unnest, read),
        _ => Ok(None),
    }
}

fn pruned_unnest(unnest: &Unnest, read: &HashSet<&Column>) -> Result<Option<LogicalPlan>> {
    let LogicalPlan::Projection(lists) = unnest.input.as_ref() else {
        return Ok(None);
    };
    if !is_of_streams(&lists.input) {
        return Ok(None);
    }
    let is_read = |input: usize| {
        let outputs = unnest.dependency_indices.iter().enumerate();
        let mut outputs = outputs.filter(|(_, of)| **of == input);
        outputs.any(|(output, _)| {
            let column = Column::from(unnest.schema.qualified_field(output));
            read.contains(&&column)
        })
    };
    let is_times = |input: &usize| {
        let column = Column::from(lists.schema.qualified_field(*input));
        channel(&lists.expr[*input]) == Some(TIMES) && unnest.exec_columns.contains(&column)
    };
    let times = (0..lists.expr.len()).find(is_times);
    let stays = |input: usize| {
        Some(input) == times || is_read(input) || !is_as_long_as_times(&lists.expr[input])
    };
    let kept: Vec<usize> = (0..lists.expr.len())
        .filter(|input| stays(*input))
        .collect();
    if times.is_none() || kept.len() == lists.expr.len() {
        return Ok(None);
    }
    let expr = kept.iter().map(|input| lists.expr[*input].clone());
    let lists = Projection::try_new(expr.collect(), Arc::clone(&lists.input))?;
    let unnested = unnest.exec_columns.iter();
    let unnested = unnested.filter(|column| lists.schema.has_column(column));
    let unnest = Unnest::try_new(
        Arc::new(LogicalPlan::Projection(lists.clone())),
        unnested.cloned().collect(),
        unnest.options.clone(),
    )?;
    Ok(Some(LogicalPlan::Unnest(unnest)))
}

/// Whether rows are those of `streams`, or some of them.
fn is_of_streams(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Filter(filter) => is_of_streams(&filter.input),
        LogicalPlan::TableScan(scan) => scan.table_name.table() == STREAMS.name,
        _ => false,
    }
}

/// The channel of `streams` that an expression is, whatever it is called.
fn channel(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Alias(alias) => channel(&alias.expr),
        Expr::Column(column) => Some(column.name()),
        _ => None,
    }
}

/// Whether it is a channel, or a column of no list, or numbers the samples.
fn is_as_long_as_times(expr: &Expr) -> bool {
    channel(expr).is_some_and(|name| STREAMS.column(name).is_some()) || numbers_samples(expr)
}

/// Whether it is `range(0, array_length(t_ms))`.
fn numbers_samples(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => numbers_samples(&alias.expr),
        Expr::ScalarFunction(range) => {
            let [from, to] = range.args.as_slice() else {
                return false;
            };
            range.name() == "range" && is_zero(from) && is_count_of_times(to)
        }
        _ => false,
    }
}

fn is_zero(expr: &Expr) -> bool {
    matches!(expr, Expr::Literal(ScalarValue::Int64(Some(0)), _))
}

fn is_count_of_times(expr: &Expr) -> bool {
    match expr {
        Expr::Cast(cast) => is_count_of_times(&cast.expr),
        Expr::ScalarFunction(length) => {
            let of_times = length.args.first().and_then(channel) == Some(TIMES);
            length.name() == "array_length" && length.args.len() == 1 && of_times
        }
        _ => false,
    }
}

#[cfg(test)]
#[path = "unread_lists_tests.rs"]
mod tests;
