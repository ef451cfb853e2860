//! Sessions: a browser that signed in.

use uuid::Uuid;

use super::super::Catalog;
use super::super::value::{Row, Value};
use super::{
    ACCOUNT_COLUMNS, Account, AccountAction, AccountEntry, DAY_US, SecretHash, account_columns,
    audit, secret,
};
use crate::error::Error;
use crate::id::AccountId;
use crate::objects::Secret;

/// How long a session lasts that nobody uses.
const IDLE_US: i64 = 14 * DAY_US;
/// How long it lasts at most.
const MOST_US: i64 = 90 * DAY_US;
/// How often it is written down that it is used.
const SEEN_EVERY_US: i64 = 60_000_000;

/// A browser that signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Names it; it lets nobody in.
    pub session_id: Uuid,
    /// When it began.
    pub created_at_us: i64,
    /// When it was used last, to the minute.
    pub seen_at_us: i64,
    /// When it ends, if it is not used before.
    pub expires_at_us: i64,
}

impl Session {
    /// The longest that one may last, in seconds: what a cookie is told.
    pub const MOST_S: i64 = MOST_US / 1_000_000;

    /// Whether it is time to write down that it is used.
    pub fn is_due(&self, now_us: i64) -> bool {
        now_us - self.seen_at_us >= SEEN_EVERY_US
    }

    /// The session in the columns from `first` on.
    fn read(row: &Row, first: usize) -> Result<Self, Error> {
        Ok(Self {
            session_id: row.uuid(first)?,
            created_at_us: row.int(first + 1)?,
            seen_at_us: row.int(first + 2)?,
            expires_at_us: row.int(first + 3)?,
        })
    }
}

impl Catalog {
    /// Begins a session of an account and ends the one of `previous`, if there
    /// is one; gives its secret. Sessions that are over go.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn begin_session(
        &self,
        account_id: AccountId,
        previous: Option<&SecretHash>,
        now_us: i64,
    ) -> Result<Secret, Error> {
        let (secret, hash) = secret::new("")?;
        let session_id = Uuid::now_v7();
        let mut tx = self.db.begin().await?;
        tx.execute(
            "delete from sessions where expires_at_us <= $1",
            &[now_us.into()],
        )
        .await?;
        if let Some(previous) = previous {
            tx.execute(
                "delete from sessions where secret_sha256 = $1",
                &[previous.into()],
            )
            .await?;
        }
        tx.execute(
            "insert into sessions (secret_sha256, session_id, account_id, created_at_us, \
             seen_at_us, expires_at_us) values ($1, $2, $3, $4, $4, $5)",
            &[
                (&hash).into(),
                session_id.into(),
                account_id.into(),
                now_us.into(),
                Value::Int(now_us + IDLE_US),
            ],
        )
        .await?;
        let entry = AccountEntry::new(AccountAction::SignedIn, now_us)
            .about(account_id)
            .by(account_id)
            .with(session_id.to_string());
        audit::insert(&mut tx, &entry).await?;
        tx.commit().await?;
        Ok(secret)
    }

    /// The session of this hash and its account, if both hold.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn session(
        &self,
        hash: &SecretHash,
        now_us: i64,
    ) -> Result<Option<(Session, Account)>, Error> {
        const FIND: &str = concat!(
            "select ",
            account_columns!(),
            ", session_id, sessions.created_at_us, seen_at_us, expires_at_us \
             from sessions join accounts on accounts.account_id = sessions.account_id \
             where secret_sha256 = $1 and expires_at_us > $2 and disabled_at_us is null"
        );
        let rows = self.db.fetch(FIND, &[hash.into(), now_us.into()]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some((
            Session::read(row, ACCOUNT_COLUMNS)?,
            Account::read(row)?,
        )))
    }

    /// Writes down that a session is used, so that it lasts longer; at most
    /// once a minute.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn touch_session(&self, session: &Session, now_us: i64) -> Result<(), Error> {
        let until = (now_us + IDLE_US).min(session.created_at_us + MOST_US);
        let mut tx = self.db.begin().await?;
        tx.execute(
            "update sessions set seen_at_us = $2, expires_at_us = $3 \
             where session_id = $1 and seen_at_us <= $4",
            &[
                session.session_id.into(),
                now_us.into(),
                until.into(),
                Value::Int(now_us - SEEN_EVERY_US),
            ],
        )
        .await?;
        tx.commit().await
    }

    /// The sessions of an account that hold, newest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn sessions_of(
        &self,
        account_id: AccountId,
        now_us: i64,
    ) -> Result<Vec<Session>, Error> {
        let rows = self
            .db
            .fetch(
                "select session_id, created_at_us, seen_at_us, expires_at_us from sessions \
                 where account_id = $1 and expires_at_us > $2 order by session_id desc",
                &[account_id.into(), now_us.into()],
            )
            .await?;
        rows.iter().map(|row| Session::read(row, 0)).collect()
    }

    /// Ends a session of an account, or all of them where none is named;
    /// answers how many ended.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn end_sessions(
        &self,
        account_id: AccountId,
        session_id: Option<Uuid>,
        now_us: i64,
    ) -> Result<u64, Error> {
        let mut tx = self.db.begin().await?;
        let ended = match session_id {
            Some(session_id) => {
                tx.execute(
                    "delete from sessions where account_id = $1 and session_id = $2",
                    &[account_id.into(), session_id.into()],
                )
                .await?
            }
            None => {
                tx.execute(
                    "delete from sessions where account_id = $1",
                    &[account_id.into()],
                )
                .await?
            }
        };
        let which = session_id.map_or_else(|| "everywhere".to_owned(), |id| id.to_string());
        let entry = AccountEntry::new(AccountAction::SignedOut, now_us)
            .about(account_id)
            .by(account_id)
            .with(which);
        audit::insert(&mut tx, &entry).await?;
        tx.commit().await?;
        Ok(ended)
    }
}
