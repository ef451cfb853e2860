//! Which numbers changed between two snapshots, and why.
//!
//! Begin at [`diff`]: every table of the lake that holds numbers is compared by
//! its key, cell by cell, bit for bit. Only rows are read that the two
//! snapshots do not share (`LakeView::rows_apart`), a page of activities at a
//! time, so that it costs what changed, whoever changed it and whatever the
//! ledger says of it. After a maintenance, which moves rows, that is one read
//! of the athlete's rows in either snapshot.
//!
//! Why an activity changed comes from revisions, the ledger of derivation, the
//! audit and what owners said; why a rank or a statistic did, from the
//! activities that it follows from.

mod answer;
mod known;
mod tally;
mod why;
mod why_athlete;

use std::collections::BTreeMap;

use jiff::Timestamp;
use query::cells::Place;
use query::derived::{DERIVED, Derived, Scope, tables, tables_of};
use storage::catalog::Athlete;
use storage::lake::past::Kept;
use storage::lake::{KeySet, LakeView};
use storage::table::Table;
use storage::tables::{DERIVATIONS, STREAMS};
use storage::{ActivityId, Moment};

use crate::context::{Context, day};
use crate::error::Error;
use known::{Sides, known};
use tally::{Changed, Pair, Tally};
use why_athlete::Followed;

pub use answer::{
    ActivityDiff, Because, CellDiff, Change, ColumnDiff, Diff, End, Kind, Reason, RowDiff,
    TableDiff,
};

/// How many activities are compared at a time.
const PAGE: usize = 128;
/// The same of their samples, which are many.
const STREAMS_PAGE: usize = 16;

/// What to compare, and how much of it to tell. Counts are always of all.
#[derive(Clone, Debug)]
pub struct Options {
    /// Only this table.
    pub table: Option<String>,
    /// Only rows of this activity, and numbers that follow from it.
    pub activity: Option<ActivityId>,
    /// How many cells of each column, and rows of each table, are told.
    pub samples: usize,
    /// How many changed activities are told, the latest first.
    pub activities: usize,
}

/// Two states of the lake.
struct Ends {
    from: Kept,
    to: Kept,
    before: LakeView,
    after: LakeView,
}

/// Compares what an athlete's rows were with what they became; `to` is the
/// newest snapshot unless it is said.
///
/// # Errors
/// `invalid_argument` where `from` is newer than `to`, or the table is none
/// with numbers; `not_found` where a snapshot is not kept, or neither has the
/// activity; where lake or catalog fail.
pub async fn diff(
    context: &Context,
    athlete: &Athlete,
    from: &Moment,
    to: Option<&Moment>,
    options: &Options,
) -> Result<Diff, Error> {
    let shown = shown(options.table.as_deref())?;
    let ends = Ends::open(context, from, to).await?;
    let id = athlete.athlete_id;
    let activities = known(&ends, id, options.activity).await?;
    if let Some(activity) = options.activity.filter(|_| activities.is_empty()) {
        return Err(Error::Query(query::Error::NotFound {
            what: format!("activity {activity} in either snapshot"),
        }));
    }
    let mut tally = Tally::new(options.samples);
    let mut changed: BTreeMap<ActivityId, Changed> = BTreeMap::new();
    let mut interrupted = false;
    let compared = compared(&shown);
    let pages: Vec<&ActivityId> = activities.keys().collect();
    context.progress.begin("diff", pages.len() as u64);
    for page in pages.chunks(PAGE) {
        if context.stop.asked() {
            interrupted = true;
            break;
        }
        let page: Vec<&Sides> = page.iter().map(|id| &activities[*id]).collect();
        for table in &compared {
            let of_table = match table.name == STREAMS.name {
                true => STREAMS_PAGE,
                false => PAGE,
            };
            let is_shown = shown.iter().any(|one| one.name == table.name);
            for part in page.chunks(of_table) {
                let keys: Vec<_> = part.iter().flat_map(|sides| sides.keys()).collect();
                let keys = KeySet::activities(&keys);
                let Some(pair) = Pair::read(&ends, table, &keys).await? else {
                    continue;
                };
                for place in &pair.places {
                    if let Some(id) = pair.activity_of(place) {
                        changed.entry(id).or_default().count(table, place);
                    }
                }
                if is_shown {
                    tally.take(&pair, |_| true, |place| Because::activity(&pair, place))?;
                }
            }
        }
        context.progress.advance(page.len() as u64);
    }
    context.progress.end();
    let of_athlete: Vec<&Table> = shown
        .iter()
        .copied()
        .filter(|table| is_of(table, Scope::Athlete))
        .collect();
    if !of_athlete.is_empty() && !interrupted {
        let day = query::read::days(day(athlete, time(ends.to.time_us)));
        let followed = Followed::read(&ends, id, &activities, &changed, day).await?;
        let keys = KeySet::athletes(&[id]);
        for table in of_athlete {
            let Some(pair) = Pair::read(&ends, table, &keys).await? else {
                continue;
            };
            let why = followed.of(&pair);
            let is_wanted = |place: &Place| {
                options.activity.is_none() || !why.because(place).activities.is_empty()
            };
            tally.take(&pair, is_wanted, |place| why.because(place))?;
        }
    }
    let told: Vec<ActivityId> = latest(&activities, &changed, options.activities);
    Ok(Diff {
        athlete_id: id,
        from: End::of(ends.from),
        to: End::of(ends.to),
        tables: tally.tables(&shown),
        activities_changed: changed.len() as u64,
        activities: why::told(context, &ends, id, &activities, &changed, &told).await?,
        interrupted,
    })
}

