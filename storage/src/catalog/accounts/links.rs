//! Links that do one thing once: make an account, or set its password anew.

use super::super::athletes::CREATE;
use super::super::value::{Row, Value};
use super::super::{Catalog, Tx};
use super::trouble::AccountTrouble;
use super::{
    Account, AccountAction, AccountEntry, DAY_US, Role, SecretHash, account_name, audit, insert,
    secret, set_password,
};
use crate::error::Error;
use crate::id::{AccountId, AthleteId};
use crate::objects::Secret;

/// What a link does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkWish {
    /// Makes the first account, an admin's; void as soon as there is one.
    FirstAccount {
        /// Whom it acts for.
        athlete_id: Option<AthleteId>,
    },
    /// Makes an account.
    Invite {
        /// What it may do.
        role: Role,
        /// Whom it acts for; `None`: an athlete who is made with it, and nobody
        /// for an admin.
        athlete_id: Option<AthleteId>,
    },
    /// Sets a password anew, and ends all sessions.
    Reset {
        /// Whose.
        account_id: AccountId,
    },
}

impl LinkWish {
    fn purpose(self) -> &'static str {
        match self {
            Self::FirstAccount { .. } => "first_account",
            Self::Invite { .. } => "invite",
            Self::Reset { .. } => "reset",
        }
    }

    /// How long such a link holds, in microseconds.
    fn lasts_us(self) -> i64 {
        match self {
            Self::FirstAccount { .. } => DAY_US / 24,
            Self::Invite { .. } => 7 * DAY_US,
            Self::Reset { .. } => DAY_US,
        }
    }

    /// The wish in columns 0 to 3 of a row: purpose, account, role, athlete.
    fn read(row: &Row) -> Result<Self, Error> {
        let unknown = |column: usize| Error::Column {
            column,
            wanted: "what a link does",
        };
        let athlete_id = row.opt_int(3)?.map(AthleteId);
        Ok(match row.text(0)? {
            "first_account" => Self::FirstAccount { athlete_id },
            "invite" => Self::Invite {
                role: Role::parse(row.text(2)?).ok_or_else(|| unknown(2))?,
                athlete_id,
            },
            "reset" => Self::Reset {
                account_id: AccountId(row.int(1)?),
            },
            _ => return Err(unknown(0)),
        })
    }
}

/// A link that still does what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What it does.
    pub wish: LinkWish,
    /// When it is too old.
    pub expires_at_us: i64,
    /// The name of the account that it is for, where there is one.
    pub name: Option<String>,
}

impl Catalog {
    /// Makes a link; gives its secret and when it is too old.
    ///
    /// # Errors
    /// [`AccountTrouble::NeedsAthlete`] for an analyst without an athlete;
    /// [`AccountTrouble::NoAccount`], [`Error::NoAthlete`], [`Error::Database`].
    pub async fn make_link(
        &self,
        wish: LinkWish,
        by: Option<AccountId>,
        now_us: i64,
    ) -> Result<(Secret, i64), Error> {
        let (account_id, role, athlete_id) = match wish {
            LinkWish::FirstAccount { athlete_id } => (None, Some(Role::Admin), athlete_id),
            LinkWish::Invite { role, athlete_id } => (None, Some(role), athlete_id),
            LinkWish::Reset { account_id } => (Some(account_id), None, None),
        };
        if role == Some(Role::Analyst) && athlete_id.is_none() {
            return Err(Error::Account(AccountTrouble::NeedsAthlete));
        }
        if let Some(athlete_id) = athlete_id
            && self.athlete(athlete_id).await?.is_none()
        {
            return Err(Error::NoAthlete { athlete_id });
        }
        if let Some(account_id) = account_id {
            let found = self.account(account_id).await?;
            if found.is_none_or(|account| account.disabled_at_us.is_some()) {
                return Err(Error::Account(AccountTrouble::NoAccount));
            }
        }
        let (secret, hash) = secret::new("")?;
        let expires_at_us = now_us + wish.lasts_us();
        let mut tx = self.db.begin().await?;
        tx.execute(
            "insert into account_links (secret_sha256, purpose, account_id, role, athlete_id, \
             created_at_us, expires_at_us) values ($1, $2, $3, $4, $5, $6, $7)",
            &[
                (&hash).into(),
                wish.purpose().into(),
                account_id.into(),
                role.map(Role::name).into(),
                athlete_id.into(),
                now_us.into(),
                expires_at_us.into(),
            ],
        )
        .await?;
        let entry = AccountEntry::new(AccountAction::LinkMade, now_us)
            .about(account_id)
            .by(by)
            .with(wish.purpose());
        audit::insert(&mut tx, &entry).await?;
        tx.commit().await?;
        Ok((secret, expires_at_us))
    }

