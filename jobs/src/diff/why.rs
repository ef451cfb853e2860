//! Why an activity changed: what was written of it between two revisions, and
//! by which definitions it was derived.

use std::collections::{BTreeMap, BTreeSet};

use query::local::LocalTime;
use query::stale::{Line, lines};
use storage::catalog::{AuditEntry, Correct, Correction};
use storage::lake::{KeySet, LakeView};
use storage::tables::DERIVATIONS;
use storage::{ActivityId, ActivityKey, AthleteId};
use uuid::Uuid;

use super::answer::{ActivityDiff, Change, Kind, Reason, utc};
use super::known::{Known, Sides};
use super::tally::Changed;
use super::{Ends, PAGE};
use crate::context::Context;
use crate::correct;
use crate::error::Error;

/// What the audit calls that which corrections tell exactly.
const OF_CORRECTIONS: [&str; 4] = ["mask", "unmask", "include", "exclude"];

/// What was written of some activities, by activity.
struct Written {
    before: BTreeMap<ActivityId, Line>,
    after: BTreeMap<ActivityId, Line>,
    audit: BTreeMap<ActivityId, Vec<AuditEntry>>,
    corrections: BTreeMap<ActivityId, Vec<Correction>>,
    merged: BTreeMap<ActivityId, ActivityId>,
}

/// The changed activities of `ids`, in that order, with their reasons.
///
/// # Errors
/// Where lake or catalog fail.
pub(super) async fn told(
    context: &Context,
    ends: &Ends,
    athlete: AthleteId,
    activities: &BTreeMap<ActivityId, Sides>,
    changed: &BTreeMap<ActivityId, Changed>,
    ids: &[ActivityId],
) -> Result<Vec<ActivityDiff>, Error> {
    let mut told = Vec::with_capacity(ids.len());
    for page in ids.chunks(PAGE) {
        let keys: Vec<ActivityKey> = page
            .iter()
            .filter_map(|id| activities.get(id))
            .flat_map(Sides::keys)
            .collect();
        let written = Written::read(context, ends, athlete, page, &keys).await?;
        for id in page {
            let (Some(sides), Some(changed)) = (activities.get(id), changed.get(id)) else {
                continue;
            };
            let Some(last) = sides.last() else { continue };
            let change = match (&sides.before, &sides.after) {
                (None, _) => Change::Added,
                (_, None) => Change::Removed,
                (Some(_), Some(_)) => Change::Changed,
            };
            told.push(ActivityDiff {
                activity_id: *id,
                start_time: utc(last.key.start_time_us),
                name: last.name.clone(),
                sport: last.sport.clone(),
                change,
                rows_added: changed.rows_added,
                rows_removed: changed.rows_removed,
                cells_changed: changed.cells,
                because: written.reasons(*id, sides, ends.from.time_us),
            });
        }
    }
    Ok(told)
}

impl Written {
    async fn read(
        context: &Context,
        ends: &Ends,
        athlete: AthleteId,
        ids: &[ActivityId],
        keys: &[ActivityKey],
    ) -> Result<Self, Error> {
        let catalog = &context.storage.catalog;
        let keys = KeySet::activities(keys);
        let mut audit: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry in catalog.audit_of(athlete, ids, ends.to.time_us).await? {
            if let Some(id) = entry.activity_id {
                audit.entry(id).or_default().push(entry);
            }
        }
        let mut corrections: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for said in catalog.corrections_of(athlete, ids).await? {
            corrections.entry(said.activity_id).or_default().push(said);
        }
        let merged = catalog.merged_into(athlete, ids).await?;
        Ok(Self {
            before: ledger(&ends.before, &keys).await?,
            after: ledger(&ends.after, &keys).await?,
            audit,
            corrections,
            merged: merged.into_iter().collect(),
        })
    }

