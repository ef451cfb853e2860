//! Which rows a commit takes away: found by key, written as delete files.

use std::collections::HashMap;
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use super::deletes;
use super::footers::Object;
use super::io::Io;
use super::keys::Matcher;
use super::state::{DataFile, State, TableState};
use super::write::{self, NewDeletes};
use crate::error::Error;

/// How many files are searched at once.
const AT_ONCE: usize = 8;

/// What becomes of a data file that loses rows.
#[derive(Clone, Debug)]
pub(crate) enum Fate {
    /// Nothing: it holds none of the keys.
    Untouched,
    /// All its rows are gone, so that it ends.
    Ends,
    /// Some rows are gone.
    Loses(NewDeletes),
}

/// What was found out about the files of one table, so that a commit that
/// finds the lake changed searches only what is new.
#[derive(Debug, Default)]
pub(crate) struct Found(HashMap<(i64, Option<i64>), Fate>);

/// A file with its fate.
#[derive(Clone, Debug)]
pub(crate) struct Loss {
    /// The file, with the delete file that it had.
    pub file: Arc<DataFile>,
    /// What becomes of it; never [`Fate::Untouched`].
    pub fate: Fate,
}

impl Found {
    /// The losses of the table's files at the state's snapshot.
    ///
    /// # Errors
    /// [`Error::Parquet`], [`Error::Store`].
    pub async fn losses(
        &mut self,
        io: &Io,
        state: &State,
        table: &TableState,
        matcher: &Matcher,
    ) -> Result<Vec<Loss>, Error> {
        let key = |file: &DataFile| (file.id, file.deletes.as_ref().map(|deletes| deletes.id));
        let unknown: Vec<Arc<DataFile>> = table
            .files
            .iter()
            .filter(|file| !self.0.contains_key(&key(file)))
            .filter(|file| matcher.may_match(&table.known(file, matcher.columns())))
            .cloned()
            .collect();
        let fates: Vec<_> = stream::iter(unknown)
            .map(|file| async move {
                let fate = fate(io, state.snapshot_id, table, &file, matcher).await?;
                Ok::<_, Error>((key(&file), fate))
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        self.0.extend(fates);
        let losses = table.files.iter().filter_map(|file| {
            match self.0.get(&key(file)).unwrap_or(&Fate::Untouched) {
                Fate::Untouched => None,
                fate @ (Fate::Ends | Fate::Loses(_)) => Some(Loss {
                    file: Arc::clone(file),
                    fate: fate.clone(),
                }),
            }
        });
        Ok(losses.collect())
    }

    /// The delete files that were written, used or not.
    pub fn written(&self) -> impl Iterator<Item = &Object> {
        self.0.values().filter_map(|fate| match fate {
            Fate::Loses(deletes) => Some(&deletes.object),
            Fate::Untouched | Fate::Ends => None,
        })
    }
}

async fn fate(
    io: &Io,
    snapshot_id: i64,
    table: &TableState,
    file: &DataFile,
    matcher: &Matcher,
) -> Result<Fate, Error> {
    let hidden = io.hidden(file, snapshot_id).await?;
    let found = io.positions(table, file, matcher, &hidden).await?;
    if found.is_empty() {
        return Ok(Fate::Untouched);
    }
    let gone = deletes::union(&hidden, &found);
    if gone.len() as u64 >= file.rows {
        return Ok(Fate::Ends);
    }
    // Rows that another writer deleted in the catalog itself stay there: two
    // places that say the same would count them twice.
    let listed: Vec<u64> = gone
        .into_iter()
        .filter(|position| file.inlined_deletes.binary_search(position).is_err())
        .collect();
    let deletes = write::write_deletes(io, table, file, &listed).await?;
    Ok(Fate::Loses(deletes))
}
