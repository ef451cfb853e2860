//! Release: copies that may not be kept any longer go for ever, and nothing else
//! does.
//!
//! An activity that comes from such copies only is purged with them. One that has
//! a file or an archive's row too loses its copy, is derived anew from what stays
//! under the same id, and its older rows, which may tell of the copy, go from
//! every snapshot. All of an athlete's copies that are due go at once:
//!
//! 1. what must go is written down, and what nothing names is looked through:
//!    what lies there now, no later commit can need;
//! 2. commits take the copies out of our catalog, and rows out of the newest
//!    snapshot;
//! 3. ranks and statistics are reconciled with what is left;
//! 4. history is rewritten, as by a [purge](crate::purge);
//! 5. old files, the copies' bytes and copies that never came to be named are
//!    deleted;
//! 6. the database's own files are written anew, and a receipt is left.
//!
//! Cut off at any point, the next release of the athlete goes on, as do `pacelake
//! purge --unfinished` and maintenance. Files come in meanwhile as ever; copies do
//! not.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use jiff::Timestamp;
use pipeline::decode::{FileKind, recognise};
use pipeline::recording::Format;
use storage::catalog::{
    Athlete, AuditEntry, Outcome, Pointer, Purge, PurgeCounts, ReleaseOrder, ReleaseStep, Source,
    Target, Which,
};

use storage::purge::Erasure;
use storage::{ActivityId, AthleteId, Code, Failure};
use tokio::runtime::Handle;
use tracing::Instrument;
use uuid::Uuid;

use crate::build::build;
use crate::context::Context;
use crate::derive::reconcile_purged;
use crate::error::Error;
use crate::identify::Planned;
use crate::purge::{Receipt, delete_objects, finish, superseded};
use crate::replay::{self, Ground};

/// How often a step is tried again after another writer was first.
const ATTEMPTS: u32 = 8;
/// How many activities one commit derives anew or takes out.
const ACTIVITIES_AT_ONCE: usize = 256;

/// Which copies must go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Release {
    /// Those that may be kept until this instant.
    Due(Timestamp),
    /// The one of this activity, by the service's id such as `strava:12345`.
    Activity(String),
    /// All of the athlete.
    Everything,
}

impl Release {
    fn which(&self) -> Which {
        let format = Format::StravaApi.name();
        match self {
            Self::Due(now) => Which::Due(now.as_microsecond()),
            Self::Activity(external_id) => Which::Of {
                format,
                external_id: external_id.clone(),
            },
            Self::Everything => Which::All { format },
        }
    }
}

/// Lets copies of an athlete go; first what an earlier release or purge of the
/// athlete left undone. `cause` says why, for the receipt: such as "kept for 7
/// days", "deleted at Strava", "access withdrawn". `None` where there was nothing
/// to let go.
///
/// # Errors
/// An athlete that there is not, a recording that stays and cannot be read, other
/// writers that keep winning, a failing store. What was begun stays written down
/// and can be finished.
pub async fn release(
    context: &Context,
    athlete: AthleteId,
    what: &Release,
    cause: &str,
) -> Result<Option<Receipt>, Error> {
    let (context, what, cause) = (context.clone(), what.clone(), cause.to_owned());
    let runtime = Handle::current();
    // On a thread of its own, so that workers may run it as a task: the compiler
    // cannot tell that all of it could move from thread to thread. And it ends
    // what it began, whoever stops waiting.
    let span = tracing::Span::current();
    let work = move || {
        let release = release_here(&context, athlete, &what, &cause);
        runtime.block_on(release.instrument(span))
    };
    tokio::task::spawn_blocking(work).await?
}

async fn release_here(
    context: &Context,
    athlete: AthleteId,
    what: &Release,
    cause: &str,
) -> Result<Option<Receipt>, Error> {
    let catalog = &context.storage.catalog;
    for unfinished in catalog.unfinished_purges().await? {
        if unfinished.athlete_id == athlete {
            crate::purge::carry_out(context, unfinished).await?;
        }
    }
    let order = ReleaseOrder {
        athlete_id: athlete,
        which: what.which(),
        cause: cause.to_owned(),
        at_us: (context.now)().as_microsecond(),
    };
    match catalog.begin_release(&order).await? {
        Some(begun) => carry_out(context, begun).await.map(Some),
        None => Ok(None),
    }
}

