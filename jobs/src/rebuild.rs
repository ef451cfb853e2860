//! The whole lake anew, from raw bytes and catalog alone.
//!
//! ```text
//! pointers, in order of key ─> chunks: read, decode, derive, write ─> ranks, statistics ─> one commit
//! ```
//!
//! Nothing of the old lake is read, but for activities whose bytes are gone:
//! its files may be damaged or missing. All is written beside it and takes its
//! place at once, so that readers see the old lake or the new one. Stopped or
//! killed at any moment, the next rebuild takes up what was written; what
//! others commit meanwhile is found by its revision and done again.

mod athletes;
mod chunk;

use std::collections::BTreeMap;

use futures::{StreamExt, TryStreamExt};
use serde::Serialize;
use storage::catalog::{ActivityWrite, Athlete, CatalogChange};
use storage::lake::draft::{Draft, History, Part, Takeover};
use storage::{ActivityId, Code, Failure};
use uuid::Uuid;

use self::chunk::{Chunk, Key};
use crate::context::Context;
use crate::error::Error;

/// How often the commit is tried after another writer was first.
const ATTEMPTS: u32 = 8;
/// How many chunks are at work at once: one is derived while the one before
/// is written.
const CHUNKS_AT_ONCE: usize = 2;

/// How to rebuild.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Forget all older snapshots, even where their files are sound.
    pub forget_history: bool,
    /// Begin anew, not with what an interrupted rebuild left.
    pub restart: bool,
    /// How many activities are made and written at once.
    pub chunk: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            forget_history: false,
            restart: false,
            chunk: 256,
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Rebuilt {
    /// Activities whose rows were made.
    pub activities: u64,
    /// How many of them an interrupted rebuild had made.
    pub taken_up: u64,
    /// Athletes whose ranks and statistics were made.
    pub athletes: u64,
    /// Files of the new lake.
    pub files: u64,
    /// Their length in bytes.
    pub bytes: u64,
    /// The snapshot that has the new rows; `None` where it was stopped.
    pub snapshot_id: Option<i64>,
    /// Whether older snapshots can still be read.
    pub history_kept: bool,
    /// What was wrong with the old lake.
    pub problems: Vec<String>,
    /// Activities that could not be made from raw bytes alone.
    pub troubled: Vec<Troubled>,
    /// Whether it was stopped before its end; the next one goes on.
    pub interrupted: bool,
}

/// What became of an activity of which raw bytes are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Its facts were taken over from the old lake.
    TakenOver,
    /// It was made from the recordings that are left.
    Reduced,
    /// It has no rows any more.
    Lost,
}

/// One activity that could not be made from raw bytes alone.
#[derive(Clone, Debug, Serialize)]
pub struct Troubled {
    /// Which.
    pub activity_id: ActivityId,
    /// What became of it.
    pub fate: Fate,
    /// Why.
    pub reasons: Vec<String>,
}

