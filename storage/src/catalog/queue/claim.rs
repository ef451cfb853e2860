//! How workers get jobs.
//!
//! What is asked of the queue is planned for its length each time.

use std::time::Duration;

use super::rounds::{self, Lane};
use super::settle::{self, End};
use super::{JobRow, job_columns};
use crate::catalog::value::Value;
use crate::catalog::{Catalog, Dialect, Tx, leases};
use crate::error::Error;

/// How many jobs whose time has come one claim makes ready. More of them wait
/// for the next claim, so that none takes long.
const READY_AT_ONCE: i64 = 1_000;
/// How many jobs of dead workers one claim takes back.
const TAKEN_BACK_AT_ONCE: i64 = 100;
/// How often a claim looks again where others took what it had seen.
const LOOKS: usize = 4;

/// The ceiling of a kind of which every job is taken.
pub const ANY_PRIORITY: i64 = i64::MAX;

/// What a worker asks for.
#[derive(Clone, Copy, Debug)]
pub struct ClaimOrder<'a> {
    /// Its name, for people.
    pub worker: &'a str,
    /// What it can do: kinds, each with the priority number below which its
    /// jobs are taken; [`ANY_PRIORITY`] takes all.
    pub kinds: &'a [(&'a str, i64)],
    /// How many it takes at most.
    pub limit: u32,
    /// What time it is, in microseconds since 1970: what is due by then is due.
    pub now_us: i64,
    /// How long it has them unless it renews the lease.
    pub lease: Duration,
}

/// The kinds `$1` and their ceilings `$2` as rows.
macro_rules! kinds_sql {
    (sqlite) => {
        "(select names.value as kind, ceilings.value as below from json_each($1) as names \
         join json_each($2) as ceilings on ceilings.key = names.key) as k"
    };
    (postgres) => {
        "unnest($1, $2) as k (kind, below)"
    };
}

/// Whether something is ready of the kinds below their ceilings.
///
/// PostgreSQL would read all that waits until it finds one, as if it were soon
/// found; it asks the index where the first of each kind is what is asked for.
macro_rules! is_ready {
    (sqlite) => {
        concat!(
            "exists (select 1 from ",
            kinds_sql!(sqlite),
            " where exists (select 1 from jobs where jobs.kind = k.kind \
             and state = 'waiting' and is_ready = 1 and priority < k.below))"
        )
    };
    (postgres) => {
        concat!(
            "exists (select 1 from ",
            kinds_sql!(postgres),
            " cross join lateral (select 1 from jobs where kind = k.kind \
             and state = 'waiting' and is_ready = 1 and priority < k.below \
             order by priority, round, job_id limit 1) as best)"
        )
    };
}

/// The jobs, by the index that has them in the order that is asked for. SQLite
/// would rather read all that share a state, and sort them.
macro_rules! jobs_by {
    (sqlite, $index:literal) => {
        concat!("jobs indexed by ", $index)
    };
    (postgres, $index:literal) => {
        "jobs"
    };
}

/// Whether there is something to claim, to make ready or to take back: what an
/// idle worker asks instead of a transaction that writes. The first of each, as
/// in [`is_ready`].
macro_rules! is_there_work {
    (sqlite) => {
        concat!(
            "select ",
            is_ready!(sqlite),
            ", exists (select 1 from ",
            jobs_by!(sqlite, "jobs_due"),
            " where state = 'waiting' and is_ready = 0 and due_at_us <= $3), \
             exists (select 1 from ",
            jobs_by!(sqlite, "jobs_lease"),
            " where state = 'running' and lease_until_us < ",
            leases::now_us_sql!(sqlite),
            ")"
        )
    };
    (postgres) => {
        concat!(
            "select ",
            is_ready!(postgres),
            ", coalesce((select due_at_us from jobs where state = 'waiting' \
             and is_ready = 0 order by due_at_us limit 1) <= $3, false), \
             coalesce((select lease_until_us from jobs where state = 'running' \
             order by lease_until_us limit 1) < ",
            leases::now_us_sql!(postgres),
            ", false)"
        )
    };
}

