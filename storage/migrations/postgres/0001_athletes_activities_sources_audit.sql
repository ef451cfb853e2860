create table pacelake.athletes (
    athlete_id bigint primary key,
    name text,
    time_zone text,
    revision bigint not null default 0,
    reconciled_revision bigint not null default 0,
    reconciliations bigint not null default 0
);

create table pacelake.activities (
    activity_id bigint primary key,
    athlete_id bigint not null references pacelake.athletes (athlete_id),
    start_time_us bigint not null,
    revision bigint not null,
    merged_into bigint
);
create index activities_live on pacelake.activities (athlete_id, start_time_us, activity_id)
    where merged_into is null;

create table pacelake.sources (
    athlete_id bigint not null,
    sha256 text not null,
    part bigint not null,
    format text not null,
    external_id text,
    start_time_us bigint not null,
    elapsed_ms bigint not null,
    non_null_values bigint not null,
    file_name text not null,
    activity_id bigint not null references pacelake.activities (activity_id),
    primary key (athlete_id, sha256, part)
);
create index sources_external_id on pacelake.sources (athlete_id, external_id)
    where external_id is not null;
create index sources_start_time on pacelake.sources (athlete_id, start_time_us);
create index sources_activity on pacelake.sources (activity_id);

create table pacelake.audit (
    audit_id uuid primary key,
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
    run_id uuid not null
);
create index audit_athlete on pacelake.audit (athlete_id, audit_id);
create index audit_athlete_outcome on pacelake.audit (athlete_id, outcome, audit_id);
create index audit_activity on pacelake.audit (activity_id, audit_id) where activity_id is not null;
create index audit_run on pacelake.audit (run_id, audit_id);
