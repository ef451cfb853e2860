//! Athletes.

use super::Catalog;
use super::value::{Row, Value};
use crate::error::Error;
use crate::id::AthleteId;

/// One athlete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Athlete {
    /// Who it is; the first is 1.
    pub athlete_id: AthleteId,
    /// What they are called.
    pub name: Option<String>,
    /// Their IANA time zone.
    pub time_zone: Option<String>,
    /// Rises with each commit that writes or ends one of their activities.
    pub revision: i64,
    /// The revision that their ranks and statistics were computed from.
    pub reconciled_revision: i64,
    /// How often they were; see [`Reconciled`](super::Reconciled).
    pub reconciliations: i64,
    /// Rises when a purge of theirs begins and when it ends.
    pub purges: i64,
    /// Rises when a release of copies of theirs begins and when it ends.
    pub releases: i64,
    /// Rises when the lake's history is rewritten by a purge of anyone's.
    pub purge_epoch: i64,
}

/// The columns of `athletes`, in the order of [`Athlete::read`].
macro_rules! athlete_columns {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " athlete_id, name, time_zone, revision, reconciled_revision, reconciliations, ",
            "purges, releases, (select coalesce(max(epoch), 0) from purges) ",
            $after
        )
    };
}

impl Athlete {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            athlete_id: AthleteId(row.int(0)?),
            name: row.opt_text(1)?.map(str::to_owned),
            time_zone: row.opt_text(2)?.map(str::to_owned),
            revision: row.int(3)?,
            reconciled_revision: row.int(4)?,
            reconciliations: row.int(5)?,
            purges: row.int(6)?,
            releases: row.int(7)?,
            purge_epoch: row.int(8)?,
        })
    }

    /// Whether a purge of theirs is under way.
    pub fn is_being_purged(&self) -> bool {
        self.purges % 2 == 1
    }

    /// Whether copies of theirs are being let go.
    pub fn is_being_released(&self) -> bool {
        self.releases % 2 == 1
    }
}

/// Makes an athlete with the next id: one that nobody has or had, so that
/// nobody is taken for one who was purged. `$2` is 1 where there may be
/// others.
pub(super) const CREATE: &str = athlete_columns!(
    "insert into athletes (athlete_id, name) \
     select 1 + max(id), $1 from (select athlete_id as id from athletes \
     union all select athlete_id from purges union all select 0) as ids \
     having $2 = 1 or not exists (select 1 from athletes) \
     on conflict do nothing returning",
    ""
);

impl Catalog {
    /// The athlete with the least id; makes one when there is none.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn first_athlete(&self) -> Result<Athlete, Error> {
        const FIRST: &str = athlete_columns!("select", "from athletes order by athlete_id limit 1");
        if let Some(row) = self.db.fetch(FIRST, &[]).await?.first() {
            return Athlete::read(row);
        }
        let mut tx = self.db.begin().await?;
        tx.execute(CREATE, &[Value::Null, Value::Int(0)]).await?;
        let rows = tx.fetch(FIRST, &[]).await?;
        tx.commit().await?;
        match rows.first() {
            Some(row) => Athlete::read(row),
            None => Err(Error::Conflict {
                what: "the first athlete",
            }),
        }
    }

    /// One athlete, if there is one of this id.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn athlete(&self, athlete_id: AthleteId) -> Result<Option<Athlete>, Error> {
        let rows = self
            .db
            .fetch(
                athlete_columns!("select", "from athletes where athlete_id = $1"),
                &[athlete_id.into()],
            )
            .await?;
        rows.first().map(Athlete::read).transpose()
    }

    /// All athletes, by id.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn athletes(&self) -> Result<Vec<Athlete>, Error> {
        self.db
            .fetch(
                athlete_columns!("select", "from athletes order by athlete_id"),
                &[],
            )
            .await?
            .iter()
            .map(Athlete::read)
            .collect()
    }

    /// Makes an athlete with the next free id.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn create_athlete(&self, name: Option<&str>) -> Result<Athlete, Error> {
        loop {
            let mut tx = self.db.begin().await?;
            let rows = tx.fetch(CREATE, &[name.into(), Value::Int(1)]).await?;
            tx.commit().await?;
            // No row: another process took the id meanwhile; the next is free.
            if let Some(row) = rows.first() {
                return Athlete::read(row);
            }
        }
    }
}
