//! Which recordings are one activity: a batch beside what the catalog knows.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use pipeline::clean::Clean;
use pipeline::identity::{self, Evidence, Relation};
use pipeline::merge::{self, Candidate};
use pipeline::recording::Format;
use sha2::{Digest, Sha256};
use storage::catalog::{Correction, Pointer, Source};
use storage::{ActivityId, ActivityKey, AthleteId};
use uuid::Uuid;

use crate::context::Context;
use crate::error::Error;
use crate::ingest::Incoming;
use crate::source::Kept;

/// One connected set of recordings: an activity as it will be.
pub(crate) struct Planned {
    pub key: ActivityKey,
    pub previous: Option<Pointer>,
    pub ended: Vec<Pointer>,
    pub sources: Vec<Source>,
    /// Those that give their place to newer copies.
    pub replaced: Vec<Source>,
    pub merged: merge::Merged,
    /// What was ever said of it, and of those that it takes in, which is said of
    /// it from now on.
    pub corrections: Vec<Correction>,
    /// Those of them that this writes.
    pub moved_corrections: Vec<Correction>,
    /// Indices of the batch that join, each with why.
    pub joining: Vec<(usize, String)>,
}

impl Planned {
    /// The revision that the activity will have.
    pub fn revision(&self) -> i64 {
        self.previous
            .as_ref()
            .map_or(1, |pointer| pointer.revision + 1)
    }

    /// Takes over what was said of the activity, and of those that end in it:
    /// from its new revision on that is said of it.
    fn take_over(&mut self, said: &[Correction]) {
        let of = |id: ActivityId| said.iter().filter(move |one| one.activity_id == id);
        if let Some(previous) = &self.previous {
            self.corrections
                .extend(of(previous.key.activity_id).cloned());
        }
        for ended in &self.ended {
            let holding = of(ended.key.activity_id).filter(|one| one.holds_in(ended.revision));
            for correction in holding {
                self.moved_corrections.push(Correction {
                    ended_revision: Some(ended.revision + 1),
                    ..correction.clone()
                });
                let taken_over = Correction {
                    correction_id: Uuid::now_v7(),
                    activity_id: self.key.activity_id,
                    begun_revision: self.revision(),
                    ..correction.clone()
                };
                self.moved_corrections.push(taken_over.clone());
                self.corrections.push(taken_over);
            }
        }
    }
}

/// What is known already of the recordings of a batch.
#[derive(Default)]
pub(crate) struct Known {
    /// Those that a recording of the batch takes the place of, by the batch's
    /// hash and part.
    pub replaced: BTreeMap<(String, i32), Vec<Source>>,
    /// Those that their owner took out of an activity, by hash and part, with
    /// that activity.
    pub parted: BTreeMap<(String, i32), ActivityId>,
    /// The activity that keeps its id where several become one; `None`: the
    /// one with the least.
    pub survivor: Option<ActivityId>,
    /// The one of the kept recordings, by hash and part, that was taken out of
    /// an activity and may be one with others again.
    pub freed: Option<(String, i32)>,
}

