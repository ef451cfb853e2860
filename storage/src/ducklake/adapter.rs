//! From the columns of a file to the columns of its table: by field id, so
//! that renamed columns keep their values, with the default where a file is
//! older than a column.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, lit};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapter, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};
use parquet::arrow::PARQUET_FIELD_ID_META_KEY;

use super::types::LakeColumn;

/// Makes adapters for the files of one table at one snapshot.
#[derive(Clone, Debug)]
pub(crate) struct AdapterFactory {
    columns: Arc<[LakeColumn]>,
}

impl AdapterFactory {
    pub fn new(columns: Arc<[LakeColumn]>) -> Self {
        Self { columns }
    }
}

/// Which field of a file holds the column; by name in files without field
/// ids, which other programs wrote and DuckDB took over.
pub(crate) fn find_field(file: &Schema, column: &LakeColumn) -> Option<usize> {
    let id_of = |field: &Field| -> Option<i64> {
        field
            .metadata()
            .get(PARQUET_FIELD_ID_META_KEY)?
            .parse()
            .ok()
    };
    if file.fields().iter().any(|field| id_of(field).is_some()) {
        file.fields()
            .iter()
            .position(|field| id_of(field) == Some(column.id))
    } else {
        file.fields()
            .iter()
            .position(|field| field.name() == &column.name)
    }
}

impl PhysicalExprAdapterFactory for AdapterFactory {
    fn create(
        &self,
        logical: SchemaRef,
        physical: SchemaRef,
    ) -> datafusion::error::Result<Arc<dyn PhysicalExprAdapter>> {
        // Fields that belong to no column of the table get a name that no
        // column can have, so that a new column never finds a dropped one.
        let mut fields: Vec<Field> = physical
            .fields()
            .iter()
            .enumerate()
            .map(|(index, field)| field.as_ref().clone().with_name(format!("\0{index}")))
            .collect();
        let mut defaults = HashMap::new();
        for column in self.columns.iter() {
            match find_field(&physical, column) {
                Some(index) => {
                    fields[index] = if physical.field(index).data_type() == &column.data_type {
                        // The very same field spares a cast that would only
                        // strip the field id, and would hinder pruning.
                        logical
                            .field_with_name(&column.name)
                            .cloned()
                            .unwrap_or_else(|_| column.field())
                    } else {
                        fields[index].clone().with_name(&column.name)
                    };
                }
                None => {
                    if let Some(value) = default_of(column) {
                        defaults.insert(column.name.clone(), value);
                    }
                }
            }
        }
        Ok(Arc::new(Adapter {
            inner: DefaultPhysicalExprAdapter::new(logical, Arc::new(Schema::new(fields))),
            defaults,
            physical,
        }))
    }
}

/// The value of rows in files that are older than the column.
pub(crate) fn default_of(column: &LakeColumn) -> Option<ScalarValue> {
    let text = column.initial_default.as_deref()?;
    if text == "NULL" {
        return None;
    }
    let value = match column.data_type {
        DataType::Boolean => ScalarValue::Boolean(Some(matches!(text, "true" | "1"))),
        _ => ScalarValue::try_from_string(text.to_owned(), &column.data_type).ok()?,
    };
    Some(value)
}

#[derive(Debug)]
struct Adapter {
    inner: DefaultPhysicalExprAdapter,
    defaults: HashMap<String, ScalarValue>,
    physical: SchemaRef,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(
        &self,
        expr: Arc<dyn PhysicalExpr>,
    ) -> datafusion::error::Result<Arc<dyn PhysicalExpr>> {
        let with_defaults = expr.transform(|expr| {
            let default = expr
                .downcast_ref::<Column>()
                .and_then(|column| self.defaults.get(column.name()));
            Ok(match default {
                Some(value) => Transformed::yes(lit(value.clone())),
                None => Transformed::no(expr),
            })
        })?;
        let adapted = self.inner.rewrite(with_defaults.data)?;
        // Back to the names that the file has: readers find columns by them.
        adapted
            .transform(|expr| {
                let Some(column) = expr.downcast_ref::<Column>() else {
                    return Ok(Transformed::no(expr));
                };
                let name = self.physical.field(column.index()).name();
                if name == column.name() {
                    return Ok(Transformed::no(expr));
                }
                let column = Column::new(name, column.index());
                Ok(Transformed::yes(Arc::new(column) as _))
            })
            .map(|rewritten| rewritten.data)
    }
}
