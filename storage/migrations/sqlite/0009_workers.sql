-- Who runs jobs, and since when nothing was heard of them.
create table workers (
    worker text primary key,
    kinds text not null,
    at_once bigint not null,
    started_at_us bigint not null,
    seen_at_us bigint not null
) without rowid;

alter table strava_app add column is_inactive bigint not null default 0;
