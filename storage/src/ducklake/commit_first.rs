//! A commit that is prepared under the lock: nobody else's can come in
//! between, and everybody else who commits waits for its end.

use std::sync::Arc;

use super::commit::{self, Label, Prepared};
use super::io::Io;
use super::load;
use super::snapshot::{self, Claim};
use super::state::State;
use crate::catalog::Db;
use crate::error::Error;

/// Claims the next snapshot, then has the commit prepared at the one before.
/// Answers what `prepare` says beside; where that is nothing, nothing is
/// committed.
///
/// # Errors
/// What `prepare` says; [`Error::Conflict`], [`Error::Database`]. Nothing is
/// written then.
pub(crate) async fn commit_first<P, T>(
    db: &Db,
    io: &Io,
    base: &State,
    label: Label<'_>,
    prepare: impl FnOnce(Arc<State>) -> P,
) -> Result<Option<T>, Error>
where
    P: Future<Output = Result<Option<(Prepared, T)>, Error>>,
{
    let mut tx = db.begin().await?;
    let claim = Claim {
        definitions: false,
        catalog_ids: 0,
        file_ids: 0,
    };
    let claimed = snapshot::claim(&mut tx, &claim).await?;
    let before = claimed.snapshot_id - 1;
    let state = load::advance(&mut tx, &io.data_path, base, before).await?;
    let Some((prepared, answer)) = prepare(Arc::new(state)).await? else {
        return Ok(None);
    };
    let written = async {
        commit::set_next_file_id(&mut tx, &claimed, prepared.file_ids()).await?;
        commit::write_entries(&mut tx, &prepared, &claimed, label).await
    };
    if let Err(error) = written.await {
        prepared.discard(io).await;
        return Err(error);
    }
    match tx.commit().await {
        Ok(()) => Ok(Some(answer)),
        // Where the connection broke nobody knows yet whether it was written:
        // the files stay.
        Err(error) => match commit::find(db, label.attempt).await? {
            Some(_) => Ok(Some(answer)),
            None => Err(error),
        },
    }
}
