//! Activities in, rows of every activity-scope table out.

use std::collections::BTreeMap;

use arrow::array::RecordBatch;

use crate::activity::Activity;
use crate::derived::totals::{Totals, of_measured};
use crate::derived::{DERIVED, Derived, How};
use crate::measured::Measured;

/// What a batch of activities comes to.
#[derive(Clone, Debug)]
pub struct DerivedRows {
    /// Rows by name of table; a table without rows has an empty batch.
    pub tables: BTreeMap<&'static str, RecordBatch>,
    /// The totals of each activity, in the order given, for
    /// [`overlay_totals`](crate::derived::totals::overlay_totals).
    pub totals: Vec<Totals>,
}

/// Derives every activity-scope table, in the order of the activities: where
/// they are sorted by their key, rows are in their table's sort order.
///
/// The same activity gives the same rows, bit for bit, whatever is beside it.
pub fn derive(activities: &[Activity]) -> DerivedRows {
    let measured: Vec<Measured> = activities.iter().map(Measured::new).collect();
    let kernels = DERIVED.iter().filter_map(|derived| match derived.how {
        How::Kernel(kernel) => Some((derived.table.name, kernel(&measured))),
        How::Columns(_) | How::Sql => None,
    });
    DerivedRows {
        tables: kernels.collect(),
        totals: measured.iter().map(of_measured).collect(),
    }
}

/// The rows of one definition alone, in the order of the activities; `None`
/// where it is no kernel.
pub fn derive_one(derived: &Derived, activities: &[Activity]) -> Option<RecordBatch> {
    let How::Kernel(kernel) = derived.how else {
        return None;
    };
    let measured: Vec<Measured> = activities.iter().map(Measured::new).collect();
    Some(kernel(&measured))
}
