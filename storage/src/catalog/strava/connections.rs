//! Athletes who connected their Strava account, and their sealed tokens.

use crate::catalog::audit::{self, AuditEntry};
use crate::catalog::queue::{NewJob, enqueue_in};
use crate::catalog::value::{Row, Value};
use crate::catalog::{Catalog, Tx};
use crate::code::Code;
use crate::error::Error;
use crate::id::AthleteId;

/// How a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionStatus {
    /// It works, as far as is known.
    Connected,
    /// Strava refuses its tokens, or misses a scope: the athlete must connect
    /// anew. Work for them waits.
    Degraded,
}

impl ConnectionStatus {
    /// Its name in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connected => "connected",
            Self::Degraded => "degraded",
        }
    }

    fn parse(name: &str) -> Result<Self, Error> {
        match name {
            "connected" => Ok(Self::Connected),
            "degraded" => Ok(Self::Degraded),
            _ => Err(Error::Column {
                column: 3,
                wanted: "the status of a connection",
            }),
        }
    }
}

/// Both tokens as they were sealed.
#[derive(Clone, PartialEq, Eq)]
pub struct StravaTokens {
    /// What reads are made with.
    pub access: String,
    /// What the next ones are asked for with.
    pub refresh: String,
    /// When the first ends, microseconds since 1970.
    pub expires_at_us: i64,
}

impl std::fmt::Debug for StravaTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StravaTokens")
            .field("expires_at_us", &self.expires_at_us)
            .finish_non_exhaustive()
    }
}

/// One athlete's connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StravaConnection {
    /// Who connected.
    pub athlete_id: AthleteId,
    /// Who they are at Strava.
    pub strava_athlete_id: i64,
    /// What they allowed, separated by commas.
    pub scopes: String,
    /// How it is.
    pub status: ConnectionStatus,
    /// The code of what is wrong with it.
    pub code: Option<String>,
    /// What is wrong with it, for people.
    pub reason: Option<String>,
    /// The tokens, sealed.
    pub tokens: StravaTokens,
    /// Rises with every change of the tokens.
    pub version: i64,
    /// When they connected, microseconds since 1970; all times here are.
    pub connected_at_us: i64,
    /// When the tokens were last refreshed.
    pub refreshed_at_us: Option<i64>,
    /// When the status last changed.
    pub changed_at_us: i64,
    /// When their newest activities were last listed.
    pub polled_at_us: Option<i64>,
    /// When a sweep, which lists all of them, began that came to its end.
    pub swept_at_us: Option<i64>,
    /// The sweep that is under way.
    pub sweep: Option<StravaSweep>,
    /// The history is listed down to here.
    pub backfill_before_us: Option<i64>,
    /// How many pages of it were listed.
    pub backfill_pages: i64,
    /// When all of it was listed.
    pub backfill_done_at_us: Option<i64>,
}

/// A sweep that is under way: whoever goes on with it goes on from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StravaSweep {
    /// When it began, microseconds since 1970.
    pub begun_us: i64,
    /// All is listed that started then or later.
    pub before_us: i64,
}

/// How much of an athlete's activities was listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StravaListed {
    /// The newest.
    Newest,
    /// Those that a sweep has come to.
    So(StravaSweep),
    /// All, by a sweep that began then.
    All {
        /// Microseconds since 1970.
        begun_us: i64,
    },
}

/// What a connection begins with.
#[derive(Clone, Debug)]
pub struct NewConnection {
    /// Who connects.
    pub athlete_id: AthleteId,
    /// Who they are at Strava.
    pub strava_athlete_id: i64,
    /// What they allowed.
    pub scopes: String,
    /// The tokens, sealed.
    pub tokens: StravaTokens,
    /// Now.
    pub at_us: i64,
}

/// The columns of `strava_connections`, in the order of
/// [`StravaConnection::read`].
macro_rules! select_connections {
    ($rest:literal) => {
        concat!(
            "select athlete_id, strava_athlete_id, scopes, status, code, reason, access_token, ",
            "refresh_token, expires_at_us, version, connected_at_us, refreshed_at_us, ",
            "changed_at_us, polled_at_us, swept_at_us, backfill_before_us, backfill_pages, ",
            "backfill_done_at_us, sweep_begun_us, sweep_before_us from strava_connections ",
            $rest
        )
    };
}

