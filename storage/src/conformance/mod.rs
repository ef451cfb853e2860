//! The promises of the lake, as functions that any pair of catalog and object
//! store must pass.
//!
//! Each takes a [`Place`] of its own, opens what it needs there, and panics
//! where a promise is broken.

mod cleaning;
mod commits;
mod cost;
mod duckdb;
mod faults;
mod maintenance;
mod past;
mod purging;
mod reading;
mod rows;

pub use cleaning::*;
pub use commits::*;
pub use cost::*;
pub use duckdb::*;
pub use faults::*;
pub use maintenance::*;
pub use past::*;
pub use purging::*;
pub use reading::*;

#[cfg(test)]
crate::testing::on_both!(
    rows_come_back_as_they_were,
    a_replace_is_one_snapshot_and_the_past_stays,
    a_file_without_rows_ends,
    null_is_a_key_too,
    nothing_to_change_makes_no_snapshot,
    a_conflict_writes_nothing,
    a_lost_answer_is_looked_up,
    writers_of_two_processes_all_commit,
    of_writers_that_replace_the_same_row_one_stays,
    a_declared_column_is_added,
    a_declared_table_is_made,
    another_version_is_refused,
    what_is_wrong_is_found,
    commits_survive_or_fail_cleanly,
    reads_never_give_half_a_file,
    raw_inputs_are_whole_or_missing,
    a_late_list_harms_nothing,
    filters_choose_files_and_rows,
    a_commit_costs_the_same_at_ten_thousand_files,
    a_point_read_reads_a_few_pages,
    a_moment_means_one_snapshot,
    what_two_snapshots_hold_apart_is_read_alone,
    duckdb_reads_every_table,
    duckdb_has_the_view_of_samples,
    duckdb_sees_the_past,
    duckdb_goes_on_where_we_stop,
    a_table_that_is_not_read_is_left_alone,
    a_view_outlives_its_files,
    we_read_what_duckdb_made,
    we_read_rows_in_the_catalog,
    small_files_become_few_and_the_past_stays,
    single_commits_become_what_one_commit_makes,
    deleted_rows_go_when_they_are_many,
    what_duckdb_left_is_laid_anew,
    writers_never_lose_against_maintenance,
    maintenance_may_be_cut_off_anywhere,
    snapshots_expire_unless_someone_leases_them,
    orphans_go_after_their_grace,
    a_claim_has_one_holder,
    raw_bytes_without_a_source_go_after_their_grace,
    a_purge_leaves_others_as_they_were,
    a_commit_finds_its_rows_after_a_purge,
    strays_with_their_rows_are_swept,
);
