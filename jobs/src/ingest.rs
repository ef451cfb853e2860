//! From clean recordings to one commit: identity, merging, rows, derived
//! rows. Shared by everything that takes recordings in.
//!
//! A batch is planned against the catalog, built in parallel and committed by
//! compare-and-set; where another writer was first, it is planned again.

use std::collections::HashMap;
use std::sync::Arc;

use pipeline::clean::Clean;
use pipeline::identity;
use pipeline::recording::Format;
use storage::catalog::{Athlete, AuditEntry, Source};
use storage::lake::Commit;
use storage::{ActivityId, AthleteId, Code, Failure};
use uuid::Uuid;

use crate::build::build;
use crate::context::Context;
use crate::copies::{is_later, newest_copies};
use crate::derive::replace_differing;
use crate::error::Error;
use crate::growth::Growth;
use crate::identify::{Known, plan};
use crate::report::{Item, Outcome};
use crate::source::Kept;

/// How often a batch is planned again after another writer was first.
const ATTEMPTS: u32 = 8;

/// A clean recording on its way in; its bytes are in the raw store already.
#[derive(Clone)]
pub struct Incoming {
    /// Where it came from, for people.
    pub path: String,
    /// The name of its file, without folders.
    pub file_name: String,
    /// Of the bytes, after zip and gz are removed.
    pub sha256: String,
    /// Which of the file's recordings.
    pub part: u32,
    /// An id that an archive knows for it beside its own.
    pub external_id: Option<String>,
    /// The recording.
    pub clean: Arc<Clean>,
    /// Whether it only accompanies another item, and has no line of its own
    /// in the report: the table row of an archive that also has the file.
    pub quiet: bool,
    /// How long the terms of its source let it be kept, in microseconds since
    /// 1970, UTC; `None`: for ever, as files are.
    pub retain_until_us: Option<i64>,
    /// When a copy was fetched, in microseconds since 1970, UTC; `None` for
    /// files.
    pub fetched_at_us: Option<i64>,
}

impl Incoming {
    /// Whether it is a copy that an outside service told, of which a newer one
    /// takes the place.
    pub(crate) fn is_copy(&self) -> bool {
        self.clean.format == Format::StravaApi
    }

    /// The number of the upload at Strava that it came by: a copy says it, and
    /// Strava's archive names files by it.
    pub(crate) fn upload_id(&self) -> Option<String> {
        match self.is_copy() {
            true => self.clean.claims.upload_id.clone(),
            false => identity::upload_named(&self.file_name).map(str::to_owned),
        }
    }

    /// The catalog's line for it, as part of that activity.
    pub(crate) fn source(&self, athlete_id: AthleteId, activity_id: ActivityId) -> Source {
        Source {
            athlete_id,
            sha256: self.sha256.clone(),
            part: self.part as i32,
            format: self.clean.format.name().to_owned(),
            external_id: self.external_id.clone(),
            start_time_us: self.clean.start_time_us,
            elapsed_ms: self.clean.elapsed_ms(),
            non_null_values: self.clean.non_null_values,
            file_name: self.file_name.clone(),
            activity_id,
            parted_from: None,
            upload_id: self.upload_id(),
            retain_until_us: self.retain_until_us,
            fetched_at_us: self.fetched_at_us,
        }
    }
}

/// What a batch came to.
pub struct Ingested {
    /// One item a recording that has a line of its own, in the batch's order,
    /// with its place in the batch.
    pub items: Vec<(usize, Item)>,
    /// What the athlete got by it; `None` where nothing was committed.
    pub growth: Option<Growth>,
}

/// Takes a batch of one athlete in, in one commit; the athlete as they were
/// when the first bytes of it were kept.
///
/// # Errors
/// Where storage fails or other writers keep winning; [`Error::Purged`] where a
/// purge of the athlete has begun since, [`Error::Released`] where the batch has
/// copies and a release of theirs has. Nothing of the batch is then in the lake.
pub async fn ingest(
    context: &Context,
    athlete: &Athlete,
    run: Uuid,
    batch: &[Incoming],
) -> Result<Ingested, Error> {
    let mut kept = Kept::default();
    for incoming in batch {
        kept.hold(&incoming.sha256, incoming.part, Arc::clone(&incoming.clean));
    }
    let mut attempt = 0;
    loop {
        attempt += 1;
        let (ingested, replaced) = match ingest_once(context, athlete, run, batch, &mut kept).await
        {
            Err(Error::Storage(error)) if error.code() == Code::Conflict => {
                if attempt == ATTEMPTS {
                    return Err(Error::Contended {
                        attempts: attempt,
                        source: error,
                    });
                }
                tracing::debug!(attempt, %error, "another writer was first; planning again");
                continue;
            }
            Err(error) => return Err(error),
            Ok(done) => done,
        };
        let raw = &context.storage.raw;
        if let Err(error) = raw.forget(athlete.athlete_id, &replaced).await {
            // What is in is in; maintenance deletes what nothing names.
            tracing::warn!(%error, "bytes of replaced copies could not be deleted yet");
        }
        return Ok(ingested);
    }
}

