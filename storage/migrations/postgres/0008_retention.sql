alter table pacelake.sources add column retain_until_us bigint;
alter table pacelake.sources add column fetched_at_us bigint;
alter table pacelake.sources add column upload_id text;
create index sources_retain_until on pacelake.sources (retain_until_us, athlete_id)
    where retain_until_us is not null;
create index sources_upload_id on pacelake.sources (athlete_id, upload_id)
    where upload_id is not null;

alter table pacelake.athletes add column releases bigint not null default 0;
alter table pacelake.purges add column is_release bigint not null default 0;
