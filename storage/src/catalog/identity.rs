//! Which activities exist, where to find them, and which recordings they
//! come from.

use super::Catalog;
use super::value::{Row, Value};
use crate::error::Error;
use crate::id::{ActivityId, ActivityKey, AthleteId};

/// One recording that an activity comes from. Its key is
/// `(athlete_id, sha256, part)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Whose it is.
    pub athlete_id: AthleteId,
    /// SHA-256 of the raw bytes, in lower-case hexadecimal.
    pub sha256: String,
    /// Which recording of the file, from 0.
    pub part: i32,
    /// The format it was decoded from, such as `fit`.
    pub format: String,
    /// The id that the outside source has for it, if any.
    pub external_id: Option<String>,
    /// Its own start in UTC, microseconds since 1970.
    pub start_time_us: i64,
    /// From its first sample to its last, in milliseconds.
    pub elapsed_ms: i64,
    /// How many values its channels hold: more is a better recording.
    pub non_null_values: i64,
    /// The name that it came under, for people.
    pub file_name: String,
    /// The activity that it is part of.
    pub activity_id: ActivityId,
    /// The activity that its owner took it out of: since then it is one with
    /// no other recording. `None`: identity decides.
    pub parted_from: Option<ActivityId>,
    /// The number of the upload at Strava that it came by, where its source or
    /// its file's name says so.
    pub upload_id: Option<String>,
    /// How long the terms of its source let it be kept, in microseconds since
    /// 1970, UTC; `None`: for ever.
    pub retain_until_us: Option<i64>,
    /// When it was last seen at an outside source, in microseconds since 1970,
    /// UTC; `None` for files.
    pub fetched_at_us: Option<i64>,
}

/// The columns of `sources`, in the order of [`Source::read`].
macro_rules! select_sources {
    ($rest:literal) => {
        concat!(
            "select athlete_id, sha256, part, format, external_id, start_time_us, elapsed_ms, ",
            "non_null_values, file_name, activity_id, parted_from, upload_id, retain_until_us, ",
            "fetched_at_us from sources ",
            $rest
        )
    };
}

impl Source {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            athlete_id: AthleteId(row.int(0)?),
            sha256: row.text(1)?.to_owned(),
            part: row.int(2)?.try_into().map_err(|_| Error::Column {
                column: 2,
                wanted: "a part number",
            })?,
            format: row.text(3)?.to_owned(),
            external_id: row.opt_text(4)?.map(str::to_owned),
            start_time_us: row.int(5)?,
            elapsed_ms: row.int(6)?,
            non_null_values: row.int(7)?,
            file_name: row.text(8)?.to_owned(),
            activity_id: ActivityId(row.int(9)?),
            parted_from: row.opt_int(10)?.map(ActivityId),
            upload_id: row.opt_text(11)?.map(str::to_owned),
            retain_until_us: row.opt_int(12)?,
            fetched_at_us: row.opt_int(13)?,
        })
    }
}

/// Where an activity is found, and in which revision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pointer {
    /// What finds its rows.
    pub key: ActivityKey,
    /// 1 at birth; rises with every change.
    pub revision: i64,
}

/// The columns of `activities`, in the order of [`Pointer::read`]; ended
/// activities have no pointer.
macro_rules! select_pointers {
    ($rest:literal) => {
        concat!(
            "select athlete_id, start_time_us, activity_id, revision from activities ",
            "where merged_into is null and ",
            $rest
        )
    };
}

impl Pointer {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            key: ActivityKey {
                athlete_id: AthleteId(row.int(0)?),
                start_time_us: row.int(1)?,
                activity_id: ActivityId(row.int(2)?),
            },
            revision: row.int(3)?,
        })
    }
}

/// The ids as a list to bind.
fn ids(activities: &[ActivityId]) -> Value {
    Value::Ints(activities.iter().map(|id| id.0).collect())
}

