//! The live rows of a data file from its beginning to its end, a bounded part
//! of it in memory at a time.

use arrow::array::RecordBatch;
use futures::TryStreamExt;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, RowSelection, RowSelector,
};
use parquet::arrow::async_reader::ParquetRecordBatchStream;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};

use super::deletes;
use super::footers::{FileReader, Object};
use super::io::{Adapted, Io, file_fields, parquet_error};
use super::state::{DataFile, TableState};
use super::types::LakeColumn;
use crate::error::Error;

/// How much of a file is in memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portion {
    /// Compressed bytes that are fetched at once; at least one row is.
    pub bytes: u64,
    /// Rows that are decoded at once.
    pub rows: usize,
}

/// Reads the live rows of one file, in its order.
pub(crate) struct Run {
    object: Object,
    reader: FileReader,
    arrow: ArrowReaderMetadata,
    mask: ProjectionMask,
    adapted: Adapted,
    /// Positions that are gone, rising.
    hidden: Vec<u64>,
    rows: u64,
    /// The first row that no window has held yet.
    next: u64,
    /// How many rows a window holds.
    window: u64,
    batch_rows: usize,
    stream: Option<ParquetRecordBatchStream<FileReader>>,
}

impl Run {
    /// Begins to read the file as it is at a snapshot, in columns of the
    /// table.
    ///
    /// # Errors
    /// [`Error::Parquet`].
    pub async fn open(
        io: &Io,
        table: &TableState,
        file: &DataFile,
        snapshot_id: i64,
        portion: Portion,
    ) -> Result<Self, Error> {
        let failed = || parquet_error("read", &file.object);
        let hidden = io.hidden(file, snapshot_id).await?;
        let reader = io.reader(&file.object);
        let metadata = reader.metadata().await.map_err(failed())?;
        // Without a page index a window costs the whole row group: one window.
        let window = match metadata.offset_index() {
            Some(_) => window_rows(file, portion.bytes),
            None => file.rows.max(1),
        };
        let arrow =
            ArrowReaderMetadata::try_new(metadata, ArrowReaderOptions::new()).map_err(failed())?;
        let columns: Vec<&LakeColumn> = table.columns.iter().collect();
        let fields = file_fields(&arrow, &columns);
        let mask = ProjectionMask::roots(arrow.parquet_schema(), fields.iter().flatten().copied());
        Ok(Self {
            object: file.object.clone(),
            adapted: Adapted::new(&columns),
            reader,
            arrow,
            mask,
            hidden,
            rows: file.rows,
            next: 0,
            window,
            batch_rows: portion.rows,
            stream: None,
        })
    }

    /// The next rows, at least one; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Parquet`], [`Error::Rows`].
    pub async fn next(&mut self) -> Result<Option<RecordBatch>, Error> {
        loop {
            if let Some(stream) = &mut self.stream {
                let read = stream.try_next().await;
                match read.map_err(parquet_error("read", &self.object))? {
                    Some(batch) if batch.num_rows() > 0 => {
                        return self.adapted.adapt(&batch).map(Some);
                    }
                    Some(_) => continue,
                    None => self.stream = None,
                }
            }
            if self.next >= self.rows {
                return Ok(None);
            }
            let until = self.rows.min(self.next + self.window);
            let selectors = live_between(&self.hidden, self.next, until, self.rows);
            self.next = until;
            if selectors.iter().all(|selector| selector.skip) {
                continue;
            }
            let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(
                self.reader.clone(),
                self.arrow.clone(),
            )
            .with_projection(self.mask.clone())
            .with_batch_size(self.batch_rows)
            .with_row_selection(RowSelection::from(selectors));
            let stream = builder
                .build()
                .map_err(parquet_error("read", &self.object))?;
            self.stream = Some(stream);
        }
    }
}

fn window_rows(file: &DataFile, bytes: u64) -> u64 {
    let share = u128::from(file.rows) * u128::from(bytes) / u128::from(file.object.size.max(1));
    u64::try_from(share)
        .unwrap_or(u64::MAX)
        .clamp(1, file.rows.max(1))
}

/// Selects, of `rows` rows, those from `from` to before `until` that are not
/// `hidden`, whose positions rise.
fn live_between(hidden: &[u64], from: u64, until: u64, rows: u64) -> Vec<RowSelector> {
    let first = hidden.partition_point(|position| *position < from);
    let last = hidden.partition_point(|position| *position < until);
    let within: Vec<u64> = hidden[first..last].iter().map(|p| p - from).collect();
    let mut selectors = Vec::with_capacity(within.len() * 2 + 3);
    if from > 0 {
        selectors.push(RowSelector::skip(from as usize));
    }
    selectors.extend(deletes::select_all_but(&within, until - from));
    if rows > until {
        selectors.push(RowSelector::skip((rows - until) as usize));
    }
    selectors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_hold_each_live_row_once() {
        let hidden = [0, 3, 4, 9];
        let mut live = Vec::new();
        for from in (0..10).step_by(4) {
            let until = 10.min(from + 4);
            let mut position = 0;
            for selector in live_between(&hidden, from, until, 10) {
                let next = position + selector.row_count as u64;
                if !selector.skip {
                    live.extend(position..next);
                }
                position = next;
            }
            assert_eq!(position, 10);
        }
        assert_eq!(live, [1, 2, 5, 6, 7, 8]);
    }
}
