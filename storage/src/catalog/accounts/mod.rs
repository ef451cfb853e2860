//! Accounts: who signs in, and what they may do.
//!
//! An account acts for at most one athlete. It signs in with a password and
//! has [sessions](Session) then, or gives programs [tokens](Token); a
//! [link](Link) makes an account or sets its password anew. Of what lets
//! someone in only hashes are kept ([`SecretHash`]), and every change is in the
//! account's own audit ([`AccountEntry`]).
//!
//! Times are microseconds since 1970, UTC, and are given by who asks.

mod audit;
mod links;
mod rights;
mod secret;
mod sessions;
mod tokens;
mod trouble;

pub use audit::{AccountAction, AccountEntry};
pub use links::{Link, LinkWish};
pub use rights::{Role, Scope, Scopes};
pub use secret::SecretHash;
pub use sessions::Session;
pub use tokens::{NewToken, Token};
pub use trouble::AccountTrouble;

use super::value::{Row, Value};
use super::{Catalog, Tx};
use crate::error::Error;
use crate::id::{AccountId, AthleteId};
use crate::objects::Secret;

/// The longest name of an account, in bytes.
const MAX_NAME: usize = 64;
/// One day, in microseconds.
pub(super) const DAY_US: i64 = 86_400_000_000;

/// Someone who signs in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Who it is; the first is 1.
    pub account_id: AccountId,
    /// What they sign in with: lower case, without spaces.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whose rows they see.
    pub athlete_id: Option<AthleteId>,
    /// When it was made.
    pub created_at_us: i64,
    /// Since when nobody signs in with it.
    pub disabled_at_us: Option<i64>,
}

/// The columns of an account in the order of [`Account::read`], in a statement
/// that calls `accounts` so.
macro_rules! account_columns {
    () => {
        "accounts.account_id, accounts.name, accounts.role, accounts.athlete_id, \
         accounts.created_at_us, accounts.disabled_at_us"
    };
}
use account_columns;

/// How many there are.
const ACCOUNT_COLUMNS: usize = 6;

impl Account {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            account_id: AccountId(row.int(0)?),
            name: row.text(1)?.to_owned(),
            role: Role::parse(row.text(2)?).ok_or(Error::Column {
                column: 2,
                wanted: "a role",
            })?,
            athlete_id: row.opt_int(3)?.map(AthleteId),
            created_at_us: row.int(4)?,
            disabled_at_us: row.opt_int(5)?,
        })
    }
}

/// The name as it is kept: in lower case.
///
/// # Errors
/// [`AccountTrouble::BadName`] for one that is empty, too long, or holds other
/// characters than ASCII letters, digits and `.`, `_`, `-`, `+`, `@`: names that
/// look alike are alike.
pub fn account_name(text: &str) -> Result<String, Error> {
    let name = text.trim().to_ascii_lowercase();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+@".contains(&byte);
    if name.is_empty() || name.len() > MAX_NAME || !name.bytes().all(plain) {
        return Err(Error::Account(AccountTrouble::BadName));
    }
    Ok(name)
}

