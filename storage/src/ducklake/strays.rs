//! Objects that no snapshot names, and that may hold rows that were purged:
//! what a commit wrote that was cut off.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::row::{RowConverter, SortField};
use futures::TryStreamExt;
use object_store::ObjectMeta;
use object_store::ObjectStoreExt;
use object_store::path::Path;

use super::footers::Object;
use super::io::Io;
use super::load;
use super::named;
use super::snapshot;
use super::state::{DataFile, State};
use super::traces::{self, Rule};
use crate::catalog::{Db, Tx};
use crate::error::Error;
use crate::lake::is_missing_file;
use crate::purge::{Erasure, Swept};

/// Rows of the athlete that are still true, by table.
pub(crate) type Live = BTreeMap<&'static str, Vec<RecordBatch>>;

/// Objects of the lake's store that nothing names.
///
/// # Errors
/// [`Error::Database`], [`Error::Store`].
pub(crate) async fn unnamed(db: &Db, io: &Io) -> Result<BTreeSet<Path>, Error> {
    // The store before the catalog: what is put afterwards is not looked at.
    let listed: Vec<ObjectMeta> = io
        .footers
        .store()
        .list(None)
        .try_collect()
        .await
        .map_err(failed("list", &io.data_path))?;
    let mut tx = db.begin_read().await?;
    let named = named_in(&mut tx, io).await?;
    let listed = listed.into_iter().map(|meta| meta.location);
    Ok(listed.filter(|path| !named.contains(path)).collect())
}

/// Every object that a snapshot names, or that is to be removed.
async fn named_in(tx: &mut Tx, io: &Io) -> Result<HashSet<Path>, Error> {
    let mut named: HashSet<Path> = named::all_files(tx, &io.data_path)
        .await?
        .into_iter()
        .map(|file| file.object.path)
        .collect();
    let scheduled = named::scheduled(tx, &io.data_path).await?;
    named.extend(scheduled.into_iter().map(|file| file.path));
    Ok(named)
}

/// Deletes every object `among` those of the lake's store that nothing names and
/// that holds such rows, or rows of tables of athletes that are not among the
/// `live`.
///
/// A commit that is under way and holds them fails: its activities, or the
/// files that it copies from, are gone, or the athlete was reconciled since. So
/// no age is asked for.
///
/// # Errors
/// [`Error::Database`], [`Error::Store`], [`Error::Parquet`].
pub(crate) async fn sweep(
    db: &Db,
    io: &Io,
    erasure: &Erasure,
    live: &Live,
    among: &BTreeSet<Path>,
) -> Result<Swept, Error> {
    let mut tx = db.begin_read().await?;
    let named = named_in(&mut tx, io).await?;
    let newest = snapshot::newest(&mut tx).await?;
    let state = load::load(&mut tx, &io.data_path, newest).await?;
    drop(tx);
    let mut swept = Swept::default();
    for path in among.iter().filter(|path| !named.contains(*path)) {
        let Some(meta) = head(io, path).await? else {
            continue;
        };
        let holds = async {
            Ok(holds_traces(io, &meta.location, erasure).await?
                || holds_superseded(io, &state, &meta, erasure, live).await?)
        };
        match holds.await {
            Ok(false) => {}
            Ok(true) => {
                if remove(io, &meta.location).await?.is_some() {
                    swept.objects += 1;
                    swept.bytes += meta.size as i64;
                }
            }
            // It is no Parquet file, or a broken one.
            Err(Error::Parquet { .. }) => swept.unreadable.push(meta.location.to_string()),
            Err(error) => return Err(error),
        }
    }
    Ok(swept)
}

/// Whether an object that no snapshot names holds such rows; one that is not
/// there does not.
///
/// # Errors
/// [`Error::Parquet`] where it cannot be read.
pub(crate) async fn holds_traces(
    io: &Io,
    location: &Path,
    erasure: &Erasure,
) -> Result<bool, Error> {
    let Some(ObjectMeta { size, .. }) = head(io, location).await? else {
        return Ok(false);
    };
    let object = Object {
        path: location.clone(),
        size,
        footer_size: None,
    };
    let rule = Rule {
        athlete: erasure.whole.then_some(erasure.athlete_id.0),
        activities: &erasure.activities,
        superseded: None,
        revised: &erasure.revised,
    };
    match traces::matches(io, &object, None, &rule).await {
        Ok(found) => Ok(!found.always.is_empty() || !found.if_deleted.is_empty()),
        Err(error) if is_missing_file(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether an object that no snapshot names holds rows of the athlete, in a
/// table of athletes, that are not true any more.
async fn holds_superseded(
    io: &Io,
    state: &State,
    meta: &ObjectMeta,
    erasure: &Erasure,
    live: &Live,
) -> Result<bool, Error> {
    let inside = |name: &&&str| {
        let table = state.tables.get(**name);
        table.is_some_and(|table| meta.location.as_ref().starts_with(&table.folder))
    };
    let Some(name) = erasure.superseded.iter().find(inside) else {
        return Ok(false);
    };
    let table = &state.tables[*name];
    let file = DataFile {
        id: 0,
        object: Object {
            path: meta.location.clone(),
            size: meta.size,
            footer_size: None,
        },
        rows: 0,
        partial_max: None,
        deletes: None,
        inlined_deletes: Arc::default(),
        known: Box::default(),
    };
    let none = BTreeSet::new();
    let rule = Rule {
        athlete: Some(erasure.athlete_id.0),
        activities: &none,
        superseded: None,
        revised: &none,
    };
    let found = traces::matches(io, &file.object, None, &rule).await?;
    if found.always.is_empty() {
        return Ok(false);
    }
    let columns: Vec<usize> = (0..table.columns.len()).collect();
    let rows = io.take(table, &file, &columns, &found.always).await?;
    let unreadable = |source| Error::Rows {
        attempt: "compare rows with those that are still true",
        source,
    };
    let fields = table.schema.fields().iter();
    let fields = fields.map(|field| SortField::new(field.data_type().clone()));
    let converter = RowConverter::new(fields.collect()).map_err(unreadable)?;
    let mut known: HashSet<Box<[u8]>> = HashSet::new();
    for batch in live.get(name).into_iter().flatten() {
        let rows = converter
            .convert_columns(batch.columns())
            .map_err(unreadable)?;
        known.extend(rows.iter().map(|row| Box::from(row.as_ref())));
    }
    for batch in &rows {
        let rows = converter
            .convert_columns(batch.columns())
            .map_err(unreadable)?;
        if rows.iter().any(|row| !known.contains(row.as_ref())) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What the store says of an object, if it is there. A store below a prefix
/// names the object with it in this answer, and without in all others.
async fn head(io: &Io, location: &Path) -> Result<Option<ObjectMeta>, Error> {
    match io.footers.store().head(location).await {
        Ok(meta) => Ok(Some(ObjectMeta {
            location: location.clone(),
            ..meta
        })),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(source) => Err(failed("look for", location.as_ref())(source)),
    }
}

/// Deletes an object; answers how long it was, `None` where it is gone.
///
/// # Errors
/// [`Error::Store`].
pub(crate) async fn remove(io: &Io, location: &Path) -> Result<Option<u64>, Error> {
    let store = io.footers.store();
    let Some(ObjectMeta { size, .. }) = head(io, location).await? else {
        return Ok(None);
    };
    match store.delete(location).await {
        Ok(()) => Ok(Some(size)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(source) => Err(failed("delete", location.as_ref())(source)),
    }
}

fn failed(attempt: &'static str, path: &str) -> impl Fn(object_store::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::Store {
        attempt,
        path: path.clone(),
        source,
    }
}
