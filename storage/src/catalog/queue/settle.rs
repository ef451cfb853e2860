//! How the run of a job goes on and ends.

use std::time::Duration;

use super::enqueue::{NewJob, enqueue_in};
use super::rounds::{self, Lane, Standing};
use super::{JobRow, JobState, job_columns};
use crate::catalog::value::Value;
use crate::catalog::{Catalog, Dialect, Tx, leases};
use crate::code::{Code, Failure};
use crate::error::Error;

/// One claim of one job: what whoever holds it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Held {
    /// The job.
    pub job_id: i64,
    /// Which of its claims.
    pub claim: i64,
}

/// A sign of life of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beat {
    /// Whose.
    pub held: Held,
    /// How far it is, as JSON; `None`: as before.
    pub progress: Option<String>,
}

/// What went wrong with a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The stable code.
    pub code: Code,
    /// Why, in a sentence for people. No secrets: it is kept and shown.
    pub reason: String,
    /// What a person may try.
    pub try_next: String,
}

impl<F: Failure> From<&F> for Trouble {
    fn from(failure: &F) -> Self {
        Self {
            code: failure.code(),
            reason: failure.to_string(),
            try_next: failure.try_next().to_owned(),
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// All is done.
    Done,
    /// Nothing is wrong with it, but it cannot go on before some time. It was
    /// no attempt.
    Wait {
        /// Until when, in microseconds since 1970, by the clock of those who
        /// claim.
        until_us: i64,
        /// For what, in a sentence for people.
        reason: String,
    },
    /// It went wrong, and may go well another time: failed where this was the
    /// last attempt.
    Retry {
        /// Not before this time.
        at_us: i64,
        /// What went wrong.
        trouble: Trouble,
    },
    /// It went wrong, and would again.
    Failed(Trouble),
    /// The worker stops and gives it to another. It was no attempt.
    GivenBack,
    /// It stopped since somebody called it off.
    Cancelled,
    /// Its worker did not renew the lease.
    Died,
}

/// What a worker that died leaves as the reason.
fn died() -> Trouble {
    Trouble {
        code: Code::Interrupted,
        reason: "its worker died".to_owned(),
        try_next: "look at the worker's log, then run it again".to_owned(),
    }
}

/// One job, by id and claim, as long as that claim holds.
macro_rules! select_held {
    ($lock:literal) => {
        job_columns!(
            "select",
            concat!(
                "from jobs where job_id = $1 and claims = $2 and state = 'running'",
                $lock
            )
        )
    };
}

impl Catalog {
    /// Renews leases and writes progress down. Answers which of the claims
    /// still hold, and whether somebody called their job off; those that are
    /// not named are lost, and their runs must stop.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn renew(&self, beats: &[Beat], lease: Duration) -> Result<Vec<(Held, bool)>, Error> {
        if beats.is_empty() {
            return Ok(Vec::new());
        }
        let mut tx = self.db.begin().await?;
        let until_us = leases::now_us(&mut tx).await? + lease.as_micros() as i64;
        let mut sorted: Vec<_> = beats.iter().collect();
        sorted.sort_unstable_by_key(|beat| beat.held);
        let rows: Vec<_> = sorted
            .into_iter()
            .map(|beat| {
                vec![
                    beat.held.job_id.into(),
                    beat.held.claim.into(),
                    until_us.into(),
                    beat.progress.as_deref().into(),
                ]
            })
            .collect();
        let held = tx
            .fetch_rows(
                "with v (job_id, claim, until_us, progress) as (",
                &rows,
                ") update jobs set lease_until_us = v.until_us, \
                 progress = coalesce(v.progress, jobs.progress) from v \
                 where jobs.job_id = v.job_id and jobs.claims = v.claim \
                 and jobs.state = 'running' \
                 returning jobs.job_id, jobs.claims, jobs.is_cancelled",
            )
            .await?;
        tx.commit().await?;
        held.iter()
            .map(|row| {
                let held = Held {
                    job_id: row.int(0)?,
                    claim: row.int(1)?,
                };
                Ok((held, row.bool(2)?))
            })
            .collect()
    }

    /// Ends a run, and answers the job as it stands then; `None` where the
    /// claim does not hold any more, and nothing was written.
    ///
    /// What was asked for while it ran makes it wait again, whatever became of
    /// this run. A job that recurs and was done or failed is enqueued anew.
    /// `progress` is written as the last word, where there is one; `now_us` is
    /// the time that a recurring one counts from.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn settle(
        &self,
        held: Held,
        end: &End,
        progress: Option<&str>,
        now_us: i64,
    ) -> Result<Option<JobRow>, Error> {
        let mut tx = self.db.begin().await?;
        let statement = match tx.dialect() {
            Dialect::Sqlite => select_held!(""),
            Dialect::Postgres => select_held!(" for update"),
        };
        let values = [held.job_id.into(), held.claim.into()];
        let rows = tx.fetch(statement, &values).await?;
        let Some(job) = rows.first().map(JobRow::read).transpose()? else {
            return Ok(None);
        };
        let database_now_us = leases::now_us(&mut tx).await?;
        let ended = self::end(&mut tx, &job, end, progress, now_us, database_now_us).await?;
        tx.commit().await?;
        Ok(Some(ended))
    }
}

