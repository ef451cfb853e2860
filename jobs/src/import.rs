//! `import`: paths in, one report out.
//!
//! ```text
//! walk ─> read, one thread ─> decode and clean, all cores ─> raw bytes ─> batches, one commit each
//! ```
//!
//! While a batch is committed those behind it are decoded. Each stage waits for
//! the next, so memory stays bounded; the order of the walk is kept, so the same
//! input gives the same batches. Stopped at any moment, it leaves whole
//! activities only, and the same command goes on.

use std::path::PathBuf;
use std::sync::Arc;

use futures::StreamExt;
use pipeline::decode::Limits;
use storage::AthleteId;
use storage::catalog::{Athlete, AuditEntry};
use storage::raw::Original;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use crate::context::Context;
use crate::derive;
use crate::error::Error;
use crate::growth::Growth;
use crate::ingest::{Incoming, Ingested, audit_entry, ensure_not_purged, ingest, write_audit};
use crate::input::{self, Loaded, Read};
use crate::report::{Item, Outcome, Report};
use crate::source::{self, Refusal};
use crate::task::{Cores, Task};

/// A batch is committed once it holds this many recordings,
const BATCH_RECORDINGS: usize = 256;
/// or this many samples: what an import keeps in memory hangs on it.
const BATCH_SAMPLES: usize = 400_000;
/// How many batches wait while one is committed and the next is gathered:
/// encoding and flushing leave cores free for those that decode.
const BATCHES_WAITING: usize = 1;
/// How many inputs are on their way at once: more than there are cores, since
/// each waits for its raw bytes to be flushed, and disks flush many as fast as
/// one.
const IN_FLIGHT: usize = 16;

/// Takes everything below `paths` in, for the athlete named or the only one.
///
/// # Errors
/// Where the catalog or a store fails. What is wrong with an item is in the
/// report instead, and never stops the others.
pub async fn import(
    context: &Context,
    athlete: Option<AthleteId>,
    paths: &[PathBuf],
) -> Result<Report, Error> {
    let athlete = context.athlete(athlete).await?;
    if athlete.is_being_purged() {
        return Err(Error::Purged(athlete.athlete_id));
    }
    let limits = Limits::default();
    let paths = paths.to_vec();
    let walk = tokio::task::spawn_blocking(move || input::walk(&paths)).await?;
    context.progress.begin("import", walk.len() as u64);
    let mut gathering = Gathering::new(context, &athlete);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (loaded, loading) = mpsc::channel::<Read>(cores * 2);
    let stop = context.stop.clone();
    let busy = Cores::all();
    let reader = tokio::task::spawn_blocking(move || {
        walk.read(&limits, &mut |read| {
            !stop.asked() && loaded.blocking_send(read).is_ok()
        });
    });
    let mut decoded = ReceiverStream::new(loading)
        .map(|read| {
            let (context, athlete, busy) = (context.clone(), athlete.clone(), busy.clone());
            Task::spawn(async move { decode(&context, &athlete, &busy, read, limits).await })
        })
        .buffered(cores.max(IN_FLIGHT));
    let mut added = Ok(());
    while let Some(decoded) = decoded.next().await {
        added = match decoded.map_err(Error::from).flatten() {
            Ok(decoded) => gathering.add(decoded).await,
            Err(error) => Err(error),
        };
        if added.is_err() || gathering.is_over() {
            break;
        }
    }
    drop(decoded);
    reader.await?;
    if added.is_ok() {
        added = gathering.flush().await;
    }
    // What was sent to its commit is finished, whatever went wrong after it.
    let ended = gathering.end().await;
    added?;
    let (items, growth) = ended?;
    derive::reconcile_growth(context, athlete.athlete_id, growth.as_ref()).await?;
    context.progress.end();
    let mut report = Report {
        interrupted: context.stop.asked(),
        ..Report::default()
    };
    for (_, item) in items {
        report.add(item);
    }
    Ok(report)
}

/// What one input came to, before identity is known.
struct Decoded {
    index: usize,
    recordings: Vec<Incoming>,
    items: Vec<(Item, Option<String>)>,
}

