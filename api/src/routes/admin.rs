//! What whoever runs the installation sees and begins.

pub mod activity_jobs;
pub mod chores;
pub mod webhooks;

use jiff::Timestamp;
use storage::catalog::{AccountAction, AccountEntry};
use storage::{AthleteId, Code};

use crate::access::Caller;
use crate::problem::Problem;
use crate::state::State;

/// Writes into the accounts' audit what was done, and by whom.
///
/// # Errors
/// Where the catalog fails.
async fn audit(
    state: &State,
    by: &Caller,
    action: AccountAction,
    detail: String,
) -> Result<(), Problem> {
    let entry = AccountEntry::new(action, Timestamp::now().as_microsecond());
    let entry = entry.by(by.account_id()).with(detail);
    Ok(state.storage.catalog.write_account_audit(&entry).await?)
}

/// Refuses an athlete that there is not.
///
/// # Errors
/// `not_found`, and where the catalog fails.
async fn known(state: &State, athlete_id: Option<AthleteId>) -> Result<(), Problem> {
    let Some(athlete_id) = athlete_id else {
        return Ok(());
    };
    match state.storage.catalog.athlete(athlete_id).await? {
        Some(_) => Ok(()),
        None => Err(Problem::new(
            Code::NotFound,
            format!("there is no athlete {athlete_id}"),
            "list them with `pacelake athlete ls`, or leave it out for all of them",
        )),
    }
}
