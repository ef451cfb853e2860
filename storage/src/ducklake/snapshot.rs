//! The snapshot row, which is the lake's lock: whoever owns the next number
//! commits next.

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

use crate::catalog::{Tx, Value};
use crate::error::Error;

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