/// Makes the whole lake anew.
///
/// # Errors
/// [`Error::Contended`] where other writers keep winning; a failing catalog
/// or store. The old lake is then as it was.
pub async fn rebuild(context: &Context, options: Options) -> Result<Rebuilt, Error> {
    let lake = &context.storage.lake;
    let (draft, left) = lake.draft(query::derived::tables()).await?;
    let mut known = taken_up(&draft, left, options.restart).await;
    let before: Vec<Key> = known.keys().copied().collect();
    let mut attempt = 0;
    loop {
        attempt += 1;
        let athletes = context.storage.catalog.athletes().await?;
        let total = context.storage.catalog.count_activities().await?;
        context.progress.begin("rebuild", total);
        let chunks = write_chunks(context, &draft, known, options.chunk).await?;
        context.progress.end();
        let mut done = report(&chunks, &before);
        if context.stop.asked() {
            done.interrupted = true;
            return Ok(done);
        }
        let (parts, takeover) =
            takeover(context, &draft, &chunks, &athletes, options, &mut done).await?;
        let all: Vec<Part> = chunks
            .iter()
            .filter_map(|c| c.part.clone())
            .chain(parts.iter().cloned())
            .collect();
        match draft.commit(&all, &takeover).await {
            Ok(committed) => {
                done.snapshot_id = Some(committed.snapshot_id);
                for (files, bytes) in all.iter().map(Part::size) {
                    done.files += files as u64;
                    done.bytes += bytes;
                }
                return Ok(done);
            }
            Err(error) if error.code() == Code::Conflict => {
                for part in parts {
                    draft.discard(part).await;
                }
                if attempt == ATTEMPTS {
                    return Err(Error::Contended {
                        attempts: attempt,
                        source: error,
                    });
                }
                context
                    .progress
                    .note("activities changed meanwhile; catching up");
                known = chunks
                    .into_iter()
                    .map(|chunk| (chunk.after, chunk))
                    .collect();
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The chunks that an interrupted rebuild left, by where they begin.
async fn taken_up(draft: &Draft, left: Vec<Part>, restart: bool) -> BTreeMap<Key, Chunk> {
    let mut known: BTreeMap<Key, Chunk> = BTreeMap::new();
    for part in left {
        match Chunk::taken_up(&part).filter(|_| !restart) {
            Some(chunk) if !known.contains_key(&chunk.after) => {
                known.insert(chunk.after, chunk);
            }
            Some(_) | None => draft.discard(part).await,
        }
    }
    known
}

/// Writes a chunk for every activity there is, in order; fewer where the job
/// is asked to stop.
async fn write_chunks(
    context: &Context,
    draft: &Draft,
    known: BTreeMap<Key, Chunk>,
    at_most: u32,
) -> Result<Vec<Chunk>, Error> {
    // Rows that are still readable stand in for bytes that are gone.
    let old = context.storage.lake.latest().await?;
    let old = &old;
    let chunks: Vec<Chunk> = chunk::plan(context, known, at_most)
        .map(|planned| async move { chunk::write(context, draft, old, planned?).await })
        .buffered(CHUNKS_AT_ONCE)
        .try_filter_map(|chunk| std::future::ready(Ok(chunk)))
        .try_collect()
        .await?;
    Ok(chunks)
}

fn report(chunks: &[Chunk], before: &[Key]) -> Rebuilt {
    let mut done = Rebuilt::default();
    for chunk in chunks {
        done.activities += chunk.activities;
        if chunk.is_reused && before.contains(&chunk.after) {
            done.taken_up += chunk.activities;
        }
        done.troubled.extend(chunk.troubled.iter().cloned());
    }
    done
}

/// Derives and writes ranks and statistics, and says what the commit needs.
async fn takeover(
    context: &Context,
    draft: &Draft,
    chunks: &[Chunk],
    athletes: &[Athlete],
    options: Options,
    done: &mut Rebuilt,
) -> Result<(Vec<Part>, Takeover), Error> {
    let moved: Vec<ActivityWrite> = chunks.iter().flat_map(|c| &c.moved).copied().collect();
    let facts = draft.view(chunks.iter().filter_map(|chunk| chunk.part.as_ref()));
    let (parts, reconciled) = athletes::write(context, draft, &facts, athletes, &moved).await?;
    done.athletes = athletes.len() as u64;
    let problems = context.storage.lake.verify().await?;
    let problems: Vec<_> = problems
        .into_iter()
        .filter(|problem| !problem.is_harmless())
        .collect();
    done.problems = problems.iter().map(ToString::to_string).collect();
    done.history_kept = problems.is_empty() && !options.forget_history;
    let takeover = Takeover {
        attempt: Uuid::now_v7(),
        message: "make the lake anew from raw bytes".to_owned(),
        catalog: CatalogChange {
            activities: moved,
            reconciled,
            ..CatalogChange::default()
        },
        athletes: athletes
            .iter()
            .map(|athlete| (athlete.athlete_id, athlete.revision))
            .collect(),
        history: if done.history_kept {
            History::Kept
        } else {
            History::Forgotten(problems)
        },
    };
    Ok((parts, takeover))
}
