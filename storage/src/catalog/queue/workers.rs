//! Who runs jobs, so that others can tell whether anybody does.
//!
//! A line says nothing of jobs: those are held by leases. One that nobody
//! renewed for a day goes with the next that is written.

use std::time::Duration;

use crate::catalog::value::Row;
use crate::catalog::{Catalog, leases};
use crate::error::Error;

/// How long a line stays of which nothing was heard.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// A worker that was heard of. Times are microseconds since 1970, UTC, by the
/// database's clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerRow {
    /// Names it: its process and a UUID.
    pub worker: String,
    /// The kinds that it runs, in order of name.
    pub kinds: Vec<String>,
    /// How many jobs it runs at once.
    pub at_once: i64,
    /// When it began.
    pub started_at_us: i64,
    /// When it was last heard of.
    pub seen_at_us: i64,
}

impl WorkerRow {
    fn read(row: &Row) -> Result<Self, Error> {
        let kinds = row.text(1)?.split(',');
        Ok(Self {
            worker: row.text(0)?.to_owned(),
            kinds: kinds.map(str::to_owned).collect(),
            at_once: row.int(2)?,
            started_at_us: row.int(3)?,
            seen_at_us: row.int(4)?,
        })
    }
}

impl Catalog {
    /// Writes that a worker is there.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn see_worker(
        &self,
        worker: &str,
        kinds: &[&str],
        at_once: usize,
    ) -> Result<(), Error> {
        let mut kinds = kinds.to_vec();
        kinds.sort_unstable();
        let at_once = i64::try_from(at_once).unwrap_or(i64::MAX);
        let mut tx = self.db.begin().await?;
        let now_us = leases::now_us(&mut tx).await?;
        tx.execute(
            "delete from workers where seen_at_us < $1",
            &[before(now_us, KEPT).into()],
        )
        .await?;
        tx.execute(
            "insert into workers (worker, kinds, at_once, started_at_us, seen_at_us) \
             values ($1, $2, $3, $4, $4) on conflict (worker) do update \
             set seen_at_us = excluded.seen_at_us",
            &[
                worker.into(),
                kinds.join(",").as_str().into(),
                at_once.into(),
                now_us.into(),
            ],
        )
        .await?;
        tx.commit().await
    }

    /// Writes that a worker stopped.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn forget_worker(&self, worker: &str) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.execute("delete from workers where worker = $1", &[worker.into()])
            .await?;
        tx.commit().await
    }

    /// The workers that were heard of within this time, by name.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn workers(&self, within: Duration) -> Result<Vec<WorkerRow>, Error> {
        let mut tx = self.db.begin_read().await?;
        let now_us = leases::now_us(&mut tx).await?;
        let rows = tx
            .fetch(
                "select worker, kinds, at_once, started_at_us, seen_at_us from workers \
                 where seen_at_us >= $1 order by worker",
                &[before(now_us, within).into()],
            )
            .await?;
        tx.rollback().await?;
        rows.iter().map(WorkerRow::read).collect()
    }
}

fn before(now_us: i64, age: Duration) -> i64 {
    now_us.saturating_sub(i64::try_from(age.as_micros()).unwrap_or(i64::MAX))
}
