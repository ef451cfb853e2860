//! Purges: what must go for ever, what of it is still to be done, and what
//! stays as a receipt.
//!
//! A purge is written down before anything goes ([`Catalog::begin_purge`]),
//! with everything that must go by name: its targets. Each step takes its
//! targets off, so that a purge that was cut off goes on where it was. While
//! it runs, `athletes.purges` is odd: who takes recordings in looks at it, so
//! that nothing comes back through a side door.

use serde::Serialize;
use uuid::Uuid;

use super::audit::{self, AuditEntry};
use super::purge_steps::{named_by, refusal};
use super::value::{Row, Value};
use super::{Catalog, Tx};
use crate::error::Error;
use crate::id::{ActivityId, AthleteId};

/// A wish to purge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeOrder {
    /// Whose.
    pub athlete_id: AthleteId,
    /// The activities; `None`: everything of the athlete.
    pub activities: Option<Vec<ActivityId>>,
    /// The command that asked for it, for the receipt.
    pub command: String,
    /// When, in microseconds since 1970.
    pub at_us: i64,
}

/// A purge that was begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purge {
    /// Names it.
    pub purge_id: Uuid,
    /// Whose rows go.
    pub athlete_id: AthleteId,
    /// Whether all of the athlete's go.
    pub whole: bool,
    /// Whether it is a release: single recordings go, and only those of their
    /// activities that come from nothing else.
    pub is_release: bool,
    /// The activities that go, those that others took in included.
    pub activities: Vec<ActivityId>,
    /// The activities that stay without a recording that went, those that
    /// they took in included: their older rows go.
    pub revised: Vec<ActivityId>,
    /// The command that asked for it, or the cause of a release.
    pub command: String,
    /// When it began, in microseconds since 1970.
    pub begun_at_us: i64,
    /// When it was done.
    pub finished_at_us: Option<i64>,
    /// Whether the lake's history was rewritten.
    pub is_rewritten: bool,
    /// How much went so far.
    pub counts: PurgeCounts,
}

/// How much a purge took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PurgeCounts {
    /// Rows of our catalog.
    pub catalog_rows: i64,
    /// Rows of the lake, in all snapshots.
    pub lake_rows: i64,
    /// Data files that were written anew without them.
    pub files_rewritten: i64,
    /// Data files that held nothing else.
    pub files_removed: i64,
    /// Objects that were deleted from the lake's store.
    pub objects: i64,
    /// Their length in bytes.
    pub bytes: i64,
    /// Recordings that were deleted from the raw store.
    pub recordings: i64,
}

/// What a target is the name of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The id of an activity that goes.
    Activity,
    /// The id of an activity whose older rows go.
    Revised,
    /// The SHA-256 of a kept recording.
    Recording,
    /// A path in the lake's store.
    Object,
}

impl Target {
    fn name(self) -> &'static str {
        match self {
            Self::Activity => "activity",
            Self::Revised => "revised",
            Self::Recording => "recording",
            Self::Object => "object",
        }
    }
}

/// The columns of `purges`, in the order of [`Purge::read`].
macro_rules! select_purges {
    ($rest:literal) => {
        concat!(
            "select purge_id, athlete_id, whole, command, begun_at_us, finished_at_us, ",
            "catalog_rows, lake_rows, files_rewritten, files_removed, objects, bytes, recordings, ",
            "epoch, is_release ",
            "from purges ",
            $rest
        )
    };
}

impl Purge {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            purge_id: row.uuid(0)?,
            athlete_id: AthleteId(row.int(1)?),
            whole: row.bool(2)?,
            is_release: row.bool(14)?,
            activities: Vec::new(),
            revised: Vec::new(),
            command: row.text(3)?.to_owned(),
            begun_at_us: row.int(4)?,
            finished_at_us: row.opt_int(5)?,
            is_rewritten: row.opt_int(13)?.is_some(),
            counts: PurgeCounts {
                catalog_rows: row.int(6)?,
                lake_rows: row.int(7)?,
                files_rewritten: row.int(8)?,
                files_removed: row.int(9)?,
                objects: row.int(10)?,
                bytes: row.int(11)?,
                recordings: row.int(12)?,
            },
        })
    }
}