/// Finds which recordings are one activity, decides what each becomes, and
/// reads the sources that are there already back from their bytes.
pub(crate) async fn plan(
    context: &Context,
    athlete: AthleteId,
    batch: &[Incoming],
    fresh: &[usize],
    known: &Known,
    kept: &mut Kept,
) -> Result<Vec<Planned>, Error> {
    if fresh.is_empty() {
        return Ok(Vec::new());
    }
    let catalog = &context.storage.catalog;
    let neighbours = neighbours(context, athlete, batch, fresh, known).await?;
    let evidence_of = |&index: &usize| known.evidence_of(&batch[index]);
    let mut evidence: Vec<Evidence> = fresh.iter().map(evidence_of).collect();
    evidence.extend(neighbours.iter().map(|s| known.evidence_of_source(s)));
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
    let said = catalog.corrections_of(athlete, &touched).await?;

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
        activities.sort_by_key(|pointer| {
            let id = pointer.key.activity_id;
            (known.survivor != Some(id), id)
        });
        activities.dedup_by_key(|pointer| pointer.key.activity_id);
        let previous = (!activities.is_empty()).then(|| activities.remove(0));

        let mut replaced = Vec::new();
        for &member in &new {
            let old = known.replaced_by(&batch[fresh[member]]);
            sources.retain(|source| {
                let is_it = |old: &Source| (&old.sha256, old.part) == (&source.sha256, source.part);
                !old.iter().any(is_it)
            });
            replaced.extend(old.iter().cloned());
        }
        let mut candidates = Vec::with_capacity(set.members.len());
        for source in &sources {
            let clean = kept.clean(context, athlete, source).await?;
            candidates.push(candidate(source, clean));
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
            sources.push(Source {
                parted_from: known.parted_from(incoming),
                ..incoming.source(athlete, ActivityId(0))
            });
            candidates.push(Candidate {
                sha256: incoming.sha256.clone(),
                part: incoming.part,
                clean: Arc::clone(&incoming.clean),
            });
            let reason = match known.replaced_by(incoming) {
                [] => set.reason(member),
                [..] => "a newer copy of what is there".to_owned(),
            };
            joining.push((fresh[member], reason));
        }
        let merged = merge::merge(&candidates);
        let start_time_us = merged.clean.start_time_us;
        let activity_id = match &previous {
            Some(pointer) => pointer.key.activity_id,
            None => born(athlete, &merged),
        };
        let key = ActivityKey {
            athlete_id: athlete,
            start_time_us,
            activity_id,
        };
        let mut one = Planned {
            key,
            previous,
            ended: activities,
            sources,
            replaced,
            merged,
            corrections: Vec::new(),
            moved_corrections: Vec::new(),
            joining,
        };
        one.take_over(&said);
        planned.push(one);
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
    known: &Known,
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
    let uploads: Vec<String> = fresh
        .iter()
        .filter_map(|&index| batch[index].upload_id())
        .collect();
    let uploaded = catalog.sources_by_upload_id(athlete, &uploads).await?;

    // Only those that truly link to a new one matter: a batch may span years.
    let mut probe: Vec<Evidence> = fresh
        .iter()
        .map(|&index| known.evidence_of(&batch[index]))
        .collect();
    let candidates = near.into_iter().chain(named).chain(uploaded);
    let candidates: Vec<Source> = candidates.collect();
    probe.extend(candidates.iter().map(|s| known.evidence_of_source(s)));
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

impl Known {
    /// The activity that a recording was taken out of, if its owner did so.
    fn parted_from(&self, incoming: &Incoming) -> Option<ActivityId> {
        let bytes = (incoming.sha256.clone(), incoming.part as i32);
        let mut old = self.replaced_by(incoming).iter();
        let old = old.find_map(|source| source.parted_from);
        self.parted.get(&bytes).copied().or(old)
    }

    /// The older copies that a recording of the batch takes the place of.
    fn replaced_by(&self, incoming: &Incoming) -> &[Source] {
        let bytes = (incoming.sha256.clone(), incoming.part as i32);
        self.replaced.get(&bytes).map_or(&[], Vec::as_slice)
    }

    fn evidence_of(&self, incoming: &Incoming) -> Evidence {
        Evidence {
            sha256: incoming.sha256.clone(),
            part: incoming.part,
            external_id: incoming.external_id.clone(),
            upload_id: incoming.upload_id(),
            is_of_api: incoming.is_copy(),
            start_time_us: incoming.clean.start_time_us,
            elapsed_ms: incoming.clean.elapsed_ms(),
            // It stays where the copy was, whatever it tells now.
            activity_id: self
                .replaced_by(incoming)
                .first()
                .map(|old| old.activity_id),
            is_parted: self.parted_from(incoming).is_some(),
        }
    }

    /// Why a recording is one with another, the first that it is one with.
    pub fn why_one<'a>(
        &self,
        source: &Source,
        mut others: impl Iterator<Item = &'a Source>,
    ) -> Option<String> {
        // Of different activities, so that it is not "since they were before".
        let evidence = |source| Evidence {
            activity_id: None,
            ..self.evidence_of_source(source)
        };
        let one = evidence(source);
        others.find_map(|other| match identity::relation(&one, &evidence(other)) {
            Relation::Same(reason) => Some(reason.to_string()),
            Relation::Near(_) | Relation::Apart => None,
        })
    }

    fn evidence_of_source(&self, source: &Source) -> Evidence {
        let is_it = |(sha256, part): &(String, i32)| {
            (sha256.as_str(), *part) == (source.sha256.as_str(), source.part)
        };
        let is_freed = self.freed.as_ref().is_some_and(is_it);
        Evidence {
            sha256: source.sha256.clone(),
            part: source.part as u32,
            external_id: source.external_id.clone(),
            upload_id: source.upload_id.clone(),
            is_of_api: source.format == Format::StravaApi.name(),
            start_time_us: source.start_time_us,
            elapsed_ms: source.elapsed_ms,
            activity_id: Some(source.activity_id),
            is_parted: source.parted_from.is_some() && !is_freed,
        }
    }
}

/// A recording that is kept, as one of those to merge.
pub(crate) fn candidate(source: &Source, clean: Arc<Clean>) -> Candidate {
    Candidate {
        sha256: source.sha256.clone(),
        part: u32::try_from(source.part).unwrap_or_default(),
        clean,
    }
}

/// The birth of an activity that is of one recording.
pub(crate) fn alone(athlete: AthleteId, source: Source, clean: Arc<Clean>) -> Planned {
    let merged = merge::merge(&[candidate(&source, clean)]);
    Planned {
        key: ActivityKey {
            athlete_id: athlete,
            start_time_us: merged.clean.start_time_us,
            activity_id: born(athlete, &merged),
        },
        previous: None,
        ended: Vec::new(),
        sources: vec![source],
        replaced: Vec::new(),
        merged,
        corrections: Vec::new(),
        moved_corrections: Vec::new(),
        joining: Vec::new(),
    }
}

/// The id that an activity would be born with: its start, and a hash of the
/// recording that wins, so that equal imports give equal ids. Of a copy its own
/// id counts, which is the same whenever it was fetched.
fn born(athlete: AthleteId, merged: &merge::Merged) -> ActivityId {
    let mut hasher = Sha256::new();
    hasher.update(athlete.0.to_be_bytes());
    let clean = &merged.clean;
    match clean
        .claims
        .external_id
        .as_ref()
        .filter(|_| clean.format == Format::StravaApi)
    {
        Some(external_id) => hasher.update(external_id.as_bytes()),
        None => {
            hasher.update(merged.sha256.as_bytes());
            hasher.update(merged.part.to_be_bytes());
        }
    }
    let digest = hasher.finalize();
    let hash = digest[..8]
        .iter()
        .fold(0u64, |hash, byte| hash << 8 | u64::from(*byte));
    ActivityId::born(merged.clean.start_time_us, hash)
}

/// Gives every birth an id that nobody has.
pub(crate) async fn settle_ids(context: &Context, planned: &mut [Planned]) -> Result<(), Error> {
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
