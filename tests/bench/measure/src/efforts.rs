//! Best efforts of a whole lake, as a raised version of their definition
//! derives them; and the bare decoding of the columns that they read.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use arrow::array::AsArray;
use arrow::datatypes::{Float64Type, Int64Type};
use futures::TryStreamExt;
use jobs::again::from_lake;
use query::activity::columns_of;
use query::derived::best_efforts::BEST_EFFORTS;
use query::session::{Limits, Session};
use serde_json::{Value, json};
use storage::Storage;
use storage::lake::{KeySet, LakeView};
use storage::tables::STREAMS;

use crate::{Failed, seconds};

/// Activities of one page, and of one task of it, as recomputing has them.
const PAGE: u32 = 256;
const TASK: usize = 64;

pub async fn efforts(storage: &Storage, passes: usize, result: &Path) -> Result<Value, Failed> {
    let view = storage.lake.latest().await?;
    let columns = columns_of(BEST_EFFORTS.inputs, &STREAMS);
    let axis = ["activity_id", "t_ms", "distance_cm"];
    let (mut whole, mut scanned) = (Vec::new(), Vec::new());
    let (mut bare, mut bare_axis) = (Vec::new(), Vec::new());
    let mut rows = Vec::new();
    for _ in 0..passes {
        let start = Instant::now();
        rows.clear();
        let mut after = None;
        loop {
            let page = storage.catalog.pointers_after(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.key);
            let rebuilt = from_lake(&view, &page, &[].into(), Some(&BEST_EFFORTS)).await?;
            rows.extend(
                rebuilt
                    .into_iter()
                    .filter_map(|(_, mut tables)| tables.remove(BEST_EFFORTS.table.name)),
            );
        }
        whole.push(seconds(start));
        for (columns, times) in [(&columns[..], &mut bare), (&axis[..], &mut bare_axis)] {
            let start = Instant::now();
            read_only(storage, &view, columns).await?;
            times.push(seconds(start));
        }
        // A session of its own each time, so that nothing is kept from the last.
        let session = Session::open(&view, Limits::jobs()).await?;
        let start = Instant::now();
        let frame = session.context().table(STREAMS.name).await?;
        let streams = frame
            .select_columns(&columns)?
            .execute_stream_partitioned()
            .await?;
        let tasks = streams.into_iter().map(|stream| {
            tokio::spawn(
                stream.try_fold(0, |rows, batch| async move { Ok(rows + batch.num_rows()) }),
            )
        });
        let tasks: Vec<_> = tasks.collect();
        for task in tasks {
            task.await??;
        }
        scanned.push(seconds(start));
    }
    let mut out = std::io::BufWriter::new(File::create(result)?);
    let mut count = 0;
    for batch in &rows {
        let column = |name: &str| batch.column(batch.schema_ref().index_of(name).unwrap_or(0));
        let ids = column("activity_id").as_primitive::<Int64Type>();
        let metres = column("distance_m").as_primitive::<Float64Type>();
        let elapsed = column("elapsed_s").as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            count += 1;
            let (id, metres, elapsed) = (ids.value(row), metres.value(row), elapsed.value(row));
            writeln!(out, "{id},{metres:?},{elapsed:.6}")?;
        }
    }
    Ok(json!({
        "seconds": whole,
        "columns_seconds": bare,
        "axis_seconds": bare_axis,
        "engine_seconds": scanned,
        "columns": columns,
        "rows": count,
    }))
}

/// Reads columns of all streams on all cores, as deriving does, and drops them.
async fn read_only(storage: &Storage, view: &LakeView, columns: &[&str]) -> Result<(), Failed> {
    let mut after = None;
    loop {
        let page = storage.catalog.pointers_after(after, PAGE).await?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.key);
        let tasks = page.chunks(TASK).map(|part| {
            let keys = KeySet::activities(&part.iter().map(|p| p.key).collect::<Vec<_>>());
            let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
            let view = view.clone();
            tokio::spawn(async move {
                let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
                view.rows(STREAMS.name, Some(&columns), &keys).await
            })
        });
        for task in tasks.collect::<Vec<_>>() {
            task.await??;
        }
    }
}