impl Catalog {
    /// Writes down that this must go, and everything that it means by name.
    /// From here on nobody takes recordings of the athlete in, and whoever was
    /// at it fails.
    ///
    /// # Errors
    /// [`Error::NoAthlete`] and [`Error::NoActivity`] for what there is not;
    /// [`Error::SharedRecording`] where a recording holds other activities
    /// too; [`Error::Conflict`] where another purge of the athlete is under
    /// way; [`Error::Database`].
    pub async fn begin_purge(&self, order: &PurgeOrder) -> Result<Purge, Error> {
        let mut tx = self.db.begin().await?;
        // The athlete's row is locked from here on: a commit that is under way
        // is over, and what it wrote is seen below.
        let locked = tx
            .execute(
                "update athletes set purges = purges + 1, revision = revision + 1 \
                 where athlete_id = $1 and purges % 2 = 0",
                &[order.athlete_id.into()],
            )
            .await?;
        if locked == 0 {
            return Err(refusal(&mut tx, order.athlete_id).await?);
        }
        let targets = named_by(&mut tx, order).await?;
        let purge_id = Uuid::now_v7();
        tx.execute(
            "insert into purges (purge_id, athlete_id, whole, command, begun_at_us) \
             values ($1, $2, $3, $4, $5)",
            &[
                purge_id.into(),
                order.athlete_id.into(),
                i64::from(order.activities.is_none()).into(),
                order.command.as_str().into(),
                order.at_us.into(),
            ],
        )
        .await?;
        add_targets(&mut tx, purge_id, Target::Activity, &targets.activities).await?;
        add_targets(&mut tx, purge_id, Target::Recording, &targets.recordings).await?;
        tx.commit().await?;
        self.purge(purge_id).await
    }

    /// What such a purge would take, without writing it down: the activities,
    /// and how many rows of our catalog and kept recordings.
    ///
    /// # Errors
    /// As [`begin_purge`](Self::begin_purge).
    pub async fn preview_purge(
        &self,
        order: &PurgeOrder,
    ) -> Result<(Vec<ActivityId>, i64, i64), Error> {
        let mut tx = self.db.begin_read().await?;
        let found = tx
            .fetch(
                "select 1 from athletes where athlete_id = $1",
                &[order.athlete_id.into()],
            )
            .await?;
        if found.is_empty() {
            return Err(Error::NoAthlete {
                athlete_id: order.athlete_id,
            });
        }
        let targets = named_by(&mut tx, order).await?;
        let of = [
            order.athlete_id.into(),
            Value::Ints(targets.ids.iter().map(|id| id.0).collect()),
            Value::Texts(targets.recordings.clone()),
        ];
        let count = match order.activities {
            None => {
                "select (select count(*) from sources where athlete_id = $1) \
                 + (select count(*) from activities where athlete_id = $1) \
                 + (select count(*) from corrections where athlete_id = $1) \
                 + (select count(*) from audit where athlete_id = $1 and action <> 'purge') \
                 + (select count(*) from strava_events where strava_athlete_id in \
                 (select strava_athlete_id from strava_connections where athlete_id = $1)) \
                 + (select count(*) from strava_states where athlete_id = $1) \
                 + (select count(*) from strava_activities where athlete_id = $1) \
                 + (select count(*) from strava_connections where athlete_id = $1) \
                 + (select count(*) from jobs where athlete_id = $1 and state <> 'running') \
                 + (select count(*) from job_turns where athlete_id = $1) \
                 + 1 \
                 + (select count(*) from accounts where athlete_id = $1) \
                 + (select count(*) from account_audit join accounts using (account_id) \
                 where athlete_id = $1 and role <> 'admin') \
                 + (select count(*) from api_tokens join accounts using (account_id) \
                 where athlete_id = $1 and role <> 'admin') \
                 + (select count(*) from sessions join accounts using (account_id) \
                 where athlete_id = $1 and role <> 'admin') \
                 + (select count(*) from account_links where athlete_id = $1 \
                 or account_id in (select account_id from accounts \
                 where athlete_id = $1 and role <> 'admin'))"
            }
            Some(_) => {
                "select (select count(*) from sources where athlete_id = $1 \
                 and activity_id = any($2)) \
                 + (select count(*) from activities where athlete_id = $1 \
                 and activity_id = any($2)) \
                 + (select count(*) from corrections where athlete_id = $1 \
                 and activity_id = any($2)) \
                 + (select count(*) from sources where athlete_id = $1 \
                 and parted_from = any($2) and not activity_id = any($2)) \
                 + (select count(*) from audit where athlete_id = $1 and action <> 'purge' \
                 and (activity_id = any($2) or sha256 = any($3)))"
            }
        };
        let values = &of[..if order.activities.is_none() { 1 } else { 3 }];
        let rows = tx.fetch(count, values).await?;
        let rows = rows.first().map(|row| row.int(0)).transpose()?;
        let recordings = targets.recordings.len() as i64;
        Ok((targets.ids, rows.unwrap_or_default(), recordings))
    }

