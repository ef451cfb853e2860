//! Copies of activities that an outside service told, on their way in: kept,
//! and taken in, each in the place of the one that was there before.
//!
//! A copy knows when it was fetched and until when it may be kept. Whatever the
//! order in which copies of one activity come, the one that was fetched last
//! stays. Its bytes are removed with it, so that nothing of an older one is left.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use pipeline::decode::Limits;
use pipeline::recording::Format;
use storage::catalog::{Athlete, AuditEntry, Source};
use storage::raw::Original;
use storage::{ActivityId, AthleteId};
use uuid::Uuid;

use crate::context::Context;
use crate::error::Error;
use crate::identify::Known;
use crate::ingest::{
    Incoming, Ingested, audit_entry, ensure_not_purged, ensure_not_released, ingest, write_audit,
};
use crate::report::{Item, Outcome};
use crate::source;

/// One activity as an outside service told it.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// What is kept of it; of Strava's API what
    /// [`document`](pipeline::decode::strava::api::document) makes.
    pub document: Vec<u8>,
    /// When it was fetched: of two copies the later one counts.
    pub fetched_at: Timestamp,
    /// Until when the service's terms let it be kept; `None`: for ever.
    pub retain_until: Option<Timestamp>,
}

/// Takes copies of one athlete's activities in, in one commit; the athlete as
/// they were before the copies were fetched, so that what was fetched before a
/// purge or a release never comes in after it.
///
/// Each copy has one item: created, updated, skipped (the same bytes are there,
/// or a newer copy is), or failed with what is wrong with it.
///
/// # Errors
/// Where storage fails or other writers keep winning; [`Error::Purged`] and
/// [`Error::Released`] where a purge or a release of the athlete has begun.
/// Nothing is in the lake then, and no bytes are left.
pub async fn take_in(
    context: &Context,
    athlete: &Athlete,
    run: Uuid,
    copies: Vec<Fetched>,
) -> Result<Ingested, Error> {
    let mut read = Vec::with_capacity(copies.len());
    for copy in copies {
        read.push(tokio::task::spawn_blocking(move || Read::of(copy)).await?);
    }
    let hashes: Vec<String> = read.iter().map(|one| one.sha256().to_owned()).collect();
    let taken = kept_and_ingested(context, athlete, run, &read).await;
    // What did not come to be named goes at once: it may not be kept.
    let raw = &context.storage.raw;
    raw.forget(athlete.athlete_id, &hashes).await?;
    taken
}

async fn kept_and_ingested(
    context: &Context,
    athlete: &Athlete,
    run: Uuid,
    read: &[Read],
) -> Result<Ingested, Error> {
    let mut batch = Vec::new();
    let mut places = Vec::new();
    let mut items = Vec::new();
    for (place, one) in read.iter().enumerate() {
        match &one.incoming {
            Ok(incoming) => {
                keep(context, athlete, &one.original).await?;
                places.push(place);
                batch.push(incoming.clone());
            }
            Err(item) => items.push((place, item.clone())),
        }
    }
    let at_us = (context.now)().as_microsecond();
    let id: AthleteId = athlete.athlete_id;
    let audit: Vec<AuditEntry> = items
        .iter()
        .map(|(_, item)| audit_entry(at_us, id, run, item, None))
        .collect();
    write_audit(context, athlete, &audit).await?;
    let ingested = ingest(context, athlete, run, &batch).await?;
    for (at, item) in ingested.items {
        let place = places[at];
        if matches!(item.outcome, Outcome::Created | Outcome::Updated) {
            let put_back = context
                .storage
                .raw
                .ensure(id, &read[place].original)
                .await?;
            if put_back {
                tracing::debug!(path = %item.path, "bytes put back that had just been removed");
            }
        }
        items.push((place, item));
    }
    items.sort_by_key(|(place, _)| *place);
    Ok(Ingested {
        items,
        growth: ingested.growth,
    })
}

/// A copy that was read.
struct Read {
    original: Original,
    incoming: Result<Incoming, Item>,
}

