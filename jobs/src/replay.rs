//! Activities again, from nothing but their kept bytes and the catalog.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use pipeline::clean::Clean;
use pipeline::decode::Limits;
use pipeline::merge::{self, Candidate, Merged};
use pipeline::rows::RowContext;
use rayon::prelude::*;
use storage::catalog::{Correction, Pointer, Source, retain_until_us};
use storage::lake::{KeySet, LakeView};
use storage::tables::{ACTIVITIES, DERIVATIONS, FINDINGS, LAPS, STREAMS};
use storage::{ActivityId, ActivityKey, AthleteId, Code, Failure};

use crate::build::{Said, activity_rows, derived_rows};
use crate::context::Context;
use crate::error::Error;
use crate::source;

/// Rows of one activity, by table.
pub type Rows = BTreeMap<&'static str, RecordBatch>;

/// Where the bytes of recordings are.
pub trait Recordings: Sync {
    /// The bytes of that hash, checked against it.
    ///
    /// # Errors
    /// One whose code is `not_found` or `inconsistent` where they are missing
    /// or damaged; others where they cannot be had for now.
    fn bytes(
        &self,
        athlete: AthleteId,
        sha256: &str,
    ) -> impl Future<Output = Result<Bytes, Error>> + Send;
}

impl Recordings for Context {
    async fn bytes(&self, athlete: AthleteId, sha256: &str) -> Result<Bytes, Error> {
        Ok(self.storage.raw.get(athlete, sha256).await?)
    }
}

/// One activity as its kept bytes give it now.
pub struct Replayed {
    /// What the catalog says of it.
    pub pointer: Pointer,
    /// What its readable recordings merge to; `None` where none can be read.
    pub merged: Option<Merged>,
    /// What its owner ever said of it.
    pub corrections: Vec<Correction>,
    /// How long the terms of its recordings let it be kept, in microseconds
    /// since 1970; `None`: for ever.
    pub retain_until_us: Option<i64>,
    /// Its recordings that cannot be read.
    pub troubles: Vec<Error>,
}

impl Replayed {
    /// Where its rows are to be found: cleaning may start it elsewhere than
    /// the catalog says.
    pub fn key(&self) -> ActivityKey {
        let start = self.merged.as_ref().map(|m| m.clean.start_time_us);
        ActivityKey {
            start_time_us: start.unwrap_or(self.pointer.key.start_time_us),
            ..self.pointer.key
        }
    }
}

/// Decoded recordings by their bytes: those of each file, or why there are none.
type Decoded = HashMap<(AthleteId, String), Result<Vec<(u32, Arc<Clean>)>, Error>>;

/// What cannot be derived of an activity, beside the bytes.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// The recordings that it is made of.
    pub sources: Vec<Source>,
    /// What its owner ever said of it.
    pub corrections: Vec<Correction>,
}

/// What the catalog knows of activities, by activity.
///
/// # Errors
/// Where the catalog fails.
pub async fn grounds_of(
    context: &Context,
    page: &[Pointer],
) -> Result<HashMap<ActivityId, Ground>, Error> {
    let mut athletes: BTreeMap<AthleteId, Vec<ActivityId>> = BTreeMap::new();
    for pointer in page {
        let ids = athletes.entry(pointer.key.athlete_id).or_default();
        ids.push(pointer.key.activity_id);
    }
    let catalog = &context.storage.catalog;
    let mut grounds: HashMap<ActivityId, Ground> = HashMap::new();
    for (athlete, ids) in athletes {
        for source in catalog.sources_of(athlete, &ids).await? {
            let ground = grounds.entry(source.activity_id).or_default();
            ground.sources.push(source);
        }
        for correction in catalog.corrections_of(athlete, &ids).await? {
            let ground = grounds.entry(correction.activity_id).or_default();
            ground.corrections.push(correction);
        }
    }
    Ok(grounds)
}

/// Reads, decodes, cleans and merges the recordings of a page of activities,
/// on all cores; the order of the page is kept.
///
/// # Errors
/// Where catalog or store fail. Bytes that are missing or give no recording
/// are a trouble of their activity instead.
pub async fn replay<R: Recordings>(
    recordings: &R,
    page: &[Pointer],
    mut grounds: HashMap<ActivityId, Ground>,
) -> Result<Vec<Replayed>, Error> {
    let sources = grounds.values().flat_map(|ground| &ground.sources);
    let decoded = decode(recordings, sources).await?;
    let page = page.to_vec();
    let merging = move || {
        let grounded: Vec<(Pointer, Ground)> = page
            .into_iter()
            .map(|pointer| {
                let ground = grounds.remove(&pointer.key.activity_id);
                (pointer, ground.unwrap_or_default())
            })
            .collect();
        grounded
            .into_par_iter()
            .map(|(pointer, ground)| merged(pointer, ground, &decoded))
            .collect()
    };
    Ok(tokio::task::spawn_blocking(merging).await?)
}

async fn decode<R: Recordings>(
    recordings: &R,
    sources: impl Iterator<Item = &Source>,
) -> Result<Decoded, Error> {
    let mut files: Vec<(AthleteId, String)> = sources
        .map(|source| (source.athlete_id, source.sha256.clone()))
        .collect();
    files.sort_unstable();
    files.dedup();
    let at_once = 2 * std::thread::available_parallelism().map_or(1, usize::from);
    stream::iter(files)
        .map(|(athlete, sha256)| async move {
            let decoded = decode_file(recordings, athlete, &sha256).await?;
            Ok(((athlete, sha256), decoded))
        })
        .buffer_unordered(at_once)
        .try_collect()
        .await
}

