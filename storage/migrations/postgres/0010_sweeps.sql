alter table pacelake.strava_connections add column sweep_begun_us bigint;
alter table pacelake.strava_connections add column sweep_before_us bigint;