impl StravaConnection {
    /// Whether only its athlete can mend it, by connecting anew. Where something
    /// else kept tokens from being refreshed, it is tried again.
    pub fn needs_athlete(&self) -> bool {
        let is_denied = self.code.as_deref() == Some(Code::StravaAccess.name());
        self.status == ConnectionStatus::Degraded && is_denied
    }

    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            athlete_id: AthleteId(row.int(0)?),
            strava_athlete_id: row.int(1)?,
            scopes: row.text(2)?.to_owned(),
            status: ConnectionStatus::parse(row.text(3)?)?,
            code: row.opt_text(4)?.map(str::to_owned),
            reason: row.opt_text(5)?.map(str::to_owned),
            tokens: StravaTokens {
                access: row.text(6)?.to_owned(),
                refresh: row.text(7)?.to_owned(),
                expires_at_us: row.int(8)?,
            },
            version: row.int(9)?,
            connected_at_us: row.int(10)?,
            refreshed_at_us: row.opt_int(11)?,
            changed_at_us: row.int(12)?,
            polled_at_us: row.opt_int(13)?,
            swept_at_us: row.opt_int(14)?,
            sweep: match (row.opt_int(18)?, row.opt_int(19)?) {
                (Some(begun_us), Some(before_us)) => Some(StravaSweep {
                    begun_us,
                    before_us,
                }),
                _ => None,
            },
            backfill_before_us: row.opt_int(15)?,
            backfill_pages: row.int(16)?,
            backfill_done_at_us: row.opt_int(17)?,
        })
    }
}

