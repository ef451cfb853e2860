//! `pacelake jobs`.

use std::process::ExitCode;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use query::session::Rows;
use storage::catalog::{JobFilter, JobRow};

use super::{Ending, Rim, boxed};
use crate::args::jobs::{Jobs, JobsCommand};
use crate::output::{self, say};

/// Lists jobs, lets them run again, or calls them off.
pub async fn run(rim: &Rim, args: &Jobs) -> Ending {
    let catalog = rim.storage().await.map_err(boxed)?.catalog;
    match &args.command {
        JobsCommand::Ls(ls) => {
            let filter = JobFilter {
                kinds: ls.kind.clone().map(|kind| vec![kind]),
                state: ls.state,
                athlete_id: rim.athlete,
                ..JobFilter::default()
            };
            let jobs = catalog.jobs(&filter, ls.limit).await.map_err(boxed)?;
            output::rows(&rows(&jobs), ls.format)?;
        }
        JobsCommand::Retry(one) => {
            let job = catalog.retry_job(one.job_id).await.map_err(boxed)?;
            say!(
                "job {} ({} {}) is {}",
                job.job_id,
                job.kind,
                job.key,
                job.state.name()
            );
        }
        JobsCommand::Cancel(one) => {
            let job = catalog.cancel_job(one.job_id).await.map_err(boxed)?;
            let stands = match job.is_cancelled {
                true => "told to stop",
                false => job.state.name(),
            };
            say!("job {} ({} {}) is {stands}", job.job_id, job.kind, job.key);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Jobs as rows, so that they print as any table does.
fn rows(jobs: &[JobRow]) -> Rows {
    let text = |name: &str, nullable| Field::new(name, DataType::Utf8, nullable);
    let int = |name: &str, nullable| Field::new(name, DataType::Int64, nullable);
    let time = |name: &str, nullable| {
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        Field::new(name, time, nullable)
    };
    let schema = Arc::new(Schema::new(vec![
        int("job_id", false),
        text("kind", false),
        text("key", false),
        int("athlete_id", true),
        text("state", false),
        int("attempts", false),
        int("max_attempts", false),
        time("due_at", false),
        time("started_at", true),
        time("finished_at", true),
        text("code", true),
        text("reason", true),
        text("try_next", true),
        text("progress", true),
        text("request_id", true),
    ]));
    let ints = |column: fn(&JobRow) -> Option<i64>| -> ArrayRef {
        Arc::new(jobs.iter().map(column).collect::<Int64Array>())
    };
    let times = |column: fn(&JobRow) -> Option<i64>| -> ArrayRef {
        Arc::new(
            jobs.iter()
                .map(column)
                .collect::<TimestampMicrosecondArray>(),
        )
    };
    let texts = |column: fn(&JobRow) -> Option<&str>| -> ArrayRef {
        Arc::new(jobs.iter().map(column).collect::<StringArray>())
    };
    let columns = vec![
        ints(|job| Some(job.job_id)),
        texts(|job| Some(&job.kind)),
        texts(|job| Some(&job.key)),
        ints(|job| job.athlete_id.map(|id| id.0)),
        texts(|job| Some(job.state.name())),
        ints(|job| Some(job.attempts)),
        ints(|job| Some(job.max_attempts)),
        times(|job| Some(job.due_at_us)),
        times(|job| job.started_at_us),
        times(|job| job.finished_at_us),
        texts(|job| job.code.as_deref()),
        texts(|job| job.reason.as_deref()),
        texts(|job| job.try_next.as_deref()),
        texts(|job| job.progress.as_deref()),
        texts(|job| job.request_id.as_deref()),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns)
        .expect("each column is built from the same jobs, in the schema's order");
    Rows {
        schema,
        batches: vec![batch],
    }
}
