//! `pacelake audit`.

use std::process::ExitCode;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use query::session::Rows;
use storage::catalog::{AuditEntry, AuditFilter, Outcome};

use super::{Ending, Rim, boxed};
use crate::args::Audit;
use crate::output;

/// Prints what imports did, newest first.
pub async fn run(rim: &Rim, args: &Audit) -> Ending {
    let context = rim.context().await.map_err(boxed)?;
    // The receipt of a purge outlives its athlete.
    let athlete_id = match rim.athlete {
        Some(named) => named,
        None => context.athlete(None).await.map_err(boxed)?.athlete_id,
    };
    let filter = AuditFilter {
        athlete_id: Some(athlete_id),
        outcome: args.failed.then_some(Outcome::Failed),
        activity_id: args.activity,
        limit: args.limit,
        ..AuditFilter::default()
    };
    let entries = context
        .storage
        .catalog
        .audit(&filter)
        .await
        .map_err(boxed)?;
    output::rows(&rows(&entries), args.format)?;
    Ok(ExitCode::SUCCESS)
}

/// The audit as rows, so that it prints as any table does.
fn rows(entries: &[AuditEntry]) -> Rows {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let schema = Arc::new(Schema::new(vec![
        Field::new(
            "at",
            DataType::Timestamp(TimeUnit::Microsecond, None),
            false,
        ),
        text("action", false),
        text("outcome", false),
        text("path", false),
        Field::new("activity_id", DataType::Int64, true),
        text("code", true),
        text("reason", false),
        text("try_next", true),
        text("raw_sha256", true),
        text("run_id", false),
    ]));
    let texts = |column: &dyn Fn(&AuditEntry) -> Option<String>| -> ArrayRef {
        Arc::new(entries.iter().map(column).collect::<StringArray>())
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampMicrosecondArray::from_iter_values(
            entries.iter().map(|e| e.at_us),
        )),
        texts(&|entry| Some(entry.action.clone())),
        texts(&|entry| Some(entry.outcome.name().to_owned())),
        texts(&|entry| Some(entry.path.clone())),
        Arc::new(
            entries
                .iter()
                .map(|e| e.activity_id.map(|id| id.0))
                .collect::<Int64Array>(),
        ),
        texts(&|entry| entry.code.clone()),
        texts(&|entry| Some(entry.reason.clone())),
        texts(&|entry| entry.try_next.clone()),
        texts(&|entry| entry.sha256.clone()),
        texts(&|entry| Some(entry.run_id.to_string())),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)
        .expect("each column is built from the same entries, in the schema's order");
    Rows {
        schema,
        batches: vec![batch],
    }
}
