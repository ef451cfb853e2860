//! What Strava announced: each event once, kept before it is answered, with
//! the job that looks after it in the same transaction.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::catalog::queue::{Standing, enqueue_at, standing_sql};
use crate::catalog::value::{Row, Value};
use crate::catalog::{Catalog, Dialect, NewJob, Tx};
use crate::error::Error;
use crate::id::AthleteId;

/// An event as it came. It is a hint to look, never data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StravaEvent {
    /// `activity` or `athlete`.
    pub object_type: String,
    /// Which activity, or which athlete at Strava.
    pub object_id: i64,
    /// `create`, `update` or `delete`.
    pub aspect_type: String,
    /// Whose it is, by their id at Strava.
    pub strava_athlete_id: i64,
    /// When it happened, seconds since 1970, by Strava's clock.
    pub event_at_s: i64,
    /// What changed, as JSON.
    pub updates: String,
    /// When it came, microseconds since 1970.
    pub received_at_us: i64,
}

/// An event that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// What came.
    pub event: StravaEvent,
    /// How often it came.
    pub times: i64,
}

/// Of what and whom events are taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StravaAudience {
    /// Our subscription, where there is one.
    pub subscription_id: Option<i64>,
    /// Who of those that were asked for is connected, by their ids at Strava.
    pub athletes: BTreeMap<i64, AthleteId>,
}

/// How long events are kept.
const KEPT_US: i64 = 30 * 24 * 3_600 * 1_000_000;

impl Catalog {
    /// Keeps events, those that came before once, and enqueues jobs, in one
    /// transaction. `choose` is told which of `owners`, ids at Strava, are
    /// connected, and answers what is to be kept, with jobs of these
    /// `priorities`; where that is no event, nothing is written.
    ///
    /// # Errors
    /// [`Error::Database`], and what `choose` fails with.
    pub async fn keep_strava_events<E: From<Error>>(
        &self,
        owners: Vec<i64>,
        priorities: Vec<i64>,
        choose: impl FnOnce(&StravaAudience) -> Result<(Vec<StravaEvent>, Vec<NewJob>), E>,
    ) -> Result<(), E> {
        let mut tx = self.db.begin().await?;
        let (audience, standing) = look_up(&mut tx, owners, priorities).await?;
        let (events, jobs) = choose(&audience)?;
        if events.is_empty() {
            tx.rollback().await?;
            return Ok(());
        }
        let mut events: Vec<_> = events.iter().collect();
        // In one order, so that two transactions wait for each other rather
        // than lock each other out; and each key once a statement.
        events.sort_by_key(|event| key(event));
        let mut rows: Vec<Vec<Value>> = Vec::with_capacity(events.len());
        for same in events.chunk_by(|a, b| key(a) == key(b)) {
            let event = same[0];
            rows.push(vec![
                Uuid::now_v7().into(),
                event.received_at_us.into(),
                event.object_type.as_str().into(),
                event.object_id.into(),
                event.aspect_type.as_str().into(),
                event.strava_athlete_id.into(),
                event.event_at_s.into(),
                event.updates.as_str().into(),
                (same.len() as i64).into(),
            ]);
        }
        tx.execute_rows(
            "insert into strava_events (event_id, received_at_us, object_type, object_id, \
             aspect_type, strava_athlete_id, event_at_s, updates, times)",
            &rows,
            "on conflict (object_type, object_id, aspect_type, event_at_s, updates) \
             do update set times = strava_events.times + excluded.times",
        )
        .await?;
        enqueue_at(&mut tx, &jobs, &standing).await?;
        Ok(tx.commit().await?)
    }

    /// The newest events, newest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn strava_events(&self, limit: u32) -> Result<Vec<StoredEvent>, Error> {
        let rows = self
            .db
            .fetch(
                "select object_type, object_id, aspect_type, strava_athlete_id, event_at_s, \
                 updates, received_at_us, times from strava_events \
                 order by received_at_us desc, event_id desc limit $1",
                &[i64::from(limit).into()],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    /// Forgets events that came long before `now_us`.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn prune_strava_events(&self, now_us: i64) -> Result<u64, Error> {
        let mut tx = self.db.begin().await?;
        let gone = tx
            .execute(
                "delete from strava_events where received_at_us < $1",
                &[(now_us - KEPT_US).into()],
            )
            .await?;
        tx.commit().await?;
        Ok(gone)
    }
}

/// Whom events are taken of, and where the rounds of the jobs stand that may
/// follow.
macro_rules! look_up {
    ($dialect:ident) => {
        concat!(
            standing_sql!(
                $dialect,
                "in (select athlete_id from strava_connections where strava_athlete_id = any($2))"
            ),
            " union all select 'subscription', 0, 0, subscription_id from strava_app \
             where one = 1 and subscription_id is not null \
             union all select 'connected', 0, athlete_id, strava_athlete_id \
             from strava_connections where strava_athlete_id = any($2)"
        )
    };
}

async fn look_up(
    tx: &mut Tx,
    owners: Vec<i64>,
    priorities: Vec<i64>,
) -> Result<(StravaAudience, Standing), Error> {
    let statement = match tx.dialect() {
        Dialect::Sqlite => look_up!(sqlite),
        Dialect::Postgres => look_up!(postgres),
    };
    let values = [Value::Ints(priorities), Value::Ints(owners)];
    let (mut audience, mut standing) = (StravaAudience::default(), Standing::default());
    for row in &tx.fetch(statement, &values).await? {
        match row.text(0)? {
            "subscription" => audience.subscription_id = Some(row.int(3)?),
            "connected" => {
                let athlete_id = AthleteId(row.int(2)?);
                audience.athletes.insert(row.int(3)?, athlete_id);
            }
            _ => standing.read(row)?,
        }
    }
    Ok((audience, standing))
}

fn key(event: &StravaEvent) -> (&str, i64, &str, i64, &str) {
    (
        &event.object_type,
        event.object_id,
        &event.aspect_type,
        event.event_at_s,
        &event.updates,
    )
}

fn read(row: &Row) -> Result<StoredEvent, Error> {
    Ok(StoredEvent {
        event: StravaEvent {
            object_type: row.text(0)?.to_owned(),
            object_id: row.int(1)?,
            aspect_type: row.text(2)?.to_owned(),
            strava_athlete_id: row.int(3)?,
            event_at_s: row.int(4)?,
            updates: row.text(5)?.to_owned(),
            received_at_us: row.int(6)?,
        },
        times: row.int(7)?,
    })
}
