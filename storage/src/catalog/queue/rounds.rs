//! Turns: which round of its priority a job stands in.
//!
//! The rounds of a priority are numbers that only rise. `job_rounds` has the
//! one that was served last, `job_turns` the last one in which each athlete
//! has a job. A new job stands in the round after its athlete's last, but in
//! none that is over: who comes late begins now, and who comes first does not
//! wait for rounds that are empty.
//!
//! These numbers decide order and nothing else. Two writers that read the same
//! one at once put two jobs into one round, which does no harm.

use std::collections::{BTreeMap, BTreeSet};

use super::JobRow;
use crate::catalog::value::{Row, Value};
use crate::catalog::{Dialect, Tx};
use crate::error::Error;
use crate::id::AthleteId;

/// Whose turns of which priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lane {
    pub priority: i64,
    /// 0 for jobs that are nobody's: they share one turn.
    athlete: i64,
}

impl Lane {
    pub fn new(priority: i64, athlete_id: Option<AthleteId>) -> Self {
        Self {
            priority,
            athlete: athlete_id.map_or(0, |id| id.0),
        }
    }
}

/// Where rounds stand, as rows of what a row says, a priority, an athlete and a
/// number: of the priorities `$1` and the athletes of which `$athletes` is true.
///
/// The clock is among them, and a transaction that must look up more for itself
/// adds rows of its own: each statement is a way to the database and back.
macro_rules! standing_sql {
    ($dialect:ident, $athletes:literal) => {
        concat!(
            "select 'served', priority, cast(null as bigint), round from job_rounds \
             where priority = any($1) \
             union all select 'last', priority, athlete_id, round from job_turns \
             where priority = any($1) and athlete_id ",
            $athletes,
            " union all select 'now', 0, 0, ",
            $crate::catalog::leases::now_us_sql!($dialect)
        )
    };
}
pub(in crate::catalog) use standing_sql;

/// Where rounds stand.
#[derive(Debug, Default)]
pub(in crate::catalog) struct Standing {
    /// What time it is by the database, microseconds since 1970.
    pub now_us: i64,
    /// Which round of each priority was served last.
    served: BTreeMap<i64, i64>,
    /// The last one in which each lane has a job.
    last: BTreeMap<Lane, i64>,
}

impl Standing {
    /// That of these lanes.
    pub(super) async fn of(tx: &mut Tx, lanes: &[Lane]) -> Result<Self, Error> {
        let priorities: BTreeSet<_> = lanes.iter().map(|lane| lane.priority).collect();
        let athletes: BTreeSet<_> = lanes.iter().map(|lane| lane.athlete).collect();
        let statement = match tx.dialect() {
            Dialect::Sqlite => standing_sql!(sqlite, "= any($2)"),
            Dialect::Postgres => standing_sql!(postgres, "= any($2)"),
        };
        let values = [
            Value::Ints(priorities.into_iter().collect()),
            Value::Ints(athletes.into_iter().collect()),
        ];
        let mut standing = Self::default();
        for row in &tx.fetch(statement, &values).await? {
            standing.read(row)?;
        }
        Ok(standing)
    }

    /// Takes in a row of [`standing_sql`]; others say nothing to it.
    pub fn read(&mut self, row: &Row) -> Result<(), Error> {
        match row.text(0)? {
            "served" => {
                self.served.insert(row.int(1)?, row.int(3)?);
            }
            "last" => {
                let (priority, athlete) = (row.int(1)?, row.int(2)?);
                self.last.insert(Lane { priority, athlete }, row.int(3)?);
            }
            "now" => self.now_us = row.int(3)?,
            _ => {}
        }
        Ok(())
    }

    /// The rounds of new jobs in these lanes, one after the other: each after its
    /// lane's last.
    pub(super) fn after_last(&self, lanes: &[Lane]) -> Vec<i64> {
        let mut last = self.last.clone();
        let rounds = lanes.iter().map(|lane| {
            let now = self.served.get(&lane.priority).copied().unwrap_or(0);
            let next = last.get(lane).map_or(now, |last| now.max(last + 1));
            last.insert(*lane, next);
            next
        });
        rounds.collect()
    }
}

/// The rounds of jobs that had their turn already and come back: from the one
/// that is being served on, whatever else their athletes have in line.
pub(super) async fn from_served(tx: &mut Tx, lanes: &[Lane]) -> Result<Vec<i64>, Error> {
    let served = served(tx, lanes).await?;
    let mut last = BTreeMap::new();
    let rounds = lanes.iter().map(|lane| {
        let now = served.get(&lane.priority).copied().unwrap_or(0);
        let next = last.get(lane).map_or(now, |last| last + 1);
        last.insert(*lane, next);
        next
    });
    Ok(rounds.collect())
}

async fn served(tx: &mut Tx, lanes: &[Lane]) -> Result<BTreeMap<i64, i64>, Error> {
    let priorities: BTreeSet<_> = lanes.iter().map(|lane| lane.priority).collect();
    let rows = tx
        .fetch(
            "select priority, round from job_rounds where priority = any($1)",
            &[Value::Ints(priorities.into_iter().collect())],
        )
        .await?;
    rows.iter()
        .map(|row| Ok((row.int(0)?, row.int(1)?)))
        .collect()
}

/// Writes down in which rounds these lanes have jobs now.
pub(super) async fn take(
    tx: &mut Tx,
    taken: impl IntoIterator<Item = (Lane, i64)>,
) -> Result<(), Error> {
    let mut last = BTreeMap::new();
    for (lane, round) in taken {
        let known = last.entry(lane).or_insert(round);
        *known = round.max(*known);
    }
    // A map's order, so that two writers wait for each other.
    let rows: Vec<_> = last
        .into_iter()
        .map(|(lane, round)| vec![lane.priority.into(), lane.athlete.into(), round.into()])
        .collect();
    tx.execute_rows(
        "insert into job_turns (priority, athlete_id, round)",
        &rows,
        "on conflict (priority, athlete_id) do update set round = excluded.round \
         where excluded.round > job_turns.round",
    )
    .await?;
    Ok(())
}

/// Writes down which rounds are served, by the jobs that were claimed.
pub(super) async fn serve(tx: &mut Tx, claimed: &[JobRow]) -> Result<(), Error> {
    let mut newest = BTreeMap::new();
    for job in claimed {
        let known = newest.entry(job.priority).or_insert(job.round);
        *known = job.round.max(*known);
    }
    let rows: Vec<_> = newest
        .into_iter()
        .map(|(priority, round)| vec![priority.into(), round.into()])
        .collect();
    tx.execute_rows(
        "insert into job_rounds (priority, round)",
        &rows,
        "on conflict (priority) do update set round = excluded.round \
         where excluded.round > job_rounds.round",
    )
    .await?;
    Ok(())
}
