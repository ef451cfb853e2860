//! A merge undone, and done again.
//!
//! Identity takes recordings that match for one activity. Where that is wrong
//! their owner takes one out: it becomes an activity of its own, and matches
//! nothing any more. Taken back, identity decides again.

use std::sync::Arc;

use pipeline::merge;
use serde::Serialize;
use storage::catalog::{Athlete, Outcome, Pointer, Source};
use storage::lake::KeySet;
use storage::{ActivityId, ActivityKey, AthleteId};
use uuid::Uuid;

use super::{Attempts, pointer, refused};
use crate::build::build;
use crate::changes::Changes;
use crate::context::Context;
use crate::derive::{reconcile, replace_differing};
use crate::error::Error;
use crate::identify::{Known, Planned, alone, candidate, plan, settle_ids};
use crate::ingest::{Incoming, audit_entry, ensure_not_purged};
use crate::recompute;
use crate::report::Item;
use crate::source::Kept;

/// What came of undoing or redoing a merge.
#[derive(Clone, Debug, Serialize)]
pub struct Regrouped {
    /// The activities that there are now of those recordings; the one that was
    /// taken out last.
    pub activities: Vec<ActivityId>,
    /// What was done, in a sentence without full stop.
    pub sentence: String,
    /// How many rows changed, by table; the ledger is not counted.
    pub rows: Changes,
}

/// Takes a recording out of an activity. `recording` is the beginning of its
/// SHA-256, or the name of its file; where the activity is of two, `None`
/// means the one whose samples it does not have.
///
/// # Errors
/// `not_found` where the activity is not theirs; `invalid_argument` where it is
/// of one recording only, or none or several are named so;
/// [`Error::Contended`]; where lake, store or catalog fail. Nothing is changed
/// then.
pub async fn unmerge(
    context: &Context,
    athlete: &Athlete,
    activity_id: ActivityId,
    recording: Option<&str>,
) -> Result<Regrouped, Error> {
    let mut attempts = Attempts::default();
    loop {
        match unmerge_once(context, athlete, activity_id, recording).await {
            Err(error) => attempts.again(error)?,
            done => return done,
        }
    }
}

/// Lets identity decide again on a recording that was taken out of an activity.
///
/// # Errors
/// `not_found` where the activity is not theirs; `invalid_argument` where it was
/// not taken out of another; else as [`unmerge`].
pub async fn remerge(
    context: &Context,
    athlete: &Athlete,
    activity_id: ActivityId,
) -> Result<Regrouped, Error> {
    let mut attempts = Attempts::default();
    loop {
        match remerge_once(context, athlete, activity_id).await {
            Err(error) => attempts.again(error)?,
            done => return done,
        }
    }
}

/// The activity, brought up to date, and the revision of its athlete to decide
/// at.
async fn begin(
    context: &Context,
    athlete: &Athlete,
    activity_id: ActivityId,
) -> Result<(Pointer, i64), Error> {
    ensure_not_purged(context, athlete).await?;
    let pointer = pointer(context, athlete, activity_id).await?;
    recompute::refresh(context, &pointer).await?;
    reconcile(context, athlete.athlete_id, false).await?;
    let known = context.storage.catalog.athlete(athlete.athlete_id).await?;
    let known = known.ok_or(Error::NoSuchAthlete(athlete.athlete_id))?;
    Ok((pointer, known.revision))
}

async fn unmerge_once(
    context: &Context,
    athlete: &Athlete,
    activity_id: ActivityId,
    recording: Option<&str>,
) -> Result<Regrouped, Error> {
    let (pointer, decided_at) = begin(context, athlete, activity_id).await?;
    let id = athlete.athlete_id;
    let catalog = &context.storage.catalog;
    let sources = catalog.sources_of(id, &[activity_id]).await?;
    if sources.len() < 2 {
        let reason = "the activity is of one recording only".to_owned();
        return Err(refused(
            "recording",
            recording.unwrap_or("").to_owned(),
            reason,
        ));
    }
    let mut kept = Kept::default();
    let mut candidates = Vec::with_capacity(sources.len());
    for source in &sources {
        let clean = kept.clean(context, id, source).await?;
        candidates.push(candidate(source, clean));
    }
    let at = chosen(&sources, &merge::merge(&candidates), recording)?;
    let (mut rest, mut stays) = (sources, candidates);
    let out = Source {
        parted_from: Some(activity_id),
        ..rest.remove(at)
    };
    let parted = alone(id, out.clone(), Arc::clone(&stays.remove(at).clean));
    let merged = merge::merge(&stays);
    let said = catalog.corrections_of(id, &[activity_id]).await?;
    let mut planned = vec![
        Planned {
            key: ActivityKey {
                start_time_us: merged.clean.start_time_us,
                ..pointer.key
            },
            previous: Some(pointer),
            ended: Vec::new(),
            sources: rest,
            replaced: Vec::new(),
            merged,
            corrections: said,
            moved_corrections: Vec::new(),
            joining: Vec::new(),
        },
        parted,
    ];
    settle_ids(context, &mut planned).await?;
    let born = planned[1].key.activity_id;
    let names = format!("{} {}", out.format, out.file_name);
    let sentence = format!("took {names} out of activity {activity_id}: it is activity {born} now");
    let items = [
        (activity_id, Outcome::Updated, &out),
        (born, Outcome::Created, &out),
    ];
    commit(
        context, athlete, decided_at, planned, "unmerge", sentence, &items,
    )
    .await
}

