//! From clean recordings to one commit: identity, merging, rows, derived
//! rows. Shared by everything that takes recordings in.
//!
//! A batch is planned against the catalog, built in parallel and committed by
//! compare-and-set; where another writer was first, it is planned again.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use arrow::record_batch::RecordBatch;
use pipeline::clean::Clean;
use pipeline::identity::{self, Evidence};
use pipeline::merge::{self, Candidate};
use pipeline::rows::{RowContext, rows};
use query::derived::totals::overlay_totals;
use query::derived::{Scope, tables_of};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use storage::catalog::{ActivityEnd, ActivityWrite, AuditEntry, CatalogChange, Pointer, Source};
use storage::lake::{Commit, KeySet, TableChange};
use storage::tables::{ACTIVITIES, DERIVATIONS, FINDINGS, LAPS, STREAMS};
use storage::{ActivityId, ActivityKey, AthleteId, Code, Failure};
use uuid::Uuid;

use crate::context::Context;
use crate::error::Error;
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
    fn source(&self, athlete_id: AthleteId, activity_id: ActivityId) -> Source {
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
        }
    }
}

/// One connected set of recordings: an activity as it will be.
struct Planned {
    key: ActivityKey,
    previous: Option<Pointer>,
    ended: Vec<Pointer>,
    sources: Vec<Source>,
    merged: merge::Merged,
    /// Indices of the batch that join, each with why.
    joining: Vec<(usize, String)>,
}

/// What a batch came to.
pub struct Ingested {
    /// One item a recording that has a line of its own, in the batch's order,
    /// with its place in the batch.
    pub items: Vec<(usize, Item)>,
}