/// What a claim writes: the worker is `$4`, the end of its lease `$5`, now
/// `$6`.
macro_rules! claim {
    ($which:expr) => {
        job_columns!(
            concat!(
                "update jobs set state = 'running', claims = claims + 1, \
                 attempts = attempts + 1, worker = $4, lease_until_us = $5, \
                 started_at_us = $6, finished_at_us = null, progress = null where job_id ",
                $which,
                " returning"
            ),
            ""
        )
    };
}

const CLAIM_SQLITE: &str = claim!(concat!(
    "in (select j.job_id from ",
    kinds_sql!(sqlite),
    " cross join jobs as j where j.job_id in \
     (select c.job_id from jobs as c where c.kind = k.kind \
     and c.state = 'waiting' and c.is_ready = 1 and c.priority < k.below \
     order by c.priority, c.round, c.job_id limit $3) \
     order by j.priority, j.round, j.job_id limit $3)"
));

/// The best of each kind are looked at first, a few more than are wanted, and
/// those are locked that nobody else has: locks are taken on what is claimed
/// only, and nobody waits for another's.
const CLAIM_POSTGRES: &str = claim!(concat!(
    "= any(array(select j.job_id from (select c.job_id, c.priority, c.round from ",
    kinds_sql!(postgres),
    " cross join lateral (select job_id, priority, round from jobs where kind = k.kind \
     and state = 'waiting' and is_ready = 1 and priority < k.below \
     order by priority, round, job_id limit $3 + 16) as c \
     order by c.priority, c.round, c.job_id limit $3 + 16) as best \
     join jobs as j on j.job_id = best.job_id \
     where j.state = 'waiting' and j.is_ready = 1 \
     order by best.priority, best.round, best.job_id limit $3 \
     for update of j skip locked))"
));

const IS_READY_POSTGRES: &str = concat!("select ", is_ready!(postgres));

/// Jobs that are due and not ready, the earliest first.
macro_rules! due {
    ($dialect:ident, $lock:literal) => {
        concat!(
            "select job_id, priority, athlete_id from ",
            jobs_by!($dialect, "jobs_due"),
            " where state = 'waiting' \
             and is_ready = 0 and due_at_us <= $1 order by due_at_us limit $2",
            $lock
        )
    };
}

/// Jobs whose workers did not renew their leases.
macro_rules! abandoned {
    ($dialect:ident, $lock:literal) => {
        job_columns!(
            "select",
            concat!(
                "from ",
                jobs_by!($dialect, "jobs_lease"),
                " where state = 'running' and lease_until_us < $1 \
                 order by lease_until_us limit $2",
                $lock
            )
        )
    };
}

impl Catalog {
    /// Claims the jobs that are next, and answers them in their order.
    ///
    /// Nobody else gets them until the lease ends. Jobs whose lease has ended
    /// are taken back first; how much is read and written does not grow with
    /// the jobs that wait.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn claim(&self, order: &ClaimOrder<'_>) -> Result<Vec<JobRow>, Error> {
        if order.limit == 0 || order.kinds.is_empty() || !self.is_there_work(order).await? {
            return Ok(Vec::new());
        }
        let mut tx = self.db.begin().await?;
        let now_us = leases::now_us(&mut tx).await?;
        take_back(&mut tx, order.now_us, now_us).await?;
        make_ready(&mut tx, order.now_us).await?;
        let claimed = claim(&mut tx, order, now_us).await?;
        rounds::serve(&mut tx, &claimed).await?;
        tx.commit().await?;
        Ok(claimed)
    }

    async fn is_there_work(&self, order: &ClaimOrder<'_>) -> Result<bool, Error> {
        let statement = match self.db.dialect() {
            Dialect::Sqlite => is_there_work!(sqlite),
            Dialect::Postgres => is_there_work!(postgres),
        };
        let [names, ceilings] = kinds(order);
        let values = [names, ceilings, order.now_us.into()];
        let rows = self.db.fetch_planned_anew(statement, &values).await?;
        let Some(row) = rows.first() else {
            return Ok(false);
        };
        Ok(row.bool(0)? || row.bool(1)? || row.bool(2)?)
    }
}

