//! The catalog database, and our own tables in it.
//!
//! Two catalogs share one database: DuckLake's tables, which only
//! `ducklake/` knows, and ours beside them. [`Db`] speaks to both.
//!
//! Ours say who the athletes are, which activities exist and in which
//! revision, which recordings each comes from, and what every write did. They
//! are written in the transaction of the lake's commit, by [`apply`].

mod accounts;
mod athletes;
mod audit;
mod change;
#[cfg(any(test, feature = "testing"))]
pub mod conformance;
mod corrections;
mod db;
mod dialect;
mod erase;
mod identity;
mod journal;
pub(crate) mod leases;
mod migrations;
#[cfg(any(test, feature = "testing"))]
mod plans;
mod purge_steps;
mod purges;
mod queue;
mod retention;
mod statement;
mod strava;
pub(crate) mod tools;
mod trouble;
mod tx;
mod value;

pub use accounts::{
    Account, AccountAction, AccountEntry, AccountTrouble, Link, LinkWish, NewToken, Role, Scope,
    Scopes, SecretHash, Session, Token, account_name,
};
pub use athletes::Athlete;
pub use audit::{AuditEntry, AuditFilter, Outcome};
pub use change::{ActivityEnd, ActivityWrite, CatalogChange, Reconciled, apply};
pub use corrections::{Correct, Correction};
pub use db::{Db, Dialect};
pub use identity::{Pointer, Source};
pub use journal::Counts;
pub use leases::Lease;
pub(crate) use purge_steps::rewritten;
pub use purges::{Purge, PurgeCounts, PurgeOrder, Target};
pub use queue::{
    ANY_PRIORITY, Again, Beat, ClaimOrder, End, Enqueued, Held, JobFilter, JobRow, JobState,
    JobStats, Keep, NewJob, Trouble, WorkerRow, enqueue_in,
};
pub use retention::{ReleaseOrder, ReleaseStep, Which, retain_until_us};
pub use strava::{
    AuthState, BudgetLimits, BudgetUse, BudgetWindow, ConnectionStatus, MirrorCounts, MirrorRow,
    NewAuthState, NewConnection, StoredEvent, StravaApp, StravaAudience, StravaConnection,
    StravaEvent, StravaListed, StravaSweep, StravaTokens, Taken, Windows,
};
pub use trouble::CatalogTrouble;
pub use tx::Tx;
pub use value::{Row, Value};

use crate::error::Error;

/// Our own catalog. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Catalog {
    db: Db,
}

impl Catalog {
    /// Opens our catalog in `db`, making or updating its tables.
    ///
    /// # Errors
    /// [`Error::UnknownCatalog`] where a newer build made the tables;
    /// [`Error::Database`].
    pub async fn open(db: Db) -> Result<Self, Error> {
        migrations::migrate(&db).await?;
        Ok(Self { db })
    }

    /// The database that holds it.
    pub fn db(&self) -> &Db {
        &self.db
    }
}
