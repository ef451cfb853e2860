//! Athletes.

use super::Catalog;
use super::value::Row;
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
        })
    }
}

impl Catalog {
    /// The athlete with the least id; makes athlete 1 when there is none.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn first_athlete(&self) -> Result<Athlete, Error> {
        const FIRST: &str =
            "select athlete_id, name, time_zone, revision, reconciled_revision, reconciliations
            from athletes order by athlete_id limit 1";
        if let Some(row) = self.db.fetch(FIRST, &[]).await?.first() {
            return Athlete::read(row);
        }
        let mut tx = self.db.begin().await?;
        tx.execute(
            "insert into athletes (athlete_id) values (1) on conflict do nothing",
            &[],
        )
        .await?;
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
                "select athlete_id, name, time_zone, revision, reconciled_revision, reconciliations
                from athletes where athlete_id = $1",
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
                "select athlete_id, name, time_zone, revision, reconciled_revision, reconciliations
                from athletes order by athlete_id",
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
            let rows = tx
                .fetch(
                    "insert into athletes (athlete_id, name)
                    select coalesce(max(athlete_id), 0) + 1, $1 from athletes where true
                    on conflict do nothing
                    returning athlete_id, name, time_zone, revision, reconciled_revision,
                        reconciliations",
                    &[name.into()],
                )
                .await?;
            tx.commit().await?;
            // No row: another process took the id meanwhile; the next is free.
            if let Some(row) = rows.first() {
                return Athlete::read(row);
            }
        }
    }
}