impl Catalog {
    /// All connections, by athlete.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn strava_connections(&self) -> Result<Vec<StravaConnection>, Error> {
        let rows = self
            .db
            .fetch(select_connections!("order by athlete_id"), &[])
            .await?;
        rows.iter().map(StravaConnection::read).collect()
    }

    /// An athlete's connection.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn strava_connection(
        &self,
        athlete_id: AthleteId,
    ) -> Result<Option<StravaConnection>, Error> {
        let rows = self
            .db
            .fetch(
                select_connections!("where athlete_id = $1"),
                &[athlete_id.into()],
            )
            .await?;
        rows.first().map(StravaConnection::read).transpose()
    }

    /// Writes a connection, new or renewed; a renewed one of the same account
    /// keeps how far its history was listed.
    ///
    /// # Errors
    /// [`Error::Conflict`] where the account at Strava is another athlete's, or
    /// the athlete is connected to another account; [`Error::Database`].
    pub async fn connect_strava(
        &self,
        new: &NewConnection,
        entry: &AuditEntry,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let written = tx
            .execute(
                "insert into strava_connections (athlete_id, strava_athlete_id, scopes, status, \
                 access_token, refresh_token, expires_at_us, version, connected_at_us, \
                 changed_at_us) select $1, $2, $3, 'connected', $4, $5, $6, 1, $7, $7 \
                 where not exists (select 1 from strava_connections as other \
                 where other.athlete_id = $1 and other.strava_athlete_id <> $2) \
                 on conflict (strava_athlete_id) do update set scopes = excluded.scopes, \
                 status = 'connected', code = null, reason = null, \
                 access_token = excluded.access_token, refresh_token = excluded.refresh_token, \
                 expires_at_us = excluded.expires_at_us, \
                 version = strava_connections.version + 1, \
                 connected_at_us = excluded.connected_at_us, \
                 changed_at_us = excluded.changed_at_us \
                 where strava_connections.athlete_id = excluded.athlete_id",
                &[
                    new.athlete_id.into(),
                    new.strava_athlete_id.into(),
                    new.scopes.as_str().into(),
                    new.tokens.access.as_str().into(),
                    new.tokens.refresh.as_str().into(),
                    new.tokens.expires_at_us.into(),
                    new.at_us.into(),
                ],
            )
            .await?;
        if written == 0 {
            return Err(Error::Conflict {
                what: "another connection of the athlete or of this Strava account",
            });
        }
        audit::insert(&mut tx, std::slice::from_ref(entry)).await?;
        tx.commit().await
    }

    /// Writes refreshed tokens over those of `version`, and that the connection
    /// works; answers whether nobody else had changed them.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn refresh_strava(
        &self,
        athlete_id: AthleteId,
        version: i64,
        tokens: &StravaTokens,
        entry: &AuditEntry,
    ) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let written = tx
            .execute(
                "update strava_connections set access_token = $3, refresh_token = $4, \
                 expires_at_us = $5, version = version + 1, refreshed_at_us = $6, \
                 changed_at_us = case when status = 'connected' then changed_at_us else $6 end, \
                 status = 'connected', code = null, reason = null \
                 where athlete_id = $1 and version = $2",
                &[
                    athlete_id.into(),
                    version.into(),
                    tokens.access.as_str().into(),
                    tokens.refresh.as_str().into(),
                    tokens.expires_at_us.into(),
                    entry.at_us.into(),
                ],
            )
            .await?;
        audit::insert(&mut tx, std::slice::from_ref(entry)).await?;
        tx.commit().await?;
        Ok(written == 1)
    }

    /// Writes tokens that were sealed anew, if they are still those of
    /// `version`.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn reseal_strava(
        &self,
        athlete_id: AthleteId,
        version: i64,
        tokens: &StravaTokens,
    ) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let written = tx
            .execute(
                "update strava_connections set access_token = $3, refresh_token = $4 \
                 where athlete_id = $1 and version = $2",
                &[
                    athlete_id.into(),
                    version.into(),
                    tokens.access.as_str().into(),
                    tokens.refresh.as_str().into(),
                ],
            )
            .await?;
        tx.commit().await?;
        Ok(written == 1)
    }

    /// Marks a connection as one that does not work, if its tokens are still
    /// those of `version`; answers whether it was.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn degrade_strava(
        &self,
        athlete_id: AthleteId,
        version: i64,
        entry: &AuditEntry,
    ) -> Result<bool, Error> {
        let mut tx = self.db.begin().await?;
        let written = tx
            .execute(
                "update strava_connections set status = 'degraded', code = $3, reason = $4, \
                 changed_at_us = $5 where athlete_id = $1 and version = $2",
                &[
                    athlete_id.into(),
                    version.into(),
                    entry.code.as_deref().into(),
                    entry.reason.as_str().into(),
                    entry.at_us.into(),
                ],
            )
            .await?;
        audit::insert(&mut tx, std::slice::from_ref(entry)).await?;
        tx.commit().await?;
        Ok(written == 1)
    }

    /// Takes a connection and its tokens away, with all that was listed of
    /// it; answers how many connections are left. `jobs`, which do what follows
    /// from it, are enqueued in the same transaction.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn disconnect_strava(
        &self,
        athlete_id: AthleteId,
        entry: &AuditEntry,
        jobs: &[NewJob],
    ) -> Result<u64, Error> {
        let mut tx = self.db.begin().await?;
        remove_of(&mut tx, athlete_id).await?;
        audit::insert(&mut tx, std::slice::from_ref(entry)).await?;
        enqueue_in(&mut tx, jobs).await?;
        let rows = tx
            .fetch("select count(*) from strava_connections", &[])
            .await?;
        tx.commit().await?;
        let left = rows.first().map(|row| row.int(0)).transpose()?;
        Ok(left.unwrap_or_default().unsigned_abs())
    }

    /// Writes what was listed; the newest activities were at `at_us`,
    /// microseconds since 1970.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn strava_polled(
        &self,
        athlete_id: AthleteId,
        at_us: i64,
        listed: StravaListed,
    ) -> Result<(), Error> {
        let mut values = vec![athlete_id.into(), at_us.into()];
        let statement = match listed {
            StravaListed::Newest => {
                "update strava_connections set polled_at_us = $2 where athlete_id = $1"
            }
            StravaListed::So(sweep) => {
                values.extend([sweep.begun_us.into(), sweep.before_us.into()]);
                "update strava_connections set polled_at_us = $2, sweep_begun_us = $3, \
                 sweep_before_us = $4 where athlete_id = $1"
            }
            StravaListed::All { begun_us } => {
                values.push(begun_us.into());
                "update strava_connections set polled_at_us = $2, swept_at_us = $3, \
                 sweep_begun_us = null, sweep_before_us = null where athlete_id = $1"
            }
        };
        let mut tx = self.db.begin().await?;
        tx.execute(statement, &values).await?;
        tx.commit().await
    }

    /// Writes how far the history was listed: down to `before_us`, or to its
    /// end.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn strava_backfilled(
        &self,
        athlete_id: AthleteId,
        before_us: Option<i64>,
        done_at_us: Option<i64>,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "update strava_connections set backfill_before_us = $2, \
             backfill_pages = backfill_pages + 1, backfill_done_at_us = $3 \
             where athlete_id = $1",
            &[athlete_id.into(), before_us.into(), done_at_us.into()],
        )
        .await?;
        tx.commit().await
    }
}

/// Takes away all that is known of an athlete at Strava.
pub(in crate::catalog) async fn remove_of(
    tx: &mut Tx,
    athlete_id: AthleteId,
) -> Result<u64, Error> {
    let mut removed = 0;
    for sql in [
        "delete from strava_events where strava_athlete_id in \
         (select strava_athlete_id from strava_connections where athlete_id = $1)",
        "delete from strava_states where athlete_id = $1",
        "delete from strava_activities where athlete_id = $1",
        "delete from strava_connections where athlete_id = $1",
    ] {
        removed += tx.execute(sql, &[Value::from(athlete_id)]).await?;
    }
    Ok(removed)
}
