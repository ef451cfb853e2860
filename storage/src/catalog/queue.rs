//! The queue: work that must be done, and is not lost when a process dies.
//!
//! A job has a kind, which says what does it, and a key. Of one kind and key
//! one job at a time is *live*: waiting or running. Enqueuing it again while
//! it waits makes it more urgent at most; while it runs, it is written down
//! that it must run once more, since what runs may have read before the thing
//! happened that it was enqueued for.
//!
//! **Order.** Of the jobs that are due, the least priority number goes first,
//! then athletes take turns, then the oldest. Turns are rounds: an athlete's
//! jobs of one priority stand in successive rounds, beginning with the one
//! that is being served, so that somebody with a thousand jobs waits for
//! somebody with one ([`rounds`]). So the order is a column, and the next job
//! is the first of an index, however many wait.
//!
//! **Ready.** A job whose time has not come is not in that index. Each claim
//! first moves some of those whose time has come.
//!
//! **Claims.** A claim is a lease: who does not renew it loses the job to the
//! next who looks, which counts as an attempt. Each claim has a number, and
//! whatever a worker says of a job holds for its own claim only ([`Held`]).
//!
//! **Two clocks.** Leases, and when things were done, go by the database's
//! clock, which all workers share. When a job is due goes by the clock of
//! those who enqueue and claim, which tests and simulators move: every method
//! that takes `now_us` means that one.
//!
//! Waiting for something that is nobody's fault (a rate limit, an athlete who
//! must connect again) is no attempt; see [`End`].

mod claim;
mod enqueue;
mod history;
mod rounds;
mod settle;
mod steer;
mod workers;

use serde::Serialize;

pub use claim::{ANY_PRIORITY, ClaimOrder};
pub(super) use enqueue::enqueue_at;
pub use enqueue::{Enqueued, NewJob, enqueue_in};
pub use history::{JobFilter, JobStats, Keep};
pub(super) use rounds::{Standing, standing_sql};
pub use settle::{Beat, End, Held, Trouble};
pub use workers::WorkerRow;

use super::value::Row;
use crate::error::Error;
use crate::id::AthleteId;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// For its turn or for its time.
    Waiting,
    /// A worker has it.
    Running,
    /// It was done.
    Done,
    /// It failed as often as it may.
    Failed,
    /// Somebody called it off.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::Waiting,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
    ];

    /// Its name in tables, JSON and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether it is waiting or running.
    pub fn is_live(self) -> bool {
        match self {
            Self::Waiting | Self::Running => true,
            Self::Done | Self::Failed | Self::Cancelled => false,
        }
    }
}

/// One job as it stands. Times are microseconds since 1970, UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// Names it; rises with each new job, and is never given twice.
    pub job_id: i64,
    /// What does it.
    pub kind: String,
    /// What it is about: one live job of each kind and key.
    pub key: String,
    /// Whose turn it uses.
    pub athlete_id: Option<AthleteId>,
    /// Less goes first.
    pub priority: i64,
    /// What it is told, as JSON.
    pub payload: String,
    /// Where it stands.
    pub state: JobState,
    /// Whether a waiting one may be claimed at once.
    pub is_ready: bool,
    /// From when on it may run, by the clock of those who enqueue and claim.
    pub due_at_us: i64,
    /// How often it was tried, waits not counted.
    pub attempts: i64,
    /// How often it may be tried.
    pub max_attempts: i64,
    /// How long after its end it runs again, for one that recurs.
    pub every_us: Option<i64>,
    /// How often it was asked for.
    pub asked: i64,
    /// How often it was claimed; the number of its newest claim.
    pub claims: i64,
    /// Who has it.
    pub worker: Option<String>,
    /// How long they have it unless they renew it.
    pub lease_until_us: Option<i64>,
    /// Whether somebody called it off while it runs.
    pub is_cancelled: bool,
    /// What was asked for while it ran.
    pub again: Option<Again>,
    /// How far it is, as JSON.
    pub progress: Option<String>,
    /// The code of what went wrong last.
    pub code: Option<String>,
    /// What went wrong last, or what it waits for.
    pub reason: Option<String>,
    /// What a person may try.
    pub try_next: Option<String>,
    /// The request or event that asked for it last.
    pub request_id: Option<String>,
    /// When it was first asked for.
    pub enqueued_at_us: i64,
    /// When it was last begun.
    pub started_at_us: Option<i64>,
    /// When it was done, failed or called off.
    pub finished_at_us: Option<i64>,
    /// Its place among the turns of its priority.
    pub(super) round: i64,
}

/// What was asked for while a job ran: it runs once more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Again {
    /// What it is told then.
    pub payload: String,
    /// The least priority number that was asked for.
    pub priority: i64,
    /// The earliest time that was asked for; `None`: at once.
    pub due_at_us: Option<i64>,
    /// The request or event that asked for it last.
    pub request_id: Option<String>,
}

/// A statement with the columns of `jobs` in it, in the order of
/// [`JobRow::read`].
macro_rules! job_columns {
    ($before:expr, $after:expr) => {
        concat!(
            $before,
            " job_id, kind, key, athlete_id, priority, payload, state, is_ready, due_at_us, \
             attempts, max_attempts, every_us, asked, claims, worker, lease_until_us, \
             is_cancelled, next_payload, next_priority, next_due_at_us, next_request_id, \
             progress, code, reason, try_next, request_id, enqueued_at_us, started_at_us, \
             finished_at_us, round ",
            $after
        )
    };
}
use job_columns;

impl JobRow {
    fn read(row: &Row) -> Result<Self, Error> {
        let text = |column| -> Result<Option<String>, Error> {
            Ok(row.opt_text(column)?.map(str::to_owned))
        };
        let again = match (text(17)?, row.opt_int(18)?) {
            (Some(payload), Some(priority)) => Some(Again {
                payload,
                priority,
                due_at_us: row.opt_int(19)?,
                request_id: text(20)?,
            }),
            (_, _) => None,
        };
        Ok(Self {
            job_id: row.int(0)?,
            kind: row.text(1)?.to_owned(),
            key: row.text(2)?.to_owned(),
            athlete_id: row.opt_int(3)?.map(AthleteId),
            priority: row.int(4)?,
            payload: row.text(5)?.to_owned(),
            state: JobState::parse(row.text(6)?).ok_or(Error::Column {
                column: 6,
                wanted: "a job's state",
            })?,
            is_ready: row.bool(7)?,
            due_at_us: row.int(8)?,
            attempts: row.int(9)?,
            max_attempts: row.int(10)?,
            every_us: row.opt_int(11)?,
            asked: row.int(12)?,
            claims: row.int(13)?,
            worker: text(14)?,
            lease_until_us: row.opt_int(15)?,
            is_cancelled: row.bool(16)?,
            again,
            progress: text(21)?,
            code: text(22)?,
            reason: text(23)?,
            try_next: text(24)?,
            request_id: text(25)?,
            enqueued_at_us: row.int(26)?,
            started_at_us: row.opt_int(27)?,
            finished_at_us: row.opt_int(28)?,
            round: row.int(29)?,
        })
    }

    /// What a worker that claimed it answers with.
    pub fn held(&self) -> Held {
        Held {
            job_id: self.job_id,
            claim: self.claims,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_their_names() {
        for state in JobState::ALL {
            assert_eq!(JobState::parse(state.name()), Some(state));
        }
        assert_eq!(JobState::parse("lost"), None);
        let live = JobState::ALL.into_iter().filter(|state| state.is_live());
        assert_eq!(live.count(), 2);
    }
}
