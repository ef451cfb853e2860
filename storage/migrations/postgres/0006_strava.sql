create table pacelake.strava_app (
    one bigint primary key,
    webhook_secret text not null,
    subscription_id bigint,
    callback_url text,
    subscriptions text,
    listed_at_us bigint
);

create table pacelake.strava_states (
    state_hash text primary key,
    browser_hash text not null,
    athlete_id bigint not null,
    scopes text not null,
    back text not null,
    expires_at_us bigint not null,
    used_at_us bigint
);

create table pacelake.strava_connections (
    athlete_id bigint primary key,
    strava_athlete_id bigint not null unique,
    scopes text not null,
    status text not null,
    code text,
    reason text,
    access_token text not null,
    refresh_token text not null,
    expires_at_us bigint not null,
    version bigint not null,
    connected_at_us bigint not null,
    refreshed_at_us bigint,
    changed_at_us bigint not null,
    polled_at_us bigint,
    swept_at_us bigint,
    backfill_before_us bigint,
    backfill_pages bigint not null default 0,
    backfill_done_at_us bigint
);

create table pacelake.strava_activities (
    athlete_id bigint not null,
    strava_id bigint not null,
    start_time_us bigint not null,
    fingerprint text not null,
    listed_at_us bigint not null,
    fetched_fingerprint text,
    fetched_at_us bigint,
    is_durable bigint not null default 0,
    primary key (athlete_id, strava_id)
);
create index strava_activities_start on pacelake.strava_activities (athlete_id, start_time_us);

create table pacelake.strava_events (
    event_id uuid primary key,
    received_at_us bigint not null,
    object_type text not null,
    object_id bigint not null,
    aspect_type text not null,
    strava_athlete_id bigint not null,
    event_at_s bigint not null,
    updates text not null,
    times bigint not null default 1,
    unique (object_type, object_id, aspect_type, event_at_s, updates)
);
create index strava_events_received on pacelake.strava_events (received_at_us);

create table pacelake.strava_budget (
    window_name text primary key,
    begins_at_us bigint not null,
    read_used bigint not null,
    read_limit bigint not null,
    overall_used bigint not null,
    overall_limit bigint not null,
    refused bigint not null default 0
);