/// The recordings of one file; the inner error is a trouble of its activities.
async fn decode_file<R: Recordings>(
    recordings: &R,
    athlete: AthleteId,
    sha256: &str,
) -> Result<Result<Vec<(u32, Arc<Clean>)>, Error>, Error> {
    let bytes = match recordings.bytes(athlete, sha256).await {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.code(), Code::NotFound | Code::Inconsistent) => {
            return Ok(Err(error));
        }
        Err(error) => return Err(error),
    };
    let read = move || source::read(&bytes, &Limits::default());
    Ok(match tokio::task::spawn_blocking(read).await? {
        Ok(recordings) => Ok(recordings
            .into_iter()
            .map(|(part, clean)| (part, Arc::new(clean)))
            .collect()),
        Err(refusal) => Err(Error::KeptUnreadable {
            sha256: sha256.to_owned(),
            part: 0,
            reason: refusal.reason,
        }),
    })
}

fn merged(pointer: Pointer, ground: Ground, decoded: &Decoded) -> Replayed {
    let sources = &ground.sources;
    let mut troubles = Vec::new();
    let mut candidates = Vec::with_capacity(sources.len());
    if sources.is_empty() {
        troubles.push(Error::NoSources(pointer.key.activity_id));
    }
    for source in sources {
        let part = u32::try_from(source.part).unwrap_or_default();
        match decoded.get(&(source.athlete_id, source.sha256.clone())) {
            Some(Ok(recordings)) => match recordings.iter().find(|(nth, _)| *nth == part) {
                Some((_, clean)) => candidates.push(Candidate {
                    sha256: source.sha256.clone(),
                    part,
                    clean: Arc::clone(clean),
                }),
                None => troubles.push(Error::KeptUnreadable {
                    sha256: source.sha256.clone(),
                    part,
                    reason: "it has no such part".to_owned(),
                }),
            },
            // Several activities may come from one file: each is told.
            Some(Err(trouble)) => troubles.push(Error::RecordingLost {
                sha256: source.sha256.clone(),
                reason: trouble.to_string(),
            }),
            None => troubles.push(Error::NoSources(pointer.key.activity_id)),
        }
    }
    Replayed {
        pointer,
        merged: (!candidates.is_empty()).then(|| merge::merge(&candidates)),
        retain_until_us: retain_until_us(sources),
        corrections: ground.corrections,
        troubles,
    }
}

/// Rows of activities, on all cores: each with the key and revision given;
/// `None` where nothing of it can be read.
///
/// # Errors
/// Where rows do not fit their table, which is a fault of ours.
pub async fn rows(
    replayed: Vec<Replayed>,
    revision: fn(&Replayed) -> i64,
) -> Result<Vec<(Replayed, Option<Rows>)>, Error> {
    let deriving = move || {
        replayed
            .into_par_iter()
            .map(|replayed| {
                let context = RowContext {
                    key: replayed.key(),
                    revision: revision(&replayed),
                    retain_until_us: replayed.retain_until_us,
                };
                let rows = replayed.merged.as_ref();
                let rows =
                    rows.map(|merged| activity_rows(merged, &context, &replayed.corrections));
                Ok((replayed, rows.transpose()?))
            })
            .collect()
    };
    tokio::task::spawn_blocking(deriving).await?
}

/// The rows of an activity with the facts that a lake has, in the place of
/// recordings that cannot be read any more.
///
/// # Errors
/// Where the lake does not have them all, or not in the catalog's revision.
pub async fn taken_over(old: &LakeView, replayed: &Replayed) -> Result<Rows, Error> {
    let pointer = &replayed.pointer;
    let keys = KeySet::activities(&[pointer.key]);
    let mut facts = BTreeMap::new();
    for table in [&ACTIVITIES, &STREAMS, &LAPS, &FINDINGS] {
        let batches = old.rows(table.name, None, &keys).await?;
        let rows = arrow::compute::concat_batches(&table.schema(), &batches)?;
        facts.insert(table.name, rows);
    }
    let one = |table: &str| facts[table].num_rows() == 1;
    let is_whole = one(ACTIVITIES.name) && one(STREAMS.name) && {
        let revision = facts[ACTIVITIES.name].column_by_name("revision");
        revision.is_some_and(|r| r.as_primitive::<Int64Type>().value(0) == pointer.revision)
    };
    if !is_whole {
        return Err(Error::NoSources(pointer.key.activity_id));
    }
    let laps = std::slice::from_ref(&facts[LAPS.name]);
    let said = Said {
        corrections: &replayed.corrections,
        revision: pointer.revision,
    };
    let (activities, streams) = (&facts[ACTIVITIES.name], &facts[STREAMS.name]);
    let mut rows = derived_rows(activities, streams, laps, said)?;
    for table in [&STREAMS, &LAPS, &FINDINGS] {
        if let Some(batch) = facts.remove(table.name) {
            rows.insert(table.name, batch);
        }
    }
    let line = query::ledger::activity_line(pointer.key, pointer.revision)?;
    rows.insert(DERIVATIONS.name, line);
    Ok(rows)
}
