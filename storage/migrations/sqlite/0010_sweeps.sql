alter table strava_connections add column sweep_begun_us bigint;
alter table strava_connections add column sweep_before_us bigint;
