//! What can be read of jobs, and how long it can.

use std::time::Duration;

use super::{JobRow, JobState, job_columns};
use crate::catalog::value::Value;
use crate::catalog::{Catalog, leases};
use crate::error::Error;
use crate::id::AthleteId;

/// Which jobs are wanted; `None` means any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Of these kinds.
    pub kinds: Option<Vec<String>>,
    /// Standing so.
    pub state: Option<JobState>,
    /// Of this athlete.
    pub athlete_id: Option<AthleteId>,
    /// Of this key.
    pub key: Option<String>,
    /// Older than this one: the last of the page before.
    pub before: Option<i64>,
}

/// How many jobs of one kind stand at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobStats {
    /// The kind.
    pub kind: String,
    /// Where they stand.
    pub state: JobState,
    /// How many.
    pub jobs: i64,
    /// How many of them are due; of those that wait only.
    pub due: i64,
    /// Since when the oldest of those is due, in microseconds since 1970.
    pub oldest_due_at_us: Option<i64>,
}

/// How much of the history stays: what is beyond either bound goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// How many jobs of each kind that were done or cancelled.
    pub done: i64,
    /// How long those.
    pub done_for: Duration,
    /// How many of each kind that failed.
    pub failed: i64,
    /// How long those.
    pub failed_for: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Keep {
    /// What workers keep: failed jobs longer, since somebody may let them run
    /// again.
    pub const DECLARED: Self = Self {
        done: 1_000,
        done_for: DAY.saturating_mul(7),
        failed: 10_000,
        failed_for: DAY.saturating_mul(90),
    };
}

impl Catalog {
    /// The jobs that `filter` asks for, newest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn jobs(&self, filter: &JobFilter, limit: u32) -> Result<Vec<JobRow>, Error> {
        let mut pieces = vec![job_columns!("select", "from jobs where true")];
        // As in the audit: one that is not used is bound to a number that
        // nothing reads.
        let mut bind = |condition: &'static str, value: Option<Value>| match value {
            Some(value) => {
                pieces.push(condition);
                value
            }
            None => Value::Int(0),
        };
        let values = [
            bind(
                " and kind = any($1)",
                filter.kinds.clone().map(Value::Texts),
            ),
            bind(
                " and state = $2",
                filter.state.map(|state| state.name().into()),
            ),
            bind(" and athlete_id = $3", filter.athlete_id.map(Value::from)),
            bind(" and key = $4", filter.key.as_deref().map(Value::from)),
            bind(" and job_id < $5", filter.before.map(Value::from)),
            Value::from(i64::from(limit)),
        ];
        pieces.push(" order by job_id desc limit $6");
        let rows = self.db.fetch_joined(&pieces, &values).await?;
        rows.iter().map(JobRow::read).collect()
    }

    /// One job, where it is there (still).
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn job(&self, job_id: i64) -> Result<Option<JobRow>, Error> {
        let rows = self
            .db
            .fetch(
                job_columns!("select", "from jobs where job_id = $1"),
                &[job_id.into()],
            )
            .await?;
        rows.first().map(JobRow::read).transpose()
    }

    /// How many jobs there are, by kind and state. `now_us` is what those are
    /// compared with that wait for their time.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn job_stats(&self, now_us: i64) -> Result<Vec<JobStats>, Error> {
        let rows = self
            .db
            .fetch(
                "select kind, state, count(*), sum(case when state = 'waiting' \
                 and (is_ready = 1 or due_at_us <= $1) then 1 else 0 end), \
                 min(case when state = 'waiting' and (is_ready = 1 or due_at_us <= $1) \
                 then due_at_us end) from jobs group by kind, state order by kind, state",
                &[now_us.into()],
            )
            .await?;
        rows.iter()
            .map(|row| {
                Ok(JobStats {
                    kind: row.text(0)?.to_owned(),
                    state: JobState::parse(row.text(1)?).ok_or(Error::Column {
                        column: 1,
                        wanted: "a job's state",
                    })?,
                    jobs: row.int(2)?,
                    due: row.int(3)?,
                    oldest_due_at_us: row.opt_int(4)?,
                })
            })
            .collect()
    }

    /// Removes what is beyond the bounds of `keep`, and answers how many jobs
    /// that were.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn prune_jobs(&self, keep: &Keep) -> Result<u64, Error> {
        let mut tx = self.db.begin().await?;
        let now_us = leases::now_us(&mut tx).await?;
        let since = |age: Duration| now_us.saturating_sub(age.as_micros() as i64);
        let mut pruned = 0;
        for (states, most, age) in [
            (&["done", "cancelled"][..], keep.done, keep.done_for),
            (&["failed"][..], keep.failed, keep.failed_for),
        ] {
            let states = states.iter().map(|state| (*state).to_owned()).collect();
            pruned += tx
                .execute(
                    "delete from jobs where job_id in (select job_id from (select job_id, \
                     finished_at_us, row_number() over (partition by kind \
                     order by finished_at_us desc, job_id desc) as place from jobs \
                     where state = any($1)) as over_jobs \
                     where place > $2 or finished_at_us < $3)",
                    &[Value::Texts(states), most.into(), since(age).into()],
                )
                .await?;
        }
        // Whoever has no job in a round to come begins with the one that is
        // being served.
        tx.execute(
            "delete from job_turns where exists (select 1 from job_rounds \
             where job_rounds.priority = job_turns.priority \
             and job_rounds.round > job_turns.round)",
            &[],
        )
        .await?;
        tx.commit().await?;
        Ok(pruned)
    }

    /// Removes an athlete's jobs of these kinds, those that wait too: there is
    /// nothing to do for them any more, and nothing to be remembered. Answers
    /// how many run still, and stay.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn forget_jobs(&self, athlete_id: AthleteId, kinds: &[&str]) -> Result<u64, Error> {
        let kinds = kinds.iter().map(|kind| (*kind).to_owned()).collect();
        let values = [athlete_id.into(), Value::Texts(kinds)];
        let mut tx = self.db.begin().await?;
        tx.execute(
            "delete from jobs where athlete_id = $1 and kind = any($2) and state <> 'running'",
            &values,
        )
        .await?;
        let rows = tx
            .fetch(
                "select count(*) from jobs where athlete_id = $1 and kind = any($2)",
                &values,
            )
            .await?;
        tx.commit().await?;
        let running = rows.first().map(|row| row.int(0)).transpose()?;
        Ok(running.unwrap_or_default().unsigned_abs())
    }

    /// Removes all jobs of these kinds (`None`: of any) that are over, and
    /// answers how many.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn clear_jobs(&self, kinds: Option<&[String]>) -> Result<u64, Error> {
        let mut tx = self.db.begin().await?;
        let cleared = match kinds {
            Some(kinds) => {
                tx.execute(
                    "delete from jobs where kind = any($1) \
                     and state in ('done', 'failed', 'cancelled')",
                    &[Value::Texts(kinds.to_vec())],
                )
                .await?
            }
            None => {
                tx.execute(
                    "delete from jobs where state in ('done', 'failed', 'cancelled')",
                    &[],
                )
                .await?
            }
        };
        tx.commit().await?;
        Ok(cleared)
    }
}