impl Catalog {
    /// Whether there is an account, or ever was one.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn has_accounts(&self) -> Result<bool, Error> {
        let rows = self.db.fetch("select 1 from accounts limit 1", &[]).await?;
        Ok(!rows.is_empty())
    }

    /// All accounts, by id.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn accounts(&self) -> Result<Vec<Account>, Error> {
        const ALL: &str = concat!(
            "select ",
            account_columns!(),
            " from accounts order by account_id"
        );
        let rows = self.db.fetch(ALL, &[]).await?;
        rows.iter().map(Account::read).collect()
    }

    /// One account, if there is one of this id.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn account(&self, account_id: AccountId) -> Result<Option<Account>, Error> {
        const ONE: &str = concat!(
            "select ",
            account_columns!(),
            " from accounts where account_id = $1"
        );
        let rows = self.db.fetch(ONE, &[account_id.into()]).await?;
        rows.first().map(Account::read).transpose()
    }

    /// The account of this name, in any case, with the hash of its password,
    /// where it has one.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn account_named(
        &self,
        name: &str,
    ) -> Result<Option<(Account, Option<Secret>)>, Error> {
        const ONE: &str = concat!(
            "select ",
            account_columns!(),
            ", accounts.password from accounts where name = $1"
        );
        let Ok(name) = account_name(name) else {
            return Ok(None);
        };
        let rows = self.db.fetch(ONE, &[name.into()]).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let password = row.opt_text(ACCOUNT_COLUMNS)?.map(Secret::new);
        Ok(Some((Account::read(row)?, password)))
    }

    /// Lets nobody sign in with an account any more: its sessions end and its
    /// tokens are revoked. Disabling it again changes nothing.
    ///
    /// # Errors
    /// [`AccountTrouble::NoAccount`]; [`AccountTrouble::LastAdmin`] where
    /// nobody could make accounts any more; [`Error::Database`].
    pub async fn disable_account(
        &self,
        account_id: AccountId,
        by: Option<AccountId>,
        now_us: i64,
    ) -> Result<Account, Error> {
        let found = self.account(account_id).await?;
        let account = found.ok_or(Error::Account(AccountTrouble::NoAccount))?;
        if account.disabled_at_us.is_some() {
            return Ok(account);
        }
        let mut tx = self.db.begin().await?;
        // Whoever disables another admin meanwhile waits for these rows.
        tx.execute("update accounts set role = role where role = 'admin'", &[])
            .await?;
        let others = tx
            .fetch(
                "select 1 from accounts where role = 'admin' and disabled_at_us is null \
                 and account_id <> $1 limit 1",
                &[account_id.into()],
            )
            .await?;
        if account.role == Role::Admin && others.is_empty() {
            return Err(Error::Account(AccountTrouble::LastAdmin));
        }
        tx.execute(
            "update accounts set disabled_at_us = $2 \
             where account_id = $1 and disabled_at_us is null",
            &[account_id.into(), now_us.into()],
        )
        .await?;
        shut_out(&mut tx, account_id, now_us).await?;
        let entry = AccountEntry::new(AccountAction::Disabled, now_us)
            .about(account_id)
            .by(by);
        audit::insert(&mut tx, &entry).await?;
        tx.commit().await?;
        Ok(Account {
            disabled_at_us: Some(now_us),
            ..account
        })
    }
}

/// Ends the sessions of an account, and revokes its tokens and links.
async fn shut_out(tx: &mut Tx, account_id: AccountId, now_us: i64) -> Result<(), Error> {
    tx.execute(
        "delete from sessions where account_id = $1",
        &[account_id.into()],
    )
    .await?;
    tx.execute(
        "update api_tokens set revoked_at_us = $2 \
         where account_id = $1 and revoked_at_us is null",
        &[account_id.into(), now_us.into()],
    )
    .await?;
    tx.execute(
        "update account_links set used_at_us = $2 \
         where account_id = $1 and used_at_us is null",
        &[account_id.into(), now_us.into()],
    )
    .await?;
    Ok(())
}

/// Makes an account. `first` makes it only where there is none, and never was.
///
/// # Errors
/// [`AccountTrouble::NameTaken`]; [`AccountTrouble::NoLink`] where it would not
/// be the first; [`Error::Database`].
async fn insert(tx: &mut Tx, account: &Account, first: bool) -> Result<AccountId, Error> {
    loop {
        let next = tx
            .fetch("select coalesce(max(account_id), 0) + 1 from accounts", &[])
            .await?;
        let next = next.first().map_or(Ok(1), |row| row.int(0))?;
        if first && next != 1 {
            return Err(Error::Account(AccountTrouble::NoLink));
        }
        let made = tx
            .execute(
                "insert into accounts (account_id, name, role, athlete_id, created_at_us) \
                 values ($1, $2, $3, $4, $5) on conflict do nothing",
                &[
                    next.into(),
                    account.name.as_str().into(),
                    account.role.name().into(),
                    account.athlete_id.into(),
                    account.created_at_us.into(),
                ],
            )
            .await?;
        if made == 1 {
            return Ok(AccountId(next));
        }
        let taken = tx
            .fetch(
                "select 1 from accounts where name = $1",
                &[account.name.as_str().into()],
            )
            .await?;
        if !taken.is_empty() {
            return Err(Error::Account(AccountTrouble::NameTaken));
        }
        // Another process took the number meanwhile; the next is free.
    }
}

/// Sets the hash of an account's password.
async fn set_password(tx: &mut Tx, account_id: AccountId, password: &Secret) -> Result<u64, Error> {
    tx.execute(
        "update accounts set password = $2 where account_id = $1 and disabled_at_us is null",
        &[account_id.into(), Value::from(password.reveal())],
    )
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_look_alike_are_alike() {
        let named = |text| account_name(text).ok();
        assert_eq!(
            named(" Kari.Nordmann@Example.org "),
            named("kari.nordmann@example.org")
        );
        assert_eq!(named("Ola+1_a-b").as_deref(), Some("ola+1_a-b"));
        // A Cyrillic а, a space, a line break, nothing, too much.
        for bad in ["k\u{430}ri", "a b", "a\nb", "", "  ", &"x".repeat(65)] {
            assert_eq!(named(bad), None, "{bad:?}");
        }
    }
}
