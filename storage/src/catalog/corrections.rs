//! What owners say of their activities: stretches that are no record, and
//! efforts that are one after all.
//!
//! A correction holds from one revision of its activity to another. So rows of
//! any revision can be derived again as they were, and what was lifted is still
//! known to older snapshots.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::value::{Row, Value};
use super::{Catalog, Tx};
use crate::error::Error;
use crate::id::{ActivityId, AthleteId};

/// One thing that an owner says of an activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correction {
    /// A UUID of version 7: corrections are ordered by it.
    pub correction_id: Uuid,
    /// Whose activity it is.
    pub athlete_id: AthleteId,
    /// Of which activity.
    pub activity_id: ActivityId,
    /// What.
    pub what: Correct,
    /// Why, in the owner's words.
    pub reason: String,
    /// When it was said, in microseconds since 1970, UTC.
    pub made_at_us: i64,
    /// The first revision of the activity in which it holds.
    pub begun_revision: i64,
    /// The first revision in which it holds no more; `None`: it holds.
    pub ended_revision: Option<i64>,
}

/// What an owner says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Correct {
    /// No record may share time with this stretch.
    Mask {
        /// Its first instant in UTC, microseconds since 1970; `None`: from the
        /// activity's start.
        from_us: Option<i64>,
        /// Its last instant; `None`: to the activity's end.
        to_us: Option<i64>,
    },
    /// The fastest effort over this distance counts, whatever bars it.
    Include {
        /// In mm.
        distance_mm: i64,
    },
}

impl Correct {
    fn name(self) -> &'static str {
        match self {
            Self::Mask { .. } => "mask",
            Self::Include { .. } => "include",
        }
    }
}

impl Correction {
    /// Whether it holds in a revision of its activity.
    pub fn holds_in(&self, revision: i64) -> bool {
        self.begun_revision <= revision && self.ended_revision.is_none_or(|end| revision < end)
    }

    fn read(row: &Row) -> Result<Self, Error> {
        let missing = |column: usize| Error::Column {
            column,
            wanted: "what the correction is about",
        };
        let what = match row.text(3)? {
            "mask" => Correct::Mask {
                from_us: row.opt_int(4)?,
                to_us: row.opt_int(5)?,
            },
            "include" => Correct::Include {
                distance_mm: row.opt_int(6)?.ok_or_else(|| missing(6))?,
            },
            _ => return Err(missing(3)),
        };
        Ok(Self {
            correction_id: row.uuid(0)?,
            athlete_id: AthleteId(row.int(1)?),
            activity_id: ActivityId(row.int(2)?),
            what,
            reason: row.text(7)?.to_owned(),
            made_at_us: row.int(8)?,
            begun_revision: row.int(9)?,
            ended_revision: row.opt_int(10)?,
        })
    }

    fn values(&self) -> Vec<Value> {
        let (from_us, to_us, distance_mm) = match self.what {
            Correct::Mask { from_us, to_us } => (from_us, to_us, None),
            Correct::Include { distance_mm } => (None, None, Some(distance_mm)),
        };
        vec![
            self.correction_id.into(),
            self.athlete_id.into(),
            self.activity_id.into(),
            self.what.name().into(),
            from_us.into(),
            to_us.into(),
            distance_mm.into(),
            self.reason.as_str().into(),
            self.made_at_us.into(),
            self.begun_revision.into(),
            self.ended_revision.into(),
        ]
    }
}

impl Catalog {
    /// Everything that was ever said of these activities, those that do not
    /// hold any more included, by activity and age.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn corrections_of(
        &self,
        athlete_id: AthleteId,
        activities: &[ActivityId],
    ) -> Result<Vec<Correction>, Error> {
        if activities.is_empty() {
            return Ok(Vec::new());
        }
        let ids = activities.iter().map(|id| id.0).collect();
        let rows = self
            .db
            .fetch(
                "select correction_id, athlete_id, activity_id, kind, from_us, to_us, \
                 distance_mm, reason, made_at_us, begun_revision, ended_revision \
                 from corrections where activity_id = any($2) and athlete_id = $1 \
                 order by activity_id, correction_id",
                &[athlete_id.into(), Value::Ints(ids)],
            )
            .await?;
        rows.iter().map(Correction::read).collect()
    }
}

/// Writes corrections; of one that is there, when it ends.
///
/// # Errors
/// [`Error::Database`].
pub(super) async fn write(tx: &mut Tx, corrections: &[Correction]) -> Result<(), Error> {
    let rows: Vec<_> = corrections.iter().map(Correction::values).collect();
    tx.execute_rows(
        "insert into corrections (correction_id, athlete_id, activity_id, kind, from_us, to_us, \
         distance_mm, reason, made_at_us, begun_revision, ended_revision)",
        &rows,
        "on conflict (correction_id) do update set ended_revision = excluded.ended_revision",
    )
    .await?;
    Ok(())
}
