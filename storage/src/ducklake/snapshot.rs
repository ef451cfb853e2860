//! The snapshot row, which is the lake's lock: whoever owns the next number
//! commits next.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use crate::catalog::{Row, Tx, Value};
use crate::error::Error;
use crate::lake::past::{Kept, Missing};
use crate::moment::Moment;

/// A day, in microseconds.
const DAY_US: i64 = 86_400_000_000;
/// The year 9999, after which no catalog has times.
const LAST_US: i64 = 253_370_764_800_000_000;

/// What a commit needs of the counters in the snapshot row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    /// Whether it changes definitions of tables or views.
    pub definitions: bool,
    /// How many ids of tables, views, partitions and sort orders.
    pub catalog_ids: i64,
    /// How many ids of data and delete files.
    pub file_ids: i64,
}

/// A snapshot that is ours once the transaction commits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claimed {
    /// Its number.
    pub snapshot_id: i64,
    /// The version of the definitions in it.
    pub schema_version: i64,
    /// The first of the catalog ids.
    pub first_catalog_id: i64,
    /// The first of the file ids.
    pub first_file_id: i64,
}

/// Now, in microseconds since 1970.
pub(crate) fn now_us() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_micros() as i64)
}

/// The newest snapshot's number.
///
/// # Errors
/// [`Error::Database`]; [`Error::Inconsistent`] where there is none.
pub(crate) async fn newest(tx: &mut Tx) -> Result<i64, Error> {
    let rows = tx
        .fetch("select max(snapshot_id) from ducklake_snapshot", &[])
        .await?;
    match rows.first() {
        Some(row) => row.int(0),
        None => Err(Error::Inconsistent {
            what: "the lake has no snapshot".to_owned(),
        }),
    }
}

/// The snapshot that a moment means.
///
/// # Errors
/// [`Error::NoSnapshot`], [`Error::Database`].
pub(crate) async fn at(tx: &mut Tx, moment: Moment) -> Result<i64, Error> {
    match moment {
        Moment::Snapshot(snapshot_id) => Ok(of_id(tx, snapshot_id).await?.snapshot_id),
        Moment::Instant(at_us) => {
            let Some(found) = newest_until(tx, at_us).await? else {
                return Err(missing(tx, moment).await?);
            };
            let next = tx
                .fetch(
                    "select min(snapshot_id) from ducklake_snapshot where snapshot_id > $1",
                    &[Value::Int(found.snapshot_id)],
                )
                .await?;
            let next = next.first().map(|row| row.opt_int(0)).transpose()?;
            // Where those that followed have expired and this one was leased,
            // nobody knows whether they came before the instant or after it.
            let followed = next.flatten().is_none_or(|id| id == found.snapshot_id + 1);
            if !followed && found.time_us < at_us {
                return Err(missing(tx, moment).await?);
            }
            Ok(found.snapshot_id)
        }
    }
}

/// The snapshot of an id, if it is kept.
///
/// # Errors
/// [`Error::NoSnapshot`], [`Error::Database`].
pub(crate) async fn of_id(tx: &mut Tx, snapshot_id: i64) -> Result<Kept, Error> {
    let found = tx
        .fetch(
            "select snapshot_id, snapshot_time from ducklake_snapshot where snapshot_id = $1",
            &[Value::Int(snapshot_id)],
        )
        .await?;
    match found.first() {
        Some(row) => kept(row),
        None => Err(missing(tx, Moment::Snapshot(snapshot_id)).await?),
    }
}