    /// One purge with what of it is still named.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn purge(&self, purge_id: Uuid) -> Result<Purge, Error> {
        let rows = self
            .db
            .fetch(select_purges!("where purge_id = $1"), &[purge_id.into()])
            .await?;
        let Some(row) = rows.first() else {
            return Err(Error::Inconsistent {
                what: format!("the purge {purge_id} is not in the catalog"),
            });
        };
        let mut purge = Purge::read(row)?;
        for name in self.purge_targets(purge_id, Target::Activity).await? {
            purge.activities.extend(name.parse().map(ActivityId));
        }
        for name in self.purge_targets(purge_id, Target::Revised).await? {
            purge.revised.extend(name.parse().map(ActivityId));
        }
        purge.activities.sort_unstable();
        purge.revised.sort_unstable();
        Ok(purge)
    }

    /// Purges that were begun and are not done, oldest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn unfinished_purges(&self) -> Result<Vec<Purge>, Error> {
        let rows = self
            .db
            .fetch(
                select_purges!("where finished_at_us is null order by begun_at_us, purge_id"),
                &[],
            )
            .await?;
        let mut purges = Vec::with_capacity(rows.len());
        for row in &rows {
            purges.push(self.purge(row.uuid(0)?).await?);
        }
        Ok(purges)
    }

    /// Athletes of whom everything went, by id.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn purged_athletes(&self) -> Result<Vec<AthleteId>, Error> {
        let rows = self
            .db
            .fetch(
                "select distinct athlete_id from purges \
                 where whole = 1 and finished_at_us is not null order by athlete_id",
                &[],
            )
            .await?;
        rows.iter().map(|row| row.int(0).map(AthleteId)).collect()
    }

    /// The names of a purge's targets of one kind, sorted.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn purge_targets(
        &self,
        purge_id: Uuid,
        target: Target,
    ) -> Result<Vec<String>, Error> {
        self.db
            .fetch(
                "select name from purge_targets where purge_id = $1 and kind = $2 order by name",
                &[purge_id.into(), target.name().into()],
            )
            .await?
            .iter()
            .map(|row| row.text(0).map(str::to_owned))
            .collect()
    }

    /// Takes targets off that are gone, and adds to what went.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn purged(
        &self,
        purge_id: Uuid,
        target: Target,
        names: &[String],
        gone: &PurgeCounts,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "delete from purge_targets where purge_id = $1 and kind = $2 and name = any($3)",
            &[
                purge_id.into(),
                target.name().into(),
                Value::Texts(names.to_vec()),
            ],
        )
        .await?;
        add_counts(&mut tx, purge_id, gone).await?;
        tx.commit().await
    }

    /// Drops what the receipt does not need: every name but those of
    /// activities that went, or were revised, by name.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn forget_targets(&self, purge: &Purge) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "delete from purge_targets where purge_id = $1 and (kind not in ('activity', 'revised') or $2 = 1)",
            &[purge.purge_id.into(), i64::from(purge.whole).into()],
        )
        .await?;
        tx.commit().await
    }

    /// Writes down that all is gone, with the receipt; answers whether it was
    /// not done before.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn finish_purge(
        &self,
        purge: &Purge,
        at_us: i64,
        receipt: &AuditEntry,
    ) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let done = tx
            .execute(
                "update purges set finished_at_us = $2, epoch = coalesce(epoch, \
                 (select coalesce(max(epoch), 0) + 1 from purges)) \
                 where purge_id = $1 and finished_at_us is null",
                &[purge.purge_id.into(), at_us.into()],
            )
            .await?;
        if done == 0 {
            return Ok(false);
        }
        let over = match purge.is_release {
            true => {
                "update athletes set releases = releases + 1 \
                 where athlete_id = $1 and releases % 2 = 1"
            }
            false => {
                "update athletes set purges = purges + 1 where athlete_id = $1 and purges % 2 = 1"
            }
        };
        tx.execute(over, &[purge.athlete_id.into()]).await?;
        audit::insert(&mut tx, std::slice::from_ref(receipt)).await?;
        tx.commit().await?;
        Ok(true)
    }
}

pub(super) async fn add_targets(
    tx: &mut Tx,
    purge_id: Uuid,
    target: Target,
    names: &[String],
) -> Result<(), Error> {
    let rows: Vec<_> = names
        .iter()
        .map(|name| {
            vec![
                purge_id.into(),
                target.name().into(),
                Value::from(name.as_str()),
            ]
        })
        .collect();
    tx.execute_rows(
        "insert into purge_targets (purge_id, kind, name)",
        &rows,
        "on conflict do nothing",
    )
    .await?;
    Ok(())
}

pub(super) async fn add_counts(
    tx: &mut Tx,
    purge_id: Uuid,
    counts: &PurgeCounts,
) -> Result<(), Error> {
    tx.execute(
        "update purges set catalog_rows = catalog_rows + $2, lake_rows = lake_rows + $3, \
         files_rewritten = files_rewritten + $4, files_removed = files_removed + $5, \
         objects = objects + $6, bytes = bytes + $7, recordings = recordings + $8 \
         where purge_id = $1",
        &[
            purge_id.into(),
            counts.catalog_rows.into(),
            counts.lake_rows.into(),
            counts.files_rewritten.into(),
            counts.files_removed.into(),
            counts.objects.into(),
            counts.bytes.into(),
            counts.recordings.into(),
        ],
    )
    .await?;
    Ok(())
}
