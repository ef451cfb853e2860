//! Which activities Strava listed, and which of them were fetched: what tells
//! a poll what changed.

use crate::catalog::Catalog;
use crate::catalog::value::Value;
use crate::error::Error;
use crate::id::AthleteId;

/// One activity as Strava listed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MirrorRow {
    /// Its id there.
    pub strava_id: i64,
    /// Its start, microseconds since 1970.
    pub start_time_us: i64,
    /// What changes when anything changes that we keep.
    pub fingerprint: String,
    /// The fingerprint that it was fetched with; `None`: it was not.
    pub fetched_fingerprint: Option<String>,
    /// Whether a file or the archive brought it, so that it needs no fetching.
    pub is_durable: bool,
}

/// How far an athlete's activities are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MirrorCounts {
    /// How many Strava listed.
    pub listed: i64,
    /// How many of them were fetched, or were there from a file.
    pub present: i64,
}

impl Catalog {
    /// Of these activities those that are known, by id.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn strava_mirror(
        &self,
        athlete_id: AthleteId,
        strava_ids: &[i64],
    ) -> Result<Vec<MirrorRow>, Error> {
        let rows = self
            .db
            .fetch(
                "select strava_id, start_time_us, fingerprint, fetched_fingerprint, is_durable \
                 from strava_activities where strava_id = any($2) and athlete_id = $1 \
                 order by strava_id",
                &[athlete_id.into(), Value::Ints(strava_ids.to_vec())],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    /// The known activities that start from `from_us` to `to_us`, both
    /// included, by start.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn strava_mirror_between(
        &self,
        athlete_id: AthleteId,
        from_us: i64,
        to_us: i64,
    ) -> Result<Vec<MirrorRow>, Error> {
        let rows = self
            .db
            .fetch(
                "select strava_id, start_time_us, fingerprint, fetched_fingerprint, is_durable \
                 from strava_activities where athlete_id = $1 \
                 and start_time_us >= $2 and start_time_us <= $3 order by start_time_us, strava_id",
                &[athlete_id.into(), from_us.into(), to_us.into()],
            )
            .await?;
        rows.iter().map(read).collect()
    }

    /// Writes what was listed at `at_us`; what was fetched before stays known.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn write_strava_listed(
        &self,
        athlete_id: AthleteId,
        rows: &[MirrorRow],
        at_us: i64,
    ) -> Result<(), Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let values: Vec<_> = rows
            .iter()
            .map(|row| {
                vec![
                    athlete_id.into(),
                    row.strava_id.into(),
                    row.start_time_us.into(),
                    row.fingerprint.as_str().into(),
                    at_us.into(),
                    i64::from(row.is_durable).into(),
                ]
            })
            .collect();
        let mut tx = self.db.begin().await?;
        tx.execute_rows(
            "insert into strava_activities (athlete_id, strava_id, start_time_us, fingerprint, \
             listed_at_us, is_durable)",
            &values,
            "on conflict (athlete_id, strava_id) do update set \
             start_time_us = excluded.start_time_us, fingerprint = excluded.fingerprint, \
             listed_at_us = excluded.listed_at_us, is_durable = excluded.is_durable",
        )
        .await?;
        tx.commit().await
    }

    /// Writes that an activity was fetched, with the fingerprint of what was.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn write_strava_fetched(
        &self,
        athlete_id: AthleteId,
        row: &MirrorRow,
        at_us: i64,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "insert into strava_activities (athlete_id, strava_id, start_time_us, fingerprint, \
             listed_at_us, fetched_fingerprint, fetched_at_us) \
             values ($1, $2, $3, $4, $5, $6, $5) on conflict (athlete_id, strava_id) \
             do update set start_time_us = excluded.start_time_us, \
             fingerprint = excluded.fingerprint, \
             fetched_fingerprint = excluded.fetched_fingerprint, \
             fetched_at_us = excluded.fetched_at_us",
            &[
                athlete_id.into(),
                row.strava_id.into(),
                row.start_time_us.into(),
                row.fingerprint.as_str().into(),
                at_us.into(),
                row.fetched_fingerprint.as_deref().into(),
            ],
        )
        .await?;
        tx.commit().await
    }

    /// Forgets an activity that is not there any more.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn forget_strava(&self, athlete_id: AthleteId, strava_id: i64) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "delete from strava_activities where athlete_id = $1 and strava_id = $2",
            &[athlete_id.into(), strava_id.into()],
        )
        .await?;
        tx.commit().await
    }

    /// How far an athlete's activities are in.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn strava_counts(&self, athlete_id: AthleteId) -> Result<MirrorCounts, Error> {
        let rows = self
            .db
            .fetch(
                "select count(*), count(case when is_durable = 1 \
                 or fetched_fingerprint is not null then 1 end) \
                 from strava_activities where athlete_id = $1",
                &[athlete_id.into()],
            )
            .await?;
        match rows.first() {
            None => Ok(MirrorCounts::default()),
            Some(row) => Ok(MirrorCounts {
                listed: row.int(0)?,
                present: row.int(1)?,
            }),
        }
    }
}

fn read(row: &crate::catalog::Row) -> Result<MirrorRow, Error> {
    Ok(MirrorRow {
        strava_id: row.int(0)?,
        start_time_us: row.int(1)?,
        fingerprint: row.text(2)?.to_owned(),
        fetched_fingerprint: row.opt_text(3)?.map(str::to_owned),
        is_durable: row.int(4)? == 1,
    })
}
