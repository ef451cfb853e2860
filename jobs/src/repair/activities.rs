//! Activities whose rows are not as they should be: all of them replaced.

use std::collections::{BTreeMap, BTreeSet};

use arrow::record_batch::RecordBatch;
use query::agreement::Disagreement;
use query::derived::{Scope, tables_of};
use storage::catalog::{ActivityWrite, CatalogChange};
use storage::lake::{Commit, KeySet, TableChange};
use storage::{ActivityId, ActivityKey, AthleteId, Code, Failure};
use uuid::Uuid;

use super::{ATTEMPTS, Repaired};
use crate::context::Context;
use crate::error::Error;
use crate::replay::{self, Replayed};

/// How many activities one commit replaces.
const PAGE: usize = 256;

/// Deletes the rows of strangers and replaces those of activities.
///
/// # Errors
/// [`Error::Contended`]; a failing catalog or store.
pub async fn mend(
    context: &Context,
    disagreements: &[Disagreement],
    done: &mut Repaired,
) -> Result<(), Error> {
    let keys = |strangers: bool| -> BTreeSet<ActivityKey> {
        let of = disagreements
            .iter()
            .filter(|one| one.is_stranger == strangers);
        of.filter_map(|one| one.activity).collect()
    };
    let (strangers, ours) = (keys(true), keys(false));
    // A row at another start than the catalog's is a stranger of an activity
    // that there is.
    let strangers: Vec<ActivityKey> = strangers.difference(&ours).copied().collect();
    for page in strangers.chunks(PAGE) {
        let commit = replace(page, BTreeMap::new(), CatalogChange::default());
        context.storage.lake.commit(commit).await?;
    }
    if !strangers.is_empty() {
        done.mended.push(format!(
            "deleted rows of {} activities that there are not",
            strangers.len()
        ));
    }
    let mut replaced = 0;
    let mut athletes: BTreeMap<AthleteId, Vec<ActivityKey>> = BTreeMap::new();
    for key in ours {
        athletes.entry(key.athlete_id).or_default().push(key);
    }
    for (athlete, keys) in athletes {
        for page in keys.chunks(PAGE) {
            replaced += replace_page(context, athlete, page).await?;
        }
    }
    if replaced > 0 {
        done.mended.push(format!(
            "replaced all rows of {replaced} activities by what their recordings give"
        ));
    }
    Ok(())
}

/// Replaces a page of one athlete; answers how many activities could be.
async fn replace_page(
    context: &Context,
    athlete: AthleteId,
    keys: &[ActivityKey],
) -> Result<usize, Error> {
    let ids: Vec<ActivityId> = keys.iter().map(|key| key.activity_id).collect();
    let mut attempt = 0;
    loop {
        attempt += 1;
        let page = context.storage.catalog.pointers(athlete, &ids).await?;
        let grounds = replay::grounds_of(context, &page).await?;
        let replayed = replay::replay(context, &page, grounds).await?;
        let mut tables: BTreeMap<&'static str, Vec<RecordBatch>> = BTreeMap::new();
        let mut catalog = CatalogChange::default();
        let mut gone: Vec<ActivityKey> = Vec::new();
        for (replayed, rows) in replay::rows(replayed, next_revision).await? {
            // Without all of its recordings what is there is the best there is.
            let Some(rows) = rows.filter(|_| replayed.troubles.is_empty()) else {
                continue;
            };
            gone.push(replayed.pointer.key);
            catalog.activities.push(ActivityWrite {
                key: replayed.key(),
                previous_revision: Some(replayed.pointer.revision),
                revision: next_revision(&replayed),
            });
            for (table, batch) in rows {
                tables.entry(table).or_default().push(batch);
            }
        }
        if gone.is_empty() {
            return Ok(0);
        }
        let commit = replace(&gone, tables, catalog);
        match context.storage.lake.commit(commit).await {
            Ok(_) => return Ok(gone.len()),
            Err(error) if error.code() == Code::Conflict => {
                if attempt == ATTEMPTS {
                    return Err(Error::Contended {
                        attempts: attempt,
                        source: error,
                    });
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
}

fn next_revision(replayed: &Replayed) -> i64 {
    replayed.pointer.revision + 1
}

/// A commit that puts these rows in the place of all that the keys have.
fn replace(
    keys: &[ActivityKey],
    mut tables: BTreeMap<&'static str, Vec<RecordBatch>>,
    catalog: CatalogChange,
) -> Commit {
    let changes = tables_of(Scope::Activity).into_iter().map(|table| {
        let mut append = tables.remove(table.name).unwrap_or_default();
        append.retain(|batch| batch.num_rows() > 0);
        TableChange {
            table,
            delete: Some(KeySet::activities(keys)),
            append,
        }
    });
    Commit {
        attempt: Uuid::now_v7(),
        changes: changes.collect(),
        catalog,
        message: "mend rows of activities".to_owned(),
    }
}