    fn reasons(&self, id: ActivityId, sides: &Sides, from_us: i64) -> Vec<Reason> {
        let mut reasons = Vec::new();
        let revision = |known: &Option<Known>| known.as_ref().map(|known| known.revision);
        let (old, new) = (revision(&sides.before), revision(&sides.after));
        match (old, new) {
            (None, _) => reasons.push(Reason::new(Kind::NewActivity, "new activity")),
            (Some(_), None) => reasons.push(match self.merged.get(&id) {
                Some(into) => Reason::new(
                    Kind::Merged { into: *into },
                    format!("gone: activity {into} took it in"),
                ),
                None => Reason::new(Kind::Gone, "gone, and the catalog does not say why"),
            }),
            (Some(from), Some(to)) if from != to => reasons.push(Reason::new(
                Kind::Revision { from, to },
                format!("revision {from} -> {to}"),
            )),
            (Some(_), Some(_)) => {}
        }
        if let Some(last) = sides.after.as_ref().filter(|_| old != new) {
            let revisions = (old.unwrap_or_default(), last.revision);
            let entries = self.audit.get(&id).map_or(&[][..], Vec::as_slice);
            let entries = between(entries, revisions, from_us).into_iter();
            let entries = entries.filter(|one| !OF_CORRECTIONS.contains(&one.action.as_str()));
            reasons.extend(entries.map(audited));
            let local = LocalTime::new(last.utc_offset_s);
            let said = self.corrections.get(&id).into_iter().flatten();
            reasons.extend(said.flat_map(|one| corrected(one, local, revisions)));
        }
        if let (Some(old), Some(new)) = (self.before.get(&id), self.after.get(&id)) {
            reasons.extend(definitions(&old.versions, &new.versions));
        }
        match reasons.as_mut_slice() {
            [] => reasons.push(Reason::unrecorded()),
            // Recomputing facts, and repairs, are in no audit.
            [one] if matches!(one.kind, Kind::Revision { .. }) => {
                one.sentence.push_str("; the audit does not say why");
            }
            _ => {}
        }
        reasons
    }
}

/// The lines of the ledger that activities have in a snapshot.
async fn ledger(view: &LakeView, keys: &KeySet) -> Result<BTreeMap<ActivityId, Line>, Error> {
    let rows = view.rows(DERIVATIONS.name, None, keys).await?;
    let lines = lines(&rows)?.into_iter();
    Ok(lines.map(|line| (line.key.activity_id, line)).collect())
}

/// Those entries of one activity, oldest first and all before the newer
/// snapshot, that tell of its revisions after the first of the two up to the
/// second.
///
/// An entry is written in the commit that raises the revision, and says when
/// that began, not its snapshot. So one that began before the older snapshot
/// may belong to a commit after it, and one before the newer snapshot to a
/// commit after that. But a commit raises the revision by one: there cannot be
/// more commits than revisions, and each that reads a revision begins after the
/// one that wrote it.
fn between(entries: &[AuditEntry], (old, new): (i64, i64), from_us: i64) -> Vec<&AuditEntry> {
    let mut commits: Vec<(i64, Uuid)> = Vec::new();
    for entry in entries {
        let commit = (entry.at_us, entry.run_id);
        if !commits.contains(&commit) {
            commits.push(commit);
        }
    }
    let count = |revisions: i64| usize::try_from(revisions).unwrap_or_default();
    let began_before = commits.iter().filter(|(at_us, _)| *at_us <= from_us);
    let first = began_before.count().min(count(old));
    let commits = commits.iter().skip(first).take(count(new - old));
    let commits: BTreeSet<_> = commits.collect();
    let is_of = |entry: &&AuditEntry| commits.contains(&(entry.at_us, entry.run_id));
    entries.iter().filter(is_of).collect()
}

fn audited(entry: &AuditEntry) -> Reason {
    let sentence = match entry.action.as_str() {
        "import" => format!("imported {}: {}", entry.path, entry.reason),
        action => format!("{action}: {}", entry.reason),
    };
    let kind = Kind::Audit {
        action: entry.action.clone(),
        outcome: entry.outcome,
        path: entry.path.clone(),
        at: utc(entry.at_us),
    };
    Reason::new(kind, sentence)
}

