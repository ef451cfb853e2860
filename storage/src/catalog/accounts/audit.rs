//! What was done with accounts, and by those who run the installation: every
//! sign-in, failure, making and revoking; what was begun, subscribed and cleared.

use uuid::Uuid;

use super::super::value::{Row, Value};
use super::super::{Catalog, Tx};
use crate::error::Error;
use crate::id::AccountId;

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountAction {
    /// A link was made that makes an account or sets a password.
    LinkMade,
    /// An account was made by a link.
    Created,
    /// A password was set anew by a link.
    PasswordSet,
    /// Someone signed in.
    SignedIn,
    /// Someone could not sign in.
    SignInFailed,
    /// Someone signed out, here or everywhere.
    SignedOut,
    /// A token was made.
    TokenMade,
    /// A token was revoked.
    TokenRevoked,
    /// An account was disabled.
    Disabled,
    /// Events of Strava were asked for.
    Subscribed,
    /// A subscription to events of Strava was ended.
    Unsubscribed,
    /// Work for the installation was begun.
    JobBegun,
    /// Jobs that were over were removed.
    JobsCleared,
}

impl AccountAction {
    /// Every action.
    pub const ALL: [Self; 13] = [
        Self::LinkMade,
        Self::Created,
        Self::PasswordSet,
        Self::SignedIn,
        Self::SignInFailed,
        Self::SignedOut,
        Self::TokenMade,
        Self::TokenRevoked,
        Self::Disabled,
        Self::Subscribed,
        Self::Unsubscribed,
        Self::JobBegun,
        Self::JobsCleared,
    ];

    /// Its name in tables and output.
    pub fn name(self) -> &'static str {
        match self {
            Self::LinkMade => "link_made",
            Self::Created => "created",
            Self::PasswordSet => "password_set",
            Self::SignedIn => "signed_in",
            Self::SignInFailed => "sign_in_failed",
            Self::SignedOut => "signed_out",
            Self::TokenMade => "token_made",
            Self::TokenRevoked => "token_revoked",
            Self::Disabled => "disabled",
            Self::Subscribed => "subscribed",
            Self::Unsubscribed => "unsubscribed",
            Self::JobBegun => "job_begun",
            Self::JobsCleared => "jobs_cleared",
        }
    }
}

/// One line of the accounts' audit. It never holds a secret, nor a name that
/// somebody typed where a password belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountEntry {
    /// A UUID of version 7: entries are ordered by it.
    pub entry_id: Uuid,
    /// When, in microseconds since 1970, UTC.
    pub at_us: i64,
    /// Whom it concerns; `None`: nobody that there is.
    pub account_id: Option<AccountId>,
    /// Who did it; `None`: the command line, or somebody unknown.
    pub by_account_id: Option<AccountId>,
    /// What was done.
    pub action: AccountAction,
    /// To what of the account, such as a token's id.
    pub detail: Option<String>,
}

impl AccountEntry {
    /// An action at that time that concerns nobody yet.
    pub fn new(action: AccountAction, at_us: i64) -> Self {
        Self {
            entry_id: Uuid::now_v7(),
            at_us,
            account_id: None,
            by_account_id: None,
            action,
            detail: None,
        }
    }

    /// The same, about this account.
    pub fn about(mut self, account_id: impl Into<Option<AccountId>>) -> Self {
        self.account_id = account_id.into();
        self
    }

    /// The same, done by this one.
    pub fn by(mut self, account_id: impl Into<Option<AccountId>>) -> Self {
        self.by_account_id = account_id.into();
        self
    }

    /// The same, with what it was done to.
    pub fn with(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    fn read(row: &Row) -> Result<Self, Error> {
        let named = row.text(4)?;
        let mut actions = AccountAction::ALL.into_iter();
        Ok(Self {
            entry_id: row.uuid(0)?,
            at_us: row.int(1)?,
            account_id: row.opt_int(2)?.map(AccountId),
            by_account_id: row.opt_int(3)?.map(AccountId),
            action: actions
                .find(|action| action.name() == named)
                .ok_or(Error::Column {
                    column: 4,
                    wanted: "an action",
                })?,
            detail: row.opt_text(5)?.map(str::to_owned),
        })
    }
}

impl Catalog {
    /// The newest entries of the accounts' audit, newest first.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn account_audit(&self, limit: u32) -> Result<Vec<AccountEntry>, Error> {
        let rows = self
            .db
            .fetch(
                "select entry_id, at_us, account_id, by_account_id, action, detail \
                 from account_audit order by entry_id desc limit $1",
                &[Value::Int(limit.into())],
            )
            .await?;
        rows.iter().map(AccountEntry::read).collect()
    }

    /// Writes one entry that belongs to no other change.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn write_account_audit(&self, entry: &AccountEntry) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        insert(&mut tx, entry).await?;
        tx.commit().await
    }
}

/// Writes an entry in the transaction of what it tells of.
pub(super) async fn insert(tx: &mut Tx, entry: &AccountEntry) -> Result<(), Error> {
    tx.execute(
        "insert into account_audit (entry_id, at_us, account_id, by_account_id, action, detail) \
         values ($1, $2, $3, $4, $5, $6)",
        &[
            entry.entry_id.into(),
            entry.at_us.into(),
            entry.account_id.into(),
            entry.by_account_id.into(),
            entry.action.name().into(),
            entry.detail.as_deref().into(),
        ],
    )
    .await?;
    Ok(())
}
