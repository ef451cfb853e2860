//! Which recordings of one athlete are the same activity, and why.
//!
//! Two recordings are one activity if they have the same bytes, the same
//! external id, the same upload at Strava, or start within 60 s of each other and last about equally
//! long. That makes connected sets; which ones does not depend on the order
//! of the input. The parts of one file are never joined by any of this: a
//! triathlon's legs follow each other within seconds and are still several
//! activities. Nor is a recording that its owner took out of an activity.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use storage::ActivityId;

/// How far apart two recordings of one activity may start, in microseconds.
pub const START_REACH_US: i64 = 60_000_000;
/// How far their elapsed times may differ at least, in ms.
const ELAPSED_REACH_MS: i64 = 30_000;
/// And at most: one part in so many of the longer one, which is 2 %.
const ELAPSED_SHARE: i64 = 50;
/// A recording that starts so near another one is worth a word on why it is
/// another activity, in microseconds.
const NEAR_MISS_US: i64 = 600_000_000;

/// What is known of one recording of the athlete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// SHA-256 of its file, in hex.
    pub sha256: String,
    /// Which of the file's recordings, from 0.
    pub part: u32,
    /// The source's own id, such as `strava:12345`.
    pub external_id: Option<String>,
    /// The number of an upload at Strava: of what its API tells the activity's
    /// own, of a file the number that is its name.
    pub upload_id: Option<String>,
    /// Whether it is what Strava's API tells, which knows its upload: that files
    /// share a number says nothing.
    pub is_of_api: bool,
    /// UTC, microseconds since 1970.
    pub start_time_us: i64,
    /// From the first sample to the last, in ms.
    pub elapsed_ms: i64,
    /// The activity that it belongs to already; those of one activity stay
    /// together.
    pub activity_id: Option<ActivityId>,
    /// Whether its owner took it out of an activity: it is one with its own
    /// bytes only.
    pub is_parted: bool,
}

/// Why two recordings are the same activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// They belonged together before.
    SameActivity(ActivityId),
    /// The same part of the same file.
    SameBytes,
    /// Both bear this id.
    SameExternalId(String),
    /// One is an activity at Strava, the other bears the number of its upload.
    SameUpload(String),
    /// They start and last alike.
    SameTime {
        /// Between their starts, in microseconds.
        start_us: i64,
        /// Between their elapsed times, in ms.
        elapsed_ms: i64,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SameActivity(activity_id) => write!(f, "both of activity {activity_id}"),
            Self::SameBytes => f.write_str("same bytes"),
            Self::SameExternalId(id) => write!(f, "same external id {id}"),
            Self::SameUpload(id) => write!(f, "same upload {id} at Strava"),
            Self::SameTime {
                start_us,
                elapsed_ms,
            } => write!(
                f,
                "start {} s apart, elapsed {} s apart",
                seconds(*start_us, 1_000_000),
                seconds(*elapsed_ms, 1_000)
            ),
        }
    }
}

/// Why two recordings that are near each other are not the same activity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyNot {
    /// They are parts of one file.
    PartsOfOneFile,
    /// The owner took one of them out of the other's activity.
    Parted,
    /// They start together and last unequally.
    ElapsedApart {
        /// Between their elapsed times, in ms.
        elapsed_ms: i64,
        /// What would still be equal, in ms.
        reach_ms: i64,
    },
    /// They start too far apart.
    StartApart {
        /// Between their starts, in microseconds.
        start_us: i64,
    },
}

impl fmt::Display for WhyNot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PartsOfOneFile => f.write_str("another part of the same file"),
            Self::Parted => f.write_str("its owner keeps them apart"),
            Self::ElapsedApart {
                elapsed_ms,
                reach_ms,
            } => write!(
                f,
                "elapsed {} s apart, over {} s",
                seconds(*elapsed_ms, 1_000),
                seconds(*reach_ms, 1_000)
            ),
            Self::StartApart { start_us } => write!(
                f,
                "start {} s apart, over {} s",
                seconds(*start_us, 1_000_000),
                START_REACH_US / 1_000_000
            ),
        }
    }
}

