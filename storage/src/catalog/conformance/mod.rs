//! The promises of our catalog, as functions that either database must pass.
//!
//! Each takes a [`Place`] of its own, opens what it needs there, and panics
//! where a promise is broken.

mod accounts;
mod cost;
mod database;
mod identity;
mod lookups;
mod queue;
mod retention;
mod strava;

pub use accounts::*;
pub use cost::*;
pub use database::*;
pub use identity::*;
pub use lookups::*;
pub use queue::*;
pub use retention::*;
pub use strava::*;

use uuid::Uuid;

use super::{ActivityWrite, AuditEntry, Catalog, CatalogChange, Db, Outcome, Source, apply};
use crate::error::Error;
use crate::id::{ActivityId, ActivityKey, AthleteId};
use crate::testing::Place;

#[cfg(test)]
crate::testing::on_both!(
    values_come_back_as_they_were,
    many_rows_are_written_and_updated,
    a_dropped_transaction_leaves_nothing,
    writers_wait_for_each_other,
    a_reader_sees_one_state,
    processes_may_open_at_once,
    a_newer_catalog_is_refused,
    what_another_writer_caused_may_be_retried,
    athletes_count_up_from_one,
    an_activity_is_born_once,
    of_many_births_one_succeeds,
    a_revision_is_written_over_the_one_it_knew,
    an_ended_activity_keeps_its_id,
    sources_are_found_by_each_key,
    pages_hold_every_activity_once,
    athletes_rise_and_are_reconciled,
    corrections_hold_from_one_revision_to_another,
    identity_has_one_writer,
    the_audit_answers_every_filter,
    activities_tell_who_wrote_them,
    the_cost_of_a_change_is_constant,
    a_refreshed_token_has_one_writer,
    a_sweep_goes_on_where_it_was_left,
    a_strava_account_is_one_athletes,
    a_sign_in_is_used_once,
    the_limits_are_one_account,
    strava_says_how_much_is_used,
    the_mirror_tells_what_changed,
    an_event_is_kept_once,
    a_key_has_one_live_job,
    jobs_come_with_their_transaction,
    what_is_asked_for_while_it_runs_runs_again,
    jobs_go_by_time_priority_turn_and_age,
    jobs_above_the_ceiling_stay,
    athletes_take_turns,
    no_job_is_claimed_twice,
    many_may_enqueue_the_same_at_once,
    dead_workers_lose_their_jobs,
    waits_are_no_attempts,
    failures_end_and_can_be_retried,
    jobs_can_be_called_off,
    recurring_jobs_go_on,
    what_is_seen_to_undoes_no_wait,
    the_history_is_bounded,
    an_athlete_s_jobs_are_forgotten,
    jobs_go_with_their_athlete,
    workers_are_known_while_they_live,
    the_cost_of_a_job_is_constant,
    the_first_account_is_made_once,
    links_do_one_thing_once,
    sessions_last_while_they_are_used,
    tokens_keep_to_the_role_and_end,
    disabling_shuts_out,
    only_hashes_are_kept,
    a_purge_takes_accounts_along,
    recordings_know_how_long_they_stay,
    copies_get_their_day,
    a_copy_that_was_seen_again_is_not_replaced,
    a_release_takes_what_it_names,
);

const ONE: AthleteId = AthleteId(1);

async fn open_db(place: &Place) -> Db {
    match &place.catalog {
        None => Db::open_sqlite(&place.data_dir.path().join("catalog.sqlite")).await,
        Some(url) => Db::open_postgres(url).await,
    }
    .expect("the catalog's database opens")
}

async fn open(place: &Place) -> Catalog {
    Catalog::open(open_db(place).await)
        .await
        .expect("the catalog opens")
}

/// A catalog with athletes 1 to `athletes`.
async fn open_with_athletes(place: &Place, athletes: usize) -> Catalog {
    let catalog = open(place).await;
    for _ in 0..athletes {
        catalog.create_athlete(None).await.unwrap();
    }
    catalog
}

async fn commit(catalog: &Catalog, change: &CatalogChange) -> Result<(), Error> {
    let mut tx = catalog.db().begin().await?;
    apply(&mut tx, change).await?;
    tx.commit().await
}

fn key(athlete: i64, start_time_us: i64, activity: i64) -> ActivityKey {
    ActivityKey {
        athlete_id: AthleteId(athlete),
        start_time_us,
        activity_id: ActivityId(activity),
    }
}

fn birth(key: ActivityKey) -> ActivityWrite {
    ActivityWrite {
        key,
        previous_revision: None,
        revision: 1,
    }
}

fn source(key: ActivityKey, sha256: &str, part: i32) -> Source {
    Source {
        athlete_id: key.athlete_id,
        sha256: sha256.to_owned(),
        part,
        format: "fit".to_owned(),
        external_id: None,
        start_time_us: key.start_time_us,
        elapsed_ms: 1_800_000,
        non_null_values: 7,
        file_name: "Møre/løp \"1\".fit".to_owned(),
        activity_id: key.activity_id,
        parted_from: None,
        upload_id: None,
        retain_until_us: None,
        fetched_at_us: None,
    }
}

fn entry(number: u128) -> AuditEntry {
    AuditEntry {
        audit_id: Uuid::from_u128(number),
        at_us: 1_700_000_000_000_000,
        athlete_id: ONE,
        activity_id: None,
        action: "import".to_owned(),
        outcome: Outcome::Created,
        path: "a.fit".to_owned(),
        sha256: None,
        code: None,
        reason: "new".to_owned(),
        try_next: None,
        run_id: Uuid::from_u128(99),
    }
}
