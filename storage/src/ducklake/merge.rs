//! Merges data files of one partition into one sorted sequence of rows,
//! holding a bounded part of each in memory.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::{SortOptions, interleave_record_batch};
use arrow::datatypes::DataType;
use arrow::row::{RowConverter, Rows, SortField};

use super::io::Io;
use super::output::Output;
use super::runs::{Portion, Run};
use super::state::{DataFile, TableState};
use super::write::{NewFile, Partition};
use crate::error::Error;

/// Compressed bytes of all files together that are fetched at once.
const FETCHED_BYTES: u64 = 64 << 20;
/// Rows that are decoded and written at once where rows hold lists, of which
/// one may take some hundred kilobytes.
const LIST_ROWS: (usize, usize) = (8, 64);
/// The same where rows are plain values.
const PLAIN_ROWS: (usize, usize) = (1024, 8192);

/// What became of a merge.
pub(crate) enum Merged {
    /// The files that hold the rows now; no snapshot names them yet.
    Files(Vec<NewFile>),
    /// This file's rows are not in order, so that it cannot be merged.
    Unsorted(i64),
}

/// One merge.
pub(crate) struct Merge<'a> {
    /// The table, at the snapshot whose rows are merged.
    pub table: &'a Arc<TableState>,
    /// That snapshot.
    pub snapshot_id: i64,
    /// The order of rows in files.
    pub sort: &'a [&'static str],
    /// The files, of one partition.
    pub files: &'a [Arc<DataFile>],
    /// That partition.
    pub partition: Option<Partition>,
    /// About how large a new file becomes before the next one begins.
    pub target_bytes: u64,
}

impl Merge<'_> {
    /// Writes the live rows of the files, sorted, equal ones in the order of
    /// the files.
    ///
    /// # Errors
    /// [`Error::Parquet`], [`Error::Rows`], [`Error::Store`],
    /// [`Error::NoColumn`]; no new file stays then.
    pub async fn write(&self, io: &Io) -> Result<Merged, Error> {
        let partition = self.partition.clone();
        let mut output = Output::new(io, self.table, partition, self.target_bytes);
        match self.merge_into(io, &mut output).await {
            Ok(None) => output.finish().await.map(Merged::Files),
            Ok(Some(unsorted)) => {
                output.discard().await;
                Ok(Merged::Unsorted(unsorted))
            }
            Err(error) => {
                output.discard().await;
                Err(error)
            }
        }
    }

    async fn merge_into(&self, io: &Io, output: &mut Output<'_>) -> Result<Option<i64>, Error> {
        let keys = Keys::new(self.table, self.sort)?;
        let is_list = |data_type: &DataType| matches!(data_type, DataType::List(_));
        let fields = self.table.schema.fields();
        let (batch_rows, out_rows) = match fields.iter().any(|field| is_list(field.data_type())) {
            true => LIST_ROWS,
            false => PLAIN_ROWS,
        };
        let portion = Portion {
            bytes: FETCHED_BYTES / self.files.len().max(1) as u64,
            rows: batch_rows,
        };
        let mut runs = Vec::with_capacity(self.files.len());
        for file in self.files {
            runs.push(Run::open(io, self.table, file, self.snapshot_id, portion).await?);
        }
        let mut batches: Vec<RecordBatch> = Vec::new();
        let mut heads: BinaryHeap<Head> = BinaryHeap::new();
        for (input, run) in runs.iter_mut().enumerate() {
            if let Some(batch) = run.next().await? {
                let rows = keys.of(&batch)?;
                if !is_sorted(&rows) {
                    return Ok(Some(self.files[input].id));
                }
                heads.push(Head::new(rows, input, batches.len()));
                batches.push(batch);
            }
        }
        let mut chosen: Vec<(usize, usize)> = Vec::with_capacity(out_rows);
        while let Some((least, ended)) = take_least(&mut heads) {
            chosen.push(least);
            if let Some(ended) = ended
                && let Some(batch) = runs[ended.input].next().await?
            {
                let rows = keys.of(&batch)?;
                if ended.rows.row(ended.row - 1) > rows.row(0) || !is_sorted(&rows) {
                    return Ok(Some(self.files[ended.input].id));
                }
                heads.push(Head::new(rows, ended.input, batches.len()));
                batches.push(batch);
            }
            if chosen.len() >= out_rows {
                output.write(picked(&batches, &chosen)?).await?;
                chosen.clear();
                (heads, batches) = only_used(heads, &batches);
            }
        }
        if !chosen.is_empty() {
            output.write(picked(&batches, &chosen)?).await?;
        }
        Ok(None)
    }
}