    /// The link of this hash, if it still does what it says.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn link(&self, hash: &SecretHash, now_us: i64) -> Result<Option<Link>, Error> {
        let rows = self
            .db
            .fetch(
                "select purpose, account_links.account_id, account_links.role, \
                 account_links.athlete_id, expires_at_us, accounts.name from account_links \
                 left join accounts on accounts.account_id = account_links.account_id \
                 where secret_sha256 = $1 and used_at_us is null and expires_at_us > $2",
                &[hash.into(), now_us.into()],
            )
            .await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let link = Link {
            wish: LinkWish::read(row)?,
            expires_at_us: row.int(4)?,
            name: row.opt_text(5)?.map(str::to_owned),
        };
        let is_void = match link.wish {
            LinkWish::FirstAccount { .. } => self.has_accounts().await?,
            LinkWish::Invite { .. } | LinkWish::Reset { .. } => false,
        };
        Ok((!is_void).then_some(link))
    }

    /// Does what a link says, once: makes the account of this name, or finds
    /// its own, and sets the hash of its password.
    ///
    /// # Errors
    /// [`AccountTrouble::NoLink`] where it does nothing (any more);
    /// [`AccountTrouble::BadName`] and [`AccountTrouble::NameTaken`], after which
    /// it can be used again; [`Error::Database`].
    pub async fn use_link(
        &self,
        hash: &SecretHash,
        name: &str,
        password: &Secret,
        now_us: i64,
    ) -> Result<Account, Error> {
        let mut tx = self.db.begin().await?;
        let rows = tx
            .fetch(
                "update account_links set used_at_us = $2 where secret_sha256 = $1 \
                 and used_at_us is null and expires_at_us > $2 \
                 returning purpose, account_id, role, athlete_id",
                &[hash.into(), now_us.into()],
            )
            .await?;
        let row = rows.first().ok_or(Error::Account(AccountTrouble::NoLink))?;
        let (account_id, action) = match LinkWish::read(row)? {
            LinkWish::FirstAccount { athlete_id } => {
                let account = born(name, Role::Admin, athlete_id, now_us)?;
                let id = insert(&mut tx, &account, true).await?;
                (id, AccountAction::Created)
            }
            LinkWish::Invite { role, athlete_id } => {
                let mut account = born(name, role, athlete_id, now_us)?;
                if role == Role::Athlete && athlete_id.is_none() {
                    account.athlete_id = Some(new_athlete(&mut tx, &account.name).await?);
                }
                let id = insert(&mut tx, &account, false).await?;
                (id, AccountAction::Created)
            }
            LinkWish::Reset { account_id } => {
                for statement in [
                    "delete from sessions where account_id = $1",
                    "update account_links set used_at_us = created_at_us \
                     where account_id = $1 and used_at_us is null",
                ] {
                    tx.execute(statement, &[account_id.into()]).await?;
                }
                (account_id, AccountAction::PasswordSet)
            }
        };
        if set_password(&mut tx, account_id, password).await? == 0 {
            return Err(Error::Account(AccountTrouble::NoAccount));
        }
        let entry = AccountEntry::new(action, now_us)
            .about(account_id)
            .by(account_id);
        audit::insert(&mut tx, &entry).await?;
        tx.commit().await?;
        let made = self.account(account_id).await?;
        made.ok_or(Error::Account(AccountTrouble::NoAccount))
    }
}

/// An account that is to be made; its id is not known yet.
fn born(
    name: &str,
    role: Role,
    athlete_id: Option<AthleteId>,
    now_us: i64,
) -> Result<Account, Error> {
    Ok(Account {
        account_id: AccountId(0),
        name: account_name(name)?,
        role,
        athlete_id,
        created_at_us: now_us,
        disabled_at_us: None,
    })
}

/// Makes the athlete that a new account acts for.
async fn new_athlete(tx: &mut Tx, name: &str) -> Result<AthleteId, Error> {
    loop {
        let rows = tx.fetch(CREATE, &[name.into(), Value::Int(1)]).await?;
        // No row: another process took the id meanwhile; the next is free.
        if let Some(row) = rows.first() {
            return row.int(0).map(AthleteId);
        }
    }
}