/// Writes audit entries, unless a purge of the athlete has begun since they
/// were read: the entries name files.
///
/// # Errors
/// [`Error::Purged`] where one has; where the catalog fails.
pub(crate) async fn write_audit(
    context: &Context,
    athlete: &Athlete,
    entries: &[AuditEntry],
) -> Result<(), Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let catalog = &context.storage.catalog;
    match catalog.write_audit_of(athlete, entries).await? {
        true => Ok(()),
        false => Err(Error::Purged(athlete.athlete_id)),
    }
}

/// Whether no purge of the athlete has begun since they were read.
///
/// # Errors
/// [`Error::Purged`] where one has.
pub(crate) async fn ensure_not_purged(context: &Context, athlete: &Athlete) -> Result<(), Error> {
    let now = context.storage.catalog.athlete(athlete.athlete_id).await?;
    match now {
        Some(now) if now.purges == athlete.purges => Ok(()),
        Some(_) | None => Err(Error::Purged(athlete.athlete_id)),
    }
}

/// Whether no release of copies of the athlete has begun since they were read.
///
/// # Errors
/// [`Error::Released`] where one has, [`Error::Purged`] where they are gone.
pub(crate) async fn ensure_not_released(context: &Context, athlete: &Athlete) -> Result<(), Error> {
    let id = athlete.athlete_id;
    match context.storage.catalog.athlete(id).await? {
        Some(now) if now.releases == athlete.releases && !now.is_being_released() => Ok(()),
        Some(_) => Err(Error::Released(id)),
        None => Err(Error::Purged(id)),
    }
}

async fn ingest_once(
    context: &Context,
    before: &Athlete,
    run: Uuid,
    batch: &[Incoming],
    kept: &mut Kept,
) -> Result<(Ingested, Vec<String>), Error> {
    // Before anything is decided: a commit in between makes this one a conflict.
    let athlete = before.athlete_id;
    let known = context.storage.catalog.athlete(athlete).await?;
    let decided_at = match known {
        Some(known) if known.purges == before.purges => {
            let copies = batch.iter().any(Incoming::is_copy);
            let is_released = known.releases != before.releases || known.is_being_released();
            if copies && is_released {
                return Err(Error::Released(athlete));
            }
            known.revision
        }
        Some(_) | None => return Err(Error::Purged(athlete)),
    };
    let mut outcomes: Vec<Option<Item>> = vec![None; batch.len()];
    let (mut fresh, mut known) = skip_known(context, athlete, batch, &mut outcomes).await?;
    newest_copies(
        context,
        athlete,
        batch,
        &mut outcomes,
        &mut fresh,
        &mut known,
    )
    .await?;
    let planned = plan(context, athlete, batch, &fresh, &known, kept).await?;

    let mut homes: HashMap<(&str, u32), ActivityId> = HashMap::new();
    for planned in &planned {
        let outcome = if planned.previous.is_some() {
            Outcome::Updated
        } else {
            Outcome::Created
        };
        for (position, (index, reason)) in planned.joining.iter().enumerate() {
            // The first recording bears the activity, the others of the batch join it.
            let outcome = if position == 0 {
                outcome
            } else {
                Outcome::Updated
            };
            let incoming = &batch[*index];
            homes.insert((&incoming.sha256, incoming.part), planned.key.activity_id);
            outcomes[*index] = Some(Item {
                path: incoming.path.clone(),
                outcome,
                activity_id: Some(planned.key.activity_id),
                code: None,
                reason: format!("{reason}; streams: {}", planned.merged.rule),
                try_next: None,
            });
        }
    }
    for (incoming, item) in batch.iter().zip(&mut outcomes) {
        if let Some(item) = item.as_mut().filter(|item| item.activity_id.is_none()) {
            item.activity_id = homes
                .get(&(incoming.sha256.as_str(), incoming.part))
                .copied();
        }
    }
    let mut audit = audit_entries(context, athlete, run, batch, &outcomes);
    let replaced: Vec<(ActivityId, Source)> = planned
        .iter()
        .flat_map(|one| {
            one.replaced
                .iter()
                .map(|old| (one.key.activity_id, old.clone()))
        })
        .collect();
    audit.extend(replaced.iter().map(|(activity_id, old)| {
        let item = Item {
            path: old.file_name.clone(),
            outcome: Outcome::Updated,
            activity_id: Some(*activity_id),
            code: None,
            reason: "this copy gave its place to a newer one".to_owned(),
            try_next: None,
        };
        let at_us = (context.now)().as_microsecond();
        let mut entry = audit_entry(at_us, athlete, run, &item, Some(old.sha256.clone()));
        entry.action = "replace".to_owned();
        entry
    }));
    let growth = (!planned.is_empty()).then(|| Growth::of_batch(decided_at, &planned));
    if planned.is_empty() {
        write_audit(context, before, &audit).await?;
    } else {
        let mut built = tokio::task::spawn_blocking(move || build(planned)).await??;
        built.catalog.decided_at.push((athlete, decided_at));
        let mut commit = built.into_commit(athlete, audit);
        if batch.iter().any(Incoming::is_copy) {
            only_differing(context, &mut commit).await?;
        }
        context.storage.lake.commit(commit).await?;
    }
    let items = outcomes
        .into_iter()
        .enumerate()
        .filter(|(place, _)| !batch[*place].quiet)
        .filter_map(|(place, item)| Some((place, item?)))
        .collect();
    let replaced = replaced.into_iter().map(|(_, old)| old.sha256);
    Ok((Ingested { items, growth }, replaced.collect()))
}