/// Turns rows into keys that compare as the table sorts: ascending, nulls
/// last.
struct Keys {
    converter: RowConverter,
    columns: Vec<usize>,
}

impl Keys {
    fn new(table: &TableState, sort: &[&str]) -> Result<Self, Error> {
        let options = SortOptions {
            descending: false,
            nulls_first: false,
        };
        let mut columns = Vec::with_capacity(sort.len());
        let mut fields = Vec::with_capacity(sort.len());
        for name in sort {
            let index = table.schema.index_of(name).map_err(|_| Error::NoColumn {
                table: table.name.clone(),
                column: (*name).to_owned(),
            })?;
            let data_type = table.schema.field(index).data_type().clone();
            columns.push(index);
            fields.push(SortField::new_with_options(data_type, options));
        }
        let converter = RowConverter::new(fields).map_err(merging)?;
        Ok(Self { converter, columns })
    }

    fn of(&self, batch: &RecordBatch) -> Result<Rows, Error> {
        let columns: Vec<ArrayRef> = self
            .columns
            .iter()
            .map(|column| Arc::clone(batch.column(*column)))
            .collect();
        self.converter.convert_columns(&columns).map_err(merging)
    }
}

fn is_sorted(rows: &Rows) -> bool {
    (1..rows.num_rows()).all(|row| rows.row(row - 1) <= rows.row(row))
}

fn merging(source: arrow::error::ArrowError) -> Error {
    Error::Rows {
        attempt: "merge rows",
        source,
    }
}

/// The next row of one file.
struct Head {
    rows: Rows,
    row: usize,
    input: usize,
    /// Where its batch lies among those in memory.
    slot: usize,
}

impl Head {
    fn new(rows: Rows, input: usize, slot: usize) -> Self {
        Self {
            rows,
            row: 0,
            input,
            slot,
        }
    }
}

impl Ord for Head {
    /// Turned round, since the heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, two) = (self.rows.row(self.row), other.rows.row(other.row));
        two.cmp(&one).then(other.input.cmp(&self.input))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Head {}

/// Takes the least row, as slot and row of its batch, and the head that it was
/// the last row of.
fn take_least(heads: &mut BinaryHeap<Head>) -> Option<((usize, usize), Option<Head>)> {
    let mut head = heads.peek_mut()?;
    let least = (head.slot, head.row);
    head.row += 1;
    let ended = if head.row == head.rows.num_rows() {
        Some(PeekMut::pop(head))
    } else {
        None
    };
    Some((least, ended))
}

fn picked(batches: &[RecordBatch], chosen: &[(usize, usize)]) -> Result<RecordBatch, Error> {
    let batches: Vec<&RecordBatch> = batches.iter().collect();
    interleave_record_batch(&batches, chosen).map_err(merging)
}

/// Lets go of the batches whose rows are all written.
fn only_used(
    heads: BinaryHeap<Head>,
    batches: &[RecordBatch],
) -> (BinaryHeap<Head>, Vec<RecordBatch>) {
    let mut used = Vec::with_capacity(heads.len());
    let mut heads = heads.into_vec();
    for head in &mut heads {
        used.push(batches[head.slot].clone());
        head.slot = used.len() - 1;
    }
    (heads.into(), used)
}
