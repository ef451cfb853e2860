//! How jobs come in.

use std::collections::{BTreeMap, BTreeSet};

use super::JobState;
use super::rounds::{self, Lane, Standing};
use crate::catalog::value::Value;
use crate::catalog::{Catalog, Tx};
use crate::error::Error;
use crate::id::AthleteId;

/// How often it is tried to enqueue where other transactions are in the way.
const TRIES: u32 = 4;

/// Work to be done.
///
/// Its fields are kept as they are and shown to whoever may see jobs: no
/// secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// What does it.
    pub kind: String,
    /// What it is about: one live job of each kind and key.
    pub key: String,
    /// Whose turn it uses; `None`: nobody's.
    pub athlete_id: Option<AthleteId>,
    /// Less goes first.
    pub priority: i64,
    /// What it is told, as JSON.
    pub payload: String,
    /// Not before this time, in microseconds since 1970, by the clock of those
    /// who claim; `None`: at once.
    pub due_at_us: Option<i64>,
    /// How often it may be tried, at least 1.
    pub max_attempts: i64,
    /// For one that recurs: how long after its end, in microseconds, it runs
    /// again. It goes on when it was done or failed, until it is cancelled.
    pub every_us: Option<i64>,
    /// The request or event that asks for it.
    pub request_id: Option<String>,
}

impl Default for NewJob {
    fn default() -> Self {
        Self {
            kind: String::new(),
            key: String::new(),
            athlete_id: None,
            priority: 0,
            payload: "null".to_owned(),
            due_at_us: None,
            max_attempts: 1,
            every_us: None,
            request_id: None,
        }
    }
}

impl NewJob {
    /// This and one of the same key that was asked for after it, as one.
    fn joined(&self, later: &Self) -> Self {
        Self {
            priority: self.priority.min(later.priority),
            // `None` is the earliest.
            due_at_us: self.due_at_us.min(later.due_at_us),
            request_id: later.request_id.clone().or(self.request_id.clone()),
            ..later.clone()
        }
    }

    fn lane(&self) -> Lane {
        Lane::new(self.priority, self.athlete_id)
    }

    fn values(&self, round: i64, now_us: i64) -> Vec<Value> {
        vec![
            self.kind.as_str().into(),
            self.key.as_str().into(),
            self.athlete_id.into(),
            self.priority.into(),
            round.into(),
            self.payload.as_str().into(),
            JobState::Waiting.name().into(),
            i64::from(self.due_at_us.is_none()).into(),
            self.due_at_us.unwrap_or(now_us).into(),
            self.max_attempts.max(1).into(),
            self.every_us.into(),
            self.request_id.as_deref().into(),
            now_us.into(),
        ]
    }
}

/// What became of a job that was enqueued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// The live job of its kind and key.
    pub job_id: i64,
    /// Whether there was none before.
    pub is_new: bool,
    /// Where it stands; a running one runs once more.
    pub state: JobState,
}

impl Catalog {
    /// Enqueues jobs, all or none; see [`enqueue_in`].
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn enqueue(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, Error> {
        let mut tries = TRIES;
        loop {
            tries -= 1;
            let enqueued = self.enqueue_once(jobs).await;
            match enqueued {
                // Others change the same jobs in another order.
                Err(error) if error.is_retryable() && tries > 0 => {}
                enqueued => return enqueued,
            }
        }
    }

    /// Enqueues those of which no job of the same kind and key is live, and answers
    /// how many: who only sees to it that something goes on must not undo a wait.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn enqueue_absent(&self, jobs: Vec<NewJob>) -> Result<usize, Error> {
        let texts =
            |of: fn(&NewJob) -> &String| Value::Texts(jobs.iter().map(of).cloned().collect());
        let rows = self
            .db
            .fetch(
                "select kind, key from jobs where kind = any($1) and key = any($2) \
                 and state in ('waiting', 'running')",
                &[texts(|job| &job.kind), texts(|job| &job.key)],
            )
            .await?;
        let mut live = BTreeSet::new();
        for row in &rows {
            live.insert((row.text(0)?.to_owned(), row.text(1)?.to_owned()));
        }
        let mut absent = jobs;
        absent.retain(|job| !live.contains(&(job.kind.clone(), job.key.clone())));
        self.enqueue(&absent).await?;
        Ok(absent.len())
    }

    /// Of these keys those whose job of the kind failed for good since `since_us`
    /// (microseconds since 1970).
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn failed_since(
        &self,
        kind: &str,
        keys: &[String],
        since_us: i64,
    ) -> Result<BTreeSet<String>, Error> {
        let rows = self
            .db
            .fetch(
                "select distinct key from jobs where kind = $1 and state = 'failed' \
                 and finished_at_us >= $3 and key = any($2)",
                &[kind.into(), Value::Texts(keys.to_vec()), since_us.into()],
            )
            .await?;
        rows.iter().map(|row| Ok(row.text(0)?.to_owned())).collect()
    }

    async fn enqueue_once(&self, jobs: &[NewJob]) -> Result<Vec<Enqueued>, Error> {
        let mut tx = self.db.begin().await?;
        let enqueued = enqueue_in(&mut tx, jobs).await?;
        tx.commit().await?;
        Ok(enqueued)
    }
}