impl Ends {
    async fn open(context: &Context, from: &Moment, to: Option<&Moment>) -> Result<Self, Error> {
        let lake = &context.storage.lake;
        let to_id = match to {
            Some(to) => lake.snapshot_at(to).await?,
            None => lake.latest().await?.snapshot_id(),
        };
        let from_id = lake.snapshot_at(from).await?;
        if from_id > to_id {
            return Err(Error::Query(query::Error::InvalidArgument {
                name: "from",
                value: from.to_string(),
                reason: format!(
                    "snapshot {from_id} is newer than {to_id}; name the older one first"
                ),
            }));
        }
        Ok(Self {
            from: lake.kept(from_id).await?,
            to: lake.kept(to_id).await?,
            before: lake.at_moment(&Moment::Snapshot(from_id)).await?,
            after: lake.at_moment(&Moment::Snapshot(to_id)).await?,
        })
    }
}

/// The tables to tell of: those of the lake, but for the ledger, or the one
/// that is named.
fn shown(only: Option<&str>) -> Result<Vec<&'static Table>, Error> {
    let mut shown = tables();
    shown.retain(|table| table.name != DERIVATIONS.name);
    let Some(only) = only else {
        return Ok(shown);
    };
    let names: Vec<_> = shown.iter().map(|table| table.name).collect();
    shown.retain(|table| table.name == only);
    if shown.is_empty() {
        return Err(Error::Query(query::Error::InvalidArgument {
            name: "table",
            value: only.to_owned(),
            reason: format!("it is one of {}", names.join(", ")),
        }));
    }
    Ok(shown)
}

/// The tables of activities to read: those that are told of, and what the
/// tables of athletes among them follow from.
fn compared(shown: &[&'static Table]) -> Vec<&'static Table> {
    let is_shown = |table: &Table| shown.iter().any(|one| one.name == table.name);
    let is_input = |table: &Table| {
        let mut inputs = of_athletes()
            .filter(|derived| is_shown(derived.table))
            .flat_map(|derived| derived.inputs);
        inputs.any(|input| input.split('.').next() == Some(table.name))
    };
    let mut compared = tables_of(Scope::Activity);
    compared.retain(|table| table.name != DERIVATIONS.name);
    compared.retain(|table| is_shown(table) || is_input(table));
    compared
}

/// An instant; such that no calendar has are the latest.
fn time(us: i64) -> Timestamp {
    Timestamp::from_microsecond(us).unwrap_or(Timestamp::MAX)
}

/// The definitions whose numbers are an athlete's.
fn of_athletes() -> impl Iterator<Item = &'static &'static Derived> {
    DERIVED.iter().filter(|one| one.scope == Scope::Athlete)
}

fn is_of(table: &Table, scope: Scope) -> bool {
    tables_of(scope).iter().any(|one| one.name == table.name)
}

/// The changed activities that began last, up to so many.
fn latest(
    activities: &BTreeMap<ActivityId, Sides>,
    changed: &BTreeMap<ActivityId, Changed>,
    most: usize,
) -> Vec<ActivityId> {
    let start = |id: &ActivityId| activities.get(id).map(Sides::start_us);
    let mut ids: Vec<_> = changed.keys().map(|id| (start(id), *id)).collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids.into_iter().take(most).map(|(_, id)| id).collect()
}