/// Decodes one input and keeps its bytes.
async fn decode(
    context: &Context,
    athlete: &Athlete,
    busy: &Cores,
    read: Read,
    limits: Limits,
) -> Result<Decoded, Error> {
    let loaded = match read {
        Read::Settled(index, item) => {
            return Ok(Decoded {
                index,
                recordings: Vec::new(),
                items: vec![(item, None)],
            });
        }
        Read::Loaded(loaded) => *loaded,
    };
    let Loaded {
        index,
        path,
        file_name,
        bytes,
        row,
    } = loaded;
    let mut decoded = Decoded {
        index,
        recordings: Vec::new(),
        items: Vec::new(),
    };
    let external_id = row.as_ref().map(|row| row.external_id.clone());
    if let Some(bytes) = bytes {
        let original = busy.run(|| Original::new(bytes)).await?;
        let sha256 = original.sha256().to_owned();
        if let Some(items) = known(
            context,
            athlete.athlete_id,
            &sha256,
            &path,
            external_id.as_deref(),
        )
        .await?
        {
            put_back(context, athlete, &original).await?;
            decoded.items = items;
        } else {
            let unread = original.bytes().clone();
            let read = move || source::read(&unread, &limits);
            match busy.run(read).await? {
                Ok(recordings) => {
                    keep(context, athlete, &original).await?;
                    tracing::debug!(%path, "raw bytes kept");
                    let several = recordings.len() > 1;
                    decoded
                        .recordings
                        .extend(recordings.into_iter().map(|(part, clean)| {
                            let path = match several {
                                true => format!("{path}#{}", part + 1),
                                false => path.clone(),
                            };
                            Incoming {
                                path,
                                file_name: file_name.clone(),
                                sha256: sha256.clone(),
                                part,
                                external_id: clean.claims.external_id.clone(),
                                clean: Arc::new(clean),
                                quiet: false,
                                retain_until_us: None,
                                fetched_at_us: None,
                            }
                        }));
                }
                Err(refusal) => {
                    decoded
                        .items
                        .push((failed(path.clone(), refusal), Some(sha256)));
                }
            }
        }
    }
    if let Some(row) = row {
        let original = Original::new(row.canonical_json);
        let has_file = !decoded.recordings.is_empty()
            || decoded
                .items
                .iter()
                .any(|(item, _)| item.outcome == Outcome::Skipped);
        name_by_row(
            &mut decoded.recordings,
            &row.external_id,
            row.recording.claimed_start_ms,
        );
        match pipeline::clean::clean(row.recording) {
            Ok(clean) => {
                keep(context, athlete, &original).await?;
                decoded.recordings.push(Incoming {
                    path,
                    file_name,
                    sha256: original.sha256().to_owned(),
                    part: 0,
                    external_id: Some(row.external_id),
                    clean: Arc::new(clean),
                    quiet: has_file,
                    retain_until_us: None,
                    fetched_at_us: None,
                });
            }
            Err(error) if !has_file => {
                decoded
                    .items
                    .push((failed(path, Refusal::of(&error)), None));
            }
            Err(error) => tracing::debug!(%path, %error, "a table row gave nothing"),
        }
    }
    Ok(decoded)
}

/// Keeps bytes, unless a purge has begun since the import did: it may have
/// looked through the store already.
async fn keep(context: &Context, athlete: &Athlete, original: &Original) -> Result<(), Error> {
    let raw = &context.storage.raw;
    raw.put(athlete.athlete_id, original).await?;
    if let Err(error) = ensure_not_purged(context, athlete).await {
        raw.delete(athlete.athlete_id, original.sha256()).await?;
        return Err(error);
    }
    Ok(())
}

/// Puts bytes back that are known and were lost, unless a purge takes them.
async fn put_back(context: &Context, athlete: &Athlete, original: &Original) -> Result<(), Error> {
    let (raw, id) = (&context.storage.raw, athlete.athlete_id);
    if raw.put_back(id, original).await?
        && let Err(error) = ensure_not_purged(context, athlete).await
    {
        raw.delete(id, original.sha256()).await?;
        return Err(error);
    }
    Ok(())
}

fn failed(path: String, refusal: Refusal) -> Item {
    Item::failed_by(path, refusal.code, refusal.reason, refusal.try_next)
}

/// Items for bytes that are in already, without decoding them again; `None`
/// where they are new, or where an archive knows more of them now.
async fn known(
    context: &Context,
    athlete: AthleteId,
    sha256: &str,
    path: &str,
    external_id: Option<&str>,
) -> Result<Option<Vec<(Item, Option<String>)>>, Error> {
    let sources = context
        .storage
        .catalog
        .sources_by_sha256(athlete, &[sha256.to_owned()])
        .await?;
    let learns = external_id.is_some() && sources.iter().all(|s| s.external_id.is_none());
    if sources.is_empty() || learns {
        return Ok(None);
    }
    let several = sources.len() > 1;
    let item = |source: storage::catalog::Source| Item {
        path: if several {
            format!("{path}#{}", source.part + 1)
        } else {
            path.to_owned()
        },
        outcome: Outcome::Skipped,
        activity_id: Some(source.activity_id),
        code: None,
        reason: format!("the same bytes came in before as {}", source.file_name),
        try_next: None,
    };
    Ok(Some(
        sources
            .into_iter()
            .map(|source| (item(source), Some(sha256.to_owned())))
            .collect(),
    ))
}