/// The kinds and their ceilings, as two lists of one length.
fn kinds(order: &ClaimOrder<'_>) -> [Value; 2] {
    let (names, ceilings): (Vec<_>, Vec<_>) = order
        .kinds
        .iter()
        .map(|(kind, below)| ((*kind).to_owned(), *below))
        .unzip();
    [Value::Texts(names), Value::Ints(ceilings)]
}

async fn claim(tx: &mut Tx, order: &ClaimOrder<'_>, now_us: i64) -> Result<Vec<JobRow>, Error> {
    let statement = match tx.dialect() {
        Dialect::Sqlite => CLAIM_SQLITE,
        Dialect::Postgres => CLAIM_POSTGRES,
    };
    let [names, ceilings] = kinds(order);
    let values = [
        names,
        ceilings,
        i64::from(order.limit).into(),
        order.worker.into(),
        (now_us + order.lease.as_micros() as i64).into(),
        now_us.into(),
    ];
    for _ in 0..LOOKS {
        let rows = tx.fetch_planned_anew(statement, &values).await?;
        let jobs: Result<Vec<_>, _> = rows.iter().map(JobRow::read).collect();
        let mut jobs = jobs?;
        // Either nothing is ready, or all that was seen was taken meanwhile;
        // on SQLite nobody else writes meanwhile.
        if jobs.is_empty() && tx.dialect() == Dialect::Postgres && is_ready(tx, order).await? {
            continue;
        }
        jobs.sort_unstable_by_key(|job| (job.priority, job.round, job.job_id));
        return Ok(jobs);
    }
    Ok(Vec::new())
}

async fn is_ready(tx: &mut Tx, order: &ClaimOrder<'_>) -> Result<bool, Error> {
    let rows = tx
        .fetch_planned_anew(IS_READY_POSTGRES, &kinds(order))
        .await?;
    rows.first().map_or(Ok(false), |row| row.bool(0))
}

/// Makes jobs ready whose time has come.
async fn make_ready(tx: &mut Tx, now_us: i64) -> Result<(), Error> {
    let statement = match tx.dialect() {
        Dialect::Sqlite => due!(sqlite, ""),
        Dialect::Postgres => due!(postgres, " for update skip locked"),
    };
    let values = [now_us.into(), READY_AT_ONCE.into()];
    let mut due = Vec::new();
    for row in tx.fetch_planned_anew(statement, &values).await? {
        let athlete_id = row.opt_int(2)?.map(crate::id::AthleteId);
        due.push((row.int(0)?, Lane::new(row.int(1)?, athlete_id)));
    }
    if due.is_empty() {
        return Ok(());
    }
    // The oldest of an athlete's stands in the first of their rounds.
    due.sort_unstable();
    let lanes: Vec<_> = due.iter().map(|(_, lane)| *lane).collect();
    let rounds = rounds::from_served(tx, &lanes).await?;
    let rows: Vec<_> = due
        .iter()
        .zip(&rounds)
        .map(|((job_id, _), round)| vec![(*job_id).into(), (*round).into()])
        .collect();
    tx.execute_rows(
        "with v (job_id, round) as (",
        &rows,
        ") update jobs set is_ready = 1, round = v.round from v where jobs.job_id = v.job_id",
    )
    .await?;
    rounds::take(tx, lanes.into_iter().zip(rounds)).await
}

/// Ends the runs whose workers died.
async fn take_back(tx: &mut Tx, now_us: i64, database_now_us: i64) -> Result<(), Error> {
    let statement = match tx.dialect() {
        Dialect::Sqlite => abandoned!(sqlite, ""),
        Dialect::Postgres => abandoned!(postgres, " for update skip locked"),
    };
    let values = [database_now_us.into(), TAKEN_BACK_AT_ONCE.into()];
    for row in tx.fetch_planned_anew(statement, &values).await? {
        let job = JobRow::read(&row)?;
        tracing::warn!(
            job_id = job.job_id,
            kind = job.kind,
            key = job.key,
            worker = job.worker,
            "the worker of a job died"
        );
        settle::end(tx, &job, &End::Died, None, now_us, database_now_us).await?;
    }
    Ok(())
}
