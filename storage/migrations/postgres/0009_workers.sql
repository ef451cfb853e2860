-- Who runs jobs, and since when nothing was heard of them.
create table pacelake.workers (
    worker text primary key,
    kinds text not null,
    at_once bigint not null,
    started_at_us bigint not null,
    seen_at_us bigint not null
);

alter table pacelake.strava_app add column is_inactive bigint not null default 0;