/// An archive's row names one recording of its file: the only one, or the one
/// that starts nearest to what the row says. Its words stay with the row, so
/// that the file's bytes alone always give the same recording.
fn name_by_row(recordings: &mut [Incoming], external_id: &str, start_ms: Option<i64>) {
    let distance = |incoming: &Incoming| {
        start_ms.map_or(0, |start| {
            (incoming.clean.start_time_us / 1_000).abs_diff(start)
        })
    };
    if let Some(nearest) = recordings
        .iter_mut()
        .min_by_key(|incoming| distance(incoming))
    {
        nearest.external_id = Some(external_id.to_owned());
    }
}

/// A batch on its way to its commit: where its recordings stood.
struct Batch {
    places: Vec<usize>,
    recordings: Vec<Incoming>,
}

/// A batch that was committed: where its recordings stood, what came of them.
struct Committed {
    places: Vec<usize>,
    ingested: Ingested,
}

/// Commits batches one after the other, each when the one before is in.
struct Committer {
    batches: mpsc::Sender<Batch>,
    task: JoinHandle<Result<Vec<Committed>, Error>>,
}

impl Committer {
    fn spawn(context: &Context, athlete: &Athlete, run: Uuid) -> Self {
        let (batches, mut waiting) = mpsc::channel::<Batch>(BATCHES_WAITING);
        let (context, athlete) = (context.clone(), athlete.clone());
        let task = tokio::spawn(async move {
            let mut committed = Vec::new();
            while let Some(batch) = waiting.recv().await {
                let Batch { places, recordings } = batch;
                let ingested = ingest(&context, &athlete, run, &recordings).await?;
                committed.push(Committed { places, ingested });
            }
            Ok(committed)
        });
        Self { batches, task }
    }

    /// Waits for what is being committed, and for what waits behind it.
    async fn end(self) -> Result<Vec<Committed>, Error> {
        drop(self.batches);
        self.task.await?
    }
}

/// Collects decoded recordings to batches, and items to a report.
struct Gathering<'a> {
    context: &'a Context,
    athlete: &'a Athlete,
    run: Uuid,
    batch: Vec<Incoming>,
    places: Vec<usize>,
    samples: usize,
    items: Vec<(usize, Item)>,
    audit: Vec<AuditEntry>,
    committer: Committer,
}

impl<'a> Gathering<'a> {
    fn new(context: &'a Context, athlete: &'a Athlete) -> Self {
        let run = Uuid::now_v7();
        Self {
            context,
            athlete,
            run,
            batch: Vec::new(),
            places: Vec::new(),
            samples: 0,
            items: Vec::new(),
            audit: Vec::new(),
            committer: Committer::spawn(context, athlete, run),
        }
    }

    fn record(&mut self, item: &Item, sha256: Option<String>) {
        let at_us = (self.context.now)().as_microsecond();
        self.audit.push(audit_entry(
            at_us,
            self.athlete.athlete_id,
            self.run,
            item,
            sha256,
        ));
    }

    async fn add(&mut self, decoded: Decoded) -> Result<(), Error> {
        for (item, sha256) in decoded.items {
            if item.outcome != Outcome::Ignored {
                self.record(&item, sha256);
            }
            self.items.push((decoded.index, item));
        }
        for incoming in decoded.recordings {
            self.samples += incoming.clean.t_ms.len();
            self.places.push(decoded.index);
            self.batch.push(incoming);
        }
        self.context.progress.advance(1);
        if self.batch.len() >= BATCH_RECORDINGS || self.samples >= BATCH_SAMPLES {
            self.flush().await?;
        }
        Ok(())
    }

    /// Sends what was collected to its commit. Waits where enough is on its
    /// way: that is what bounds memory.
    async fn flush(&mut self) -> Result<(), Error> {
        let batch = Batch {
            places: std::mem::take(&mut self.places),
            recordings: std::mem::take(&mut self.batch),
        };
        self.samples = 0;
        if !batch.recordings.is_empty() {
            // Nobody listens where a commit failed: its end says why.
            let _ = self.committer.batches.send(batch).await;
        }
        let audit = std::mem::take(&mut self.audit);
        write_audit(self.context, self.athlete, &audit).await
    }

    /// Whether a commit failed, so that no other will follow.
    fn is_over(&self) -> bool {
        self.committer.batches.is_closed()
    }

    /// Waits for every commit; answers the items of all inputs, and what the
    /// athlete got.
    async fn end(self) -> Result<(Vec<(usize, Item)>, Option<Growth>), Error> {
        let mut items = self.items;
        let mut growth: Option<Growth> = None;
        for Committed { places, ingested } in self.committer.end().await? {
            growth = match (growth, ingested.growth) {
                (Some(before), Some(more)) => Some(before.and(more)),
                (before, more) => before.or(more),
            };
            let placed = ingested.items.into_iter();
            items.extend(placed.map(|(position, item)| (places[position], item)));
        }
        items.sort_by_key(|(index, _)| *index);
        Ok((items, growth))
    }
}