/// Does what is left of a release.
pub(crate) async fn carry_out(context: &Context, begun: Purge) -> Result<Receipt, Error> {
    let storage = &context.storage;
    context.progress.begin("release", 5);
    let before = storage.lake.unnamed().await?;
    take_out(context, &begun).await?;
    context.progress.advance(1);
    let release = storage.catalog.purge(begun.purge_id).await?;
    if storage.catalog.athlete(release.athlete_id).await?.is_some() {
        reconcile_purged(context, release.athlete_id, false).await?;
    }
    context.progress.advance(1);
    let erasure = Erasure::of(&release, superseded());
    let erased = storage.lake.erase(&erasure, release.is_rewritten).await?;
    context.progress.advance(1);
    delete_objects(context, &release).await?;
    delete_copies(context, &release).await?;
    let swept = storage.lake.sweep_among(&erasure, &before).await?;
    let gone = PurgeCounts {
        objects: swept.objects,
        bytes: swept.bytes,
        ..PurgeCounts::default()
    };
    let id = release.purge_id;
    storage
        .catalog
        .purged(id, Target::Object, &[], &gone)
        .await?;
    context.progress.advance(1);
    storage.catalog.forget_targets(&release).await?;
    storage.catalog.db().erase_deleted().await?;
    let receipt = finish(context, release, erased, swept.unreadable).await?;
    context.progress.end();
    Ok(receipt)
}

