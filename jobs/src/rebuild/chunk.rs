//! Chunks: activities that follow each other in order of key, as many as one
//! file may hold.
//!
//! A chunk tells by a fingerprint what it was made from: activities, their
//! revisions, the versions of all definitions. As long as that is the same it
//! is not made again.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use arrow::record_batch::RecordBatch;
use futures::{Stream, stream};
use query::derived::{Scope, versions};
use serde::{Deserialize, Serialize};
use storage::catalog::{ActivityWrite, Pointer};
use storage::lake::LakeView;
use storage::lake::draft::{Draft, Part};
use storage::raw::sha256_hex;
use storage::{ActivityId, ActivityKey};

use super::{Fate, Troubled};
use crate::context::Context;
use crate::error::Error;
use crate::replay::{self, Ground, Replayed, Rows};

/// About how many values of samples a chunk has at most: what bounds the memory.
const VALUES: i64 = 8_000_000;

/// The activity after which a chunk begins; `None` at the very first.
pub type Key = Option<ActivityKey>;

/// Activities whose rows are written.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// After which activity it begins.
    pub after: Key,
    /// Its last activity.
    pub last: ActivityKey,
    /// What it was made from.
    pub fingerprint: String,
    /// How many activities.
    pub activities: u64,
    /// Activities that cleaning starts elsewhere than the catalog says.
    pub moved: Vec<ActivityWrite>,
    /// Activities that could not be made from raw bytes alone.
    pub troubled: Vec<Troubled>,
    /// The rows; `None` where there are none.
    pub part: Option<Part>,
    /// Whether it was made before.
    pub is_reused: bool,
}

/// What a part's tag says.
#[derive(Serialize, Deserialize)]
struct Tag {
    after: Key,
    last: ActivityKey,
    fingerprint: String,
    activities: u64,
    moved: Vec<(ActivityKey, i64)>,
}

impl Chunk {
    /// The chunk that a part on record is; `None` where it is none.
    pub fn taken_up(part: &Part) -> Option<Self> {
        let tag: Tag = serde_json::from_str(part.tag()).ok()?;
        Some(Self {
            after: tag.after,
            last: tag.last,
            fingerprint: tag.fingerprint,
            activities: tag.activities,
            moved: tag.moved.into_iter().map(write_of).collect(),
            troubled: Vec::new(),
            part: Some(part.clone()),
            is_reused: true,
        })
    }

    fn tag(&self) -> String {
        let tag = Tag {
            after: self.after,
            last: self.last,
            fingerprint: self.fingerprint.clone(),
            activities: self.activities,
            moved: self.moved.iter().map(|w| (w.key, w.revision)).collect(),
        };
        serde_json::to_string(&tag).expect("numbers and texts become JSON")
    }
}

fn write_of((key, revision): (ActivityKey, i64)) -> ActivityWrite {
    ActivityWrite {
        key,
        previous_revision: Some(revision - 1),
        revision,
    }
}

/// A chunk that is to be there.
pub enum Planned {
    /// It is.
    Reuse(Chunk),
    /// It is to be written, in the place of an older one.
    Write {
        after: Key,
        pointers: Vec<Pointer>,
        grounds: HashMap<ActivityId, Ground>,
        stale: Option<Chunk>,
    },
    /// All its activities are gone.
    Drop(Chunk),
}

/// Plans chunks of all activities in order of key, `at_most` so many each. Of the `known` ones those
/// that are made from what is there now are reused. It ends early where the
/// job is asked to stop.
pub fn plan(
    context: &Context,
    known: BTreeMap<Key, Chunk>,
    at_most: u32,
) -> impl Stream<Item = Result<Planned, Error>> + '_ {
    stream::try_unfold((None, known), move |(after, mut known)| async move {
        if context.stop.asked() {
            return Ok(None);
        }
        let Some(planned) = next(context, after, &mut known, at_most).await? else {
            return Ok(None);
        };
        let end = match &planned {
            Planned::Reuse(chunk) => Some(chunk.last),
            Planned::Write { pointers, .. } => pointers.last().map(|pointer| pointer.key),
            // Its place stays empty; what follows is planned from there.
            Planned::Drop(_) => after,
        };
        Ok(Some((planned, (end, known))))
    })
}

async fn next(
    context: &Context,
    after: Key,
    known: &mut BTreeMap<Key, Chunk>,
    at_most: u32,
) -> Result<Option<Planned>, Error> {
    // Chunks that begin before this one's place are of a cut that is no more.
    let outdated = known.range(..after).next().map(|(key, _)| *key);
    if let Some(chunk) = outdated.and_then(|key| known.remove(&key)) {
        return Ok(Some(Planned::Drop(chunk)));
    }
    let here = known.remove(&after);
    // One more than it had shows that there are more now.
    let limit = here.as_ref().map_or(0, |chunk| chunk.activities as u32 + 1);
    let limit = limit.max(at_most);
    let mut pointers = context.storage.catalog.pointers_after(after, limit).await?;
    let end = match &here {
        Some(chunk) => Some(chunk.last),
        None => {
            let later = (Bound::Excluded(after), Bound::Unbounded);
            known.range(later).next().and_then(|(key, _)| *key)
        }
    };
    if let Some(end) = end {
        pointers.retain(|pointer| pointer.key <= end);
    }
    match here {
        Some(chunk) if pointers.is_empty() => Ok(Some(Planned::Drop(chunk))),
        Some(mut chunk) if chunk.fingerprint == fingerprint(&pointers) => {
            chunk.is_reused = true;
            Ok(Some(Planned::Reuse(chunk)))
        }
        here => {
            pointers.truncate(at_most as usize);
            let grounds = replay::grounds_of(context, &pointers).await?;
            truncate_by_values(&mut pointers, &grounds);
            if pointers.is_empty() {
                // Between here and the next chunk that is known there is
                // nothing any more: that one is made anew.
                let (_, chunk) = match known.pop_first() {
                    Some(first) => first,
                    None => return Ok(None),
                };
                return Ok(Some(Planned::Drop(chunk)));
            }
            Ok(Some(Planned::Write {
                after,
                pointers,
                grounds,
                stale: here,
            }))
        }
    }
}