/// The place of the recording that is to be taken out.
fn chosen(
    sources: &[Source],
    merged: &merge::Merged,
    recording: Option<&str>,
) -> Result<usize, Error> {
    let is_used = |source: &Source| {
        source.sha256 == merged.sha256 && u32::try_from(source.part) == Ok(merged.part)
    };
    let listed = || {
        let names = sources.iter().map(|source| {
            let used = if is_used(source) {
                ", whose samples are used"
            } else {
                ""
            };
            let sha256 = source.sha256.get(..12).unwrap_or(&source.sha256);
            format!("{sha256} ({} {}{used})", source.format, source.file_name)
        });
        names.collect::<Vec<_>>().join(", ")
    };
    let named: Vec<usize> = (0..sources.len())
        .filter(|at| {
            let source = &sources[*at];
            match recording {
                Some(name) => {
                    let is_hash = name.len() >= 4 && source.sha256.starts_with(name);
                    is_hash || source.file_name == name
                }
                None => sources.len() == 2 && !is_used(source),
            }
        })
        .collect();
    match named.as_slice() {
        [one] => Ok(*one),
        _ => Err(refused(
            "recording",
            recording.unwrap_or("").to_owned(),
            format!("it names one of {}", listed()),
        )),
    }
}

async fn remerge_once(
    context: &Context,
    athlete: &Athlete,
    activity_id: ActivityId,
) -> Result<Regrouped, Error> {
    let (_, decided_at) = begin(context, athlete, activity_id).await?;
    let id = athlete.athlete_id;
    let sources = context
        .storage
        .catalog
        .sources_of(id, &[activity_id])
        .await?;
    let parted = sources
        .into_iter()
        .find(|source| source.parted_from.is_some());
    let Some(parted) = parted else {
        let reason = "it was not taken out of another".to_owned();
        return Err(refused("activity", activity_id.to_string(), reason));
    };
    let mut kept = Kept::default();
    let incoming = Incoming {
        path: parted.file_name.clone(),
        file_name: parted.file_name.clone(),
        sha256: parted.sha256.clone(),
        part: u32::try_from(parted.part).unwrap_or_default(),
        external_id: parted.external_id.clone(),
        clean: kept.clean(context, id, &parted).await?,
        quiet: false,
        retain_until_us: parted.retain_until_us,
        fetched_at_us: parted.fetched_at_us,
    };
    let known = Known {
        survivor: parted.parted_from,
        freed: Some((parted.sha256.clone(), parted.part)),
        ..Known::default()
    };
    let planned = plan(context, id, &[incoming], &[0], &known, &mut kept).await?;
    let joined = planned.iter().any(|one| !one.ended.is_empty());
    let into = planned
        .first()
        .map_or(activity_id, |one| one.key.activity_id);
    let names = format!("{} {}", parted.format, parted.file_name);
    let others = planned.iter().flat_map(|one| &one.sources);
    let others = others.filter(|one| (&one.sha256, one.part) != (&parted.sha256, parted.part));
    let sentence = match (joined, known.why_one(&parted, others)) {
        (true, Some(why)) => format!("put {names} into activity {into} again: {why}"),
        (true, None) => format!("put {names} into activity {into} again"),
        (false, _) => format!("{names} may be one with others again; now it is with none"),
    };
    let items = [(into, Outcome::Updated, &parted)];
    commit(
        context, athlete, decided_at, planned, "remerge", sentence, &items,
    )
    .await
}

async fn commit(
    context: &Context,
    athlete: &Athlete,
    decided_at: i64,
    planned: Vec<Planned>,
    action: &str,
    sentence: String,
    items: &[(ActivityId, Outcome, &Source)],
) -> Result<Regrouped, Error> {
    let id: AthleteId = athlete.athlete_id;
    let activities = planned.iter().map(|one| one.key.activity_id).collect();
    let run = Uuid::now_v7();
    let at_us = (context.now)().as_microsecond();
    let audit = items.iter().map(|(activity_id, outcome, source)| {
        let item = Item {
            path: source.file_name.clone(),
            outcome: *outcome,
            activity_id: Some(*activity_id),
            code: None,
            reason: sentence.clone(),
            try_next: None,
        };
        let mut entry = audit_entry(at_us, id, run, &item, Some(source.sha256.clone()));
        entry.action = action.to_owned();
        entry
    });
    let audit = audit.collect();
    let view = context.storage.lake.latest().await?;
    let mut built = tokio::task::spawn_blocking(move || build(planned)).await??;
    built.catalog.decided_at.push((id, decided_at));
    let mut commit = built.into_commit(id, audit);
    commit.message = format!("{action} recordings of athlete {id}");
    let mut changes = Vec::with_capacity(commit.changes.len());
    for change in commit.changes {
        let keys = change.delete.unwrap_or_else(|| KeySet::activities(&[]));
        let old = view.rows(change.table.name, None, &keys).await?;
        changes.extend(replace_differing(change.table, &old, &change.append)?);
    }
    commit.changes = changes;
    let rows = Changes::of(&commit.changes)?;
    context.storage.lake.commit(commit).await?;
    let of_athlete = reconcile(context, id, false).await?;
    Ok(Regrouped {
        activities,
        sentence,
        rows: rows.and(of_athlete),
    })
}