/// Takes the copies out of our catalog, and what tells of them out of the newest
/// snapshot.
async fn take_out(context: &Context, release: &Purge) -> Result<(), Error> {
    // An earlier run may have been cut off here. What it revised is revised
    // again, so that whatever was decided on what it left is decided anew.
    let mut again: BTreeSet<ActivityId> = release.revised.iter().copied().collect();
    let mut attempt = 0;
    loop {
        match take_out_some(context, release, &again).await {
            Ok(None) => return Ok(()),
            Ok(Some(done)) => {
                attempt = 0;
                again.retain(|id| !done.contains(id));
            }
            Err(Error::Storage(error)) if error.code() == Code::Conflict => {
                attempt += 1;
                if attempt == ATTEMPTS {
                    return Err(Error::Contended {
                        attempts: attempt,
                        source: error,
                    });
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// What one commit takes out.
struct Share {
    /// The copies, by hash, and the names that they came under.
    recordings: Vec<String>,
    names: Vec<String>,
    /// Activities that come from nothing else.
    gone: Vec<Pointer>,
    /// Activities that stay, with what they come from then.
    stays: Vec<(Pointer, Vec<Source>)>,
    /// Activities that stay as they are, of which a copy was a part once.
    touched: Vec<ActivityId>,
}

/// One commit; answers which activities it was about, `None` where nothing is
/// left.
async fn take_out_some(
    context: &Context,
    release: &Purge,
    again: &BTreeSet<ActivityId>,
) -> Result<Option<HashSet<ActivityId>>, Error> {
    let catalog = &context.storage.catalog;
    // Before anything is decided: a commit in between makes this one a conflict.
    let Some(athlete) = catalog.athlete(release.athlete_id).await? else {
        return Ok(None);
    };
    let id = athlete.athlete_id;
    let named = catalog
        .purge_targets(release.purge_id, Target::Recording)
        .await?;
    let doomed = catalog.sources_by_sha256(id, &named).await?;
    let mut ids: Vec<ActivityId> = doomed.iter().map(|source| source.activity_id).collect();
    ids.extend(again);
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(ACTIVITIES_AT_ONCE);
    if ids.is_empty() {
        return Ok(None);
    }
    let pointers = catalog.pointers(id, &ids).await?;
    let sources = catalog.sources_of(id, &ids).await?;
    let share = share(pointers, sources, &named);
    if share.recordings.is_empty() && share.stays.is_empty() {
        // What was revised before is gone since.
        return Ok(Some(ids.into_iter().collect()));
    }
    commit(context, &athlete, release, share).await?;
    Ok(Some(ids.into_iter().collect()))
}

fn share(pointers: Vec<Pointer>, sources: Vec<Source>, named: &[String]) -> Share {
    let named: HashSet<&String> = named.iter().collect();
    let (goes, stays): (Vec<Source>, Vec<Source>) = sources
        .into_iter()
        .partition(|source| named.contains(&source.sha256));
    let mut of_activity: BTreeMap<ActivityId, Vec<Source>> = BTreeMap::new();
    for source in stays {
        of_activity
            .entry(source.activity_id)
            .or_default()
            .push(source);
    }
    let mut share = Share {
        recordings: goes.iter().map(|source| source.sha256.clone()).collect(),
        names: goes.iter().map(|source| source.file_name.clone()).collect(),
        gone: Vec::new(),
        stays: Vec::new(),
        touched: goes
            .iter()
            .filter_map(|source| source.parted_from)
            .collect(),
    };
    for pointer in pointers {
        match of_activity.remove(&pointer.key.activity_id) {
            Some(sources) => share.stays.push((pointer, sources)),
            // One that never had a source is not ours to judge.
            None if goes
                .iter()
                .any(|one| one.activity_id == pointer.key.activity_id) =>
            {
                share.gone.push(pointer);
            }
            None => {}
        }
    }
    share
}

async fn commit(
    context: &Context,
    athlete: &Athlete,
    release: &Purge,
    share: Share,
) -> Result<(), Error> {
    let id = athlete.athlete_id;
    let at_us = (context.now)().as_microsecond();
    let audit = share.stays.iter().map(|(pointer, sources)| AuditEntry {
        audit_id: Uuid::now_v7(),
        at_us,
        athlete_id: id,
        activity_id: Some(pointer.key.activity_id),
        action: "release".to_owned(),
        outcome: Outcome::Updated,
        path: release.command.clone(),
        sha256: None,
        code: None,
        reason: match sources.len() {
            1 => "its copy went; it comes from 1 other recording".to_owned(),
            many => format!("its copy went; it comes from {many} other recordings"),
        },
        try_next: None,
        run_id: release.purge_id,
    });
    let audit = audit.collect();
    let ids = |pointers: &[Pointer]| -> Vec<ActivityId> {
        pointers
            .iter()
            .map(|pointer| pointer.key.activity_id)
            .collect()
    };
    let stays: Vec<Pointer> = share.stays.iter().map(|(pointer, _)| *pointer).collect();
    let mut revised = ids(&stays);
    revised.extend(&share.touched);
    let step = ReleaseStep {
        purge_id: release.purge_id,
        recordings: share.recordings,
        names: share.names,
        gone: ids(&share.gone),
        revised,
    };
    let planned = derived_anew(context, id, share.stays).await?;
    let mut built = tokio::task::spawn_blocking(move || build(planned)).await??;
    built
        .replaced
        .extend(share.gone.iter().map(|pointer| pointer.key));
    built.catalog.decided_at.push((id, athlete.revision));
    built.catalog.release = Some(step);
    let mut commit = built.into_commit(id, audit);
    commit.message = format!("release {}", release.purge_id);
    context.storage.lake.commit(commit).await?;
    Ok(())
}

/// Activities out of what they come from without their copies.
async fn derived_anew(
    context: &Context,
    athlete: AthleteId,
    stays: Vec<(Pointer, Vec<Source>)>,
) -> Result<Vec<Planned>, Error> {
    let pointers: Vec<Pointer> = stays.iter().map(|(pointer, _)| *pointer).collect();
    let ids: Vec<ActivityId> = pointers.iter().map(|one| one.key.activity_id).collect();
    let said = context
        .storage
        .catalog
        .corrections_of(athlete, &ids)
        .await?;
    let mut sources: HashMap<ActivityId, Vec<Source>> = HashMap::new();
    let mut grounds: HashMap<ActivityId, Ground> = HashMap::new();
    for (pointer, of_activity) in stays {
        let id = pointer.key.activity_id;
        let ground = Ground {
            sources: of_activity.clone(),
            corrections: said
                .iter()
                .filter(|one| one.activity_id == id)
                .cloned()
                .collect(),
        };
        grounds.insert(id, ground);
        sources.insert(id, of_activity);
    }
    let replayed = replay::replay(context, &pointers, grounds).await?;
    let mut planned = Vec::with_capacity(replayed.len());
    for mut one in replayed {
        let key = one.key();
        let id = key.activity_id;
        let Some(merged) = one.merged.take() else {
            // Without rows it would be no activity, and without its recordings
            // nobody can say what they should be.
            let trouble = one.troubles.into_iter().next();
            return Err(trouble.unwrap_or(Error::NoSources(id)));
        };
        planned.push(Planned {
            key,
            previous: Some(one.pointer),
            ended: Vec::new(),
            sources: sources.remove(&id).unwrap_or_default(),
            replaced: Vec::new(),
            merged,
            corrections: one.corrections,
            moved_corrections: Vec::new(),
            joining: Vec::new(),
        });
    }
    Ok(planned)
}

/// Deletes the bytes of the copies, and of copies that never came to be named:
/// while a release is under way nobody who put one can name it.
async fn delete_copies(context: &Context, release: &Purge) -> Result<(), Error> {
    let storage = &context.storage;
    let (catalog, id) = (&storage.catalog, release.athlete_id);
    let named = catalog
        .purge_targets(release.purge_id, Target::Recording)
        .await?;
    let kept = storage.raw.list(id).await?;
    let used = catalog.sources_by_sha256(id, &kept).await?;
    let used: HashSet<&String> = used.iter().map(|source| &source.sha256).collect();
    let mut goes = named.clone();
    for sha256 in kept.iter().filter(|sha256| !used.contains(sha256)) {
        let is_copy = match storage.raw.get(id, sha256).await {
            Ok(bytes) => recognise(&bytes) == Some(FileKind::StravaApi),
            // Gone meanwhile, or nobody can tell what it was: maintenance
            // deletes it after its grace.
            Err(error) if matches!(error.code(), Code::NotFound | Code::Inconsistent) => false,
            Err(error) => return Err(error.into()),
        };
        if is_copy {
            goes.push(sha256.clone());
        }
    }
    goes.sort_unstable();
    goes.dedup();
    let gone = PurgeCounts {
        recordings: storage.raw.forget(id, &goes).await? as i64,
        ..PurgeCounts::default()
    };
    catalog
        .purged(release.purge_id, Target::Recording, &named, &gone)
        .await?;
    Ok(())
}
