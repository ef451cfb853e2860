//! Why a rank or a statistic changed: the activities that it follows from, a
//! definition, or the days.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use query::cells::Place;
use query::derived::best_effort_ranks::RANKS_TABLE;
use query::derived::stats::{STATS_TABLE, period_end};
use query::ledger::athlete_key;
use query::read::date;
use storage::lake::{KeySet, LakeView};
use storage::tables::DERIVATIONS;
use storage::{ActivityId, AthleteId};

use super::answer::{Because, Kind, Reason};
use super::known::{Row, Sides};
use super::tally::{Changed, Pair};
use super::why::definitions;
use super::{Ends, of_athletes};
use crate::error::Error;

/// How many activities are named for one number.
const NAMED: usize = 10;

/// What an athlete's tables followed in between.
pub(super) struct Followed<'a> {
    /// Changed activities with their local day and sport, as they were and as
    /// they are, by day.
    days: Vec<(i32, &'a str, ActivityId, &'a Changed)>,
    changed: &'a BTreeMap<ActivityId, Changed>,
    /// The athlete's line of the ledger in either snapshot.
    lines: [Option<Line>; 2],
    /// The athlete's day at the newer snapshot, in days since 1970.
    today: i32,
}

/// What the ledger says of an athlete.
#[derive(Clone, Debug, PartialEq)]
struct Line {
    revision: i64,
    versions: String,
}

impl<'a> Followed<'a> {
    /// # Errors
    /// Where the ledger cannot be read.
    pub async fn read(
        ends: &Ends,
        athlete: AthleteId,
        activities: &'a BTreeMap<ActivityId, Sides>,
        changed: &'a BTreeMap<ActivityId, Changed>,
        today: i32,
    ) -> Result<Self, Error> {
        let mut days = Vec::new();
        for (id, changed) in changed {
            let sides = activities.get(id).into_iter().flat_map(Sides::both);
            days.extend(sides.map(|known| (known.day, known.sport.as_str(), *id, changed)));
        }
        days.sort_by_key(|(day, sport, id, _)| (*day, *sport, *id));
        days.dedup_by_key(|(day, sport, id, _)| (*day, *sport, *id));
        let before = line(&ends.before, athlete).await?;
        Ok(Self {
            days,
            changed,
            lines: [before, line(&ends.after, athlete).await?],
            today,
        })
    }

    /// The reasons of one of the tables.
    pub fn of(&'a self, pair: &'a Pair) -> OfTable<'a> {
        let definition = of_athletes().find(|one| one.table.name == pair.table.name);
        let definition = definition.map_or("", |one| one.name);
        let lists = match pair.table.name == RANKS_TABLE.name {
            true => self.lists(pair, definition),
            false => HashMap::new(),
        };
        OfTable {
            followed: self,
            pair,
            definition,
            lists,
        }
    }

    fn lists(&self, pair: &'a Pair, definition: &str) -> HashMap<ListKey<'a>, List> {
        let mut lists: HashMap<ListKey<'_>, List> = HashMap::new();
        for place in &pair.places {
            for (row, is_old) in pair.rows(place).into_iter().zip([true, false]) {
                let Some(row) = row else { continue };
                let (Some(key), Some(rank)) = (list_of(row), row.int("rank")) else {
                    continue;
                };
                let Some(id) = row.int("activity_id").map(ActivityId) else {
                    continue;
                };
                let list = lists.entry(key).or_default();
                let changed = self.changed.get(&id);
                if changed.is_some_and(|changed| changed.bears_on(definition)) {
                    list.caused.insert((rank, id));
                }
                let until = row.int("valid_until");
                match until.filter(|until| is_old && *until <= i64::from(self.today)) {
                    Some(until) => drop(list.left.insert((rank, id), until)),
                    None if !is_old => drop(list.stays.insert(id)),
                    None => {}
                }
            }
        }
        lists
    }
}

async fn line(view: &LakeView, athlete: AthleteId) -> Result<Option<Line>, Error> {
    let keys = KeySet::new(athlete_key(athlete)?);
    let columns = ["input_revision", "versions"];
    let rows = view.rows(DERIVATIONS.name, Some(&columns), &keys).await?;
    let mut rows = rows.iter().filter(|batch| batch.num_rows() > 0);
    Ok(rows.next().and_then(|batch| {
        let row = Row { batch, row: 0 };
        Some(Line {
            revision: row.int("input_revision")?,
            versions: row.text("versions")?.to_owned(),
        })
    }))
}

/// A list of ranks: sport, distance as bits, window.
type ListKey<'a> = (&'a str, u64, &'a str);

