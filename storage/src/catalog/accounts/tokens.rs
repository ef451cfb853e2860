//! Tokens: what a program shows, with what it may do and for how long.

use uuid::Uuid;

use super::super::Catalog;
use super::super::value::{Row, Value};
use super::trouble::AccountTrouble;
use super::{
    ACCOUNT_COLUMNS, Account, AccountAction, AccountEntry, Scopes, SecretHash, account_columns,
    audit, secret,
};
use crate::error::Error;
use crate::id::AccountId;
use crate::objects::Secret;

/// What every token begins with, so that people and scanners know one.
const PREFIX: &str = "pl_";
/// How often it is written down that a token is used.
const USED_EVERY_US: i64 = 60_000_000;

/// A token that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Whose.
    pub account_id: AccountId,
    /// What it is for, as its owner calls it.
    pub name: String,
    /// What it lets a program do.
    pub scopes: Scopes,
    /// When it ends; `None`: when it is revoked.
    pub expires_at_us: Option<i64>,
}

/// A token, without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Names it; it lets nobody in.
    pub token_id: Uuid,
    /// Whose it is.
    pub account_id: AccountId,
    /// What it is for, as its owner calls it.
    pub name: String,
    /// What it lets a program do.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at_us: i64,
    /// When it ends.
    pub expires_at_us: Option<i64>,
    /// When it was used last, to the minute.
    pub used_at_us: Option<i64>,
    /// When it was revoked.
    pub revoked_at_us: Option<i64>,
}

/// The columns of a token, in the order of [`Token::read`].
macro_rules! token_columns {
    () => {
        "token_id, api_tokens.account_id, api_tokens.name, scopes, api_tokens.created_at_us, \
         expires_at_us, used_at_us, revoked_at_us"
    };
}

impl Token {
    /// Whether it is time to write down that it is used.
    pub fn is_due(&self, now_us: i64) -> bool {
        self.used_at_us
            .is_none_or(|used| now_us - used >= USED_EVERY_US)
    }

    /// The token in the columns from `first` on.
    fn read(row: &Row, first: usize) -> Result<Self, Error> {
        Ok(Self {
            token_id: row.uuid(first)?,
            account_id: AccountId(row.int(first + 1)?),
            name: row.text(first + 2)?.to_owned(),
            scopes: Scopes::parse(row.text(first + 3)?).ok_or(Error::Column {
                column: first + 3,
                wanted: "scopes",
            })?,
            created_at_us: row.int(first + 4)?,
            expires_at_us: row.opt_int(first + 5)?,
            used_at_us: row.opt_int(first + 6)?,
            revoked_at_us: row.opt_int(first + 7)?,
        })
    }
}

impl Catalog {
    /// Makes a token, and gives its secret, which nobody can ask for again.
    ///
    /// # Errors
    /// [`AccountTrouble::NoAccount`]; [`AccountTrouble::TooWide`] for scopes that
    /// the account's role does not allow, or none; [`Error::Database`].
    pub async fn make_token(
        &self,
        new: &NewToken,
        by: Option<AccountId>,
        now_us: i64,
    ) -> Result<(Token, Secret), Error> {
        let found = self.account(new.account_id).await?;
        let account = found.filter(|account| account.disabled_at_us.is_none());
        let account = account.ok_or(Error::Account(AccountTrouble::NoAccount))?;
        if new.scopes.is_empty() || new.scopes.and(account.role.scopes()) != new.scopes {
            return Err(Error::Account(AccountTrouble::TooWide));
        }
        let (secret, hash) = secret::new(PREFIX)?;
        let token = Token {
            token_id: Uuid::now_v7(),
            account_id: new.account_id,
            name: new.name.clone(),
            scopes: new.scopes,
            created_at_us: now_us,
            expires_at_us: new.expires_at_us,
            used_at_us: None,
            revoked_at_us: None,
        };
        let mut tx = self.db.begin().await?;
        tx.execute(
            "insert into api_tokens (token_id, secret_sha256, account_id, name, scopes, \
             created_at_us, expires_at_us) values ($1, $2, $3, $4, $5, $6, $7)",
            &[
                token.token_id.into(),
                (&hash).into(),
                token.account_id.into(),
                token.name.as_str().into(),
                token.scopes.to_string().into(),
                token.created_at_us.into(),
                token.expires_at_us.into(),
            ],
        )
        .await?;
        let entry = AccountEntry::new(AccountAction::TokenMade, now_us)
            .about(token.account_id)
            .by(by)
            .with(token.token_id.to_string());
        audit::insert(&mut tx, &entry).await?;
        tx.commit().await?;
        Ok((token, secret))
    }