impl Catalog {
    /// The recordings with one of these hashes, by hash and part.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn sources_by_sha256(
        &self,
        athlete_id: AthleteId,
        sha256s: &[String],
    ) -> Result<Vec<Source>, Error> {
        self.sources(
            select_sources!("where athlete_id = $1 and sha256 = any($2) order by sha256, part"),
            &[athlete_id.into(), Value::Texts(sha256s.to_vec())],
        )
        .await
    }

    /// The recordings that an outside source knows by one of these ids, by
    /// hash and part.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn sources_by_external_id(
        &self,
        athlete_id: AthleteId,
        external_ids: &[String],
    ) -> Result<Vec<Source>, Error> {
        self.sources(
            select_sources!(
                "where athlete_id = $1 and external_id = any($2) order by sha256, part"
            ),
            &[athlete_id.into(), Value::Texts(external_ids.to_vec())],
        )
        .await
    }

    /// The recordings that came by one of these uploads at Strava, by hash and
    /// part.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn sources_by_upload_id(
        &self,
        athlete_id: AthleteId,
        upload_ids: &[String],
    ) -> Result<Vec<Source>, Error> {
        self.sources(
            select_sources!("where athlete_id = $1 and upload_id = any($2) order by sha256, part"),
            &[athlete_id.into(), Value::Texts(upload_ids.to_vec())],
        )
        .await
    }

    /// The recordings that start from `from_us` to `to_us`, both included, in
    /// microseconds since 1970, by start, hash and part.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn sources_between(
        &self,
        athlete_id: AthleteId,
        from_us: i64,
        to_us: i64,
    ) -> Result<Vec<Source>, Error> {
        self.sources(
            select_sources!(
                "where athlete_id = $1 and start_time_us >= $2 and start_time_us <= $3
                order by start_time_us, sha256, part"
            ),
            &[athlete_id.into(), from_us.into(), to_us.into()],
        )
        .await
    }

    /// The recordings of these activities, by activity, hash and part.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn sources_of(
        &self,
        athlete_id: AthleteId,
        activities: &[ActivityId],
    ) -> Result<Vec<Source>, Error> {
        self.sources(
            select_sources!(
                "where activity_id = any($2) and athlete_id = $1
                order by activity_id, sha256, part"
            ),
            &[athlete_id.into(), ids(activities)],
        )
        .await
    }

    async fn sources(&self, sql: &'static str, values: &[Value]) -> Result<Vec<Source>, Error> {
        let rows = self.db.fetch(sql, values).await?;
        rows.iter().map(Source::read).collect()
    }

    /// Where to find those of these activities that are the athlete's and not
    /// ended, by id.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn pointers(
        &self,
        athlete_id: AthleteId,
        activities: &[ActivityId],
    ) -> Result<Vec<Pointer>, Error> {
        self.read_pointers(
            select_pointers!("activity_id = any($2) and athlete_id = $1 order by activity_id"),
            &[athlete_id.into(), ids(activities)],
        )
        .await
    }

    /// Where to find an activity, whosever it is; none if it is ended.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn find_activity(&self, activity_id: ActivityId) -> Result<Option<Pointer>, Error> {
        let found = self
            .read_pointers(select_pointers!("activity_id = $1"), &[activity_id.into()])
            .await?;
        Ok(found.into_iter().next())
    }

    /// Of these activities those that ended, each with the one that took it in.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn merged_into(
        &self,
        athlete_id: AthleteId,
        activities: &[ActivityId],
    ) -> Result<Vec<(ActivityId, ActivityId)>, Error> {
        self.db
            .fetch(
                "select activity_id, merged_into from activities \
                 where activity_id = any($2) and athlete_id = $1 and merged_into is not null \
                 order by activity_id",
                &[athlete_id.into(), ids(activities)],
            )
            .await?
            .iter()
            .map(|row| Ok((ActivityId(row.int(0)?), ActivityId(row.int(1)?))))
            .collect()
    }

    /// How many activities there are, of all athletes.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn count_activities(&self) -> Result<u64, Error> {
        const COUNT: &str = "select count(*) from activities where merged_into is null";
        let rows = self.db.fetch(COUNT, &[]).await?;
        let count = rows.first().map(|row| row.int(0)).transpose()?;
        Ok(count.unwrap_or_default().unsigned_abs())
    }

    /// Up to `limit` activities after the key `after` (from the first where it
    /// is `None`), ordered by athlete, start and id.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn pointers_after(
        &self,
        after: Option<ActivityKey>,
        limit: u32,
    ) -> Result<Vec<Pointer>, Error> {
        let after = after.unwrap_or(ActivityKey {
            athlete_id: AthleteId(i64::MIN),
            start_time_us: i64::MIN,
            activity_id: ActivityId(i64::MIN),
        });
        self.read_pointers(
            select_pointers!(
                "(athlete_id, start_time_us, activity_id) > ($1, $2, $3)
                order by athlete_id, start_time_us, activity_id limit $4"
            ),
            &[
                after.athlete_id.into(),
                after.start_time_us.into(),
                after.activity_id.into(),
                i64::from(limit).into(),
            ],
        )
        .await
    }

    async fn read_pointers(
        &self,
        sql: &'static str,
        values: &[Value],
    ) -> Result<Vec<Pointer>, Error> {
        let rows = self.db.fetch(sql, values).await?;
        rows.iter().map(Pointer::read).collect()
    }

    /// Which of these ids are in use by anyone, ended activities included.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn taken(&self, activities: &[ActivityId]) -> Result<Vec<ActivityId>, Error> {
        self.db
            .fetch(
                "select activity_id from activities where activity_id = any($1)
                order by activity_id",
                &[ids(activities)],
            )
            .await?
            .iter()
            .map(|row| row.int(0).map(ActivityId))
            .collect()
    }
}