/// Seconds for people: whole, or with the digits that matter.
fn seconds(value: i64, per_second: i64) -> f64 {
    value as f64 / per_second as f64
}

/// The number of the upload at Strava that a file of its archive is named by,
/// such as 12866632127 of `12866632127.fit.gz`. Whether it is one, only a copy of
/// the API that knows the same number says.
pub fn upload_named(file_name: &str) -> Option<&str> {
    let (stem, kind) = file_name.split_once('.')?;
    let kind = kind.trim_end_matches(".gz");
    let is_number = (6..=19).contains(&stem.len()) && stem.bytes().all(|b| b.is_ascii_digit());
    (is_number && matches!(kind, "fit" | "gpx" | "tcx")).then_some(stem)
}

/// How two recordings stand to each other by themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Relation {
    /// One activity.
    Same(Reason),
    /// Near each other, and two activities.
    Near(WhyNot),
    /// Nothing to do with each other.
    Apart,
}

/// Compares two recordings; the strongest reason is given.
pub fn relation(a: &Evidence, b: &Evidence) -> Relation {
    let relation = by_themselves(a, b);
    let is_parted = a.is_parted || b.is_parted;
    match relation {
        Relation::Same(
            Reason::SameExternalId(_) | Reason::SameUpload(_) | Reason::SameTime { .. },
        ) if is_parted => Relation::Near(WhyNot::Parted),
        relation => relation,
    }
}

/// How they would stand to each other if their owner had said nothing.
fn by_themselves(a: &Evidence, b: &Evidence) -> Relation {
    if let Some(activity_id) = a.activity_id
        && b.activity_id == Some(activity_id)
    {
        return Relation::Same(Reason::SameActivity(activity_id));
    }
    if a.sha256 == b.sha256 {
        return match a.part == b.part {
            true => Relation::Same(Reason::SameBytes),
            false => Relation::Near(WhyNot::PartsOfOneFile),
        };
    }
    if let Some(id) = &a.external_id
        && b.external_id.as_ref() == Some(id)
    {
        return Relation::Same(Reason::SameExternalId(id.clone()));
    }
    if let Some(id) = &a.upload_id
        && b.upload_id.as_ref() == Some(id)
        && a.is_of_api != b.is_of_api
    {
        return Relation::Same(Reason::SameUpload(id.clone()));
    }
    let start_us = a
        .start_time_us
        .saturating_sub(b.start_time_us)
        .saturating_abs();
    let elapsed_ms = a.elapsed_ms.saturating_sub(b.elapsed_ms).saturating_abs();
    let reach_ms = ELAPSED_REACH_MS.max(a.elapsed_ms.max(b.elapsed_ms) / ELAPSED_SHARE);
    match (start_us <= START_REACH_US, elapsed_ms <= reach_ms) {
        (true, true) => Relation::Same(Reason::SameTime {
            start_us,
            elapsed_ms,
        }),
        (true, false) => Relation::Near(WhyNot::ElapsedApart {
            elapsed_ms,
            reach_ms,
        }),
        (false, true) if start_us <= NEAR_MISS_US => {
            Relation::Near(WhyNot::StartApart { start_us })
        }
        (false, true | false) => Relation::Apart,
    }
}

/// One activity's recordings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Indices of the input, rising.
    pub members: Vec<usize>,
    /// Why each member is in the set, or why it is in no other: one sentence
    /// without full stop for each of `members`.
    reasons: Vec<String>,
}

impl Set {
    /// Why `member`, an index of the input, is in this set; where it is alone
    /// or the first of it, why it is in no other.
    pub fn reason(&self, member: usize) -> String {
        let at = self.members.binary_search(&member);
        at.map_or_else(
            |_| "not of this activity".to_owned(),
            |at| self.reasons[at].clone(),
        )
    }
}

