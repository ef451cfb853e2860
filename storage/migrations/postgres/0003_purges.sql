alter table pacelake.athletes add column purges bigint not null default 0;

create index activities_merged on pacelake.activities (merged_into) where merged_into is not null;

create table pacelake.purges (
    purge_id uuid primary key,
    athlete_id bigint not null,
    whole bigint not null,
    command text not null,
    begun_at_us bigint not null,
    epoch bigint,
    finished_at_us bigint,
    catalog_rows bigint not null default 0,
    lake_rows bigint not null default 0,
    files_rewritten bigint not null default 0,
    files_removed bigint not null default 0,
    objects bigint not null default 0,
    bytes bigint not null default 0,
    recordings bigint not null default 0
);
create index purges_athlete on pacelake.purges (athlete_id);
create index purges_epoch on pacelake.purges (epoch);
create index purges_unfinished on pacelake.purges (begun_at_us) where finished_at_us is null;

create table pacelake.purge_targets (
    purge_id uuid not null references pacelake.purges (purge_id),
    kind text not null,
    name text not null,
    primary key (purge_id, kind, name)
);
