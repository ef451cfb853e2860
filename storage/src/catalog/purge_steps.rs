//! What a purge means by name, and the steps of it that belong to a
//! transaction of the lake.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::purges::{PurgeCounts, PurgeOrder, Target, add_counts, add_targets};
use super::value::Value;
use super::{Tx, strava};
use crate::error::Error;
use crate::id::{ActivityId, AthleteId};

/// Why an athlete's purge cannot begin.
pub(super) async fn refusal(tx: &mut Tx, athlete_id: AthleteId) -> Result<Error, Error> {
    let found = tx
        .fetch(
            "select 1 from athletes where athlete_id = $1",
            &[athlete_id.into()],
        )
        .await?;
    Ok(match found.is_empty() {
        true => Error::NoAthlete { athlete_id },
        false => Error::Conflict {
            what: "an athlete who is being purged",
        },
    })
}

/// What an order means by name.
pub(super) struct Named {
    /// The activities, those that others took in included.
    pub ids: Vec<ActivityId>,
    /// The same as names of targets.
    pub activities: Vec<String>,
    /// The recordings that they come from, by hash.
    pub recordings: Vec<String>,
}

/// Everything that an order means by name, its activities checked.
pub(super) async fn named_by(tx: &mut Tx, order: &PurgeOrder) -> Result<Named, Error> {
    let athlete: Value = order.athlete_id.into();
    let live = match &order.activities {
        None => {
            tx.fetch(
                "select activity_id from activities \
                 where athlete_id = $1 and merged_into is null",
                std::slice::from_ref(&athlete),
            )
            .await?
        }
        Some(wanted) => {
            tx.fetch(
                "select activity_id from activities where athlete_id = $1 \
                 and activity_id = any($2) and merged_into is null",
                &[
                    athlete.clone(),
                    Value::Ints(wanted.iter().map(|id| id.0).collect()),
                ],
            )
            .await?
        }
    };
    let mut ids: BTreeSet<i64> = BTreeSet::new();
    for row in &live {
        ids.insert(row.int(0)?);
    }
    let wanted = order.activities.iter().flatten();
    if let Some(missing) = wanted.into_iter().find(|id| !ids.contains(&id.0)) {
        return Err(Error::NoActivity {
            activity_id: *missing,
        });
    }
    let named: Vec<ActivityId> = ids.into_iter().map(ActivityId).collect();
    let ids = with_taken_in(tx, &named).await?;
    let bound = Value::Ints(ids.iter().copied().collect());
    let mut recordings = BTreeSet::new();
    let hashes = "select distinct sha256 from sources \
         where athlete_id = $1 and activity_id = any($2)";
    for row in tx.fetch(hashes, &[athlete.clone(), bound]).await? {
        recordings.insert(row.text(0)?.to_owned());
    }
    let recordings: Vec<String> = recordings.into_iter().collect();
    if order.activities.is_some() {
        let sharing = tx
            .fetch(
                "select distinct activity_id from sources \
                 where athlete_id = $1 and sha256 = any($2) order by activity_id",
                &[athlete, Value::Texts(recordings.clone())],
            )
            .await?;
        let mut others = Vec::new();
        for row in &sharing {
            let id = row.int(0)?;
            if !ids.contains(&id) {
                others.push(ActivityId(id));
            }
        }
        if !others.is_empty() {
            return Err(Error::SharedRecording { others });
        }
    }
    Ok(Named {
        activities: ids.iter().map(i64::to_string).collect(),
        ids: ids.into_iter().map(ActivityId).collect(),
        recordings,
    })
}

/// These activities, with those that they took in, and those that these took in
/// before.
pub(super) async fn with_taken_in(
    tx: &mut Tx,
    activities: &[ActivityId],
) -> Result<BTreeSet<i64>, Error> {
    let mut ids: BTreeSet<i64> = activities.iter().map(|id| id.0).collect();
    let mut new: Vec<i64> = ids.iter().copied().collect();
    while !new.is_empty() {
        let taken_in = tx
            .fetch(
                "select activity_id from activities where merged_into = any($1)",
                &[Value::Ints(new)],
            )
            .await?;
        new = Vec::new();
        for row in &taken_in {
            let id = row.int(0)?;
            if ids.insert(id) {
                new.push(id);
            }
        }
    }
    Ok(ids)
}