/// Parts one athlete's recordings into activities. Sets stand in the order of
/// their first members.
pub fn connect(evidence: &[Evidence]) -> Vec<Set> {
    let mut by_time: Vec<usize> = (0..evidence.len()).collect();
    by_time.sort_by_key(|i| canonical(&evidence[*i]));

    let mut sets = Sets::new(evidence);
    let groups = |key: &dyn Fn(&Evidence) -> Option<String>| {
        let mut groups: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for i in &by_time {
            if let Some(key) = key(&evidence[*i]) {
                groups.entry(key).or_default().push(*i);
            }
        }
        groups
    };
    for (_, group) in groups(&|e| e.activity_id.map(|id| id.to_string())) {
        for pair in group.windows(2) {
            sets.join(pair[0], pair[1]);
        }
    }
    for (_, group) in groups(&|e| Some(format!("{}/{}", e.sha256, e.part))) {
        for pair in group.windows(2) {
            sets.join(pair[0], pair[1]);
        }
    }
    for (_, group) in groups(&|e| e.external_id.clone().filter(|_| !e.is_parted)) {
        sets.join_group(&group);
    }
    for (_, group) in groups(&|e| e.upload_id.clone().filter(|_| !e.is_parted)) {
        // Of several activities from one upload, time tells which is which.
        let of_api = group.iter().filter(|i| evidence[**i].is_of_api).count();
        if of_api == 1 {
            sets.join_group(&group);
        }
    }
    let near = near_pairs(evidence, &by_time);
    for pair in &near {
        if let Relation::Same(_) = pair.relation {
            sets.join_unless_parts(pair.earlier, pair.later);
        }
    }
    sets.explained(&near)
}

/// The order in which recordings are looked at, whatever order they came in.
fn canonical(e: &Evidence) -> (i64, i64, &str, u32, Option<&str>) {
    let external_id = e.external_id.as_deref();
    (
        e.start_time_us,
        e.elapsed_ms,
        &e.sha256,
        e.part,
        external_id,
    )
}

/// Two recordings that start near each other.
struct Pair {
    earlier: usize,
    later: usize,
    relation: Relation,
}

/// All pairs that are related by time, the most alike first.
fn near_pairs(evidence: &[Evidence], by_time: &[usize]) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (at, &earlier) in by_time.iter().enumerate() {
        let reach_us = evidence[earlier].start_time_us.saturating_add(NEAR_MISS_US);
        let later = by_time[at + 1..].iter();
        let later = later.take_while(|i| evidence[**i].start_time_us <= reach_us);
        pairs.extend(later.filter_map(|&later| {
            let relation = relation(&evidence[earlier], &evidence[later]);
            (relation != Relation::Apart).then_some(Pair {
                earlier,
                later,
                relation,
            })
        }));
    }
    pairs.sort_by_cached_key(|pair| {
        let (a, b) = (&evidence[pair.earlier], &evidence[pair.later]);
        let start_us = b.start_time_us - a.start_time_us;
        let elapsed_ms = a.elapsed_ms.abs_diff(b.elapsed_ms);
        (start_us, elapsed_ms, key_text(a), key_text(b))
    });
    pairs
}

fn key_text(e: &Evidence) -> (String, u32, Option<String>) {
    (e.sha256.clone(), e.part, e.external_id.clone())
}

/// Disjoint sets that know which parts of which files they hold.
struct Sets<'a> {
    evidence: &'a [Evidence],
    parent: Vec<usize>,
    files: Vec<BTreeMap<&'a str, BTreeSet<u32>>>,
}

impl<'a> Sets<'a> {
    fn new(evidence: &'a [Evidence]) -> Self {
        let files = evidence
            .iter()
            .map(|e| BTreeMap::from([(e.sha256.as_str(), BTreeSet::from([e.part]))]));
        Self {
            evidence,
            parent: (0..evidence.len()).collect(),
            files: files.collect(),
        }
    }

    fn root(&mut self, mut i: usize) -> usize {
        while self.parent[i] != i {
            self.parent[i] = self.parent[self.parent[i]];
            i = self.parent[i];
        }
        i
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        if a == b {
            return;
        }
        let (small, large) = match self.files[a].len() < self.files[b].len() {
            true => (a, b),
            false => (b, a),
        };
        self.parent[small] = large;
        for (file, parts) in std::mem::take(&mut self.files[small]) {
            self.files[large].entry(file).or_default().extend(parts);
        }
    }