/// Takes a batch of one athlete in, in one commit.
///
/// # Errors
/// Where storage fails or other writers keep winning. Nothing of the batch is
/// then in the lake.
pub async fn ingest(
    context: &Context,
    athlete: AthleteId,
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

async fn ingest_once(
    context: &Context,
    athlete: AthleteId,
    run: Uuid,
    batch: &[Incoming],
    kept: &mut Kept,
) -> Result<Ingested, Error> {
    // Before anything is decided: a commit in between makes this one a conflict.
    let known = context.storage.catalog.athlete(athlete).await?;
    let decided_at = known.ok_or(Error::NoSuchAthlete(athlete))?.revision;
    let mut outcomes: Vec<Option<Item>> = vec![None; batch.len()];
    let fresh = skip_known(context, athlete, batch, &mut outcomes).await?;
    let planned = plan(context, athlete, batch, &fresh, kept).await?;

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
    if planned.is_empty() {
        context.storage.catalog.write_audit(&audit).await?;
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
    Ok(Ingested { items })
}

/// Marks what is known by its bytes as skipped; answers the indices of the rest.
async fn skip_known(
    context: &Context,
    athlete: AthleteId,
    batch: &[Incoming],
    outcomes: &mut [Option<Item>],
) -> Result<Vec<usize>, Error> {
    let hashes: Vec<String> = batch
        .iter()
        .map(|incoming| incoming.sha256.clone())
        .collect();
    let known = context
        .storage
        .catalog
        .sources_by_sha256(athlete, &hashes)
        .await?;
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
    Ok(fresh)
}

/// Finds which recordings are one activity, decides what each becomes, and
/// reads the sources that are there already back from their bytes.
async fn plan(
    context: &Context,
    athlete: AthleteId,
    batch: &[Incoming],
    fresh: &[usize],
    kept: &mut Kept,
) -> Result<Vec<Planned>, Error> {
    if fresh.is_empty() {
        return Ok(Vec::new());
    }
    let catalog = &context.storage.catalog;
    let neighbours = neighbours(context, athlete, batch, fresh).await?;
    let mut evidence: Vec<Evidence> = fresh.iter().map(|&i| evidence_of(&batch[i])).collect();
    evidence.extend(neighbours.iter().map(evidence_of_source));
    let sets = identity::connect(&evidence);

    let mut touched: Vec<ActivityId> = neighbours.iter().map(|s| s.activity_id).collect();
    touched.sort_unstable();
    touched.dedup();
    let pointers: HashMap<ActivityId, Pointer> = catalog
        .pointers(athlete, &touched)
        .await?
        .into_iter()
        .map(|pointer| (pointer.key.activity_id, pointer))
        .collect();

    let mut planned = Vec::new();
    for set in sets {
        let (new, old): (Vec<usize>, Vec<usize>) = set
            .members
            .iter()
            .partition(|&&member| member < fresh.len());
        if new.is_empty() {
            continue;
        }
        let mut sources: Vec<Source> = old
            .iter()
            .map(|&member| neighbours[member - fresh.len()].clone())
            .collect();
        let mut activities: Vec<Pointer> = sources
            .iter()
            .filter_map(|source| pointers.get(&source.activity_id).cloned())
            .collect();
        activities.sort_by_key(|pointer| pointer.key.activity_id);
        activities.dedup_by_key(|pointer| pointer.key.activity_id);
        let previous = (!activities.is_empty()).then(|| activities.remove(0));

        let mut candidates = Vec::with_capacity(set.members.len());
        for source in &sources {
            let clean = kept.clean(context, athlete, source).await?;
            candidates.push(candidate(&source.sha256, source.part as u32, clean));
        }
        let mut joining = Vec::with_capacity(new.len());
        for &member in &new {
            let incoming = &batch[fresh[member]];
            sources.retain(|s| {
                (s.sha256.as_str(), s.part) != (&incoming.sha256, incoming.part as i32)
            });
            candidates.retain(|c: &Candidate| {
                (c.sha256.as_str(), c.part) != (&incoming.sha256, incoming.part)
            });
            sources.push(incoming.source(athlete, ActivityId(0)));
            candidates.push(candidate(
                &incoming.sha256,
                incoming.part,
                Arc::clone(&incoming.clean),
            ));
            joining.push((fresh[member], set.reason(member)));
        }
        let merged = merge::merge(&candidates);
        let start_time_us = merged.clean.start_time_us;
        let activity_id = match &previous {
            Some(pointer) => pointer.key.activity_id,
            None => born(athlete, &merged),
        };
        planned.push(Planned {
            key: ActivityKey {
                athlete_id: athlete,
                start_time_us,
                activity_id,
            },
            previous,
            ended: activities,
            sources,
            merged,
            joining,
        });
    }
    settle_ids(context, &mut planned).await?;
    Ok(planned)
}

/// The recordings of the catalog that may belong to the new ones: near in
/// time or of the same external id, and all that are already one with those.
async fn neighbours(
    context: &Context,
    athlete: AthleteId,
    batch: &[Incoming],
    fresh: &[usize],
) -> Result<Vec<Source>, Error> {
    let catalog = &context.storage.catalog;
    let starts = fresh.iter().map(|&index| batch[index].clean.start_time_us);
    let (Some(first), Some(last)) = (starts.clone().min(), starts.max()) else {
        return Ok(Vec::new());
    };
    let reach = identity::START_REACH_US;
    let near = catalog
        .sources_between(
            athlete,
            first.saturating_sub(reach),
            last.saturating_add(reach),
        )
        .await?;
    let external: Vec<String> = fresh
        .iter()
        .filter_map(|&index| batch[index].external_id.clone())
        .collect();
    let named = catalog.sources_by_external_id(athlete, &external).await?;

    // Only those that truly link to a new one matter: a batch may span years.
    let mut probe: Vec<Evidence> = fresh
        .iter()
        .map(|&index| evidence_of(&batch[index]))
        .collect();
    let candidates: Vec<Source> = near.into_iter().chain(named).collect();
    probe.extend(candidates.iter().map(evidence_of_source));
    let linked: HashSet<ActivityId> = identity::connect(&probe)
        .into_iter()
        .filter(|set| set.members.iter().any(|&member| member < fresh.len()))
        .flat_map(|set| set.members)
        .filter_map(|member| member.checked_sub(fresh.len()))
        .map(|member| candidates[member].activity_id)
        .collect();
    let mut linked: Vec<ActivityId> = linked.into_iter().collect();
    linked.sort_unstable();
    Ok(catalog.sources_of(athlete, &linked).await?)
}

fn evidence_of(incoming: &Incoming) -> Evidence {
    Evidence {
        sha256: incoming.sha256.clone(),
        part: incoming.part,
        external_id: incoming.external_id.clone(),
        start_time_us: incoming.clean.start_time_us,
        elapsed_ms: incoming.clean.elapsed_ms(),
        activity_id: None,
    }
}

fn evidence_of_source(source: &Source) -> Evidence {
    Evidence {
        sha256: source.sha256.clone(),
        part: source.part as u32,
        external_id: source.external_id.clone(),
        start_time_us: source.start_time_us,
        elapsed_ms: source.elapsed_ms,
        activity_id: Some(source.activity_id),
    }
}

fn candidate(sha256: &str, part: u32, clean: Arc<Clean>) -> Candidate {
    Candidate {
        sha256: sha256.to_owned(),
        part,
        clean,
    }
}

/// The id that an activity would be born with: its start, and a hash of the
/// recording that wins, so that equal imports give equal ids.
fn born(athlete: AthleteId, merged: &merge::Merged) -> ActivityId {
    let mut hasher = Sha256::new();
    hasher.update(athlete.0.to_be_bytes());
    hasher.update(merged.sha256.as_bytes());
    hasher.update(merged.part.to_be_bytes());
    let digest = hasher.finalize();
    let hash = digest[..8]
        .iter()
        .fold(0u64, |hash, byte| hash << 8 | u64::from(*byte));
    ActivityId::born(merged.clean.start_time_us, hash)
}

/// Gives every birth an id that nobody has.
async fn settle_ids(context: &Context, planned: &mut [Planned]) -> Result<(), Error> {
    let mut own: HashSet<ActivityId> = HashSet::new();
    loop {
        let wanted: Vec<ActivityId> = planned
            .iter()
            .filter(|planned| planned.previous.is_none())
            .map(|planned| planned.key.activity_id)
            .filter(|id| !own.contains(id))
            .collect();
        if wanted.is_empty() {
            return Ok(());
        }
        let taken: HashSet<ActivityId> = context
            .storage
            .catalog
            .taken(&wanted)
            .await?
            .into_iter()
            .collect();
        let mut free: HashSet<ActivityId> = HashSet::new();
        for planned in planned
            .iter_mut()
            .filter(|planned| planned.previous.is_none())
        {
            let id = planned.key.activity_id;
            if own.contains(&id) && !free.contains(&id) {
                continue;
            }
            if taken.contains(&id) || !free.insert(id) {
                planned.key.activity_id = id.next();
            }
        }
        own.extend(free);
    }
}

/// Rows of a batch, by table, and what the catalog must know of it.
struct Built {
    tables: BTreeMap<&'static str, Vec<RecordBatch>>,
    replaced: Vec<ActivityKey>,
    catalog: CatalogChange,
}

/// Builds all rows of a batch, on all cores; the order of the batch is kept.
fn build(planned: Vec<Planned>) -> Result<Built, Error> {
    let rows = planned
        .par_iter()
        .map(|planned| activity_rows(&planned.merged, planned.key, planned.revision()))
        .collect::<Result<Vec<_>, Error>>()?;
    let mut tables: BTreeMap<&'static str, Vec<RecordBatch>> = BTreeMap::new();
    for (table, batch) in rows
        .into_iter()
        .flatten()
        .filter(|(_, batch)| batch.num_rows() > 0)
    {
        tables.entry(table).or_default().push(batch);
    }
    let mut replaced = Vec::new();
    let mut catalog = CatalogChange::default();
    for mut planned in planned {
        let revision = planned.revision();
        for source in &mut planned.sources {
            source.activity_id = planned.key.activity_id;
        }
        replaced.extend(
            planned
                .previous
                .iter()
                .chain(&planned.ended)
                .map(|old| old.key),
        );
        catalog.activities.push(ActivityWrite {
            key: planned.key,
            previous_revision: planned.previous.as_ref().map(|pointer| pointer.revision),
            revision,
        });
        catalog
            .ended
            .extend(planned.ended.iter().map(|pointer| ActivityEnd {
                athlete_id: planned.key.athlete_id,
                activity_id: pointer.key.activity_id,
                previous_revision: pointer.revision,
                merged_into: planned.key.activity_id,
            }));
        catalog.sources.append(&mut planned.sources);
    }
    Ok(Built {
        tables,
        replaced,
        catalog,
    })
}

impl Planned {
    fn revision(&self) -> i64 {
        self.previous
            .as_ref()
            .map_or(1, |pointer| pointer.revision + 1)
    }
}

/// All rows of one activity, facts and derived, and its line in the ledger.
///
/// # Errors
/// Where rows do not fit their table, which is a fault of ours.
pub fn activity_rows(
    merged: &merge::Merged,
    key: ActivityKey,
    revision: i64,
) -> Result<BTreeMap<&'static str, RecordBatch>, Error> {
    let facts = rows(merged, &RowContext { key, revision })?;
    let laps = std::slice::from_ref(&facts.laps);
    let mut tables = derived_rows(&facts.activities, &facts.streams, laps)?;
    tables.insert(STREAMS.name, facts.streams);
    tables.insert(LAPS.name, facts.laps);
    tables.insert(FINDINGS.name, facts.findings);
    tables.insert(
        DERIVATIONS.name,
        query::ledger::activity_line(key, revision)?,
    );
    Ok(tables)
}

/// Derived rows of one activity, and its row in `activities` with our totals.
///
/// An activity without samples, such as one that was typed in, has no derived
/// rows, and its totals are what its source claims.
///
/// # Errors
/// Where rows are not as their tables declare them.
pub fn derived_rows(
    activities: &RecordBatch,
    streams: &RecordBatch,
    laps: &[RecordBatch],
) -> Result<BTreeMap<&'static str, RecordBatch>, Error> {
    let samples = activities.column(activities.schema().index_of("samples")?);
    if samples
        .as_primitive::<Int32Type>()
        .values()
        .iter()
        .all(|samples| *samples == 0)
    {
        return Ok(BTreeMap::from([(ACTIVITIES.name, activities.clone())]));
    }
    let derived = query::derive::derive(&query::activity::from_rows(activities, streams, laps)?);
    let mut tables = derived.tables;
    tables.insert(ACTIVITIES.name, overlay_totals(activities, &derived.totals));
    Ok(tables)
}

impl Built {
    fn into_commit(mut self, athlete: AthleteId, audit: Vec<AuditEntry>) -> Commit {
        self.catalog.audit = audit;
        let changes = tables_of(Scope::Activity)
            .into_iter()
            .map(|table| TableChange {
                table,
                delete: (!self.replaced.is_empty()).then(|| KeySet::activities(&self.replaced)),
                append: self.tables.remove(table.name).unwrap_or_default(),
            })
            .filter(|change| change.delete.is_some() || !change.append.is_empty())
            .collect();
        Commit {
            attempt: Uuid::now_v7(),
            changes,
            message: format!("take in recordings of athlete {athlete}"),
            catalog: self.catalog,
        }
    }
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