/// What differs in one list of ranks.
#[derive(Default)]
struct List {
    /// Efforts of changed activities, at the ranks that they had or have.
    caused: BTreeSet<(i64, ActivityId)>,
    /// Efforts that were there and whose last day has passed, with the first
    /// day on which they are out.
    left: BTreeMap<(i64, ActivityId), i64>,
    /// Activities whose effort is at one of the ranks now.
    stays: BTreeSet<ActivityId>,
}

/// Why rows of one table changed.
pub(super) struct OfTable<'a> {
    followed: &'a Followed<'a>,
    pair: &'a Pair,
    definition: &'static str,
    lists: HashMap<ListKey<'a>, List>,
}

impl OfTable<'_> {
    /// Why the row at a place changed.
    pub fn because(&self, place: &Place) -> Because {
        let mut because = Because::default();
        let [before, after] = self.pair.rows(place);
        if let Some(row) = after.or(before) {
            match self.pair.table.name {
                name if name == RANKS_TABLE.name => self.of_rank(row, &mut because),
                name if name == STATS_TABLE.name => self.of_period(row, &mut because),
                _ => {
                    let bearing = self.followed.changed.iter();
                    let bearing = bearing.filter(|(_, one)| one.bears_on(self.definition));
                    because.name(bearing.map(|(id, _)| *id));
                }
            }
        }
        let [old, new] = &self.followed.lines;
        if let (Some(old), Some(new)) = (old, new) {
            let versions = definitions(&old.versions, &new.versions);
            let own = versions.into_iter().filter(|reason| match &reason.kind {
                Kind::Definition { definition, .. } => definition == self.definition,
                _ => false,
            });
            because.reasons.extend(own);
        }
        if because == Because::default() {
            because.reasons.push(self.otherwise());
        }
        because
    }

    /// A rank changes with the efforts up to it: with one that came or went
    /// before it, all behind move.
    fn of_rank(&self, row: Row<'_>, because: &mut Because) {
        let Some(list) = list_of(row).and_then(|key| self.lists.get(&key)) else {
            return;
        };
        let rank = row.int("rank").unwrap_or(i64::MAX);
        let upto = list.caused.iter().take_while(|(at, _)| *at <= rank);
        let ids: BTreeSet<ActivityId> = upto.map(|(_, id)| *id).collect();
        because.name(ids.into_iter());
        let left = list.left.iter().take_while(|((at, _), _)| *at <= rank);
        let left = left.filter(|((_, id), _)| !list.stays.contains(id));
        for ((_, activity_id), until) in left.take(NAMED) {
            let day = i32::try_from(*until).ok().and_then(date);
            let day = day.map(|day| day.to_string()).unwrap_or_default();
            let sentence = format!("the effort of activity {activity_id} left the window on {day}");
            let kind = Kind::Day {
                day,
                activity_id: *activity_id,
            };
            because.reasons.push(Reason::new(kind, sentence));
        }
    }

    /// A statistic changes with the activities of its sport that began on its
    /// days.
    fn of_period(&self, row: Row<'_>, because: &mut Because) {
        let first = row.int("period_start").and_then(|day| day.try_into().ok());
        let (Some(sport), Some(period), Some(first)) =
            (row.text("sport"), row.text("period"), first)
        else {
            return;
        };
        let before = period_end(period, first).unwrap_or(i32::MAX);
        let days = &self.followed.days;
        let from = days.partition_point(|(day, ..)| *day < first);
        let within = days[from..].iter().take_while(|(day, ..)| *day < before);
        let bearing = within.filter(|(_, of, _, changed)| {
            (sport == "all" || sport == *of) && changed.bears_on(self.definition)
        });
        let ids: BTreeSet<ActivityId> = bearing.map(|(_, _, id, _)| *id).collect();
        because.name(ids.into_iter());
    }

    /// What is said where neither activities nor definitions nor days tell.
    fn otherwise(&self) -> Reason {
        let [from, to] = [0, 1].map(|at| {
            let line = self.followed.lines[at].as_ref();
            line.map(|line| line.revision)
        });
        if from == to {
            return Reason::unrecorded();
        }
        Reason::new(
            Kind::Followed { from, to },
            "derived in between from activities that the older snapshot has already",
        )
    }
}

impl Because {
    /// Names activities, the first of them.
    fn name(&mut self, mut ids: impl Iterator<Item = ActivityId>) {
        self.activities.extend(ids.by_ref().take(NAMED));
        self.more_activities += ids.count() as u64;
    }
}

fn list_of(row: Row<'_>) -> Option<ListKey<'_>> {
    Some((
        row.text("sport")?,
        row.bits("distance_m")?,
        row.text("time_window")?,
    ))
}