/// What was said after the first of two revisions up to the second, and what
/// was taken back.
fn corrected(one: &Correction, local: LocalTime, (old, new): (i64, i64)) -> Vec<Reason> {
    let text = correct::text(local, &one.what);
    let [says, takes_back] = match one.what {
        Correct::Mask { .. } => [
            ("mask", format!("masked {text}: {}", one.reason)),
            ("unmask", format!("lifted the mask of {text}")),
        ],
        Correct::Include { .. } => [
            ("include", format!("included {text}: {}", one.reason)),
            ("exclude", format!("included {text} no more")),
        ],
    };
    let is_between = |revision: i64| old < revision && revision <= new;
    let said = is_between(one.begun_revision).then_some(says);
    let taken_back = one.ended_revision.is_some_and(is_between);
    let all = said.into_iter().chain(taken_back.then_some(takes_back));
    let reason = |(action, sentence): (&'static str, String)| {
        let correction_id = one.correction_id.to_string();
        let kind = Kind::Correction {
            correction_id,
            action,
        };
        Reason::new(kind, sentence)
    };
    all.map(reason).collect()
}

/// Which definitions have another version, of two texts of the ledger.
pub(super) fn definitions(old: &str, new: &str) -> Vec<Reason> {
    let (old, new) = (versions(old), versions(new));
    let names: BTreeSet<&str> = old.keys().chain(new.keys()).copied().collect();
    let changed = names.into_iter().filter_map(|name| {
        let (from, to) = (old.get(name).copied(), new.get(name).copied());
        let sentence = match (from, to) {
            (Some(from), Some(to)) if from != to => format!("definition {name} {from} -> {to}"),
            (None, Some(to)) => format!("definition {name}: new, version {to}"),
            (Some(from), None) => format!("definition {name}: not derived any more, was {from}"),
            _ => return None,
        };
        let kind = Kind::Definition {
            definition: name.to_owned(),
            from,
            to,
        };
        Some(Reason::new(kind, sentence))
    });
    changed.collect()
}

fn versions(text: &str) -> BTreeMap<&str, u32> {
    let entries = text.split(',').filter_map(|entry| entry.split_once('='));
    entries
        .filter_map(|(name, version)| Some((name, version.parse().ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use storage::catalog::Outcome;

    use super::*;

    fn entry(at_us: i64, run: u128) -> AuditEntry {
        AuditEntry {
            audit_id: Uuid::from_u128(at_us as u128),
            at_us,
            athlete_id: AthleteId(1),
            activity_id: Some(ActivityId(7)),
            action: "import".to_owned(),
            outcome: Outcome::Updated,
            path: "a.fit".to_owned(),
            sha256: None,
            code: None,
            reason: "starts alike".to_owned(),
            try_next: None,
            run_id: Uuid::from_u128(run),
        }
    }

    #[track_caller]
    fn check(at: &[(i64, u128)], revisions: (i64, i64), from_us: i64, expected: &[i64]) {
        let entries: Vec<_> = at.iter().map(|(at, run)| entry(*at, *run)).collect();
        let found = between(&entries, revisions, from_us);
        let found: Vec<_> = found.iter().map(|entry| entry.at_us).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn entries_belong_to_the_commits_that_raised_the_revision() {
        let three = [(10, 1), (20, 2), (30, 3)];
        check(&three, (1, 3), 15, &[20, 30]);
        check(&three, (0, 3), 5, &[10, 20, 30]);
        check(&three, (2, 3), 25, &[30]);
        check(&three, (3, 3), 35, &[]);
        // The second began before the older snapshot and was committed after.
        check(&three, (1, 3), 25, &[20, 30]);
        // The third began before the newer snapshot and was committed after.
        check(&three, (1, 2), 15, &[20]);
        // A revision that no entry tells of: the others are told all the same.
        check(&three, (1, 4), 15, &[20, 30]);
        check(&three[..1], (1, 2), 15, &[]);
        // Two recordings of one commit, and two commits at one instant.
        check(&[(10, 1), (20, 2), (20, 2)], (1, 2), 15, &[20, 20]);
        check(&[(10, 1), (20, 2), (20, 3)], (1, 3), 15, &[20, 20]);
    }

    #[test]
    fn versions_are_compared_by_name() {
        let said = |old: &str, new: &str| -> Vec<String> {
            let reasons = definitions(old, new).into_iter();
            reasons.map(|reason| reason.sentence).collect()
        };
        assert_eq!(said("a=1,b=2", "a=1,b=2"), Vec::<String>::new());
        assert_eq!(
            said("a=1,b=2,old=3", "a=1,b=4,climbs=1"),
            [
                "definition b 2 -> 4",
                "definition climbs: new, version 1",
                "definition old: not derived any more, was 3",
            ]
        );
    }
}
