//! What people and other parts say of jobs that exist.

use super::rounds::{self, Lane, Standing};
use super::settle::write;
use super::{JobRow, JobState, job_columns};
use crate::catalog::value::Value;
use crate::catalog::{Catalog, Dialect, Tx, leases};
use crate::error::Error;
use crate::id::AthleteId;

/// How often a job is looked at again where others enqueue its key meanwhile.
const LOOKS: usize = 4;

impl Catalog {
    /// Calls a job off, and answers it as it stands: a waiting one is
    /// cancelled; a running one is told to stop, and what was asked for while
    /// it ran is called off with it. One that is over stays as it is.
    ///
    /// # Errors
    /// [`Error::NoJob`]; [`Error::Database`].
    pub async fn cancel_job(&self, job_id: i64) -> Result<JobRow, Error> {
        let mut tx = self.db.begin().await?;
        let now_us = leases::now_us(&mut tx).await?;
        let mut rows = tx
            .fetch(
                job_columns!(
                    "update jobs set state = 'cancelled', finished_at_us = $2 \
                     where job_id = $1 and state = 'waiting' returning",
                    ""
                ),
                &[job_id.into(), now_us.into()],
            )
            .await?;
        if rows.is_empty() {
            rows = tx
                .fetch(
                    job_columns!(
                        "update jobs set is_cancelled = 1, next_payload = null, \
                         next_priority = null, next_due_at_us = null, next_request_id = null \
                         where job_id = $1 and state = 'running' returning",
                        ""
                    ),
                    &[job_id.into()],
                )
                .await?;
        }
        let job = match rows.first() {
            Some(row) => JobRow::read(row)?,
            None => find(&mut tx, job_id).await?,
        };
        tx.commit().await?;
        Ok(job)
    }

    /// Lets a job that failed or was cancelled run again, with all its
    /// attempts, and answers it. One that waits is due at once; where another
    /// of the same kind and key is live, that one is answered, and due at once.
    ///
    /// # Errors
    /// [`Error::NoJob`]; [`Error::JobIsDone`]; [`Error::Conflict`] where others
    /// kept enqueuing the same key; [`Error::Database`].
    pub async fn retry_job(&self, job_id: i64) -> Result<JobRow, Error> {
        for _ in 0..LOOKS {
            let mut tx = self.db.begin().await?;
            match retry(&mut tx, job_id).await {
                Ok(job) => {
                    tx.commit().await?;
                    return Ok(job);
                }
                // Somebody enqueued the same key: that one is to be run.
                Err(Error::Database { source, .. })
                    if source
                        .as_database_error()
                        .is_some_and(|error| error.is_unique_violation()) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Conflict { what: "a job" })
    }

    /// Makes an athlete's waiting jobs of these kinds due now: what they
    /// waited for is there. Answers how many.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn wake_jobs(
        &self,
        athlete_id: AthleteId,
        kinds: &[&str],
        now_us: i64,
    ) -> Result<u64, Error> {
        let mut tx = self.db.begin().await?;
        // The next claim makes them ready, in their turns.
        let woken = tx
            .execute(
                "update jobs set due_at_us = $3 where athlete_id = $1 and kind = any($2) \
                 and state = 'waiting' and is_ready = 0 and due_at_us > $3",
                &[
                    athlete_id.into(),
                    Value::Texts(kinds.iter().map(|kind| (*kind).to_owned()).collect()),
                    now_us.into(),
                ],
            )
            .await?;
        tx.ring();
        tx.commit().await?;
        Ok(woken)
    }
}

/// Jobs that fulfil a condition, in the words of either database. Nobody else
/// changes them before the end of the transaction.
macro_rules! locked {
    ($tx:expr, $condition:literal) => {
        match $tx.dialect() {
            Dialect::Sqlite => job_columns!("select", concat!("from jobs where ", $condition)),
            Dialect::Postgres => job_columns!(
                "select",
                concat!("from jobs where ", $condition, " for update")
            ),
        }
    };
}

async fn find(tx: &mut Tx, job_id: i64) -> Result<JobRow, Error> {
    let statement = locked!(tx, "job_id = $1");
    let rows = tx.fetch(statement, &[job_id.into()]).await?;
    match rows.first() {
        Some(row) => JobRow::read(row),
        None => Err(Error::NoJob { job_id }),
    }
}

/// The live job of the same kind and key.
async fn find_live(tx: &mut Tx, job: &JobRow) -> Result<Option<JobRow>, Error> {
    let statement = locked!(
        tx,
        "kind = $1 and key = $2 and state in ('waiting', 'running')"
    );
    let values = [job.kind.as_str().into(), job.key.as_str().into()];
    let rows = tx.fetch(statement, &values).await?;
    rows.first().map(JobRow::read).transpose()
}

async fn retry(tx: &mut Tx, job_id: i64) -> Result<JobRow, Error> {
    let job = find(tx, job_id).await?;
    match job.state {
        JobState::Running => Ok(job),
        JobState::Waiting => hurry(tx, job).await,
        JobState::Done => Err(Error::JobIsDone { job_id }),
        JobState::Failed | JobState::Cancelled => match find_live(tx, &job).await? {
            Some(live) if live.state == JobState::Running => Ok(live),
            Some(live) => hurry(tx, live).await,
            None => {
                let revived = JobRow {
                    state: JobState::Waiting,
                    is_ready: false,
                    attempts: 0,
                    progress: None,
                    finished_at_us: None,
                    ..job
                };
                hurry(tx, revived).await
            }
        },
    }
}

/// Makes a waiting job ready, where it is not.
async fn hurry(tx: &mut Tx, job: JobRow) -> Result<JobRow, Error> {
    if job.is_ready {
        return Ok(job);
    }
    let lane = Lane::new(job.priority, job.athlete_id);
    let standing = Standing::of(tx, &[lane]).await?;
    let rounds = standing.after_last(&[lane]);
    let hurried = JobRow {
        is_ready: true,
        due_at_us: standing.now_us,
        round: rounds.first().copied().unwrap_or(job.round),
        ..job
    };
    write(tx, &hurried).await?;
    rounds::take(tx, [(lane, hurried.round)]).await?;
    tx.ring();
    Ok(hurried)
}