/// Takes the rows of a purge out of our catalog, in the transaction of the
/// commit that takes them out of the lake's newest snapshot.
pub(super) async fn remove_rows(tx: &mut Tx, purge_id: Uuid) -> Result<(), Error> {
    let rows = tx
        .fetch(
            "select athlete_id, whole from purges where purge_id = $1",
            &[purge_id.into()],
        )
        .await?;
    let Some(purge) = rows.first() else {
        return Err(Error::Conflict { what: "a purge" });
    };
    let (athlete, whole) = (Value::Int(purge.int(0)?), purge.bool(1)?);
    let both = [athlete.clone(), purge_id.into()];
    let (statements, values): (&[&'static str], &[Value]) = if whole {
        (
            &[
                "delete from sessions where account_id in (select account_id from accounts \
                 where athlete_id = $1 and role <> 'admin')",
                "delete from api_tokens where account_id in (select account_id from accounts \
                 where athlete_id = $1 and role <> 'admin')",
                "delete from account_links where athlete_id = $1 \
                 or account_id in (select account_id from accounts \
                 where athlete_id = $1 and role <> 'admin')",
                "delete from account_audit where account_id in (select account_id \
                 from accounts where athlete_id = $1 and role <> 'admin')",
                // The row stays, without a name: that there was an account
                // closes the installation to those without one.
                "update accounts set athlete_id = null, \
                 name = case when role = 'admin' then name \
                 else 'purged ' || cast(account_id as text) end, \
                 password = case when role = 'admin' then password end, \
                 disabled_at_us = case when role = 'admin' then disabled_at_us \
                 else coalesce(disabled_at_us, created_at_us) end where athlete_id = $1",
                "delete from corrections where athlete_id = $1",
                "delete from sources where athlete_id = $1",
                "delete from audit where athlete_id = $1 and action <> 'purge'",
                "delete from activities where athlete_id = $1",
                // What runs ends by itself; it may be this purge.
                "delete from jobs where athlete_id = $1 and state <> 'running'",
                "delete from job_turns where athlete_id = $1",
                "delete from athletes where athlete_id = $1",
            ],
            &both[..1],
        )
    } else {
        (
            &[
                // Lines about the same bytes name no activity where they were
                // refused.
                "delete from audit where athlete_id = $1 and action <> 'purge' \
                 and sha256 in (select name from purge_targets where purge_id = $2 \
                 and kind = 'recording')",
                "delete from audit where athlete_id = $1 and action <> 'purge' \
                 and activity_id in (select cast(name as bigint) from purge_targets \
                 where purge_id = $2 and kind = 'activity')",
                "delete from corrections where athlete_id = $1 \
                 and activity_id in (select cast(name as bigint) from purge_targets \
                 where purge_id = $2 and kind = 'activity')",
                "delete from sources where athlete_id = $1 \
                 and activity_id in (select cast(name as bigint) from purge_targets \
                 where purge_id = $2 and kind = 'activity')",
                // What was parted from it is an activity of its own.
                "update sources set parted_from = null where athlete_id = $1 \
                 and parted_from in (select cast(name as bigint) from purge_targets \
                 where purge_id = $2 and kind = 'activity')",
                "delete from activities where athlete_id = $1 \
                 and activity_id in (select cast(name as bigint) from purge_targets \
                 where purge_id = $2 and kind = 'activity')",
            ],
            &both,
        )
    };
    let mut counts = PurgeCounts::default();
    if whole {
        counts.catalog_rows += strava::remove_of(tx, AthleteId(purge.int(0)?)).await? as i64;
    }
    for statement in statements {
        counts.catalog_rows += tx.execute(statement, values).await? as i64;
    }
    tx.execute(
        "update athletes set revision = revision + 1 where athlete_id = $1",
        &[athlete],
    )
    .await?;
    add_counts(tx, purge_id, &counts).await
}

/// Writes down, in the transaction that rewrites the lake's history, that it
/// is rewritten: the epoch rises, and the objects are named that may go now.
pub(crate) async fn rewritten(
    tx: &mut Tx,
    purge_id: Uuid,
    counts: &PurgeCounts,
    objects: &[String],
) -> Result<(), Error> {
    tx.execute(
        "update purges set epoch = (select coalesce(max(epoch), 0) + 1 from purges) \
         where purge_id = $1",
        &[purge_id.into()],
    )
    .await?;
    add_counts(tx, purge_id, counts).await?;
    add_targets(tx, purge_id, Target::Object, objects).await
}
