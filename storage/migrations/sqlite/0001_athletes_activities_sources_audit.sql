create table athletes (
    athlete_id integer primary key,
    name text,
    time_zone text,
    revision bigint not null default 0,
    reconciled_revision bigint not null default 0,
    reconciliations bigint not null default 0
);

create table activities (
    activity_id integer primary key,
    athlete_id bigint not null references athletes (athlete_id),
    start_time_us bigint not null,
    revision bigint not null,
    merged_into bigint
);
create index activities_live on activities (athlete_id, start_time_us, activity_id)
    where merged_into is null;

create table sources (
    athlete_id bigint not null,
    sha256 text not null,
    part bigint not null,
    format text not null,
    external_id text,
    start_time_us bigint not null,
    elapsed_ms bigint not null,
    non_null_values bigint not null,
    file_name text not null,
    activity_id bigint not null references activities (activity_id),
    primary key (athlete_id, sha256, part)
) without rowid;
create index sources_external_id on sources (athlete_id, external_id)
    where external_id is not null;
create index sources_start_time on sources (athlete_id, start_time_us);
create index sources_activity on sources (activity_id);

create table audit (
    audit_id text primary key,
    at_us bigint not null,
    athlete_id bigint not null,
    activity_id bigint,
    action text not null,
    outcome text not null,
    path text not null,
    sha256 text,
    code text,
    reason text not null,
    try_next text,
    run_id text not null
) without rowid;
create index audit_athlete on audit (athlete_id, audit_id);
create index audit_athlete_outcome on audit (athlete_id, outcome, audit_id);
create index audit_activity on audit (activity_id, audit_id) where activity_id is not null;
create index audit_run on audit (run_id, audit_id);
