//! From clean recordings to one commit: identity, merging, rows, derived
//! rows. Shared by everything that takes recordings in.
//!
//! A batch is planned against the catalog, built in parallel and committed by
//! compare-and-set; where another writer was first, it is planned again.

use std::collections::HashMap;
use std::sync::Arc;

use pipeline::clean::Clean;
use storage::catalog::{Athlete, AuditEntry, Source};
use storage::{ActivityId, AthleteId, Code, Failure};
use uuid::Uuid;

use crate::build::build;
use crate::context::Context;
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
}

impl Incoming {
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
/// purge of the athlete has begun since. Nothing of the batch is then in the
/// lake.
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
        match ingest_once(context, athlete, run, batch, &mut kept).await {
            Err(Error::Storage(error)) if error.code() == Code::Conflict => {
                if attempt == ATTEMPTS {
                    return Err(Error::Contended {
                        attempts: attempt,
                        source: error,
                    });
                }
                tracing::debug!(attempt, %error, "another writer was first; planning again");
            }
            other => return other,
        }
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

async fn ingest_once(
    context: &Context,
    before: &Athlete,
    run: Uuid,
    batch: &[Incoming],
    kept: &mut Kept,
) -> Result<Ingested, Error> {
    // Before anything is decided: a commit in between makes this one a conflict.
    let athlete = before.athlete_id;
    let known = context.storage.catalog.athlete(athlete).await?;
    let decided_at = match known {
        Some(known) if known.purges == before.purges => known.revision,
        Some(_) | None => return Err(Error::Purged(athlete)),
    };
    let mut outcomes: Vec<Option<Item>> = vec![None; batch.len()];
    let (fresh, known) = skip_known(context, athlete, batch, &mut outcomes).await?;
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
    let audit = audit_entries(context, athlete, run, batch, &outcomes);
    let growth = (!planned.is_empty()).then(|| Growth::of_batch(decided_at, &planned));
    if planned.is_empty() {
        write_audit(context, before, &audit).await?;
    } else {
        let mut built = tokio::task::spawn_blocking(move || build(planned)).await??;
        built.catalog.decided_at.push((athlete, decided_at));
        let commit = built.into_commit(athlete, audit);
        context.storage.lake.commit(commit).await?;
    }
    let items = outcomes
        .into_iter()
        .enumerate()
        .filter(|(place, _)| !batch[*place].quiet)
        .filter_map(|(place, item)| Some((place, item?)))
        .collect();
    Ok(Ingested { items, growth })
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
        if learns && twin == index {
            fresh.push(index);
        } else if let Some(source) = same {
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
