//! Lays rows anew that another writer left: unsorted, in the wrong partition,
//! or in the catalog itself.

use std::sync::Arc;

use arrow::array::RecordBatch;

use super::footers::Object;
use super::io::Io;
use super::runs::{Portion, Run};
use super::state::{DataFile, TableState};
use super::write::{self, NewFile};
use crate::error::Error;

/// Bytes of decoded rows that are sorted at once and become one file a
/// partition.
const SORTED_BYTES: usize = 64 << 20;
/// Rows that are decoded at once. Other writers' row groups are fetched whole.
const PORTION: Portion = Portion {
    bytes: 64 << 20,
    rows: 256,
};

/// Writes the live rows of the files, and `more` rows, as files of ours: sorted each, though not among each other.
///
/// # Errors
/// As [`write::write_rows`]; no new file stays then.
pub(crate) async fn relay(
    io: &Io,
    table: &Arc<TableState>,
    snapshot_id: i64,
    sort: &[&'static str],
    files: &[Arc<DataFile>],
    more: Option<&RecordBatch>,
) -> Result<Vec<NewFile>, Error> {
    let mut written = Vec::new();
    let more = more.into_iter().cloned().collect();
    match relay_into(io, table, snapshot_id, sort, files, more, &mut written).await {
        Ok(()) => Ok(written),
        Err(error) => {
            let objects: Vec<Object> = written.into_iter().map(|file| file.object).collect();
            write::discard(io, &objects).await;
            Err(error)
        }
    }
}

async fn relay_into(
    io: &Io,
    table: &Arc<TableState>,
    snapshot_id: i64,
    sort: &[&'static str],
    files: &[Arc<DataFile>],
    mut batches: Vec<RecordBatch>,
    written: &mut Vec<NewFile>,
) -> Result<(), Error> {
    let mut bytes = 0;
    for file in files {
        let mut run = Run::open(io, table, file, snapshot_id, PORTION).await?;
        while let Some(batch) = run.next().await? {
            bytes += batch.get_array_memory_size();
            batches.push(batch);
            if bytes >= SORTED_BYTES {
                written.extend(write::write_rows(io, table, sort, &batches).await?);
                batches.clear();
                bytes = 0;
            }
        }
    }
    written.extend(write::write_rows(io, table, sort, &batches).await?);
    Ok(())
}