/// Writes down how a run ended, in a transaction that has the job's row.
pub(super) async fn end(
    tx: &mut Tx,
    job: &JobRow,
    end: &End,
    progress: Option<&str>,
    now_us: i64,
    database_now_us: i64,
) -> Result<JobRow, Error> {
    let mut ended = after(job, end, database_now_us);
    if let Some(progress) = progress {
        ended.progress = Some(progress.to_owned());
    }
    let mut taken = None;
    let begins_anew = job.again.is_some() && !matches!(end, End::GivenBack | End::Died);
    if begins_anew && ended.state == JobState::Waiting && ended.is_ready {
        // In its athlete's next turn.
        let lane = Lane::new(ended.priority, ended.athlete_id);
        let rounds = Standing::of(tx, &[lane]).await?.after_last(&[lane]);
        taken = rounds.first().map(|round| (lane, *round));
        ended.round = rounds.first().copied().unwrap_or(ended.round);
    }
    write(tx, &ended).await?;
    rounds::take(tx, taken).await?;
    let recurs = matches!(ended.state, JobState::Done | JobState::Failed) && !job.is_cancelled;
    if let Some(every_us) = job.every_us.filter(|_| recurs) {
        let next = NewJob {
            kind: job.kind.clone(),
            key: job.key.clone(),
            athlete_id: job.athlete_id,
            priority: job.priority,
            payload: job.payload.clone(),
            due_at_us: Some(now_us.saturating_add(every_us)),
            max_attempts: job.max_attempts,
            every_us: job.every_us,
            request_id: None,
        };
        enqueue_in(tx, &[next]).await?;
    }
    if ended.state == JobState::Waiting {
        tx.ring();
    }
    Ok(ended)
}

/// The job as it stands after such an end.
fn after(job: &JobRow, end: &End, database_now_us: i64) -> JobRow {
    let mut next = JobRow {
        worker: None,
        lease_until_us: None,
        is_cancelled: false,
        again: None,
        ..job.clone()
    };
    // A run that stopped for whatever reason after its job was called off, has
    // stopped for that.
    let cancelled = End::Cancelled;
    let end = match end {
        End::Wait { .. } | End::Retry { .. } | End::Failed(_) | End::GivenBack | End::Died
            if job.is_cancelled =>
        {
            &cancelled
        }
        end => end,
    };
    let is_last = job.attempts >= job.max_attempts;
    let mut trouble = None;
    match end {
        End::Done => next.state = JobState::Done,
        End::Wait { until_us, reason } => {
            next.state = JobState::Waiting;
            next.is_ready = false;
            next.due_at_us = *until_us;
            next.attempts = job.attempts - 1;
            next.code = None;
            next.reason = Some(reason.clone());
            next.try_next = None;
        }
        End::Retry {
            at_us,
            trouble: why,
        } => {
            next.state = if is_last {
                JobState::Failed
            } else {
                JobState::Waiting
            };
            next.is_ready = false;
            next.due_at_us = *at_us;
            trouble = Some(why.clone());
        }
        End::Failed(why) => {
            next.state = JobState::Failed;
            trouble = Some(why.clone());
        }
        End::GivenBack => {
            next.state = JobState::Waiting;
            next.is_ready = true;
            next.attempts = job.attempts - 1;
        }
        End::Died => {
            next.state = if is_last {
                JobState::Failed
            } else {
                JobState::Waiting
            };
            next.is_ready = true;
            trouble = Some(died());
        }
        End::Cancelled => next.state = JobState::Cancelled,
    }
    match (trouble, next.state) {
        (Some(trouble), _) => {
            next.code = Some(trouble.code.name().to_owned());
            next.reason = Some(trouble.reason);
            next.try_next = Some(trouble.try_next);
        }
        (None, JobState::Done | JobState::Cancelled) => {
            next.code = None;
            next.reason = None;
            next.try_next = None;
        }
        (None, JobState::Waiting | JobState::Running | JobState::Failed) => {}
    }
    if let Some(again) = &job.again {
        next.payload = again.payload.clone();
        next.request_id = again.request_id.clone().or(next.request_id);
        if next.state == JobState::Waiting {
            next.priority = next.priority.min(again.priority);
        } else {
            next.state = JobState::Waiting;
            next.priority = again.priority;
            next.is_ready = again.due_at_us.is_none();
            next.due_at_us = again.due_at_us.unwrap_or(database_now_us);
            next.attempts = 0;
        }
    }
    next.finished_at_us = (!next.state.is_live()).then_some(database_now_us);
    next
}

/// Writes all of a job that its runs change.
pub(super) async fn write(tx: &mut Tx, job: &JobRow) -> Result<(), Error> {
    debug_assert!(job.again.is_none() && job.state != JobState::Running);
    let values = [
        Value::from(job.job_id),
        job.state.name().into(),
        i64::from(job.is_ready).into(),
        job.due_at_us.into(),
        job.attempts.into(),
        job.priority.into(),
        job.round.into(),
        job.payload.as_str().into(),
        job.request_id.as_deref().into(),
        job.progress.as_deref().into(),
        job.code.as_deref().into(),
        job.reason.as_deref().into(),
        job.try_next.as_deref().into(),
        job.finished_at_us.into(),
    ];
    tx.execute(
        "update jobs set state = $2, is_ready = $3, due_at_us = $4, attempts = $5, \
         priority = $6, round = $7, payload = $8, request_id = $9, progress = $10, code = $11, \
         reason = $12, try_next = $13, finished_at_us = $14, worker = null, \
         lease_until_us = null, is_cancelled = 0, next_payload = null, next_priority = null, \
         next_due_at_us = null, next_request_id = null where job_id = $1",
        &values,
    )
    .await?;
    Ok(())
}
