//! Rows of a stream as bytes of a format, piece by piece.
//!
//! Nothing is read before it is asked for, and what is held is one batch, one
//! piece, and for Parquet one row group: memory does not grow with the number
//! of rows, and a reader that stops makes the query stop.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use bytes::Bytes;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, stream};

use crate::error::Error;
use crate::output::{Format, Output};
use crate::session::{Held, memory_of};

/// How large a piece grows before it is given, in bytes.
const PIECE_BYTES: usize = 64 << 10;
/// How many bytes of rows are encoded at once.
const ROWS_BYTES: usize = 1 << 20;

/// A stream of rows on its way to bytes.
pub struct Encoded {
    stream: SendableRecordBatchStream,
    /// `None` after the end was written.
    output: Option<Output<Pieces>>,
    pieces: Pieces,
    /// Rows that were read and not yet encoded.
    waiting: Option<RecordBatch>,
    rows: u64,
}

impl Encoded {
    /// Begins to encode a stream.
    ///
    /// # Errors
    /// As [`Output::new`].
    pub fn new(stream: SendableRecordBatchStream, format: Format) -> Result<Self, Error> {
        let pieces = Pieces::default();
        let output = Output::new(format, &stream.schema(), pieces.clone())?;
        Ok(Self {
            stream,
            output: Some(output),
            pieces,
            waiting: None,
            rows: 0,
        })
    }

    /// Begins to encode rows that were read; each batch is given up when it is
    /// encoded, and what they count as in use with the last.
    ///
    /// # Errors
    /// As [`Output::new`].
    pub fn of_rows(held: Held, format: Format) -> Result<Self, Error> {
        let Held { rows, reservation } = held;
        let batches = rows.batches.into_iter().map(move |batch| {
            let _held = &reservation;
            Ok(batch)
        });
        let stream = RecordBatchStreamAdapter::new(rows.schema, stream::iter(batches));
        Self::new(Box::pin(stream), format)
    }

    /// How many rows were encoded so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The next bytes; `None` after the last.
    ///
    /// # Errors
    /// What reading the rows gives, and [`Error::Encode`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(output) = &mut self.output {
            if self.pieces.len() >= PIECE_BYTES {
                break;
            }
            let batch = match self.waiting.take() {
                Some(batch) => Some(batch),
                None => self.stream.next().await.transpose().map_err(of_rows)?,
            };
            let Some(batch) = batch else {
                if let Some(output) = self.output.take() {
                    output.finish()?;
                }
                break;
            };
            let (now, later) = cut(batch);
            self.waiting = later;
            self.rows += now.num_rows() as u64;
            output.write(&now)?;
        }
        Ok(Some(self.pieces.take()).filter(|piece| !piece.is_empty()))
    }
}

fn of_rows(error: datafusion::common::DataFusionError) -> Error {
    Error::of_read("the rows", error)
}

/// So many of the first rows as are encoded at once, and the rest.
fn cut(batch: RecordBatch) -> (RecordBatch, Option<RecordBatch>) {
    let rows = batch.num_rows();
    let parts = memory_of(&batch).div_ceil(ROWS_BYTES).max(1);
    let now = rows.div_ceil(parts);
    if now >= rows {
        return (batch, None);
    }
    (batch.slice(0, now), Some(batch.slice(now, rows - now)))
}

/// What an encoder wrote and nobody took yet.
#[derive(Clone, Default)]
struct Pieces(Arc<Mutex<Vec<u8>>>);

impl Pieces {
    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<u8>> {
        // A panic elsewhere leaves whole bytes.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn len(&self) -> usize {
        self.lock().len()
    }

    fn take(&self) -> Bytes {
        std::mem::take(&mut *self.lock()).into()
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
#[path = "encode_tests.rs"]
mod tests;
