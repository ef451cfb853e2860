create table jobs (
    job_id integer primary key autoincrement,
    kind text not null,
    key text not null,
    athlete_id bigint,
    priority bigint not null,
    round bigint not null,
    payload text not null,
    state text not null,
    is_ready bigint not null,
    due_at_us bigint not null,
    attempts bigint not null default 0,
    max_attempts bigint not null,
    every_us bigint,
    asked bigint not null default 1,
    claims bigint not null default 0,
    worker text,
    lease_until_us bigint,
    is_cancelled bigint not null default 0,
    next_payload text,
    next_priority bigint,
    next_due_at_us bigint,
    next_request_id text,
    progress text,
    code text,
    reason text,
    try_next text,
    request_id text,
    enqueued_at_us bigint not null,
    started_at_us bigint,
    finished_at_us bigint
);
create unique index jobs_live on jobs (kind, key) where state in ('waiting', 'running');
create index jobs_ready on jobs (kind, priority, round, job_id)
    where state = 'waiting' and is_ready = 1;
create index jobs_due on jobs (due_at_us) where state = 'waiting' and is_ready = 0;
create index jobs_lease on jobs (lease_until_us) where state = 'running';
create index jobs_athlete on jobs (athlete_id, job_id);
create index jobs_state on jobs (state, job_id);
create index jobs_kind on jobs (kind, state, is_ready, due_at_us);

create table job_turns (
    priority bigint not null,
    athlete_id bigint not null,
    round bigint not null,
    primary key (priority, athlete_id)
) without rowid;

create table job_rounds (
    priority integer primary key,
    round bigint not null
);
