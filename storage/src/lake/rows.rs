//! Reads rows by key: of one snapshot, or those that another may not have, at
//! a cost that follows what changed between them.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use futures::{StreamExt, TryStreamExt, stream};

use super::{KeySet, LakeView, is_missing_file};
use crate::ducklake::io::{self, Io};
use crate::ducklake::keys::Matcher;
use crate::ducklake::state::{DataFile, State, TableState};
use crate::error::Error;

/// How many files a read by key reads at once.
const FILES_AT_ONCE: usize = 8;

impl LakeView {
    /// The rows whose key columns equal one of `keys`: all columns in the
    /// table's order, or the named ones in the order given. Only files, row
    /// groups and pages that can hold a key are read. The order of rows is
    /// that of files, then that within a file. Files that another writer
    /// replaced meanwhile are looked up anew.
    ///
    /// # Errors
    /// [`Error::NoTable`], [`Error::NoColumn`], [`Error::Parquet`],
    /// [`Error::Database`].
    pub async fn rows(
        &self,
        table: &str,
        columns: Option<&[&str]>,
        keys: &KeySet,
    ) -> Result<Vec<RecordBatch>, Error> {
        match self
            .rows_of(&self.files(), None, table, columns, keys)
            .await
        {
            Err(error) if is_missing_file(&error) => {
                self.renew().await?;
                self.rows_of(&self.files(), None, table, columns, keys)
                    .await
            }
            other => other,
        }
    }

    /// The rows with one of `keys` that `other`, the same lake at another
    /// snapshot, may not have: all but those that both read from the same
    /// place of the same file. So a row that only one of them has is always
    /// there. A row that a rewrite moved is there too, on both sides; who wants
    /// differences compares the two answers.
    ///
    /// Files that both snapshots read alike are passed over unread. Columns
    /// and order are as [`rows`](Self::rows) has them.
    ///
    /// # Errors
    /// As [`rows`](Self::rows).
    pub async fn rows_apart(
        &self,
        other: &Self,
        table: &str,
        columns: Option<&[&str]>,
        keys: &KeySet,
    ) -> Result<Vec<RecordBatch>, Error> {
        let (here, there) = (self.files(), other.files());
        match self
            .rows_of(&here, Some(&there), table, columns, keys)
            .await
        {
            Err(error) if is_missing_file(&error) => {
                self.renew().await?;
                other.renew().await?;
                let (here, there) = (self.files(), other.files());
                self.rows_of(&here, Some(&there), table, columns, keys)
                    .await
            }
            rows => rows,
        }
    }

    /// The rows with one of the keys, but those that `other` reads from the
    /// same place.
    async fn rows_of(
        &self,
        state: &State,
        other: Option<&State>,
        table: &str,
        columns: Option<&[&str]>,
        keys: &KeySet,
    ) -> Result<Vec<RecordBatch>, Error> {
        let table = state.table(table)?;
        let columns = chosen(table, columns)?;
        let matcher = Matcher::new(&table.name, &table.columns, &keys.rows)?;
        let twins = Twins::of(other, &table.name);
        // Owned, so that the read may go on in another thread.
        let files: Vec<Arc<DataFile>> = table
            .files
            .iter()
            .filter(|file| !twins.have_all_of(file))
            .filter(|file| matcher.may_match(&table.known(file, matcher.columns())))
            .cloned()
            .collect();
        let io = &self.inner.io;
        let (matcher, columns, twins) = (&matcher, columns.as_slice(), &twins);
        let mut batches: Vec<RecordBatch> = stream::iter(files)
            .map(|file| async move {
                let hidden = io.hidden(&file, state.snapshot_id).await?;
                let there = twins.hidden(io, &file).await?;
                if there.as_ref() == Some(&hidden) {
                    return Ok(Vec::new());
                }
                let mut positions = io.positions(table, &file, matcher, &hidden).await?;
                if let Some(there) = there {
                    positions.retain(|position| there.binary_search(position).is_ok());
                }
                if positions.is_empty() {
                    return Ok(Vec::new());
                }
                io.take(table, &file, columns, &positions).await
            })
            .buffered(FILES_AT_ONCE)
            .try_concat()
            .await?;
        if let Some(inlined) = &table.inlined {
            let rows = inlined.matching_rows(matcher)?;
            batches.extend(io::pick(&inlined.rows, columns, &rows)?);
        }
        Ok(batches)
    }
}

/// The files of another snapshot in which the same rows may be: a file never
/// changes under its id, only which of its rows are there.
struct Twins<'a> {
    snapshot_id: i64,
    by_id: HashMap<i64, &'a Arc<DataFile>>,
}

impl<'a> Twins<'a> {
    /// The files of a table in `other`; none where there is no other.
    fn of(other: Option<&'a State>, table: &str) -> Self {
        let files = other.and_then(|other| other.tables.get(table));
        let files = files.into_iter().flat_map(|table| table.files.iter());
        Self {
            snapshot_id: other.map_or(0, |other| other.snapshot_id),
            by_id: files.map(|file| (file.id, file)).collect(),
        }
    }

    /// Whether the twin of a file plainly has the same rows; where only reading
    /// both tells, the answer is no.
    fn have_all_of(&self, file: &DataFile) -> bool {
        let is_of_one = |file: &DataFile| {
            let deletes = file.deletes.as_ref();
            file.partial_max.is_none() && deletes.is_none_or(|one| one.partial_max.is_none())
        };
        self.by_id.get(&file.id).is_some_and(|twin| {
            is_of_one(file)
                && twin.deletes == file.deletes
                && twin.inlined_deletes == file.inlined_deletes
        })
    }

    /// The positions of a file's rows that are not there in its twin, rising;
    /// `None` where it has none.
    ///
    /// # Errors
    /// [`Error::Parquet`].
    async fn hidden(&self, io: &Io, file: &DataFile) -> Result<Option<Vec<u64>>, Error> {
        match self.by_id.get(&file.id) {
            Some(twin) => io.hidden(twin, self.snapshot_id).await.map(Some),
            None => Ok(None),
        }
    }
}

/// The columns as indices, all of them where none are named.
fn chosen(table: &TableState, columns: Option<&[&str]>) -> Result<Vec<usize>, Error> {
    let Some(columns) = columns else {
        return Ok((0..table.columns.len()).collect());
    };
    let index = |name: &&str| -> Result<usize, Error> {
        let schema: &Schema = &table.schema;
        schema.index_of(name).map_err(|_| Error::NoColumn {
            table: table.name.clone(),
            column: (*name).to_owned(),
        })
    };
    columns.iter().map(index).collect()
}
