alter table athletes add column purges bigint not null default 0;

create index activities_merged on activities (merged_into) where merged_into is not null;

create table purges (
    purge_id text primary key,
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
) without rowid;
create index purges_athlete on purges (athlete_id);
create index purges_epoch on purges (epoch);
create index purges_unfinished on purges (begun_at_us) where finished_at_us is null;

create table purge_targets (
    purge_id text not null references purges (purge_id),
    kind text not null,
    name text not null,
    primary key (purge_id, kind, name)
) without rowid;