impl Read {
    /// Hashes, decodes and cleans a copy, which keeps a core busy.
    fn of(copy: Fetched) -> Self {
        let original = Original::new(copy.document);
        let refused = |path: String, refusal: source::Refusal| {
            Item::failed_by(path, refusal.code, refusal.reason, refusal.try_next)
        };
        let read = source::read(original.bytes(), &Limits::default());
        let incoming = match read.map(|mut parts| (parts.len() == 1).then(|| parts.remove(0))) {
            Ok(Some((part, clean))) if clean.format == Format::StravaApi => {
                let external_id = clean.claims.external_id.clone();
                // No name of a file, and nothing that its owner wrote: the audit
                // says it for longer than the copy may be kept.
                let path = external_id.clone().unwrap_or_default();
                Ok(Incoming {
                    path: path.clone(),
                    file_name: path,
                    sha256: original.sha256().to_owned(),
                    part,
                    external_id,
                    clean: Arc::new(clean),
                    quiet: false,
                    retain_until_us: copy.retain_until.map(Timestamp::as_microsecond),
                    fetched_at_us: Some(copy.fetched_at.as_microsecond()),
                })
            }
            Ok(_) => {
                let error = pipeline::error::DecodeError::UnknownFormat;
                Err(refused("a copy".to_owned(), source::Refusal::of(&error)))
            }
            Err(refusal) => Err(refused("a copy".to_owned(), refusal)),
        };
        Self { original, incoming }
    }

    fn sha256(&self) -> &str {
        self.original.sha256()
    }
}

/// Keeps bytes, unless a purge or a release has begun: either may have looked
/// through the store already.
async fn keep(context: &Context, athlete: &Athlete, original: &Original) -> Result<(), Error> {
    context
        .storage
        .raw
        .put(athlete.athlete_id, original)
        .await?;
    ensure_not_purged(context, athlete).await?;
    ensure_not_released(context, athlete).await
}

/// Whether a copy was fetched after the one that is there.
pub(crate) fn is_later(incoming: &Incoming, source: &Source) -> bool {
    incoming.is_copy() && incoming.fetched_at_us > source.fetched_at_us
}

/// Of several copies of one activity, in the batch and in the catalog, the one
/// that was fetched last stays: copies that come too late are skipped, and the
/// others take the place of those that are there.
pub(crate) async fn newest_copies(
    context: &Context,
    athlete: AthleteId,
    batch: &[Incoming],
    outcomes: &mut [Option<Item>],
    fresh: &mut Vec<usize>,
    known: &mut Known,
) -> Result<(), Error> {
    let id_of = |index: &usize| batch[*index].external_id.clone();
    let copies = fresh.iter().filter(|index| batch[**index].is_copy());
    let ids: Vec<String> = copies.filter_map(id_of).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let there = context
        .storage
        .catalog
        .sources_by_external_id(athlete, &ids)
        .await?;
    let is_copy = |source: &&Source| source.format == Format::StravaApi.name();
    let there: Vec<&Source> = there.iter().filter(is_copy).collect();
    // Of two that were fetched at once the hash decides, in whatever order
    // they come.
    let age = |index: usize| (batch[index].fetched_at_us, batch[index].sha256.as_str());
    let mut newest: HashMap<&str, usize> = HashMap::new();
    for &index in fresh.iter().filter(|index| batch[**index].is_copy()) {
        if let Some(id) = &batch[index].external_id {
            let best = newest.entry(id).or_insert(index);
            if age(*best) < age(index) {
                *best = index;
            }
        }
    }
    let mut late: HashMap<usize, Option<ActivityId>> = HashMap::new();
    for &index in fresh.iter().filter(|index| batch[**index].is_copy()) {
        let incoming = &batch[index];
        let Some(id) = &incoming.external_id else {
            continue;
        };
        let others = there.iter().filter(|source| {
            let is_same = (&source.sha256, source.part) == (&incoming.sha256, incoming.part as i32);
            source.external_id.as_ref() == Some(id) && !is_same
        });
        let others: Vec<&&Source> = others.collect();
        let newer = others
            .iter()
            .find(|source| (source.fetched_at_us, source.sha256.as_str()) > age(index));
        if let Some(newer) = newer {
            late.insert(index, Some(newer.activity_id));
        } else if newest.get(id.as_str()) != Some(&index) {
            late.insert(index, others.first().map(|source| source.activity_id));
        } else if !others.is_empty() {
            let bytes = (incoming.sha256.clone(), incoming.part as i32);
            let others = others.into_iter().map(|source| (*source).clone());
            known.replaced.insert(bytes, others.collect());
        }
    }
    fresh.retain(|index| !late.contains_key(index));
    for (index, activity_id) in late {
        outcomes[index] = Some(Item {
            path: batch[index].path.clone(),
            outcome: Outcome::Skipped,
            activity_id,
            code: None,
            reason: "a newer copy of it is there".to_owned(),
            try_next: None,
        });
    }
    Ok(())
}