    /// The tokens of an account, or of all, oldest first; those that ended are
    /// among them.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn tokens(&self, of: Option<AccountId>) -> Result<Vec<Token>, Error> {
        const ALL: &str = concat!(
            "select ",
            token_columns!(),
            " from api_tokens order by token_id"
        );
        const THEIRS: &str = concat!(
            "select ",
            token_columns!(),
            " from api_tokens where account_id = $1 order by token_id"
        );
        let rows = match of {
            None => self.db.fetch(ALL, &[]).await?,
            Some(account_id) => self.db.fetch(THEIRS, &[account_id.into()]).await?,
        };
        rows.iter().map(|row| Token::read(row, 0)).collect()
    }

    /// The token of this hash and its account, if both hold.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn token(
        &self,
        hash: &SecretHash,
        now_us: i64,
    ) -> Result<Option<(Token, Account)>, Error> {
        const FIND: &str = concat!(
            "select ",
            account_columns!(),
            ", ",
            token_columns!(),
            " from api_tokens join accounts on accounts.account_id = api_tokens.account_id \
             where secret_sha256 = $1 and revoked_at_us is null and disabled_at_us is null \
             and (expires_at_us is null or expires_at_us > $2)"
        );
        let rows = self.db.fetch(FIND, &[hash.into(), now_us.into()]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        Ok(Some((
            Token::read(row, ACCOUNT_COLUMNS)?,
            Account::read(row)?,
        )))
    }

    /// Writes down that a token is used, at most once a minute.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn touch_token(&self, token_id: Uuid, now_us: i64) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        tx.execute(
            "update api_tokens set used_at_us = $2 \
             where token_id = $1 and (used_at_us is null or used_at_us <= $3)",
            &[
                token_id.into(),
                now_us.into(),
                Value::Int(now_us - USED_EVERY_US),
            ],
        )
        .await?;
        tx.commit().await
    }

    /// Revokes a token, of `owner` where one is named. Revoking it again
    /// changes nothing.
    ///
    /// # Errors
    /// [`AccountTrouble::NoToken`], also where it is another account's;
    /// [`Error::Database`].
    pub async fn revoke_token(
        &self,
        token_id: Uuid,
        owner: Option<AccountId>,
        by: Option<AccountId>,
        now_us: i64,
    ) -> Result<(), Error> {
        let mut tx = self.db.begin().await?;
        let rows = tx
            .fetch(
                "select account_id, revoked_at_us from api_tokens where token_id = $1",
                &[token_id.into()],
            )
            .await?;
        let row = rows
            .first()
            .ok_or(Error::Account(AccountTrouble::NoToken))?;
        let account_id = AccountId(row.int(0)?);
        if owner.is_some_and(|owner| owner != account_id) {
            return Err(Error::Account(AccountTrouble::NoToken));
        }
        if row.opt_int(1)?.is_some() {
            return Ok(());
        }
        tx.execute(
            "update api_tokens set revoked_at_us = $2 \
             where token_id = $1 and revoked_at_us is null",
            &[token_id.into(), now_us.into()],
        )
        .await?;
        let entry = AccountEntry::new(AccountAction::TokenRevoked, now_us)
            .about(account_id)
            .by(by)
            .with(token_id.to_string());
        audit::insert(&mut tx, &entry).await?;
        tx.commit().await
    }
}
