//! Removes objects that nothing names: files of expired snapshots, and what
//! commits that never came left behind.
//!
//! Nothing is removed that is younger than its grace, by the store's own
//! clock: an upload that is under way looks like an orphan, and a query that
//! began before its snapshot expired goes on reading its files. The store is
//! listed before the catalog is read, so that whatever was listed and then
//! committed is found to be named.

use std::collections::HashSet;
use std::time::Duration;

use futures::{StreamExt, TryStreamExt, stream};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use uuid::Uuid;

use super::io::Io;
use super::named;
use crate::catalog::{Db, Value};
use crate::error::Error;

/// How the names of objects begin that tell the store's time.
const CLOCK_PREFIX: &str = "pacelake-clock-";
/// How many catalog rows one statement removes.
const ROWS_AT_ONCE: usize = 10_000;

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Files of snapshots that expired.
    pub scheduled: u64,
    /// Files that no snapshot ever listed.
    pub orphans: u64,
    /// The length of both in bytes.
    pub bytes: u64,
}

/// What time the store has, in microseconds since 1970: that of an object
/// that is written for it. Its precision is a second on most stores.
///
/// # Errors
/// [`Error::Store`].
pub(crate) async fn store_time_us(store: &dyn ObjectStore) -> Result<i64, Error> {
    let path = Path::from(format!("{CLOCK_PREFIX}{}", Uuid::now_v7()));
    let failed = |attempt| {
        let path = path.to_string();
        move |source| Error::Store {
            attempt,
            path,
            source,
        }
    };
    let written = store.put(&path, "what time is it?".into()).await;
    written.map_err(failed("write"))?;
    let found = store.head(&path).await;
    let removed = store.delete(&path).await;
    let found = found.map_err(failed("look for"))?;
    removed.map_err(failed("remove"))?;
    Ok(found.last_modified.timestamp_micros())
}

/// Removes what is to be removed and older than `grace`, where the store's
/// time is `now_us`.
///
/// # Errors
/// [`Error::Store`], [`Error::Database`]; what was removed before stays so.
pub(crate) async fn sweep(
    db: &Db,
    io: &Io,
    now_us: i64,
    grace: Duration,
    dry_run: bool,
) -> Result<Swept, Error> {
    let before_us = now_us - grace.as_micros() as i64;
    let store = io.footers.store();
    let listing = |source| Error::Store {
        attempt: "list",
        path: io.data_path.clone(),
        source,
    };
    let old: Vec<(Path, u64)> = store
        .list(None)
        .try_filter_map(|object| async move {
            let is_old = object.last_modified.timestamp_micros() < before_us;
            Ok(is_old.then_some((object.location, object.size)))
        })
        .try_collect()
        .await
        .map_err(listing)?;
    let mut tx = db.begin_read().await?;
    let listed: HashSet<Path> = named::all_files(&mut tx, &io.data_path)
        .await?
        .into_iter()
        .map(|file| file.object.path)
        .collect();
    let scheduled = named::scheduled(&mut tx, &io.data_path).await?;
    drop(tx);
    let due: Vec<&named::Scheduled> = scheduled
        .iter()
        .filter(|file| file.since_us < before_us && !listed.contains(&file.path))
        .collect();
    let waiting: HashSet<&Path> = scheduled.iter().map(|file| &file.path).collect();
    let orphans: Vec<&(Path, u64)> = old
        .iter()
        .filter(|(path, _)| is_of_a_lake(path))
        .filter(|(path, _)| !listed.contains(path) && !waiting.contains(path))
        .collect();
    let due_paths: HashSet<&Path> = due.iter().map(|file| &file.path).collect();
    let due_bytes = old.iter().filter(|(path, _)| due_paths.contains(path));
    let swept = Swept {
        scheduled: due.len() as u64,
        orphans: orphans.len() as u64,
        bytes: due_bytes.map(|(_, bytes)| bytes).sum::<u64>()
            + orphans.iter().map(|(_, bytes)| bytes).sum::<u64>(),
    };
    if dry_run {
        return Ok(swept);
    }
    let paths: Vec<Path> = due_paths
        .into_iter()
        .chain(orphans.iter().map(|(path, _)| path))
        .cloned()
        .collect();
    remove(store.as_ref(), paths).await?;
    // The object first: a crash in between leaves a line whose object is gone,
    // and the next sweep takes that as done.
    let ids: Vec<i64> = due.iter().map(|file| file.id).collect();
    for ids in ids.chunks(ROWS_AT_ONCE) {
        let mut tx = db.begin().await?;
        tx.execute(
            "delete from ducklake_files_scheduled_for_deletion \
             where data_file_id = any($1) and schedule_start < $2",
            &[Value::Ints(ids.to_vec()), Value::Time(before_us)],
        )
        .await?;
        tx.commit().await?;
    }
    Ok(swept)
}

/// Whether it is a kind of object that a lake's writers make; others that
/// someone put there are not ours to remove.
fn is_of_a_lake(path: &Path) -> bool {
    let name = path.filename().unwrap_or_default();
    name.ends_with(".parquet") || name.starts_with(CLOCK_PREFIX)
}

/// Removes objects; those that are gone already count as removed.
async fn remove(store: &dyn ObjectStore, paths: Vec<Path>) -> Result<(), Error> {
    let mut removed = store.delete_stream(stream::iter(paths.into_iter().map(Ok)).boxed());
    while let Some(result) = removed.next().await {
        match result {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(source) => {
                return Err(Error::Store {
                    attempt: "remove",
                    path: "files that nothing names".to_owned(),
                    source,
                });
            }
        }
    }
    Ok(())
}