/// Cuts the list where memory would not hold the samples of more.
fn truncate_by_values(pointers: &mut Vec<Pointer>, grounds: &HashMap<ActivityId, Ground>) {
    let mut values = 0;
    let fits = pointers.iter().position(|pointer| {
        let of = grounds.get(&pointer.key.activity_id);
        values += of
            .into_iter()
            .flat_map(|ground| &ground.sources)
            .map(|s| s.non_null_values)
            .sum::<i64>();
        values > VALUES
    });
    if let Some(last) = fits {
        pointers.truncate(last + 1);
    }
}

/// What a chunk of these activities is made from.
fn fingerprint(pointers: &[Pointer]) -> String {
    let mut text = format!(
        "pacelake {}\n{}\n",
        env!("CARGO_PKG_VERSION"),
        versions(Scope::Activity)
    );
    for pointer in pointers {
        let key = pointer.key;
        text.push_str(&format!(
            "{} {} {} {}\n",
            key.athlete_id, key.start_time_us, key.activity_id, pointer.revision
        ));
    }
    sha256_hex(text.as_bytes())
}

/// Sees to it that a planned chunk is there; `None` where it has no activity.
///
/// # Errors
/// Where catalog, lake or store fail.
pub async fn write(
    context: &Context,
    draft: &Draft,
    old: &LakeView,
    planned: Planned,
) -> Result<Option<Chunk>, Error> {
    let (after, pointers, grounds, stale) = match planned {
        Planned::Reuse(chunk) => {
            context.progress.advance(chunk.activities);
            return Ok(Some(chunk));
        }
        Planned::Drop(chunk) => {
            discard(draft, Some(chunk)).await;
            return Ok(None);
        }
        Planned::Write {
            after,
            pointers,
            grounds,
            stale,
        } => (after, pointers, grounds, stale),
    };
    let Some(last) = pointers.last().map(|pointer| pointer.key) else {
        return Ok(None);
    };
    let mut chunk = Chunk {
        after,
        last,
        fingerprint: fingerprint(&pointers),
        activities: pointers.len() as u64,
        moved: Vec::new(),
        troubled: Vec::new(),
        part: None,
        is_reused: false,
    };
    let replayed = replay::replay(context, &pointers, grounds).await?;
    let mut tables: BTreeMap<&'static str, Vec<RecordBatch>> = BTreeMap::new();
    for (replayed, rows) in replay::rows(replayed, revision).await? {
        let Some(rows) = settle(old, &replayed, rows, &mut chunk).await? else {
            continue;
        };
        for (table, batch) in rows.into_iter().filter(|(_, batch)| batch.num_rows() > 0) {
            tables.entry(table).or_default().push(batch);
        }
    }
    if !tables.is_empty() {
        // Bytes that are gone may come back until the next try.
        let keep = chunk.troubled.is_empty();
        chunk.part = Some(draft.write(chunk.tag(), tables, keep).await?);
    }
    discard(draft, stale).await;
    context.progress.advance(chunk.activities);
    Ok(Some(chunk))
}

async fn discard(draft: &Draft, chunk: Option<Chunk>) {
    if let Some(part) = chunk.and_then(|chunk| chunk.part) {
        draft.discard(part).await;
    }
}

/// The revision of an activity in its new rows: one more where its start
/// changes, since the catalog has to follow.
fn revision(replayed: &Replayed) -> i64 {
    replayed.pointer.revision + i64::from(replayed.key() != replayed.pointer.key)
}

/// Decides which rows an activity gets, and notes what was in the way.
async fn settle(
    old: &LakeView,
    replayed: &Replayed,
    rows: Option<Rows>,
    chunk: &mut Chunk,
) -> Result<Option<Rows>, Error> {
    let (fate, rows) = if replayed.troubles.is_empty() {
        (None, rows)
    } else {
        match replay::taken_over(old, replayed).await {
            Ok(old) => (Some(Fate::TakenOver), Some(old)),
            Err(error) => {
                tracing::debug!(%error, "the old lake does not have it either");
                let fate = match rows {
                    Some(_) => Fate::Reduced,
                    None => Fate::Lost,
                };
                (Some(fate), rows)
            }
        }
    };
    if fate != Some(Fate::TakenOver) && replayed.key() != replayed.pointer.key {
        chunk
            .moved
            .push(write_of((replayed.key(), revision(replayed))));
    }
    if let Some(fate) = fate {
        chunk.troubled.push(Troubled {
            activity_id: replayed.pointer.key.activity_id,
            fate,
            reasons: replayed.troubles.iter().map(ToString::to_string).collect(),
        });
    }
    Ok(rows)
}