/// Leaves rows as they are that come out the same: of a copy that is fetched
/// again mostly its words have changed.
async fn only_differing(context: &Context, commit: &mut Commit) -> Result<(), Error> {
    let view = context.storage.lake.latest().await?;
    let mut changes = Vec::with_capacity(commit.changes.len());
    for change in std::mem::take(&mut commit.changes) {
        let Some(keys) = &change.delete else {
            changes.push(change);
            continue;
        };
        let old = view.rows(change.table.name, None, keys).await?;
        changes.extend(replace_differing(change.table, &old, &change.append)?);
    }
    commit.changes = changes;
    Ok(())
}

/// Marks what is known by its bytes as skipped; answers the indices of the
/// rest, and what is known of them.
async fn skip_known(
    context: &Context,
    athlete: AthleteId,
    batch: &[Incoming],
    outcomes: &mut [Option<Item>],
) -> Result<(Vec<usize>, Known), Error> {
    let hashes: Vec<String> = batch
        .iter()
        .map(|incoming| incoming.sha256.clone())
        .collect();
    let known = context
        .storage
        .catalog
        .sources_by_sha256(athlete, &hashes)
        .await?;
    let parted = known.iter().filter_map(|source| {
        let bytes = (source.sha256.clone(), source.part);
        Some((bytes, source.parted_from?))
    });
    let of_batch = Known {
        parted: parted.collect(),
        ..Known::default()
    };
    let known: HashMap<(&str, i32), &Source> = known
        .iter()
        .map(|source| ((source.sha256.as_str(), source.part), source))
        .collect();
    let mut first: HashMap<(&str, u32), usize> = HashMap::new();
    let mut fresh = Vec::new();
    for (index, incoming) in batch.iter().enumerate() {
        let twin = *first
            .entry((&incoming.sha256, incoming.part))
            .or_insert(index);
        let same = known.get(&(incoming.sha256.as_str(), incoming.part as i32));
        // An archive may tell the external id of bytes that came in without.
        let learns = same
            .is_some_and(|source| incoming.external_id.is_some() && source.external_id.is_none());
        let moves = same.is_some_and(|source| is_later(incoming, source))
            && same.is_some_and(|source| source.retain_until_us != incoming.retain_until_us);
        if (learns || moves) && twin == index {
            fresh.push(index);
        } else if let Some(source) = same {
            if let Some(fetched_at_us) = incoming
                .fetched_at_us
                .filter(|_| is_later(incoming, source))
            {
                context
                    .storage
                    .catalog
                    .seen_again(source, fetched_at_us)
                    .await?;
            }
            outcomes[index] = Some(Item {
                path: incoming.path.clone(),
                outcome: Outcome::Skipped,
                activity_id: Some(source.activity_id),
                code: None,
                reason: format!("the same bytes came in before as {}", source.file_name),
                try_next: None,
            });
        } else if twin != index {
            outcomes[index] = Some(Item {
                path: incoming.path.clone(),
                outcome: Outcome::Skipped,
                activity_id: None,
                code: None,
                reason: format!("the same bytes as {}", batch[twin].path),
                try_next: None,
            });
        } else {
            fresh.push(index);
        }
    }
    Ok((fresh, of_batch))
}

fn audit_entries(
    context: &Context,
    athlete: AthleteId,
    run: Uuid,
    batch: &[Incoming],
    outcomes: &[Option<Item>],
) -> Vec<AuditEntry> {
    let at_us = (context.now)().as_microsecond();
    batch
        .iter()
        .zip(outcomes)
        .filter_map(|(incoming, item)| {
            let item = item.as_ref()?;
            Some(audit_entry(
                at_us,
                athlete,
                run,
                item,
                Some(incoming.sha256.clone()),
            ))
        })
        .collect()
}

/// The audit's line for one item.
pub fn audit_entry(
    at_us: i64,
    athlete_id: AthleteId,
    run_id: Uuid,
    item: &Item,
    sha256: Option<String>,
) -> AuditEntry {
    AuditEntry {
        audit_id: Uuid::now_v7(),
        at_us,
        athlete_id,
        activity_id: item.activity_id,
        action: "import".to_owned(),
        outcome: item.outcome,
        path: item.path.clone(),
        sha256,
        code: item.code.map(str::to_owned),
        reason: item.reason.clone(),
        try_next: item.try_next.clone(),
        run_id,
    }
}
