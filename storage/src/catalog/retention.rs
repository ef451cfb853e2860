//! Copies that may not be kept for ever: whose time is over, and how they are
//! let go.
//!
//! A release is a [purge](super::Purge) of single recordings: written down with
//! all their hashes before anything goes ([`Catalog::begin_release`]). What becomes
//! of their activities is decided in the commit that takes them out
//! ([`ReleaseStep`]): one with other recordings stays, the others go. Until it is
//! done `athletes.releases` is odd, and nobody takes such copies of the athlete
//! in; files come in meanwhile as ever.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::identity::Source;
use super::purge_steps::with_taken_in;
use super::purges::{Purge, PurgeCounts, Target, add_counts, add_targets};
use super::value::Value;
use super::{Catalog, Tx};
use crate::error::Error;
use crate::id::{ActivityId, AthleteId};

/// A wish to let copies go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseOrder {
    /// Whose.
    pub athlete_id: AthleteId,
    /// Which of their recordings.
    pub which: Which,
    /// Why, for the receipt.
    pub cause: String,
    /// When, in microseconds since 1970.
    pub at_us: i64,
}

/// Which recordings go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// Those that may be kept until this instant, in microseconds since 1970.
    Due(i64),
    /// Those of a format that an outside source knows by an id.
    Of {
        /// As `sources.format` has it.
        format: &'static str,
        /// Its id.
        external_id: String,
    },
    /// All of a format.
    All {
        /// As `sources.format` has it.
        format: &'static str,
    },
}

/// What a commit takes out by a release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReleaseStep {
    /// The release.
    pub purge_id: Uuid,
    /// The recordings that go with this commit, by hash.
    pub recordings: Vec<String>,
    /// The names that they came under, which tell what they are.
    pub names: Vec<String>,
    /// Activities that come from them only, and go.
    pub gone: Vec<ActivityId>,
    /// Activities that stay, and whose older rows may tell of them.
    pub revised: Vec<ActivityId>,
}

/// How long an activity of these recordings may be kept, in microseconds since
/// 1970; `None`: for ever, since one of them may, or since there is none.
pub fn retain_until_us(sources: &[Source]) -> Option<i64> {
    let until = sources.iter().map(|source| source.retain_until_us);
    until.collect::<Option<Vec<i64>>>()?.into_iter().max()
}

impl Catalog {
    /// Athletes who have recordings that may be kept until `now_us` (microseconds
    /// since 1970) and no longer, by id.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn athletes_due(&self, now_us: i64) -> Result<Vec<AthleteId>, Error> {
        let rows = self
            .db
            .fetch(
                "select distinct athlete_id from sources \
                 where retain_until_us is not null and retain_until_us <= $1 order by athlete_id",
                &[now_us.into()],
            )
            .await?;
        rows.iter().map(|row| row.int(0).map(AthleteId)).collect()
    }

    /// Dates recordings of a format that were taken in when they might be kept for
    /// ever: until `keep_us` (microseconds) after they were last seen. Answers the
    /// athletes, by id.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn date_copies(
        &self,
        format: &'static str,
        keep_us: i64,
    ) -> Result<Vec<AthleteId>, Error> {
        let mut tx = self.db.begin().await?;
        // Their rows are locked first: whoever takes a recording in meanwhile fails
        // and tries it again.
        let rows = tx
            .fetch(
                "update athletes set revision = revision + 1 where athlete_id in \
                 (select athlete_id from sources where format = $1 \
                 and retain_until_us is null and fetched_at_us is not null) \
                 returning athlete_id",
                &[format.into()],
            )
            .await?;
        let mut dated = Vec::with_capacity(rows.len());
        for row in &rows {
            dated.push(AthleteId(row.int(0)?));
        }
        if dated.is_empty() {
            tx.rollback().await?;
            return Ok(dated);
        }
        dated.sort();
        tx.execute(
            "update sources set retain_until_us = fetched_at_us + $2 where format = $1 \
             and retain_until_us is null and fetched_at_us is not null \
             and athlete_id = any($3)",
            &[
                format.into(),
                keep_us.into(),
                Value::Ints(dated.iter().map(|athlete| athlete.0).collect()),
            ],
        )
        .await?;
        tx.commit().await?;
        Ok(dated)
    }

    /// Writes down which recordings must go; `None` where there are none. From
    /// here on nobody takes copies of the athlete in that may not be kept for
    /// ever, and whoever was at it fails.
    ///
    /// # Errors
    /// [`Error::NoAthlete`]; [`Error::Conflict`] where another release of the
    /// athlete is under way; [`Error::Database`].
    pub async fn begin_release(&self, order: &ReleaseOrder) -> Result<Option<Purge>, Error> {
        let athlete: Value = order.athlete_id.into();
        let mut tx = self.db.begin().await?;
        // The athlete's row is locked from here on: a commit that is under way
        // is over, and what it wrote is seen below.
        let locked = tx
            .execute(
                "update athletes set releases = releases + 1, revision = revision + 1 \
                 where athlete_id = $1 and releases % 2 = 0",
                std::slice::from_ref(&athlete),
            )
            .await?;
        if locked == 0 {
            let found = tx
                .fetch("select 1 from athletes where athlete_id = $1", &[athlete])
                .await?;
            return Err(match found.is_empty() {
                true => Error::NoAthlete {
                    athlete_id: order.athlete_id,
                },
                false => Error::Conflict {
                    what: "an athlete whose copies are let go",
                },
            });
        }
        let rows = match &order.which {
            Which::Due(now_us) => {
                tx.fetch(
                    "select distinct sha256 from sources where athlete_id = $1 \
                     and retain_until_us is not null and retain_until_us <= $2 order by sha256",
                    &[athlete, (*now_us).into()],
                )
                .await?
            }
            Which::Of {
                format,
                external_id,
            } => {
                tx.fetch(
                    "select distinct sha256 from sources where athlete_id = $1 \
                     and external_id = $2 and format = $3 order by sha256",
                    &[athlete, external_id.as_str().into(), (*format).into()],
                )
                .await?
            }
            Which::All { format } => {
                tx.fetch(
                    "select distinct sha256 from sources where athlete_id = $1 \
                     and format = $2 order by sha256",
                    &[athlete, (*format).into()],
                )
                .await?
            }
        };
        let mut recordings = Vec::with_capacity(rows.len());
        for row in &rows {
            recordings.push(row.text(0)?.to_owned());
        }
        if recordings.is_empty() {
            tx.rollback().await?;
            return Ok(None);
        }
        let purge_id = Uuid::now_v7();
        tx.execute(
            "insert into purges (purge_id, athlete_id, whole, command, begun_at_us, is_release) \
             values ($1, $2, 0, $3, $4, 1)",
            &[
                purge_id.into(),
                order.athlete_id.into(),
                order.cause.as_str().into(),
                order.at_us.into(),
            ],
        )
        .await?;
        add_targets(&mut tx, purge_id, Target::Recording, &recordings).await?;
        tx.commit().await?;
        self.purge(purge_id).await.map(Some)
    }

    /// Writes down that the bytes of a recording were seen again at its outside
    /// source, unless they were seen later already.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn seen_again(&self, source: &Source, fetched_at_us: i64) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "update sources set fetched_at_us = $4 where athlete_id = $1 and sha256 = $2 \
             and part = $3 and coalesce(fetched_at_us, -1) < $4",
            &[
                source.athlete_id.into(),
                source.sha256.as_str().into(),
                source.part.into(),
                fetched_at_us.into(),
            ],
        )
        .await?;
        tx.commit().await
    }
}

