-- Our own indexes on DuckLake's tables: with them a commit and the step to a
-- new snapshot cost the same however many files are live. DuckDB neither
-- needs nor minds them.
create index if not exists pacelake_data_file_begin on ducklake_data_file (begin_snapshot);
create index if not exists pacelake_data_file_end on ducklake_data_file (end_snapshot);
create index if not exists pacelake_delete_file_data_file on ducklake_delete_file (data_file_id);
create index if not exists pacelake_delete_file_begin on ducklake_delete_file (begin_snapshot);
create index if not exists pacelake_delete_file_partial_max on ducklake_delete_file (partial_max);
create index if not exists pacelake_file_column_stats_file on ducklake_file_column_stats (data_file_id);
create index if not exists pacelake_file_partition_value_file on ducklake_file_partition_value (data_file_id);
create index if not exists pacelake_table_stats_table on ducklake_table_stats (table_id);
create index if not exists pacelake_table_column_stats_table on ducklake_table_column_stats (table_id);
create index if not exists pacelake_snapshot_changes_attempt on ducklake_snapshot_changes (commit_extra_info);