/// Enqueues jobs in a transaction that somebody else began, so that they are
/// there if and only if what they follow from is. Answers for each in turn.
///
/// Where a job of the same kind and key waits already, it keeps the less
/// priority number and the earlier time, and gets the new payload and request
/// id. Where one runs, it runs once more with what was asked for last.
///
/// The number of statements does not grow with the jobs, up to thousands.
///
/// # Errors
/// [`Error::Database`]; the transaction is then of no more use.
pub async fn enqueue_in(tx: &mut Tx, jobs: &[NewJob]) -> Result<Vec<Enqueued>, Error> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    let lanes: Vec<_> = jobs.iter().map(NewJob::lane).collect();
    let standing = Standing::of(tx, &lanes).await?;
    enqueue_at(tx, jobs, &standing).await
}

/// [`enqueue_in`] for who knows where the rounds of these jobs stand.
pub(in crate::catalog) async fn enqueue_at(
    tx: &mut Tx,
    jobs: &[NewJob],
    standing: &Standing,
) -> Result<Vec<Enqueued>, Error> {
    if jobs.is_empty() {
        return Ok(Vec::new());
    }
    // PostgreSQL writes each key once a statement.
    let mut places = BTreeMap::new();
    let mut joined: Vec<NewJob> = Vec::with_capacity(jobs.len());
    for job in jobs {
        let place = *places
            .entry((job.kind.as_str(), job.key.as_str()))
            .or_insert(joined.len());
        match joined.get_mut(place) {
            Some(first) => *first = first.joined(job),
            None => joined.push(job.clone()),
        }
    }
    let lanes: Vec<_> = joined.iter().map(NewJob::lane).collect();
    let rounds = standing.after_last(&lanes);
    // Rounds go by the order that was asked for; rows by that of their keys, so
    // that two writers wait for each other rather than lock each other out.
    let rows: Vec<_> = places
        .values()
        .map(|place| joined[*place].values(rounds[*place], standing.now_us))
        .collect();
    let answers = tx.fetch_rows(INSERT, &rows, MERGE).await?;

    let mut enqueued = BTreeMap::new();
    let mut taken = Vec::new();
    for row in &answers {
        let Some(place) = places.get(&(row.text(1)?, row.text(2)?)) else {
            continue;
        };
        let state = JobState::parse(row.text(4)?).ok_or(Error::Column {
            column: 4,
            wanted: "a job's state",
        })?;
        if row.int(5)? == rounds[*place] && row.int(6)? == lanes[*place].priority {
            taken.push((lanes[*place], rounds[*place]));
        }
        enqueued.insert(
            *place,
            Enqueued {
                job_id: row.int(0)?,
                is_new: row.int(3)? == 1,
                state,
            },
        );
    }
    rounds::take(tx, taken).await?;
    tx.ring();
    jobs.iter()
        .map(|job| {
            let place = places.get(&(job.kind.as_str(), job.key.as_str()));
            let answer = place.and_then(|place| enqueued.get(place));
            answer.copied().ok_or(Error::Conflict { what: "a job" })
        })
        .collect()
}

const INSERT: &str = "insert into jobs (kind, key, athlete_id, priority, round, payload, state, \
     is_ready, due_at_us, max_attempts, every_us, request_id, enqueued_at_us)";

/// Joins a new job with the live one of its kind and key: into its own columns
/// while it waits, into `next_…` while it runs.
const MERGE: &str = "on conflict (kind, key) where state in ('waiting', 'running') do update set \
     asked = jobs.asked + 1, \
     max_attempts = excluded.max_attempts, \
     every_us = coalesce(excluded.every_us, jobs.every_us), \
     priority = case when jobs.state = 'waiting' and excluded.priority < jobs.priority \
        then excluded.priority else jobs.priority end, \
     round = case when jobs.state = 'waiting' \
        and (excluded.priority < jobs.priority or excluded.is_ready > jobs.is_ready) \
        then excluded.round else jobs.round end, \
     is_ready = case when jobs.state = 'waiting' and excluded.is_ready > jobs.is_ready \
        then excluded.is_ready else jobs.is_ready end, \
     due_at_us = case when jobs.state = 'waiting' and (excluded.is_ready > jobs.is_ready \
        or (excluded.is_ready = jobs.is_ready and excluded.due_at_us < jobs.due_at_us)) \
        then excluded.due_at_us else jobs.due_at_us end, \
     payload = case when jobs.state = 'waiting' then excluded.payload else jobs.payload end, \
     request_id = case when jobs.state = 'waiting' \
        then coalesce(excluded.request_id, jobs.request_id) else jobs.request_id end, \
     next_payload = case when jobs.state = 'running' then excluded.payload end, \
     next_priority = case when jobs.state = 'running' \
        then case when jobs.next_priority < excluded.priority \
        then jobs.next_priority else excluded.priority end end, \
     next_due_at_us = case when jobs.state = 'running' and excluded.is_ready = 0 \
        then case when jobs.next_payload is null then excluded.due_at_us \
        when jobs.next_due_at_us < excluded.due_at_us then jobs.next_due_at_us \
        when jobs.next_due_at_us is not null then excluded.due_at_us end end, \
     next_request_id = case when jobs.state = 'running' \
        then coalesce(excluded.request_id, jobs.next_request_id) end \
     returning job_id, kind, key, asked, state, round, priority";