/// Takes recordings out that give their place to newer copies.
///
/// # Errors
/// [`Error::Conflict`] where one was seen again since it was read: then it may
/// be the newer one. [`Error::Database`].
pub(super) async fn replace(tx: &mut Tx, replaced: &[Source]) -> Result<(), Error> {
    let rows: Vec<_> = replaced
        .iter()
        .map(|source| {
            vec![
                source.athlete_id.into(),
                source.sha256.as_str().into(),
                source.part.into(),
                source.fetched_at_us.unwrap_or(-1).into(),
            ]
        })
        .collect();
    let gone = tx
        .execute_rows(
            "with v (athlete_id, sha256, part, fetched_at_us) as (",
            &rows,
            ") delete from sources where (athlete_id, sha256, part) in \
             (select athlete_id, sha256, part from v) \
             and coalesce(fetched_at_us, -1) = (select v.fetched_at_us from v \
             where v.athlete_id = sources.athlete_id and v.sha256 = sources.sha256 \
             and v.part = sources.part)",
        )
        .await?;
    if gone == rows.len() as u64 {
        Ok(())
    } else {
        Err(Error::Conflict {
            what: "a copy of a recording",
        })
    }
}

/// Takes the recordings of a step out of our catalog, and the activities that
/// come from nothing else, in the transaction of the commit that takes their
/// rows out of the lake's newest snapshot.
pub(super) async fn release(tx: &mut Tx, step: &ReleaseStep) -> Result<(), Error> {
    let purge_id = step.purge_id;
    let rows = tx
        .fetch(
            "select athlete_id from purges where purge_id = $1 and is_release = 1",
            &[purge_id.into()],
        )
        .await?;
    let Some(row) = rows.first() else {
        return Err(Error::Conflict { what: "a release" });
    };
    let athlete: Value = Value::Int(row.int(0)?);
    let gone = with_taken_in(tx, &step.gone).await?;
    // What others took in is still told by rows of older snapshots.
    let revised = with_taken_in(tx, &step.revised).await?;
    let names = |ids: &BTreeSet<i64>| ids.iter().map(i64::to_string).collect::<Vec<_>>();
    add_targets(tx, purge_id, Target::Activity, &names(&gone)).await?;
    add_targets(tx, purge_id, Target::Revised, &names(&revised)).await?;
    let recordings = Value::Texts(step.recordings.clone());
    let gone = Value::Ints(gone.into_iter().collect());
    let by_recording: &[&'static str] = &[
        "delete from audit where athlete_id = $1 and action <> 'purge' and sha256 = any($2)",
        "delete from sources where athlete_id = $1 and sha256 = any($2)",
    ];
    // Lines about older copies, which have other hashes.
    let by_name: &[&'static str] =
        &["delete from audit where athlete_id = $1 and action <> 'purge' and path = any($2)"];
    let by_activity: &[&'static str] = &[
        "delete from audit where athlete_id = $1 and action <> 'purge' and activity_id = any($2)",
        "delete from corrections where athlete_id = $1 and activity_id = any($2)",
        // What was parted from it is an activity of its own.
        "update sources set parted_from = null where athlete_id = $1 and parted_from = any($2)",
        "delete from activities where athlete_id = $1 and activity_id = any($2)",
    ];
    let mut counts = PurgeCounts::default();
    let names_of_copies = Value::Texts(step.names.clone());
    for (statements, names) in [
        (by_recording, recordings),
        (by_name, names_of_copies),
        (by_activity, gone),
    ] {
        let values = [athlete.clone(), names];
        for statement in statements {
            counts.catalog_rows += tx.execute(statement, &values).await? as i64;
        }
    }
    add_counts(tx, purge_id, &counts).await
}