/// The newest kept snapshot that was committed at or before an instant.
async fn newest_until(tx: &mut Tx, at_us: i64) -> Result<Option<Kept>, Error> {
    // On SQLite times are texts, of which another writer's may have its own
    // offset: the statement leaves out what is later by more than any offset,
    // and the rest is compared as instants, a page at a time.
    let until = at_us.clamp(0, LAST_US).saturating_add(DAY_US);
    let mut below = i64::MAX;
    loop {
        let rows = tx
            .fetch(
                "select snapshot_id, snapshot_time from ducklake_snapshot \
                 where snapshot_time < $1 and snapshot_id < $2 \
                 order by snapshot_id desc limit 1000",
                &[Value::Time(until), Value::Int(below)],
            )
            .await?;
        for row in &rows {
            let kept = kept(row)?;
            if kept.time_us <= at_us {
                return Ok(Some(kept));
            }
            below = kept.snapshot_id;
        }
        if rows.is_empty() {
            return Ok(None);
        }
    }
}

/// Why there is no snapshot of this moment, and which there are.
///
/// # Errors
/// [`Error::Database`]; [`Error::Inconsistent`] where there are none at all.
pub(crate) async fn missing(tx: &mut Tx, asked: Moment) -> Result<Error, Error> {
    let ends = tx
        .fetch(
            "select snapshot_id, snapshot_time from ducklake_snapshot where snapshot_id in \
             ((select min(snapshot_id) from ducklake_snapshot), \
             (select max(snapshot_id) from ducklake_snapshot)) order by snapshot_id",
            &[],
        )
        .await?;
    let (Some(oldest), Some(newest)) = (ends.first(), ends.last()) else {
        return Err(Error::Inconsistent {
            what: "the lake has no snapshot".to_owned(),
        });
    };
    let (oldest, newest) = (kept(oldest)?, kept(newest)?);
    let why = match asked {
        Moment::Snapshot(id) if id > newest.snapshot_id => Missing::NotYetMade,
        Moment::Instant(_) if oldest.snapshot_id == 0 => Missing::BeforeTheFirst,
        Moment::Snapshot(_) | Moment::Instant(_) => Missing::Expired,
    };
    Ok(Error::NoSnapshot {
        asked,
        why,
        oldest,
        newest,
    })
}

/// Of a row of id and time.
fn kept(row: &Row) -> Result<Kept, Error> {
    Ok(Kept {
        snapshot_id: row.int(0)?,
        time_us: row.time(1)?,
    })
}

/// Inserts the next snapshot row, waiting for others that do the same.
///
/// On PostgreSQL a transaction that inserts a number that another one holds
/// waits for its end; if that one committed, the insert does nothing and the
/// number after it is tried. SQLite has one writer anyway.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn claim(tx: &mut Tx, claim: &Claim) -> Result<Claimed, Error> {
    let values = [
        Value::Time(now_us()),
        Value::Int(claim.definitions.into()),
        Value::Int(claim.catalog_ids),
        Value::Int(claim.file_ids),
    ];
    loop {
        let rows = tx
            .fetch(
                "insert into ducklake_snapshot \
                 (snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id) \
                 select snapshot_id + 1, $1, schema_version + $2, next_catalog_id + $3, \
                 next_file_id + $4 from ducklake_snapshot \
                 where snapshot_id = (select max(snapshot_id) from ducklake_snapshot) \
                 on conflict do nothing \
                 returning snapshot_id, schema_version, next_catalog_id, next_file_id",
                &values,
            )
            .await?;
        if let Some(row) = rows.first() {
            return Ok(Claimed {
                snapshot_id: row.int(0)?,
                schema_version: row.int(1)?,
                first_catalog_id: row.int(2)? - claim.catalog_ids,
                first_file_id: row.int(3)? - claim.file_ids,
            });
        }
    }
}

/// Says what the snapshot changed.
///
/// # Errors
/// [`Error::Database`].
pub(crate) async fn record(
    tx: &mut Tx,
    snapshot_id: i64,
    changes_made: &str,
    message: Option<&str>,
    attempt: Option<Uuid>,
) -> Result<(), Error> {
    tx.execute(
        "insert into ducklake_snapshot_changes values ($1, $2, 'pacelake', $3, $4)",
        &[
            Value::Int(snapshot_id),
            Value::from(changes_made),
            Value::from(message),
            Value::from(attempt.map(|attempt| attempt.to_string())),
        ],
    )
    .await?;
    Ok(())
}
