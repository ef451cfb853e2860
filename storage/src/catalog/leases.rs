//! Leases: what someone holds for a while and goes on holding as long as they
//! live. Whoever dies lets go by saying nothing.
//!
//! There are two kinds. A *claim* is on work that one at a time should do; it
//! saves double work and nothing relies on it. A *snapshot lease* keeps a
//! snapshot from expiring.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::db::{Db, Dialect};
use super::tx::Tx;
use super::value::Value;
use crate::error::Error;

/// How long a claim holds that is not renewed: work that was killed is taken
/// over after that.
pub const CLAIM: Duration = Duration::from_secs(15);
/// How long a snapshot is held whose lease is not renewed.
const SNAPSHOT: Duration = Duration::from_secs(300);
/// How long leases that are over stay in the table.
const KEPT: Duration = Duration::from_secs(3600);
/// Any number that nothing else in the database locks: held while snapshots
/// expire, and shared by those who take a lease on one.
const EXPIRY_LOCK: i64 = 0x7061_6365_6c65_6173;

/// [`now_us`] as part of a statement, in the words of either database.
macro_rules! now_us_sql {
    (sqlite) => {
        "cast(round(unixepoch('now', 'subsec') * 1000000) as integer)"
    };
    (postgres) => {
        "(extract(epoch from clock_timestamp()) * 1000000)::bigint"
    };
}
pub(crate) use now_us_sql;

/// A lease that is held, and renewed, until it is dropped.
#[derive(Debug)]
pub struct Lease {
    held: Arc<Held>,
    renewal: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Held {
    db: Db,
    name: String,
    holder: String,
    lasts: Duration,
}

impl Lease {
    /// Claims what `name` says; `None` where someone else holds it.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub(crate) async fn claim(db: &Db, name: &str) -> Result<Option<Self>, Error> {
        let held = Held {
            db: db.clone(),
            name: name.to_owned(),
            holder: Uuid::now_v7().to_string(),
            lasts: CLAIM,
        };
        let mut tx = db.begin().await?;
        let now_us = now_us(&mut tx).await?;
        // What is long over goes, so that the table stays small.
        tx.execute(
            "delete from leases where until_us < $1",
            &[Value::Int(now_us - KEPT.as_micros() as i64)],
        )
        .await?;
        let claimed = tx
            .execute(
                "insert into leases (name, holder, snapshot_id, until_us) \
                 values ($1, $2, null, $3) on conflict (name) do update \
                 set holder = excluded.holder, until_us = excluded.until_us \
                 where leases.until_us < $4",
                &[
                    Value::from(held.name.as_str()),
                    Value::from(held.holder.as_str()),
                    Value::Int(held.until(now_us)),
                    Value::Int(now_us),
                ],
            )
            .await?;
        tx.commit().await?;
        Ok((claimed == 1).then(|| Self::renewed(held)))
    }

    /// Leases a snapshot; `None` where it is not there (any more).
    ///
    /// # Errors
    /// [`Error::Database`].
    pub(crate) async fn snapshot(db: &Db, snapshot_id: i64) -> Result<Option<Self>, Error> {
        let holder = Uuid::now_v7().to_string();
        let held = Held {
            db: db.clone(),
            name: format!("snapshot {snapshot_id} {holder}"),
            holder,
            lasts: SNAPSHOT,
        };
        let mut tx = db.begin().await?;
        if tx.dialect() == Dialect::Postgres {
            tx.execute(
                "select pg_advisory_xact_lock_shared($1)",
                &[EXPIRY_LOCK.into()],
            )
            .await?;
        }
        let now_us = now_us(&mut tx).await?;
        let leased = tx
            .execute(
                "insert into leases (name, holder, snapshot_id, until_us) \
                 select $1, $2, snapshot_id, $3 from ducklake_snapshot where snapshot_id = $4",
                &[
                    Value::from(held.name.as_str()),
                    Value::from(held.holder.as_str()),
                    Value::Int(held.until(now_us)),
                    Value::Int(snapshot_id),
                ],
            )
            .await?;
        tx.commit().await?;
        Ok((leased == 1).then(|| Self::renewed(held)))
    }

    fn renewed(held: Held) -> Self {
        let held = Arc::new(held);
        let kept = Arc::clone(&held);
        let renewal = tokio::spawn(async move {
            loop {
                tokio::time::sleep(kept.lasts / 4).await;
                if let Err(error) = kept.renew().await {
                    tracing::warn!(name = kept.name, %error, "a lease could not be renewed");
                }
            }
        });
        Self { held, renewal }
    }

    /// Lets go of it now, where dropping it would do so soon.
    ///
    /// # Errors
    /// [`Error::Database`]; the lease then ends by itself.
    pub async fn release(self) -> Result<(), Error> {
        self.renewal.abort();
        self.held.release().await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.renewal.is_finished() {
            return;
        }
        self.renewal.abort();
        // Without a runtime, at the end of a process, it ends by itself.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let held = Arc::clone(&self.held);
            runtime.spawn(async move {
                if let Err(error) = held.release().await {
                    tracing::debug!(%error, "a lease ends by itself");
                }
            });
        }
    }
}

impl Held {
    fn until(&self, now_us: i64) -> i64 {
        now_us + self.lasts.as_micros() as i64
    }

    async fn renew(&self) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let now_us = now_us(&mut tx).await?;
        tx.execute(
            "update leases set until_us = $1 where name = $2 and holder = $3",
            &[
                Value::Int(self.until(now_us)),
                Value::from(self.name.as_str()),
                Value::from(self.holder.as_str()),
            ],
        )
        .await?;
        tx.commit().await
    }

    async fn release(&self) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "delete from leases where name = $1 and holder = $2",
            &[
                Value::from(self.name.as_str()),
                Value::from(self.holder.as_str()),
            ],
        )
        .await?;
        tx.commit().await
    }
}

/// Now, in microseconds since 1970, by the one clock that all who use this
/// catalog share.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn now_us(tx: &mut Tx) -> Result<i64, Error> {
    let sql = match tx.dialect() {
        Dialect::Sqlite => concat!("select ", now_us_sql!(sqlite)),
        Dialect::Postgres => concat!("select ", now_us_sql!(postgres)),
    };
    let rows = tx.fetch(sql, &[]).await?;
    rows.first().map_or(Ok(0), |row| row.int(0))
}

/// The snapshots that someone leases. From here to the end of the transaction
/// nobody leases another one.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn leased_snapshots(tx: &mut Tx) -> Result<Vec<i64>, Error> {
    if tx.dialect() == Dialect::Postgres {
        tx.execute("select pg_advisory_xact_lock($1)", &[EXPIRY_LOCK.into()])
            .await?;
    }
    let now_us = now_us(tx).await?;
    let rows = tx
        .fetch(
            "select distinct snapshot_id from leases \
             where snapshot_id is not null and until_us >= $1",
            &[Value::Int(now_us)],
        )
        .await?;
    rows.iter().map(|row| row.int(0)).collect()
}