    /// Joins two sets unless that brings two parts of one file together.
    fn join_unless_parts(&mut self, a: usize, b: usize) {
        let (ra, rb) = (self.root(a), self.root(b));
        let clash = |(file, parts): (&&str, &BTreeSet<u32>)| {
            let others = self.files[rb].get(*file);
            others.is_some_and(|others| others != parts)
        };
        if ra != rb && !self.files[ra].iter().any(clash) {
            self.join(ra, rb);
        }
    }

    /// Joins a group, in order of time, of which all belong together but
    /// parts of one file do not: each goes to the nearest set first.
    fn join_group(&mut self, group: &[usize]) {
        let mut roots: Vec<usize> = Vec::new();
        for &member in group {
            // The latest member of a set is the nearest, since time rises.
            roots.sort_by_key(|latest| Reverse(self.evidence[*latest].start_time_us));
            for root in &roots {
                self.join_unless_parts(*root, member);
            }
            let joined = self.root(member);
            roots.retain(|latest| {
                let mut at = *latest;
                while self.parent[at] != at {
                    at = self.parent[at];
                }
                at != joined
            });
            roots.push(member);
        }
    }

    /// The sets with a reason for each member.
    fn explained(mut self, near: &[Pair]) -> Vec<Set> {
        let count = self.evidence.len();
        let roots: Vec<usize> = (0..count).map(|i| self.root(i)).collect();
        let mut neighbours: Vec<Vec<&Pair>> = vec![Vec::new(); count];
        for pair in near {
            neighbours[pair.earlier].push(pair);
            neighbours[pair.later].push(pair);
        }
        let mut sets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (i, root) in roots.iter().enumerate() {
            sets.entry(*root).or_default().push(i);
        }
        let mut sets: Vec<Vec<usize>> = sets.into_values().collect();
        sets.sort_unstable();
        let reasons = |members: &[usize]| -> Vec<String> {
            let reason = |i: &usize| {
                self.link(*i, members)
                    .map(|link| link.to_string())
                    .unwrap_or_else(|| why_new(*i, &neighbours[*i], &roots))
            };
            members.iter().map(reason).collect()
        };
        sets.into_iter()
            .map(|members| Set {
                reasons: reasons(&members),
                members,
            })
            .collect()
    }

    /// The link by which member `i` joined: to one that came before it in the
    /// input, or that belongs to an activity already.
    fn link(&self, i: usize, members: &[usize]) -> Option<Reason> {
        let is_known = |m: &usize| self.evidence[*m].activity_id.is_some();
        let before = members
            .iter()
            .filter(|m| **m != i && (**m < i || is_known(m)));
        let links = before.filter_map(|m| match relation(&self.evidence[i], &self.evidence[*m]) {
            Relation::Same(reason) => Some(reason),
            Relation::Near(_) | Relation::Apart => None,
        });
        links.min_by_key(|reason| match reason {
            Reason::SameBytes => (0, 0),
            Reason::SameExternalId(_) => (1, 0),
            Reason::SameUpload(_) => (2, 0),
            Reason::SameTime { start_us, .. } => (3, *start_us),
            Reason::SameActivity(_) => (4, 0),
        })
    }
}

/// Why a recording begins an activity of its own.
fn why_new(i: usize, near: &[&Pair], roots: &[usize]) -> String {
    let other = |pair: &Pair| {
        if pair.earlier == i {
            pair.later
        } else {
            pair.earlier
        }
    };
    let missed = near.iter().find_map(|pair| match &pair.relation {
        Relation::Near(why) if roots[other(pair)] != roots[i] => Some(why.to_string()),
        // Alike, but the other one's set holds a part of the same file.
        Relation::Same(_) if roots[other(pair)] != roots[i] => {
            Some(WhyNot::PartsOfOneFile.to_string())
        }
        Relation::Near(_) | Relation::Same(_) | Relation::Apart => None,
    });
    match missed {
        Some(why) => format!("new; the nearest other: {why}"),
        None => "new; no other starts near it".to_owned(),
    }
}

#[cfg(test)]
mod tests;
